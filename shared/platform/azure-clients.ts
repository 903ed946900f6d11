import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';

/** Where an account is: its connection string (local cloud), or its name or blob endpoint, read with the app's identity (Azure). */
export interface StorageAccount {
  readonly connectionString?: string;
  readonly accountName?: string;
  readonly blobUrl?: string;
}

/**
 * Clients of one storage account. Building them touches no network.
 * @throws Error when neither a connection string nor a name is given; env.ts refuses that before
 */
export const createStorageClients = ({ connectionString, accountName, blobUrl }: StorageAccount, credential: TokenCredential) => {
  const endpoint = (service: 'blob' | 'queue' | 'table'): string => {
    if (service === 'blob' && blobUrl !== undefined) return blobUrl.replace(/\/+$/, '');
    if (accountName === undefined) throw new Error('A storage account needs a connection string or a name.');
    return `https://${accountName}.${service}.core.windows.net`;
  };
  return {
    /** @param maxRetries of the SDK, beside the first try; 0 for who has no time to wait and knows what to do without an answer */
    table: (name: string, { maxRetries = 3 }: { maxRetries?: number } = {}): TableClient => {
      const retryOptions = { maxRetries };
      return connectionString === undefined
        ? new TableClient(endpoint('table'), name, credential, { retryOptions })
        : TableClient.fromConnectionString(connectionString, name, { retryOptions, allowInsecureConnection: true }); // Azurite speaks http
    },
    queue: (name: string): QueueClient =>
      connectionString === undefined
        ? new QueueClient(`${endpoint('queue')}/${name}`, credential)
        : new QueueClient(connectionString, name),
    container: (name: string): ContainerClient =>
      connectionString === undefined
        ? new ContainerClient(`${endpoint('blob')}/${name}`, credential)
        : new ContainerClient(connectionString, name),
  };
};

/** @param verifyChallenge false in the local cloud only: its vault does not lie under vault.azure.net (toolchain: tried) */
export const createSecretClient = (
  { url, verifyChallenge }: { url: string; verifyChallenge: boolean },
  credential: TokenCredential,
): SecretClient => new SecretClient(url, credential, { disableChallengeResourceVerification: !verifyChallenge });
