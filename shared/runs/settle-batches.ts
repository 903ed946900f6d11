import type { KlaviyoClient } from '../klaviyo/client';
import { findJob, importRows, readImportErrors, readJobs } from '../klaviyo/import-jobs';
import type { ImportJob } from '../klaviyo/import-jobs';
import { countBySegment, reportWholeBatch } from './post-batch';
import type { ReportedRow, RowReports } from './row-report';
import type { RunDocument, StagedBatch } from './run';
import type { Slice } from './slice';
import type { Staging } from './staging';

/** How many jobs of the account's list are read for ours before those missing are asked for one by one. */
const MAX_LISTED = 2_000;
const MAX_ASKED_ALONE = 20;
/** Clocks of the two sides may differ. */
const CLOCK_SKEW_MS = 10 * 60_000;

/** The state of jobs; 'gone' where Klaviyo does not know one any more. All of them are read with one list call as a rule. */
const lookAt = async (
  client: KlaviyoClient,
  ids: readonly string[],
  { since, signal }: { since: number; signal: AbortSignal },
): Promise<ReadonlyMap<string, ImportJob | 'gone'>> => {
  const wanted = new Set(ids);
  const found = new Map<string, ImportJob | 'gone'>();
  let listed = 0;
  for await (const job of readJobs(client, { signal })) {
    if (wanted.delete(job.id)) found.set(job.id, job);
    listed += 1;
    if (wanted.size === 0 || listed >= MAX_LISTED || Date.parse(job.createdAt) < since - CLOCK_SKEW_MS) break;
  }
  for (const id of [...wanted].slice(0, MAX_ASKED_ALONE)) found.set(id, (await findJob(client, id, { signal })) ?? 'gone');
  return found;
};

/**
 * Looks once at the unfinished jobs of some batches and books those that ended; rows that failed go into the report with Klaviyo's text.
 * @returns the batches that are still open
 */
export const settleBatches = async (
  slice: Slice,
  { staging, reports, client, batches }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batches: readonly StagedBatch[] },
): Promise<StagedBatch[]> => {
  const { document, signal } = slice;
  const open = batches.filter(({ posted, outcome }) => posted && outcome === undefined);
  const ids = open.flatMap(({ jobs }) => jobs.filter(({ outcome }) => outcome === undefined).map(({ id }) => id));
  if (ids.length === 0) return [];
  const since = Math.min(...open.map(({ postedAt }) => Date.parse(postedAt!)));
  const found = await lookAt(client, ids, { since, signal });
  for (const batch of open) {
    for (const job of batch.jobs) {
      const seen = found.get(job.id);
      if (seen === 'gone') job.outcome = 'open';
      else if (seen?.status === 'complete' || seen?.status === 'cancelled') {
        job.outcome = seen.status;
        job.failed = seen.failed;
      }
    }
    if (batch.jobs.every(({ outcome }) => outcome !== undefined)) {
      const attributes = { 'run.batch.number': batch.number, 'run.batch.rows': batch.rows, 'run.batch.jobs': batch.jobs.length };
      await slice.telemetry.span('settle batch', { attributes }, async (span) => {
        await book(slice, { staging, reports, client, batch });
        span.set({ 'run.batch.outcome': batch.outcome, 'run.batch.rejected': batch.failedRows });
      });
    }
    if (slice.stopRequested()) break;
  }
  document.troubles = 0;
  return open.filter(({ outcome }) => outcome === undefined);
};

const book = async (
  { document, signal }: Slice,
  { staging, reports, client, batch }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batch: StagedBatch },
): Promise<void> => {
  if (batch.jobs.some(({ outcome }) => outcome === 'cancelled')) {
    await reportWholeBatch(document, { staging, reports, batch, code: 'job_cancelled', signal });
    batch.failedRows = batch.rows;
    batch.outcome = 'cancelled';
    return;
  }
  let failed = 0;
  const failing = batch.jobs.filter((job) => job.failed > 0);
  if (failing.length > 0) failed = await reportFailedRows(document, { staging, reports, client, batch, jobs: failing, signal });
  batch.failedRows = Math.min(batch.rows, batch.stripped + failed);
  batch.outcome = batch.jobs.some(({ outcome }) => outcome === 'open') ? 'open' : 'complete';
};

const reportFailedRows = async (
  { run, config, staged }: RunDocument,
  {
    staging,
    reports,
    client,
    batch,
    jobs,
    signal,
  }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batch: StagedBatch; jobs: StagedBatch['jobs']; signal: AbortSignal },
): Promise<number> => {
  const [body, rows] = await Promise.all([
    staging.readBody(run.id, staged!.attempt, batch, { signal }),
    staging.readRows(run.id, staged!.attempt, batch, { signal }),
  ]);
  const placeOf = new Map(importRows(body).map((email, row) => [email, row]));
  const reported = new Map<string, ReportedRow>();
  let failed = 0;
  for (const job of jobs) {
    failed += job.failed;
    for await (const error of readImportErrors(client, job.id, { signal })) {
      const row = error.email === undefined ? undefined : placeOf.get(error.email);
      const place = row === undefined ? undefined : rows[row];
      // a row that Klaviyo did not name still counts; which one it was is not known
      reported.set(error.email ?? `unknown ${reported.size}`, {
        ...(row === undefined ? {} : { row }),
        email: error.email ?? '',
        customerId: place?.customerId ?? '',
        segment: place === undefined ? '' : (config.segments[place.segment] ?? ''),
        code: error.code,
        detail: error.detail,
      });
    }
  }
  await reports.writeRejected(run.id, batch.number, 'failed', [...reported.values()], { signal });
  batch.failedByCode = countByCode([...reported.values()]);
  countBySegment(
    batch,
    [...reported.values()].map(({ row }) => (row === undefined ? undefined : rows[row])),
  );
  return Math.max(failed, reported.size);
};

/** Klaviyo's codes are short words; whatever comes, a run's document stays small, and holds nothing of a person. */
const MAX_CODES = 20;
const CODE = /^[A-Za-z][\w.-]{0,79}$/;

/** How often each code of Klaviyo's came; of very many different ones the later are not told apart. */
const countByCode = (rows: readonly ReportedRow[]): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const { code } of rows) {
    const told = CODE.test(code) && (counts.has(code) || counts.size < MAX_CODES) ? code : 'refused';
    counts.set(told, (counts.get(told) ?? 0) + 1);
  }
  return Object.fromEntries(counts);
};
