/** Clocks of machines go wrong by less: 200 parts in a million. */
const DRIFT = 200e-6;
/** A sample this old is renewed. */
const MAX_AGE_MS = 180_000;

/** A write at the server, bracketed by our clock. */
export interface ClockSample {
  /** right before it was sent, monotonic */
  readonly sentMs: number;
  /** after its answer, monotonic */
  readonly receivedMs: number;
  /** when it was carried out, by the server's clock */
  readonly serverMs: number;
}

/**
 * The server's time, told from a clock of ours that only counts: what the server wrote down lies between sending and answer, so the
 * difference of the two clocks is known within the round trip, and better with every further sample. Wall clocks play no part.
 */
export const createServerClock = ({ monotonicMs }: { monotonicMs: () => number }) => {
  /** bounds of server − monotonic */
  let low = -Infinity;
  let high = Infinity;
  let boundsAt = 0;
  let sampledAt = -Infinity;
  const age = (): void => {
    const now = monotonicMs();
    low -= (now - boundsAt) * DRIFT;
    high += (now - boundsAt) * DRIFT;
    boundsAt = now;
  };
  const offset = (): number => (low + high) / 2;
  return {
    observe: ({ sentMs, receivedMs, serverMs }: ClockSample): void => {
      age();
      sampledAt = monotonicMs();
      const [from, to] = [serverMs - receivedMs, serverMs + 1 - sentMs]; // instants are cut to whole milliseconds
      if (from > high || to < low)
        [low, high] = [from, to]; // one of the clocks jumped
      else [low, high] = [Math.max(low, from), Math.min(high, to)];
    },
    /** The server's time is this at least, as it has written it down already: a machine that was frozen learns it here. */
    atLeast: (serverMs: number): void => {
      const from = serverMs - monotonicMs();
      if (from <= low) return;
      age();
      low = from;
      if (low <= high) return;
      high = low;
      sampledAt = -Infinity;
    },
    isFresh: (): boolean => monotonicMs() - sampledAt < MAX_AGE_MS,
    /** half the width of what is known; Infinity before the first sample */
    errorMs: (): number => (high - low) / 2,
    toServer: (monotonic: number): number => monotonic + offset(),
    toMonotonic: (server: number): number => server - offset(),
  };
};

export type ServerClock = ReturnType<typeof createServerClock>;
