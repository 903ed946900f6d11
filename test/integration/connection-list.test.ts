import { createConnections } from '../../shared/connections/connections';
import { ConnectionId, ExportId } from '../../shared/ids';
import { createServices } from '../../shared/services';
import { parseEnv } from '../../shared/env';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiAnswer } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { startFaultyStorage } from '../support/faulty-storage';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

const signal = () => AbortSignal.timeout(10_000);
const connect = async (more: Record<string, unknown> = {}) => {
  const answer = await api.call('POST', '/api/connections', { body: aConnection(more) });
  expect([answer.status, answer.json.code]).toEqual([201, undefined]);
  const path = `/api/connections/${String(answer.json.id)}`;
  return { path, id: ConnectionId.parse(answer.json.id), etag: answer.headers.get('etag')!, json: answer.json };
};
const saveExport = async (connectionId: string, more: Record<string, unknown> = {}) => {
  const answer = await api.call('POST', '/api/exports', { body: anExport({ connectionId, ...more }) });
  expect([answer.status, answer.json.code]).toEqual([201, undefined]);
  return { path: `/api/exports/${String(answer.json.id)}`, id: ExportId.parse(answer.json.id), etag: answer.headers.get('etag')! };
};
const detach = async (path: string): Promise<void> => expect((await api.call('POST', `${path}/detach`)).status).toBe(200);
const share = (path: string, etag: string, access: string) => api.call('PATCH', path, { body: { access }, ifMatch: etag });

describe('the list of connections', () => {
  const names = ['Ålesund 10', 'Ålesund 9', 'Bergen', 'Çorum', 'zagreb'].map((name) => `${name} of the list`);
  beforeAll(async () => {
    for (const displayName of names)
      await connect({ displayName, access: displayName.startsWith('B') ? 'administratorsAndContributors' : 'administrators' });
  });
  const list = (query: string, as: 'Administrator' | 'Contributor' = 'Administrator') =>
    api.call('GET', `/api/connections?${query}`, { as });
  const namesOf = ({ json }: ApiAnswer): string[] => json.value.map(({ displayName }) => String(displayName));
  const short = (all: readonly string[]) => all.map((name) => name.replace(' of the list', ''));

  it('C7 shows name, type, created time and who has access, and more', async () => {
    const { json } = await list('search=bergen');
    expect(json.value).toHaveLength(1);
    expect(json.value[0]).toMatchObject({
      displayName: 'Bergen of the list',
      type: 'klaviyo',
      createdAt: expect.any(String) as string,
      access: 'administratorsAndContributors',
      accountId: 'SANDBX',
      status: 'connected',
      exportUserName: 'Ada Administrator',
    });
  });

  it('C7 is sorted by any column, in either order', async () => {
    expect(short(namesOf(await list('search=of the list')))).toEqual(['Ålesund 9', 'Ålesund 10', 'Bergen', 'Çorum', 'zagreb']);
    expect(short(namesOf(await list('search=of the list&order=desc')))[0]).toBe('zagreb');
    expect(short(namesOf(await list('search=of the list&sort=createdAt&order=desc')))[0]).toBe('zagreb');
    expect(short(namesOf(await list('search=of the list&sort=access&order=desc')))[0]).toBe('Bergen');
    for (const sort of ['type', 'accountName', 'status', 'updatedAt']) expect((await list(`sort=${sort}`)).status).toBe(200);
  });

  it('comes in pages, whose links lead through all of it once', async () => {
    const seen: string[] = [];
    let next: string | undefined = '/api/connections?search=of%20the%20list&sort=access&order=desc&size=2';
    for (let page = 0; next !== undefined && page < 9; page += 1) {
      const answer: ApiAnswer = await api.call('GET', next);
      seen.push(...namesOf(answer));
      next = answer.json.nextLink as string | undefined;
      if (page === 0) await connect({ displayName: `A newcomer of the list ${Math.random()}`, access: 'administratorsAndContributors' });
    }
    expect(new Set(seen).size).toBe(seen.length);
    for (const name of names) expect(seen).toContain(name);
  });

  it.each<[string, string]>([
    ['size=0', '?size'],
    ['size=201', '?size'],
    ['sort=secretName', '?sort'],
    ['order=up', '?order'],
    ['token=abc', '?token'],
    ['colour=red', '?colour'],
  ])('refuses ?%s', async (query, pointer) => {
    const answer = await list(query);
    expect([answer.status, answer.json.errors.map((error) => error.pointer)]).toEqual([400, [pointer]]);
  });

  it('sorts and finds for contributors by what they see only', async () => {
    const answer = await list('sort=accountName&search=SANDBX', 'Contributor');
    expect(answer.json.value).toEqual([]);
    const shared = await list('sort=createdAt&order=desc&search=bergen', 'Contributor');
    expect(shared.json.value.map((row) => Object.keys(row).sort())).toEqual([['displayName', 'id', 'type']]);
  });
});

