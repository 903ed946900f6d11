import type { RunDocument, SegmentCounts, StagedBatch } from './run';

type Sums = Pick<SegmentCounts, 'sent' | 'accepted' | 'rejected' | 'open'> & { planned: number };
const noSums = (): Sums => ({ planned: 0, sent: 0, accepted: 0, rejected: 0, open: 0 });

/** What became of some rows of a batch, of which `failed` did not arrive. */
const add = (sums: Sums, { postedAt, outcome }: StagedBatch, rows: number, failed: number): void => {
  sums.planned += rows;
  if (postedAt === undefined) return;
  const rejected = outcome === 'cancelled' ? rows : failed;
  const accepted = outcome === 'complete' ? rows - rejected : 0;
  sums.sent += rows;
  sums.rejected += rejected;
  sums.accepted += accepted;
  sums.open += rows - accepted - rejected;
};

/** Failed rows of a batch by segment: those that Klaviyo named where they belong, the others where there is room. */
const failedBySegment = ({ segments = [], failedBySegment: named = [] }: StagedBatch, failed: number): number[] => {
  let unnamed = failed - named.reduce((sum, count) => sum + count, 0);
  return segments.map((rows, segment) => {
    const known = named[segment] ?? 0;
    const more = Math.max(0, Math.min(unnamed, rows - known));
    unnamed -= more;
    return known + more;
  });
};

/** Adds the reasons why rows of a batch were refused: those of the admission have no code of Klaviyo's, nor have those it did not name. */
const addReasons = (
  reasons: Record<string, number>,
  { rows, stripped, failedRows = stripped, failedByCode = {}, outcome }: StagedBatch,
): void => {
  const more = (code: string, count: number): void => {
    if (count > 0) reasons[code] = (reasons[code] ?? 0) + count;
  };
  if (outcome === 'cancelled') return more('job_cancelled', rows);
  let named = 0;
  for (const [code, count] of Object.entries(failedByCode)) {
    named += count;
    more(code, count);
  }
  more('refused', failedRows - named);
};

/**
 * Derives the counts of sent rows from the batches, so that a crash cannot make them drift (design, "Accounting"):
 * read = invalid + duplicates + unchanged + sent + unsent, and sent = accepted + rejected + open; in all, and for each segment.
 */
export const recount = ({ run, staged }: RunDocument): void => {
  if (!staged) return;
  const all = noSums();
  const each = run.segments.map(noSums);
  const reasons: Record<string, number> = {};
  let submitted = 0;
  let ended = 0;
  for (const batch of staged.batches) {
    const { rows, stripped, failedRows = stripped } = batch;
    add(all, batch, rows, failedRows);
    if (batch.postedAt !== undefined) addReasons(reasons, batch);
    const [only] = each;
    if (batch.segments === undefined) {
      if (only) add(only, batch, rows, failedRows);
    } else {
      const failed = failedBySegment(batch, failedRows);
      for (const [segment, some] of batch.segments.entries()) if (each[segment]) add(each[segment], batch, some, failed[segment]!);
    }
    if (batch.postedAt !== undefined && batch.posted) submitted += 1;
    if (batch.postedAt !== undefined && batch.outcome !== undefined) ended += 1;
  }
  const { planned, ...sums } = all;
  Object.assign(run.counts, sums, { unsent: staged.heldBack + planned - sums.sent });
  for (const [index, segment] of run.segments.entries()) {
    const { planned: itsPlanned, ...itsSums } = each[index]!;
    Object.assign(segment, itsSums, { unsent: (staged.heldBackBySegment[index] ?? 0) + itsPlanned - itsSums.sent });
  }
  run.rejectedByReason = reasons;
  run.jobs = { total: staged.batches.length, submitted, ended };
};
