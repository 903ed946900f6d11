import { UpstreamError } from '../errors';
import type { KlaviyoClient } from './client';
import { parseAnswer, readPages } from './pages';
import { ListAnswer, ListsAnswer } from './schemas';

export interface KlaviyoList {
  readonly id: string;
  readonly name: string;
  /** single_opt_in, double_opt_in; being on the list is not consent either way */
  readonly optInProcess?: string;
}

const toList = (data: { id: string; attributes: { name?: string | null; opt_in_process?: string | null } }): KlaviyoList => ({
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

/** All lists of the account; Klaviyo gives ten a page (klaviyo.md §1 row 2). */
export async function* readLists(client: KlaviyoClient, { signal }: { signal: AbortSignal }): AsyncGenerator<KlaviyoList> {
  for await (const page of readPages(client, 'lists', ListsAnswer, { signal, query: { 'page[size]': '10' } })) yield* page.data.map(toList);
}
