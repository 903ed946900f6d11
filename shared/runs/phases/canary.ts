import { importRows } from '../../klaviyo/import-jobs';
import { findMembers } from '../../klaviyo/list-members';
import { recount } from '../accounting';
import { postBatch } from '../post-batch';
import type { RowReports } from '../row-report';
import { settleBatches } from '../settle-batches';
import type { Phase, PhaseResult } from '../slice';
import type { Staging } from '../staging';

const POLL_MS = 1_000;
const SLOWEST_POLL_MS = 30_000;
/** As for all jobs: whoever waits longer looks at a job that Klaviyo has forgotten. */
const DEADLINE_MS = 24 * 3_600_000;
/** Nothing says that reads see an import at once: so often is looked, a little later each time (about a minute in all). */
const MAX_LOOKS = 7;
const MAX_LOOKED_FOR = 100;

const failed = (code: string, message: string): PhaseResult => ({ end: 'failed', error: { code, message } });

/**
 * The first load into a list sends one small job first, and looks whether its people are on the list: a mapping that lands nobody stops
 * here, with a hundred people and not a million (users-ask C35, D4).
 */
export const createCanary =
  ({ staging, reports }: { staging: Staging; reports: RowReports }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run, config, staged } = document;
    const batch = staged?.batches[0];
    if (!batch) return { next: 'submit' };
    const client = await slice.klaviyo();
    if (!batch.posted) {
      const seenBefore = batch.postedAt !== undefined;
      if (seenBefore) document.unansweredSince ??= batch.postedAt;
      batch.postedAt ??= slice.now().toISOString();
      await slice.save();
      let unanswered = 0;
      try {
        await postBatch(slice, { staging, reports, client, batch, onAttempt: () => (unanswered += 1), onRefusal: () => (unanswered -= 1) });
      } catch (error) {
        // refused whole each time: nobody has seen it
        if (!seenBefore && unanswered === 0) delete batch.postedAt;
        throw error;
      }
      recount(document);
      await slice.save();
    }
    if (batch.outcome === undefined) {
      const open = await settleBatches(slice, { staging, reports, client, batches: [batch] });
      const ageMs = slice.now().getTime() - Date.parse(batch.postedAt!);
      if (open.length > 0 && ageMs < DEADLINE_MS) return { waitMs: Math.min(SLOWEST_POLL_MS, Math.max(POLL_MS, ageMs / 10)) };
      if (open.length > 0) batch.outcome = 'open';
      recount(document);
    }
    if (batch.outcome === 'open')
      return failed(
        'canary_open',
        'Klaviyo has not said within a day what became of the first rows, so nothing more was sent; see the status page of Klaviyo and run the export again.',
      );
    const accepted = batch.outcome === 'complete' ? batch.rows - (batch.failedRows ?? 0) : 0;
    if (accepted === 0) {
      return failed('canary_rejected', 'Klaviyo took none of the first rows, so nothing more was sent; the rejected rows say why.');
    }
    const refused = new Set<string>();
    for await (const { email } of reports.readRejected(run.id, batch.number, { signal })) refused.add(email.toLowerCase());
    const body = await staging.readBody(run.id, staged.attempt, batch, { signal });
    const expected = importRows(body)
      .filter((email) => !refused.has(email))
      .slice(0, MAX_LOOKED_FOR);
    const found = (await findMembers(client, config.listId, expected, { signal })).size;
    if (found < expected.length && document.canaryLooks < MAX_LOOKS) {
      document.canaryLooks += 1;
      return { waitMs: Math.min(15_000, POLL_MS * 2 ** (document.canaryLooks - 1)) };
    }
    if (found === 0) {
      return failed(
        'canary_missing',
        `Klaviyo took the first ${accepted} rows, but none of these people came to the list, so nothing more was sent; see in Klaviyo whether the list still exists and the key belongs to its account.`,
      );
    }
    if (found < expected.length) {
      slice.warn('canary_gap', `Of the first ${expected.length} people ${found} were found on the list; the check at the end looks again.`);
    }
    document.proven = true;
    return { next: 'submit' };
  };
