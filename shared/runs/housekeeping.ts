import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import type { Export, ExportActivity } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import type { SeenExports } from '../exports/seen-exports';
import type { ExportId } from '../ids';
import { createRows } from '../platform/tables';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { Limits } from '../settings/limits';
import type { ExportActivities } from './export-activity';
import type { Removal } from './removal';
import { DAY_MS } from './retention';
import type { Retention } from './retention';
import type { RunAudit } from './run-audit';
import type { StagedSweep } from './staged-sweep';

const MINUTE_MS = 60_000;
/** Staged data is promised to be gone an hour after the run's end. */
const STAGED_EVERY_MS = 15 * MINUTE_MS;
const AUDIT_EVERY_MS = 10 * MINUTE_MS;
const LOG_EVERY_MS = 60 * MINUTE_MS;
/** Entries of the activity log that one tick removes at most; where there are more, the next tick goes on. */
const LOG_ENTRIES_A_TICK = 1_000;
/** Idempotency keys that have expired. */
const KEYS_EVERY_MS = 30 * MINUTE_MS;
/** Secrets that a crash has left without a connection. */
const SECRETS_EVERY_MS = 60 * MINUTE_MS;
const FIGURES_EVERY_MS = DAY_MS;
/** Each export's history is gone through once a day; one that failed is tried again after an hour. */
const RETAIN_EVERY_MS = DAY_MS;
const RETRY_MS = 60 * MINUTE_MS;
/** Exports whose history one tick goes through at most, and how long one of them may take. */
const EXPORTS_A_TICK = 5;
const EXPORT_MS = 30_000;
/** All of a tick; what is left comes with the next. */
const TICK_MS = 90_000;

/** What the housekeeping remembers from one tick to the next. */
export const Housekeeping = z.object({
  stagedAt: z.iso.datetime().optional(),
  auditedAt: z.iso.datetime().optional(),
  secretsSweptAt: z.iso.datetime().optional(),
  logClearedAt: z.iso.datetime().optional(),
  keysSweptAt: z.iso.datetime().optional(),
  figuresAt: z.iso.datetime().optional(),
  /** where the walk through all runs stands */
  audit: z.object({ token: z.string(), after: z.string() }).optional(),
});
export type Housekeeping = z.infer<typeof Housekeeping>;

const key = { partition: 'settings', row: 'housekeeping' };

export interface RunnerRow {
  readonly exportId: ExportId;
  readonly activity: Pick<ExportActivity, 'retainedAt' | 'last' | 'lastRunId'>;
}

const isDue = (at: string | undefined, everyMs: number, now: Date): boolean =>
  at === undefined || now.getTime() - Date.parse(at) >= everyMs;

/**
 * The exports whose history has waited longest, at most `EXPORTS_A_TICK`; those gone through within a day are not among them, or within
 * the hour where an earlier version did not note how the last run ended, which their history says.
 */
export const dueForRetention = (rows: readonly RunnerRow[], now: Date): ExportId[] =>
  rows
    .filter(({ activity: { retainedAt, last, lastRunId } }) =>
      isDue(retainedAt, last === undefined && lastRunId !== undefined ? RETRY_MS : RETAIN_EVERY_MS, now),
    )
    .sort((one, other) => (one.activity.retainedAt ?? '').localeCompare(other.activity.retainedAt ?? ''))
    .slice(0, EXPORTS_A_TICK)
    .map(({ exportId }) => exportId);

/**
 * What is cleared away in the background, spread over the ticks of the minute timer: removals go on each minute, staged data is looked
 * through four times an hour, each export's history once a day, the activity log once an hour, and all runs page by page. Every step can be repeated, so crashes and
 * several instances do no harm.
 */
