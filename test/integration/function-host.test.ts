import { spawn } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { WORKER_RESTART_CODE } from '../../infra/local/function-host/chaos';
import { type FunctionHostProcess, spawnFunctionHost, type SpawnFunctionHostOptions } from '../../infra/local/function-host/spawn';
import { type Azurite, startAzurite } from '../../infra/local/storage/azurite';
import { isAlive } from '../../infra/local/storage/process-info';

const appDir = path.resolve('test/support/fixture-app');
const folder = mkdtempSync(path.join(tmpdir(), 'function-host-'));
const hosts: FunctionHostProcess[] = [];
let logFiles = 0;

interface Seen {
  what: string;
  at: number;
  function?: string;
  message?: unknown;
  type?: string;
  metadata?: Record<string, unknown>;
  timer?: { isPastDue: boolean; scheduleStatus: { next: string } | null };
}
interface Fixture extends FunctionHostProcess {
  seen(what: string): Seen[];
  until(what: string, count?: number): Promise<Seen[]>;
}

const start = async (env: Record<string, string> = {}, options: Partial<SpawnFunctionHostOptions> = {}): Promise<Fixture> => {
  const logFile = path.join(folder, `seen-${logFiles++}`);
  writeFileSync(logFile, '');
  const host = spawnFunctionHost({ appDir, env: { FIXTURE_LOG: logFile, ...env }, ...options });
  hosts.push(host);
  const { url } = await host.ready;
  const seen = (what: string): Seen[] =>
    readFileSync(logFile, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Seen)
      .filter((one) => one.what === what);
  const until = async (what: string, count = 1): Promise<Seen[]> => {
    for (const giveUpAt = Date.now() + 15_000; seen(what).length < count; await sleep(20)) {
      if (Date.now() > giveUpAt) throw new Error(`${count} times "${what}" did not come; seen: ${readFileSync(logFile, 'utf8')}`);
    }
    return seen(what);
  };
  const { pid, ready, exited, logs, kill } = host;
  return { url, pid, ready, exited, logs, kill, seen, until };
};

