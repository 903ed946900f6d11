import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { QueueServiceClient } from '@azure/storage-queue';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import { type KeyVault, startKeyVault } from '../../infra/local/key-vault/key-vault';
import { freePort } from '../../infra/local/ports';
import { type Azurite, startAzurite } from '../../infra/local/storage/azurite';
import { findCoreTools, startCoreTools } from '../support/core-tools';
import { describeWhere } from '../support/skip';
import { until } from '../support/started-cloud';

/*
 * The same compiled apps under our function host and under Microsoft's own, with the same requests and messages. Both are held against the
 * same expectations, so what one does otherwise shows.
 */
const root = path.resolve(__dirname, '../..');
const func = findCoreTools();
const folder = mkdtempSync(path.join(tmpdir(), 'conformance-'));

interface Host {
  readonly url: string;
  close(): Promise<void>;
}
interface StartHost {
  (given: { appDir: string; env: Record<string, string>; ready: string }): Promise<Host>;
}

const ours: StartHost = async ({ appDir, env }) => {
  const host = spawnFunctionHost({ appDir, env, authentication: false });
  const { url } = await host.ready;
  return { url, close: () => host.kill() };
};
const theirs: StartHost = async ({ appDir, env, ready }) => startCoreTools({ func: func!, appDir, port: await freePort(), env, ready });

