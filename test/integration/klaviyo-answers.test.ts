import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { BODY_KINDS } from '../../shared/klaviyo/answers';
import type { BodyKind } from '../../shared/klaviyo/answers';
import { createKlaviyo } from '../../shared/klaviyo/client';
import type { Klaviyo } from '../../shared/klaviyo/client';
import { endpoints } from '../../shared/klaviyo/endpoints';
import type { EndpointName } from '../../shared/klaviyo/endpoints';
import { findJob, postImport } from '../../shared/klaviyo/import-jobs';
import { removeMembers } from '../../shared/klaviyo/list-members';
import { findList } from '../../shared/klaviyo/lists';
import { answerGrid, expectedOf } from '../unit/klaviyo/answer-grid';

/** The table of answers over a real socket: each status with each kind of body, at each endpoint. */
const MEBIBYTE = 1024 * 1024;
const PAGE = '<!DOCTYPE html><html><title>Just a moment...</title></html>';
/** 300 MiB of spaces in 300 KiB: gzip members may stand one after another. */
const BOMB = Buffer.concat(Array<Buffer>(300).fill(gzipSync(Buffer.alloc(MEBIBYTE, 0x20))));
const JSON_API = 'application/vnd.api+json';
const bodies: Readonly<Record<BodyKind, { readonly type?: string; readonly encoding?: string; readonly bytes: Buffer }>> = {
  errors: { type: JSON_API, bytes: Buffer.from('{"errors":[{"id":"1","code":"x","title":"T","detail":"Klaviyo’s words."}]}') },
  json: { type: JSON_API, bytes: Buffer.from('{"data":[]}') },
  page: { type: 'text/html; charset=UTF-8', bytes: Buffer.from(PAGE) },
  empty: { bytes: Buffer.alloc(0) },
  broken: { type: JSON_API, bytes: Buffer.from('{"data":[{"type":"prof') },
  oversized: { type: JSON_API, bytes: Buffer.alloc(16 * MEBIBYTE + 1, 0x20) },
  encoded: { type: JSON_API, encoding: 'gzip', bytes: BOMB },
};
/** 17 MiB a cell: where the bytes are really sent, only once for each class of status. */
const OVERSIZED_STATUSES: readonly (number | 'none')[] = [200, 404, 429, 500];

type Script = (request: IncomingMessage, response: ServerResponse) => void;
let script: Script;
let calls = 0;
const server = createServer((request, response) => {
  calls += 1;
  request.resume().once('end', () => script(request, response));
});
let klaviyo: Klaviyo;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  klaviyo = createKlaviyo({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, random: () => 0 });
});
afterAll(async () => {
  await klaviyo.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const client = () => klaviyo.client({ apiKey: 'pk_any', timeoutMs: 10_000 });
const signal = () => AbortSignal.timeout(50_000);
const answer = (status: number | 'none', kind: BodyKind): Script => {
  const { type, encoding, bytes } = bodies[kind];
  if (status === 'none') return (_, response) => void response.socket?.resetAndDestroy();
  return (_, response) =>
    void response
      .writeHead(status, { ...(type && { 'content-type': type }), ...(encoding && { 'content-encoding': encoding }), 'retry-after': '0' })
      .end(bytes);
};
const outcome = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'ok';
  } catch (error) {
    const { code, retryable, verdict } = error as { code: string; retryable: boolean; verdict?: string };
    expect(verdict === undefined || (verdict === 'retry') === retryable).toBe(true);
    return `${verdict ?? (retryable ? 'retry' : 'final')} ${code}`;
  }
};

describe('each status with each body, at each endpoint', () => {
  // no 204 with a body, no 600: neither can be sent
  const rows = answerGrid.filter(({ status }) => status !== 204 && status !== 600);
  it.each(rows)('$status is what the table says', async ({ status }) => {
    for (const name of Object.keys(endpoints) as EndpointName[])
      for (const kind of BODY_KINDS) {
        if (kind === 'oversized' && !(OVERSIZED_STATUSES.includes(status) && ['accounts', 'listMembersRemove'].includes(name))) continue;
        script = answer(status, kind);
        const hasBody = endpoints[name].method !== 'GET';
        const sent = client().send(name, { id: 'x', maxAttempts: 1, signal: signal(), ...(hasBody ? { body: '{}' } : {}) });
        expect([status, name, kind, await outcome(sent)]).toEqual([status, name, kind, expectedOf(status, name, kind)]);
      }
  });

  it('204 is good where nothing is to be said, and unreadable elsewhere', async () => {
    script = answer(204, 'empty');
    expect(await outcome(client().send('listMembersRemove', { id: 'x', body: '{}', maxAttempts: 1, signal: signal() }))).toBe('ok');
    expect(await outcome(client().send('accounts', { maxAttempts: 1, signal: signal() }))).toBe('retry unreadable');
  });

  it('a bomb is never inflated', async () => {
    script = answer(200, 'encoded');
    const before = process.memoryUsage().rss;
    for (let count = 0; count < 5; count += 1) await outcome(client().send('profiles', { maxAttempts: 1, signal: signal() }));
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * MEBIBYTE);
  });
});

