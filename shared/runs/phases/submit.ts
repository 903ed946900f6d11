import { PaceWait } from '../../klaviyo/pacing';
import { recount } from '../accounting';
import { postBatch } from '../post-batch';
import type { RowReports } from '../row-report';
import type { StagedBatch } from '../run';
import type { Phase } from '../slice';
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
    if (!document.staged) throw new Error('submit needs staged batches');
    const pending = document.staged.batches.filter(({ posted }) => !posted);
    if (pending.length === 0) return { next: 'settle' };
    // noted by a runner that died: a job may exist that nobody wrote down
    document.unansweredSince ??= pending.find(({ postedAt }) => postedAt !== undefined)?.postedAt;
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
        const count = (difference: number) => unanswered.set(batch, (unanswered.get(batch) ?? 0) + difference);
        await postBatch(slice, { staging, reports, client, batch, onAttempt: () => count(1), onRefusal: () => count(-1) });
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
    for (const batch of noted) if (!batch.posted && !unanswered.get(batch)) delete batch.postedAt;
    recount(document);
    if (failure !== undefined) throw failure as Error;
    if (waitMs !== undefined) return { waitMs };
    if (pending.some(({ posted }) => !posted)) return { waitMs: 0 };
    return { next: 'settle' };
  };
