import { LOOKUP_SIZE, lookUp } from '../../klaviyo/list-members';
import { UpstreamError } from '../../errors';
import { mapConcurrent } from '../../streams/map-concurrent';
import { readEmails } from '../email-log';
import { SENT, batchOf } from '../member-state';
import type { RowReports } from '../row-report';
import type { Phase, PhaseResult, Slice } from '../slice';
import type { Staging } from '../staging';

/** Reads may see an import a little later: so often is looked again when people are missing. */
const MAX_LOOKS = 4;
const FIRST_WAIT_MS = 1_000;
/** A gap above this share makes the next run send everything (design §2). */
const MAX_GAP = 0.01;
const LOOKUPS_AT_ONCE = 4;

/**
 * Looks whether the people that should be on the list are there: a sample of what this run's source holds and Klaviyo accepted, also when
 * nothing was sent; everybody on request. Tells expected, found and the gap.
 */
export const createVerify =
  ({ staging, reports }: { staging: Staging; reports: RowReports }): Phase =>
  async (slice): Promise<PhaseResult> => {
    const { document, warn } = slice;
    const { run, config } = document;
    if (run.approves || !document.staged) return { next: 'finish' };
    const expected = await peopleToLookFor(slice, { staging, reports });
    run.counts.expected = expected.length;
    if (expected.length === 0) return { next: 'finish' };
    const client = await slice.klaviyo();
    let found = 0;
    try {
      const questions: string[][] = [];
      for (let at = 0; at < expected.length; at += LOOKUP_SIZE) questions.push(expected.slice(at, at + LOOKUP_SIZE));
      // ended by the first failure, and waited for: nobody asks on when the slice has moved on
      const answers = mapConcurrent(
        questions,
        (question, { signal }) => lookUp(client, 'listProfiles', question, { listId: config.listId, signal }),
        { concurrency: LOOKUPS_AT_ONCE, signal: slice.signal },
      );
      for await (const members of answers) found += members.size;
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.code !== 'filter_ignored') throw error;
      warn('not_verified', 'Whether everybody arrived could not be checked, as Klaviyo answered with people that were not asked for.');
      return { next: 'finish' };
    }
    run.counts.found = found;
    const gap = expected.length - found;
    if (gap > 0 && document.verifyLooks < MAX_LOOKS) {
      document.verifyLooks += 1;
      return { waitMs: FIRST_WAIT_MS * 2 ** (document.verifyLooks - 1) };
    }
    if (gap > 0) {
      const share = Math.round((gap / expected.length) * 1_000) / 10;
      const serious = gap > expected.length * MAX_GAP;
      warn(
        serious ? 'gap' : 'small_gap',
        `${gap.toLocaleString('en')} of ${expected.length.toLocaleString('en')} people looked for are not on the list (${share} %): they left it themselves, were removed by hand, or Klaviyo is still processing${serious ? '; the next run sends everybody again' : ''}.`,
      );
    }
    return { next: 'finish' };
  };

/** The sample, less those whose row Klaviyo refused or has not finished. */
const peopleToLookFor = async (
  { document: { run, staged }, signal }: Slice,
  { staging, reports }: { staging: Staging; reports: RowReports },
): Promise<string[]> => {
  const { attempt, batches } = staged!;
  const unsure = new Set(batches.filter(({ outcome }) => outcome !== 'complete').map(({ number }) => number));
  const refused = new Set<string>();
  for (const { number, failedRows } of batches) {
    if (!failedRows || unsure.has(number)) continue;
    let named = 0;
    for await (const { email, row } of reports.readRejected(run.id, number, { signal })) {
      refused.add(email.toLowerCase());
      if (row !== undefined) named += 1;
    }
    // Klaviyo refused more than it named: nobody of this batch is certain
    if (named < failedRows) unsure.add(number);
  }
  const table = unsure.size > 0 ? (await staging.readMembers(run.id, attempt, { signal })).table : undefined;
  const expected: string[] = [];
  for await (const line of readEmails(await staging.open(run.id, attempt, 'sample', { signal }))) {
    const tab = line.indexOf('\t');
    const record = Number(line.slice(0, tab));
    const email = line.slice(tab + 1);
    const isUnsure = table !== undefined && (table.flags(record) & SENT) !== 0 && unsure.has(batchOf(table.mark(record)));
    if (!isUnsure && !refused.has(email)) expected.push(email);
  }
  return expected;
};
