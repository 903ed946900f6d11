import { NewConnection } from '../../shared/connections/connection';
import { createConnections } from '../../shared/connections/connections';
import { aConnection, startApi } from '../support/api';
import type { Api } from '../support/api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
  api.klaviyo.sandbox.addAccount({ id: 'SANDBX', keys: [{ key: 'pk_sandbox_second' }] }, Date.now());
});
afterAll(() => api.close());
afterEach(() => api.vault.faults.clear());

const connect = async (more: Record<string, unknown> = {}) => {
  const answer = await api.call('POST', '/api/connections', { body: aConnection(more) });
  expect(answer.status).toBe(201);
  return { id: String(answer.json.id), etag: answer.headers.get('etag')!, json: answer.json };
};
/** Connections and claimed names in the table, and writes to the vault so far. */
const traces = async () => {
  const rows: string[] = [];
  for await (const { rowKey } of api.services.tables.connections.listEntities()) rows.push(String(rowKey));
  const secrets = api.vault.requests.filter((line) => line.startsWith('PUT /secrets/')).length;
  const removed = api.vault.requests.filter((line) => line.startsWith('DELETE /secrets/')).length;
  return { rows: rows.length, secretsLeft: secrets - removed };
};
const faulty = (fault: Record<string, unknown>, endpoint = 'GET /api/accounts') =>
  fetch(`${api.klaviyo.url}/_sandbox/faults`, { method: 'POST', body: JSON.stringify({ endpoint, ...fault }) });

