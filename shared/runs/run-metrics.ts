import type { Telemetry } from '../platform/telemetry';
import type { RunCounts, RunDocument } from './run';

/** What became of rows, in the order of the accounting; removed and held are people, outside its sums. */
const outcomes = [
  'invalid',
  'duplicates',
  'unchanged',
  'unsent',
  'accepted',
  'rejected',
  'open',
  'removed',
  'held',
] as const satisfies readonly (keyof RunCounts)[];

/**
 * Measures a run that has just ended, by what its document says, so that metrics and lists never disagree. Whoever dies between the end of
 * a run and this leaves one run out; none is measured twice.
 */
export const measureRun = ({ run, staged }: RunDocument, { telemetry }: { telemetry: Pick<Telemetry, 'count' | 'record'> }): void => {
  const { state, trigger, counts, phases, submittedAt, refreshedAt, endedAt, dryRun } = run;
  telemetry.count('runs.ended', { state, trigger: trigger.kind });
  for (const outcome of outcomes) if (counts[outcome] > 0) telemetry.count('run.rows', { outcome }, counts[outcome]);
  for (const [phase, seconds] of Object.entries(phases)) telemetry.record('run.phase.duration', seconds, { phase });

  const jobs = new Map<string, number>();
  for (const batch of staged?.batches ?? []) {
    for (const job of batch.jobs) {
      const outcome = job.outcome ?? 'open';
      jobs.set(outcome, (jobs.get(outcome) ?? 0) + 1);
    }
  }
  for (const [outcome, number] of jobs) telemetry.count('import.jobs', { outcome }, number);

  if (endedAt === undefined) return;
  const secondsSince = (at: string): number => Math.max(0, (Date.parse(endedAt) - Date.parse(at)) / 1_000);
  telemetry.record('run.duration', secondsSince(submittedAt), { state });
  if (refreshedAt !== undefined && state === 'successful' && !dryRun) telemetry.record('refresh.lag', secondsSince(refreshedAt));
};
