import * as fc from 'fast-check';
import { retryDelayMs } from '../../../shared/klaviyo/retry';

describe('the wait before the next attempt', () => {
  it.each([
    // attempt, most, asked for, random, wait
    [1, 5, undefined, 0, 250],
    [1, 5, undefined, 0.5, 375],
    [2, 5, undefined, 0, 500],
    [3, 5, undefined, 0, 1_000],
    [4, 5, undefined, 0, 2_000],
    [5, 5, undefined, 0, undefined],
    [6, 5, undefined, 0, undefined],
    [1, 1, undefined, 0, undefined],
    [9, 20, undefined, 0, 4_000], // no more than eight seconds of backoff
    [1, 5, 1_000, 0, 1_050],
    [1, 5, 30_000, 0, 30_050],
    [5, 5, 1_000, 0, undefined],
    [1, 5, 0, 0, 250],
  ])('after attempt %i of %i, asked to wait %j ms, with %d drawn, is %j ms', (attempt, maxAttempts, retryAfterMs, random, expected) => {
    expect(retryDelayMs({ attempt, maxAttempts, retryAfterMs, random })).toBe(expected);
  });

  it('is never shorter than what was asked for, and never the same for all', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 19 }),
        fc.nat({ max: 100_000 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        (attempt, retryAfterMs, random) => {
          const wait = retryDelayMs({ attempt, maxAttempts: 20, retryAfterMs, random })!;
          expect(wait).toBeGreaterThanOrEqual(retryAfterMs);
          expect(wait).toBeLessThanOrEqual(retryAfterMs + 8_000);
          expect(retryDelayMs({ attempt, maxAttempts: 20, retryAfterMs, random: 0.999 })).toBeGreaterThan(
            retryDelayMs({ attempt, maxAttempts: 20, retryAfterMs, random: 0 })!,
          );
        },
      ),
    );
  });
});
