import { recount } from '../accounting';
import type { RowReports } from '../row-report';
import { settleBatches } from '../settle-batches';
import type { Phase } from '../slice';
import type { Staging } from '../staging';

/** Klaviyo's processing time is unpublished; large imports were seen to take hours. */
const DEADLINE_MS = 24 * 3_600_000;
const FIRST_POLL_MS = 1_000;
const SLOWEST_POLL_MS = 30_000;

/** Looks at all unfinished jobs together, reads the errors of those that ended, and comes back for the others. */
export const createSettle =
  ({ staging, reports }: { staging: Staging; reports: RowReports }): Phase =>
  async (slice) => {
    const { document } = slice;
    const batches = document.staged?.batches ?? [];
    if (!batches.some(({ posted, outcome }) => posted && outcome === undefined)) return { next: 'remove' };
    document.settle ??= { pollAfterMs: FIRST_POLL_MS, deadlineAt: new Date(slice.now().getTime() + DEADLINE_MS).toISOString() };
    const left = await settleBatches(slice, { staging, reports, client: await slice.klaviyo(), batches });
    const late = slice.now().getTime() > Date.parse(document.settle.deadlineAt);
    if (late) for (const batch of left) batch.outcome = 'open';
    recount(document);
    if (left.length === 0 || late) return { next: 'remove' };
    const { pollAfterMs } = document.settle;
    document.settle.pollAfterMs = Math.min(SLOWEST_POLL_MS, Math.ceil(pollAfterMs * 1.5));
    return { waitMs: pollAfterMs };
  };