afterAll(async () => {
  await Promise.all(hosts.map((host) => host.kill('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
});

describe.each([
  ['whole bodies', {}],
  ['streams', { FIXTURE_STREAM: '1' }],
])('HTTP triggers with %s', (_name, env) => {
  let host: Fixture;
  beforeAll(async () => {
    host = await start(env, { functionKeys: ['function-key'], masterKey: 'master-key' });
  });
  const get = (at: string, init?: RequestInit): Promise<Response> => fetch(`${host.url}${at}`, init);

  it('passes method, address, parameters, query, headers and body, and gives back status, headers, cookies and body', async () => {
    const answer = await get('/api/echo/acme/3?q=z', { method: 'PUT', headers: { 'if-match': '"3"' }, body: '{"a":1}' });
    expect([answer.status, answer.headers.get('x-fixture'), answer.headers.get('content-type')]).toEqual([201, 'echo', 'application/json']);
    expect(answer.headers.getSetCookie()).toEqual(['seen=a%20b; Max-Age=60; HttpOnly; SameSite=Lax']);
    expect(await answer.json()).toMatchObject({
      method: 'PUT',
      url: `${host.url}/api/echo/acme/3?q=z`,
      params: { tenant: 'acme', id: '3' },
      query: { q: 'z' },
      headers: { 'if-match': '"3"', 'x-ms-client-principal-idp': 'aad' },
      bytes: 7,
      start: '{"a":1}',
    });
  });

  it('FH3 matches optional parameters and the rest of a path', async () => {
    expect(await (await get('/api/echo/acme')).json()).toMatchObject({ params: { tenant: 'acme' } });
    expect(await (await get('/portal/assets/a.js')).json()).toMatchObject({ params: { path: 'assets/a.js' } });
  });

  it('FH2 answers 404 without a body for unknown paths and for methods that a route does not have', async () => {
    for (const answer of [await get('/api/none'), await get('/api/echo/acme', { method: 'DELETE' }), await get('/api/echo/acme/three')]) {
      expect([answer.status, await answer.text()]).toEqual([404, '']);
    }
  });

  it('FH5 drops the bodies of GET requests and HEAD answers', async () => {
    const { port } = new URL(host.url);
    const seen = await new Promise<string>((resolve, reject) => {
      const request = http.request(
        { port, host: '127.0.0.1', path: '/api/echo/acme', method: 'GET', headers: { 'content-length': 5 } },
        (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () => resolve(text));
        },
      );
      request.on('error', reject);
      request.end('hello');
    });
    expect(JSON.parse(seen)).toMatchObject({ bytes: 0 });
    const head = await get('/api/echo/acme', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([201, '']);
  });

  it('FH5 takes a body of 20 MB and refuses one above 100 MB with 413', async () => {
    const big = await get('/api/echo/acme', { method: 'POST', body: Buffer.alloc(20 * 1024 * 1024, 'x') });
    expect(await big.json()).toMatchObject({ bytes: 20 * 1024 * 1024 });
    const { port } = new URL(host.url);
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { 'content-length': 100 * 1024 * 1024 + 1 };
      const request = http.request({ port, host: '127.0.0.1', path: '/api/echo/acme', method: 'POST', headers }, (response) => {
        resolve(response.statusCode!);
        request.destroy();
      });
      request.on('error', reject);
      request.write('x');
    });
    expect(status).toBe(413);
  });

  it('FH6 answers 204 when nothing is returned, 500 without a text when a handler throws', async () => {
    expect((await get('/api/empty')).status).toBe(204);
    expect((await get('/api/nothing', { method: 'DELETE' })).status).toBe(204);
    for (const init of [{}, { method: 'POST', body: 'x' }]) {
      const failed = await get('/api/fails', init);
      expect([failed.status, await failed.text()]).toEqual([500, '']);
    }
    expect(host.logs.join('\n')).toContain('secret text of an error');
  });

  it('FH4 authorization levels: wants a key where the function does', async () => {
    const status = async (at: string, key?: string): Promise<number> =>
      (await get(at, key === undefined ? {} : { headers: { 'x-functions-key': key } })).status;
    expect(await status('/api/keyed')).toBe(401);
    expect(await status('/api/keyed', 'wrong')).toBe(401);
    expect(await status('/api/keyed', 'function-key')).toBe(200);
    expect(await status('/api/keyed?code=function-key')).toBe(200);
    expect(await status('/api/keyed', 'master-key')).toBe(200);
    expect(await status('/api/managed', 'function-key')).toBe(401);
    expect(await status('/api/managed', 'master-key')).toBe(200);
  });

  it('shows the app that authentication is on, and not the keys', async () => {
    const { rss, ...shown } = (await (await get('/api/env')).json()) as { rss: number };
    expect(shown).toEqual({ auth: 'True' });
    expect(rss).toBeGreaterThan(0);
  });

  it('sets the principal itself and refuses an unknown role', async () => {
    const forged = { 'x-ms-client-principal': 'e30=', 'X-MS-CLIENT-PRINCIPAL-ID': 'root', 'x-local-role': 'Anonymous' };
    const { headers } = (await (await get('/api/echo/acme', { headers: forged })).json()) as { headers: Record<string, string> };
    expect(Object.keys(headers).filter((name) => /^x-ms-client|x-local/.test(name))).toEqual([]);
    expect((await get('/api/echo/acme', { headers: { 'x-local-role': 'Root' } })).status).toBe(400);
  });

  it('appends the caller’s address to what the caller says of where it comes from, as App Service’s front end does', async () => {
    const answer = await get('/api/echo/acme', { headers: { 'x-forwarded-for': '10.0.0.1' } });
    const { headers } = (await answer.json()) as { headers: Record<string, string> };
    expect(headers['x-forwarded-for']).toMatch(/^10\.0\.0\.1, 127\.0\.0\.1:\d+$/);
  });

  it('answers to this machine’s own names only', async () => {
    const { port } = new URL(host.url);
    const status = await new Promise<number>((resolve, reject) => {
      http
        .get({ port, host: '127.0.0.1', path: '/api/echo/acme', headers: { host: 'evil.example' } }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        })
        .on('error', reject);
    });
    expect(status).toBe(400);
  });

  it('runs the hooks around an invocation', async () => {
    await get('/api/echo/acme');
    expect(host.seen('appStart')).toHaveLength(1);
    expect(host.seen('preInvocation').at(-1)).toMatchObject({ function: 'echo' });
    expect((await host.until('postInvocation')).some((one) => one.function === 'echo')).toBe(true);
  });
});

