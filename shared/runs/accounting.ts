import type { RunDocument } from './run';

/**
 * Derives the counts of sent rows from the batches, so that a crash cannot make them drift (design, "Accounting"):
 * read = invalid + duplicates + unchanged + sent + unsent, and sent = accepted + rejected + open.
 */
export const recount = ({ run, staged }: RunDocument): void => {
  if (!staged) return;
  const { counts } = run;
  let planned = 0;
  let sent = 0;
  let accepted = 0;
  let rejected = 0;
  let submitted = 0;
  let ended = 0;
  for (const { rows, postedAt, jobId, outcome, failedRows = 0 } of staged.batches) {
    planned += rows;
    if (postedAt === undefined) continue;
    sent += rows;
    if (jobId !== undefined || outcome !== undefined) submitted += 1;
    if (outcome !== undefined) ended += 1;
    if (outcome === 'complete') {
      accepted += rows - failedRows;
      rejected += failedRows;
    } else if (outcome === 'cancelled' || outcome === 'refused') rejected += rows;
  }
  counts.sent = sent;
  counts.accepted = accepted;
  counts.rejected = rejected;
  counts.open = sent - accepted - rejected;
  counts.unsent = staged.heldBack + planned - sent;
  run.jobs = { total: staged.batches.length, submitted, ended };
};
