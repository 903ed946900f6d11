import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TableClient } from '@azure/data-tables';
import { startAzurite } from '../../infra/local/storage/azurite';
import type { Azurite } from '../../infra/local/storage/azurite';
import { MIRROR_MAX_IDLE_MS, createMirror } from '../../shared/platform/mirror';
import { startCountingProxy } from '../support/counting-proxy';

const { signal } = new AbortController();
let azurite: Azurite;
let proxy: Awaited<ReturnType<typeof startCountingProxy>>;
beforeAll(async () => {
  azurite = await startAzurite();
  proxy = await startCountingProxy(azurite);
});
afterAll(async () => {
  await proxy.close();
  await azurite.close();
});

/** A table service whose first answer is held back, after it has been made. */
const startSlowAnswers = async (port: number) => {
  let letGo: () => void = () => undefined;
  const free = new Promise<void>((resolve) => (letGo = resolve));
  let tellHeld: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (tellHeld = resolve));
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      tellHeld();
      void free.then(() => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    connectionString: (of: Azurite) => of.connectionString.replaceAll(`:${port}/`, `:${(server.address() as AddressInfo).port}/`),
    held: () => held,
    letGo: () => letGo(),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

let tables = 0;
const aTable = async () => {
  const name = `mirrored${(tables += 1)}`;
  const client = (connectionString: string) =>
    TableClient.fromConnectionString(connectionString, name, { allowInsecureConnection: true, retryOptions: { maxRetries: 0 } });
  const writer = client(azurite.connectionString);
  await writer.createTable();
  let clock = 0;
  const parsed: string[] = [];
  const logged: object[] = [];
  const mirrorBehind = (connectionString: string) =>
    createMirror<string>({
      table: client(connectionString),
      partition: 'p',
      parse: (document, row) => {
        parsed.push(row);
        const { value } = document as { value?: string };
        if (value === 'broken') throw new Error('The row is broken.');
        return value;
      },
      what: 'The rows',
      log: (event, fields) => void logged.push({ event, ...fields }),
      monotonicMs: () => clock,
    });
  return {
    mirror: mirrorBehind(proxy.connectionString),
    mirrorBehind,
    parsed,
    logged,
    wait: (ms: number) => void (clock += ms),
    put: (row: string, value: string | undefined, partition = 'p') =>
      writer.upsertEntity({ partitionKey: partition, rowKey: row, document: JSON.stringify({ value }) }, 'Replace'),
    remove: (row: string) => writer.deleteEntity('p', row),
    seed: async (count: number) => {
      for (let from = 0; from < count; from += 100) {
        await writer.submitTransaction(
          Array.from({ length: Math.min(100, count - from) }, (_, index) => [
            'create',
            { partitionKey: 'p', rowKey: `r${String(from + index).padStart(5, '0')}`, document: JSON.stringify({ value: 'seeded' }) },
          ]),
        );
      }
    },
  };
};
const shown = (rows: ReadonlyMap<string, { value: string }>) => Object.fromEntries([...rows].map(([row, { value }]) => [row, value]));

describe('a mirrored partition', () => {
  it('shows what was written before it was asked: new, changed and removed rows of its partition alone', async () => {
    const { mirror, put } = await aTable();
    expect(shown(await mirror.read({ signal }))).toEqual({});
    await put('a', '1');
    await put('b', '1');
    await put('a', 'elsewhere', 'q');
    expect(shown(await mirror.read({ signal }))).toEqual({ a: '1', b: '1' });
    await put('a', '2');
    await put('b', undefined);
    await put('c', '1');
    expect(shown(await mirror.read({ signal }))).toEqual({ a: '2', c: '1' });
    await put('b', '2');
    expect(shown(await mirror.read({ signal }))).toEqual({ a: '2', b: '2', c: '1' });
  });

  it('takes one query a read, also for 1,000 rows, and parses each version once', async () => {
    const { mirror, put, seed, parsed } = await aTable();
    await seed(1_000);
    expect((await proxy.during(() => mirror.read({ signal }))).length).toBe(1);
    const before = await mirror.read({ signal });
    await put('r00500', 'changed');
    const calls = await proxy.during(async () => {
      const after = await mirror.read({ signal });
      expect(after.size).toBe(1_000);
      expect(after.get('r00500')?.value).toBe('changed');
      expect(after.get('r00499')).toBe(before.get('r00499'));
    });
    expect(calls).toHaveLength(1);
    expect(decodeURIComponent(calls[0]!)).toContain('Timestamp ge');
    expect(parsed).toHaveLength(1_001);
  });

  it('shares reads among those who ask at once', async () => {
    const { mirror, seed } = await aTable();
    await seed(300);
    const calls = await proxy.during(() => Promise.all(Array.from({ length: 50 }, () => mirror.read({ signal }))));
    expect(calls).toHaveLength(2);
  });

  it('shares no read that had begun before: what was written meanwhile is seen', async () => {
    const { mirrorBehind, put } = await aTable();
    await put('a', 'before');
    const slow = await startSlowAnswers(azurite.tablePort);
    const mirror = mirrorBehind(slow.connectionString(azurite));
    const first = mirror.read({ signal });
    await slow.held();
    await put('a', 'meanwhile');
    const others = Promise.all([mirror.read({ signal }), mirror.read({ signal })]);
    slow.letGo();
    await first;
    for (const rows of await others) expect(shown(rows)).toEqual({ a: 'meanwhile' });
    await slow.close();
  });

  it('lets each of many writers see its own write at once', async () => {
    const { mirror, put } = await aTable();
    const writers = Array.from({ length: 20 }, async (_, index) => {
      for (let round = 0; round < 5; round += 1) {
        await put(`w${index}`, String(round));
        expect((await mirror.read({ signal })).get(`w${index}`)?.value).toBe(String(round));
      }
    });
    await Promise.all(writers);
  });

  it('reads everything again after a long pause, so that nothing is remembered of what has gone meanwhile', async () => {
    const { mirror, put, remove, wait } = await aTable();
    await put('a', '1');
    await put('b', '1');
    await mirror.read({ signal });
    await remove('b');
    wait(MIRROR_MAX_IDLE_MS + 1);
    expect(shown(await mirror.read({ signal }))).toEqual({ a: '1' });
  });

  it('leaves out a row that cannot be read, says so once and without its content, and goes on with the others', async () => {
    const { mirror, put, logged } = await aTable();
    await put('a', '1');
    await put('b', '1');
    await mirror.read({ signal });
    await put('a', 'broken');
    await put('b', '2');
    expect(shown(await mirror.read({ signal }))).toEqual({ b: '2' });
    expect(shown(await mirror.read({ signal }))).toEqual({ b: '2' });
    expect(mirror.unreadable()).toEqual(['a']);
    expect(logged).toEqual([expect.objectContaining({ event: 'row_unreadable', partition: 'p', row: 'a', error: 'Error' })]);
    expect(JSON.stringify(logged)).not.toContain('broken');
    await put('a', '2');
    expect(shown(await mirror.read({ signal }))).toEqual({ a: '2', b: '2' });
    expect(mirror.unreadable()).toEqual([]);
  });

  it('lets a caller stop waiting, and nobody else with it', async () => {
    const { mirrorBehind, put } = await aTable();
    await put('a', '1');
    const slow = await startSlowAnswers(azurite.tablePort);
    const mirror = mirrorBehind(slow.connectionString(azurite));
    const impatient = new AbortController();
    const [patient, gone] = [mirror.read({ signal }), mirror.read({ signal: impatient.signal })];
    await slow.held();
    impatient.abort(new Error('gone'));
    await expect(gone).rejects.toThrow('gone');
    await expect(mirror.read({ signal: impatient.signal })).rejects.toThrow('gone');
    slow.letGo();
    expect(shown(await patient)).toEqual({ a: '1' });
    await mirror.read({ signal });
    await slow.close();
  });

  it('leaves no error that nobody waits for, when the service is away and all have gone', async () => {
    const { mirrorBehind } = await aTable();
    const away = await startSlowAnswers(azurite.tablePort);
    const connectionString = away.connectionString(azurite);
    await away.close();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const mirror = mirrorBehind(connectionString);
    const impatient = new AbortController();
    const reads = [1, 2].map(() => mirror.read({ signal: impatient.signal }).catch(() => undefined));
    impatient.abort(new Error('gone'));
    await Promise.all(reads);
    await expect(mirror.read({ signal })).rejects.toThrow('Azure Storage');
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
