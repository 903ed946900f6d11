import { randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { KEY_KEPT_MS, KEY_WORKING_MS, createIdempotency } from '../../shared/http/idempotency';
import type { NamedRequest } from '../../shared/http/idempotency';
import { createIdempotencyStore } from '../../shared/http/idempotency-store';
import type { KeptAnswer } from '../../shared/http/idempotency-store';
import { createStorageClients } from '../../shared/platform/azure-clients';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';

const { signal } = new AbortController();
let api: Api;
let proxy: Awaited<ReturnType<typeof startCountingProxy>>;
let table: TableClient;
let secret = 'of this deployment';
let at = Date.parse('2026-11-24T08:00:00Z');
let idempotency: ReturnType<typeof createIdempotency>;

beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  api = await startApi();
  proxy = await startCountingProxy(api.azurite);
  table = createStorageClients({ connectionString: proxy.connectionString }, undefined as never).table('idempotency');
  idempotency = createIdempotency({
    store: createIdempotencyStore({ table }),
    secret: async () => Buffer.from(secret),
    now: () => new Date(at),
  });
});
afterAll(async () => {
  await proxy.close();
  await api.close();
});

const request = (more: Partial<NamedRequest> = {}): NamedRequest => ({
  key: randomUUID(),
  callerId: 'ada',
  target: 'POST /api/exports',
  input: { name: 'VIP' },
  ...more,
});
const made = (body: unknown = { id: 1 }): KeptAnswer => ({ status: 201, headers: { location: '/api/exports/1' }, body });
const codeOf = (work: Promise<unknown>) => work.then(String, ({ code = 'no code' }: { code?: string }) => code);

/** Work that has begun and ends when told. */
const begun = (asked: NamedRequest) =>
  new Promise<{ finish: (answer: KeptAnswer) => void; ended: Promise<unknown> }>((resolve) => {
    const ended: Promise<unknown> = idempotency.once(asked, () => new Promise((finish) => setImmediate(() => resolve({ finish, ended }))), {
      signal,
    });
  });

