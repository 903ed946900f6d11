import type { z } from 'zod';
import type { ActivityDetails } from './entry';

/** What every stored thing carries and nobody decides about. */
const OWN = new Set(['id', 'createdAt', 'createdBy', 'updatedAt', 'updatedBy']);

/** The same text for the same value, whatever the order of its fields. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  ) ?? '';

/**
 * What changed of a thing, for the activity log: the fields that differ, before and after. Without `before` it was made, without
 * `after` removed: then all its fields.
 * @param schema of the stored thing: fields that only an answer has are left out
 */
export const changesOf = (
  schema: z.ZodObject,
  { before = {}, after = {} }: { before?: object | undefined; after?: object | undefined },
): Pick<ActivityDetails, 'before' | 'after'> => {
  const valuesOf = (thing: object): Readonly<Record<string, unknown>> => thing as Record<string, unknown>;
  const [was, is] = [valuesOf(before), valuesOf(after)];
  const changed = Object.keys(schema.shape).filter((name) => !OWN.has(name) && canonical(was[name]) !== canonical(is[name]));
  const pick = (values: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(changed.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]));
  const [fieldsBefore, fieldsAfter] = [pick(was), pick(is)];
  return {
    ...(Object.keys(fieldsBefore).length === 0 ? {} : { before: fieldsBefore }),
    ...(Object.keys(fieldsAfter).length === 0 ? {} : { after: fieldsAfter }),
  };
};
