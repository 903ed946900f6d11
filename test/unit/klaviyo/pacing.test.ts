import * as fc from 'fast-check';
import { createBudget, createBurstGuard, leastSeconds } from '../../../shared/klaviyo/budget';
import { endpoints } from '../../../shared/klaviyo/endpoints';
import type { EndpointName } from '../../../shared/klaviyo/endpoints';
import { emptyLedger, instantsOf, offerOf, withCalls, withHold } from '../../../shared/klaviyo/ledger';
import type { Ledger } from '../../../shared/klaviyo/ledger';
import { PaceWait } from '../../../shared/klaviyo/pacing';
import { createServerClock } from '../../../shared/klaviyo/server-clock';
import { createWorld, mostIn } from './pacing-world';
import type { World } from './pacing-world';

describe('the budget of an endpoint', () => {
  const MAX_WAIT_MS = 8_000;
  /** Makes a call as soon as it may go out, coming back later when that is too long to wait. @returns when it went out */
  const call = (budget: ReturnType<typeof createBudget>, clock: { ms: number }): number => {
    for (;;) {
      const { at, granted } = budget.reserve(clock.ms, MAX_WAIT_MS);
      expect(granted).toBe(at - clock.ms <= MAX_WAIT_MS);
      clock.ms = at;
      if (granted) return at;
    }
  };

  it.each<[EndpointName, number]>([
    ['accounts', 40],
    ['importJobsCreate', 1_000],
    ['listProfiles', 5_000],
  ])('%s never passes the published limits in any window of a second or a minute', (endpoint, calls) => {
    const { burst, steady } = endpoints[endpoint];
    const clock = { ms: 0 };
    const budget = createBudget({ burst, steady });
    const instants = Array.from({ length: calls }, () => call(budget, clock));
    expect(mostIn(instants, 1_000)).toBeLessThanOrEqual(burst);
    expect(mostIn(instants, 60_000)).toBeLessThanOrEqual(steady);
    // and it does not dawdle: no more than a tenth above the least time that the limits allow
    expect(clock.ms).toBeLessThan((leastSeconds(calls, { burst, steady }) + 2) * 1_100);
  });

  it('holds after any pauses and rests: nobody saves up calls', () => {
    const event = fc.oneof(
      { weight: 20, arbitrary: fc.constant({ pause: 0, rest: 0 }) },
      { weight: 3, arbitrary: fc.record({ pause: fc.nat({ max: 70_000 }), rest: fc.constant(0) }) },
      { weight: 1, arbitrary: fc.record({ pause: fc.constant(0), rest: fc.nat({ max: 60_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(event, { minLength: 100, maxLength: 400, size: 'max' }), (events) => {
        const clock = { ms: 0 };
        const budget = createBudget({ burst: 10, steady: 150 });
        const instants = events.map(({ pause, rest }) => {
          clock.ms += pause;
          if (rest > 0) budget.holdUntil(clock.ms + rest);
          const from = clock.ms;
          const at = call(budget, clock);
          expect(at - from).toBeGreaterThanOrEqual(rest);
          return at;
        });
        expect(mostIn(instants, 1_000)).toBeLessThanOrEqual(10);
        expect(mostIn(instants, 60_000)).toBeLessThanOrEqual(150);
      }),
      { numRuns: 30 },
    );
  });

  it('gives each of many who ask at the same time an instant of their own', () => {
    const budget = createBudget({ burst: 10, steady: 150 });
    const granted = Array.from({ length: 500 }, () => budget.reserve(0, MAX_WAIT_MS)).filter((one) => one.granted);
    expect(granted.length).toBeGreaterThan(70);
    expect(granted.at(-1)!.at).toBeLessThanOrEqual(MAX_WAIT_MS);
    expect(
      mostIn(
        granted.map(({ at }) => at),
        1_000,
      ),
    ).toBeLessThanOrEqual(10);
  });
});

describe('the guard of a second', () => {
  it('lets no more than a burst go within a second, however late they come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { minLength: 50, maxLength: 200 }), (pauses) => {
        const guard = createBurstGuard({ burst: 10 });
        let now = 0;
        const instants = pauses.map((pause) => {
          now = Math.max(now + pause, guard.nextAt());
          guard.note(now);
          return now;
        });
        expect(mostIn(instants, 1_000)).toBeLessThanOrEqual(10);
      }),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe('the ledger of an account', () => {
  const limits = endpoints.importJobsCreate;

  it('offers what the windows leave room for, whoever takes how much of it and when', () => {
    const step = fc.record({ pause: fc.oneof(fc.constant(0), fc.nat({ max: 3_000 }), fc.nat({ max: 70_000 })), take: fc.nat({ max: 12 }) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 150, size: 'max' }), (steps) => {
        let nowMs = 1_800_000_000_000;
        let ledger: Ledger = emptyLedger;
        const all: number[] = [];
        for (const { pause, take } of steps) {
          nowMs += pause;
          const offer = offerOf(ledger, { nowMs, limits });
          expect(offer.at).toBeGreaterThanOrEqual(nowMs);
          const n = Math.min(offer.n, take);
          if (n === 0) continue;
          for (let index = 0; index < n; index += 1) all.push(offer.at + index * offer.gap);
          ledger = withCalls(ledger, { ...offer, n }, { nowMs });
        }
        expect(mostIn(all, 1_000)).toBeLessThanOrEqual(limits.burst);
        expect(mostIn(all, 60_000)).toBeLessThanOrEqual(limits.steady);
        const since = nowMs - 60_000;
        const known = new Set(instantsOf(ledger));
        expect(all.filter((at) => at > since && !known.has(at))).toEqual([]);
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it('stays small and is not blocked for ever by a clock that was wrong', () => {
    const nowMs = 1_800_000_000_000;
    let ledger: Ledger = { chunks: [{ at: nowMs + 3_600_000, n: 10, gap: 105 }], holdUntil: nowMs + 86_400_000 };
    expect(offerOf(ledger, { nowMs, limits })).toEqual({ at: nowMs, n: 10, gap: 105 });
    for (let number = 0; number < 1_000; number += 1) {
      const offer = offerOf(ledger, { nowMs: nowMs + number * 700, limits });
      ledger = withCalls(ledger, { ...offer, n: 1 }, { nowMs: nowMs + number * 700 });
    }
    expect(JSON.stringify(ledger).length).toBeLessThan(6_000);
  });
});

describe('a hold in the ledger', () => {
  it('gives back what was reserved for its time, but for what may be on its way', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ at: fc.integer({ min: -5_000, max: 8_000 }), n: fc.integer({ min: 1, max: 10 }), gap: fc.constantFrom(0, 14, 105) }),
          {
            maxLength: 6,
          },
        ),
        fc.integer({ min: 1, max: 7_000 }),
        (chunks, rest) => {
          const nowMs = 1_800_000_000_000;
          const ledger = { chunks: chunks.map((chunk) => ({ ...chunk, at: nowMs + chunk.at })), holdUntil: 0 };
          const held = withHold(ledger, { holdUntil: nowMs + rest, nowMs });
          const left = instantsOf(ledger).filter((at) => at <= nowMs + 1_500 || at >= nowMs + rest);
          expect(instantsOf(held)).toEqual(left);
          expect(held.holdUntil).toBe(nowMs + rest);
        },
      ),
      { numRuns: 200, seed: 16 },
    );
  });
});

describe("the server's clock", () => {
  it('is known within half a round trip, better with each look, whatever our own clock says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -600_000, max: 600_000 }),
        fc.array(fc.record({ there: fc.nat({ max: 40 }), back: fc.nat({ max: 40 }) }), { minLength: 1, maxLength: 5 }),
        (offset, looks) => {
          let server = 1_800_000_000_000;
          const clock = createServerClock({ monotonicMs: () => server - 1_800_000_000_000 + offset });
          const monotonic = () => server - 1_800_000_000_000 + offset;
          for (const { there, back } of looks) {
            const sentMs = monotonic();
            server += there;
            const serverMs = server;
            server += back;
            clock.observe({ sentMs, receivedMs: monotonic(), serverMs });
            expect(Math.abs(clock.toServer(monotonic()) - server)).toBeLessThanOrEqual(
              Math.min(clock.errorMs(), (there + back) / 2 + 1) + 0.01,
            );
          }
        },
      ),
      { numRuns: 100, seed: 3 },
    );
  });

  it('is asked for again when the machine stood still, which a newer row gives away', () => {
    let monotonic = 0;
    const clock = createServerClock({ monotonicMs: () => monotonic });
    clock.observe({ sentMs: 0, receivedMs: 4, serverMs: 1_000_002 });
    monotonic = 1_000;
    expect(clock.isFresh()).toBe(true);
    clock.atLeast(1_001_000); // a second later: as it should be
    expect(clock.isFresh()).toBe(true);
    clock.atLeast(1_061_000); // a minute later, of which our clock knows nothing
    expect(clock.isFresh()).toBe(false);
    expect(clock.toServer(monotonic)).toBeGreaterThanOrEqual(1_061_000);
  });
});

