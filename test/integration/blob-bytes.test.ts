import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerClient, RestError } from '@azure/storage-blob';
import { createBlobBytes, releasePart } from '../../shared/platform/blob-bytes';

const signal = new AbortController().signal;

/** Storage that answers as a test says, and remembers what it was asked. */
const aStorage = async (answer: (response: ServerResponse, call: number) => void) => {
  const asked: { url: string; headers: IncomingHttpHeaders }[] = [];
  const server = createServer((request, response) => {
    asked.push({ url: request.url!, headers: request.headers });
    answer(response, asked.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    url: `http://127.0.0.1:${port}/account/folder`,
    connectionString: `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${Buffer.from('key').toString('base64')};BlobEndpoint=http://127.0.0.1:${port}/account`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};

const whole = (response: ServerResponse): void => {
  response.writeHead(200, { etag: '"1"', 'content-length': 5, 'last-modified': 'Tue, 18 Aug 2026 02:33:00 GMT' }).end('a,b,c');
};
const readAll = async (parts: AsyncIterable<Buffer>): Promise<string> => {
  let text = '';
  for await (const part of parts) text += part.toString();
  return text;
};

describe('bytes of a blob', () => {
  it('are asked for with what the client of the container has: a token, a signature, a key', async () => {
    const storage = await aStorage(whole);
    const token = { getToken: () => Promise.resolve({ token: 'secret', expiresOnTimestamp: Date.now() + 60_000 }) };
    const clients = [
      new ContainerClient(storage.url, token),
      new ContainerClient(`${storage.url}?sv=2021-12-02&sig=abc`),
      new ContainerClient(storage.connectionString, 'folder'),
    ];
    for (const client of clients) {
      const opened = await createBlobBytes(client).open('a b/é.csv', { ifMatch: '"1"', offset: 3, signal });
      expect(opened).toMatchObject({ etag: '"1"', bytes: 5, modifiedAt: '2026-08-18T02:33:00.000Z' });
      expect(await readAll(opened.parts)).toBe('a,b,c');
    }
    expect(storage.asked.map(({ headers }) => [headers['if-match'], headers.range, headers.authorization])).toEqual([
      ['"1"', 'bytes=3-', 'Bearer secret'],
      ['"1"', 'bytes=3-', undefined],
      ['"1"', 'bytes=3-', undefined],
    ]);
    expect(storage.asked[0]).toMatchObject({ url: '/account/folder/a%20b/%C3%A9.csv', headers: { 'x-ms-version': '2021-12-02' } });
    expect(storage.asked[1]!.url).toBe('/account/folder/a%20b/%C3%A9.csv?sv=2021-12-02&sig=abc');
    expect(storage.asked[2]!.url).toMatch(/^\/account\/folder\/a%20b\/%C3%A9\.csv\?sv=.*&sp=r&.*sig=/);
    await storage.close();
  });

  it('are asked for again after what passes, and never after a refusal', async () => {
    const storage = await aStorage((response, call) => {
      if (call === 1) response.writeHead(503, { 'x-ms-error-code': 'ServerBusy' }).end('busy');
      else if (call === 2) response.destroy();
      else if (call === 3) whole(response);
      else response.writeHead(412, { 'x-ms-error-code': 'ConditionNotMet' }).end('changed');
    });
    const bytes = createBlobBytes(new ContainerClient(storage.connectionString, 'folder'), { firstPauseMs: 5 });
    expect(await readAll((await bytes.open('a.csv', { signal })).parts)).toBe('a,b,c');
    expect(storage.asked.length).toBe(3);
    await expect(bytes.open('a.csv', { signal })).rejects.toMatchObject({ statusCode: 412, code: 'ConditionNotMet' });
    expect(storage.asked.length).toBe(4);
    await storage.close();
  });

  it('end with an error when the connection breaks off, after what has come', async () => {
    const storage = await aStorage((response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': 100_000 });
      response.write('a,b,c', () => setTimeout(() => response.destroy(), 20));
    });
    const { parts } = await createBlobBytes(new ContainerClient(storage.connectionString, 'folder'), { firstPauseMs: 5 }).open('a.csv', {
      signal,
    });
    expect(String((await parts.next()).value)).toBe('a,b,c');
    await expect(parts.next()).rejects.toThrow();
    await storage.close();
  });

  it('wait for a slow reader, and come to an end when nobody reads on or the signal says so', async () => {
    const size = 64 * 1024 * 1024;
    let sent = 0;
    let closed = 0;
    const storage = await aStorage((response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': size }).once('close', () => (closed += 1));
      const piece = Buffer.alloc(256 * 1024, 'x');
      const write = (): void => {
        while (sent < size) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    });
    const bytes = createBlobBytes(new ContainerClient(storage.connectionString, 'folder'), { firstPauseMs: 5 });
    const stop = new AbortController();
    const { parts } = await bytes.open('a.csv', { signal: stop.signal });
    let received = (await parts.next()).value!.length;
    let before = -1;
    while (sent !== before) {
      before = sent;
      await sleep(100);
    }
    // what the two sockets hold, and half a megabyte here
    expect(sent).toBeLessThan(size / 2);
    for await (const part of parts) received += part.length;
    expect(received).toBe(size);

    sent = 0;
    const left = await bytes.open('a.csv', { signal });
    await left.parts.next();
    left.close();
    left.close();
    sent = 0;
    const aborted = await bytes.open('a.csv', { signal: stop.signal });
    await aborted.parts.next();
    stop.abort(new Error('enough'));
    await expect(
      (async () => {
        for await (const _ of aborted.parts);
      })(),
    ).rejects.toThrow('enough');
    while (closed < 3) await sleep(10);
    await storage.close();
  });

  it('are waited for no longer than the signal says, also where all connections are in use', async () => {
    const storage = await aStorage((response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': 5 }).flushHeaders();
    });
    const bytes = createBlobBytes(new ContainerClient(storage.connectionString, 'folder'));
    const held = await Promise.all(Array.from({ length: 32 }, (_, file) => bytes.open(`${file}.csv`, { signal })));
    const stop = new AbortController();
    const waiting = bytes.open('one more.csv', { signal: stop.signal });
    await sleep(50);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    for (const opened of held) opened.close();
    await storage.close();
  });

  it('can be given back, unless others lie in the same memory', () => {
    const own = Buffer.from(new ArrayBuffer(64 * 1024));
    const shared = own.subarray(0, 32 * 1024);
    const small = Buffer.from('from the pool');
    releasePart(shared);
    releasePart(small);
    expect([own.length, shared.length, small.toString()]).toEqual([64 * 1024, 32 * 1024, 'from the pool']);
    releasePart(own);
    expect([own.length, shared.length]).toEqual([0, 0]);
  });

  it('tell of storage that cannot be reached as the SDK does', async () => {
    const storage = await aStorage(whole);
    const { connectionString } = storage;
    await storage.close();
    const bytes = createBlobBytes(new ContainerClient(connectionString, 'folder'), { firstPauseMs: 5 });
    await expect(bytes.open('a.csv', { signal })).rejects.toMatchObject({ name: 'RestError', code: RestError.REQUEST_SEND_ERROR });
  });
});