describe('HTTP streaming', () => {
  it('FH7 passes parts on as they come, and cuts an answer off whose body fails half-way', async () => {
    const host = await start({ FIXTURE_STREAM: '1' });
    const answer = await fetch(`${host.url}/api/stream`);
    const arrivals: number[] = [];
    let text = '';
    for await (const chunk of answer.body!) {
      arrivals.push(Date.now());
      text += Buffer.from(chunk as Uint8Array).toString();
    }
    expect(text).toBe('part 0\npart 1\npart 2\n');
    expect(arrivals.at(-1)! - arrivals[0]!).toBeGreaterThan(300);
    const cut = await fetch(`${host.url}/api/stream?failAt=1`);
    await expect(cut.text()).rejects.toThrow();
    expect((await fetch(`${host.url}/api/echo/acme`)).status).toBe(201);
    await host.kill();
  });

  it('listens on 127.0.0.1 alone, also with the library’s own server', async () => {
    const host = await start({ FIXTURE_STREAM: '1' });
    const sockets = readFileSync(`/proc/${host.pid}/net/tcp`, 'utf8') + readFileSync(`/proc/${host.pid}/net/tcp6`, 'utf8');
    const inodes = new Set<string>();
    const { readdirSync, readlinkSync } = await import('node:fs');
    for (const fd of readdirSync(`/proc/${host.pid}/fd`)) {
      try {
        const inode = /socket:\[(\d+)\]/.exec(readlinkSync(`/proc/${host.pid}/fd/${fd}`))?.[1];
        if (inode) inodes.add(inode);
      } catch {
        // closed meanwhile
      }
    }
    const listening = sockets
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((columns) => columns[3] === '0A' && inodes.has(columns[9]!))
      .map((columns) => columns[1]!.split(':')[0]);
    expect(listening).toEqual(['0100007F', '0100007F']);
    await host.kill();
  });
});

describe('start and end of the host', () => {
  it.each([
    [{ FIXTURE_ROUTE: 'admin/x' }, 'belongs to the host'],
    [{ FIXTURE_SCHEDULE: '0 0 25 * * *' }, '"25" is no hour'],
    [{ FIXTURE_SCHEDULE: '0 * * * * *', FIXTURE_RUN_ON_STARTUP: '1' }, 'runOnStartup is not supported'],
    [{ FIXTURE_QUEUE: 'q' }, 'The app setting AzureWebJobsStorage'],
  ])('refuses %j and says why', async (env, reason) => {
    const host = spawnFunctionHost({ appDir, env: env });
    await expect(host.ready).rejects.toThrow(reason);
    expect((await host.exited).code).toBe(1);
  });

  it('says which port is taken', async () => {
    const first = await start();
    const second = spawnFunctionHost({ appDir, env: {}, port: Number(new URL(first.url).port) });
    await expect(second.ready).rejects.toThrow(/Port \d+ is taken/);
    await first.kill();
  });

  it('can be started again in the same process after it was closed', async () => {
    const hostModule = path.resolve('dist/infra/local/function-host/host.js');
    const script = `
      const { startFunctionHost } = require(${JSON.stringify(hostModule)});
      (async () => {
        for (let round = 0; round < 2; round++) {
          const host = await startFunctionHost({ appDir: ${JSON.stringify(appDir)} });
          console.log((await fetch(host.url + '/api/echo/acme')).status);
          await host.close();
        }
      })();`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(text).toBe('201\n201\n');
  });

  it('FH21 shutdown: ends with what runs on SIGTERM, after the appTerminate hooks', async () => {
    const host = await start();
    const answer = fetch(`${host.url}/api/slow`).then((response) => response.text());
    await host.until('slow started');
    const killed = host.kill('SIGTERM');
    expect(await answer).toBe('done');
    await killed;
    expect(await host.exited).toEqual({ code: 0, signal: null });
    expect(host.seen('appTerminate')).toHaveLength(1);
    await expect(fetch(host.url)).rejects.toThrow();
  });
});

describe('a host whose parent is killed', () => {
  it('ends at once and leaves its port', async () => {
    const spawnModule = path.resolve('dist/infra/local/function-host/spawn.js');
    const script = `
      const host = require(${JSON.stringify(spawnModule)}).spawnFunctionHost({ appDir: ${JSON.stringify(appDir)}, env: {} });
      host.ready.then(({ port }) => console.log(JSON.stringify({ pid: host.pid, port })));`;
    const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = await new Promise<string>((resolve) => parent.stdout.once('data', (data: Buffer) => resolve(data.toString())));
    const { pid, port } = JSON.parse(line) as { pid: number; port: number };
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    for (const giveUpAt = Date.now() + 5_000; isAlive(pid) && Date.now() < giveUpAt;) await sleep(20);
    expect(isAlive(pid)).toBe(false);
    await (await start({}, { port })).kill();
  });
});

