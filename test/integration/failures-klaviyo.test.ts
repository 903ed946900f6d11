import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createKlaviyo } from '../../shared/klaviyo/client';
import type { Klaviyo, KlaviyoClient } from '../../shared/klaviyo/client';
import { lookUp, lookUpByRelationship } from '../../shared/klaviyo/list-members';
import { findList } from '../../shared/klaviyo/lists';
import { readJobs } from '../../shared/klaviyo/import-jobs';

/** Rows 46 to 48 of failures.md for the one place that sends to Klaviyo, held against a server that answers with what it should not. */

const KEY = 'pk_a_key_that_must_not_travel';
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const started: Server[] = [];
const serve = async (answer: Answer): Promise<{ url: string; seen: IncomingMessage[] }> => {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    answer(request, response);
  });
  started.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
};
const clients: Klaviyo[] = [];
const clientOf = (baseUrl: string): KlaviyoClient => {
  const klaviyo = createKlaviyo({ baseUrl, random: () => 0 });
  clients.push(klaviyo);
  return klaviyo.client({ apiKey: KEY, timeoutMs: 5_000 });
};
afterEach(async () => {
  for (const klaviyo of clients.splice(0)) await klaviyo.close();
  for (const server of started.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
const signal = (): AbortSignal => AbortSignal.timeout(20_000);
const json = (response: ServerResponse, body: unknown): void =>
  void response.writeHead(200, { 'content-type': 'application/vnd.api+json' }).end(JSON.stringify(body));

describe('row 46: the key goes to the pinned host only', () => {
  it.each([301, 302, 307, 308])('a redirect (%i) elsewhere is not followed', async (status) => {
    const elsewhere = await serve((_, response) => json(response, { data: [] }));
    const klaviyo = await serve((_, response) => void response.writeHead(status, { location: `${elsewhere.url}/api/accounts` }).end());
    await expect(clientOf(klaviyo.url).send('accounts', { signal: signal() })).rejects.toMatchObject({ status, retryable: false });
    expect([klaviyo.seen.length, elsewhere.seen.length]).toEqual([1, 0]);
  });

  it('of a next link elsewhere only the cursor is taken', async () => {
    const elsewhere = await serve((_, response) => json(response, { data: [] }));
    const klaviyo = await serve((request, response) =>
      json(response, {
        data: [],
        links: { next: request.url?.includes('page%5Bcursor%5D=c2') ? null : `${elsewhere.url}/latest/meta-data?page[cursor]=c2` },
      }),
    );
    for await (const job of readJobs(clientOf(klaviyo.url), { signal: signal() })) expect(job).toBeUndefined();
    expect([klaviyo.seen.length, elsewhere.seen.length]).toEqual([2, 0]);
  });

  it('a next link that runs in a circle ends', async () => {
    const klaviyo = await serve((_, response) => json(response, { data: [], links: { next: '/api/x?page[cursor]=same' } }));
    for await (const job of readJobs(clientOf(klaviyo.url), { signal: signal() })) expect(job).toBeUndefined();
    expect(klaviyo.seen.length).toBe(2);
  });

  it.each(['../../oauth/token', 'A/B', 'A#B', 'A?B=C', '..', 'A%2FB'])('the id %j stays one part of the path', async (id) => {
    const klaviyo = await serve((_, response) => void response.writeHead(404).end('{"errors":[]}'));
    const found = findList(clientOf(klaviyo.url), id, { signal: signal() });
    if (id === '..') await expect(found).rejects.toMatchObject({ code: 'id_unknown' });
    else expect(await found).toBeUndefined();
    expect(klaviyo.seen).toHaveLength(id === '..' ? 0 : 1);
    for (const { url } of klaviyo.seen) expect(url).toMatch(/^\/api\/lists\/[^/?#]+$/);
  });
});

describe('row 47: an address that would break the filter', () => {
  it.each(['a"],x@example.com', 'a\\@example.com'])('%j is never asked for', async (email) => {
    const klaviyo = await serve((_, response) => json(response, { data: [] }));
    const client = clientOf(klaviyo.url);
    await expect(lookUp(client, 'profiles', [email], { listId: 'L', signal: signal() })).rejects.toThrow();
    await expect(lookUpByRelationship(client, [email], { listId: 'L', signal: signal() })).rejects.toThrow();
    expect(klaviyo.seen).toEqual([]);
  });
});

describe('row 19: ids without an address', () => {
  it('that are more than were asked for, or belong to somebody else, are not taken', async () => {
    const answer = (ids: string[], email: string): Answer => {
      return ({ url }, response) =>
        json(response, { data: url?.startsWith('/api/profiles') ? [{ id: ids[0], attributes: { email } }] : ids.map((id) => ({ id })) });
    };
    const ask = async (ids: string[], email: string) =>
      lookUpByRelationship(clientOf((await serve(answer(ids, email))).url), ['ada@example.com'], { listId: 'L', signal: signal() });
    await expect(ask(['1', '2'], 'ada@example.com')).rejects.toMatchObject({ code: 'filter_ignored' });
    await expect(ask(['1'], 'grace@example.com')).rejects.toMatchObject({ code: 'filter_ignored' });
    expect(await ask(['1'], 'Ada@Example.com')).toEqual(new Map([['ada@example.com', '1']]));
  });
});

describe('row 48 and promise 8: what an answer costs is bounded', () => {
  it('an answer without an end is not read to its end', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 0x20);
    let written = 0;
    const klaviyo = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const more = (): void => {
        while (!response.destroyed && (written += chunk.length) < 1e9) if (!response.write(chunk)) return void response.once('drain', more);
      };
      more();
    });
    await expect(clientOf(klaviyo.url).send('accounts', { signal: signal(), maxAttempts: 1 })).rejects.toMatchObject({
      code: 'unreadable',
    });
    expect(written).toBeLessThan(60e6);
  });

  it.each(['604800', '99999999999', 'Fri, 31 Dec 2099 23:59:59 GMT'])('a Retry-After of %s waits an hour', async (retryAfter) => {
    const klaviyo = await serve((_, response) => void response.writeHead(429, { 'retry-after': retryAfter }).end('{"errors":[]}'));
    await expect(clientOf(klaviyo.url).send('accounts', { signal: signal() })).rejects.toMatchObject({
      status: 429,
      retryable: true,
      retryAfterMs: 3_600_000,
    });
  });
});
