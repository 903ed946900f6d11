import path from 'node:path';
import { SYSTEM_OPERATIONS } from '../../functions/http/system';
import type { FunctionHostProcess } from '../../infra/local/function-host/spawn';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api } from '../support/api';
import { until } from '../support/started-cloud';

/** System callers by function key: only while the setting is on, only a few routes, and the key is the host's affair. */
const KEY = 'key-of-the-warehouse';
let api: Api;
let host: FunctionHostProcess;
let exportId: string;

beforeAll(async () => {
  api = await startApi({ settings: { ALLOW_FUNCTION_KEYS: 'true' } });
  const connection = await api.call('POST', '/api/connections', { body: aConnection({ access: 'administrators' }) });
  const body = anExport({ connectionId: connection.json.id, schedule: { kind: 'off' } });
  exportId = String((await api.call('POST', '/api/exports', { body })).json.id);

  host = spawnFunctionHost({
    appDir: path.resolve(__dirname, '../..'),
    functionKeys: [KEY],
    env: {
      ...api.hostEnv,
      TICK_SCHEDULE: '*/10 * * * * *',
      ALLOW_FUNCTION_KEYS: 'true',
    },
  });
  await host.ready;
}, 60_000);

afterAll(async () => {
  await host.kill('SIGKILL');
  await api.close();
});

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
/** Calls the host over HTTP, signed in as nobody unless told otherwise. */
const ask = async (at: string, { method = 'GET', headers = {}, body }: Sent = {}) => {
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(`${host.url}${at}`, { method, headers: { 'x-local-role': 'Anonymous', ...type, ...headers }, body });
  const text = await answer.text();
  return {
    status: answer.status,
    headers: answer.headers,
    text,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>,
  };
};
const keyed = { 'x-functions-key': KEY };

it('runs an export by function key alone, also one whose connection is not shared, and follows it to its end', async () => {
  const run = await ask(`/api/system/exports/${exportId}/run`, { method: 'POST', headers: keyed });
  expect([run.status, run.json.trigger]).toEqual([202, { kind: 'onDemand', by: 'Function key', byId: 'function-key' }]);
  const location = run.headers.get('location')!;
  expect(location).toBe(`/api/system/runs/${String(run.json.id)}`);
  const ended = await until('the end of the run', async () => {
    const { json } = await ask(location, { headers: keyed });
    return json.endedAt === undefined ? undefined : json;
  });
  expect(ended.state).toBe('successful');
});

it('runs all that are due to run by themselves: here none, as the only schedule is off', async () => {
  const all = await ask('/api/system/exports/run-all', { method: 'POST', headers: keyed });
  expect([all.status, all.json.value]).toEqual([202, [expect.objectContaining({ exportId, outcome: 'skipped', code: 'schedule_off' })]]);
});

it('takes the key in the address, too, and repeats it nowhere', async () => {
  const one = await ask(`/api/system/exports/${exportId}?code=${KEY}`);
  expect([one.status, one.json.id, one.text.includes(KEY)]).toEqual([200, exportId, false]);
  await ask(`/api/system/exports/${exportId}/run`, { method: 'POST', headers: keyed });
  const page = await ask(`/api/system/exports/${exportId}/runs?size=1&code=${KEY}`);
  expect([page.status, page.text.includes(KEY)]).toEqual([200, false]);
  expect(page.json.nextLink).toMatch(new RegExp(`^/api/system/exports/${exportId}/runs\\?`));
  expect((await ask(String(page.json.nextLink), { headers: keyed })).status).toBe(200);
});

it.each([
  ['no key', {}],
  ['a wrong key', { 'x-functions-key': 'key-of-somebody' }],
  ['a signed-in administrator without a key', { 'x-local-role': 'Administrator' }],
])('refuses %s', async (_who, headers) => {
  for (const at of ['/api/system/exports', `/api/system/exports/${exportId}`]) expect((await ask(at, { headers })).status).toBe(401);
  expect((await ask(`/api/system/exports/${exportId}/run`, { method: 'POST', headers })).status).toBe(401);
});

it('opens nothing but these few routes: a key is no sign-in', async () => {
  for (const at of ['/api/connections', '/api/exports', `/api/exports/${exportId}`, '/api/settings/schedule', '/api/me']) {
    expect((await ask(at, { headers: keyed })).status).toBe(401);
  }
  for (const at of ['/api/system/connections', '/api/system/settings/schedule', '/api/system/me', '/api/system/people/trace']) {
    expect([401, 404]).toContain((await ask(at, { headers: keyed })).status);
  }
  const system = api.definitions.filter(({ path: at }) => at.startsWith('api/system/'));
  expect(system.map(({ operation }) => operation[6]!.toLowerCase() + operation.slice(7)).sort()).toEqual([...SYSTEM_OPERATIONS].sort());
  expect(api.definitions.filter(({ auth }) => auth === 'functionKey')).toEqual(system);
});

it('leaves the principal out of account, so that nobody becomes more by sending one', async () => {
  const forged = Buffer.from(JSON.stringify({ auth_typ: 'aad', claims: [{ typ: 'roles', val: 'Viewer' }] })).toString('base64');
  for (const principal of [forged, 'no principal at all', 'x'.repeat(40_000)]) {
    const headers = { 'x-ms-client-principal': principal, 'x-ms-client-principal-idp': 'aad' };
    const run = await api.call('POST', `/api/system/exports/${exportId}/run`, { as: 'Anonymous', headers });
    expect([run.status, run.json.trigger]).toEqual([202, { kind: 'onDemand', by: 'Function key', byId: 'function-key' }]);
  }
  const viewer = await api.call('POST', `/api/system/exports/${exportId}/run`, { as: 'Viewer' });
  expect([viewer.status, viewer.json.trigger]).toEqual([202, { kind: 'onDemand', by: 'Function key', byId: 'function-key' }]);
});

it('is held to the same rules as people: other sites, unknown fields, unknown parameters', async () => {
  const at = `/api/system/exports/${exportId}/run`;
  expect((await ask(at, { method: 'POST', headers: { ...keyed, origin: 'https://elsewhere.example' } })).json.code).toBe('cross_site');
  expect((await ask(at, { method: 'POST', headers: keyed, body: '{"ful":true}' })).json.errors).toEqual([
    { pointer: '/ful', detail: 'There is no such field.' },
  ]);
  expect((await ask('/api/system/exports?cod=1', { headers: keyed })).status).toBe(400);
  expect((await ask('/api/system/exports/exp_unknown00', { headers: keyed })).status).toBe(404);
});

it('does not exist while ALLOW_FUNCTION_KEYS is off', () => {
  const off = { ...api.services, env: { ...api.services.env, ALLOW_FUNCTION_KEYS: false } };
  const { definitions } = createCaller(off, { tenantId: api.vault.tenantId });
  expect(definitions.filter(({ path: at, auth }) => auth !== undefined || at.includes('system'))).toEqual([]);
});
