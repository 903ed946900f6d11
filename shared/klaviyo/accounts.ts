import type { KlaviyoClient } from './client';
import { parseAnswer } from './pages';
import { AccountsAnswer } from './schemas';

export interface KlaviyoAccount {
  /** six characters, the same as the public key */
  readonly id: string;
  readonly name: string;
  readonly testAccount: boolean;
}

/**
 * The one account a key belongs to; also the cheapest proof that the key is valid (1 call a second, 15 a minute).
 * @throws UpstreamError key_refused, scope_missing, or what can pass
 */
export const getAccount = async (client: KlaviyoClient, { signal }: { signal: AbortSignal }): Promise<KlaviyoAccount> => {
  const { body, requestId } = await client.send('accounts', { signal });
  const [account] = parseAnswer(AccountsAnswer, body, requestId).data;
  return {
    id: account!.id,
    name: account!.attributes.contact_information?.organization_name ?? account!.id,
    testAccount: account!.attributes.test_account ?? false,
  };
};
