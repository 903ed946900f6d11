import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { startKeyVault } from '../../infra/local/key-vault/key-vault';
import { startAzurite } from '../../infra/local/storage/azurite';
import { csvOf, rowsOf } from './people';
import type { Segment } from './people';
import type { Service } from './proxy';

const SOURCE = 'customerinsights';
const FOLDER = 'matrix';
/** Klaviyo's own speed is unpublished; at this one jobs take seconds, so that runs can be met while they wait. */
const PROCESSING = { rowsPerSecond: 400, startDelayMs: 400, concurrentJobs: 3 };

/** An answer takes this long, as it would from another continent: what two runs do at the same time overlaps. */
const LATENCY_MS = 150;

const startSandbox = async (root: string): Promise<{ url: string; child: ChildProcess }> => {
  const program = path.join(root, 'dist/infra/local/klaviyo/main.js');
  const child = spawn(process.execPath, [program, '--port', '0', '--parent-watch'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = /listens on (http:\S+)/.exec(line)?.[1];
      if (said !== undefined) resolve(said);
    });
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`the Klaviyo sandbox ended with ${code}`)));
  });
  return { url, child };
};

/** Everything but the app: storage, vault and Klaviyo, each where nobody is killed. */
export const startCloud = async (root: string, dataDir: string) => {
  const [azurite, vault, sandbox] = await Promise.all([startAzurite({ location: dataDir }), startKeyVault(), startSandbox(root)]);
  const blobs = BlobServiceClient.fromConnectionString(azurite.connectionString);
  const source = blobs.getContainerClient(SOURCE);
  await source.createIfNotExists();
  const control = async (route: string, body?: object): Promise<Response> => {
    const answer = await fetch(`${sandbox.url}/_sandbox/${route}`, {
      ...(body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`the sandbox answered ${answer.status} to ${route}: ${await answer.text()}`);
    return answer;
  };
  await control('options', { processing: PROCESSING, latencyMs: LATENCY_MS });
  const put = (name: string, content: string) => source.getBlockBlobClient(`${FOLDER}/${name}`).upload(content, Buffer.byteLength(content));

  return {
    targets: {
      blob: azurite.blobPort,
      queue: azurite.queuePort,
      table: azurite.tablePort,
      klaviyo: Number(new URL(sandbox.url).port),
    } satisfies Record<Service, number>,
    /** The app's settings where its calls go through these ports. */
    settings: (ports: Readonly<Record<Service, number>>): Record<string, string> => {
      const storage = azurite.connectionString
        .replaceAll(`:${azurite.blobPort}/`, `:${ports.blob}/`)
        .replaceAll(`:${azurite.queuePort}/`, `:${ports.queue}/`)
        .replaceAll(`:${azurite.tablePort}/`, `:${ports.table}/`);
      return {
        AzureWebJobsStorage: storage,
        KEY_VAULT_URL: vault.vaultUrl,
        KEY_VAULT_VERIFY_CHALLENGE: 'false',
        IDENTITY_ENDPOINT: vault.identityEndpoint,
        IDENTITY_HEADER: vault.identityHeader,
        NODE_EXTRA_CA_CERTS: vault.certPath,
        TENANT_ID: vault.tenantId,
        SOURCE_CONNECTION_STRING: storage,
        SOURCE_CONTAINER: SOURCE,
        SOURCE_FOLDER: FOLDER,
        SOURCE_QUIET_SECONDS: '0',
        KLAVIYO_BASE_URL: `http://127.0.0.1:${ports.klaviyo}`,
        RUN_SLICE_SECONDS: '20',
        RUN_LEASE_SECONDS: '15',
        RUN_GUARD_SECONDS: '20',
        TICK_SCHEDULE: '*/5 * * * * *',
      };
    },

    /** Writes the segments as they are on a day, their model last, as a refresh does. */
    writeDay: async (segments: readonly Segment[], day: number): Promise<void> => {
      const at = new Date().toISOString();
      for (const segment of segments) await put(`${segment.name}.csv`, csvOf(rowsOf(segment, day)));
      const entities = segments.map(({ name }) => ({
        $type: 'LocalEntity',
        name,
        attributes: ['CustomerId', 'EMail', 'FirstName', 'Notes'].map((field) => ({ name: field, dataType: 'string' })),
        partitions: [
          {
            name,
            refreshTime: at,
            location: `${source.url}/${FOLDER}/${name}.csv`,
            fileFormatSettings: { $type: 'CsvFormatSettings', columnHeaders: true, delimiter: ',', encoding: 'UTF-8' },
          },
        ],
      }));
      const model = { application: 'Customer Insights', name: 'Matrix', version: '1.0', modifiedTime: at, entities };
      await put('model.json', JSON.stringify(model));
    },

    addAccount: (id: string, lists: readonly { id: string; name: string }[]) =>
      control('accounts', { id, keys: [{ key: `pk_${id}` }], lists: [...lists] }),
    fault: (rule: object) => control('faults', rule),

    /** Who is on a list, by Klaviyo's id, as the sandbox itself holds it. */
    members: async (account: string, listId: string): Promise<Map<string, string>> => {
      const text = await (await control(`accounts/${account}/lists/${listId}/members`)).text();
      const lines = text.split('\n').filter((line) => line !== '');
      return new Map(
        lines.map((line) => {
          const { id, email } = JSON.parse(line) as { id: string; email: string };
          return [id, email];
        }),
      );
    },

    /** Runs that have staged data. */
    stagedRuns: async (): Promise<ReadonlySet<string>> => {
      const found = new Set<string>();
      for await (const { name } of blobs.getContainerClient('staged').listBlobsFlat()) found.add(name.split('/')[0]!);
      return found;
    },
    /** How many messages the queue of turns holds, hidden ones included. */
    messages: async (): Promise<number> =>
      (await new QueueClient(azurite.connectionString, 'export-runs').getProperties()).approximateMessagesCount ?? 0,

    close: async (): Promise<void> => {
      const gone = new Promise((resolve) => sandbox.child.once('close', resolve));
      sandbox.child.kill('SIGTERM');
      await Promise.all([azurite.close(), vault.close(), gone]);
    },
  };
};

export type Cloud = Awaited<ReturnType<typeof startCloud>>;
