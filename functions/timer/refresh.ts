import type { app as App } from '@azure/functions';
import type { SeenExports } from '../../shared/exports/seen-exports';
import type { NotificationTick } from '../../shared/notifications/tick';
import type { Erasures } from '../../shared/people/erasures';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { QueueWatch } from '../../shared/platform/queue-watch';
import type { Log } from '../../shared/platform/telemetry';
import type { FanOut } from '../../shared/schedules/fan-out';

/** Each part is ended after this, all within the ten minutes of host.json; the next tick goes on with what is left. */
const DEADLINE_MS = 230_000;
/** An erasure begins nothing new after some seconds; this ends a part of it that hangs. */
const ERASE_DEADLINE_MS = 100_000;
/** Messages are begun for half a minute; this ends one that hangs. */
const NOTIFY_DEADLINE_MS = 60_000;

/**
 * Each minute: one run per export that is due, a look at runs that stand still and at what is to be cleared away, notifications of what
 * has begun or is over, and the next part of each erasure. At its end it says that it was there, every minute: who hears nothing of it knows that the timer stands.
 */
export const registerTimer = (
  app: typeof App,
  {
    fanOut,
    runs,
    housekeeping,
    notificationTick,
    erasures,
    watchQueues,
    lifetime,
    log,
  }: {
    fanOut: FanOut;
    runs: { sweep: (options: { signal: AbortSignal }) => Promise<unknown> };
    housekeeping: { tick: (options: { signal: AbortSignal }) => Promise<SeenExports> };
    notificationTick: NotificationTick;
    erasures: Pick<Erasures, 'tick'>;
    watchQueues: QueueWatch;
    lifetime: Lifetime;
    log: Log;
  },
): void => {
  app.timer('refresh', {
    schedule: '%TICK_SCHEDULE%',
    runOnStartup: false,
    handler: async () => {
      const signal = (deadlineMs = DEADLINE_MS) => lifetime.signal({ deadlineMs });
      const begunMs = performance.now();
      let did = {};
      let seen: SeenExports | undefined;
      /** Each is carried out, whatever has become of those before it. */
      const parts: (() => Promise<unknown>)[] = [
        async () => (did = await fanOut.tick({ signal: signal() })),
        async () => {
          const rest = signal();
          await runs.sweep({ signal: rest }); // standing runs must not wait for a schedule that fails
          seen = await housekeeping.tick({ signal: rest });
        },
        async () => (did = { ...did, ...(await notificationTick.tick({ seen, signal: signal(NOTIFY_DEADLINE_MS) })) }),
        async () => erasures.tick({ signal: signal(ERASE_DEADLINE_MS) }),
      ];
      const watching = watchQueues({ signal: signal() });
      const failures: unknown[] = [];
      for (const part of parts) await part().catch((error: unknown) => failures.push(error));
      await watching;
      log('tick', { ok: failures.length === 0, ...did, seconds: Math.round(performance.now() - begunMs) / 1_000 });
      if (failures.length > 0) throw failures.at(-1);
    },
  });
};
