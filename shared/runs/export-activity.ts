import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError } from '../errors';
import { ExportActivity } from '../exports/export';
import { RECENT_RUNS } from '../exports/recent-run';
import type { RecentRun } from '../exports/recent-run';
import { tells } from '../exports/warnings-that-tell';
import { ExportId } from '../ids';
import type { RunId } from '../ids';
import { createUnreadableLog } from '../platform/tables';
import type { Rows, UnreadableRow } from '../platform/tables';
import type { Log } from '../platform/telemetry';
import type { Run } from './run';

/** Messages of others are kept so long in the row. */
const MAX_MESSAGE = 500;
/** A run skipped for one of these did nothing, and nobody has to do anything: the same had been brought before, or another run brings it. */
const nothingToTell = ['snapshot_served', 'not_active'];

/** The row once an active run is no longer: what is to come next is not said here. */
export const withoutActive = (current: ExportActivity): ExportActivity => ({
  ...current,
  activeRunId: undefined,
  activeState: undefined,
  starting: undefined,
  unreadableRun: undefined,
});

/**
 * What an ended run says of its export's health. Dry runs and cancelled ones say nothing: the export is as it was before
 * (customer-insights.md X11); nor do runs that found nothing new (X10), or retries and approvals that had become void.
 */
export const withEnded = (current: ExportActivity, run: Run): ExportActivity => {
  const { id: runId, state, error, endedAt, counts } = run;
  if (run.dryRun || endedAt === undefined || current.last?.runId === runId) return current;
  if (state === 'skipped') {
    if (error?.code === 'not_active') return current;
    const tells = error !== undefined && !nothingToTell.includes(error.code);
    return {
      ...current,
      lastSkip: tells ? { runId, at: endedAt, code: error.code, message: error.message.slice(0, MAX_MESSAGE) } : undefined,
    };
  }
  if (state !== 'successful' && state !== 'failed') return current;
  const followsUp = run.retryOf !== undefined || run.approves !== undefined;
  if (followsUp && error?.code === 'changed_since') return current;
  return {
    ...current,
    lastSkip: undefined,
    last: {
      runId,
      number: run.number,
      state,
      trigger: run.trigger.kind,
      endedAt,
      warnings: run.warnings.map(({ code }) => code),
      held: run.heldState === 'waiting' ? counts.held : 0,
      rejected: counts.rejected,
      accepted: counts.accepted,
      invalid: counts.invalid,
      read: counts.read,
      ...(error ? { error: { code: error.code, message: error.message.slice(0, MAX_MESSAGE) } } : {}),
    },
    // a retry and an approval bring a part
    ...(state === 'successful' && !followsUp ? { refreshedAt: endedAt } : {}),
  };
};

const recentOf = (run: Run): RecentRun | undefined => {
  const { id, number, state, dryRun, warnings, startedAt, endedAt, counts } = run;
  if (endedAt === undefined || state === 'queued' || state === 'refreshing') return undefined;
  const { read, invalid, accepted, rejected, removed } = counts;
  const figures = Object.fromEntries(Object.entries({ read, invalid, accepted, rejected, removed }).filter(([, value]) => value > 0));
  return {
    id,
    number,
    state,
    ...(dryRun ? { dryRun } : {}),
    ...(warnings.some(({ code }) => tells(code)) ? { warned: true } : {}),
    endedAt,
    ...(startedAt === undefined ? {} : { seconds: Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(startedAt)) / 1_000)) }),
    ...figures,
  };
};

/** Notes an ended run, of whatever kind, for the lists: what it did in short, and how many members it found. */
export const withRecent = (current: ExportActivity, run: Run): ExportActivity => {
  const recent = recentOf(run);
  if (recent === undefined || current.recent.some(({ id }) => id === run.id)) return current;
  // a retry and an approval look at a part of the members, and so may a run that was stopped while it read
  const isWhole = run.retryOf === undefined && run.approves === undefined && run.state !== 'canceled';
  const members = isWhole ? run.plan?.members : undefined;
  return {
    ...current,
    recent: [...current.recent, recent].slice(-RECENT_RUNS),
    ...(members === undefined ? {} : { members }),
  };
};

const PARTITION = 'runner';
const MAX_ATTEMPTS = 20;

/** A row as it was read; without a version there was none. */
export interface SeenActivity {
  readonly value: ExportActivity;
  readonly etag?: string;
}

/** What the runner keeps per export, apart from what people edit: the active run, the run number, the newest generation of the state. */
export const createExportActivities = ({ rows, log = () => undefined }: { rows: Rows<typeof ExportActivity>; log?: Log }) => {
  const tellUnreadable = createUnreadableLog({ log, partition: PARTITION });
  const read = async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<SeenActivity> =>
    (await rows.find({ partition: PARTITION, row: exportId }, { signal })) ?? { value: ExportActivity.parse({}) };

  /**
   * Changes a row by version; `change` may be called several times. It returns undefined to leave the row as it is.
   * @param seen the row as the caller has just read it, which saves a read where nobody else wrote meanwhile
   * @returns the row as it is now
   */
  const update = async (
    exportId: ExportId,
    change: (current: ExportActivity) => ExportActivity | undefined,
    { seen, signal }: { seen?: SeenActivity; signal: AbortSignal },
  ): Promise<ExportActivity> => {
    const key = { partition: PARTITION, row: exportId };
    for (let attempt = 1; ; attempt += 1) {
      const { value: current, etag } = attempt === 1 && seen ? seen : await read(exportId, { signal });
      const next = change(current);
      if (next === undefined) return current;
      try {
        if (etag === undefined) await rows.insert(key, next, { signal });
        else await rows.replace(key, next, { ifMatch: etag, signal });
        return next;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
        await sleep(5 + Math.random() * 20 * attempt, undefined, { signal });
      }
    }
  };

  return {
    read,
    get: async (exportId: ExportId, options: { signal: AbortSignal }): Promise<ExportActivity> => (await read(exportId, options)).value,
    update,

    /** Lets lists say how far the active run is. */
    show: async (
      exportId: ExportId,
      { runId, as, signal }: { runId: RunId; as: NonNullable<ExportActivity['activeState']>; signal: AbortSignal },
    ): Promise<void> => {
      await update(
        exportId,
        (current) => (current.activeRunId === runId && current.activeState !== as ? { ...current, activeState: as } : undefined),
        { signal },
      );
    },

    remove: (exportId: ExportId, { signal }: { signal: AbortSignal }) => rows.remove({ partition: PARTITION, row: exportId }, { signal }),

    /** @param unreadable is given those whose row cannot be read, so that it stops none of the others; without it that is an error */
    readAll: async function* ({
      signal,
      unreadable,
    }: {
      signal: AbortSignal;
      unreadable?: (exportId: ExportId) => void;
    }): AsyncGenerator<{ exportId: ExportId; activity: ExportActivity }> {
      const tell = (row: UnreadableRow): void => {
        tellUnreadable(row);
        unreadable?.(ExportId.parse(row.row));
      };
      const options = { signal, ...(unreadable ? { unreadable: tell } : {}) };
      for await (const { row, value } of rows.list(PARTITION, options)) yield { exportId: ExportId.parse(row), activity: value };
    },
  };
};

export type ExportActivities = ReturnType<typeof createExportActivities>;
