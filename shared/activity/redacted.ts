import type { NewActivityEntry } from './entry';

/** Klaviyo's private keys, wherever somebody put one by mistake: in a name, for one. */
const API_KEY = /\bpk_[0-9A-Za-z_-]{6,}/g;
const withoutKeys = (text: string): string => text.replace(API_KEY, 'pk_…');

/** Characters of one value, and of all values together, in `before` and in `after` each. */
const MAX_VALUE = 2_000;
const MAX_FIELDS = 5_000;
const CUT = '… (cut)';

const cut = (text: string, max: number): string => (text.length <= max ? text : `${text.slice(0, Math.max(max, 0))}${CUT}`);

const fieldsWithin = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> => {
  let left = MAX_FIELDS;
  const bounded: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const text = withoutKeys(JSON.stringify(value) ?? 'null');
    const max = Math.min(MAX_VALUE, left);
    bounded[withoutKeys(name)] = text.length <= max ? (JSON.parse(text) as unknown) : cut(text, max);
    left -= Math.min(text.length, max);
  }
  return bounded;
};

/** An entry as it may be kept: no API key anywhere, no text without end. */
export const redacted = (entry: NewActivityEntry): NewActivityEntry => {
  const { reason, byName, name, details, before, after } = entry;
  return {
    ...entry,
    ...(reason === undefined ? {} : { reason: cut(withoutKeys(reason), 1_900) }),
    ...(byName === undefined ? {} : { byName: cut(byName, 200) }),
    ...(name === undefined ? {} : { name: withoutKeys(name).slice(0, 200) }),
    ...(details === undefined
      ? {}
      : {
          details: Object.fromEntries(
            Object.entries(details).map(([key, value]) => [key, typeof value === 'string' ? cut(withoutKeys(value), 500) : value]),
          ),
        }),
    ...(before === undefined ? {} : { before: fieldsWithin(before) }),
    ...(after === undefined ? {} : { after: fieldsWithin(after) }),
  };
};
