import { z } from 'zod';
import { UpstreamError } from '../errors';
import { getAccount } from '../klaviyo/accounts';
import type { KlaviyoAccount } from '../klaviyo/accounts';
import { KlaviyoAnswerError } from '../klaviyo/answers';
import type { KlaviyoClient, KlaviyoRequest } from '../klaviyo/client';
import type { EndpointName } from '../klaviyo/endpoints';

/** What a mirror export needs (klaviyo.md §1); a key's scopes are chosen when it is made. */
export const SCOPES = ['accounts:read', 'lists:read', 'lists:write', 'profiles:read', 'profiles:write'] as const;
export type Scope = (typeof SCOPES)[number];

export const ConnectionCheck = z
  .object({
    check: z.enum(['secret', 'key', 'account', 'testAccount', ...SCOPES]),
    ok: z.boolean().nullable(),
    /** true: concluded from the order in which Klaviyo is taken to check; the first run's small job is the proof */
    assumed: z.literal(true).optional(),
    detail: z.string(),
  })
  .meta({ id: 'ConnectionCheck', description: 'One line of the checklist. ok is null where nothing can be said' });
export type ConnectionCheck = z.infer<typeof ConnectionCheck>;

export interface Checklist {
  readonly checks: readonly ConnectionCheck[];
  readonly missingScopes: readonly Scope[];
  readonly account?: KlaviyoAccount;
  /** what Klaviyo said to the first thing that is not all right */
  readonly refusal?: UpstreamError;
}

type Options = { signal: AbortSignal };

/** No list has such an id, and nobody is named: whatever Klaviyo says to it, nothing changes. */
const NO_LIST = 'no-such-list';
const NOBODY = JSON.stringify({ data: [] });
const UNNAMED_LIST = JSON.stringify({ data: { type: 'list', attributes: {} } });

/** What Klaviyo says to a request that cannot be carried out, once key and scopes are good. */
const REFUSED_FOR_ITS_CONTENT = [400, 404];

/** Klaviyo's refusal for want of a scope; undefined when that is not the reason, or there is no refusal. @throws UpstreamError otherwise */
const refusalOf = async (
  client: KlaviyoClient,
  endpoint: EndpointName,
  { mayFail, ...request }: KlaviyoRequest & { mayFail?: true },
): Promise<UpstreamError | undefined> => {
  try {
    await client.send(endpoint, request);
    return undefined;
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    if (error.code === 'scope_missing') return error;
    if (mayFail && error.status !== undefined && REFUSED_FOR_ITS_CONTENT.includes(error.status)) return undefined;
    throw error;
  }
};

const scopesIn = (error: UpstreamError): readonly Scope[] => {
  const text = error instanceof KlaviyoAnswerError ? error.errors.map(({ detail }) => detail ?? '').join(' ') : '';
  return SCOPES.filter((scope) => text.includes(scope));
};

const has = (check: Scope, refusal: UpstreamError | undefined): ConnectionCheck => ({
  check,
  ok: refusal === undefined,
  detail: refusal?.message ?? `The key has the scope ${check}.`,
});
const seemsToHave = (check: Scope): ConnectionCheck => ({
  check,
  ok: true,
  assumed: true,
  detail: `The key seems to have the scope ${check}: Klaviyo refused a request that changes nothing, but not for want of it.`,
});
const lacks = (check: Scope, { message }: UpstreamError): ConnectionCheck => ({ check, ok: false, detail: message });

/**
 * Both scopes to write by one call that cannot change anything: it takes nobody off a list that does not exist. Klaviyo's document names
 * both scopes for it (klaviyo.md §1 row 12); that they are checked before the list and the body is assumed. Where the refusal names no
 * scope (its text is a third party's word, klaviyo.md §2), a list without a name is asked for, which needs lists:write alone.
 */
const checkWriting = async (
  client: KlaviyoClient,
  { signal }: Options,
): Promise<{ checks: readonly [ConnectionCheck, ConnectionCheck]; refusal?: UpstreamError }> => {
  const refusal = await refusalOf(client, 'listMembersRemove', { id: NO_LIST, body: NOBODY, mayFail: true, signal });
  if (refusal === undefined) return { checks: [seemsToHave('lists:write'), seemsToHave('profiles:write')] };
  const named = scopesIn(refusal);
  const one = (scope: 'lists:write' | 'profiles:write') => (named.includes(scope) ? lacks(scope, refusal) : seemsToHave(scope));
  if (named.some((scope) => scope === 'lists:write' || scope === 'profiles:write'))
    return { checks: [one('lists:write'), one('profiles:write')], refusal };
  const ofLists = await refusalOf(client, 'listsCreate', { body: UNNAMED_LIST, mayFail: true, maxAttempts: 1, signal });
  if (ofLists === undefined) return { checks: [seemsToHave('lists:write'), lacks('profiles:write', refusal)], refusal };
  const unknown = 'It cannot be told while lists:write is missing.';
  return { checks: [lacks('lists:write', ofLists), { check: 'profiles:write', ok: null, detail: unknown }], refusal };
};

const askAll = async (client: KlaviyoClient, { signal }: Options): Promise<Checklist> => {
  let account: KlaviyoAccount | undefined;
  let noAccount: UpstreamError | undefined;
  try {
    account = await getAccount(client, { signal });
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== 'scope_missing') throw error;
    noAccount = error;
  }
  const [lists, profiles, writing] = await Promise.all([
    refusalOf(client, 'lists', { query: { 'page[size]': '1' }, signal }),
    refusalOf(client, 'profiles', { query: { 'page[size]': '1', 'fields[profile]': 'created' }, signal }),
    checkWriting(client, { signal }),
  ]);
  const untold = 'It cannot be told without the scope accounts:read.';
  const told = account !== undefined ? true : null;
  const checks: ConnectionCheck[] = [
    { check: 'key', ok: true, detail: 'Klaviyo accepts the key.' },
    { check: 'account', ok: told, detail: account ? `${account.name} (${account.id})` : untold },
    {
      check: 'testAccount',
      ok: told,
      detail: account ? (account.testAccount ? 'This is a test account.' : 'This is no test account.') : untold,
    },
    has('accounts:read', noAccount),
    has('lists:read', lists),
    writing.checks[0],
    has('profiles:read', profiles),
    writing.checks[1],
  ];
  const refusal = noAccount ?? lists ?? profiles ?? writing.refusal;
  return {
    checks,
    missingScopes: SCOPES.filter((scope) => checks.some(({ check, ok }) => check === scope && ok === false)),
    ...(account ? { account } : {}),
    ...(refusal ? { refusal } : {}),
  };
};

/**
 * Holds a key against everything an export needs, by four calls that change nothing, one of each kind (five where a refusal is unclear).
 * @throws UpstreamError what can pass; a key that Klaviyo refuses is a line of the list
 */
export const runChecklist = async (client: KlaviyoClient, options: Options): Promise<Checklist> => {
  try {
    return await askAll(client, options);
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.code !== 'key_refused') throw error;
    return { checks: [{ check: 'key', ok: false, detail: error.message }], missingScopes: [], refusal: error };
  }
};
