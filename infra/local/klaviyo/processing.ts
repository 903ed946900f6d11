import type { Op } from './ops';
import type { Processing, Rules } from './options';
import type { Account, Job } from './state';

const CHUNK = 250;

const limitOf = (job: Job): number => Math.min(job.total, job.faults.stuckAfter ?? Infinity, job.faults.cancelAfter ?? Infinity);
const isStuck = (job: Job): boolean =>
  job.status === 'processing' && job.faults.stuckAfter !== undefined && job.taken >= job.faults.stuckAfter;

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
    const running = account.open.filter((job) => job.status === 'processing' && !isStuck(job));
    if (running.length < concurrentJobs) {
      const waiting = account.open.filter((job) => job.status === 'queued').sort((a, b) => a.readyAt - b.readyAt)[0];
      if (waiting && waiting.readyAt <= nowMs && (running.length === 0 || waiting.readyAt <= account.clock)) {
        commit({ op: 'start', account: account.id, job: waiting.id, at: Math.max(account.clock, waiting.readyAt) });
        continue;
      }
    }
    if (running.length === 0) {
      account.clock = Math.max(account.clock, nowMs);
      return;
    }
    account.turn += 1;
    const job = running[account.turn % running.length]!;
    const affordable = Math.floor(((nowMs - account.clock) * rowsPerSecond) / 1000 + 1e-6);
    const count = Math.min(CHUNK, limitOf(job) - job.taken, left, rowsPerSecond === Infinity ? CHUNK : affordable);
    if (count <= 0 && job.taken < limitOf(job)) return;
    if (count > 0) {
      const at = account.clock + (count / rowsPerSecond) * 1000;
      commit({ op: 'rows', account: account.id, job: job.id, count, at, badPhone });
      left -= count;
    }
    if (job.taken >= job.total) commit({ op: 'end', account: account.id, job: job.id, at: account.clock, status: 'complete' });
    else if (job.faults.cancelAfter !== undefined && job.taken >= job.faults.cancelAfter)
      commit({ op: 'end', account: account.id, job: job.id, at: account.clock, status: 'cancelled' });
  }
};
