/** Waits longer than this are not slept through in a slice; the caller hands over and comes back. */
export const MAX_WAIT_IN_CALL_MS = 8_000;

/**
 * How long to wait before the next attempt, or undefined when there is to be none. Pure.
 * @param attempt 1 for the first attempt that failed
 * @param retryAfterMs what the answer asked for; an earlier try is refused again (klaviyo.md §2), so it is a floor
 * @param random in [0, 1)
 */
export const retryDelayMs = ({
  attempt,
  maxAttempts,
  retryAfterMs = 0,
  random,
}: {
  attempt: number;
  maxAttempts: number;
  retryAfterMs?: number;
  random: number;
}): number | undefined => {
  if (attempt >= maxAttempts) return undefined;
  const backoff = Math.min(500 * 2 ** (attempt - 1), 8_000);
  return Math.round(retryAfterMs + backoff * (0.5 + random / 2) * (retryAfterMs > 0 ? 0.2 : 1));
};