let azurite: Azurite;
let vault: KeyVault;
beforeAll(async () => {
  [azurite, vault] = await Promise.all([startAzurite(), startKeyVault()]);
});
afterAll(async () => {
  await Promise.all([azurite.close(), vault.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const service = () => QueueServiceClient.fromConnectionString(azurite.connectionString);

/** The fixture's compiled app in a folder as it would be deployed: Core Tools wants `main` inside the app. */
const fixtureApp = (): string => {
  const dir = path.join(folder, 'fixture-app');
  mkdirSync(dir, { recursive: true });
  cpSync(path.join(root, 'dist/test/support/fixture-app/index.js'), path.join(dir, 'index.js'));
  writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ name: 'fixture-app', private: true, main: 'index.js' }));
  const hostJson = JSON.parse(readFileSync(path.join(root, 'test/support/fixture-app/host.json'), 'utf8')) as object;
  const { extensionBundle } = JSON.parse(readFileSync(path.join(root, 'host.json'), 'utf8')) as { extensionBundle: object };
  writeFileSync(path.join(dir, 'host.json'), JSON.stringify({ ...hostJson, extensionBundle }));
  rmSync(path.join(dir, 'node_modules'), { force: true });
  symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  return dir;
};

const suite = (name: string, start: StartHost) => () => {
  describe('an app of all triggers', () => {
    const queueName = `conformance-${name.replaceAll(' ', '-')}`;
    const log = path.join(folder, `${queueName}.log`);
    let host: Host | undefined;
    interface Seen {
      what: string;
      message?: unknown;
      type?: string;
      metadata?: Record<string, unknown>;
    }
    const seen = (what: string): Seen[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Seen)
        .filter((one) => one.what === what);
    const untilSeen = (what: string, fits: (one: Seen) => boolean): Promise<Seen> =>
      until(`${what} in ${name}`, () => seen(what).find(fits), { seconds: 60, everyMs: 50 });

    beforeAll(async () => {
      writeFileSync(log, '');
      for (const one of [queueName, `${queueName}-poison`]) await service().getQueueClient(one).createIfNotExists();
      const env = { AzureWebJobsStorage: azurite.connectionString, FIXTURE_LOG: log, FIXTURE_QUEUE: queueName };
      host = await start({ appDir: fixtureApp(), env: { ...env, FIXTURE_SCHEDULE: '*/2 * * * * *' }, ready: '/api/empty' });
    }, 180_000);
    afterAll(() => host?.close(), 60_000);

    it.each([
      [
        'PUT',
        '/api/echo/acme/3?q=z',
        201,
        { method: 'PUT', params: { tenant: 'acme', id: '3' }, query: { q: 'z' }, bytes: 5, start: 'hello' },
      ],
      ['GET', '/api/echo/acme', 201, { method: 'GET', params: { tenant: 'acme' }, bytes: 0 }],
      ['GET', '/api/echo/acme/three', 404, undefined],
      ['DELETE', '/api/echo/acme', 404, undefined],
      ['GET', '/api/none', 404, undefined],
      ['GET', '/portal/assets/a.js', 201, { params: { path: 'assets/a.js' } }],
      ['GET', '/api/empty', 204, undefined],
      ['DELETE', '/api/nothing', 204, undefined],
      ['GET', '/api/fails', 500, undefined],
    ])('answers %s %s with %d', async (method, at, status, body) => {
      const answer = await fetch(`${host!.url}${at}`, { method, ...(method === 'PUT' ? { body: 'hello' } : {}) });
      const text = await answer.text();
      expect([answer.status, text.includes('secret text')]).toEqual([status, false]);
      if (body !== undefined) expect(JSON.parse(text)).toMatchObject(body);
    });

    it('gives messages as the library reads them, with their metadata, and deletes them', async () => {
      const queue = service().getQueueClient(queueName);
      for (const text of ['{"a":1}', 'plain text', '7']) await queue.sendMessage(text);
      for (const message of [{ a: 1 }, 'plain text', 7]) {
        const { metadata } = await untilSeen('message', (one) => JSON.stringify(one.message) === JSON.stringify(message));
        expect(Number(metadata!.dequeueCount)).toBe(1);
        expect(Object.keys(metadata!)).toEqual(
          expect.arrayContaining([
            'dequeueCount',
            'expirationTime',
            'id',
            'insertionTime',
            'nextVisibleTime',
            'popReceipt',
            'queueTrigger',
          ]),
        );
      }
      await until('an empty queue', async () => ((await queue.getProperties()).approximateMessagesCount === 0 ? true : undefined));
    });

    it('tries a failing message five times and moves the bare body to the poison queue', async () => {
      await service().getQueueClient(queueName).sendMessage('{"fail":1}');
      await untilSeen('poison', ({ message }) => JSON.stringify(message) === '{"fail":1}');
      const tries = seen('message').filter(({ message }) => JSON.stringify(message) === '{"fail":1}');
      expect(tries.map(({ metadata }) => Number(metadata!.dequeueCount))).toEqual([1, 2, 3, 4, 5]);
    });

    it('sends what a function puts into a queue output', async () => {
      const answer = await fetch(`${host!.url}/api/send`, { method: 'POST', body: '[{"out":1},{"out":2}]' });
      expect(answer.status).toBe(202);
      for (const out of [1, 2]) await untilSeen('message done', ({ message }) => JSON.stringify(message) === JSON.stringify({ out }));
    });

    it('fires its timer', async () => {
      await untilSeen('tick', () => true);
    });
  });

  describe('this product', () => {
    let host: Host | undefined;
    beforeAll(async () => {
      for (const one of ['export-requests', 'export-requests-poison', 'export-runs', 'export-runs-poison']) {
        await service().getQueueClient(one).createIfNotExists(); // on Azure the template makes them
      }
      const env = {
        AzureWebJobsStorage: azurite.connectionString,
        KEY_VAULT_URL: vault.vaultUrl,
        KEY_VAULT_VERIFY_CHALLENGE: 'false',
        IDENTITY_ENDPOINT: vault.identityEndpoint,
        IDENTITY_HEADER: vault.identityHeader,
        NODE_EXTRA_CA_CERTS: vault.certPath,
        TENANT_ID: vault.tenantId,
        SOURCE_CONNECTION_STRING: azurite.connectionString,
        SOURCE_CONTAINER: 'customerinsights',
        SOURCE_FOLDER: 'sample',
        KLAVIYO_BASE_URL: 'http://127.0.0.1:9',
        TICK_SCHEDULE: '0 * * * * *',
      };
      host = await start({ appDir: root, env, ready: '/api/health' });
    }, 180_000);
    afterAll(() => host?.close(), 60_000);

    it.each([
      ['GET', '/api/health', [200, 503], 'application/json'],
      ['GET', '/api/openapi.json', [401], 'application/problem+json'],
      ['GET', '/api/exports', [401], 'application/problem+json'],
      ['GET', '/api/exports/none/runs', [401], 'application/problem+json'],
      ['DELETE', '/api/health', [401], 'application/problem+json'],
      ['GET', '/api/nothing-of-ours', [401], 'application/problem+json'],
    ])('answers %s %s', async (method, at, statuses, type) => {
      const answer = await fetch(`${host!.url}${at}`, { method });
      await answer.arrayBuffer();
      expect(statuses).toContain(answer.status);
      expect(answer.headers.get('content-type')).toContain(type);
    });

    it('puts a request that does not parse into its poison queue, with the reason', async () => {
      await service().getQueueClient('export-requests').sendMessage('{"version":1,"type":"no such type"}');
      const envelope = await until(
        'the envelope',
        async () => {
          const { peekedMessageItems } = await service().getQueueClient('export-requests-poison').peekMessages({ numberOfMessages: 32 });
          return peekedMessageItems[0] && (JSON.parse(peekedMessageItems[0].messageText) as { reason: string; body: unknown });
        },
        { seconds: 45 },
      );
      expect(envelope).toEqual(expect.objectContaining({ version: 1, reason: expect.stringContaining('type') as string }));
      await service().getQueueClient('export-requests-poison').clearMessages();
    });
  });
};

describe('the local function host', suite('local', ours));
describeWhere(func !== undefined, 'Azure Functions Core Tools is not installed: no "func" on the PATH')(
  'func start',
  suite('core-tools', theirs),
);