describe('the pace of accounts', () => {
  const limits = endpoints.importJobsCreate;
  const never = new AbortController().signal;
  type Instance = ReturnType<World['instance']>;
  const sentBy = (apps: readonly Instance[]): number[] => apps.flatMap(({ sent }) => sent);
  /** Clocks ten minutes behind to ten minutes ahead. */
  const instances = (world: World, count: number, more: Parameters<World['instance']>[0] = {}): Instance[] =>
    Array.from({ length: count }, (_, index) =>
      world.instance({ offsetMs: count === 1 ? 0 : ((index / (count - 1)) * 2 - 1) * 600_000, drift: (index % 3) * 5e-5, ...more }),
    );

  it('is kept by all instances together, whatever their clocks say, through conflicts and crashes', async () => {
    const demand = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ endpoint: fc.constant<EndpointName>('importJobsCreate'), calls: fc.integer({ min: 1, max: 25 }) }),
      },
      fc.record({ endpoint: fc.constant<EndpointName>('listProfiles'), calls: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ endpoint: fc.constant<EndpointName>('accounts'), calls: fc.integer({ min: 1, max: 2 }) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          latencyMs: fc.integer({ min: 1, max: 25 }),
          workers: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 8 }),
          demand,
          pauseMs: fc.constantFrom(0, 0, 500, 4_000),
          crashes: fc.array(fc.nat({ max: 20_000 }), { maxLength: 2 }),
        }),
        async ({ seed, latencyMs, workers, demand: { endpoint, calls }, pauseMs, crashes }) => {
          const { burst, steady } = endpoints[endpoint];
          const world = createWorld({ seed, latencyMs });
          const apps = instances(world, workers.length);
          const work = Promise.all(
            apps.flatMap((app, index) => Array.from({ length: workers[index]! }, () => app.work({ calls, endpoint, pauseMs }))),
          );
          crashes.forEach((at, index) => void world.sleep(at).then(() => apps[index]?.crash()));
          await world.finish(work);
          const reserved = world.reserved('ACCT01', endpoint);
          expect(mostIn(reserved, 1_000)).toBeLessThanOrEqual(burst);
          expect(mostIn(reserved, 60_000)).toBeLessThanOrEqual(steady);
          // as they really went out: the way to storage shifts the first of a chunk a little
          expect(mostIn(sentBy(apps), 850)).toBeLessThanOrEqual(burst);
          expect(mostIn(sentBy(apps), 59_500)).toBeLessThanOrEqual(steady);
          expect(sentBy(apps).length).toBeLessThanOrEqual(reserved.length);
          expect(world.throttled()).toBeLessThanOrEqual(1);
          apps.forEach((app, index) => crashes.length <= index && expect(app.sent.length).toBeGreaterThanOrEqual(workers[index]! * calls));
          expect(apps.flatMap(({ logged }) => logged)).toEqual([]);
        },
      ),
      { numRuns: 60, seed: 4 },
    );
  });

  it.each([0, 50, 100, 200])('keeps Klaviyo from answering 429, with event loops that are up to %i ms late', async (lateMs) => {
    for (let seed = 0; seed < 5; seed += 1) {
      const world = createWorld({ seed });
      const apps = instances(world, 4, { lateMs });
      await world.finish(Promise.all(apps.flatMap((app) => Array.from({ length: 10 }, () => app.work({ calls: 5 })))));
      expect(world.throttled()).toBeLessThanOrEqual(2);
    }
  });

  it('gives way to somebody else who uses the account, and gets through all the same', async () => {
    const world = createWorld({ seed: 15 });
    const apps = instances(world, 3);
    const stranger = async () => {
      for (let call = 0; call < 60; call += 1) {
        world.stranger();
        await world.sleep(150);
      }
    };
    await world.finish(Promise.all([stranger(), ...apps.flatMap((app) => Array.from({ length: 5 }, () => app.work({ calls: 4 })))]));
    expect(world.throttled()).toBeGreaterThan(0);
    const refused = sentBy(apps).length - 60;
    expect(refused).toBeLessThan(20);
  });

  it.each([
    [1, 10],
    [4, 10],
    [10, 10],
    [8, 3],
    [25, 2],
  ])('lets %i instances with %i callers each use nine tenths of the limits at least', async (count, workers) => {
    const world = createWorld({ seed: 5 });
    const apps = instances(world, count);
    for (const app of apps) for (let worker = 0; worker < workers; worker += 1) void app.work({ calls: 10_000 });
    const MINUTES = 5;
    await world.run(() => world.now() > MINUTES * 60_000);
    expect(sentBy(apps).length).toBeGreaterThan(0.9 * limits.steady * MINUTES);
    expect(mostIn(world.reserved(), 60_000)).toBeLessThanOrEqual(limits.steady);
    // and within the first minute the shorter window decides
    expect(sentBy(apps).filter((at) => at < 10_000).length).toBeGreaterThan(0.85 * limits.burst * 10);
    // no hot row: writes of an instance in any second, those in vain included
    for (const { calls } of apps) {
      const writes = calls.filter(({ kind }) => kind === 'save' || kind === 'conflict').map(({ at }) => at);
      expect(mostIn(writes, 1_000)).toBeLessThanOrEqual(8);
    }
    apps.forEach(({ crash }) => crash());
  });

  it('writes little, also where a great many calls a minute are allowed', async () => {
    const world = createWorld({ seed: 6, latencyMs: 5 });
    const [app] = instances(world, 1);
    await world.finish(Promise.all(Array.from({ length: 8 }, () => app!.work({ calls: 80, endpoint: 'listProfiles', answerMs: 60 }))));
    expect(app!.sent).toHaveLength(640);
    expect(app!.calls.filter(({ kind }) => kind !== 'find').length).toBeLessThan(60);
    expect(Math.max(...app!.sent)).toBeLessThan(12_000);
  });

  it('wastes little: none at a slow pace, half a second at most when a burst of calls ends', async () => {
    const world = createWorld({ seed: 7 });
    const [slow, quick] = instances(world, 2);
    await world.finish(slow!.work({ calls: 30, accountId: 'SLOW01', pauseMs: 2_000 }));
    expect(world.reserved('SLOW01')).toHaveLength(30);
    await world.finish(Promise.all(Array.from({ length: 10 }, () => quick!.work({ calls: 10 }))));
    expect(world.reserved().length - 100).toBeLessThanOrEqual(limits.burst / 2);
  });

  it('costs the first call four storage calls in three round trips, the next runs one', async () => {
    const world = createWorld({ seed: 8 });
    const [app] = instances(world, 1);
    await world.finish(app!.pacing.take('ACCT01', 'importJobsCreate', { signal: never }));
    expect(app!.calls.map(({ kind }) => kind).sort()).toEqual(['clock', 'clock', 'find', 'save']);
    await world.finish(world.sleep(60_000));
    app!.calls.length = 0;
    await world.finish(app!.pacing.take('ACCT01', 'importJobsCreate', { signal: never }));
    expect(app!.calls.map(({ kind }) => kind)).toEqual(['save']);
  });

  it('is one for each account and endpoint', async () => {
    const world = createWorld({ seed: 9 });
    const [app] = instances(world, 1);
    for (const [accountId, endpoint] of [
      ['A', 'accounts'],
      ['B', 'accounts'],
      ['A', 'list'],
    ] as const) {
      const from = world.now();
      await world.finish(app!.pacing.take(accountId, endpoint, { signal: never }));
      expect(world.now() - from).toBeLessThan(200);
    }
    const from = world.now();
    await world.finish(app!.pacing.take('A', 'accounts', { signal: never }));
    expect(world.now() - from).toBeGreaterThan(500);
  });

  it('ends the wait of a caller that gives up, and of no other', async () => {
    const world = createWorld({ seed: 10 });
    const [app] = instances(world, 1);
    const stop = new AbortController();
    const takes = Array.from({ length: 4 }, (_, index) =>
      app!.pacing.take('A', 'accounts', { signal: index === 2 ? stop.signal : never }).then(
        () => 'sent',
        (error: unknown) => error,
      ),
    );
    stop.abort(new Error('gives up'));
    expect(await world.finish(Promise.all(takes))).toEqual(['sent', 'sent', new Error('gives up'), 'sent']);
  });

  it('rests for as long as a 429 asks; the wait is handed back, and asking in vain uses up nothing', async () => {
    const world = createWorld({ seed: 11 });
    const [app] = instances(world, 1);
    await world.finish(app!.pacing.throttled('A', 'importJobsCreate', 30_000));
    const from = world.now();
    for (let number = 0; number < 300; number += 1) {
      const error: unknown = await world.finish(app!.pacing.take('A', 'importJobsCreate', { signal: never })).catch((one: unknown) => one);
      expect(error).toBeInstanceOf(PaceWait);
      expect((error as PaceWait).waitMs).toBeGreaterThan(29_000);
      expect((error as PaceWait).waitMs).toBeLessThanOrEqual(30_000);
    }
    expect(world.now()).toBe(from);
    expect(world.reserved('A')).toEqual([]);
    await world.finish(world.sleep(30_000));
    await world.finish(app!.pacing.take('A', 'importJobsCreate', { signal: never }));
  });

  it.each([4_000, 5_300, 6_100, 8_700])('rests in all instances when one of them met a 429, after %i ms', async (begunMs) => {
    const world = createWorld({ seed: 12 });
    const apps = instances(world, 8);
    for (const app of apps) for (let worker = 0; worker < 8; worker += 1) void app.work({ calls: 10_000 });
    await world.run(() => world.now() > begunMs);
    const at = world.now();
    await world.finish(apps[2]!.pacing.throttled('ACCT01', 'importJobsCreate', 20_000));
    await world.run(() => world.now() > at + 26_000);
    // what an instance has looked up within the last second may still go out
    const during = sentBy(apps).filter((one) => one > at + 1_100 && one < at + 19_900);
    expect(during).toEqual([]);
    expect(sentBy(apps).filter((one) => one > at + 20_000).length).toBeGreaterThan(20);
    apps.forEach(({ crash }) => crash());
  });

  it.each(['refuses', 'hangs'] as const)(
    'goes on alone while storage %s, says so once a minute, and comes back with what it sent',
    async (kind) => {
      const world = createWorld({ seed: 13 });
      const [app] = instances(world, 1);
      world.trouble(kind);
      void Array.from({ length: 3 }, () => app!.work({ calls: 10_000, pauseMs: 1_200 }));
      await world.run(() => world.now() > 90_000);
      const alone = app!.sent.length;
      expect(alone).toBeGreaterThan(120);
      expect(mostIn(app!.sent, 60_000)).toBeLessThanOrEqual(limits.steady);
      const gaps = app!.sent.map((at, index) => at - (app!.sent[index - 1] ?? 0));
      expect(Math.max(...gaps)).toBeLessThan(4_000);
      expect(app!.logged).toEqual(['pacing_alone', 'pacing_alone']);
      expect(world.reserved()).toEqual([]);
      world.trouble(undefined);
      await world.run(() => world.now() > 110_000);
      const [first] = [...world.reserved()].sort((one, other) => one - other);
      expect(first).toBeLessThan(100_000); // calls made alone stand in the row, though it was not there then
      expect(app!.sent.length - alone).toBeGreaterThan(25);
      expect(world.reserved().length).toBeGreaterThan(app!.sent.length - alone);
      app!.crash();
    },
  );

  it.each([95, 700])(
    'never lets an instance whose event loop is up to %i ms late send a burst of what was reserved evenly',
    async (lateMs) => {
      const world = createWorld({ seed: 14 });
      const app = world.instance({ lateMs });
      await world.finish(Promise.all(Array.from({ length: 10 }, () => app.work({ calls: 14 }))));
      expect(mostIn(app.sent, 1_000)).toBeLessThanOrEqual(limits.burst);
    },
  );
});

describe('the least time that the limits allow', () => {
  // klaviyo.md §6, import jobs: calls and seconds; "<1 s" is 0
  it.each([
    [0, 0],
    [1, 0],
    [10, 0],
    [11, 1],
    [20, 1],
    [40, 3],
    [100, 9],
    [109, 10],
    [150, 14],
    [151, 60],
    [200, 64],
    [400, 129],
    [1_000, 369],
    [2_000, 784],
    [4_000, 1_569],
    [10_000, 3_969],
    [20_000, 7_984],
    [200_000, 79_984],
  ])('for %i import jobs is %i seconds', (calls, seconds) => {
    expect(leastSeconds(calls, endpoints.importJobsCreate)).toBe(seconds);
  });

  // klaviyo.md §6, look-ups of 100 addresses each
  it.each([
    [100, 1],
    [1_000, 63],
    [10_000, 783],
    [100_000, 7_983],
  ])('for %i look-ups is %i seconds', (calls, seconds) => {
    expect(leastSeconds(calls, endpoints.profiles)).toBe(seconds);
  });
});
