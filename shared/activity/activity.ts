import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError, NotFoundError, UpstreamError } from '../errors';
import { createRows } from '../platform/tables';
import { ActivityEntry } from './entry';
import type { LoggedActivity, NewActivityEntry } from './entry';
import { idOfRow, indexes, newEntryId, rangeOf, rowsOf } from './keys';
import type { ActivityIndex } from './keys';
import { redacted } from './redacted';

const PARTITION = 'activity';
const keyOf = (row: string) => ({ partition: PARTITION, row });

/** Azure's limits of a transaction are 100 rows and 4 MB; what stands around the rows needs some room. */
const MAX_ROWS = 100;
const MAX_BYTES = 3_000_000;
/** Storage calls of one page of the API, and rows that each looks at where it has to choose among them. */
const CALLS_A_PAGE = 3;
const LOOKED_AT = 200;
/** Rows of one call of a download. */
const DOWNLOAD_ROWS = 1_000;
/** Entries that are read together to be removed; each has up to five rows. */
const CLEARED_TOGETHER = MAX_ROWS / (indexes.length + 1);

/** `indexed`: whether copies lie under what it is found by; entries of earlier versions have none. */
const StoredEntry = ActivityEntry.extend({ indexed: z.boolean().default(false) });
type StoredEntry = z.infer<typeof StoredEntry>;

/** What somebody looks for; all of it must fit. */
export interface ActivityFilter extends Partial<Pick<ActivityEntry, ActivityIndex>> {
  /** at or after */
  readonly from?: Date;
  /** before */
  readonly to?: Date;
}

/** Names are compared as object ids are: without case. */
const isSame = (index: ActivityIndex, one: string | undefined, other: string): boolean =>
  index === 'by' ? one?.toLowerCase() === other.toLowerCase() : one === other;

/** The narrowest index that fits, and whether an entry found there fits the rest. */
const planOf = (filter: ActivityFilter) => {
  const asked = indexes.filter((one) => filter[one] !== undefined);
  const [index, ...rest] = asked;
  return {
    key: index === undefined ? {} : { index, value: filter[index]! },
    // also by the index itself, as it may hold a digest
    fits: (entry: ActivityEntry): boolean => asked.every((one) => isSame(one, entry[one], filter[one]!)),
    isExact: rest.length === 0,
  };
};

/**
 * The append-only activity log: entries are added and read, newest first, never changed, and removed by age alone. All of it lies in one
 * partition; who looks for an export, a connection, a person or a kind reads the copies that lie under those (keys.ts).
 */
export const createActivity = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: StoredEntry, what: 'The activity entry' });
  const loggedOf = ({ row, value: { indexed: _, ...entry } }: { row: string; value: StoredEntry }): LoggedActivity => ({
    id: idOfRow(row),
    ...entry,
  });

  const write = async (batch: Parameters<typeof rows.insertAll>[0], { signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await rows.insertAll(batch, { signal });
    } catch (error) {
      // its answer was lost and the client tried again: ids are never given twice
      if (!(error instanceof ConflictError)) throw error;
    }
  };

  /** Every entry that fits, newest first, with as many calls as that takes. */
  const readAll = async function* (filter: ActivityFilter, { signal }: { signal: AbortSignal }): AsyncGenerator<LoggedActivity> {
    const { key, fits } = planOf(filter);
    for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
      const page = await rows.page(PARTITION, {
        size: DOWNLOAD_ROWS,
        signal,
        ...(token === undefined ? {} : { token }),
        ...rangeOf(key, filter),
      });
      for (const row of page.rows) if (fits(row.value)) yield loggedOf(row);
      token = page.token;
    }
  };

  return {
    /**
     * Writes one entry, or several of one act; one storage call for up to twenty.
     * @throws UpstreamError when storage cannot be reached
     */
    record: async (entries: NewActivityEntry | readonly NewActivityEntry[], { signal }: { signal: AbortSignal }): Promise<void> => {
      let batch: { key: ReturnType<typeof keyOf>; value: StoredEntry }[] = [];
      let bytes = 0;
      for (const entry of [entries].flat() as readonly NewActivityEntry[]) {
        const value = { ...redacted(entry), indexed: true };
        const mine = rowsOf(newEntryId(entry.at), value).map((row) => ({ key: keyOf(row), value }));
        const size = mine.length * Buffer.byteLength(JSON.stringify(JSON.stringify(value)));
        if (batch.length > 0 && (batch.length + mine.length > MAX_ROWS || bytes + size > MAX_BYTES)) {
          await write(batch, { signal });
          [batch, bytes] = [[], 0];
        }
        batch.push(...mine);
        bytes += size;
      }
      if (batch.length > 0) await write(batch, { signal });
    },

    /**
     * One page, newest first. It holds fewer than `size`, also none, where entries that do not fit were looked at: the token then leads on.
     * @param after id of the entry after which it goes on
     * @returns `next`: what to go on after; undefined at the end
     */
    page: async (
      filter: ActivityFilter,
      { size, after, signal }: { size: number; after?: string; signal: AbortSignal },
    ): Promise<{ entries: LoggedActivity[]; next?: string }> => {
      const { key, fits, isExact } = planOf(filter);
      const range = rangeOf(key, { ...filter, after });
      const entries: LoggedActivity[] = [];
      let seen: string | undefined;
      let token: string | undefined;
      for (let call = 1; call <= CALLS_A_PAGE; call += 1) {
        const wanted = isExact ? size - entries.length : LOOKED_AT;
        const found = await rows.page(PARTITION, { size: wanted, signal, ...(token === undefined ? {} : { token }), ...range });
        for (const [index, row] of found.rows.entries()) {
          seen = idOfRow(row.row);
          if (fits(row.value)) entries.push(loggedOf(row));
          const isLast = index === found.rows.length - 1 && found.token === undefined;
          if (entries.length === size) return { entries, ...(isLast ? {} : { next: seen }) };
        }
        token = found.token;
        if (token === undefined) return { entries };
      }
      if (seen !== undefined) return { entries, next: seen };
      // storage may answer without rows while it looks for them
      throw new UpstreamError('storage', {
        code: 'storage_busy',
        message: 'The activity log is slow to answer at the moment; try again.',
        retryable: true,
      });
    },

    readAll,

    /**
     * Removes entries from before an instant. Repeating it is harmless.
     * @returns how many; fewer than `maxEntries` when none is left
     */
    clear: async (before: Date, { maxEntries, signal }: { maxEntries: number; signal: AbortSignal }): Promise<number> => {
      const range = rangeOf({}, { to: before });
      let cleared = 0;
      while (cleared < maxEntries) {
        const { rows: found } = await rows.page(PARTITION, { size: CLEARED_TOGETHER, signal, ...range });
        if (found.length === 0) break;
        const keys = found.flatMap(({ row, value }) => (value.indexed ? rowsOf(row, value) : [row])).map(keyOf);
        try {
          await rows.removeAll(keys, { signal });
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw error;
          // another instance was here at the same time
          for (const key of keys) await rows.remove(key, { signal });
        }
        cleared += found.length;
      }
      return cleared;
    },
  };
};

export type Activity = ReturnType<typeof createActivity>;
/** The part of the log that those need who only write to it. */
export type ActivityRecorder = Pick<Activity, 'record'>;
