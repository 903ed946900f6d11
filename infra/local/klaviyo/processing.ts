import type { Op } from './ops';
import type { Processing, Rules } from './options';
import type { Account, Job } from './state';

const CHUNK = 250;

/** Rows a job can get to by now: some stand still for good, or until an instant (fault plan). */
const limitOf = (
  { total, faults: { stuckAfter = Infinity, cancelAfter = Infinity, holdAfter = Infinity, holdUntil = 0 } }: Job,
  atMs: number,
): number => Math.min(total, stuckAfter, cancelAfter, holdUntil > atMs ? holdAfter : Infinity);
const endsNow = (job: Job): boolean => job.taken >= job.total || job.taken >= (job.faults.cancelAfter ?? Infinity);
const isStill = (job: Job, atMs: number): boolean => job.taken >= limitOf(job, atMs) && !endsNow(job);

/** The job to take in hand next, and from when on: any of those that are ready, in an order of their own (4.20, "order not guaranteed"). */
const nextOf = (account: Account, { jobsPerSecond }: Processing): { readonly job: Job | undefined; readonly at: number } => {
  const waiting = account.open.filter(({ status }) => status === 'queued');
  const at = Math.max(account.startedAt + 1000 / jobsPerSecond, Math.min(...waiting.map(({ readyAt }) => readyAt)));
  const ready = waiting.filter(({ readyAt }) => readyAt <= Math.max(at, account.clock)).sort((a, b) => a.order - b.order);
  return { job: ready[0], at };
};

/**
 * Processes an account's jobs up to an instant (4.20): queued -> processing -> complete, rows in turns of 250 between the jobs in hand.
 * `maxRows` bounds the work of one call; what is left is caught up by the next. `maxLagMs` bounds how far it may fall behind the clock
 * when the machine cannot keep up.
 */
export const advanceAccount = (
  account: Account,
  nowMs: number,
  { processing, badPhone, maxRows, maxLagMs }: { processing: Processing; badPhone: Rules['badPhone']; maxRows: number; maxLagMs: number },
  commit: (op: Op) => void,
): void => {
  const { rowsPerSecond, concurrentJobs } = processing;
  if (account.clock > 0) account.clock = Math.max(account.clock, nowMs - maxLagMs);
  for (let left = maxRows; left > 0;) {
    const inHand = account.open.filter((job) => job.status === 'processing');
    const running = inHand.filter((job) => !isStill(job, account.clock));
    if (running.length < concurrentJobs) {
      const { job, at } = nextOf(account, processing);
      if (job && at <= nowMs && (running.length === 0 || at <= account.clock)) {
        commit({ op: 'start', account: account.id, job: job.id, at: Math.max(account.clock, at) });
        continue;
      }
    }
    if (running.length === 0) {
      const goOnAt = Math.min(...inHand.map(({ faults }) => faults.holdUntil ?? Infinity).filter((at) => at > account.clock));
      account.clock = Math.max(account.clock, Math.min(goOnAt, nowMs));
      if (goOnAt <= nowMs) continue;
      return;
    }
    account.turn += 1;
    const job = running[account.turn % running.length]!;
    const limit = limitOf(job, account.clock);
    const affordable = Math.floor(((nowMs - account.clock) * rowsPerSecond) / 1000 + 1e-6);
    const count = Math.min(CHUNK, limit - job.taken, left, rowsPerSecond === Infinity ? CHUNK : affordable);
    if (count <= 0 && job.taken < limit) return;
    if (count > 0) {
      const at = account.clock + (count / rowsPerSecond) * 1000;
      commit({ op: 'rows', account: account.id, job: job.id, count, at, badPhone });
      left -= count;
    }
    if (!endsNow(job)) continue;
    const status = job.taken >= job.total ? 'complete' : 'cancelled';
    commit({ op: 'end', account: account.id, job: job.id, at: account.clock, status });
  }
};