describe('who may what with a connection', () => {
  it.each<[string, string, 'Contributor' | 'Viewer']>([
    ['POST', '/api/connections', 'Contributor'],
    ['POST', '/api/connections', 'Viewer'],
    ['GET', '/api/connections', 'Viewer'],
    ['PATCH', '/api/connections/con_12345678', 'Contributor'],
    ['DELETE', '/api/connections/con_12345678', 'Contributor'],
    ['POST', '/api/connections/con_12345678/test', 'Contributor'],
  ])('C1 %s %s is an administrator’s, not a %s’s', async (method, path, as) => {
    expect((await api.call(method, path, { as })).status).toBe(403);
  });

  it('C3 leaving the access out gives administrators', async () => {
    const { path, json } = await connect();
    expect(json.access).toBe('administrators');
    expect((await api.call('GET', path, { as: 'Contributor' })).status).toBe(404);
  });

  it('C6 one connection serves many exports', async () => {
    const { id } = await connect();
    const saved = [await saveExport(id), await saveExport(id, { listId: 'LIS25K' }), await saveExport(id, { listId: 'LI100K' })];
    for (const { path } of saved) expect((await api.call('GET', path)).json.connectionId).toBe(id);
  });

  it('C8 the access is changed later, and exports are kept', async () => {
    const { id, path, etag } = await connect();
    const saved = await saveExport(id);
    const shared = await share(path, etag, 'administratorsAndContributors');
    expect([shared.status, shared.json.access]).toEqual([200, 'administratorsAndContributors']);
    expect((await api.call('GET', path, { as: 'Contributor' })).status).toBe(200);
    expect((await share(path, shared.headers.get('etag')!, 'administrators')).status).toBe(200);
    expect((await api.call('GET', path, { as: 'Contributor' })).status).toBe(404);
    const kept = await api.call('GET', saved.path);
    expect([kept.json.connectionId, kept.headers.get('etag')]).toEqual([id, saved.etag]);
  });

  it('C9 a change stores what it names, who made it and when, and nothing else', async () => {
    const { path, etag, json } = await connect();
    const displayName = `Renamed ${Math.random()}`;
    const changed = await api.call('PATCH', path, { body: { displayName }, ifMatch: etag });
    const { checks: _checks, ...before } = json;
    expect(changed.json).toEqual({
      ...before,
      displayName,
      updatedAt: changed.json.updatedAt,
      updatedBy: 'a0000000-0000-4000-8000-000000000001',
      updatedByName: 'Ada Administrator',
    });
    expect((await api.call('GET', path)).json).toEqual(changed.json);
  });

  it('R2 un-sharing keeps the exports, and a contributor falls back to a view of them', async () => {
    const { id, path, etag } = await connect({ access: 'administratorsAndContributors' });
    const saved = await saveExport(id);
    const rename = async (name: string) => {
      const { headers } = await api.call('GET', saved.path, { as: 'Contributor' });
      return (await api.call('PATCH', saved.path, { body: { name }, ifMatch: headers.get('etag')!, as: 'Contributor' })).status;
    };
    expect(await rename('While it is shared')).toBe(200);
    await share(path, etag, 'administrators');
    expect(await rename('No more')).toBe(403);
    const seen = await api.call('GET', saved.path, { as: 'Contributor' });
    expect([seen.status, seen.json.name, seen.json.permission]).toEqual([200, 'While it is shared', 'view']);
  });

  it('R4 a contributor gives an export another connection only if it is shared', async () => {
    const shared = await connect({ access: 'administratorsAndContributors' });
    const alsoShared = await connect({ access: 'administratorsAndContributors' });
    const closed = await connect();
    const saved = await saveExport(shared.id);
    const move = (connectionId: string) =>
      api.call('PATCH', saved.path, { body: { connectionId }, ifMatch: saved.etag, as: 'Contributor' });
    const refused = await move(closed.id);
    expect([refused.status, refused.json.code, refused.json.errors[0]!.pointer]).toEqual([400, 'connection_unknown', '/connectionId']);
    expect((await move(alsoShared.id)).status).toBe(200);
  });
});

