import { createConnectionStore } from './connections/connection-store';
import type { Env } from './env';
import { createExportStore } from './exports/export-store';
import { createKlaviyo } from './klaviyo/client';
import { createSecretClient, createStorageClients } from './platform/azure-clients';
import { createBlobs } from './platform/blobs';
import { createCredential } from './platform/identity';
import { createLifetime } from './platform/lifetime';
import { createQueue } from './platform/queues';
import { createSecrets } from './platform/secrets';
import type { RunMessage } from './runs/run';
import { createSettings } from './settings/settings';

/** Every object of the app, built once; reads like a parts list and touches no network. */
export const createServices = (env: Env, { now = () => new Date() }: { now?: () => Date } = {}) => {
  const lifetime = createLifetime();
  const credential = createCredential({ clientId: env.AZURE_CLIENT_ID ?? env.AzureWebJobsStorage__clientId });

  const storage = createStorageClients(
    { connectionString: env.AzureWebJobsStorage, accountName: env.AzureWebJobsStorage__accountName },
    credential,
  );
  const tables = {
    connections: storage.table('connections'),
    exports: storage.table('exports'),
    settings: storage.table('settings'),
    runs: storage.table('runs'),
    activity: storage.table('activity'),
    occurrences: storage.table('occurrences'),
    pacing: storage.table('pacing'),
  };
  const queues = {
    exportRuns: createQueue<RunMessage>(storage.queue('export-runs')),
    exportRunsPoison: createQueue<unknown>(storage.queue('export-runs-poison')),
    exportRequests: createQueue<unknown>(storage.queue('export-requests')),
    exportRequestsPoison: createQueue<unknown>(storage.queue('export-requests-poison')),
  };
  const containers = {
    runs: createBlobs(storage.container('runs')),
    staged: createBlobs(storage.container('staged')),
    state: createBlobs(storage.container('state')),
  };
  const secrets = createSecrets(
    createSecretClient({ url: env.KEY_VAULT_URL, verifyChallenge: env.KEY_VAULT_VERIFY_CHALLENGE }, credential),
  );
  const klaviyo = createKlaviyo({ baseUrl: env.KLAVIYO_BASE_URL });

  const connectionStore = createConnectionStore({ table: tables.connections, now });
  const exportStore = createExportStore({ table: tables.exports });
  const settings = createSettings({ table: tables.settings });

  return { env, now, lifetime, tables, queues, containers, secrets, klaviyo, connectionStore, exportStore, settings };
};

export type Services = ReturnType<typeof createServices>;
