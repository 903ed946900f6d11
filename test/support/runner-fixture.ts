import { randomUUID } from 'node:crypto';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import type { ServerOptions } from '../../infra/local/klaviyo/server';
import { createContainerSink } from '../../infra/local/sample/sinks';
import { sampleFolder, writeSample } from '../../infra/local/sample/sample';
import type { SampleManifest, SampleOptions } from '../../infra/local/sample/sample';
import { startAzurite } from '../../infra/local/storage/azurite';
import { Connection } from '../../shared/connections/connection';
import { parseEnv } from '../../shared/env';
import { Export } from '../../shared/exports/export';
import type { NewExport } from '../../shared/exports/export';
import { newConnectionId, newExportId } from '../../shared/new-ids';
import type { ExportId, RunId } from '../../shared/ids';
import { ensureStorage } from '../../shared/platform/provision';
import { RunMessage, hasEnded } from '../../shared/runs/run';
import type { Run } from '../../shared/runs/run';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startTrustedVault } from './trusted-vault';

export const SOURCE = 'customerinsights';
const MINUTES = 60_000;
const LOOKS_PER_QUESTION = 4;

/** Every signal of a test ends with it. */
export const testSignal = (): AbortSignal => AbortSignal.timeout(5 * MINUTES);

export const fullMapping: NewExport['mapping'] = {
  email: 'EMail',
  firstName: 'FirstName',
  lastName: 'LastName',
  phoneNumber: 'Telephone',
  location: { city: 'City', country: 'Country' },
  properties: [
    { field: 'LoyaltyTier', name: 'loyalty_tier' },
    { field: 'TotalSpend', name: 'total_spend' },
    { field: 'LastPurchase', name: 'last_purchase' },
  ],
};

/**
 * The app's own parts in this process, against Azurite, the Key Vault stand-in and the Klaviyo sandbox over real sockets. Only the
 * function host is missing: `pump` takes messages from the queue and hands them to the runner, as the host's trigger would.
 */
