import { ClientSecretCredential, DefaultAzureCredential } from '@azure/identity';
import type { TokenCredential } from '@azure/identity';

/** Gives tokens; all that others than the platform know of an identity. */
export type TokenSource = Pick<TokenCredential, 'getToken'>;

/**
 * The app's own identity: the managed identity on Azure, a developer's sign-in elsewhere. Building it touches no network.
 * @param clientId of the user-assigned identity; without it DefaultAzureCredential looks for the system-assigned one
 */
export const createCredential = ({ clientId }: { clientId?: string }): TokenCredential =>
  new DefaultAzureCredential(clientId ? { managedIdentityClientId: clientId } : {});

/**
 * The identity that may write to Application Insights, where that takes no keys: the setting, which the host reads, too, then says
 * `Authorization=AAD`, and by `ClientId=…` who that is.
 * @param clientId of the app's own identity, where the setting names none
 */
export const createTelemetryCredential = ({
  authentication = '',
  clientId,
}: {
  authentication?: string | undefined;
  clientId?: string | undefined;
}): TokenCredential | undefined => {
  const named = new Map<string, string>();
  for (const part of authentication.split(';')) {
    const [name = '', value = ''] = part.split('=').map((text) => text.trim());
    named.set(name.toLowerCase(), value);
  }
  if (named.get('authorization')?.toUpperCase() !== 'AAD') return undefined;
  return createCredential({ clientId: named.get('clientid') || clientId });
};

/** A rotated secret is taken up after this long at the latest. */
const SECRET_KEPT_MS = 10 * 60_000;

/**
 * The identity of an app registration whose client secret lies in Key Vault; the secret is read when a token is first needed, and now and
 * then again. Building it touches no network.
 * @param readSecret from Key Vault
 * @param authorityHost where tokens come from, where that is not Entra ID's public address
 */
export const createClientCredential = ({
  tenantId,
  clientId,
  readSecret,
  authorityHost,
}: {
  tenantId: string;
  clientId: string;
  readSecret: (options: { signal: AbortSignal }) => Promise<{ value: string }>;
  authorityHost?: string;
}): TokenSource => {
  let current: { at: number; value: string; credential: TokenCredential } | undefined;
  return {
    getToken: async (scopes, options) => {
      if (current === undefined || performance.now() - current.at > SECRET_KEPT_MS) {
        const value = (
          await readSecret({ signal: (options?.abortSignal as AbortSignal | undefined) ?? AbortSignal.timeout(30_000) })
        ).value.trim();
        // the same secret keeps its credential, and with it the tokens that it holds
        current =
          current?.value === value
            ? { ...current, at: performance.now() }
            : {
                at: performance.now(),
                value,
                credential: new ClientSecretCredential(
                  tenantId,
                  clientId,
                  value,
                  // other authorities do not stand in Microsoft's public list of them
                  authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true },
                ),
              };
      }
      return current.credential.getToken(scopes, options);
    },
  };
};
