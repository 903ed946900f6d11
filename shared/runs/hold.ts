import type { BlobLease } from '../platform/blobs';
import type { Queue, SentMessage } from '../platform/queues';
import type { RunMessage } from './run';

/** The lease is gone, or cannot be known to last: whoever notices must not act any more, and says nothing. */
export class HoldLost extends Error {
  constructor() {
    super('The run is held by somebody else.');
    this.name = 'HoldLost';
  }
}

/** Share of the lease after which it is renewed. */
const BEATS_PER_LEASE = 3;
/** Calls of the heartbeat itself must not outlive the lease they renew. */
const BEAT_TIMEOUT_SHARE = 0.5;

/**
 * Holds a run: renews its lease, and pushes the next turn's message out, so that it appears only when this runner is dead (design §2).
 * A lease fences storage, not Klaviyo: `fence` must be asked before each outside call.
 * @param monotonicMs a clock that never jumps; a renewal counts from before its call
 * @param onBeat is awaited at each heartbeat, e.g. to see whether the run is to stop
 */
export const createHold = ({
  lease,
  leasedAtMs,
  queue,
  guard,
  next,
  leaseSeconds,
  guardSeconds,
  monotonicMs,
  signal,
  onBeat,
}: {
  lease: BlobLease;
  leasedAtMs: number;
  queue: Queue<RunMessage>;
  guard: SentMessage;
  next: RunMessage;
  leaseSeconds: number;
  guardSeconds: number;
  monotonicMs: () => number;
  signal: AbortSignal;
  onBeat: () => Promise<void>;
}) => {
  const lost = new AbortController();
  const held = AbortSignal.any([signal, lost.signal]);
  let until = leasedAtMs + leaseSeconds * 1_000;
  let watched = guard;
  let beating: Promise<void> | undefined;
  let ended = false;

  const leftMs = () => until - monotonicMs();
  const lose = () => {
    if (!lost.signal.aborted) lost.abort(new HoldLost());
  };

  const renew = async (): Promise<void> => {
    const begun = monotonicMs();
    if (leftMs() <= 0) return lose();
    // a whole number, as AbortSignal.timeout throws on parts of a millisecond; here that would end the process
    const timeout = AbortSignal.timeout(Math.ceil(Math.max(1_000, Math.min(leftMs(), leaseSeconds * 1_000 * BEAT_TIMEOUT_SHARE))));
    try {
      await lease.renew({ signal: AbortSignal.any([held, timeout]) });
      // a renewal that came back after the lease had run out proves nothing: somebody may have held it meanwhile
      if (monotonicMs() >= until) return lose();
      until = begun + leaseSeconds * 1_000;
    } catch {
      if (leftMs() <= 0) lose();
    }
  };

  const beat = async (): Promise<void> => {
    await renew();
    if (held.aborted || ended) return;
    const timeout = AbortSignal.any([held, AbortSignal.timeout(leaseSeconds * 1_000)]);
    try {
      watched =
        (await queue.move(watched, next, { delaySeconds: guardSeconds, signal: timeout })) ??
        (await queue.send(next, { delaySeconds: guardSeconds, signal: timeout }));
      await onBeat();
    } catch {
      // storage is in trouble: the lease decides whether we go on
    }
  };

  const beatOnce = (): Promise<void> => (beating ??= beat().finally(() => (beating = undefined)));
  const timer = setInterval(() => void beatOnce(), (leaseSeconds * 1_000) / BEATS_PER_LEASE);
  // the lease may run out between two beats, e.g. after the process was stopped for a while
  const watch = setInterval(() => {
    if (leftMs() <= 0) lose();
  }, 1_000);

  const stopBeating = async (): Promise<void> => {
    ended = true;
    clearInterval(timer);
    clearInterval(watch);
    await beating;
  };

  return {
    leaseId: lease.id,
    /** aborted when the lease is lost or the process is to end */
    signal: held,
    /**
     * Makes sure that the lease outlasts a call of `timeoutMs`, renewing it when it would not.
     * @throws HoldLost
     */
    fence: async (timeoutMs: number): Promise<void> => {
      held.throwIfAborted();
      if (leftMs() > timeoutMs) return;
      await beatOnce();
      held.throwIfAborted();
      if (leftMs() <= timeoutMs) await renew();
      held.throwIfAborted();
      if (leftMs() <= timeoutMs) throw new HoldLost();
    },
    /** Gives the run to the next turn. The document must have been saved before. */
    handOver: async ({ delaySeconds }: { delaySeconds: number }): Promise<void> => {
      await stopBeating();
      await lease.release({ signal });
      const moved = await queue.move(watched, next, { delaySeconds, signal });
      if (!moved) await queue.send(next, { delaySeconds, signal });
    },
    /** The run has ended: there is no next turn. */
    end: async (): Promise<void> => {
      await stopBeating();
      await queue.remove(watched, { signal });
      await lease.release({ signal });
    },
    /** This runner gives up without a word: the guard message brings the next one. */
    abandon: async (): Promise<void> => {
      await stopBeating();
    },
  };
};

export type Hold = ReturnType<typeof createHold>;