export const startRunnerFixture = async ({
  sandbox: sandboxOptions = {},
  env: moreEnv = {},
}: { sandbox?: ServerOptions; env?: Record<string, string> } = {}) => {
  const [azurite, vault, klaviyo] = await Promise.all([startAzurite(), startTrustedVault(), startKlaviyoSandbox(sandboxOptions)]);
  const environment = {
    AzureWebJobsStorage: azurite.connectionString,
    KEY_VAULT_URL: vault.vaultUrl,
    KEY_VAULT_VERIFY_CHALLENGE: 'false',
    TENANT_ID: vault.tenantId,
    SOURCE_CONNECTION_STRING: azurite.connectionString,
    SOURCE_CONTAINER: SOURCE,
    SOURCE_FOLDER: sampleFolder,
    SOURCE_QUIET_SECONDS: '0',
    KLAVIYO_BASE_URL: klaviyo.url,
    RUN_LEASE_SECONDS: '15',
    RUN_GUARD_SECONDS: '20',
    ...moreEnv,
  };
  /** A second app beside the first one, on the same stores: another instance. */
  const newInstance = (more: Record<string, string> = {}): Services => createServices(parseEnv({ ...environment, ...more }));
  const services = newInstance();
  await ensureStorage(services, { signal: testSignal() });
  const source = new ContainerClient(azurite.connectionString, SOURCE);
  await source.createIfNotExists();

  const writeSegments = async (
    options: Omit<SampleOptions, 'sink' | 'refreshedAt' | 'seed'> & { refreshedAt?: Date },
  ): Promise<SampleManifest> => {
    const { manifest } = await writeSample(
      { seed: 7, refreshedAt: new Date(), containerUrl: source.url, ...options, sink: createContainerSink(source) },
      { signal: testSignal() },
    );
    return manifest;
  };

  /** A connection as the API would have stored it. */
  const connect = async ({
    apiKey = 'pk_sandbox_full',
    accountId = 'SANDBX',
  }: { apiKey?: string; accountId?: string } = {}): Promise<Connection> => {
    const at = new Date().toISOString();
    const secretName = `klaviyo-${randomUUID()}`;
    await services.secrets.set(secretName, apiKey, { signal: testSignal() });
    const connection = Connection.parse({
      id: newConnectionId(),
      displayName: `Klaviyo ${secretName}`,
      type: 'klaviyo',
      access: 'administrators',
      secretName,
      ownsSecret: true,
      accountId,
      accountName: 'Sandbox',
      agreedAt: at,
      agreedBy: 'tester',
      consentVersion: '1',
      createdAt: at,
      updatedAt: at,
      exportUser: 'tester',
    });
    await services.connectionStore.insert(connection, { signal: testSignal() });
    return connection;
  };

  const anExport = async (connection: Connection, more: Partial<Record<keyof Export, unknown>> = {}): Promise<Export> => {
    const at = new Date().toISOString();
    const segmentExport = Export.parse({
      id: newExportId(),
      name: 'An export',
      connectionId: connection.id,
      listId: 'LIST5K',
      segments: ['HighValueSegment'],
      mapping: fullMapping,
      createdAt: at,
      createdBy: 'tester',
      updatedAt: at,
      updatedBy: 'tester',
      ...more,
    });
    await services.exportStore.insert(segmentExport, { signal: testSignal() });
    return segmentExport;
  };

  const queue = new QueueClient(azurite.connectionString, 'export-runs');
  /**
   * Hands every visible message to the runner until `done`; like the host, it deletes a message after its handler has ended well. While
   * there is none it looks often for a message and seldom whether all is done: what is waited for comes with a message, as a rule.
   */
  const pump = async (
    done: () => Promise<boolean>,
    { app = services, timeoutMs = 3 * MINUTES }: { app?: Services; timeoutMs?: number } = {},
  ): Promise<void> => {
    const until = Date.now() + timeoutMs;
    for (let idle = 0; ;) {
      if (idle % LOOKS_PER_QUESTION === 0 && (await done())) return;
      if (Date.now() > until) throw new Error('the run did not come to where the test waits for');
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 8, visibilityTimeout: 600 });
      await Promise.all(
        receivedMessageItems.map(async (message) => {
          await app.advanceRun(RunMessage.parse(JSON.parse(message.messageText)), { signal: testSignal() });
          await queue.deleteMessage(message.messageId, message.popReceipt);
        }),
      );
      idle = receivedMessageItems.length === 0 ? idle + 1 : 0;
      if (idle > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const ended = async (runId: RunId): Promise<boolean> => hasEnded((await services.runs.get(runId, { signal: testSignal() })).state);
  const runToEnd = async (
    exportId: ExportId,
    {
      full = false,
      dryRun = false,
      trigger = { kind: 'onDemand', by: 'tester' },
    }: { full?: boolean; dryRun?: boolean; trigger?: Run['trigger'] } = {},
  ): Promise<Run> => {
    const { run } = await services.runs.start({ exportId, trigger, full, dryRun }, { signal: testSignal() });
    await pump(() => ended(run.id));
    return services.runs.get(run.id, { signal: testSignal() });
  };

  /** The list's members as the sandbox holds them, by e-mail in ascending order. */
  const members = async (listId: string, accountId = 'SANDBX'): Promise<string[]> => {
    const answer = await fetch(`${klaviyo.url}/_sandbox/accounts/${accountId}/lists/${listId}/members`);
    const text = await answer.text();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { email: string }).email)
      .sort();
  };
  const sandboxState = async () => (await (await fetch(`${klaviyo.url}/_sandbox/state`)).json()) as Record<string, unknown>;
  const fault = async (body: object): Promise<void> => {
    const answer = await fetch(`${klaviyo.url}/_sandbox/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`fault refused: ${answer.status} ${await answer.text()}`);
  };

  return {
    azurite,
    vault,
    klaviyo,
    services,
    source,
    queue,
    environment,
    newInstance,
    writeSegments,
    connect,
    anExport,
    pump,
    ended,
    runToEnd,
    members,
    sandboxState,
    fault,
    close: async () => {
      await services.klaviyo.close();
      await Promise.all([azurite.close(), vault.close(), klaviyo.close()]);
    },
  };
};

export type RunnerFixture = Awaited<ReturnType<typeof startRunnerFixture>>;
