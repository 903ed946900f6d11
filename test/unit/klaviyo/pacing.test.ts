import * as fc from 'fast-check';
import { endpoints } from '../../../shared/klaviyo/endpoints';
import type { EndpointName } from '../../../shared/klaviyo/endpoints';
import { PaceWait, createBudget, createPacing, leastSeconds } from '../../../shared/klaviyo/pacing';

/** The most instants that lie in any window of that length: a call at each end counts, but for the end of the window. */
const mostIn = (instants: readonly number[], windowMs: number): number => {
  let most = 0;
  let from = 0;
  for (let to = 0; to < instants.length; to += 1) {
    while (instants[to]! - instants[from]! >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
};

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

describe('the pace of accounts', () => {
  const aPacing = () => {
    const clock = { ms: 0 };
    return { clock, pacing: createPacing({ monotonicMs: () => clock.ms }) };
  };
  const never = new AbortController().signal;

  it('is one for each account and endpoint', async () => {
    const { pacing } = aPacing();
    // each of these would wait a second after the other if they shared a budget; a stopped waiter shows that it waits
    const stop = new AbortController();
    await pacing.take('A', 'accounts', { signal: never });
    await pacing.take('B', 'accounts', { signal: never });
    await pacing.take('A', 'list', { signal: never });
    const waiting = pacing.take('A', 'accounts', { signal: stop.signal });
    stop.abort(new Error('stopped'));
    await expect(waiting).rejects.toThrow();
  });

  it('rests for as long as a 429 asks; the wait is handed back, and asking in vain uses up nothing', async () => {
    const { pacing, clock } = aPacing();
    pacing.throttled('A', 'importJobsCreate', 30_000);
    for (let number = 0; number < 300; number += 1) {
      const error: unknown = await pacing.take('A', 'importJobsCreate', { signal: never }).catch((one: unknown) => one);
      expect(error).toBeInstanceOf(PaceWait);
      expect((error as PaceWait).waitMs).toBe(30_000);
    }
    clock.ms = 30_000;
    await pacing.take('A', 'importJobsCreate', { signal: never });
  });
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
