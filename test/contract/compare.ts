import { isRecord, operationsOf, resolve } from './document';
import type { Json, Operation, PublishedDocument } from './document';
import { describedFields } from './fields';
import type { FieldFacts } from './fields';
import { isAmong } from './uses';
import type { Uses } from './uses';

export interface Change {
  readonly operation: string;
  /** one sentence without a full stop: what, where, from what to what */
  readonly says: string;
  /** whether this app uses what changed, or can no longer do without it */
  readonly ours: boolean;
}

const NOTHING = 'nothing';
const textOf = (value: unknown): string => (value === undefined ? NOTHING : typeof value === 'string' ? value : JSON.stringify(value));

/** Limits stand in the prose only (10,000 profiles, 5MB): every number with its unit, and the sentence is left to the reader. */
const numbersOf = (text = ''): string =>
  (text.replaceAll(/\(?https?:\S+/g, '').match(/\d(?:[\d,.]*\d)?(?:\s?(?:[KMG]B|\/[smd]))?/g) ?? []).join(' ');

const schemaOf = (contents: unknown): Json | undefined => {
  const [media] = isRecord(contents) ? Object.values(contents) : [];
  return isRecord(media) && isRecord(media.schema) ? media.schema : undefined;
};
const fieldsOfBody = (document: PublishedDocument, contents: unknown): ReadonlyMap<string, FieldFacts> => {
  const schema = schemaOf(contents);
  return schema ? describedFields(document, schema) : new Map();
};
const filtersOf = (operation: Operation): string[] =>
  Object.entries(operation['x-klaviyo-filters'] ?? {}).flatMap(([field, { operators }]) =>
    Object.entries(operators).flatMap(([kind, names]) => names.map((name) => `${field} ${name} ${kind}`)),
  );
const parametersOf = (document: PublishedDocument, { parameters = [] }: Operation): ReadonlyMap<string, FieldFacts> =>
  new Map(
    parameters.flatMap(({ name, in: place, required = false, schema }) => {
      const root = { properties: { value: schema }, required: required ? ['value'] : [] };
      const described = describedFields(document, root);
      const { value } = Object.fromEntries(described) as { value?: FieldFacts };
      const items = isRecord(schema.items) ? describedFields(document, { properties: { item: schema.items } }).get('item') : undefined;
      // a revision's document names itself as the default of this header
      const { default: _, ...facts } = { ...value?.facts, ...items?.facts };
      return [[`${place} ${name}`, { required, facts: name === 'revision' ? facts : { ...value?.facts, ...items?.facts } }] as const];
    }),
  );

/** Differences of two sets of fields. @param adds whether something new that must be sent matters, as in a request */
const fieldChanges = (
  before: ReadonlyMap<string, FieldFacts>,
  after: ReadonlyMap<string, FieldFacts>,
  { what, isUsed, mustBeSent }: { what: string; isUsed: (field: string) => boolean; mustBeSent: (field: string) => boolean },
): Omit<Change, 'operation'>[] => {
  const changes: Omit<Change, 'operation'>[] = [];
  for (const [field, { required }] of after)
    if (!before.has(field))
      changes.push({ says: `${what} ${field} is new${required ? ', and required' : ''}`, ours: required && mustBeSent(field) });
  for (const [field, known] of before) {
    const now = after.get(field);
    const ours = isUsed(field);
    if (!now) {
      changes.push({ says: `${what} ${field} has gone`, ours });
      continue;
    }
    if (known.required !== now.required)
      changes.push({
        says: `${what} ${field} is ${now.required ? 'required now' : 'no longer required'}`,
        ours: ours || (now.required && mustBeSent(field)),
      });
    for (const fact of [...new Set([...Object.keys(known.facts), ...Object.keys(now.facts)])].sort())
      if (known.facts[fact] !== now.facts[fact])
        changes.push({ says: `${what} ${field}: ${fact} ${textOf(known.facts[fact])} → ${textOf(now.facts[fact])}`, ours });
  }
  return changes;
};

const compareOperation = (
  [before, pinned]: readonly [Operation, PublishedDocument],
  [after, newer]: readonly [Operation, PublishedDocument],
  name: string,
  uses: Uses,
): Omit<Change, 'operation'>[] => {
  const changes: Omit<Change, 'operation'>[] = [];
  const differ = (what: string, one: unknown, other: unknown, ours = true): void => {
    if (JSON.stringify(one) !== JSON.stringify(other)) changes.push({ says: `${what}: ${textOf(one)} → ${textOf(other)}`, ours });
  };
  if (after.deprecated === true && before.deprecated !== true) changes.push({ says: 'it is deprecated', ours: true });
  differ('the rate limit', before['x-klaviyo-ratelimit'], after['x-klaviyo-ratelimit']);
  differ('the scopes', before['x-klaviyo-scopes'], after['x-klaviyo-scopes']);
  differ('the numbers in its description', numbersOf(before.description), numbersOf(after.description));

  const [filters, filtersNow] = [filtersOf(before), filtersOf(after)];
  for (const one of filters)
    if (!filtersNow.includes(one)) changes.push({ says: `the filter ${one} has gone`, ours: isAmong(uses.filters[name], one) });
  for (const one of filtersNow) if (!filters.includes(one)) changes.push({ says: `the filter ${one} is new`, ours: false });

  const isQuery = (field: string): boolean => !field.startsWith('query ') || isAmong(uses.query[name], field.slice('query '.length));
  const parameters = { what: 'the parameter', isUsed: isQuery, mustBeSent: () => true };
  changes.push(...fieldChanges(parametersOf(pinned, before), parametersOf(newer, after), parameters));

  const sent = uses.sent[name] ?? [];
  const parentOf = (field: string): string => field.replace(/(\[\])*\.[^.]+$/, '').replace(/^[^.]+$/, (all) => (all === field ? '' : all));
  const isSent = (field: string): boolean => isAmong(sent, field);
  const mustBeSent = (field: string): boolean => parentOf(field) === '' || isSent(parentOf(field));
  const [body, bodyNow] = [before.requestBody?.content, after.requestBody?.content];
  differ('the types that a body may have', Object.keys(body ?? {}), Object.keys(bodyNow ?? {}));
  changes.push(
    ...fieldChanges(fieldsOfBody(pinned, body), fieldsOfBody(newer, bodyNow), { what: 'the request’s field', isUsed: isSent, mustBeSent }),
  );

  differ('the statuses of its answers', Object.keys(before.responses).sort(), Object.keys(after.responses).sort());
  for (const [status, response] of Object.entries(before.responses)) {
    const now = after.responses[status];
    if (!now) continue;
    const [contents, contentsNow] = [resolve(pinned, response).content, resolve(newer, now).content];
    differ(`the types of its answer ${status}`, Object.keys(contents ?? {}), Object.keys(contentsNow ?? {}));
    const read = /^2/.test(status) ? uses.read[name] : uses.readOfErrors;
    changes.push(
      ...fieldChanges(fieldsOfBody(pinned, contents), fieldsOfBody(newer, contentsNow), {
        what: `the answer ${status}’s field`,
        isUsed: (field) => isAmong(read, field),
        mustBeSent: () => false,
      }),
    );
  }
  return changes;
};

/**
 * What a newer document changes for this app. Only operations that it uses are looked at; those that the pinned document does not hold
 * cannot be compared, and are named.
 */
export const compareDocuments = (
  pinned: PublishedDocument,
  newer: PublishedDocument,
  uses: Uses,
): { readonly changes: readonly Change[]; readonly compared: number; readonly notPinned: readonly string[] } => {
  const [known, now] = [operationsOf(pinned), operationsOf(newer)];
  const compared = uses.operations.filter((name) => known.has(name));
  const changes = compared.flatMap((name): Change[] => {
    const after = now.get(name);
    if (!after) return [{ operation: name, says: 'it has gone', ours: true }];
    const found = compareOperation([known.get(name)!.operation, pinned], [after.operation, newer], name, uses);
    return found.map((change) => ({ operation: name, ...change }));
  });
  return { changes, compared: compared.length, notPinned: uses.operations.filter((name) => !known.has(name)) };
};
