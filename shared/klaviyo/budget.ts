/** Share above the even distance of calls: bursts only earn 429s, and the network shifts arrivals a little (performance.md §1.5). */
const SPACING = 1.05;
/** Klaviyo's longer window and half a second, as its clock is not ours. */
export const STEADY_WINDOW_MS = 60_500;
/** Its shorter one, with the same in mind. */
const BURST_WINDOW_MS = 1_020;

/** What Klaviyo publishes of an endpoint: calls a second and calls a minute. */
export interface Limits {
  readonly burst: number;
  readonly steady: number;
}

/** Milliseconds from one call to the next. */
export const spacingOf = ({ burst }: Pick<Limits, 'burst'>): number => (1_000 / burst) * SPACING;

/** Calls of one endpoint: the earliest instant of the next one, and when the last `steady` ones went out. Pure but for what it remembers. */
export const createBudget = ({ burst, steady }: Limits) => {
  const spacingMs = spacingOf({ burst });
  const sentAt = new Float64Array(steady).fill(-Infinity);
  let sent = 0;
  let nextAt = -Infinity;
  const note = (at: number): void => {
    sentAt[sent % steady] = at;
    sent += 1;
    nextAt = Math.max(nextAt, at + spacingMs);
  };
  return {
    /** Reserves one call. @returns the instant it may go out, by the same clock as `nowMs`; undefined when that is more than `maxWaitMs` off */
    reserve: (nowMs: number, maxWaitMs: number): { at: number; granted: boolean } => {
      const oldest = sentAt[sent % steady]!;
      const at = Math.max(nowMs, nextAt, oldest + STEADY_WINDOW_MS);
      if (at - nowMs > maxWaitMs) return { at, granted: false };
      note(at);
      return { at, granted: true };
    },
    /** A call went out that was reserved elsewhere. */
    note,
    /** Nobody calls before that: somebody else used the account's budget. */
    holdUntil: (at: number): void => {
      nextAt = Math.max(nextAt, at);
    },
  };
};

/**
 * Never more than `burst` calls within a second as they really go out: a busy event loop bunches what was reserved evenly, so a late
 * call pushes those that follow.
 */
export const createBurstGuard = ({ burst }: Pick<Limits, 'burst'>) => {
  const sentAt = new Float64Array(burst).fill(-Infinity);
  let sent = 0;
  return {
    /** the earliest instant of the next call */
    nextAt: (): number => sentAt[sent % burst]! + BURST_WINDOW_MS,
    note: (at: number): void => {
      sentAt[sent % burst] = at;
      sent += 1;
    },
  };
};

/**
 * The least time in which the published limits let n calls go out, in seconds from the first to the last.
 * @see klaviyo.md §6: T(n) = floor((n-1)/s)*60 + floor(((n-1) mod s)/b)
 */
export const leastSeconds = (calls: number, { burst, steady }: Limits): number =>
  calls <= 0 ? 0 : Math.floor((calls - 1) / steady) * 60 + Math.floor(((calls - 1) % steady) / burst);