describe('removing a connection', () => {
  it('D1 is refused while exports use it, which are named, and then changes nothing', async () => {
    const { id, path, etag, json } = await connect();
    const saved = [await saveExport(id, { name: 'First user' }), await saveExport(id, { name: 'Second user', listId: 'LIS25K' })];
    const refused = await api.call('DELETE', path, { ifMatch: etag });
    expect([refused.status, refused.json.code]).toEqual([409, 'connection_in_use']);
    const details = refused.json.details as { exports: { id: string; name: string }[] };
    expect(details.exports.sort((one, other) => (one.name < other.name ? -1 : 1))).toEqual([
      { id: saved[0]!.id, name: 'First user' },
      { id: saved[1]!.id, name: 'Second user' },
    ]);
    const { checks: _checks, ...whole } = json;
    expect((await api.call('GET', path)).json).toEqual({ ...whole, beingRemoved: false });
    expect((await api.services.secrets.get(String(json.secretName), { signal: signal() })).value).toBe('pk_sandbox_full');
  });

  it('D5 is done once they are removed or detached, also by the version seen before, and leaves nothing behind', async () => {
    const { id, path, etag, json } = await connect();
    const [removed, detached] = [await saveExport(id), await saveExport(id, { listId: 'LIS25K' })];
    expect((await api.call('DELETE', path, { ifMatch: etag })).status).toBe(409);
    expect((await api.call('DELETE', removed.path, { ifMatch: '*' })).status).toBe(204);
    expect((await api.call('DELETE', path, { ifMatch: etag })).status).toBe(409);
    await detach(detached.path);
    expect((await api.call('DELETE', path, { ifMatch: etag })).status).toBe(204);
    expect((await api.call('GET', path)).status).toBe(404);
    expect((await api.call('GET', detached.path)).status).toBe(200);
    for await (const { rowKey } of api.services.tables.connections.listEntities()) expect(rowKey).not.toContain(id);
    await expect(api.services.secrets.get(String(json.secretName), { signal: signal() })).rejects.toMatchObject({ code: 'secret_missing' });
    await connect({ displayName: json.displayName });
  });

  it('keeps the connection usable when the secret cannot be removed', async () => {
    const { path, etag } = await connect();
    api.vault.faults.add({ status: 403, only: /^DELETE/ });
    expect((await api.call('DELETE', path, { ifMatch: etag })).json).toMatchObject({ code: 'vault_refused' });
    api.vault.faults.clear();
    expect((await api.call('GET', path)).json).toMatchObject({ beingRemoved: false, status: 'connected' });
    expect((await api.call('DELETE', path, { ifMatch: etag })).status).toBe(204);
  });

  it('leaves a mark that no removal takes for its own, and that is over when its process died', async () => {
    const { id, path, etag } = await connect();
    const stored = (await api.services.connectionStore.find(id, { signal: signal() }))!;
    const mark = async (agoMs: number) => {
      const { value, etag: ifMatch } = (await api.services.connectionStore.find(id, { signal: signal() }))!;
      const removing = { at: new Date(Date.now() - agoMs).toISOString() };
      return api.services.connectionStore.replace({ ...value, removing }, { before: stored.value, ifMatch, signal: signal() });
    };
    await mark(1_000);
    for (const [method, sent] of [
      ['DELETE', { ifMatch: '*' }],
      ['PATCH', { ifMatch: (await mark(1_000)).etag, body: { displayName: 'x' } }],
    ] as const) {
      const refused = await api.call(method, path, sent);
      expect([refused.status, refused.json.code]).toEqual([409, 'connection_being_removed']);
    }
    expect((await api.call('GET', path)).json.beingRemoved).toBe(true);
    expect(etag).toBe(stored.etag);
    await mark(6 * 60_000);
    expect((await api.call('GET', path)).json.beingRemoved).toBe(false);
    expect((await api.call('DELETE', path, { ifMatch: '*' })).status).toBe(204);
  });

  it('takes back an export that is saved after the look for exports, and before the connection is gone', async () => {
    const { id, path } = await connect();
    const { connectionStore, connectionKeys, secrets, klaviyo, pacing, now } = api.services;
    let saved: ApiAnswer | undefined;
    const slow = createConnections({
      store: connectionStore,
      keys: connectionKeys,
      secrets,
      klaviyo,
      pacing,
      dependents: async function* (ofConnection, options) {
        for await (const { value } of api.services.exportStore.byConnection(ofConnection, options)) yield value;
        saved = await api.call('POST', '/api/exports', { body: anExport({ connectionId: id }) });
      },
      now,
    });
    await slow.remove(id, { ifMatch: '*', signal: signal() });
    expect((await api.call('GET', path)).status).toBe(404);
    expect(saved!.status).toBeGreaterThanOrEqual(400);
    for await (const _left of api.services.exportStore.byConnection(id, { signal: signal() }))
      throw new Error('an export without a connection');
  });

  it('and saving an export at the same moment: never an export without its connection', async () => {
    for (let round = 0; round < 8; round += 1) {
      const { id, path } = await connect();
      const body = anExport({ connectionId: id });
      const [removed, saved] = await Promise.all([
        new Promise((resolve) => setTimeout(resolve, round * 4)).then(() => api.call('DELETE', path, { ifMatch: '*' })),
        api.call('POST', '/api/exports', { body }),
      ]);
      const isThere = (await api.call('GET', path)).status === 200;
      expect(removed.status === 204).toBe(!isThere);
      expect([removed.status, saved.status]).not.toEqual([204, 201]);
      let left = 0;
      for await (const { value } of api.services.exportStore.byConnection(id, { signal: signal() }))
        left += value.connectionId === id ? 1 : 0;
      expect(left).toBe(saved.status === 201 ? 1 : 0);
    }
  });
});

