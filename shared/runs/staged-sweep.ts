import { RunId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { mapConcurrent } from '../streams/map-concurrent';
import type { ExportActivities } from './export-activity';
import { hasEnded } from './run';
import type { RunStore, FoundRun } from './run-store';
import type { Staging } from './staging';

/** Staged data of a run that has not ended, but that nobody works on, is kept so long (design §4). */
const STALE_MS = 24 * 3_600_000;
/** Runs looked at at a time, and the most of one sweep; what is left comes with the next. */
const AT_ONCE = 4;
const MOST = 5_000;

/**
 * Whether staged data may go: its run has ended or has no document (any more), or nobody holds it, its export does not call it
 * active, and everything is a day old.
 */
export const mayGo = (
  run: { readonly ended: boolean; readonly leased: boolean; readonly active: boolean } | undefined,
  { newestAt, now }: { newestAt: Date; now: Date },
): boolean => {
  if (!run || run.ended) return true;
  return !run.leased && !run.active && now.getTime() - newestAt.getTime() > STALE_MS;
};

/** Removes what runs staged and did not take away when they ended (failures.md row 41). As a rule there is nothing but the active runs'. */
export const createStagedSweep = ({
  store,
  staging,
  activities,
  now,
  log,
}: {
  store: Pick<RunStore, 'find'>;
  staging: Pick<Staging, 'runs' | 'newestAt' | 'removeAll'>;
  activities: Pick<ExportActivities, 'get'>;
  now: () => Date;
  log: Log;
}) => {
  const sweepRun = async (name: string, { signal }: { signal: AbortSignal }): Promise<number> => {
    const runId = RunId.safeParse(name);
    if (!runId.success) return 0; // nothing of ours
    const look = async (found: FoundRun | undefined) =>
      found && {
        ended: hasEnded(found.document.run.state),
        leased: found.leased,
        active: (await activities.get(found.document.run.exportId, { signal })).activeRunId === runId.data,
      };
    const run = await look(await store.find(runId.data, { signal }));
    const newestAt = run && !run.ended ? await staging.newestAt(runId.data, { signal }) : new Date(0);
    return mayGo(run, { newestAt, now: now() }) ? staging.removeAll(runId.data, { signal }) : 0;
  };

  /** @returns how many blobs went */
  return async ({ signal }: { signal: AbortSignal }): Promise<number> => {
    const { names } = await staging.runs({ most: MOST, signal });
    const quietly = async (name: string, options: { signal: AbortSignal }): Promise<number> => {
      try {
        return await sweepRun(name, options);
      } catch (error) {
        options.signal.throwIfAborted();
        log('staged_sweep_failed', { runId: name, ...errorFields(error) });
        return 0;
      }
    };
    let removed = 0;
    for await (const count of mapConcurrent(names, quietly, { concurrency: AT_ONCE, signal })) removed += count;
    if (removed > 0) log('staged_swept', { removed });
    return removed;
  };
};

export type StagedSweep = ReturnType<typeof createStagedSweep>;
