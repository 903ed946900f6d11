import { ConflictError } from '../errors';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { Limits } from './budget';
import { MAX_HOLD_MS, emptyLedger, offerOf, withCalls, withHold } from './ledger';
import type { Ledger, Offer } from './ledger';
import type { LedgerKey, PacingStore } from './pacing-store';
import { createServerClock } from './server-clock';

/** A reservation that storage does not answer within this time is made without it. */
const MAX_CHANGE_MS = 2_000;
const MAX_LOOK_MS = 300;
/** After a failure storage is left alone for so long, and then tried again by the next call, with less patience. */
const REST_MS = 10_000;
const MAX_RETRIAL_MS = 500;
const LOG_EVERY_MS = 60_000;
/** After somebody else was seen to write the row it is read before each change: that costs less than a change in vain. */
const SHARED_MS = 10_000;
/** Writers that meet try again, later each time. */
const MAX_TRIES = 8;
/** Whatever else fails is tried again at once, so often: storage has its hiccups, and a refused connection is known quickly. */
const MAX_FAILURES = 3;
const LONGEST_PAUSE_MS = 400;
/** A first look at the server's clock that is less sure is repeated: beside other calls it opens connections and fetches tokens. */
const GOOD_ERROR_MS = 40;
const WORST_ERROR_MS = 500;
const MAX_LOOKS_AT_CLOCK = 3;
/** A row seen within this time is not looked at again for a hold of somebody else. */
const SEEN_MS = 1_000;
/** A write is expected to take as long as the last one, so that the first call is not late already. */
const MAX_LEAD_MS = 300;

/** Waits; ends early with the signal's reason. */
export type Wait = (ms: number, options: { signal: AbortSignal }) => Promise<unknown>;

/** Too many others write the same row; nothing was reserved. */
export class CrowdedLedger extends Error {}

/**
 * The ledger in storage as one process uses it: changes by version, time-outs, the server's clock, and what to do when storage is
 * down. Instants outside are monotonic ones of this process.
 */
