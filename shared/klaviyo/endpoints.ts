/**
 * Everything this product may ask of Klaviyo. The client reaches nothing else: no call here subscribes, unsubscribes, suppresses
 * or deletes anybody (design §4). Rates are per account and endpoint: `burst` calls a second, `steady` calls a minute.
 * @see klaviyo/openapi stable.json, revision 2026-07-15, `x-klaviyo-ratelimit`
 */
export const endpoints = {
  accounts: { method: 'GET', path: '/api/accounts', burst: 1, steady: 15 },
  lists: { method: 'GET', path: '/api/lists', burst: 75, steady: 750 },
  /** and 150 a day, which the account's pace does not know of: few lists are made, and the 429 says so (klaviyo.md §1 row 4) */
  listsCreate: { method: 'POST', path: '/api/lists', burst: 10, steady: 150 },
  list: { method: 'GET', path: '/api/lists/{id}', burst: 75, steady: 750 },
  importJobsCreate: { method: 'POST', path: '/api/profile-bulk-import-jobs', burst: 10, steady: 150 },
  importJobs: { method: 'GET', path: '/api/profile-bulk-import-jobs', burst: 10, steady: 150 },
  importJob: { method: 'GET', path: '/api/profile-bulk-import-jobs/{id}', burst: 10, steady: 150 },
  importErrors: { method: 'GET', path: '/api/profile-bulk-import-jobs/{id}/import-errors', burst: 10, steady: 150 },
  profiles: { method: 'GET', path: '/api/profiles', burst: 75, steady: 750 },
  listProfiles: { method: 'GET', path: '/api/lists/{id}/profiles', burst: 75, steady: 750 },
  listMembers: { method: 'GET', path: '/api/lists/{id}/relationships/profiles', burst: 75, steady: 750 },
  listMembersRemove: { method: 'DELETE', path: '/api/lists/{id}/relationships/profiles', burst: 10, steady: 150 },
} as const satisfies Record<string, Endpoint>;

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** template; `{id}` is filled with one encoded path segment */
  readonly path: string;
  readonly burst: number;
  readonly steady: number;
}

export type EndpointName = keyof typeof endpoints;

/** Most profiles that one import job takes (klaviyo.md §1 row 6). */
export const MAX_PROFILES_PER_JOB = 10_000;

/**
 * Pinned revision: the newest whose published document this app is held against (klaviyo.md §5). Klaviyo's changelog names 2026-10-15 since
 * October 2026; `npm run klaviyo-contract` tells what its document changes for us, once we have it.
 */
export const KLAVIYO_REVISION = '2026-07-15';

/**
 * The day from which Klaviyo no longer serves a revision as it was: stable for a year, deprecated for another (klaviyo.md §2
 * "Lifecycle"). Afterwards calls fall forward to the next one.
 * @param revision YYYY-MM-DD
 */
export const retiresAt = (revision: string): string => {
  const day = new Date(`${revision}T00:00:00Z`);
  day.setUTCFullYear(day.getUTCFullYear() + 2);
  return day.toISOString().slice(0, 10);
};

/** Warned of for so long before: a connector that stays on an old revision breaks one day (klaviyo.md §3 row 18). */
const WARN_DAYS = 183;

/** Whether a revision retires within half a year, or has retired. */
export const retiresSoon = (revision: string, now: Date): boolean =>
  Date.parse(`${retiresAt(revision)}T00:00:00Z`) - now.getTime() <= WARN_DAYS * 86_400_000;
