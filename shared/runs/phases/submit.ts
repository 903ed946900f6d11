import { UpstreamError } from '../../errors';
import { KlaviyoAnswerError } from '../../klaviyo/answers';
import { importRows, isAboutRows, postImport } from '../../klaviyo/import-jobs';
import type { KlaviyoClient } from '../../klaviyo/client';
import { findList } from '../../klaviyo/lists';
import { PaceWait } from '../../klaviyo/pacing';
import { recount } from '../accounting';
import type { ReportedRow, RowReports } from '../row-report';
import type { RunDocument, StagedBatch } from '../run';
import type { Phase, Slice } from '../slice';
import type { Staging } from '../staging';

/** At 105 ms apart and a second of latency about ten are under way; a crash re-sends at most these (failures.md promise 7). */
const MAX_IN_FLIGHT = 10;
/** So many batches are noted as posted with one write before the first of them goes out. */
const NOTED_AHEAD = 10;

/** Posts each staged body as it lies, at the account's pace, and records the job ids. */
export const createSubmit =
  ({ staging, reports }: { staging: Staging; reports: RowReports }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const staged = document.staged;
    if (!staged) throw new Error('submit needs staged batches');
    const pending = staged.batches.filter(({ jobId, outcome }) => jobId === undefined && outcome === undefined);
    if (pending.length === 0) return { next: 'settle' };
    const client = await slice.klaviyo();

    const underWay = new Set<Promise<void>>();
    /** noted by this slice; what an earlier one noted may have been admitted, whatever happens now */
    const noted = new Set<StagedBatch>();
    /** attempts that Klaviyo did not refuse with an answer: each may have made a job */
    const unanswered = new Map<StagedBatch, number>();
    let failure: unknown;
    let waitMs: number | undefined;

    const post = async (batch: StagedBatch): Promise<void> => {
      try {
        await postBatch(slice, { staging, reports, client, batch, unanswered });
        recount(document);
        await slice.save();
      } catch (error) {
        if (error instanceof PaceWait) waitMs = Math.max(waitMs ?? 0, error.waitMs);
        else failure ??= error;
      }
    };

    for (const [index, batch] of pending.entries()) {
      while (underWay.size >= MAX_IN_FLIGHT) await Promise.race(underWay);
      if (failure !== undefined || waitMs !== undefined || slice.stopRequested() || slice.timeIsUp()) break;
      if (batch.postedAt === undefined) {
        // written before the first of them is posted: from here on a job may exist that we do not know of
        const at = slice.now().toISOString();
        for (const ahead of pending.slice(index, index + NOTED_AHEAD)) {
          if (ahead.postedAt !== undefined) continue;
          ahead.postedAt = at;
          noted.add(ahead);
        }
        await slice.save();
      }
      const work = post(batch).finally(() => underWay.delete(work));
      underWay.add(work);
    }
    await Promise.all(underWay);
    signal.throwIfAborted();

    // noted, but never tried, or refused whole each time: nobody has seen these
    for (const batch of noted)
      if (batch.jobId === undefined && batch.outcome === undefined && !unanswered.get(batch)) delete batch.postedAt;
    recount(document);
    if (failure !== undefined) throw failure as Error;
    if (waitMs !== undefined) return { waitMs };
    if (pending.some(({ jobId, outcome }) => jobId === undefined && outcome === undefined)) return { waitMs: 0 };
    return { next: 'settle' };
  };

const postBatch = async (
  slice: Slice,
  {
    staging,
    reports,
    client,
    batch,
    unanswered,
  }: { staging: Staging; reports: RowReports; client: KlaviyoClient; batch: StagedBatch; unanswered: Map<StagedBatch, number> },
): Promise<void> => {
  const { document, signal } = slice;
  const { run, config, staged } = document;
  const count = (difference: number) => unanswered.set(batch, (unanswered.get(batch) ?? 0) + difference);
  const plain = !staged!.gzip || document.sendPlain;
  const body = plain
    ? Buffer.from(await staging.readBody(run.id, staged!.attempt, batch.number, { signal }))
    : await staging.readBatch(run.id, staged!.attempt, batch.number, { signal });
  try {
    const { jobId, requestId } = await postImport(client, { body, gzip: !plain, signal, onAttempt: () => count(1) });
    batch.jobId = jobId;
    batch.requestId = requestId;
  } catch (error) {
    if (!(error instanceof KlaviyoAnswerError)) throw error;
    if (!error.retryable) count(-1);
    if (error.status === 400 && !isAboutRows(error) && !(await findList(client, config.listId, { signal }))) {
      throw new UpstreamError('klaviyo', {
        code: 'list_unknown',
        message: `Klaviyo does not have the list ${config.listId} (any more); choose another list for this export.`,
        status: error.status,
        requestId: error.requestId,
        retryable: false,
        cause: error,
      });
    }
    const refused = error.status === 400 || error.status === 413;
    if (!plain && (error.status === 415 || (refused && !isAboutRows(error)))) {
      // nothing published says that compressed bodies are always taken (azure.md row 23)
      document.sendPlain = true;
      slice.warn('sent_uncompressed', 'Klaviyo refused a compressed request, so this run sends without compression.');
      return postBatch(slice, { staging, reports, client, batch, unanswered });
    }
    if (!refused || !isAboutRows(error)) throw error;
    batch.outcome = 'refused';
    batch.failedRows = batch.rows;
    batch.requestId = error.requestId;
    await reportWholeBatch(document, { staging, reports, batch, code: 'refused', detail: error.errors[0]?.detail, signal });
  }
};

/** Puts every row of a batch into the report with one reason. */
export const reportWholeBatch = async (
  { run, config, staged }: RunDocument,
  {
    staging,
    reports,
    batch,
    code,
    detail,
    signal,
  }: { staging: Staging; reports: RowReports; batch: StagedBatch; code: string; detail?: string; signal: AbortSignal },
): Promise<void> => {
  const [body, rows] = await Promise.all([
    staging.readBody(run.id, staged!.attempt, batch.number, { signal }),
    staging.readRows(run.id, staged!.attempt, batch.number, { signal }),
  ]);
  const reported = importRows(body).map((email, row): ReportedRow => ({
    row,
    email,
    customerId: rows[row]?.customerId ?? '',
    segment: config.segments[rows[row]?.segment ?? 0] ?? '',
    code,
    ...(detail ? { detail } : {}),
  }));
  await reports.writeRejected(run.id, batch.number, reported, { signal });
};
