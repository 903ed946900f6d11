import { KlaviyoAnswerError } from '../klaviyo/answers';
import { UpstreamError } from '../errors';
import type { KlaviyoClient } from '../klaviyo/client';
import { importRows, isAboutRows, postImport, refusedRows, onlyRows } from '../klaviyo/import-jobs';
import { findList } from '../klaviyo/lists';
import type { ReportedRow, RowReports } from './row-report';
import type { RunDocument, StagedBatch } from './run';
import type { Slice } from './slice';
import type { StagedRow } from './staged-rows';
import type { Staging } from './staging';

/** How often rows that an answer names are taken out before the body is halved instead. */
const MAX_STRIPS = 2;
/** Calls that one batch may cost when its rows have to be found by halving; one bad row among 10,000 takes about 28. */
const MAX_CALLS_PER_BATCH = 200;

/** @returns what Klaviyo refused when rows or encoding may be its reason; @throws everything else */
type Send = (body: Uint8Array, gzip: boolean) => Promise<KlaviyoAnswerError | undefined>;

/** Rows of a body that are still to be posted, by their place in the batch. */
interface Part {
  readonly places: readonly number[];
}

/**
 * Posts one staged batch. The admission is all-or-nothing, so rows that a 400 names are taken out and the rest is posted again; where it
 * names none, the body is halved until the bad rows are alone. One bad row never costs its batch; each is reported (klaviyo.md §3 row 7).
 * @throws UpstreamError list_missing, key_refused, …: what is not about rows
 */
export const postBatch = (slice: Slice, options: Parameters<typeof postUntraced>[1]): Promise<void> => {
  const { number, rows, bytes } = options.batch;
  const attributes = { 'run.batch.number': number, 'run.batch.rows': rows, 'run.batch.bytes': bytes };
  return slice.telemetry.span('submit batch', { attributes }, async (span) => {
    await postUntraced(slice, options);
    span.set({ 'run.batch.jobs': options.batch.jobs.length, 'run.batch.rejected': options.batch.stripped });
  });
};

const postUntraced = async (
  slice: Slice,
  {
    staging,
    reports,
    client,
    batch,
    onAttempt,
    onRefusal,
  }: {
    staging: Staging;
    reports: RowReports;
    client: KlaviyoClient;
    batch: StagedBatch;
    /** a job may exist from here on */
    onAttempt: () => void;
    /** Klaviyo answered that it made none */
    onRefusal: () => void;
  },
): Promise<void> => {
  const { document, signal } = slice;
  const { run, staged } = document;
  const at = { runId: run.id, attempt: staged!.attempt, number: batch.number };
  let tries = 0;
  const attempted = (): void => {
    onAttempt();
    tries += 1;
    // a second try means that the first one's answer was lost: its job may exist
    if (tries > 1) document.unansweredSince ??= batch.postedAt;
  };
  const jobs: StagedBatch['jobs'] = [];
  // an attempt before this one may have noted some
  batch.stripped = 0;
  delete batch.failedBySegment;
  const send: Send = async (body, gzip) => {
    tries = 0;
    try {
      const { jobId, requestId } = await postImport(client, { body, gzip, signal, onAttempt: attempted });
      jobs.push({ id: jobId, failed: 0 });
      batch.requestId = requestId;
      return undefined;
    } catch (error) {
      if (!(error instanceof KlaviyoAnswerError)) throw error;
      if (!error.retryable) onRefusal();
      if (error.retryable) throw error; // a page of the edge may have any status
      if (error.status === 400 && !isAboutRows(error)) await requireList(client, document, error, { signal });
      if (error.status === 400 || error.status === 413 || error.status === 415) return error;
      throw error;
    }
  };

  let refusal: KlaviyoAnswerError | undefined;
  if (staged!.gzip && !document.sendPlain) {
    refusal = await send(await staging.readBatch(at.runId, at.attempt, batch, { signal }), true);
    if (refusal && (refusal.status === 415 || !isAboutRows(refusal))) {
      // nothing published says that compressed bodies are always taken (azure.md row 23)
      document.sendPlain = true;
      slice.warn('sent_uncompressed', 'Klaviyo refused a compressed request, so this run sends without compression.');
    }
  }
  if (jobs.length === 0) {
    const body = await staging.readBody(at.runId, at.attempt, batch, { signal });
    if (!refusal || document.sendPlain) refusal = await send(Buffer.from(body), false);
    if (refusal) await postInParts({ slice, staging, reports, batch, body, refusal, send });
  }
  batch.jobs = jobs;
  batch.posted = true;
  if (jobs.length === 0) {
    batch.outcome = 'complete';
    batch.failedRows = batch.stripped;
  }
};

