import { ConflictError, UpstreamError } from '../errors';
import type { ConnectionKeys } from '../connections/connection-keys';
import type { ConnectionStore } from '../connections/connection-store';
import type { CallGate, Klaviyo, KlaviyoClient } from '../klaviyo/client';
import { KLAVIYO_REVISION } from '../klaviyo/endpoints';
import type { Pacing } from '../klaviyo/pacing';
import type { Hold } from './hold';
import type { RunDocument } from './run';
import { addWarning } from './slice';

/**
 * Opens Klaviyo for a run: the key is read from Key Vault at each slice, a version not seen before must belong to the account that the
 * run began with (failures.md row 40), calls are paced by account and fenced by the run's lease.
 */
export const createOpenKlaviyo = ({
  klaviyo,
  connectionStore,
  connectionKeys,
  pacing,
}: {
  klaviyo: Klaviyo;
  connectionStore: Pick<ConnectionStore, 'findNoted'>;
  connectionKeys: Pick<ConnectionKeys, 'read' | 'watch' | 'accountOf'>;
  pacing: Pacing;
}) => {
  return async (document: RunDocument, hold: Hold, { timeoutMs }: { timeoutMs: number }): Promise<KlaviyoClient> => {
    const { config, run } = document;
    const noted = await connectionStore.findNoted(config.connectionId, { signal: hold.signal });
    if (!noted) {
      throw new ConflictError({
        code: 'connection_removed',
        message: 'The connection of this export has been removed; choose another one.',
      });
    }
    const { note } = noted;
    const connection = noted.connection.value;
    const { apiKey, version } = await connectionKeys.read(connection, { note, signal: hold.signal });
    const gate: CallGate = {
      pace: (endpoint, options) => pacing.take(config.accountId, endpoint, options),
      fence: (callMs) => hold.fence(callMs),
      throttled: (endpoint, retryAfterMs) => pacing.throttled(config.accountId, endpoint, retryAfterMs),
    };
    const bare = klaviyo.client({
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
    const client = connectionKeys.watch(connection.id, bare, note);
    if (document.keyVersion !== version) {
      const accountId = await connectionKeys.accountOf(connection, { version, note, client, signal: hold.signal });
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