describe('work under a key', () => {
  let done = 0;
  const work = async () => {
    done += 1;
    return made({ id: done });
  };
  beforeEach(() => (done = 0));

  it('is done once and costs two storage calls, and so does its repetition', async () => {
    const asked = request();
    const first = await proxy.during(async () =>
      expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: made(), replayed: false }),
    );
    const again = await proxy.during(async () =>
      expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: made(), replayed: true }),
    );
    expect([first.length, again.length, done]).toEqual([2, 2, 1]);
  });

  it('is done once by twenty who ask at the same time; the others are told to wait or get its answer', async () => {
    const asked = request();
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const slow = async () => {
      done += 1;
      await finished;
      return made();
    };
    const codes: string[] = [];
    const outcomes = Array.from({ length: 20 }, () =>
      idempotency.once(asked, slow, { signal }).then(
        () => 'done',
        ({ code }: { code: string }) => {
          if (codes.push(code) === 19) finish(); // everybody else has been answered
          return code;
        },
      ),
    );
    expect((await Promise.all(outcomes)).filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['idempotency_key_in_use']));
    expect(done).toBe(1);
  });

  it.each<[string, Partial<NamedRequest>]>([
    ['another body', { input: { name: 'Other' } }],
    ['another address', { target: 'POST /api/connections' }],
  ])('is refused for %s under the same key', async (_, other) => {
    const asked = request();
    await idempotency.once(asked, work, { signal });
    expect(await codeOf(idempotency.once({ ...asked, ...other }, work, { signal }))).toBe('idempotency_key_reused');
    expect(done).toBe(1);
  });

  it('is the same work whatever the order of its fields', async () => {
    const asked = request({ input: { a: 1, b: { c: 2, d: [3, { e: 4, f: 5 }] } } });
    await idempotency.once(asked, work, { signal });
    const { replayed } = await idempotency.once({ ...asked, input: { b: { d: [3, { f: 5, e: 4 }], c: 2 }, a: 1 } }, work, { signal });
    expect(replayed).toBe(true);
  });

  it('of another caller is other work', async () => {
    const asked = request();
    await idempotency.once(asked, work, { signal });
    expect(await idempotency.once({ ...asked, callerId: 'carl' }, work, { signal })).toMatchObject({ replayed: false });
    expect(done).toBe(2);
  });

  it('that fails leaves the key free, also for another body', async () => {
    const asked = request();
    const failing = async (): Promise<KeptAnswer> => {
      throw Object.assign(new Error('no'), { code: 'name_taken' });
    };
    expect(await codeOf(idempotency.once(asked, failing, { signal }))).toBe('name_taken');
    expect(await idempotency.once({ ...asked, input: { name: 'Other' } }, work, { signal })).toMatchObject({ replayed: false });
  });

  it('whose process died holds the key until no call can be at work any more, and not longer', async () => {
    const asked = request();
    await begun(asked);
    expect(await codeOf(idempotency.once(asked, work, { signal }))).toBe('idempotency_key_in_use');
    at += KEY_WORKING_MS - 1;
    expect(await codeOf(idempotency.once(asked, work, { signal }))).toBe('idempotency_key_in_use');
    at += 1;
    expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: made(), replayed: false });
    expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: made(), replayed: true });
  });

  it('has the same name in every attempt of the same request, and another one for another body or after a day', async () => {
    const names: string[] = [];
    const failing = async (name: string): Promise<KeptAnswer> => {
      names.push(name);
      throw new Error('the answer is lost');
    };
    const asked = request();
    const attempt = (more: Partial<NamedRequest> = {}) =>
      idempotency.once({ ...asked, ...more }, failing, { signal }).catch(() => undefined);
    await attempt();
    await attempt();
    // a process that dies
    await new Promise<void>((begun) => {
      void idempotency.once(
        asked,
        (name) => {
          names.push(name);
          begun();
          return new Promise(() => undefined);
        },
        { signal },
      );
    });
    at += KEY_WORKING_MS;
    await attempt();
    expect(new Set(names).size).toBe(1);
    await attempt({ input: { name: 'Other' } });
    await attempt();
    at += KEY_KEPT_MS;
    await attempt();
    expect(new Set(names).size).toBe(4);
  });

  it('leaves nothing by which a key or a body could be guessed without the secret of the deployment', async () => {
    const asked = request({ key: '1', input: { email: 'ada@example.com' } });
    const rowsNow = async () => {
      const ids: string[] = [];
      for await (const { rowKey, document } of table.listEntities<{ document: string }>())
        ids.push(rowKey!, (JSON.parse(document) as { fingerprint: string }).fingerprint);
      return ids;
    };
    const before = await rowsNow();
    const fresh = async () => (await rowsNow()).filter((one) => !before.includes(one));
    await idempotency.once(asked, work, { signal });
    const first = await fresh();
    secret = 'of another deployment';
    expect(await idempotency.once(asked, work, { signal })).toMatchObject({ replayed: false });
    secret = 'of this deployment';
    expect(first).toHaveLength(2);
    expect(new Set(await fresh()).size).toBe(4);
  });

  it('that was thought dead and ends after all does not undo what its repetition noted', async () => {
    const asked = request();
    const { finish, ended } = await begun(asked);
    at += KEY_WORKING_MS;
    await idempotency.once(asked, work, { signal });
    finish(made({ id: 'late' }));
    await ended;
    expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: made(), replayed: true });
  });

  it('may be done anew under the key after a day', async () => {
    const asked = request();
    await idempotency.once(asked, work, { signal });
    at += KEY_KEPT_MS - 1;
    expect(await idempotency.once(asked, work, { signal })).toMatchObject({ replayed: true });
    at += 1;
    expect(await idempotency.once({ ...asked, input: { name: 'Other' } }, work, { signal })).toMatchObject({ replayed: false });
  });

  it('is kept with an answer of a thousand runs; one that no row can hold is said to be lost, and not done twice', async () => {
    const large = made({ value: Array.from({ length: 1_000 }, () => ({ exportId: randomUUID(), runId: randomUUID(), text: 'é"\n' })) });
    const asked = request();
    await idempotency.once(asked, async () => large, { signal });
    expect(await idempotency.once(asked, work, { signal })).toEqual({ answer: large, replayed: true });

    const other = request();
    await idempotency.once(other, async () => made('x'.repeat(500_000)), { signal });
    expect(await codeOf(idempotency.once(other, work, { signal }))).toBe('idempotency_answer_lost');
    expect(done).toBe(0);
  });
});

it('clears away keys that have expired, and no others', async () => {
  const count = async () => {
    let rows = 0;
    for await (const _ of table.listEntities()) rows += 1;
    return rows;
  };
  for (let index = 0; index < 120; index += 1) await idempotency.once(request(), async () => made(), { signal });
  const before = await count();
  expect(before).toBeGreaterThan(120);
  at = Date.now() + KEY_KEPT_MS; // by the clock of the table service they are a day old: expired, but within the hour of grace
  expect(await idempotency.sweep({ signal })).toBe(0);
  at = Date.now() + KEY_KEPT_MS + 2 * 3_600_000;
  const calls = await proxy.during(async () => expect(await idempotency.sweep({ signal })).toBe(before));
  expect(await count()).toBe(0);
  expect(calls.length).toBeLessThanOrEqual(2 * Math.ceil(before / 100) + 1);
});

