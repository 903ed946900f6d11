import { ExportActivity } from '../exports/export';
import type { ExportId } from '../ids';
import type { Rows } from '../platform/tables';
import type { Limits } from '../settings/limits';
import { mapConcurrent } from '../streams/map-concurrent';
import { withEnded } from './export-activity';
import type { ExportActivities } from './export-activity';
import type { Occurrence } from './occurrence';
import type { RowReports } from './row-report';
import type { Run } from './run';
import type { RunRows } from './run-rows';
import type { RunStore } from './run-store';

export const DAY_MS = 86_400_000;
/** Runs whose data is removed at a time. */
const AT_ONCE = 8;
/**
 * A request or occurrence is remembered so long, so that its repeat starts nothing. Event Grid repeats for a day, a queue message lives
 * for a week as a rule.
 */
const OCCURRENCE_DAYS = 14;

const nothingKnown = ExportActivity.parse({});

export type Due = 'nothing' | 'report' | 'run';

/**
 * What is to go of a run: its row report after `reportDays`, all of it once it is older than `runDays`, older than its report may
 * be, and no longer among the `runsKept` newest.
 * @param endedAt undefined while it goes on
 * @param newer how many newer runs its export has
 */
export const dueOf = (
  { endedAt, newer }: { endedAt: string | undefined; newer: number },
  { reportDays, runDays, runsKept }: Limits,
  now: Date,
): Due => {
  if (endedAt === undefined) return 'nothing';
  const days = (now.getTime() - Date.parse(endedAt)) / DAY_MS;
  if (days <= reportDays) return 'nothing';
  return days > runDays && newer >= runsKept ? 'run' : 'report';
};

/** Whether a request may be forgotten: long ago, and the run that answered it is not the active one. */
export const isForgotten = (
  { runId, answeredBy, at }: Occurrence,
  { activeRunId }: Pick<ExportActivity, 'activeRunId'>,
  now: Date,
): boolean =>
  now.getTime() - Date.parse(at) > OCCURRENCE_DAYS * DAY_MS &&
  (activeRunId === undefined || (activeRunId !== runId && activeRunId !== answeredBy));

/** Takes away what an export's runs left and nobody may keep any longer. Repeating it is harmless. */
export const createRetention = ({
  store,
  runRows,
  reports,
  activities,
  occurrences,
  now,
}: {
  store: RunStore;
  runRows: Pick<RunRows, 'truthOf'>;
  reports: Pick<RowReports, 'removeAll'>;
  activities: ExportActivities;
  occurrences: Rows<typeof Occurrence>;
  now: () => Date;
}) => ({
  /** Goes through the whole history of one export, newest first; meant for once a day. @returns what was removed */
  keepWithin: async (
    exportId: ExportId,
    limits: Limits,
    { signal }: { signal: AbortSignal },
  ): Promise<{ runs: number; reports: number; requests: number }> => {
    const at = now();
    const activity = await activities.get(exportId, { signal });
    const { activeRunId, lastRunId, reportsClearedBefore } = activity;
    const removed = { runs: 0, reports: 0, requests: 0 };
    // what earlier versions did not note of the last run, the history says
    let told: Pick<ExportActivity, 'last' | 'refreshedAt'> = activity;
    // of what was submitted before this, no report is left
    let cleared = at.getTime() - limits.reportDays * DAY_MS;

    const dueRuns = async function* (): AsyncGenerator<{ run: Run; due: Due }> {
      let newer = 0;
      for await (const { value } of store.readOfExport(exportId, { signal })) {
        // rows of runs that are not active may lie
        const run = value.endedAt !== undefined || value.id === activeRunId ? value : await runRows.truthOf(value, { signal });
        if (!run) continue;
        if (activity.last === undefined) {
          const { last, refreshedAt } = withEnded(nothingKnown, run);
          told = { last: told.last ?? last, refreshedAt: told.refreshedAt ?? refreshedAt };
        }
        const due = dueOf({ endedAt: run.endedAt, newer }, limits, at);
        newer += 1;
        if (due === 'nothing') cleared = Math.min(cleared, Date.parse(run.submittedAt));
        // the last run may still be followed up
        else if (due === 'run' && run.id !== lastRunId) yield { run, due };
        else if (reportsClearedBefore === undefined || run.submittedAt >= reportsClearedBefore) yield { run, due: 'report' };
      }
    };
    const remove = async ({ run, due }: { run: Run; due: Due }, options: { signal: AbortSignal }): Promise<void> => {
      if (due === 'run') {
        await store.removeRun(run, options);
        removed.runs += 1;
      } else if ((await reports.removeAll(run.id, options)) > 0) removed.reports += 1;
    };
    for await (const _ of mapConcurrent(dueRuns(), remove, { concurrency: AT_ONCE, signal }));

    for await (const { row, value } of occurrences.list(exportId, { signal })) {
      if (!isForgotten(value, activity, at)) continue;
      await occurrences.remove({ partition: exportId, row }, { signal });
      removed.requests += 1;
    }
    const clearedBefore = new Date(cleared).toISOString();
    await activities.update(
      exportId,
      (current) => ({
        ...current,
        ...(current.last === undefined ? { last: told.last, refreshedAt: told.refreshedAt } : {}),
        retainedAt: at.toISOString(),
        reportsClearedBefore: [current.reportsClearedBefore ?? '', clearedBefore].sort().at(-1)!,
      }),
      { signal },
    );
    return removed;
  },
});

export type Retention = ReturnType<typeof createRetention>;
