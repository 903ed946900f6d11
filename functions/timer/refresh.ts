import type { app as App } from '@azure/functions';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { FanOut } from '../../shared/schedules/fan-out';

/** Each half is ended after this, both within the ten minutes of host.json; the next tick goes on with what is left. */
const DEADLINE_MS = 270_000;

/** Each minute: one run per export that is due, then a look at runs that stand still. */
export const registerTimer = (
  app: typeof App,
  {
    fanOut,
    runs,
    lifetime,
  }: { fanOut: FanOut; runs: { sweep: (options: { signal: AbortSignal }) => Promise<unknown> }; lifetime: Lifetime },
): void => {
  app.timer('refresh', {
    schedule: '%TICK_SCHEDULE%',
    runOnStartup: false,
    handler: async () => {
      const signal = () => lifetime.signal({ deadlineMs: DEADLINE_MS });
      try {
        await fanOut.tick({ signal: signal() });
      } finally {
        await runs.sweep({ signal: signal() }); // standing runs must not wait for a schedule that fails
      }
    },
  });
};
