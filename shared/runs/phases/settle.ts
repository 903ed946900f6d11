import { findJob, importRows, readImportErrors, readJobs } from '../../klaviyo/import-jobs';
import type { ImportJob } from '../../klaviyo/import-jobs';
import type { KlaviyoClient } from '../../klaviyo/client';
import { recount } from '../accounting';
import type { ReportedRow, RowReports } from '../row-report';
import type { RunDocument, StagedBatch } from '../run';
import type { Phase, Slice } from '../slice';
import type { Staging } from '../staging';
import { reportWholeBatch } from './submit';

/** Klaviyo's processing time is unpublished; large imports were seen to take hours. */
const DEADLINE_MS = 24 * 3_600_000;
const FIRST_POLL_MS = 1_000;
const SLOWEST_POLL_MS = 30_000;
/** How many jobs of the account's list are read for ours before those missing are asked for one by one. */
const MAX_LISTED = 2_000;
/** Clocks of the two sides may differ. */
const CLOCK_SKEW_MS = 10 * 60_000;
const MAX_ASKED_ALONE = 20;

/** Looks at all unfinished jobs with one list call, reads the errors of those that ended, and comes back for the others. */
export const createSettle =
  ({ staging, reports }: { staging: Staging; reports: RowReports }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const open = (document.staged?.batches ?? []).filter(({ jobId, outcome }) => jobId !== undefined && outcome === undefined);
    if (open.length === 0) return { next: 'finish' };
    document.settle ??= { pollAfterMs: FIRST_POLL_MS, deadlineAt: new Date(slice.now().getTime() + DEADLINE_MS).toISOString() };
    const client = await slice.klaviyo();

    const jobs = await lookAt(client, open, { signal });
    for (const batch of open) {
      const job = jobs.get(batch.jobId!);
      if (job === 'gone') batch.outcome = 'open';
      else if (job?.status === 'complete') await settleBatch(slice, { staging, reports, client, batch, job });
      else if (job?.status === 'cancelled') {
        await reportWholeBatch(document, { staging, reports, batch, code: 'job_cancelled', signal });
        batch.outcome = 'cancelled';
        batch.failedRows = batch.rows;
      }
      if (slice.stopRequested()) break;
    }
    document.troubles = 0;
    recount(document);
    const left = open.filter(({ outcome }) => outcome === undefined);
    if (left.length === 0) {
      await slice.save();
      return { next: 'finish' };
    }
    if (slice.now().getTime() > Date.parse(document.settle.deadlineAt)) {
      for (const batch of left) batch.outcome = 'open';
      recount(document);
      await slice.save();
      return { next: 'finish' };
    }
    const { pollAfterMs } = document.settle;
    document.settle.pollAfterMs = Math.min(SLOWEST_POLL_MS, Math.ceil(pollAfterMs * 1.5));
    await slice.save();
    return { waitMs: pollAfterMs };
  };

/** The state of our jobs; 'gone' where Klaviyo does not know one any more. */
const lookAt = async (
  client: KlaviyoClient,
  open: readonly StagedBatch[],
  { signal }: { signal: AbortSignal },
): Promise<ReadonlyMap<string, ImportJob | 'gone'>> => {
  const wanted = new Set(open.map(({ jobId }) => jobId!));
  const since = Math.min(...open.map(({ postedAt }) => Date.parse(postedAt!))) - CLOCK_SKEW_MS;
  const found = new Map<string, ImportJob | 'gone'>();
  let listed = 0;
  for await (const job of readJobs(client, { signal })) {
    if (wanted.delete(job.id)) found.set(job.id, job);
    listed += 1;
    if (wanted.size === 0 || listed >= MAX_LISTED || Date.parse(job.createdAt) < since) break;
  }
  for (const id of [...wanted].slice(0, MAX_ASKED_ALONE)) found.set(id, (await findJob(client, id, { signal })) ?? 'gone');
  return found;
};

/** Books a job that is complete: rows that failed in it go into the report with Klaviyo's text. */
const settleBatch = async (
  slice: Slice,
  {
    staging,
    reports,
    client,
    batch,
    job,
  }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batch: StagedBatch; job: ImportJob },
): Promise<void> => {
  if (job.failed > 0)
    batch.failedRows = await reportFailedRows(slice.document, { staging, reports, client, batch, job, signal: slice.signal });
  batch.outcome = 'complete';
};

const reportFailedRows = async (
  { run, config, staged }: RunDocument,
  {
    staging,
    reports,
    client,
    batch,
    job,
    signal,
  }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batch: StagedBatch; job: ImportJob; signal: AbortSignal },
): Promise<number> => {
  const [body, rows] = await Promise.all([
    staging.readBody(run.id, staged!.attempt, batch.number, { signal }),
    staging.readRows(run.id, staged!.attempt, batch.number, { signal }),
  ]);
  const placeOf = new Map(importRows(body).map((email, row) => [email, row]));
  const reported = new Map<string, ReportedRow>();
  for await (const error of readImportErrors(client, job.id, { signal })) {
    const row = error.email === undefined ? undefined : placeOf.get(error.email);
    const place = row === undefined ? undefined : rows[row];
    // a row Klaviyo did not name still counts; which one it was is not known
    reported.set(error.email ?? `unknown ${reported.size}`, {
      ...(row === undefined ? {} : { row }),
      email: error.email ?? '',
      customerId: place?.customerId ?? '',
      segment: place === undefined ? '' : (config.segments[place.segment] ?? ''),
      code: error.code,
      detail: error.detail,
    });
  }
  await reports.writeRejected(run.id, batch.number, [...reported.values()], { signal });
  return Math.min(batch.rows, Math.max(job.failed, reported.size));
};
