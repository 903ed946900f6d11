import { randomBytes } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ExportId, RunId } from '../ids';
import { createRows } from '../platform/tables';

/**
 * One thing that happened, for administrators. Never holds personal data of profiles: ids, codes and sentences of ours only, not
 * what a message or a request said.
 */
export const ActivityEntry = z
  .object({
    /** what happened, snake_case, e.g. message_refused */
    kind: z.string().min(1),
    at: z.iso.datetime(),
    /** one sentence */
    reason: z.string().max(2_000).optional(),
    /** who did it: object id of a person or application, or the name of a part of the app */
    by: z.string().optional(),
    /** display name of whoever did it */
    byName: z.string().optional(),
    /** keyed hash of the address of the person it was about, never the address */
    person: z
      .string()
      .regex(/^[0-9a-f]{24}$/)
      .optional(),
    exportId: ExportId.optional(),
    runId: RunId.optional(),
    /** for messages: where they came from and what the queue calls them */
    queue: z.string().optional(),
    messageId: z.string().optional(),
  })
  .meta({ id: 'ActivityEntry' });
export type ActivityEntry = z.infer<typeof ActivityEntry>;

const PARTITION = 'activity';
/** One more than the largest instant a row key can hold: 36^9 milliseconds, as in run ids. */
const END_OF_TIME = 36 ** 9;
const rowKey = (at: string): string =>
  `${(END_OF_TIME - 1 - Date.parse(at)).toString(36).padStart(9, '0')}-${randomBytes(6).toString('hex')}`;

/** The append-only activity log: rows are added and read, newest first, and never changed. */
export const createActivity = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: ActivityEntry, what: 'The activity entry' });
  return {
    record: async (entry: ActivityEntry, { signal }: { signal: AbortSignal }): Promise<void> => {
      await rows.insert({ partition: PARTITION, row: rowKey(entry.at) }, entry, { signal });
    },
    /** One page, newest first. @param size at most 1,000 */
    page: async (options: { size: number; token?: string; signal: AbortSignal }): Promise<{ entries: ActivityEntry[]; token?: string }> => {
      const { rows: found, token } = await rows.page(PARTITION, options);
      return { entries: found.map(({ value }) => value), ...(token === undefined ? {} : { token }) };
    },
  };
};

export type Activity = ReturnType<typeof createActivity>;
/** The part of the log that those need who only write to it. */
export type ActivityRecorder = Pick<Activity, 'record'>;
