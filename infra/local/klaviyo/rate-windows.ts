/** Calls allowed in fixed windows of 1 s and 60 s, and where it exists of a day (klaviyo.md section 1; documented). */
export type Limits = { readonly burst: number; readonly steady: number; readonly daily?: number };

export type RateVerdict =
  { readonly allowed: true; readonly headers: Record<string, string> } | { readonly allowed: false; readonly retryAfterSeconds: number };

/** `most` is the highest use of a window of this length since `mostSince`, which moves on each minute. */
type Window = { index: number; limit: number; used: number; refused: number; most: number; mostSince: number };

/**
 * Counts calls per account and endpoint in fixed windows that start on the whole second, minute and day of the clock (4.9).
 * A refused call is counted as refused, not as used (assumed).
 */
export const createRateWindows = () => {
  const buckets = new Map<string, Map<number, Window>>();
  const windowOf = (bucket: string, seconds: number, limit: number, nowMs: number): Window => {
    const windows = buckets.get(bucket) ?? new Map<number, Window>();
    buckets.set(bucket, windows);
    const index = Math.floor(nowMs / (seconds * 1000));
    const known = windows.get(seconds);
    if (known?.index === index) return known;
    const minute = Math.floor(nowMs / 60_000);
    const most = known?.mostSince === minute ? known.most : 0;
    const fresh = { index, limit, used: 0, refused: 0, most, mostSince: minute };
    windows.set(seconds, fresh);
    return fresh;
  };
  return {
    take: (bucket: string, { burst, steady, daily }: Limits, nowMs: number): RateVerdict => {
      const sizes: (readonly [number, number])[] = [[1, burst], [60, steady], ...(daily === undefined ? [] : [[86_400, daily] as const])];
      const windows = sizes.map(([seconds, limit]) => ({ seconds, limit, window: windowOf(bucket, seconds, limit, nowMs) }));
      const full = windows.filter(({ limit, window }) => window.used >= limit);
      if (full.length > 0) {
        for (const { window } of windows) window.refused += 1;
        const ends = full.map(({ seconds }) => Math.ceil((seconds * 1000 - (nowMs % (seconds * 1000))) / 1000));
        return { allowed: false, retryAfterSeconds: Math.max(1, ...ends) };
      }
      for (const { window } of windows) {
        window.used += 1;
        window.most = Math.max(window.most, window.used);
      }
      const limit = [`${burst}`, ...sizes.map(([seconds, calls]) => `${calls};w=${seconds}`)].join(', ');
      // Remaining and Reset speak of the burst window (observed), not of the steady one as documented.
      return {
        allowed: true,
        headers: {
          'RateLimit-Limit': limit,
          'RateLimit-Remaining': String(burst - windows[0]!.window.used),
          'RateLimit-Reset': String(Math.floor((1000 - (nowMs % 1000)) / 1000)),
        },
      };
    },
    /** What each bucket has used, for the status page. */
    snapshot: (nowMs: number) =>
      [...buckets].map(([bucket, windows]) => ({
        bucket,
        windows: [...windows].map(([seconds, { index, limit, used, refused, most, mostSince }]) => {
          const current = index === Math.floor(nowMs / (seconds * 1000));
          const mostThisMinute = mostSince === Math.floor(nowMs / 60_000) ? most : 0;
          return { seconds, limit, used: current ? used : 0, refused: current ? refused : 0, mostThisMinute };
        }),
      })),
  };
};
export type RateWindows = ReturnType<typeof createRateWindows>;
