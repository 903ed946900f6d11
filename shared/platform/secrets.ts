import type { SecretClient } from '@azure/keyvault-secrets';
import { ConflictError, NotFoundError, UpstreamError } from '../errors';

interface VaultFailure {
  statusCode?: number;
  code?: string;
  response?: { headers?: { get(name: string): string | undefined } };
  details?: { error?: { innerError?: { code?: string } } };
}

/** Why the vault keeps a secret to itself that the app may read (Key Vault REST reference, "Get Secret"). */
const SHUT = ['SecretDisabled', 'SecretExpired', 'SecretNotYetValid'];
const isShut = ({ details }: VaultFailure): boolean => SHUT.includes(details?.error?.innerError?.code ?? '');

const vaultError = (error: unknown): Error => {
  const { statusCode, code, response } = error as VaultFailure;
  if (!(error instanceof Error)) return new Error('Key Vault call failed');
  if (statusCode === 404)
    return new NotFoundError({ code: 'secret_missing', message: 'The secret is no longer in Key Vault; restore it there.', cause: error });
  if (statusCode === 409)
    return new ConflictError({
      code: 'secret_deleted',
      message: 'A deleted secret of this name is still kept by Key Vault; recover or purge it.',
      cause: error,
    });
  if (statusCode === 403 && isShut(error as VaultFailure)) {
    return new UpstreamError('keyVault', {
      code: 'secret_disabled',
      message: 'The secret is disabled in Key Vault, or its time is over or has not come; enable it there.',
      status: statusCode,
      requestId: response?.headers?.get('x-ms-request-id'),
      retryable: false,
      cause: error,
    });
  }
  const refused = statusCode === 401 || statusCode === 403;
  return new UpstreamError('keyVault', {
    code: refused ? 'vault_refused' : 'vault_unavailable',
    message: refused
      ? 'Key Vault refused the app; give its identity the role Key Vault Secrets Officer.'
      : `Key Vault did not answer as expected (${code ?? statusCode ?? error.name}); it is tried again.`,
    status: statusCode,
    requestId: response?.headers?.get('x-ms-request-id'),
    retryable: !refused,
    cause: error,
  });
};

/** The vault that holds the Klaviyo keys. Values are read at each slice and never kept, logged or returned. */
export const createSecrets = (client: SecretClient) => {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw vaultError(error);
    }
  };
  return {
    /** @throws NotFoundError secret_missing; UpstreamError secret_disabled, vault_refused, vault_unavailable */
    get: (name: string, { signal }: { signal: AbortSignal }): Promise<{ value: string; version: string }> =>
      attempt(async () => {
        const secret = await client.getSecret(name, { abortSignal: signal });
        return { value: secret.value ?? '', version: secret.properties.version ?? '' };
      }),
    set: (name: string, value: string, { signal }: { signal: AbortSignal }): Promise<{ version: string }> =>
      attempt(async () => {
        const secret = await client.setSecret(name, value, { abortSignal: signal, contentType: 'text/plain' });
        return { version: secret.properties.version ?? '' };
      }),
    /** Deletes a secret (the vault keeps it recoverable for its retention time); one that is gone already is no error. */
    remove: (name: string, { signal }: { signal: AbortSignal }): Promise<void> =>
      attempt(async () => {
        try {
          await client.beginDeleteSecret(name, { abortSignal: signal });
        } catch (error) {
          if ((error as { statusCode?: number }).statusCode !== 404) throw error;
        }
      }),
  };
};

export type Secrets = ReturnType<typeof createSecrets>;
