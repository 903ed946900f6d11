import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { SecretClient } from '@azure/keyvault-secrets';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';

/** Where an account is: its connection string (local cloud), or its services' addresses or its name, read with the app's identity (Azure). */
export interface StorageAccount {
  readonly connectionString?: string;
  /** stands for the addresses in the public cloud that are not given */
  readonly accountName?: string;
  readonly blobUrl?: string;
  readonly queueUrl?: string;
  readonly tableUrl?: string;
}

/**
 * Clients of one storage account. Building them touches no network.
 * @throws Error when neither a connection string nor an address nor a name is given; env.ts refuses that before
 */
export const createStorageClients = (
  { connectionString, accountName, blobUrl, queueUrl, tableUrl }: StorageAccount,
  credential: TokenCredential,
) => {
  const given = { blob: blobUrl, queue: queueUrl, table: tableUrl };
  const endpoint = (service: keyof typeof given): string => {
    const address = given[service];
    if (address !== undefined) return address.replace(/\/+$/, '');
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