describe('storage', () => {
  const beside = async (connectionString: string) => {
    const env = { ...api.services.env, AzureWebJobsStorage: connectionString, WEBSITE_AUTH_ENABLED: 'True' };
    const services = createServices(parseEnv(Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)]))));
    return { services, ...createCaller(services, { tenantId: api.vault.tenantId }) };
  };

  it('is called no more than three times by a read and five times by a change, six to make a connection under a key', async () => {
    const proxy = await startCountingProxy(api.azurite);
    const { services, call } = await beside(proxy.connectionString);
    let counts: Record<string, number> = {};
    const doing = async (name: string, method: string, path: string, sent: Parameters<typeof call>[2] = {}, status = 200) => {
      let answer!: ApiAnswer;
      counts[name] = (
        await proxy.during(async () => {
          answer = await call(method, path, sent);
        })
      ).length;
      expect([name, answer.status]).toEqual([name, status]);
      return answer;
    };
    const round = async (key: string): Promise<void> => {
      counts = {};
      const made = await doing('create', 'POST', '/api/connections', { body: aConnection(), headers: { 'idempotency-key': key } }, 201);
      const path = `/api/connections/${String(made.json.id)}`;
      await doing('get', 'GET', path);
      await doing('list', 'GET', '/api/connections');
      await doing('lists', 'GET', `${path}/lists?name=Newsletter`);
      await doing('test', 'POST', `${path}/test`);
      const renamed = await doing('rename', 'PATCH', path, {
        body: { displayName: `Counted ${Math.random()}` },
        ifMatch: made.headers.get('etag')!,
      });
      const all = { displayName: `Counted ${Math.random()}`, apiKey: 'pk_sandbox_full', access: 'administrators', agreed: true };
      const rotated = await doing('everything', 'PATCH', path, { body: all, ifMatch: renamed.headers.get('etag')! });
      await doing('remove', 'DELETE', path, { ifMatch: rotated.headers.get('etag')! }, 204);
    };
    // an instance that is new also reads the clock and the rows of the account's pace
    try {
      await round('count-1');
      await round('count-2');
    } finally {
      await services.klaviyo.close();
      await proxy.close();
    }
    for (const name of ['get', 'list', 'lists']) expect(counts[name]).toBeLessThanOrEqual(3);
    for (const name of ['test', 'rename', 'everything', 'remove']) expect(counts[name]).toBeLessThanOrEqual(5);
    // two of them for the key; the sixth notes the secret before it is made, so that no crash leaves it behind unseen
    expect(counts.create).toBeLessThanOrEqual(6);
  });

  it('that loses the answer to a change makes no conflict of it', async () => {
    const storage = await startFaultyStorage(api.azurite);
    const { services, call } = await beside(storage.connectionString);
    const lost = async (method: string, path: string, sent: Parameters<typeof call>[2]) => {
      const hits = storage.spoil(/^POST .*\$batch/, 'lose answer');
      const answer = await call(method, path, sent);
      expect(hits()).toBe(1);
      storage.heal();
      return answer;
    };
    const displayName = `Lost ${Math.random()}`;
    const made = await lost('POST', '/api/connections', { body: aConnection({ displayName }) });
    expect([made.status, made.json.displayName]).toEqual([201, displayName]);
    const path = `/api/connections/${String(made.json.id)}`;
    const renamed = await lost('PATCH', path, { body: { displayName: `${displayName} twice` }, ifMatch: made.headers.get('etag')! });
    expect([renamed.status, renamed.headers.get('etag')]).toEqual([200, (await api.call('GET', path)).headers.get('etag')]);
    expect((await lost('DELETE', path, { ifMatch: renamed.headers.get('etag')! })).status).toBe(204);
    expect((await api.call('GET', path)).status).toBe(404);
    await connect({ displayName });
    await connect({ displayName: `${displayName} twice` });
    await services.klaviyo.close();
    await storage.close();
  });

  it('of an earlier version, without note and claimed name, is read, renamed and removed', async () => {
    const { id, path, etag, json } = await connect();
    const { connections } = api.services.tables;
    for await (const { rowKey, document } of connections.listEntities<{ document: string }>())
      if (rowKey === `${id}~note` || (rowKey!.startsWith('name_') && document.includes(id)))
        await connections.deleteEntity('connection', rowKey!);
    expect((await api.call('GET', path)).json).toMatchObject({ status: 'connected', statusSince: json.createdAt });
    // its name is taken all the same, in any case
    const displayName = String(json.displayName).toUpperCase();
    const twin = await api.call('POST', '/api/connections', { body: aConnection({ displayName }) });
    const other = await connect();
    const namesake = await api.call('PATCH', other.path, { body: { displayName }, ifMatch: other.etag });
    for (const { status, json: told } of [twin, namesake]) expect([status, told.code]).toEqual([409, 'name_taken']);
    const renamed = await api.call('PATCH', path, { body: { displayName: `From before ${Math.random()}` }, ifMatch: etag });
    expect(renamed.status).toBe(200);
    expect((await api.call('POST', `${path}/test`)).status).toBe(200);
    expect((await api.call('DELETE', path, { ifMatch: renamed.headers.get('etag')! })).status).toBe(204);
    for await (const { rowKey } of connections.listEntities()) expect(rowKey).not.toContain(id);
  });

  it('gives a name to one of many who ask at once, with one secret for it', async () => {
    const displayName = `Wanted by all ${Math.random()}`;
    const before = api.vault.requests.length;
    const all = await Promise.all(
      Array.from({ length: 8 }, () => api.call('POST', '/api/connections', { body: aConnection({ displayName }) })),
    );
    expect(all.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(7).fill(409)]);
    const calls = api.vault.requests.slice(before);
    const count = (method: string) => calls.filter((line) => line.startsWith(`${method} /secrets/klaviyo-`)).length;
    expect(count('PUT') - count('DELETE')).toBe(1);
  });
});
