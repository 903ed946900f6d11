import { setTimeout as sleep } from 'node:timers/promises';
import { UpstreamError } from '../errors';
import type { KlaviyoClient } from './client';
import { parseAnswer, readPages } from './pages';
import { MAX_WAIT_IN_CALL_MS, retryDelayMs } from './retry';
import { ListAnswer, ListsAnswer } from './schemas';

const MAX_ATTEMPTS = 4;
/** The windows of a second and a minute are over by then: who asks for more means the day (klaviyo.md §1 row 4). */
const LONGEST_MINUTE_MS = 60_000;

export interface KlaviyoList {
  readonly id: string;
  readonly name: string;
  /** single_opt_in, double_opt_in; being on the list is not consent either way */
  readonly optInProcess?: string;
}

interface ListData {
  id: string;
  attributes: { name?: string | null; opt_in_process?: string | null };
}

const toList = (data: ListData): KlaviyoList => ({
  id: data.id,
  name: data.attributes.name ?? data.id,
  ...(data.attributes.opt_in_process ? { optInProcess: data.attributes.opt_in_process } : {}),
});

/** A list by id, or undefined when the account has none of that id. */
export const findList = async (
  client: KlaviyoClient,
  listId: string,
  { signal }: { signal: AbortSignal },
): Promise<KlaviyoList | undefined> => {
  try {
    const { body, requestId } = await client.send('list', { id: listId, signal });
    return toList(parseAnswer(ListAnswer, body, requestId).data);
  } catch (error) {
    if (error instanceof UpstreamError && error.status === 404) return undefined;
    throw error;
  }
};

async function* readListData(
  client: KlaviyoClient,
  { signal, query }: { signal: AbortSignal; query?: Record<string, string> },
): AsyncGenerator<ListData> {
  for await (const page of readPages(client, 'lists', ListsAnswer, { signal, query: { 'page[size]': '10', ...query } })) yield* page.data;
}

/** All lists of the account; Klaviyo gives ten a page (klaviyo.md §1 row 2). */
export async function* readLists(client: KlaviyoClient, { signal }: { signal: AbortSignal }): AsyncGenerator<KlaviyoList> {
  for await (const data of readListData(client, { signal })) yield toList(data);
}

/**
 * Lists of exactly this name, the oldest first: Klaviyo lets several have the same. One call as a rule, by Klaviyo's own filter; all
 * pages are read where the name holds what breaks the filter's grammar (klaviyo.md §1 "Profiles by e-mail"), or the filter is refused.
 */
export const findListsNamed = async (
  client: KlaviyoClient,
  name: string,
  { signal }: { signal: AbortSignal },
): Promise<readonly KlaviyoList[]> => {
  const named = async (query?: Record<string, string>): Promise<readonly KlaviyoList[]> => {
    const found: ListData[] = [];
    // Klaviyo sorts, as it writes instants with and without microseconds; and nobody promises that its filter minds case
    for await (const data of readListData(client, { signal, query: { ...query, sort: 'created' } }))
      if (data.attributes.name?.trim() === name) found.push(data);
    return found.map(toList);
  };
  if (/["'\\\p{Cc}]/u.test(name)) return named();
  try {
    // the published operators of this field take a list
    return await named({ filter: `any(name,["${name}"])` });
  } catch (error) {
    if (error instanceof UpstreamError && error.status === 400) return named();
    throw error;
  }
};

/** What came back, or did not, leaves open whether the list was made; a 429 does not. */
const mayHaveBeenMade = (error: UpstreamError): boolean => error.retryable && error.code !== 'throttled';

const quotaUsed = (error: UpstreamError): UpstreamError =>
  error.code === 'throttled' && (error.retryAfterMs ?? 0) > LONGEST_MINUTE_MS
    ? new UpstreamError('klaviyo', {
        code: 'list_quota_used',
        message: 'Klaviyo lets an account make 150 lists a day, and takes no more today; choose a list that exists, or try again tomorrow.',
        status: error.status,
        requestId: error.requestId,
        retryAfterMs: error.retryAfterMs,
        retryable: true,
        cause: error,
      })
    : error;

/**
 * The list of this name, made when there is none. Asked again it finds the one it has made; when the answer is lost it looks before it
 * asks again, as Klaviyo would make a second list of the same name. Of several lists the oldest counts, so that two who ask at once
 * agree; the younger one stays in Klaviyo, empty. Nobody joins a list by this.
 * @param name trimmed, not empty
 * @returns `created`: this call made it
 * @throws UpstreamError scope_missing (lists:write), list_quota_used (150 a day; retryable), or what can pass
 * @see klaviyo/openapi stable.json, revision 2026-07-15: POST /api/lists
 */
export const findOrCreateList = async (
  client: KlaviyoClient,
  name: string,
  { signal, random = Math.random }: { signal: AbortSignal; random?: () => number },
): Promise<KlaviyoList & { readonly created: boolean }> => {
  const oldest = async (): Promise<KlaviyoList | undefined> => (await findListsNamed(client, name, { signal }))[0];
  const known = await oldest();
  if (known) return { ...known, created: false };

  const body = JSON.stringify({ data: { type: 'list', attributes: { name } } });
  for (let attempt = 1; ; attempt += 1) {
    try {
      const answer = await client.send('listsCreate', { body, maxAttempts: 1, signal });
      const made = toList(parseAnswer(ListAnswer, answer.body, answer.requestId).data);
      const first = (await oldest()) ?? made;
      return first.id === made.id ? { ...made, created: true } : { ...first, created: false };
    } catch (error) {
      if (!(error instanceof UpstreamError) || !error.retryable) throw error;
      const waitMs = retryDelayMs({ attempt, maxAttempts: MAX_ATTEMPTS, retryAfterMs: error.retryAfterMs, random: random() });
      const goesOn = waitMs !== undefined && waitMs <= MAX_WAIT_IN_CALL_MS;
      if (goesOn) await sleep(waitMs, undefined, { signal });
      const found = mayHaveBeenMade(error) ? await oldest() : undefined;
      if (found) return { ...found, created: true };
      if (!goesOn) throw quotaUsed(error);
    }
  }
};
