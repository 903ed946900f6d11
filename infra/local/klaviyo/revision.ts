import { notFound, Refusal } from './errors';

/**
 * Revisions that the sandbox can speak for, oldest first (klaviyo.md section 5). There are newer ones, since October 2026 2026-10-15: who asks
 * for them is served by the newest one here, and told so in X-Klaviyo-API-Revision.
 */
export const REVISIONS = [
  ...['2024-10-15', '2025-01-15', '2025-04-15', '2025-07-15'],
  ...['2025-10-15', '2026-01-15', '2026-04-15', '2026-07-15'],
] as const;
const NEWEST = REVISIONS[REVISIONS.length - 1]!;

const retiredAt = (revision: string): number => {
  const at = new Date(`${revision}T00:00:00Z`);
  return at.setUTCFullYear(at.getUTCFullYear() + 2);
};

const bad = (detail: string) =>
  new Refusal({ status: 400, code: 'invalid', title: 'Invalid input.', detail, source: { pointer: '/data/' } });

/**
 * Decides which revision serves a request (4.4).
 * @throws Refusal 400 missing (assumed) or malformed (observed), 404 in the future (observed), 410 retired with the opt-out header (documented)
 */
export const servedRevision = (
  asked: string | undefined,
  { optOut, nowMs, missing }: { optOut: boolean; nowMs: number; missing: 'refuse' | 'newest' },
): string => {
  if (asked === undefined || asked === '') {
    if (missing === 'newest') return NEWEST;
    throw bad('revision header is required');
  }
  const [, date = '', suffix = ''] = /^(\d{4}-\d{2}-\d{2})(\.[a-z]+)?$/.exec(asked) ?? [];
  const at = Date.parse(`${date}T00:00:00Z`);
  if (Number.isNaN(at) || !new Date(at).toISOString().startsWith(date)) throw bad('Invalid revision format. Use YYYY-MM-DD.');
  if (at > nowMs) throw new Refusal(notFound('Unable to specify a future revision date'));
  const alive = REVISIONS.filter((revision) => retiredAt(revision) > nowMs);
  const oldest = alive[0] ?? NEWEST;
  if (date < oldest && retiredAt(date) <= nowMs) {
    if (!optOut) return oldest; // falls forward (documented)
    throw new Refusal({
      status: 410,
      code: 'gone',
      title: 'Gone.',
      detail: `Revision ${asked} has been retired.`,
      source: { pointer: '/data/' },
    });
  }
  return ([...alive].reverse().find((revision) => revision <= date) ?? oldest) + suffix;
};
