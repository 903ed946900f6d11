import { createBudget, createBurstGuard, spacingOf } from './budget';
import type { Limits } from './budget';
import { MAX_HOLD_MS } from './ledger';
import type { Offer } from './ledger';
import { MAX_WAIT_IN_CALL_MS } from './retry';
import { CrowdedLedger } from './shared-ledger';
import type { LedgerRow, Wait } from './shared-ledger';

/** A call so late would meet those that others have reserved: the even distance leaves half of that in each second. */
const LATE_MS = 100;
/** The next calls are reserved so long before those reserved run out: early enough for storage, late enough to hear of a 429. */
const AHEAD_MS = 500;
/** A call that was reserved long ago is checked for a hold of somebody else that long before it goes out. */
const LOOK_BEFORE_MS = 150;
/** After such a pause a chunk begins small again. */
const PAUSE_MS = 1_000;
/** Calls that come faster than this after the last reservation want larger ones. */
const QUICK_MS = 250;
/** After calls were lost so many chunks stay small before a larger one is tried again. */
const CAREFUL_CHUNKS = 8;
const CROWDED_WAIT_MS = 1_000;
/** What is known of the server's clock gets better, so the end of a hold moves a little. */
const SAME_MS = 50;

/** One call's turn: when it may go out, or how long to stay away. */
type Turn = { readonly at: number; readonly isAlone: boolean } | { readonly waitMs: number };

interface Waiter {
  readonly arrivedAt: number;
  readonly take: (turn: Turn) => void;
}

/**
 * All calls of this process to one endpoint of one account, whichever run makes them. They go out at instants reserved in the ledger
 * that all instances share, some at a time; while it cannot be reached, at the published pace as if we were alone.
 */
