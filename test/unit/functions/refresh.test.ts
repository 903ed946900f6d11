import type { app as App } from '@azure/functions';
import { registerTimer } from '../../../functions/timer/refresh';
import { createLifetime } from '../../../shared/platform/lifetime';

/** One tick, of which some parts fail; what was begun and what was logged, in order. */
const tickWith = async (failing: readonly string[]) => {
  const begun: string[] = [];
  const logged: unknown[] = [];
  const part = <T>(name: string, done: T) => {
    begun.push(name);
    return failing.includes(name) ? Promise.reject(new Error(name)) : Promise.resolve(done);
  };
  const seenBy: unknown[] = [];
  const seen = { exports: [], activities: [], unreadable: new Set<string>() };
  let handler: (() => Promise<void>) | undefined;
  const app = { timer: (_name: string, options: { handler: () => Promise<void> }) => void (handler = options.handler) };
  registerTimer(app as unknown as typeof App, {
    fanOut: { tick: () => part('fan-out', { dueCount: 2, startedCount: 1 }) },
    runs: { sweep: () => part('sweep', undefined) },
    housekeeping: { tick: () => part('housekeeping', seen) },
    notificationTick: {
      tick: ({ seen: given }) => {
        seenBy.push(given);
        return part('notifications', { messageCount: 0, sentCount: 0, unsentCount: 0 });
      },
    },
    erasures: { tick: () => part('erasures', undefined) },
    watchQueues: () => part('queues', undefined),
    lifetime: createLifetime(),
    log: (event, fields) => void logged.push([event, fields]),
  });
  const failure = await handler!().then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  return { begun, logged, failure, seenBy, seen };
};

const ALL = ['queues', 'fan-out', 'sweep', 'housekeeping', 'notifications', 'erasures'];

it('carries out all parts, and says so', async () => {
  const { begun, logged, failure, seenBy, seen } = await tickWith([]);
  expect(begun).toEqual(ALL);
  expect(seenBy).toEqual([seen]);
  expect(failure).toBeUndefined();
  expect(logged).toEqual([['tick', expect.objectContaining({ ok: true, dueCount: 2, startedCount: 1, messageCount: 0 })]]);
});

it.each(['fan-out', 'housekeeping', 'notifications', 'erasures'])('goes on after %s has failed, and fails in the end', async (name) => {
  const { begun, logged, failure } = await tickWith([name]);
  expect(begun).toEqual(ALL);
  expect(failure).toBe(name);
  expect(logged).toEqual([['tick', expect.objectContaining({ ok: false })]]);
});

it('looks for notifications and erasures also where nobody could look at the runs', async () => {
  const { begun, seenBy, failure } = await tickWith(['sweep', 'erasures']);
  expect(begun).toEqual(ALL.filter((name) => name !== 'housekeeping'));
  expect(seenBy).toEqual([undefined]);
  expect(failure).toBe('erasures');
});
