export interface ChangedField {
  /** with the names above it, e.g. `mapping.email` */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

type Values = Readonly<Record<string, unknown>>;
const isGroup = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the app notes by itself, and the entry says anyway. */
const NOTED = new Set(['createdByName', 'updatedByName', 'scheduleSetAt', 'pausedAt', 'pausedBy']);

const inner = (name: string, before: Values | undefined, after: Values | undefined): readonly ChangedField[] =>
  changedFields({ before, after }).map((field) => ({ ...field, name: `${name}.${field.name}` }));

interface Named extends Values {
  readonly id: string;
  readonly name?: string;
}
/** A list of things that have ids, e.g. channels. */
const isNamedList = (value: unknown): value is readonly Named[] =>
  Array.isArray(value) && value.every((one) => isGroup(one) && typeof one.id === 'string');

const byId = (name: string, before: readonly Named[], after: readonly Named[]): readonly ChangedField[] => {
  const [old, now] = [before, after].map((list) => new Map(list.map((one) => [one.id, one])));
  return [...new Set([...old!.keys(), ...now!.keys()])].flatMap((id): readonly ChangedField[] => {
    const [was, is] = [old!.get(id), now!.get(id)];
    const called = `${name}.${is?.name ?? was?.name ?? id}`;
    if (was !== undefined && is !== undefined) return inner(called, was, is);
    return [{ name: called, before: was, after: is }];
  });
};

/** What changed, field by field: of a group, as a mapping is one, only the fields in it that differ; of a list of channels, too. */
export const changedFields = ({
  before = {},
  after = {},
}: {
  before?: Values | undefined;
  after?: Values | undefined;
}): readonly ChangedField[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name): readonly ChangedField[] => {
    const [was, is] = [before[name], after[name]];
    if (NOTED.has(name) || JSON.stringify(was) === JSON.stringify(is)) return [];
    if (isNamedList(was) && isNamedList(is)) return byId(name, was, is);
    if ((isGroup(was) || was === undefined) && (isGroup(is) || is === undefined)) return inner(name, was, is);
    return [{ name, before: was, after: is }];
  });

const LONGEST = 120;

/** A value in a few words. */
export const shortly = (value: unknown): string => {
  const text =
    Array.isArray(value) && value.every((one) => typeof one === 'string')
      ? value.join(', ')
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
};