describe('connecting', () => {
  it('checks the key, keeps it in the vault and never gives it out', async () => {
    const { id, etag, json } = await connect({ displayName: 'Main account' });
    expect(json).toMatchObject({ displayName: 'Main account', accountId: 'SANDBX', access: 'administrators', ownsSecret: true });
    expect(json.secretName).toMatch(/^klaviyo-[0-9a-f]{32}$/);
    const read = await api.call('GET', `/api/connections/${id}`);
    expect(read.headers.get('etag')).toBe(etag);
    const list = await api.call('GET', '/api/connections');
    for (const { text } of [read, list]) expect(text).not.toContain('pk_sandbox');
    const stored = await api.services.secrets.get(String(json.secretName), { signal: AbortSignal.timeout(5_000) });
    expect(stored.value).toBe('pk_sandbox_full');
    for await (const row of api.services.tables.connections.listEntities()) expect(JSON.stringify(row)).not.toContain('pk_sandbox');
  });

  it('records who agreed, when and to which text', async () => {
    const { json } = await connect();
    expect(json).toMatchObject({
      agreedBy: 'a0000000-0000-4000-8000-000000000001',
      agreedByName: 'Ada Administrator',
      consentVersion: '2026-11',
      exportUser: 'a0000000-0000-4000-8000-000000000001',
    });
  });

  it.each<[string, Record<string, unknown>, number, string, string]>([
    ['a key that Klaviyo refuses', { apiKey: 'pk_unknown_key' }, 422, 'key_refused', '/apiKey'],
    ['a key without accounts:read', { apiKey: 'pk_sandbox_no_accounts_read' }, 422, 'scope_missing', '/apiKey'],
    ['no agreement', { agreed: false }, 400, 'invalid_input', '/agreed'],
    ['neither key nor secret', { apiKey: undefined }, 400, 'invalid_input', '/apiKey'],
    ['both key and secret', { secretName: 'mine' }, 400, 'invalid_input', '/apiKey'],
    ['a secret that is not there', { apiKey: undefined, secretName: 'not-there' }, 400, 'secret_unknown', '/secretName'],
    ['an unknown field', { colour: 'red' }, 400, 'invalid_input', '/colour'],
    ['another type', { type: 'mailchimp' }, 400, 'invalid_input', '/type'],
  ])('refuses %s and keeps nothing', async (_, more, status, code, pointer) => {
    const before = await traces();
    const answer = await api.call('POST', '/api/connections', { body: aConnection(more) });
    expect([answer.status, answer.json.code, answer.json.errors.map((error) => error.pointer)]).toEqual([status, code, [pointer]]);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await traces()).toEqual(before);
  });

  it('gives Klaviyo’s request id and the missing scope with a refusal', async () => {
    const answer = await api.call('POST', '/api/connections', { body: aConnection({ apiKey: 'pk_sandbox_no_accounts_read' }) });
    expect(answer.json).toMatchObject({ service: 'klaviyo', requestId: expect.any(String) as string });
    expect(answer.json.detail).toContain('accounts:read');
  });

  it('keeps nothing when the vault fails after the key was checked', async () => {
    const before = await traces();
    api.vault.faults.add({ status: 403, only: /^PUT/ });
    const answer = await api.call('POST', '/api/connections', { body: aConnection() });
    expect([answer.status, answer.json.code]).toEqual([502, 'vault_refused']);
    api.vault.faults.clear();
    expect((await traces()).rows).toBe(before.rows);
  });

  it('takes the secret and the name back when the row cannot be written', async () => {
    const { connectionStore, connectionKeys, secrets, klaviyo, pacing, now } = api.services;
    const broken = createConnections({
      store: { ...connectionStore, insert: () => Promise.reject(new Error('storage is away')) },
      keys: connectionKeys,
      secrets,
      klaviyo,
      pacing,
      dependents: async function* () {},
      now,
    });
    const before = await traces();
    const input = NewConnection.parse(aConnection({ displayName: 'Half-made' }));
    const caller = { id: 'me', name: 'Me', role: 'Administrator' as const, application: false };
    const seen = api.vault.requests.length;
    await expect(broken.create(input, { caller, signal: AbortSignal.timeout(10_000) })).rejects.toThrow('storage is away');
    expect(await traces()).toEqual(before);
    expect(api.vault.requests.slice(seen).filter((line) => /^PUT/.test(line))).toHaveLength(1);
    await connect({ displayName: 'Half-made' });
  });

  it('asks to come back when Klaviyo cannot be reached, and keeps nothing', async () => {
    const before = await traces();
    await faulty({ count: 10, fault: { kind: 'error_503' } });
    const answer = await api.call('POST', '/api/connections', { body: aConnection() });
    await fetch(`${api.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await traces()).toEqual(before);
  });

  it('takes a display name once, in any case, also when two ask at once', async () => {
    const both = await Promise.all(
      ['Twice', 'TWICE'].map((displayName) => api.call('POST', '/api/connections', { body: aConnection({ displayName }) })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    expect(both.find(({ status }) => status === 409)!.json).toMatchObject({ code: 'name_taken', errors: [{ pointer: '/displayName' }] });
  });

  it('uses a secret of the caller’s own without ever writing or deleting it', async () => {
    await api.services.secrets.set('our-own', 'pk_sandbox_full', { signal: AbortSignal.timeout(5_000) });
    const { id, etag, json } = await connect({ apiKey: undefined, secretName: 'our-own' });
    expect(json).toMatchObject({ secretName: 'our-own', ownsSecret: false });
    const rotated = await api.call('PATCH', `/api/connections/${id}`, { body: { apiKey: 'pk_sandbox_full' }, ifMatch: etag });
    expect([rotated.status, rotated.json.code]).toEqual([409, 'secret_given']);
    expect((await api.call('DELETE', `/api/connections/${id}`, { ifMatch: '*' })).status).toBe(204);
    expect((await api.services.secrets.get('our-own', { signal: AbortSignal.timeout(5_000) })).value).toBe('pk_sandbox_full');
  });
});

describe('changing', () => {
  it('renames by version and gives the old name free', async () => {
    const first = await connect({ displayName: 'Old name' });
    const answer = await api.call('PATCH', `/api/connections/${first.id}`, { body: { displayName: 'New name' }, ifMatch: first.etag });
    expect([answer.status, answer.json.displayName]).toEqual([200, 'New name']);
    expect(answer.headers.get('etag')).not.toBe(first.etag);
    await connect({ displayName: 'old NAME' });
    const again = await api.call('POST', '/api/connections', { body: aConnection({ displayName: 'new name' }) });
    expect(again.status).toBe(409);
  });

  it.each<[string, string | undefined, number]>([
    ['without a version', undefined, 428],
    ['for whatever is there', '*', 428],
    ['of an old version', `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`, 412],
  ])('is refused %s', async (_, ifMatch, status) => {
    const { id } = await connect();
    const answer = await api.call('PATCH', `/api/connections/${id}`, { body: { access: 'administratorsAndContributors' }, ifMatch });
    expect(answer.status).toBe(status);
  });

  it('lets one of two writers win, the other learns of it', async () => {
    const { id, etag } = await connect();
    const change = (displayName: string) =>
      api.call('PATCH', `/api/connections/${id}`, { body: { displayName: `${displayName} ${id}` }, ifMatch: etag });
    const both = await Promise.all([change('A'), change('B')]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 412]);
    const winner = both.find(({ status }) => status === 200)!;
    expect((await api.call('GET', `/api/connections/${id}`)).json.displayName).toBe(winner.json.displayName);
    // the loser's name is free again
    const loser = both[0] === winner ? 'B' : 'A';
    await connect({ displayName: `${loser} ${id}` });
  });

  it('puts a new key of the same account into the same secret', async () => {
    const { id, etag, json } = await connect();
    const answer = await api.call('PATCH', `/api/connections/${id}`, { body: { apiKey: 'pk_sandbox_second' }, ifMatch: etag });
    expect([answer.status, answer.json.secretName]).toEqual([200, json.secretName]);
    expect((await api.services.secrets.get(String(json.secretName), { signal: AbortSignal.timeout(5_000) })).value).toBe(
      'pk_sandbox_second',
    );
  });

  it('keeps the old key when the new one is refused', async () => {
    const { id, etag, json } = await connect();
    const answer = await api.call('PATCH', `/api/connections/${id}`, { body: { apiKey: 'pk_unknown_key' }, ifMatch: etag });
    expect([answer.status, answer.json.code]).toEqual([422, 'key_refused']);
    expect((await api.services.secrets.get(String(json.secretName), { signal: AbortSignal.timeout(5_000) })).value).toBe('pk_sandbox_full');
    expect((await api.call('GET', `/api/connections/${id}`)).headers.get('etag')).toBe(etag);
  });
});

it('two changes of the same content from one version are two: one of them is refused', async () => {
  const { connectionStore } = api.services;
  const made = await api.call('POST', '/api/connections', { body: aConnection() });
  const options = { signal: AbortSignal.timeout(30_000) };
  const stored = (await connectionStore.find(made.json.id as never, options))!;
  const next = { ...stored.value, access: 'administratorsAndContributors' as const };
  const change = () => connectionStore.replace(next, { before: stored.value, ifMatch: stored.etag, ...options });
  const outcomes = await Promise.allSettled([change(), change(), change()]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'changed_meanwhile' });
});

describe('removing', () => {
  it('removes row, name and secret', async () => {
    const { id, etag, json } = await connect({ displayName: 'Short-lived' });
    expect((await api.call('DELETE', `/api/connections/${id}`, {})).status).toBe(428);
    expect((await api.call('DELETE', `/api/connections/${id}`, { ifMatch: etag })).status).toBe(204);
    expect((await api.call('GET', `/api/connections/${id}`)).status).toBe(404);
    expect((await api.call('DELETE', `/api/connections/${id}`, { ifMatch: '*' })).status).toBe(404);
    await expect(api.services.secrets.get(String(json.secretName), { signal: AbortSignal.timeout(5_000) })).rejects.toMatchObject({
      code: 'secret_missing',
    });
    await connect({ displayName: 'Short-lived' });
  });
});

describe('testing and lists', () => {
  const checks = async (apiKey: string) => {
    const { id, json } = await connect();
    await api.services.secrets.set(String(json.secretName), apiKey, { signal: AbortSignal.timeout(5_000) });
    const answer = await api.call('POST', `/api/connections/${id}/test`);
    expect(answer.status).toBe(200);
    return Object.fromEntries(answer.json.value.map(({ check, ok }) => [String(check), ok]));
  };

  it('shows item by item what a key can do', async () => {
    const scopes = ['accounts:read', 'lists:read', 'lists:write', 'profiles:read', 'profiles:write'];
    const all = Object.fromEntries(['secret', 'key', 'account', 'testAccount', ...scopes].map((check) => [check, true]));
    expect(await checks('pk_sandbox_full')).toEqual(all);
    expect(await checks('pk_sandbox_no_lists_read')).toEqual({ ...all, 'lists:read': false });
    expect(await checks('pk_sandbox_no_profiles_read')).toEqual({ ...all, 'profiles:read': false });
    expect(await checks('pk_sandbox_no_lists_write')).toEqual({ ...all, 'lists:write': false });
    expect(await checks('pk_sandbox_no_profiles_write')).toEqual({ ...all, 'profiles:write': false });
    expect(await checks('pk_sandbox_no_accounts_read')).toEqual({ ...all, 'accounts:read': false, account: null, testAccount: null });
  });

  it('says when the secret is gone, and nothing more', async () => {
    const { id, json } = await connect();
    await api.services.secrets.remove(String(json.secretName), { signal: AbortSignal.timeout(5_000) });
    const answer = await api.call('POST', `/api/connections/${id}/test`);
    expect(answer.json.value).toEqual([{ check: 'secret', ok: false, detail: expect.stringContaining('restore') as string }]);
    const lists = await api.call('GET', `/api/connections/${id}/lists`);
    expect([lists.status, lists.json.code]).toEqual([409, 'secret_missing']);
  });

  it('reads the account’s lists by name', async () => {
    const { id } = await connect();
    const answer = await api.call('GET', `/api/connections/${id}/lists`);
    expect(answer.json.value.map(({ name }) => name)).toEqual(['Everybody', 'High value', 'Newsletter']);
  });
});

describe('who may what', () => {
  it('shows a contributor only name and type of shared connections', async () => {
    const shared = await connect({ displayName: 'Shared one', access: 'administratorsAndContributors' });
    const own = await connect({ displayName: 'Unshared one' });
    const list = await api.call('GET', '/api/connections', { as: 'Contributor' });
    expect(list.json.value).toContainEqual({ id: shared.id, displayName: 'Shared one', type: 'klaviyo' });
    expect(list.text).not.toMatch(/Unshared one|secretName|accountId/);
    expect((await api.call('GET', `/api/connections/${own.id}`, { as: 'Contributor' })).status).toBe(404);
    expect((await api.call('GET', `/api/connections/${shared.id}`, { as: 'Contributor' })).json).toEqual({
      id: shared.id,
      displayName: 'Shared one',
      type: 'klaviyo',
    });
    expect((await api.call('GET', `/api/connections/${shared.id}/lists`, { as: 'Contributor' })).status).toBe(200);
    expect((await api.call('GET', `/api/connections/${own.id}/lists`, { as: 'Contributor' })).status).toBe(404);
  });

  it.each<[string, string, 'Contributor' | 'Viewer' | 'None' | 'Anonymous', number]>([
    ['POST', '/api/connections', 'Contributor', 403],
    ['PATCH', '/api/connections/con_12345678', 'Contributor', 403],
    ['DELETE', '/api/connections/con_12345678', 'Contributor', 403],
    ['POST', '/api/connections/con_12345678/test', 'Contributor', 403],
    ['GET', '/api/connections', 'Viewer', 403],
    ['GET', '/api/me', 'Viewer', 200],
    ['GET', '/api/me', 'None', 403],
    ['GET', '/api/me', 'Anonymous', 401],
    ['GET', '/api/health', 'Anonymous', 200],
    ['PUT', '/api/settings/schedule', 'Contributor', 403],
    ['GET', '/api/settings/schedule', 'Viewer', 200],
  ])('%s %s as %s: %i', async (method, path, as, status) => {
    expect((await api.call(method, path, { as })).status).toBe(status);
  });

  it('refuses a change that another site asks for', async () => {
    const answer = await api.call('POST', '/api/connections', { body: aConnection(), headers: { origin: 'https://evil.example' } });
    expect([answer.status, answer.json.code]).toEqual([403, 'cross_site']);
  });

  it('answers an id that cannot exist like one that does not', async () => {
    expect((await api.call('GET', '/api/connections/con_00000000')).status).toBe(404);
    expect((await api.call('GET', "/api/connections/con'%20or%201")).status).toBe(404);
  });
});
