import { UpstreamError } from '../errors';
import { KlaviyoAnswerError, UNKNOWN_PROFILE } from './answers';
import type { KlaviyoClient, KlaviyoRequest } from './client';
import { readPages } from './pages';
import { ProfilesAnswer } from './schemas';

/** Addresses a look-up asks for: a page holds 100, and no maximum of `any` is published (klaviyo.md §1 row 14). */
export const LOOKUP_SIZE = 100;
/** Ids a removal may name (klaviyo.md §1 row 12). */
export const REMOVE_SIZE = 1_000;

/** Addresses that would break the filter's grammar are refused by our own check before; this is the second lock (failures.md row 47). */
const quoted = (email: string): string => {
  if (/["\\]/.test(email)) throw new Error('an address with a quote cannot be looked up');
  return `"${email}"`;
};

/** The two look-ups that return addresses, so that each answer can be held against the question. */
export type LookupEndpoint = 'listProfiles' | 'profiles';

/**
 * Asks for up to 100 addresses; `listProfiles` finds members of the list only, `profiles` all of the account.
 * @returns Klaviyo's id by address, lower case
 * @throws UpstreamError filter_ignored when an address comes back that was not asked for: then nobody may be removed (failures.md row 19)
 */
export const lookUp = async (
  client: KlaviyoClient,
  endpoint: LookupEndpoint,
  emails: readonly string[],
  { listId, signal }: { listId: string; signal: AbortSignal },
): Promise<Map<string, string>> => {
  const query = { filter: `any(email,[${emails.map(quoted).join(',')}])`, 'fields[profile]': 'email', 'page[size]': String(LOOKUP_SIZE) };
  return readAsked(client, endpoint, emails, { ...(endpoint === 'listProfiles' ? { id: listId } : {}), query, signal });
};

const filterIgnored = () =>
  new UpstreamError('klaviyo', {
    code: 'filter_ignored',
    message:
      'Klaviyo answered with people that were not asked for, so nobody is removed; try again later, and see whether this app has a newer version.',
    retryable: false,
  });

const readAsked = async (
  client: KlaviyoClient,
  endpoint: LookupEndpoint,
  emails: readonly string[],
  request: KlaviyoRequest,
): Promise<Map<string, string>> => {
  const asked = new Set(emails);
  const found = new Map<string, string>();
  for await (const page of readPages(client, endpoint, ProfilesAnswer, request)) {
    for (const { id, attributes } of page.data) {
      const email = attributes?.email?.toLowerCase();
      if (email === undefined || !asked.has(email)) throw filterIgnored();
      found.set(email, id);
    }
  }
  return found;
};

/**
 * The same question through the list's bare relationship, whose answer holds ids only: an answer that ignored its filter could not be told
 * from a true one, so the ids are turned into addresses by a second question, and only those that were asked for count. Two more
 * buckets of the account are used so (klaviyo.md §6: three buckets in parallel).
 * @throws UpstreamError filter_ignored
 */
export const lookUpByRelationship = async (
  client: KlaviyoClient,
  emails: readonly string[],
  { listId, signal }: { listId: string; signal: AbortSignal },
): Promise<Map<string, string>> => {
  const filter = `any(email,[${emails.map(quoted).join(',')}])`;
  const ids: string[] = [];
  for await (const page of readPages(client, 'listMembers', ProfilesAnswer, {
    id: listId,
    query: { filter, 'page[size]': String(LOOKUP_SIZE) },
    signal,
  })) {
    ids.push(...page.data.map(({ id }) => id));
    if (ids.length > emails.length) throw filterIgnored();
  }
  if (ids.length === 0) return new Map();
  const byId = `any(id,[${ids.map((id) => `"${id.replaceAll(/[^0-9A-Za-z_-]/g, '')}"`).join(',')}])`;
  return readAsked(client, 'profiles', emails, {
    query: { filter: byId, 'fields[profile]': 'email', 'page[size]': String(LOOKUP_SIZE) },
    signal,
  });
};

/**
 * Whether one person is on a list, and since when.
 * @returns undefined when the person is not; `joinedAt` as Klaviyo says it
 * @throws UpstreamError filter_ignored; key_refused, scope_missing, list unknown (status 404), or what can pass
 */
export const findMembership = async (
  client: KlaviyoClient,
  listId: string,
  email: string,
  { signal }: { signal: AbortSignal },
): Promise<{ profileId: string; joinedAt?: string } | undefined> => {
  const query = { filter: `any(email,[${quoted(email)}])`, 'fields[profile]': 'email,joined_group_at', 'page[size]': String(LOOKUP_SIZE) };
  const request = { id: listId, query, signal };
  for await (const page of readPages(client, 'listProfiles', ProfilesAnswer, request)) {
    for (const { id, attributes } of page.data) {
      if (attributes?.email?.toLowerCase() !== email) throw filterIgnored();
      return { profileId: id, ...(attributes.joined_group_at ? { joinedAt: attributes.joined_group_at } : {}) };
    }
  }
  return undefined;
};

/** Which of some people are on a list. @returns Klaviyo's id by address */
export const findMembers = async (
  client: KlaviyoClient,
  listId: string,
  emails: readonly string[],
  { signal }: { signal: AbortSignal },
): Promise<Map<string, string>> => {
  const found = new Map<string, string>();
  for (let at = 0; at < emails.length; at += LOOKUP_SIZE) {
    const part = await lookUp(client, 'listProfiles', emails.slice(at, at + LOOKUP_SIZE), { listId, signal });
    for (const [email, id] of part) found.set(email, id);
  }
  return found;
};

/**
 * Takes people off a list; their profile and consent stay as they are (klaviyo.md §1 row 12). An id that Klaviyo does not know any more
 * is left out and the rest sent again.
 * @param ids at most 1,000, all found by asking for our own addresses
 * @param beforeEach awaited before each call, e.g. to renew a lock; what it throws ends the removal
 * @returns how many were named in the call that Klaviyo carried out
 */
export const removeMembers = async (
  client: KlaviyoClient,
  listId: string,
  ids: readonly string[],
  { beforeEach, signal }: { beforeEach?: () => Promise<void>; signal: AbortSignal },
): Promise<number> => {
  let left = [...ids];
  while (left.length > 0) {
    const body = JSON.stringify({ data: left.map((id) => ({ type: 'profile', id })) });
    try {
      await beforeEach?.();
      // one attempt: whoever removes holds a lock that must outlast the call
      await client.send('listMembersRemove', { id: listId, body, signal, maxAttempts: 1 });
      return left.length;
    } catch (error) {
      if (!(error instanceof KlaviyoAnswerError) || error.verdict !== 'rows') throw error;
      const unknown = error.errors.flatMap(({ detail }) => UNKNOWN_PROFILE.exec(detail ?? '')?.[1] ?? []).filter((id) => left.includes(id));
      if (unknown.length === 0) throw error;
      left = left.filter((id) => !unknown.includes(id));
    }
  }
  return 0;
};
