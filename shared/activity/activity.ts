import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import { createRows } from '../platform/tables';
import { ActivityEntry } from './entry';
import type { NewActivityEntry } from './entry';
import { newEntryId, rangeOf, rowsOf } from './keys';
import { redacted } from './redacted';

const PARTITION = 'activity';
/** Rows of one transaction; Azure takes 100 and 4 MB. */
const MAX_ROWS = 50;

/** `indexed`: whether copies lie under what it is found by; entries of earlier versions have none. */
const StoredEntry = ActivityEntry.extend({ indexed: z.boolean().default(false) });

/** The append-only activity log: entries are added and read, newest first, never changed, and removed by age alone. */
export const createActivity = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: StoredEntry, what: 'The activity entry' });

  return {
    /**
     * Writes one entry, or several of one act; one storage call as long as they are few.
     * @throws UpstreamError when storage cannot be reached
     */
    record: async (entries: NewActivityEntry | readonly NewActivityEntry[], { signal }: { signal: AbortSignal }): Promise<void> => {
      let batch: { key: { partition: string; row: string }; value: z.output<typeof StoredEntry> }[] = [];
      const write = async (): Promise<void> => {
        try {
          await rows.insertAll(batch, { signal });
        } catch (error) {
          // its answer was lost and the client tried again: ids are never given twice
          if (!(error instanceof ConflictError)) throw error;
        }
        batch = [];
      };
      for (const entry of [entries].flat() as readonly NewActivityEntry[]) {
        const value = { ...redacted(entry), indexed: true };
        const mine = rowsOf(newEntryId(entry.at), value).map((row) => ({ key: { partition: PARTITION, row }, value }));
        if (batch.length + mine.length > MAX_ROWS) await write();
        batch.push(...mine);
      }
      if (batch.length > 0) await write();
    },

    /** One page, newest first. @param size at most 1,000 */
    page: async ({
      size,
      token,
      signal,
    }: {
      size: number;
      token?: string;
      signal: AbortSignal;
    }): Promise<{ entries: ActivityEntry[]; token?: string }> => {
      const { rows: found, token: next } = await rows.page(PARTITION, {
        size,
        signal,
        ...(token === undefined ? {} : { token }),
        ...rangeOf({}, {}),
      });
      return { entries: found.map(({ value }) => ActivityEntry.parse(value)), ...(next === undefined ? {} : { token: next }) };
    },
  };
};

export type Activity = ReturnType<typeof createActivity>;
/** The part of the log that those need who only write to it. */
export type ActivityRecorder = Pick<Activity, 'record'>;
