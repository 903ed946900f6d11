import {
  checkOptions,
  DEFAULT_PROCESSING,
  INSTANT,
  LENIENT,
  OptionError,
  resolveProcessing,
  resolveRules,
  STRICT,
} from '../../../infra/local/klaviyo/options';
import { createRandom, hashText, shuffledOrder } from '../../../infra/local/klaviyo/random';

describe('options', () => {
  it.each([
    [{ speed: 3 }, '"speed" is no option, or not with this value: there are processing, limits and latencyMs'],
    [{ limits: 'no' }, '"limits" is no option, or not with this value'],
    [{ latencyMs: -1 }, '"latencyMs" is no option, or not with this value'],
    [{ latencyMs: '5' }, '"latencyMs" is no option'],
    [{ latencyMs: Infinity }, '"latencyMs" is no option'],
    [
      { processing: { rowsPerSecond: 0 } },
      'processing is "instant" or has rowsPerSecond, startDelayMs, concurrentJobs, jobsPerSecond as numbers',
    ],
    [{ processing: { jobsPerSecond: 0 } }, 'speeds of more than 0'],
    [{ processing: { concurrentJobs: 0 } }, 'processing is'],
    [{ processing: { startDelayMs: -1 } }, 'processing is'],
    [{ processing: { rows: 5 } }, 'processing is'],
  ])('refuse %j', (given, message) => {
    expect(() => checkOptions(given)).toThrow(OptionError);
    expect(() => checkOptions(given)).toThrow(message);
  });

  it.each([
    undefined,
    {},
    { limits: false, latencyMs: 0 },
    { processing: 'instant' },
    { processing: { rowsPerSecond: 0.001, startDelayMs: 0, concurrentJobs: 1, jobsPerSecond: 0.001 } },
  ])('take %j', (given) => {
    expect(checkOptions(given)).toEqual(given ?? {});
  });

  it('fill in what was left out: strict, 100,000 rows a second in three jobs side by side, after 300 ms', () => {
    expect(resolveProcessing(undefined)).toEqual({ rowsPerSecond: 100_000, startDelayMs: 300, concurrentJobs: 3, jobsPerSecond: Infinity });
    expect(resolveProcessing('instant')).toEqual({ rowsPerSecond: Infinity, startDelayMs: 0, concurrentJobs: 1, jobsPerSecond: Infinity });
    expect(resolveProcessing({ startDelayMs: 1 })).toEqual({ ...DEFAULT_PROCESSING, startDelayMs: 1 });
    expect(resolveProcessing({ startDelayMs: 1 }, INSTANT)).toEqual({ ...DEFAULT_PROCESSING, startDelayMs: 1 });
    expect([resolveRules(undefined), resolveRules('strict'), resolveRules('lenient')]).toEqual([STRICT, STRICT, LENIENT]);
    expect(resolveRules({ unknownIds: 'ignore' })).toEqual({ ...STRICT, unknownIds: 'ignore' });
    expect(STRICT).toEqual({ badPhone: 'refuse', unknownIds: 'refuse', tooLargeAs: 'json', missingRevision: 'refuse' });
    expect(LENIENT).toEqual({ badPhone: 'drop', unknownIds: 'ignore', tooLargeAs: 'json', missingRevision: 'newest' });
  });
});

describe('randomness', () => {
  it('is even, and the same for the same seed', () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return Array.from({ length: 2_000 }, () => random());
    };
    const drawn = draw(5);
    expect(drawn).toEqual(draw(5));
    expect(drawn).not.toEqual(draw(6));
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    const tenths = Array.from({ length: 10 }, (_, tenth) => drawn.filter((value) => Math.floor(value * 10) === tenth).length);
    for (const count of tenths) expect(Math.abs(count - 200)).toBeLessThan(60);
  });

  it('shuffles every number once, each to anywhere', () => {
    const orders = Array.from({ length: 300 }, (_, seed) => [...shuffledOrder(6, seed)]);
    for (const order of orders) expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5]);
    for (let place = 0; place < 6; place += 1) expect(new Set(orders.map((order) => order[place])).size).toBe(6);
    expect([...shuffledOrder(0, 1)]).toEqual([]);
  });

  it('gives texts of one letter’s difference other hashes of 32 bits', () => {
    const hashes = Array.from({ length: 2_000 }, (_, at) => hashText(`person${at}@example.com`));
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.every((hash) => Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32)).toBe(true);
    expect(hashText('ab')).not.toBe(hashText('ba'));
  });
});
