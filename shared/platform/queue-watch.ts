import type { WatchedQueue } from './queues';
import { errorFields } from './telemetry';
import type { Log, Telemetry } from './telemetry';

/** One look at all queues; the minute timer has other things to do. */
const LOOK_MS = 10_000;

/**
 * Measures how old the oldest message of each queue is that could be taken now: where this grows, nobody takes them. Counted from when it was
 * put in, as storage tells nothing else: of one that was to be seen later, e.g. a guard, the delay is in it. One storage call a queue, and
 * none where nobody listens.
 */
export const createQueueWatch =
  ({
    queues,
    telemetry,
    now,
    log,
  }: {
    queues: readonly WatchedQueue[];
    telemetry: Pick<Telemetry, 'isOn' | 'gauge'>;
    now: () => Date;
    log: Log;
  }) =>
  /** Never throws. */
  async ({ signal: outer }: { signal: AbortSignal }): Promise<void> => {
    if (!telemetry.isOn) return;
    const signal = AbortSignal.any([outer, AbortSignal.timeout(LOOK_MS)]);
    const looks = queues.map(async ({ name: queue, oldest }) => {
      const since = await oldest({ signal });
      const seconds = since === undefined ? 0 : Math.max(0, (now().getTime() - since.getTime()) / 1_000);
      telemetry.gauge('queue.oldest.age', seconds, { queue });
    });
    const failed = (await Promise.allSettled(looks)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') log('queues_not_watched', errorFields(failed.reason));
  };

export type QueueWatch = ReturnType<typeof createQueueWatch>;
