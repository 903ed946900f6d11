import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_WAIT_IN_CALL_MS } from './retry';
import { endpoints } from './endpoints';
import type { EndpointName } from './endpoints';

/** The account's budget has no room soon: whoever runs hands over and comes back. No failure. */
export class PaceWait extends Error {
  constructor(readonly waitMs: number) {
    super('The published limits ask for a pause.');
    this.name = 'PaceWait';
  }
}

/** Share above the even distance of calls: bursts only earn 429s, and the network shifts arrivals a little (performance.md §1.5). */
const SPACING = 1.05;
const STEADY_WINDOW_MS = 60_500;

/** Calls of one endpoint: the earliest instant of the next one, and when the last `steady` ones went out. Pure but for what it remembers. */
export const createBudget = ({ burst, steady }: { burst: number; steady: number }) => {
  const spacingMs = (1_000 / burst) * SPACING;
  const sentAt = new Float64Array(steady).fill(-Infinity);
  let sent = 0;
  let nextAt = -Infinity;
  return {
    /** Reserves one call. @returns the instant it may go out, by the same clock as `nowMs`; undefined when that is more than `maxWaitMs` off */
    reserve: (nowMs: number, maxWaitMs: number): { at: number; granted: boolean } => {
      const oldest = sentAt[sent % steady]!;
      const at = Math.max(nowMs, nextAt, oldest + STEADY_WINDOW_MS);
      if (at - nowMs > maxWaitMs) return { at, granted: false };
      sentAt[sent % steady] = at;
      sent += 1;
      nextAt = at + spacingMs;
      return { at, granted: true };
    },
    /** Nobody calls before that: somebody else used the account's budget. */
    holdUntil: (at: number): void => {
      nextAt = Math.max(nextAt, at);
    },
  };
};

/**
 * Budgets per account and endpoint, as Klaviyo publishes them: fixed windows of one second and one minute.
 * @param monotonicMs a clock that never jumps
 */
export const createPacing = ({ monotonicMs }: { monotonicMs: () => number }) => {
  const accounts = new Map<string, ReturnType<typeof createBudget>>();
  const budgetOf = (accountId: string, endpoint: EndpointName) => {
    const key = `${accountId} ${endpoint}`;
    const known = accounts.get(key);
    if (known) return known;
    const made = createBudget(endpoints[endpoint]);
    accounts.set(key, made);
    return made;
  };
  return {
    /**
     * Waits until the account may make one more call.
     * @throws PaceWait when that is more than a few seconds off
     */
    take: async (accountId: string, endpoint: EndpointName, { signal }: { signal: AbortSignal }): Promise<void> => {
      const now = monotonicMs();
      const { at, granted } = budgetOf(accountId, endpoint).reserve(now, MAX_WAIT_IN_CALL_MS);
      if (!granted) throw new PaceWait(at - now);
      if (at > now) await sleep(at - now, undefined, { signal });
    },
    throttled: (accountId: string, endpoint: EndpointName, retryAfterMs: number): void => {
      budgetOf(accountId, endpoint).holdUntil(monotonicMs() + retryAfterMs);
    },
  };
};

export type Pacing = ReturnType<typeof createPacing>;

/**
 * The least time in which the published limits let n calls go out, in seconds from the first to the last.
 * @see klaviyo.md §6: T(n) = floor((n-1)/s)*60 + floor(((n-1) mod s)/b)
 */
export const leastSeconds = (calls: number, { burst, steady }: { burst: number; steady: number }): number =>
  calls <= 0 ? 0 : Math.floor((calls - 1) / steady) * 60 + Math.floor(((calls - 1) % steady) / burst);
