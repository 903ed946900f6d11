import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Caller } from '../caller';
import { ConflictError, NotFoundError } from '../errors';
import type { Export } from '../exports/export';
import { ExportId } from '../ids';
import type { Stored } from '../platform/tables';
import { mapConcurrent } from '../streams/map-concurrent';
import { ExportSchedule, SavedSchedule, scheduleWhenOn, withSchedule } from './schedule';

const exportIds = z
  .array(ExportId)
  .min(1)
  .max(200)
  .refine((ids) => new Set(ids).size === ids.length, 'expected each export once');

/** Several exports at once: each keeps its own schedule and is turned on or off, or all get the same (customer-insights.md X3). */
export const SchedulesChange = z
  .discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('keep'), exportIds, active: z.boolean() }),
    z.strictObject({ mode: z.literal('set'), exportIds, schedule: ExportSchedule }),
  ])
  .meta({ id: 'SchedulesChange' });
export type SchedulesChange = z.infer<typeof SchedulesChange>;

export const ScheduleChanged = z
  .object({
    exportId: ExportId,
    name: z.string().optional(),
    /** `unchanged`: it was so already; `refused`: see code and message */
    outcome: z.enum(['changed', 'unchanged', 'refused']),
    /** as it is now */
    schedule: SavedSchedule.optional(),
    code: z.string().optional(),
    message: z.string().optional(),
  })
  .meta({ id: 'ScheduleChanged' });
export type ScheduleChanged = z.infer<typeof ScheduleChanged>;

/** An export whose schedule was changed, for the activity log. */
export interface ScheduledExport {
  readonly before: Export;
  readonly after: Export;
}

/** Rounds in which what somebody else changed meanwhile is looked at again. */
const MAX_ROUNDS = 6;
/** From this round on each export is written alone: among a hundred, one busy export would hold up all. */
const ALONE_FROM_ROUND = 3;
/** A transaction's limits are 100 rows and 4 MB; some room is left for what stands around the rows. */
const MAX_ROWS = 100;
const MAX_BYTES = 3_000_000;
const CONCURRENCY = 8;

interface Write {
  readonly value: Export;
  readonly ifMatch: string;
  readonly before: Export;
}

function* inTransactions(writes: readonly Write[], maxRows: number): Generator<readonly Write[]> {
  let rows: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    // a document is JSON within JSON there
    const size = Buffer.byteLength(JSON.stringify(JSON.stringify(write.value)));
    if (rows.length === maxRows || (rows.length > 0 && bytes + size > MAX_BYTES)) {
      yield rows;
      [rows, bytes] = [[], 0];
    }
    rows.push(write);
    bytes += size;
  }
  if (rows.length > 0) yield rows;
}

const viewOnly = {
  code: 'export_view_only',
  message: 'You may look at this export but not change it; its connection is not shared with contributors.',
};
const gone = { code: 'export_unknown', message: 'There is no such export; it may have been removed.' };
const busy = { code: 'changed_meanwhile', message: 'Somebody else kept changing this export meanwhile; try it again.' };

/**
 * Changes the schedules of several exports. Never runs one (customer-insights.md E3). Up to 200 of 1,000 exports take one read and two
 * writes where nobody interferes.
 */
export const createSetSchedules =
  ({
    store,
    segmentExports,
    now,
  }: {
    store: {
      readMirror: (options: { signal: AbortSignal }) => Promise<ReadonlyMap<string, Stored<Export>>>;
      replaceAll: (changes: readonly Write[], options: { signal: AbortSignal }) => Promise<void>;
    };
    segmentExports: {
      permissionsOf: (options: {
        caller: Caller;
        signal: AbortSignal;
      }) => Promise<(segmentExport: Pick<Export, 'connectionId'>) => 'edit' | 'view'>;
    };
    now: () => Date;
  }) =>
  /** @returns one answer per export, in the order in which they were named, and what was changed */
  async (
    change: SchedulesChange,
    { caller, signal }: { caller: Caller; signal: AbortSignal },
  ): Promise<{ answers: ScheduleChanged[]; changed: ScheduledExport[] }> => {
    const wanted = (current: Export): ExportSchedule => {
      if (change.mode === 'set') return change.schedule;
      return change.active ? scheduleWhenOn(current) : { kind: 'off' };
    };
    const answers = new Map<ExportId, ScheduleChanged>();
    const changed: ScheduledExport[] = [];
    const permissionOf = await segmentExports.permissionsOf({ caller, signal });

    for (let round = 1; round <= MAX_ROUNDS && answers.size < change.exportIds.length; round++) {
      const writes: Write[] = [];
      const stored = await store.readMirror({ signal });
      for (const id of change.exportIds.filter((one) => !answers.has(one))) {
        const found = stored.get(id);
        if (!found) {
          answers.set(id, { exportId: id, outcome: 'refused', ...gone });
          continue;
        }
        const { value: current, etag } = found;
        const { name } = current;
        const schedule = wanted(current);
        if (permissionOf(current) === 'view') answers.set(id, { exportId: id, name, outcome: 'refused', ...viewOnly });
        else if (isDeepStrictEqual(schedule, current.schedule)) answers.set(id, { exportId: id, name, outcome: 'unchanged', schedule });
        else {
          const at = now().toISOString();
          const who = { updatedAt: at, updatedBy: caller.id, updatedByName: caller.name };
          writes.push({
            value: { ...current, ...withSchedule(current, schedule), scheduleSetAt: at, ...who },
            ifMatch: etag,
            before: current,
          });
        }
      }

      const write = async (transaction: readonly Write[], options: { signal: AbortSignal }): Promise<readonly Write[]> => {
        try {
          await store.replaceAll(transaction, options);
          return transaction;
        } catch (error) {
          // one of them was changed or removed meanwhile: all are looked at again
          if (error instanceof ConflictError || error instanceof NotFoundError) return [];
          throw error;
        }
      };
      const transactions = inTransactions(writes, round < ALONE_FROM_ROUND ? MAX_ROWS : 1);
      for await (const written of mapConcurrent(transactions, write, { concurrency: CONCURRENCY, signal })) {
        for (const { value, before } of written) {
          changed.push({ before, after: value });
          answers.set(value.id, { exportId: value.id, name: value.name, outcome: 'changed', schedule: value.schedule });
        }
      }
    }
    return {
      answers: change.exportIds.map((exportId) => answers.get(exportId) ?? { exportId, outcome: 'refused', ...busy }),
      changed,
    };
  };

export type SetSchedules = ReturnType<typeof createSetSchedules>;