export const createHousekeeping = ({
  table,
  activities,
  exportStore,
  settings,
  removal,
  retention,
  sweepStaged,
  sweepFigures,
  auditRuns,
  sweepKeys,
  sweepSecrets,
  clearLog,
  now,
  log,
}: {
  table: TableClient;
  activities: ExportActivities;
  exportStore: Pick<ExportStore, 'readAll' | 'clearRemoved'>;
  settings: { getLimits: (options: { signal: AbortSignal }) => Promise<{ readonly value: Limits }> };
  removal: Pick<Removal, 'goOn'>;
  retention: Retention;
  sweepStaged: StagedSweep;
  sweepFigures: (options: { signal: AbortSignal }) => Promise<unknown>;
  auditRuns: RunAudit;
  sweepKeys: (options: { signal: AbortSignal }) => Promise<number>;
  sweepSecrets: (options: { signal: AbortSignal }) => Promise<number>;
  clearLog: (before: Date, options: { maxEntries: number; signal: AbortSignal }) => Promise<number>;
  now: () => Date;
  log: Log;
}) => {
  const memory = createRows({ table, schema: Housekeeping, what: 'The housekeeping' });

  const remember = async (change: Partial<Housekeeping>, { signal }: { signal: AbortSignal }): Promise<void> => {
    const stored = await memory.find(key, { signal });
    try {
      if (stored) await memory.replace(key, { ...stored.value, ...change }, { ifMatch: stored.etag, signal });
      else await memory.insert(key, change, { signal });
    } catch (error) {
      // another instance did the same work; at worst something is done twice
      if (!(error instanceof ConflictError)) throw error;
    }
  };

  const retain = async (rows: readonly RunnerRow[], { signal }: { signal: AbortSignal }): Promise<void> => {
    const due = dueForRetention(rows, now());
    if (due.length === 0) return;
    const { value: limits } = await settings.getLimits({ signal });
    for (const exportId of due) {
      try {
        const removed = await retention.keepWithin(exportId, limits, { signal: AbortSignal.any([signal, AbortSignal.timeout(EXPORT_MS)]) });
        if (Object.values(removed).some((count) => count > 0)) log('history_cleared', { exportId, ...removed });
      } catch (error) {
        signal.throwIfAborted();
        log('retention_failed', { exportId, ...errorFields(error) });
        // the others come first
        const retainedAt = new Date(now().getTime() - RETAIN_EVERY_MS + RETRY_MS).toISOString();
        await activities.update(exportId, (current) => ({ ...current, retainedAt }), { signal });
      }
    }
  };

  const look = async ({ signal }: { signal: AbortSignal }): Promise<SeenExports> => {
    // in this order: an export's row is there before anything runs, so who is missing below was removed
    const unreadable = new Set<string>();
    const tell = (id: ExportId): void => void unreadable.add(id);
    const rows: SeenExports['activities'][number][] = [];
    for await (const row of activities.readAll({ signal, unreadable: tell })) rows.push(row);
    const found: Export[] = [];
    for await (const { value } of exportStore.readAll({ signal, unreadable: tell })) found.push(value);
    return { exports: found, activities: rows, unreadable };
  };

  return {
    /** All exports and what the runner keeps for them: two queries. */
    look,

    /**
     * One tick of the minute timer.
     * @returns what it has read, for others in the same tick
     * @throws only when the signal is aborted or the first rows cannot be read
     */
    tick: async ({ signal: outer }: { signal: AbortSignal }): Promise<SeenExports> => {
      const signal = AbortSignal.any([outer, AbortSignal.timeout(TICK_MS)]);
      const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
        try {
          await work();
        } catch (error) {
          outer.throwIfAborted();
          log('housekeeping_failed', { what, ...errorFields(error) });
        }
      };
      const seen = await look({ signal });
      const { activities: rows } = seen;
      // one that cannot be read was not removed
      const known = new Set<string>([...seen.exports.map(({ id }) => id), ...seen.unreadable]);

      for (const { exportId } of rows) {
        if (!known.has(exportId)) await attempt('removal', () => removal.goOn(exportId, { signal }));
      }
      await attempt('retention', () =>
        retain(
          rows.filter(({ exportId }) => known.has(exportId)),
          { signal },
        ),
      );
      await attempt('memory', async () => {
        const { stagedAt, auditedAt, audit, keysSweptAt, secretsSweptAt, figuresAt, logClearedAt } =
          (await memory.find(key, { signal }))?.value ?? {};
        const at = now().toISOString();
        if (isDue(stagedAt, STAGED_EVERY_MS, now())) {
          await attempt('staged', async () => {
            await sweepStaged({ signal });
            await remember({ stagedAt: at }, { signal });
          });
        }
        if (isDue(keysSweptAt, KEYS_EVERY_MS, now())) {
          await attempt('keys', async () => {
            await sweepKeys({ signal });
            await remember({ keysSweptAt: at }, { signal });
          });
        }
        if (isDue(secretsSweptAt, SECRETS_EVERY_MS, now())) {
          await attempt('secrets', async () => {
            await remember({ secretsSweptAt: at }, { signal });
            const secrets = await sweepSecrets({ signal });
            if (secrets > 0) log('secrets_swept', { secrets });
          });
        }
        if (isDue(figuresAt, FIGURES_EVERY_MS, now())) {
          await attempt('figures', async () => {
            await remember({ figuresAt: at }, { signal });
            await sweepFigures({ signal });
          });
        }
        if (isDue(logClearedAt, LOG_EVERY_MS, now())) {
          await attempt('activity', async () => {
            const { activityDays } = (await settings.getLimits({ signal })).value;
            const before = new Date(now().getTime() - activityDays * DAY_MS);
            const entries = await clearLog(before, { maxEntries: LOG_ENTRIES_A_TICK, signal });
            if (entries > 0) log('activity_cleared', { entries });
            if (entries < LOG_ENTRIES_A_TICK) await remember({ logClearedAt: at }, { signal });
          });
        }
        if (isDue(auditedAt, AUDIT_EVERY_MS, now())) {
          await attempt('removed', () => exportStore.clearRemoved({ signal }));
          await attempt('audit', async () => {
            // a page that cannot be read is no reason to stand still: the walk begins anew
            await remember({ audit: undefined, auditedAt: at }, { signal });
            await remember({ audit: await auditRuns(audit, { signal }) }, { signal });
          });
        }
      });
      return seen;
    },
  };
};

export type HousekeepingTick = ReturnType<typeof createHousekeeping>;