export const createLane = ({
  limits,
  row,
  isUp,
  monotonicMs,
  wait,
  random,
}: {
  limits: Limits;
  row: LedgerRow;
  isUp: () => boolean;
  monotonicMs: () => number;
  wait: Wait;
  random: () => number;
}) => {
  const gap = spacingOf(limits);
  /** more than what waits already is reserved for half a second only: what nobody uses is lost to the others, too */
  const mostAtOnce = Math.max(1, Math.ceil(limits.burst / 2));
  const budget = createBudget(limits);
  const guard = createBurstGuard(limits);
  const slots: number[] = [];
  const waiters: Waiter[] = [];
  let isFilling = false;
  let ownHold = -Infinity;
  /** of the last chunk reserved */
  let size = 1;
  let used = 0;
  let careful = 0;
  let isWasted = false;
  let reservedAt = -Infinity;
  let lastAt = -Infinity;
  /** calls that the ledger does not know of yet */
  const unknown: number[] = [];

  const heldUntil = (): number => Math.max(ownHold, row.heldUntil());

  const dropLate = (): void => {
    const from = Math.max(monotonicMs() - LATE_MS, heldUntil() - SAME_MS);
    while (slots.length > 0 && slots[0]! < from) {
      slots.shift();
      isWasted = true;
    }
  };

  /** How many calls are to be reserved beyond those that wait: twice the last time's when these went fast, fewer when some were lost. */
  const nextSize = (): number => {
    const now = monotonicMs();
    if (now - lastAt > PAUSE_MS) return 1;
    if (isWasted) return Math.max(1, Math.min(used, mostAtOnce));
    return careful === 0 && (now <= lastAt + gap || now - reservedAt < QUICK_MS) ? Math.min(mostAtOnce, size * 2) : size;
  };

  const choose = ({ at, n, gap: distance }: Offer): number => {
    let inTime = 0;
    for (const { arrivedAt } of waiters) if (inTime < n && at + inTime * distance - arrivedAt <= MAX_WAIT_IN_CALL_MS) inTime += 1;
    return inTime === waiters.length && inTime > 0 ? Math.max(inTime, Math.min(n, nextSize())) : inTime;
  };

  /** Gives each waiter the next call that was reserved, or tells it to come back when that is too late for it. */
  const handOut = (): void => {
    dropLate();
    while (waiters.length > 0 && slots.length > 0) {
      const waiter = waiters.shift()!;
      if (slots[0]! - waiter.arrivedAt > MAX_WAIT_IN_CALL_MS) waiter.take({ waitMs: slots[0]! - monotonicMs() });
      else {
        used += 1;
        waiter.take({ at: slots.shift()!, isAlone: false });
      }
    }
  };

  const refuseAll = (waitMs: number): void => {
    for (const waiter of waiters.splice(0)) waiter.take({ waitMs: Math.max(1, waitMs) });
  };

  const goAlone = (): void => {
    for (const waiter of waiters.splice(0)) {
      const now = monotonicMs();
      const { at, granted } = budget.reserve(now, waiter.arrivedAt + MAX_WAIT_IN_CALL_MS - now);
      if (granted && unknown.push(at) > limits.steady) unknown.shift();
      waiter.take(granted ? { at, isAlone: true } : { waitMs: at - now });
    }
  };

  const reserve = async (): Promise<void> => {
    const wanted = nextSize();
    const since = monotonicMs() - 60_000;
    const recent = unknown.filter((at) => at > since);
    const alone = recent.length > 0 ? { at: recent.at(-1)!, n: recent.length } : undefined;
    const { at, n } = await row.reserve(choose, { alone, hold: ownHold });
    if (n === 0) {
      if (waiters.length > 0) refuseAll(at - monotonicMs());
      return;
    }
    unknown.length = 0;
    for (let index = 0; index < n; index += 1) slots.push(at + index * gap);
    careful = isWasted ? CAREFUL_CHUNKS : Math.max(0, careful - 1);
    size = wanted;
    used = 0;
    isWasted = false;
    reservedAt = monotonicMs();
    lastAt = at + (n - 1) * gap;
  };

  /** Works as long as somebody waits; never throws. */
  const fill = async (): Promise<void> => {
    isFilling = true;
    const { signal } = new AbortController();
    for (;;) {
      handOut();
      if (waiters.length === 0) break;
      if (!isUp()) {
        goAlone();
        break;
      }
      const early = lastAt - AHEAD_MS - monotonicMs();
      try {
        if (early > 0) await wait(early, { signal });
        else await reserve();
      } catch (error) {
        if (error instanceof CrowdedLedger) refuseAll(CROWDED_WAIT_MS * (1 + random()));
        else goAlone();
      }
    }
    isFilling = false;
  };

  const nextTurn = (arrivedAt: number, { signal }: { signal: AbortSignal }): Promise<Turn> => {
    const now = monotonicMs();
    const soonest = Math.max(heldUntil(), lastAt + gap * (waiters.length + 1 - slots.length));
    if (soonest - arrivedAt > MAX_WAIT_IN_CALL_MS) return Promise.resolve({ waitMs: soonest - now });
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        const place = waiters.indexOf(waiter);
        if (place >= 0) waiters.splice(place, 1);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        arrivedAt,
        take: (turn) => {
          signal.removeEventListener('abort', stop);
          resolve(turn);
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      waiters.push(waiter);
      if (!isFilling) void fill();
    });
  };

  const until = async (at: number, options: { signal: AbortSignal }): Promise<void> => {
    const ms = at - monotonicMs();
    if (ms > 0) await wait(ms, options);
  };

  return {
    /** Waits until one more call may go out. @returns undefined then, or in how many milliseconds to come back, as that is too far off */
    take: async (options: { signal: AbortSignal }): Promise<number | undefined> => {
      const arrivedAt = monotonicMs();
      for (let renewed = false; ;) {
        options.signal.throwIfAborted();
        const turn = await nextTurn(arrivedAt, options);
        if ('waitMs' in turn) return turn.waitMs;
        if (!turn.isAlone) {
          await until(turn.at - LOOK_BEFORE_MS, options);
          await row.look();
        }
        await until(turn.at, options);
        if (turn.at < heldUntil() - SAME_MS) continue; // somebody met a 429 meanwhile
        if (!renewed && monotonicMs() - turn.at > LATE_MS) {
          renewed = true; // once: on a machine that is always late calls go out all the same
          continue;
        }
        while (guard.nextAt() > monotonicMs()) await until(guard.nextAt(), options);
        const now = monotonicMs();
        guard.note(now);
        if (!turn.isAlone) budget.note(now);
        return undefined;
      }
    },

    /** Klaviyo asks for a pause, so somebody else used the account: tells all instances. Never throws. */
    hold: async (retryAfterMs: number): Promise<void> => {
      const at = monotonicMs() + Math.min(retryAfterMs, MAX_HOLD_MS);
      if (at < heldUntil() + SAME_MS) return; // the answer of a call made at the same time
      ownHold = at;
      budget.holdUntil(at);
      dropLate();
      if (!isUp()) return;
      await row.hold(at).catch(() => undefined); // said in the log; our own calls keep it
    },
  };
};

export type Lane = ReturnType<typeof createLane>;
