import { ConflictError, UpstreamError } from '../errors';
import type { Connection } from '../connections/connection';
import type { ConnectionStore } from '../connections/connection-store';
import { getAccount } from '../klaviyo/accounts';
import type { CallGate, Klaviyo, KlaviyoClient } from '../klaviyo/client';
import { KLAVIYO_REVISION } from '../klaviyo/endpoints';
import type { Pacing } from '../klaviyo/pacing';
import type { Secrets } from '../platform/secrets';
import type { Hold } from './hold';
import type { RunDocument } from './run';
import { addWarning } from './slice';

/**
 * Opens Klaviyo for a run: the key is read from Key Vault at each slice, a version not seen before must belong to the account that the
 * run began with (failures.md row 40), calls are paced by account and fenced by the run's lease.
 */
export const createOpenKlaviyo = ({
  klaviyo,
  secrets,
  connectionStore,
  pacing,
}: {
  klaviyo: Klaviyo;
  secrets: Secrets;
  connectionStore: Pick<ConnectionStore, 'find' | 'findCheckedKey' | 'putCheckedKey'>;
  pacing: Pacing;
}) => {
  /** accounts of secret versions that this process knows of */
  const checked = new Map<string, string>();
  /** Klaviyo is asked once per version, by whichever instance meets it first: an account allows 15 such calls a minute. */
  const accountOf = async (
    { id, secretName }: Connection,
    version: string,
    client: KlaviyoClient,
    { signal }: { signal: AbortSignal },
  ): Promise<string> => {
    const key = `${secretName} ${version}`;
    const known = checked.get(key);
    if (known !== undefined) return known;
    const noted = await connectionStore.findCheckedKey(id, { signal });
    const isNoted = noted?.version === version;
    const accountId = isNoted ? noted.accountId : (await getAccount(client, { signal })).id;
    if (!isNoted) await connectionStore.putCheckedKey(id, { version, accountId }, { signal });
    checked.set(key, accountId);
    return accountId;
  };
  return async (document: RunDocument, hold: Hold, { timeoutMs }: { timeoutMs: number }): Promise<KlaviyoClient> => {
    const { config, run } = document;
    const connection = await connectionStore.find(config.connectionId, { signal: hold.signal });
    if (!connection) {
      throw new ConflictError({
        code: 'connection_removed',
        message: 'The connection of this export has been removed; choose another one.',
      });
    }
    const { value: apiKey, version } = await secrets.get(connection.value.secretName, { signal: hold.signal });
    const gate: CallGate = {
      pace: (endpoint, options) => pacing.take(config.accountId, endpoint, options),
      fence: (callMs) => hold.fence(callMs),
      throttled: (endpoint, retryAfterMs) => pacing.throttled(config.accountId, endpoint, retryAfterMs),
    };
    const client = klaviyo.client({
      apiKey,
      gate,
      timeoutMs,
      observer: {
        throttled: () => {
          run.throttled += 1;
        },
        served: (revision) => {
          run.servedRevision = revision;
          if (revision !== KLAVIYO_REVISION) {
            addWarning(
              document,
              'revision_differs',
              `Klaviyo served API revision ${revision} in place of ${KLAVIYO_REVISION}; install the newest version of this app.`,
            );
          }
        },
      },
    });
    if (document.keyVersion !== version) {
      const accountId = await accountOf(connection.value, version, client, { signal: hold.signal });
      if (accountId !== config.accountId) {
        throw new UpstreamError('klaviyo', {
          code: 'account_changed',
          message: `The API key now belongs to another Klaviyo account (${accountId} in place of ${config.accountId}); nothing was sent. Make a new connection for that account.`,
          retryable: false,
        });
      }
      document.keyVersion = version;
    }
    return client;
  };
};
