import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../caller';
import { isDomainError } from '../errors';
import type { Export } from '../exports/export';
import { ExportId, RunId } from '../ids';
import type { Queue } from '../platform/queues';
import { errorFields } from '../platform/telemetry';
import type { Log, Telemetry } from '../platform/telemetry';
import { mapConcurrent } from '../streams/map-concurrent';
import type { ScheduleReader } from './fan-out';
import type { SystemSchedule } from './schedule';
import type { StartMessage } from './starts';
import type { Started, StartRequest } from './start-all';

/**
 * Up to so many runs are started while the caller waits, so that the answer names them. A start is a handful of storage calls: with a
 * thousand exports the platform would end the call before the last one, so a queue takes over what is more.
 */
const MAX_STARTED_AT_ONCE = 16;
const CONCURRENCY = 8;
/** Ids in one message: 28 characters each, of the 64 KiB that a message holds. */
const MAX_IDS = 1_500;

export const RunAllOutcome = z
  .object({
    exportId: ExportId,
    name: z.string(),
    /**
     * `started`: runId is the run; `active`: one was under way already and is the answer; `queued`: it starts within moments, see the
     * export's runs; `skipped`: it does not run by itself; `refused`: it cannot run, see code and message
     */
    outcome: z.enum(['started', 'active', 'queued', 'skipped', 'refused']),
    runId: RunId.optional(),
    code: z.string().optional(),
    message: z.string().optional(),
  })
  .meta({ id: 'RunAllOutcome' });
export type RunAllOutcome = z.infer<typeof RunAllOutcome>;

export const RunAllAnswer = z
  .object({
    /** how many runs have begun, were under way or will begin */
    runningCount: z.int().min(0),
    value: z.array(RunAllOutcome),
  })
  .meta({ id: 'RunAllAnswer' });
export type RunAllAnswer = z.infer<typeof RunAllAnswer>;

interface Why {
  readonly outcome: 'skipped' | 'refused';
  readonly code: string;
  readonly message: string;
}
const reasons = {
  detached: { outcome: 'skipped', code: 'export_detached', message: 'This export has no connection; choose one before it can run.' },
  paused: { outcome: 'skipped', code: 'export_paused', message: 'This export is paused; resume it before it can run.' },
  off: { outcome: 'skipped', code: 'schedule_off', message: 'This export has no active schedule; start it by itself.' },
  systemOff: {
    outcome: 'skipped',
    code: 'system_off',
    message: 'This export runs with the system refresh, and that is off; start the export by itself.',
  },
  viewOnly: {
    outcome: 'refused',
    code: 'export_view_only',
    message: 'You may look at this export but not run it; its connection is not shared with contributors.',
  },
} as const satisfies Record<string, Why>;

/** Why an export is left out when all are run, if it is (customer-insights.md X7). */
const reasonAgainst = (
  { connectionId, paused, schedule }: Export,
  { permission, system }: { permission: 'edit' | 'view'; system: SystemSchedule },
): Why | undefined => {
  if (permission === 'view') return reasons.viewOnly;
  if (connectionId === undefined) return reasons.detached;
  if (paused) return reasons.paused;
  if (schedule.kind === 'off') return reasons.off;
  return schedule.kind === 'system' && !system.active ? reasons.systemOff : undefined;
};

/** Runs all exports that run by themselves and that the caller may edit, now. */
export const createRunAll =
  ({
    exportStore,
    segmentExports,
    settings,
    runs,
    queue,
    telemetry,
    log,
  }: {
    exportStore: { readMirror: (options: { signal: AbortSignal }) => Promise<ReadonlyMap<string, { readonly value: Export }>> };
    segmentExports: {
      permissionsOf: (options: {
        caller: Caller;
        signal: AbortSignal;
      }) => Promise<(segmentExport: Pick<Export, 'connectionId'>) => 'edit' | 'view'>;
    };
    settings: ScheduleReader;
    runs: {
      start: (
        request: Omit<StartRequest, 'requestKey'> & Partial<Pick<StartRequest, 'requestKey'>>,
        options: { signal: AbortSignal },
      ) => Promise<Started>;
    };
    queue: Queue<StartMessage>;
    telemetry: Pick<Telemetry, 'traceparent'>;
    log: Log;
  }) =>
  /**
   * One answer per export, by name. Where there are many, four storage calls whatever their number (per 1,000 exports).
   * @param named the caller's own name for this request: repeated, it starts nothing again
   * @throws UpstreamError when storage does not answer
   */
  async ({ caller, requestKey: named, signal }: { caller: Caller; requestKey?: string; signal: AbortSignal }): Promise<RunAllAnswer> => {
    const [permissionOf, { value: system }, exports] = await Promise.all([
      segmentExports.permissionsOf({ caller, signal }),
      settings.getSchedule({ signal }),
      exportStore.readMirror({ signal }),
    ]);
    const answers = new Map<ExportId, RunAllOutcome>();
    const chosen: ExportId[] = [];
    for (const { value } of exports.values()) {
      const { id: exportId, name } = value;
      const why = reasonAgainst(value, { permission: permissionOf(value), system });
      answers.set(exportId, { exportId, name, ...(why ?? { outcome: 'queued' }) });
      if (!why) chosen.push(exportId);
    }
    const trigger = { kind: 'onDemand', by: caller.name, byId: caller.id } as const;
    const requestKey = `all-${named ?? randomUUID()}`;

    const start = async (
      exportId: ExportId,
      options: { signal: AbortSignal },
    ): Promise<Partial<RunAllOutcome> & { exportId: ExportId }> => {
      try {
        const { run, created } = await runs.start(
          { exportId, trigger, full: false, dryRun: false, ...(named ? { requestKey } : {}) },
          options,
        );
        return { exportId, outcome: created ? 'started' : 'active', runId: run.id };
      } catch (error) {
        signal.throwIfAborted();
        log('run_not_started', { exportId, trigger: trigger.kind, ...errorFields(error) });
        const { code, message } = isDomainError(error)
          ? error
          : { code: 'internal', message: 'Something unexpected happened; try it again.' };
        return { exportId, outcome: 'refused', code, message };
      }
    };
    if (chosen.length <= MAX_STARTED_AT_ONCE) {
      for await (const found of mapConcurrent(chosen, start, { concurrency: CONCURRENCY, signal })) {
        answers.set(found.exportId, { ...answers.get(found.exportId)!, ...found });
      }
    } else {
      const traceparent = telemetry.traceparent();
      for (let from = 0; from < chosen.length; from += MAX_IDS) {
        const exportIds = chosen.slice(from, from + MAX_IDS);
        await queue.send({ version: 1, trigger, requestKey, exportIds, ...(traceparent ? { traceparent } : {}) }, { signal });
      }
    }
    const order = new Intl.Collator('en');
    const value = [...answers.values()].sort(
      (one, other) => order.compare(one.name, other.name) || one.exportId.localeCompare(other.exportId),
    );
    const running = new Set(['started', 'active', 'queued']);
    return { runningCount: value.filter(({ outcome }) => running.has(outcome)).length, value };
  };

export type RunAll = ReturnType<typeof createRunAll>;