describe('queue triggers', () => {
  let azurite: Azurite;
  let names = 0;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(async () => {
    await Promise.all(hosts.map((host) => host.kill('SIGKILL')));
    await azurite.close();
  });
  const startWithQueue = async (env: Record<string, string> = {}, options: Partial<SpawnFunctionHostOptions> = {}) => {
    const name = env.FIXTURE_QUEUE ?? `work-${names++}`;
    const service = QueueServiceClient.fromConnectionString(azurite.connectionString);
    const host = await start({ AzureWebJobsStorage: azurite.connectionString, FIXTURE_QUEUE: name, ...env }, options);
    return { host, name, queue: service.getQueueClient(name), poison: service.getQueueClient(`${name}-poison`) };
  };
  /** A queue with messages before the host sees it. */
  const filledQueue = async (count: number, text: string): Promise<string> => {
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient(`work-${names++}`);
    await queue.create();
    for (let at = 0; at < count; at++) await queue.sendMessage(text);
    return queue.name;
  };
  const lengthOf = async (queue: QueueClient): Promise<number> => (await queue.getProperties()).approximateMessagesCount!;
  const untilEmpty = async (queue: QueueClient): Promise<void> => {
    for (const giveUpAt = Date.now() + 10_000; (await lengthOf(queue)) > 0; await sleep(50)) {
      if (Date.now() > giveUpAt) throw new Error('the queue does not become empty');
    }
  };

  it('FH12 trigger metadata: creates the queues, gives each kind of text as the library does, and deletes what succeeded', async () => {
    const { host, queue } = await startWithQueue();
    for (const text of ['{"a":1}', 'plain text', '7', '{not json']) await queue.sendMessage(text);
    const seen = await host.until('message done', 4);
    expect(seen.map(({ message }) => message)).toEqual(expect.arrayContaining([{ a: 1 }, 'plain text', 7, '{not json']));
    await untilEmpty(queue);
    const { metadata } = host.seen('message').find(({ message }) => message === 'plain text')!;
    expect(metadata).toMatchObject({ dequeueCount: 1, queueTrigger: 'plain text' });
    expect(Object.keys(metadata!).sort()).toEqual([
      'dequeueCount',
      'expirationTime',
      'id',
      'insertionTime',
      'nextVisibleTime',
      'popReceipt',
      'queueTrigger',
    ]);
    expect(new Date(String(metadata!.insertionTime)).getTime()).toBeGreaterThan(Date.now() - 60_000);
    await host.kill();
  });

  it('FH9 dequeue count: gives a failed message back at once, and counts', async () => {
    const { host, queue, poison } = await startWithQueue();
    await queue.sendMessage('{"failTimes":2}');
    await host.until('message done');
    expect(host.seen('message').map(({ metadata }) => metadata!.dequeueCount)).toEqual([1, 2, 3]);
    await untilEmpty(queue);
    expect(await lengthOf(poison)).toBe(0);
    await host.kill();
  });

  it('FH9 FH11 poison: moves the bare body to the poison queue after five failures', async () => {
    const { host, queue, poison } = await startWithQueue({ FIXTURE_POISON_FAILS: '1' });
    await queue.sendMessage('{"fail":1}');
    await host.until('poison');
    expect(host.seen('message').map(({ metadata }) => metadata!.dequeueCount)).toEqual([1, 2, 3, 4, 5]);
    await untilEmpty(queue);
    // A poison queue has none of its own: what fails there is neither moved nor given back, it waits for ten minutes.
    await sleep(700);
    expect(host.seen('poison')).toHaveLength(1);
    const [poisoned] = host.seen('poison');
    expect(poisoned).toMatchObject({ message: { fail: 1 }, metadata: { queueTrigger: { fail: 1 } } });
    const { insertionTime, expirationTime } = poisoned!.metadata as Record<string, string>;
    expect((Date.parse(expirationTime!) - Date.parse(insertionTime!)) / 86_400_000).toBeCloseTo(7, 3);
    expect(await lengthOf(poison)).toBe(1);
    expect((await poison.peekMessages()).peekedMessageItems).toEqual([]);
    await host.kill();
  });

  it('FH13 batchSize: works on that many messages at once and fetches no more before they have ended', async () => {
    const { host } = await startWithQueue({ FIXTURE_QUEUE: await filledQueue(4, '{"waitMs":600}') });
    const done = await host.until('message done', 4);
    const started = host.seen('message');
    expect(started).toHaveLength(4);
    expect(started[1]!.at - started[0]!.at).toBeLessThan(300);
    expect(started[2]!.at).toBeGreaterThanOrEqual(done[1]!.at);
    await host.kill();
  });

  it('FH8 visibility: keeps a message hidden for as long as it works on it', async () => {
    const { host, queue } = await startWithQueue({}, { queueLockMs: 2_000 });
    await queue.sendMessage('{"waitMs":5000}');
    await host.until('message done');
    expect(host.seen('message')).toHaveLength(1);
    await untilEmpty(queue);
    await host.kill();
  });

  it('FH8 visibility: has a message again, counted, whose host was killed', async () => {
    const { host, name, queue } = await startWithQueue({}, { queueLockMs: 3_000 });
    await queue.sendMessage('{"waitMs":1000}');
    await host.until('message');
    await host.kill('SIGKILL');
    expect((await host.exited).signal).toBe('SIGKILL');
    expect(await lengthOf(queue)).toBe(1);
    const second = await startWithQueue({ FIXTURE_QUEUE: name });
    const [again] = await second.host.until('message');
    expect(again!.metadata!.dequeueCount).toBe(2);
    await second.host.until('message done');
    await second.host.kill();
  });

  it('FH21 shutdown: lets running messages end on SIGTERM and takes no more', async () => {
    const { host, queue } = await startWithQueue({ FIXTURE_QUEUE: await filledQueue(4, '{"waitMs":800}') });
    await host.until('message', 2);
    await host.kill('SIGTERM');
    expect(host.seen('message done')).toHaveLength(2);
    expect(await lengthOf(queue)).toBe(2);
    expect((await queue.receiveMessages({ numberOfMessages: 5 })).receivedMessageItems.map(({ dequeueCount }) => dequeueCount)).toEqual([
      1, 1,
    ]);
  });

  it('FH15 output bindings: sends what a function puts into a queue output', async () => {
    const { host } = await startWithQueue();
    const answer = await fetch(`${host.url}/api/send`, { method: 'POST', body: '[{"n":1},{"n":2}]' });
    expect(answer.status).toBe(202);
    expect((await host.until('message done', 2)).map(({ message }) => message)).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }]));
    await host.kill();
  });

  it('FH19 runs a queue function by hand for the holder of the master key', async () => {
    const { host } = await startWithQueue({}, { masterKey: 'master-key' });
    const run = async (name: string, key: string): Promise<number> =>
      (
        await fetch(`${host.url}/admin/functions/${name}`, {
          method: 'POST',
          headers: { 'x-functions-key': key },
          body: '{"input":"{\\"by\\":\\"hand\\"}"}',
        })
      ).status;
    expect([await run('worker', 'wrong'), await run('nobody', 'master-key'), await run('worker', 'master-key')]).toEqual([401, 404, 202]);
    expect((await host.until('message done'))[0]!.message).toEqual({ by: 'hand' });
    await host.kill();
  });

  it('FH8 a lost pop receipt is swallowed: a message that somebody else has taken meanwhile runs again', async () => {
    const { host, queue } = await startWithQueue();
    await queue.sendMessage('{"waitMs":600}');
    const [{ metadata }] = (await host.until('message')) as [Seen];
    const { id, popReceipt } = metadata as { id: string; popReceipt: string };
    await queue.updateMessage(id, popReceipt, '{"taken":1}', 1);
    await host.until('message done', 2);
    expect(host.seen('message').map((one) => [one.message, one.metadata!.dequeueCount])).toEqual([
      [{ waitMs: 600 }, 1],
      [{ taken: 1 }, 2],
    ]);
    await untilEmpty(queue);
    expect(host.logs.join('\n')).not.toContain('could not be recorded');
    await host.kill();
  });

  it('FH10 more than maxDequeueCount deliveries go to the poison queue without a call', async () => {
    const name = await filledQueue(1, '{"died":5}');
    const service = QueueServiceClient.fromConnectionString(azurite.connectionString);
    for (let time = 0; time < 5; time++) {
      const [taken] = (await service.getQueueClient(name).receiveMessages({ visibilityTimeout: 1 })).receivedMessageItems;
      await service.getQueueClient(name).updateMessage(taken!.messageId, taken!.popReceipt, undefined, 0);
    }
    const { host } = await startWithQueue({ FIXTURE_QUEUE: name });
    expect((await host.until('poison'))[0]!.message).toEqual({ died: 5 });
    expect(host.seen('message')).toEqual([]);
    await host.kill();
  });

  it('FH21 shutdown: waits for what runs no longer than it is given, and the message comes back', async () => {
    const { host, queue } = await startWithQueue({}, { queueLockMs: 60_000, shutdownTimeoutMs: 300 });
    await queue.sendMessage('{"waitMs":8000}');
    await host.until('message');
    await host.kill('SIGTERM');
    expect(await host.exited).toEqual({ code: 0, signal: null });
    expect(host.seen('message done')).toEqual([]);
    expect(await lengthOf(queue)).toBe(1);
    expect(host.logs.join('\n')).toContain('had not ended after 300 ms');
  });

  describe('with chaos by seed', () => {
    const withChaos = (settings: string, options: Partial<SpawnFunctionHostOptions> = {}, env: Record<string, string> = {}) =>
      startWithQueue(env, { chaos: { seed: 1, settings: `notDeleted=0,waits=0,stalls=0,restarts=0,poisons=0,${settings}` }, ...options });

    it('a message that was done is not deleted, and runs again', async () => {
      const { host, queue } = await withChaos('notDeleted=1', { queueLockMs: 1_000 });
      await queue.sendMessage('{"n":1}');
      await host.until('message done', 2);
      expect(host.seen('message').map(({ metadata }) => metadata!.dequeueCount)).toEqual([1, 2]);
      expect(host.logs.join('\n')).toMatch(/notDeleted: message \S+ of worker, delivery 2/);
      await host.kill();
    });

    it('a message waits without a call', async () => {
      const { host, queue } = await withChaos('waits=1,waitMs=60000');
      await queue.sendMessage('{"n":1}');
      for (const giveUpAt = Date.now() + 10_000; !host.logs.some((line) => line.includes('waits:')); await sleep(20)) {
        if (Date.now() > giveUpAt) throw new Error('nobody waits');
      }
      await sleep(300);
      expect([host.seen('message'), await lengthOf(queue), (await queue.peekMessages()).peekedMessageItems]).toEqual([[], 1, []]);
      await host.kill();
    });

    it('a message fails five times at once and is poisoned without a call', async () => {
      const { host, queue } = await withChaos('poisons=0.5');
      for (let n = 0; n < 6; n++) await queue.sendMessage(JSON.stringify({ n }));
      await untilEmpty(queue);
      await host.until('poison');
      const done = host.seen('message done').map(({ message }) => (message as { n: number }).n);
      const log = host.logs.join('\n');
      const doomed = new Set([...log.matchAll(/poisons: message (\S+) of worker/g)].map(([, id]) => id)).size;
      expect(doomed).toBeGreaterThan(0);
      expect(done).toHaveLength(6 - doomed);
      expect(log).toContain('failed 5 times');
      await host.kill();
    });

    it('the worker restarts and takes its neighbours along, which come back at once', async () => {
      const name = await filledQueue(2, '{"waitMs":3000}');
      const { host } = await withChaos('restarts=1', {}, { FIXTURE_QUEUE: name });
      expect(await host.exited).toEqual({ code: WORKER_RESTART_CODE, signal: null });
      expect(host.seen('message done')).toEqual([]);
      const second = await startWithQueue({ FIXTURE_QUEUE: name });
      const again = await second.host.until('message', 2);
      expect(again.map(({ metadata }) => metadata!.dequeueCount)).toEqual([2, 2]);
      await second.host.kill('SIGKILL');
    });

    it('the process stands still, renewals included', async () => {
      const { host, queue } = await withChaos('stalls=1,stallMs=2500', { queueLockMs: 1_000 });
      await queue.sendMessage('{"waitMs":1200}');
      await host.until('message');
      // nobody renews while it stands still: another instance is given the message
      let taken = 0;
      for (const giveUpAt = Date.now() + 10_000; taken === 0 && Date.now() < giveUpAt; await sleep(50)) {
        taken = (await queue.receiveMessages({ visibilityTimeout: 60 })).receivedMessageItems.length;
      }
      expect(taken).toBe(1);
      expect(host.logs.join('\n')).toContain('stands still for 2500 ms');
      await host.kill('SIGKILL');
    });
  });

  describe('with other values in host.json', () => {
    const appWith = (name: string, hostJson: object): string => {
      const dir = path.join(folder, name);
      mkdirSync(dir);
      const main = path.relative(dir, path.resolve('dist/test/support/fixture-app/index.js'));
      writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ main }));
      writeFileSync(path.join(dir, 'host.json'), JSON.stringify({ version: '2.0', ...hostJson }));
      return dir;
    };
    const queues = { maxPollingInterval: '00:00:00.200', messageEncoding: 'none' };

    it('FH9 visibilityTimeout is the pause after a failure, and maxDequeueCount the number of tries', async () => {
      const dir = appWith('pause', { extensions: { queues: { ...queues, visibilityTimeout: '00:00:02', maxDequeueCount: 2 } } });
      const { host, queue } = await startWithQueue({}, { appDir: dir });
      await queue.sendMessage('{"fail":1}');
      await host.until('poison');
      const [first, second, ...more] = host.seen('message');
      expect(more).toEqual([]);
      expect(second!.at - first!.at).toBeGreaterThan(1_000);
      await host.kill();
    });

    it('FH14 newBatchThreshold, half the batch size when left out, fetches the next batch before the last one has ended', async () => {
      const dir = appWith('threshold', { extensions: { queues: { ...queues, batchSize: 2 } } });
      const name = await filledQueue(1, '{"waitMs":4000}');
      const service = QueueServiceClient.fromConnectionString(azurite.connectionString);
      for (let at = 0; at < 2; at++) await service.getQueueClient(name).sendMessage('{"waitMs":100}');
      const { host } = await startWithQueue({ FIXTURE_QUEUE: name }, { appDir: dir });
      await host.until('message done', 2);
      expect(host.seen('message done').map(({ message }) => message)).toEqual([{ waitMs: 100 }, { waitMs: 100 }]);
      await host.kill('SIGKILL');
    });

    it('FH20 functionTimeout: the invocation fails, the process ends with 70, and the message comes back', async () => {
      const dir = appWith('timeout', { functionTimeout: '00:00:01', extensions: { queues } });
      const { host, queue } = await startWithQueue({}, { appDir: dir });
      await queue.sendMessage('{"waitMs":8000}');
      expect((await host.exited).code).toBe(70);
      expect(host.logs.join('\n')).toContain('Timeout value of 1 s was exceeded by function worker');
      expect(await lengthOf(queue)).toBe(1);
    });
  });

  it.each([
    [false, 'the app registered no function'],
    [true, "Cannot find module 'beside' in the app's folder"],
  ])('FH23 sealed (%s): a package of a folder above is there or not', async (sealed, words) => {
    const above = mkdtempSync(path.join(folder, 'sealed-'));
    for (const [file, text] of Object.entries({
      'node_modules/beside/index.js': '',
      'app/index.js': "require('node:fs'); require('./own.js'); require('beside');",
      'app/own.js': '',
      'app/package.json': '{ "main": "index.js" }',
      'app/host.json': '{ "version": "2.0" }',
    })) {
      mkdirSync(path.dirname(path.join(above, file)), { recursive: true });
      writeFileSync(path.join(above, file), text);
    }
    const host = spawnFunctionHost({ appDir: path.join(above, 'app'), env: {}, sealed });
    await expect(host.ready).rejects.toThrow(words);
  });

  it('survives storage that is away for a while', async () => {
    const own = await startAzurite({ location: path.join(folder, 'away') });
    const host = await start({ AzureWebJobsStorage: own.connectionString, FIXTURE_QUEUE: 'away' });
    await own.close();
    await sleep(1_000);
    const ports = { blob: own.blobPort, queue: own.queuePort, table: own.tablePort };
    const back = await startAzurite({ location: path.join(folder, 'away'), ports });
    await QueueServiceClient.fromConnectionString(back.connectionString).getQueueClient('away').sendMessage('hello');
    await host.until('message done');
    await host.kill();
    await back.close();
  });

  describe('with base64', () => {
    const base64App = path.join(folder, 'base64-app');
    beforeAll(() => {
      mkdirSync(base64App);
      writeFileSync(
        path.join(base64App, 'package.json'),
        JSON.stringify({ main: path.relative(base64App, path.resolve('dist/test/support/fixture-app/index.js')) }),
      );
      const queues = { batchSize: 2, maxPollingInterval: '00:00:00.200', messageEncoding: 'base64' };
      writeFileSync(path.join(base64App, 'host.json'), JSON.stringify({ version: '2.0', extensions: { queues } }));
    });

    it('FH10 base64: decodes messages, and moves what it cannot decode to the poison queue without a call', async () => {
      const { host, queue } = await startWithQueue({}, { appDir: base64App });
      await queue.sendMessage(Buffer.from('{"a":1}').toString('base64'));
      await queue.sendMessage('not base64!');
      await host.until('message done');
      await untilEmpty(queue);
      expect(host.seen('message').map(({ message }) => message)).toEqual([{ a: 1 }]);
      expect(host.logs.join('\n')).toContain('was moved to');
      await host.kill();
    });
  });
});

