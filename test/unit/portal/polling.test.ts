import { ApiError, OfflineError } from '../../../functions/portal/app/api/failures';
import { pollMs, pollWhile } from '../../../functions/portal/app/api/polling';

interface Thing {
  readonly everyMs?: number;
}
const ask = pollWhile(({ everyMs }: Thing) => everyMs);
const refused = (status: number) => new ApiError(status, undefined, undefined);
const next = (data: Thing | undefined, error?: unknown): number | false =>
  ask({ state: { status: error === undefined ? 'success' : 'error', error: error ?? null, data } });

describe('what moves is asked for again', () => {
  it('while it moves, and not once it stands', () => {
    expect([next({ everyMs: 1_000 }), next({}), next(undefined)]).toEqual([1_000, false, false]);
  });

  it.each([
    ['the app is away', new OfflineError('away'), 5_000],
    ['the app restarts', refused(503), 5_000],
    ['one answer is bad', refused(500), 10_000],
    ['the sign-in has expired', refused(401), false],
    ['it is not for the caller', refused(403), false],
    ['it is gone', refused(404), false],
  ])('or not, when %s', (_, error, expected) => {
    expect(next({ everyMs: 1_000 }, error)).toBe(expected);
  });

  it('is not asked for for ever when what stands could not be read by a fault of the app', () => {
    expect([next({}, refused(500)), next(undefined, refused(500))]).toEqual([false, false]);
  });

  it('ever more slowly, from every second to every ten', () => {
    expect([0, 60_000, 3_600_000].map(pollMs)).toEqual([1_000, 3_000, 10_000]);
  });
});
