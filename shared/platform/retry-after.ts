/**
 * The header Retry-After, in seconds or as a date (RFC 9110 §10.2.3) → milliseconds from now on; undefined where it says nothing.
 * @param mostMs a longer wait counts as this
 */
export const retryAfterOf = (header: string | string[] | undefined, mostMs: number): number | undefined => {
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || text.trim() === '') return undefined;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(mostMs, Math.max(0, ms));
};
