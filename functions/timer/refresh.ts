import type { app as App } from '@azure/functions';
import type { Erasures } from '../../shared/people/erasures';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { FanOut } from '../../shared/schedules/fan-out';

/** Each part is ended after this, all within the ten minutes of host.json; the next tick goes on with what is left. */
const DEADLINE_MS = 230_000;
/** An erasure begins nothing new after some seconds; this ends a part of it that hangs. */
const ERASE_DEADLINE_MS = 100_000;

/**
 * Each minute: one run per export that is due, a look at runs that stand still and at what is to be cleared away, and the next part of
 * each erasure.
 */
export const registerTimer = (
  app: typeof App,
  {
    fanOut,
    runs,
    housekeeping,
    erasures,
    lifetime,
  }: {
    fanOut: FanOut;
    runs: { sweep: (options: { signal: AbortSignal }) => Promise<unknown> };
    housekeeping: { tick: (options: { signal: AbortSignal }) => Promise<unknown> };
    erasures: Pick<Erasures, 'tick'>;
    lifetime: Lifetime;
  },
): void => {
  app.timer('refresh', {
    schedule: '%TICK_SCHEDULE%',
    runOnStartup: false,
    handler: async () => {
      const signal = (deadlineMs = DEADLINE_MS) => lifetime.signal({ deadlineMs });
      try {
        await fanOut.tick({ signal: signal() });
      } finally {
        try {
          const rest = signal();
          await runs.sweep({ signal: rest }); // standing runs must not wait for a schedule that fails
          await housekeeping.tick({ signal: rest });
        } finally {
          await erasures.tick({ signal: signal(ERASE_DEADLINE_MS) });
        }
      }
    },
  });
};
