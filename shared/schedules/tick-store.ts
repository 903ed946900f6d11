import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ExportId } from '../ids';
import { createRows } from '../platform/tables';

/** What the minute timer remembers from one tick to the next. */
export const Tick = z.object({
  /** all that was due up to here has been looked at */
  at: z.iso.datetime(),
  /** due runs that could not be started for a reason that may pass; `since` is the tick that tried first */
  unstarted: z.array(z.object({ exportId: ExportId, occurrence: z.iso.datetime(), since: z.iso.datetime() })).default([]),
});
export type Tick = z.infer<typeof Tick>;

/** Due runs remembered at most; at 120 characters each they fit into one row. */
export const MAX_UNSTARTED = 200;

const key = { partition: 'settings', row: 'tick' };

/** One row in the table `settings`. */
export const createTickStore = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: Tick, what: 'The last tick' });
  return {
    find: (options: { signal: AbortSignal }) => rows.find(key, options),
    /** @throws ConflictError when another tick wrote meanwhile */
    save: async (tick: Tick, { ifMatch, signal }: { ifMatch: string | undefined; signal: AbortSignal }): Promise<void> => {
      if (ifMatch === undefined) await rows.insert(key, tick, { signal });
      else await rows.replace(key, tick, { ifMatch, signal });
    },
  };
};

export type TickStore = ReturnType<typeof createTickStore>;
