import { createHash, randomBytes } from 'node:crypto';

/** One more than the largest instant a row key can hold: 36^9 milliseconds, as in run ids. */
const END_OF_TIME = 36 ** 9;
const reversed = (instantMs: number): string =>
  Math.min(Math.max(END_OF_TIME - 1 - instantMs, 0), END_OF_TIME - 1)
    .toString(36)
    .padStart(9, '0');

/** An entry's id: sorts newest first, as table rows come in ascending order only. */
export const ENTRY_ID = /^[0-9a-z]{9}-[0-9a-f]{12}$/;
/** Of a row key: its last part. */
export const idOfRow = (row: string): string => row.slice(-22);
export const newEntryId = (at: string): string => `${reversed(Date.parse(at))}-${randomBytes(6).toString('hex')}`;

/** What an entry is found by, beside time. */
export type ActivityIndex = 'exportId' | 'connectionId' | 'by' | 'kind';
/** In this order the narrowest comes first. */
export const indexes: readonly ActivityIndex[] = ['exportId', 'connectionId', 'by', 'kind'];

/** Names of applications and of parts of the app may hold what a row key may not. */
const short = (text: string): string => createHash('sha256').update(text.toLowerCase()).digest('hex').slice(0, 24);

/**
 * All rows of the log lie in one partition, so that an entry and its copies are written, and removed, in one transaction. The entry
 * itself lies under its id; each copy under `~`, what it is found by, and the id. `~` comes after all letters.
 */
export const prefixOf = (index: ActivityIndex, value: string): string => `~${index}~${index === 'by' ? short(value) : value}~`;

/** Row keys of an entry: its own first. */
export const rowsOf = (id: string, entry: Readonly<Partial<Record<ActivityIndex, string>>>): readonly string[] => [
  id,
  ...indexes.flatMap((index) => (entry[index] === undefined ? [] : [`${prefixOf(index, entry[index])}${id}`])),
];

/**
 * The row keys of one index (none: of all entries) between two instants.
 * @param from entries at or after it
 * @param to entries before it
 * @param after goes on after the entry of this id
 */
export const rangeOf = (
  { index, value = '' }: { index?: ActivityIndex; value?: string },
  { from, to, after }: { from?: Date; to?: Date; after?: string },
): { from: string; below: string } => {
  const prefix = index === undefined ? '' : prefixOf(index, value);
  const newest = to === undefined ? '' : reversed(to.getTime() - 1);
  // no key begins with another one and "!", so this is the first one after it
  const next = after === undefined ? '' : `${after}!`;
  return {
    from: `${prefix}${next > newest ? next : newest}`,
    below: from === undefined ? `${prefix}~` : `${prefix}${reversed(from.getTime() - 1)}`,
  };
};
