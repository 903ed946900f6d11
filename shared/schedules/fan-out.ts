import { ConflictError } from '../errors';
import type { Export } from '../exports/export';
import type { ExportId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { latestOccurrence } from './due';
import type { SystemRefresh, SystemSchedule } from './schedule';
import { mayPass, startAll } from './start-all';
import type { RunStarter, StartRequest } from './start-all';
import { MAX_UNSTARTED } from './tick-store';
import type { Tick, TickStore } from './tick-store';

/** Exports as their store reads them, page by page. */
export interface ExportReader {
  readAll: (options: { signal: AbortSignal; unreadable: () => void }) => AsyncIterable<{ readonly value: Export }>;
}
export interface ScheduleReader {
  getSchedule: (options: { signal: AbortSignal }) => Promise<{ readonly value: SystemSchedule }>;
}

export interface RefreshReader {
  getRefresh: (options: { signal: AbortSignal }) => Promise<{ readonly value: SystemRefresh }>;
}

/** A clock that is further back than this stood wrong when it ticked last; less is what two instances differ by. */
const WRONG_CLOCK_MS = 60 * 60_000;
/** How long a due run that could not be started is tried again. */
const RETRY_MS = 60 * 60_000;

/** Insert-only key of an occurrence: the same instant never starts an export twice, e.g. occ-20260329T010000Z. */
export const occurrenceKey = (occurrence: Date): string => `occ-${occurrence.toISOString().replace(/[-:]|\.\d+/g, '')}`;

/** Whether an export runs by itself: on the system refresh only while that is on. Detached and paused ones never do. */
export const isScheduled = ({ connectionId, schedule, paused }: Export, system: SystemSchedule): boolean =>
  connectionId !== undefined && !paused && (schedule.kind === 'custom' || (schedule.kind === 'system' && system.active));

/** Whether an export follows the system refresh, wherever the refresh is announced from. */
export const followsSystem = ({ connectionId, schedule, paused }: Export): boolean =>
  connectionId !== undefined && !paused && schedule.kind === 'system';

/**
 * Whether an occurrence is the export's own: what lies before it was made, scheduled as it is now, or resumed is not. Saving an export
 * never runs it, nor does a change of the system refresh to a time that has just gone by.
 * @param systemSetAt since when the system refresh is as it is
 */
const isOwn = (
  { schedule, createdAt, scheduleSetAt = createdAt }: Export,
  { occurrence, systemSetAt }: { occurrence: Date; systemSetAt: string | undefined },
): boolean => {
  const since = Date.parse(scheduleSetAt);
  const systemSince = schedule.kind === 'system' && systemSetAt !== undefined ? Date.parse(systemSetAt) : since;
  return occurrence.getTime() > Math.max(since, systemSince);
};

/** The newest occurrence of an export in (after, until], if any that is its own. */
export const dueOccurrence = (
  segmentExport: Export,
  { system, systemSetAt, after, until }: { system: Date | undefined; systemSetAt?: string | undefined; after: Date; until: Date },
): Date | undefined => {
  const { schedule, connectionId, paused } = segmentExport;
  if (connectionId === undefined || paused || schedule.kind === 'off') return undefined;
  const occurrence = schedule.kind === 'system' ? system : latestOccurrence(schedule, { after, until });
  return occurrence !== undefined && isOwn(segmentExport, { occurrence, systemSetAt }) ? occurrence : undefined;
};

/** An occurrence to start, and the tick that tried first. */
type Due = Pick<Tick['unstarted'][number], 'occurrence' | 'since'>;

/** Turns due occurrences into runs. Ticking twice, late or on two instances at once starts each occurrence once. */
export const createFanOut = ({
  segmentExports,
  settings,
  runs,
  tickStore,
  now,
  log,
}: {
  segmentExports: ExportReader;
  settings: RefreshReader;
  runs: RunStarter;
  tickStore: TickStore;
  now: () => Date;
  log: Log;
}) => {
  const scheduled = (exportId: ExportId, occurrence: string): StartRequest => ({
    exportId,
    trigger: { kind: 'schedule', by: 'schedule' },
    full: false,
    dryRun: false,
    requestKey: occurrenceKey(new Date(occurrence)),
  });

  const systemOccurrence = (refresh: SystemRefresh, span: { after: Date; until: Date }): Date | undefined => {
    if (!refresh.active) return undefined;
    try {
      return latestOccurrence(refresh, span);
    } catch (error) {
      log('schedule_not_computed', errorFields(error)); // as below, and the exports with schedules of their own go on
      return undefined;
    }
  };

  /** Requests of all exports with something due, then those of earlier ticks that nothing newer stands for. */
  async function* dueRequests(
    { after, until, unstarted }: { after: Date; until: Date; unstarted: Tick['unstarted'] },
    due: Map<StartRequest, Due>,
    signal: AbortSignal,
  ): AsyncGenerator<StartRequest> {
    const { value: refresh } = await settings.getRefresh({ signal });
    const systemSetAt = refresh.setAt;
    const system = systemOccurrence(refresh, { after, until });
    const earlier = new Map(unstarted.map((one) => [one.exportId, one]));
    for await (const { value: segmentExport } of segmentExports.readAll({ signal, unreadable: () => undefined })) {
      const { id } = segmentExport;
      const retry = isScheduled(segmentExport, refresh) ? earlier.get(id) : undefined;
      let found: Due | undefined;
      try {
        const occurrence = dueOccurrence(segmentExport, { system, systemSetAt, after, until });
        if (occurrence) found = { occurrence: occurrence.toISOString(), since: until.toISOString() };
        else if (retry && isOwn(segmentExport, { occurrence: new Date(retry.occurrence), systemSetAt })) found = retry;
      } catch (error) {
        // a stored schedule that cannot be computed, e.g. a zone that this machine does not know
        log('schedule_not_computed', { exportId: id, ...errorFields(error) });
      }
      if (found === undefined) continue;
      const request = scheduled(id, found.occurrence);
      due.set(request, found);
      yield request;
    }
  }

  return {
    /**
     * Starts what has fallen due since the last tick: of each export the newest missed occurrence at most.
     * @throws UpstreamError when storage does not answer; the next tick then looks at the same span again
     */
    tick: async ({ signal }: { signal: AbortSignal }): Promise<{ dueCount: number; startedCount: number }> => {
      const until = now();
      const last = await tickStore.find({ signal });
      const after = last === undefined ? until : new Date(last.value.at);
      const aheadMs = after.getTime() - until.getTime();
      if (aheadMs > 0 && aheadMs <= WRONG_CLOCK_MS) return { dueCount: 0, startedCount: 0 };
      if (aheadMs > WRONG_CLOCK_MS) log('tick_clock_back', { aheadMs });

      const due = new Map<StartRequest, Due>();
      const unstarted = last?.value.unstarted ?? [];
      const { startedCount, failed } = await startAll(dueRequests({ after, until, unstarted }, due, signal), { runs, log, signal });

      const again = failed
        .map(({ error, request }) => ({ error, exportId: request.exportId, ...due.get(request)! }))
        .filter(({ error, since }) => mayPass(error) && until.getTime() - Date.parse(since) < RETRY_MS)
        .map(({ exportId, occurrence, since }) => ({ exportId, occurrence, since }));
      // More than a row can remember: the span stays open, and the next tick asks for all of it again, which is harmless.
      const at = again.length > MAX_UNSTARTED ? after : until;
      try {
        await tickStore.save({ at: at.toISOString(), unstarted: again.slice(0, MAX_UNSTARTED) }, { ifMatch: last?.etag, signal });
      } catch (error) {
        // Another instance ticked at the same time and has started the same runs.
        if (!(error instanceof ConflictError)) throw error;
        log('tick_elsewhere', {});
      }
      if (due.size > 0) log('fan_out', { dueCount: due.size, startedCount, failedCount: failed.length, spanMs: -aheadMs });
      return { dueCount: due.size, startedCount };
    },
  };
};

export type FanOut = ReturnType<typeof createFanOut>;