describe('timer triggers', () => {
  it('FH16 fires when it is due, by the app setting’s schedule', async () => {
    const host = await start({ FIXTURE_SCHEDULE: '*/1 * * * * *' });
    const ticks = await host.until('tick', 3);
    const seconds = ticks.map(({ at }) => Math.floor(at / 1_000));
    expect(new Set(seconds).size).toBe(3); // once in each second: late on a busy machine, but never early, or it would be twice in one
    for (const { timer } of ticks) {
      expect(timer).toMatchObject({ isPastDue: false, scheduleStatus: null }); // faster than a minute: no memory
    }
    await host.kill();
  });

  it('FH17 past due: makes up once for what was missed while it was away, and not again', async () => {
    const dataDir = path.join(folder, 'timers-away');
    mkdirSync(path.join(dataDir, 'timers'), { recursive: true });
    const last = new Date(Date.now() - 3 * 3_600_000).toISOString();
    writeFileSync(path.join(dataDir, 'timers', 'tick.json'), JSON.stringify({ last, next: last }));
    const host = await start({ FIXTURE_SCHEDULE: '0 0 * * * *' }, { dataDir });
    const [tick] = await host.until('tick');
    expect(tick!.timer!.isPastDue).toBe(true);
    await sleep(300);
    expect(host.seen('tick')).toHaveLength(1);
    await host.kill('SIGKILL');
    const again = await start({ FIXTURE_SCHEDULE: '0 0 * * * *' }, { dataDir });
    await sleep(500);
    expect(again.seen('tick').filter(({ timer }) => timer!.isPastDue)).toEqual([]);
    await again.kill();
  });

  it('FH17 FH18 a timer that takes too long never runs twice at once, and with useMonitor off remembers nothing', async () => {
    const env = { FIXTURE_SCHEDULE: '*/1 * * * * *', FIXTURE_TICK_MS: '1500' };
    const host = await start(env);
    const done = await host.until('tick done', 2);
    const ticks = host.seen('tick');
    expect(ticks[1]!.at).toBeGreaterThanOrEqual(done[0]!.at);
    await host.kill('SIGKILL');
    const dataDir = path.join(folder, 'timers-unmonitored');
    mkdirSync(path.join(dataDir, 'timers'), { recursive: true });
    const last = new Date(Date.now() - 3 * 3_600_000).toISOString();
    writeFileSync(path.join(dataDir, 'timers', 'tick.json'), JSON.stringify({ last, next: last }));
    const forgetful = await start({ FIXTURE_SCHEDULE: '0 0 * * * *', FIXTURE_NO_MONITOR: '1' }, { dataDir, masterKey: 'master-key' });
    await sleep(300);
    expect(forgetful.seen('tick')).toEqual([]);
    const headers = { 'x-functions-key': 'master-key' };
    await fetch(`${forgetful.url}/admin/functions/tick`, { method: 'POST', headers, body: '{}' });
    expect((await forgetful.until('tick'))[0]!.timer).toMatchObject({ isPastDue: false, scheduleStatus: null });
    await forgetful.kill();
  });

  it('does not fire at its first start', async () => {
    const host = await start({ FIXTURE_SCHEDULE: '0 0 0 1 1 *' }, { dataDir: path.join(folder, 'timers-first') });
    await sleep(300);
    expect(host.seen('tick')).toEqual([]);
    await host.kill();
  });
});
