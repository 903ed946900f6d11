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
  for (const { rows, postedAt, posted, stripped, outcome, failedRows = stripped } of staged.batches) {
    planned += rows;
    if (postedAt === undefined) continue;
    sent += rows;
    if (posted) submitted += 1;
    if (outcome !== undefined) ended += 1;
    rejected += outcome === 'cancelled' ? rows : failedRows;
    if (outcome === 'complete') accepted += rows - failedRows;
  }
  counts.sent = sent;
  counts.accepted = accepted;
  counts.rejected = rejected;
  counts.open = sent - accepted - rejected;
  counts.unsent = staged.heldBack + planned - sent;
  run.jobs = { total: staged.batches.length, submitted, ended };
};