export const createSharedLedger = ({
  store,
  monotonicMs,
  wait,
  random,
  log,
}: {
  store: PacingStore;
  monotonicMs: () => number;
  wait: Wait;
  random: () => number;
  log: Log;
}) => {
  const clock = createServerClock({ monotonicMs });
  let downUntil = -Infinity;
  let patienceMs = MAX_CHANGE_MS;
  let loggedAt = -Infinity;
  let leadMs = 0;
  let reading: Promise<void> | undefined;

  const failed = (error: unknown): void => {
    const now = monotonicMs();
    downUntil = now + REST_MS;
    patienceMs = MAX_RETRIAL_MS;
    if (now - loggedAt < LOG_EVERY_MS) return;
    loggedAt = now;
    log('pacing_alone', errorFields(error));
  };

  /** Gives work so long and no longer. */
  const within = async <T>(ms: number, work: (options: { signal: AbortSignal }) => Promise<T>): Promise<T> => {
    const stop = new AbortController();
    const { signal } = stop;
    const tooLong = wait(ms, { signal }).then(() => {
      throw new Error('The ledger of calls did not answer in time.');
    });
    try {
      return await Promise.race([work({ signal }), tooLong]);
    } finally {
      stop.abort();
    }
  };

  const readClock = async (options: { signal: AbortSignal }): Promise<void> => {
    for (let look = 1; ; look += 1) {
      clock.observe(await store.readClock(options));
      if (clock.errorMs() <= GOOD_ERROR_MS) return;
      if (look < MAX_LOOKS_AT_CLOCK) continue;
      if (clock.errorMs() <= WORST_ERROR_MS) return;
      throw new Error('The time of the table service could not be told well enough.');
    }
  };
  /** Calls that meet share one look. */
  const ensureClock = (options: { signal: AbortSignal }): Promise<void> => {
    if (clock.isFresh()) return Promise.resolve();
    reading ??= readClock(options).finally(() => {
      reading = undefined;
    });
    return reading;
  };

  /** The row of one account and endpoint. */
  const row = (key: LedgerKey, limits: Limits) => {
    /** as it was when we last saw it; it may be newer by now, but never with room for an earlier call */
    let known: { readonly ledger: Ledger; readonly version: string | undefined } | undefined;
    let seenAt = -Infinity;
    let otherAt = -Infinity;
    let looking: Promise<void> | undefined;

    const see = (seen: { readonly ledger: Ledger; readonly version: string | undefined }) => {
      seenAt = monotonicMs();
      known = seen;
      return seen;
    };
    const find = async (options: { signal: AbortSignal }) => {
      const found = await store.find(key, options);
      if (found) clock.atLeast(found.writtenMs);
      if (known && known.version !== found?.version) otherAt = monotonicMs();
      return see(found ?? { ledger: emptyLedger, version: undefined });
    };
    const nowMs = (): number => clock.toServer(monotonicMs() + leadMs);

    /** Reads where that is needed, edits and writes. @returns whether that is done; false = somebody else wrote meanwhile */
    const tryChange = async (edit: (ledger: Ledger) => Ledger | undefined, options: { signal: AbortSignal }): Promise<boolean> => {
      const isShared = monotonicMs() - otherAt < SHARED_MS;
      const [current] = await Promise.all([(!isShared && known) || find(options), ensureClock(options)]);
      const next = edit(current.ledger);
      if (next === undefined) return true;
      const sentAt = monotonicMs();
      try {
        const version = await store.save(key, next, { ifVersion: current.version, ...options });
        leadMs = Math.min(MAX_LEAD_MS, monotonicMs() - sentAt);
        patienceMs = MAX_CHANGE_MS;
        see({ ledger: next, version });
        return true;
      } catch (error) {
        otherAt = monotonicMs(); // or ours was written and its answer lost: it is read in either case
        if (error instanceof ConflictError) return false;
        throw error;
      }
    };
    /** @param edit gives the next content, or undefined to leave it. Told again of a newer row when others wrote meanwhile */
    const change = (edit: (ledger: Ledger) => Ledger | undefined): Promise<void> =>
      within(patienceMs, async (options) => {
        let failures = 0;
        for (let attempt = 1; attempt <= MAX_TRIES; attempt += 1) {
          try {
            if (await tryChange(edit, options)) return;
          } catch (error) {
            failures += 1;
            if (failures === MAX_FAILURES || options.signal.aborted) throw error;
          }
          await wait(random() * Math.min(LONGEST_PAUSE_MS, 20 * 2 ** attempt), options);
        }
        throw new CrowdedLedger();
      });
    /** A crowd is no failure of storage. */
    const orFail = async <T>(work: () => Promise<T>): Promise<T> => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof CrowdedLedger)) failed(error);
        throw error;
      }
    };

    return {
      /**
       * Reserves evenly spaced calls.
       * @param choose how many of those that are offered are wanted; 0 writes nothing
       * @param alone calls that went out while storage was down, put on record on this occasion
       * @param hold until when a 429 bids us wait, should the row not know it yet
       * @returns those reserved; `n` 0 with the instant of the first that could have been
       * @throws CrowdedLedger; whatever storage says
       */
      reserve: (
        choose: (offer: Offer) => number,
        { alone, hold }: { alone: { readonly at: number; readonly n: number } | undefined; hold: number },
      ): Promise<Offer> =>
        orFail(async () => {
          let made: Offer | undefined;
          await change((found) => {
            const now = nowMs();
            const held = hold > monotonicMs() ? { ...found, holdUntil: Math.max(found.holdUntil, clock.toServer(hold)) } : found;
            const ledger = alone ? withCalls(held, { at: clock.toServer(alone.at), n: alone.n, gap: 0 }, { nowMs: now }) : held;
            const offer = offerOf(ledger, { nowMs: now, limits });
            const at = clock.toMonotonic(offer.at);
            const n = Math.min(offer.n, choose({ ...offer, at }));
            made = { at, n, gap: offer.gap };
            return n === 0 ? undefined : withCalls(ledger, { ...offer, n }, { nowMs: now });
          });
          return made!;
        }),

      /** Nobody, of whatever instance, calls before that. @throws CrowdedLedger; whatever storage says */
      hold: (until: number): Promise<void> =>
        orFail(() =>
          change((ledger) => {
            const holdUntil = clock.toServer(until);
            return ledger.holdUntil >= holdUntil - 50 && ledger.holdUntil < holdUntil + MAX_HOLD_MS
              ? undefined
              : withHold(ledger, { holdUntil, nowMs: nowMs() });
          }),
        ),

      /** The hold that was last seen. */
      heldUntil: (): number => (known && known.ledger.holdUntil > 0 ? clock.toMonotonic(known.ledger.holdUntil) : -Infinity),

      /** Looks for a hold of somebody else, unless the row was seen just now. Never throws and never takes long. */
      look: async (): Promise<void> => {
        if (monotonicMs() - seenAt < SEEN_MS || monotonicMs() < downUntil) return;
        const over = () => void (looking = undefined);
        looking ??= within(MAX_LOOK_MS, find).then(over, over);
        await looking;
      },
    };
  };

  return {
    row,
    /** false while storage has its rest */
    isUp: (): boolean => monotonicMs() >= downUntil,
  };
};

export type SharedLedger = ReturnType<typeof createSharedLedger>;
export type LedgerRow = ReturnType<SharedLedger['row']>;