/** @throws UpstreamError list_unknown when that is why a body was refused */
const requireList = async (
  client: KlaviyoClient,
  { config }: RunDocument,
  refusal: KlaviyoAnswerError,
  { signal }: { signal: AbortSignal },
): Promise<void> => {
  if (await findList(client, config.listId, { signal })) return;
  throw new UpstreamError('klaviyo', {
    code: 'list_unknown',
    message: `Klaviyo does not have the list ${config.listId} (any more); choose another list for this export.`,
    status: refusal.status,
    requestId: refusal.requestId,
    retryable: false,
    cause: refusal,
  });
};

const postInParts = async ({
  slice,
  staging,
  reports,
  batch,
  body,
  refusal: first,
  send,
}: {
  slice: Slice;
  staging: Staging;
  reports: RowReports;
  batch: StagedBatch;
  body: string;
  refusal: KlaviyoAnswerError;
  send: Send;
}): Promise<void> => {
  const { document, signal } = slice;
  const emails = importRows(body);
  const rows = await staging.readRows(document.run.id, document.staged!.attempt, batch, { signal });
  const stripped = new Map<number, string>();
  let calls = 1;
  let landed = false;
  const strip = (place: number, detail: string): void => void stripped.set(place, detail);

  const post = async ({ places }: Part, known: KlaviyoAnswerError | undefined, strips: number): Promise<void> => {
    if (places.length === 0) return;
    let refusal = known;
    if (!refusal) {
      calls += 1;
      if (calls > MAX_CALLS_PER_BATCH) {
        for (const place of places) strip(place, 'Klaviyo refused so many rows of this batch that they could not be told apart.');
        return;
      }
      refusal = await send(Buffer.from(onlyRows(body, new Set(places))), false);
      if (!refusal) {
        landed = true;
        return;
      }
    }
    const named = refusedRows(refusal);
    if (named.size > 0 && strips < MAX_STRIPS) {
      const left: number[] = [];
      for (const [index, place] of places.entries()) {
        const detail = named.get(index);
        if (detail === undefined) left.push(place);
        else strip(place, detail);
      }
      return post({ places: left }, undefined, strips + 1);
    }
    if (places.length === 1) return strip(places[0]!, refusal.errors[0]?.detail ?? refusal.errors[0]?.title ?? 'Klaviyo gave no reason.');
    const middle = Math.ceil(places.length / 2);
    await post({ places: places.slice(0, middle) }, undefined, 0);
    await post({ places: places.slice(middle) }, undefined, 0);
  };

  await post({ places: emails.map((_, place) => place) }, first, 0);
  if (!landed && refusedRows(first).size === 0) {
    // no part of it was taken, and no row was ever named: it is not the rows
    throw first;
  }
  batch.stripped = stripped.size;
  countBySegment(
    batch,
    [...stripped.keys()].map((place) => rows[place]),
  );
  await reports.writeRejected(document.run.id, batch.number, 'stripped', describe(document, { stripped, emails, rows }), { signal });
};

/** Adds failed rows to the count of their segments, where there are several. */
export const countBySegment = (batch: StagedBatch, rows: readonly (StagedRow | undefined)[]): void => {
  if (!batch.segments) return;
  const counts = batch.failedBySegment ?? batch.segments.map(() => 0);
  for (const row of rows) if (row && counts[row.segment] !== undefined) counts[row.segment]! += 1;
  batch.failedBySegment = counts;
};

const describe = (
  { config }: RunDocument,
  { stripped, emails, rows }: { stripped: ReadonlyMap<number, string>; emails: readonly string[]; rows: readonly StagedRow[] },
): ReportedRow[] =>
  [...stripped].map(([row, detail]) => ({
    row,
    email: emails[row] ?? '',
    customerId: rows[row]?.customerId ?? '',
    segment: config.segments[rows[row]?.segment ?? 0] ?? '',
    code: 'refused',
    detail,
  }));

/** Puts every row of a batch into the report with one reason. */
export const reportWholeBatch = async (
  { run, config, staged }: RunDocument,
  {
    staging,
    reports,
    batch,
    code,
    signal,
  }: { staging: Staging; reports: RowReports; batch: StagedBatch; code: string; signal: AbortSignal },
): Promise<void> => {
  const [body, rows] = await Promise.all([
    staging.readBody(run.id, staged!.attempt, batch, { signal }),
    staging.readRows(run.id, staged!.attempt, batch, { signal }),
  ]);
  const reported = importRows(body).map((email, row): ReportedRow => ({
    row,
    email,
    customerId: rows[row]?.customerId ?? '',
    segment: config.segments[rows[row]?.segment ?? 0] ?? '',
    code,
  }));
  await reports.writeRejected(run.id, batch.number, 'failed', reported, { signal });
};
