import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../platform/telemetry';
import { endpoints } from './endpoints';
import type { EndpointName } from './endpoints';
import { createLane } from './lane';
import type { Lane } from './lane';
import type { PacingStore } from './pacing-store';
import { createSharedLedger } from './shared-ledger';
import type { Wait } from './shared-ledger';

/** The account's budget has no room soon: whoever runs hands over and comes back. No failure. */
export class PaceWait extends Error {
  readonly isFailure = false;

  constructor(readonly waitMs: number) {
    super('The published limits ask for a pause.');
    this.name = 'PaceWait';
  }
}

/**
 * Budgets per account and endpoint, as Klaviyo publishes them: fixed windows of one second and one minute, which all keys of an account
 * share (klaviyo.md §2), and so all our exports, connections and instances.
 * @param monotonicMs a clock that never jumps
 * @param random in [0, 1), for the pauses of writers that meet
 */
export const createPacing = ({
  store,
  monotonicMs,
  wait = (ms, { signal }) => sleep(ms, undefined, { signal }),
  random = Math.random,
  log,
}: {
  store: PacingStore;
  monotonicMs: () => number;
  wait?: Wait;
  random?: () => number;
  log: Log;
}) => {
  const ledger = createSharedLedger({ store, monotonicMs, wait, random, log });
  const lanes = new Map<string, Lane>();
  const laneOf = (accountId: string, endpoint: EndpointName): Lane => {
    const key = `${accountId} ${endpoint}`;
    const known = lanes.get(key);
    if (known) return known;
    const limits = endpoints[endpoint];
    const row = ledger.row({ accountId, endpoint }, limits);
    const made = createLane({ limits, row, isUp: ledger.isUp, monotonicMs, wait, random });
    lanes.set(key, made);
    return made;
  };
  return {
    /**
     * Waits until the account may make one more call.
     * @throws PaceWait when that is more than a few seconds off
     */
    take: async (accountId: string, endpoint: EndpointName, options: { signal: AbortSignal }): Promise<void> => {
      const waitMs = await laneOf(accountId, endpoint).take(options);
      if (waitMs !== undefined) throw new PaceWait(waitMs);
    },
    /** Klaviyo answered 429: nobody calls this endpoint of the account before its time. Never throws. */
    throttled: (accountId: string, endpoint: EndpointName, retryAfterMs: number): Promise<void> =>
      laneOf(accountId, endpoint).hold(retryAfterMs),
  };
};

export type Pacing = ReturnType<typeof createPacing>;