describe('a route that honours Idempotency-Key', () => {
  const post = (path: string, body: unknown, key: string, call: ApiCall = {}) =>
    api.call('POST', path, { body, ...call, headers: { 'idempotency-key': key, ...call.headers } });

  it('creates one connection and one export for two requests, with the same answers', async () => {
    const [body, key] = [aConnection(), randomUUID()];
    const first = await post('/api/connections', body, key);
    const again = await post('/api/connections', body, `"${key}"`);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json).toEqual(first.json);
    for (const header of ['etag', 'location', 'cache-control']) expect(again.headers.get(header)).toBe(first.headers.get(header));
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([null, 'true']);
    expect((await api.call('GET', '/api/connections')).json.value).toHaveLength(1);

    const ofExport = anExport({ connectionId: String(first.json.id) });
    const exportKey = randomUUID();
    const ids = [await post('/api/exports', ofExport, exportKey), await post('/api/exports', ofExport, exportKey)].map(
      ({ json }) => json.id,
    );
    expect(ids[0]).toBe(ids[1]);
    expect((await api.call('GET', '/api/exports')).json.value).toHaveLength(1);
  });

  /** As a process leaves it that dies after the work and before it could keep the answer. */
  const forgetAnswers = async (): Promise<void> => {
    for await (const { partitionKey, rowKey, document } of table.listEntities<{ document: string }>()) {
      const { answer: _, ...row } = JSON.parse(document) as { answer?: unknown };
      const startedAt = new Date(Date.now() - KEY_WORKING_MS).toISOString();
      const entity = { partitionKey: partitionKey!, rowKey: rowKey!, document: JSON.stringify({ ...row, startedAt }) };
      await table.updateEntity(entity, 'Replace');
    }
  };

  it('finds what it made when its process died before it could keep the answer', async () => {
    const [body, key] = [aConnection(), randomUUID()];
    const again = async (path: string, sent: unknown) => {
      const first = await post(path, sent, key);
      await forgetAnswers();
      const second = await post(path, sent, key);
      expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([first.status, null]);
      expect(second.json.id).toBe(first.json.id);
      for await (const { partitionKey, rowKey } of table.listEntities()) await table.deleteEntity(partitionKey!, rowKey!);
      return String(first.json.id);
    };
    const connectionId = await again('/api/connections', body);
    const exportId = await again('/api/exports', anExport({ connectionId, name: 'once' }));
    expect((await api.call('GET', '/api/exports?search=once')).json.value).toHaveLength(1);
    const path = `/api/exports/${exportId}/run`;
    const runId = await again(path, { full: true });
    expect((await api.call('GET', `/api/exports/${exportId}/runs`)).json.value.map(({ id }) => id)).toEqual([runId]);
  });

  it('makes an export anew when the one that it made has been removed since', async () => {
    const connectionId = String((await post('/api/connections', aConnection(), randomUUID())).json.id);
    const [body, key] = [anExport({ connectionId, name: 'again' }), randomUUID()];
    const first = await post('/api/exports', body, key);
    await api.call('DELETE', `/api/exports/${String(first.json.id)}`, { ifMatch: '*' });
    await forgetAnswers();
    const second = await post('/api/exports', body, key);
    expect(second.status).toBe(201);
    expect((await api.call('GET', '/api/exports?search=again')).json.value.map(({ id }) => id)).toEqual([second.json.id]);
  });

  it('keeps neither the key nor what was sent', async () => {
    const [key, apiKey] = [`key-${randomUUID()}`, 'pk_sandbox_full'];
    expect((await post('/api/connections', aConnection({ apiKey }), key)).status).toBe(201);
    expect((await post('/api/people/erase', { email: 'ada.secret@example.com' }, randomUUID())).status).toBe(202);
    const rows: unknown[] = [];
    for await (const row of table.listEntities()) rows.push(row);
    const stored = JSON.stringify(rows);
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const secret of [key, apiKey, 'ada.secret']) expect(stored).not.toContain(secret);
  });

  it('refuses the key for another body (422), while the first is at work (409, with a time to wait) and when it is none (400)', async () => {
    const key = randomUUID();
    const body = aConnection();
    const both = await Promise.all([post('/api/connections', body, key), post('/api/connections', body, key)]);
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    const waiting = both.find(({ status }) => status === 409)!;
    expect(waiting.json.code).toBe('idempotency_key_in_use');
    expect(Number(waiting.headers.get('retry-after'))).toBeGreaterThan(0);
    const reused = await post('/api/connections', { ...body, displayName: 'Other' }, key);
    expect([reused.status, reused.json.code]).toEqual([422, 'idempotency_key_reused']);
    const malformed = await post('/api/connections', body, 'two words');
    expect([malformed.status, malformed.json.errors[0]!.pointer]).toEqual([400, 'Idempotency-Key']);
  });

  it('gives the key back when it refuses, so that a mended request may use it', async () => {
    const key = randomUUID();
    const refused = await post('/api/connections', aConnection({ apiKey: 'pk_of_nobody_at_all' }), key);
    expect([refused.status, refused.json.code]).toEqual([422, 'key_refused']);
    expect((await post('/api/connections', aConnection(), key)).status).toBe(201);
  });
});
