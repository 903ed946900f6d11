import { isClaimed } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import type { ExportId } from '../ids';
import type { Queue } from '../platform/queues';
import type { Rows } from '../platform/tables';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { mapConcurrent } from '../streams/map-concurrent';
import type { ExportActivities } from './export-activity';
import type { Occurrence } from './occurrence';
import { hasEnded, messageOf } from './run';
import type { Run, RunMessage } from './run';
import type { RunStore } from './run-store';
import type { Staging } from './staging';
import type { StateStore } from './state-store';

/** Runs whose data is removed at a time. */
const AT_ONCE = 8;
/** Whoever removes an export waits no longer than this; what is left then goes with the next ticks of the timer. */
const PATIENCE_MS = 20_000;

/**
 * Removes what runs left of an export that is gone. The export's own row goes first and decides: from then on nothing starts it, and
 * what the runner keeps for it without it (its activity row) says that there is something left. That row goes last, so whoever
 * dies half-way is followed by the timer.
 */
export const createRemoval = ({
  store,
  activities,
  occurrences,
  exportStore,
  states,
  staging,
  queue,
  now,
  log,
}: {
  store: RunStore;
  activities: ExportActivities;
  occurrences: Rows<typeof Occurrence>;
  exportStore: Pick<ExportStore, 'find'>;
  states: Pick<StateStore, 'removeAll'>;
  staging: Pick<Staging, 'removeAll'>;
  queue: Queue<RunMessage>;
  now: () => Date;
  log: Log;
}) => {
  const removeEverything = async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<void> => {
    const removeRun = async (run: Run, options: { signal: AbortSignal }): Promise<void> => {
      await staging.removeAll(run.id, options);
      // a run that somebody holds cannot be removed: then the next tick looks again
      await store.removeRun(run, options);
    };
    const ofExport = async function* (): AsyncGenerator<Run> {
      for await (const { value } of store.readOfExport(exportId, { signal })) yield value;
    };
    for await (const _ of mapConcurrent(ofExport(), removeRun, { concurrency: AT_ONCE, signal }));
    for await (const { row } of occurrences.list(exportId, { signal })) await occurrences.remove({ partition: exportId, row }, { signal });
    await states.removeAll(exportId, { signal });
    await activities.remove(exportId, { signal });
    log('export_removed', { exportId });
  };

  /**
   * Goes on with the removal of an export: asks an active run to stop, or, once there is none, removes everything.
   * @returns whether nothing is left
   */
  const goOn = async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<boolean> => {
    if (await exportStore.find(exportId, { signal })) return false;
    const activity = await activities.get(exportId, { signal });
    const { activeRunId } = activity;
    if (activeRunId) {
      const found = await store.find(activeRunId, { signal });
      // its starter may be about to write the document; the sweep clears what never comes
      if (!found) return false;
      if (!hasEnded(found.document.run.state)) {
        if (await store.findStop(activeRunId, { signal })) return false;
        await store.requestStop(activeRunId, { reason: 'removed', by: 'export', at: now().toISOString() }, { signal });
        await queue.send(messageOf(found.document, found.document.turn + 1), { signal });
        return false;
      }
      // its runner is about to let go
      if (found.leased) return false;
    }
    // an erasure is about to write a state; its claim ends
    if (isClaimed(activity, now())) return false;
    await removeEverything(exportId, { signal });
    return true;
  };

  return {
    goOn,

    /** After an export's row has gone: begins, and as a rule completes, the removal of everything else. Never fails: the timer goes on. */
    removeOf: async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<void> => {
      try {
        await goOn(exportId, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
      } catch (error) {
        log('removal_unfinished', { exportId, ...errorFields(error) });
      }
    },
  };
};

export type Removal = ReturnType<typeof createRemoval>;