describe('what passes is tried again, what does not is not', () => {
  const after = (first: Script, times = 1): void => {
    let left = times;
    script = (request, response) => (left-- > 0 ? first(request, response) : answer(200, 'json')(request, response));
  };
  const callsOf = async (work: () => Promise<unknown>): Promise<[string, number]> => {
    calls = 0;
    return [await outcome(work()), calls];
  };
  const read = () => client().send('profiles', { signal: signal() });

  it.each<[number | 'none', BodyKind]>([
    ['none', 'empty'],
    [200, 'page'],
    [200, 'broken'],
    [200, 'encoded'],
    [403, 'page'],
    [404, 'page'],
    [429, 'empty'],
    [500, 'errors'],
    [502, 'page'],
    [503, 'broken'],
  ])('%s with %s', async (status, kind) => {
    after(answer(status, kind));
    expect(await callsOf(read)).toEqual(['ok', 2]);
  });

  it.each<[number, BodyKind, string]>([
    [200, 'errors', 'final answer_unexpected'],
    [400, 'errors', 'final invalid'],
    [401, 'errors', 'final key_refused'],
    [403, 'json', 'final scope_missing'],
    [404, 'errors', 'final not_found'],
    [410, 'page', 'final revision_retired'],
    [422, 'empty', 'final unexpected'],
  ])('not %s with %s', async (status, kind, expected) => {
    after(answer(status, kind), 9);
    expect(await callsOf(read)).toEqual([expected, 1]);
  });
});

describe('what is taken for gone', () => {
  it('is gone by Klaviyo’s own word only, never by a page of the edge', async () => {
    const asks = [() => findList(client(), 'L', { signal: signal() }), () => findJob(client(), 'J', { signal: signal() })];
    for (const ask of asks) {
      script = answer(404, 'errors');
      expect(await ask()).toBeUndefined();
    }
    let pages = 0;
    script = (request, response) => (pages++ === 0 ? answer(404, 'page') : answer(404, 'errors'))(request, response);
    expect(await findList(client(), 'L', { signal: signal() })).toBeUndefined();
    expect(pages).toBe(2);
  });

  it('of people who are to leave a list is left out, and the rest sent again', async () => {
    const sent: string[][] = [];
    const unknown = ['id1', 'id2'];
    server.prependListener('request', (request: IncomingMessage) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.once('end', () =>
        sent.push((JSON.parse(Buffer.concat(parts).toString()) as { data: { id: string }[] }).data.map(({ id }) => id)),
      );
    });
    script = (_, response) => {
      const missing = unknown.find((id) => sent.at(-1)!.includes(id));
      if (missing === undefined) return void response.writeHead(204).end();
      response.writeHead(404, { 'content-type': JSON_API }).end(`{"errors":[{"detail":"A profile with id ${missing} does not exist."}]}`);
    };
    expect(await removeMembers(client(), 'L', ['id1', 'id2', 'id3'], { signal: signal() })).toBe(1);
    expect(sent).toEqual([['id1', 'id2', 'id3'], ['id2', 'id3'], ['id3']]);
    server
      .removeAllListeners('request')
      .on('request', (request, response) => request.resume().once('end', () => script(request, response)));
  });

  it('is no list when a removal names nobody that was sent', async () => {
    script = (_, response) =>
      void response.writeHead(404, { 'content-type': JSON_API }).end('{"errors":[{"detail":"A profile with id other does not exist."}]}');
    await expect(removeMembers(client(), 'L', ['id1'], { signal: signal() })).rejects.toMatchObject({ status: 404, retryable: false });
  });
});

it('rows that an import names are told apart from an import that is refused', async () => {
  const post = () => postImport(client(), { body: Buffer.from('{}'), gzip: false, signal: signal(), onAttempt: () => undefined });
  const refuse =
    (pointer: string): Script =>
    (_, response) =>
      void response.writeHead(400, { 'content-type': JSON_API }).end(`{"errors":[{"detail":"No.","source":{"pointer":"${pointer}"}}]}`);
  script = refuse('/data/attributes/profiles/data/12/attributes/email');
  expect(await outcome(post())).toBe('rows invalid');
  script = refuse('/data');
  expect(await outcome(post())).toBe('final invalid');
});
