import { aConnection, anExport, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';

let api: Api;
let connectionId: string;
let sharedId: string;
beforeAll(async () => {
  api = await startApi({ settings: { MAX_PROFILES_PER_EXPORT: '5000' } });
  const connect = async (more: Record<string, unknown>) =>
    String((await api.call('POST', '/api/connections', { body: aConnection(more) })).json.id);
  connectionId = await connect({});
  sharedId = await connect({ access: 'administratorsAndContributors' });
});
afterAll(() => api.close());

const post = (more: Record<string, unknown> = {}, call: ApiCall = {}) =>
  api.call('POST', '/api/exports', { body: anExport({ connectionId, ...more }), ...call });
const save = async (more: Record<string, unknown> = {}) => {
  const answer = await post(more);
  expect([answer.status, answer.json.errors]).toEqual([201, undefined]);
  return { id: String(answer.json.id), etag: answer.headers.get('etag')!, json: answer.json };
};
const refusal = ({ status, json }: Awaited<ReturnType<Api['call']>>) => [status, json.code, json.errors?.map(({ pointer }) => pointer)];
const queueLength = async () => {
  const { QueueClient } = await import('@azure/storage-queue');
  return (await new QueueClient(api.azurite.connectionString, 'export-runs').getProperties()).approximateMessagesCount;
};

describe('saving an export', () => {
  it('keeps what was said, with defaults, and tells what the caller may do', async () => {
    const { id, etag, json } = await save({ mapping: { email: 'EMail', firstName: 'FirstName', location: { city: 'City' } } });
    expect(json).toMatchObject({
      name: 'VIP newsletter',
      membership: 'add',
      schedule: { kind: 'system' },
      mapping: { email: 'EMail', firstName: 'FirstName', location: { city: 'City' } },
      permission: 'edit',
      createdBy: 'a0000000-0000-4000-8000-000000000001',
    });
    const { warnings, ...saved } = json;
    expect(warnings).toEqual([]);
    const read = await api.call('GET', `/api/exports/${id}`);
    const seen = { ...saved, health: 'healthy', reasons: [], activity: 'idle' };
    expect(read.json).toEqual(seen);
    expect(read.headers.get('etag')).toBe(etag);
    expect((await api.call('GET', '/api/exports?size=200')).json.value).toContainEqual({ ...seen, recentRuns: [] });
  });

  it('runs nothing (E3), neither when made nor when changed', async () => {
    const { id, etag } = await save();
    await api.call('PATCH', `/api/exports/${id}`, { body: { name: 'Renamed' }, ifMatch: etag });
    expect(await queueLength()).toBe(0);
    expect((await api.call('GET', `/api/exports/${id}/runs`)).json.value).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, unknown[]]>([
    ['no e-mail field', { mapping: {} }, [400, 'invalid_input', ['/mapping/email']]],
    ['no segment', { segments: [] }, [400, 'invalid_input', ['/segments']]],
    ['an unknown list', { listId: 'NOLIST' }, [400, 'list_unknown', ['/listId']]],
    ['a list id that is none', { listId: 'a/b' }, [400, 'invalid_input', ['/listId']]],
    ['an unknown segment', { segments: ['Loyal', 'Nobody'] }, [400, 'segment_unknown', ['/segments/1']]],
    [
      'fields the segments do not have',
      { mapping: { email: 'Mail', location: { city: 'Town' }, properties: [{ field: 'Loyalty', name: 'loyalty' }] } },
      [400, 'field_unknown', ['/mapping/email', '/mapping/location/city', '/mapping/properties/0/field']],
    ],
    ['an unknown connection', { connectionId: 'con_0000000000' }, [400, 'connection_unknown', ['/connectionId']]],
    [
      'a mapping too large for a row of the table',
      {
        mapping: {
          email: 'EMail',
          properties: Array.from({ length: 200 }, (_, index) => ({ field: 'City', name: `${index}${'x'.repeat(190)}` })),
        },
      },
      [422, 'too_large', undefined],
    ],
    ['a cap above the app’s', { maxProfiles: 5001 }, [422, 'cap_too_high', ['/maxProfiles']]],
    ['unknown fields', { list: 'LIST5K', mapping: { email: 'EMail', mail: 'x' } }, [400, 'invalid_input', ['/mapping/mail', '/list']]],
  ])('refuses %s', async (_, more, expected) => {
    expect(refusal(await post(more))).toEqual(expected);
  });

  it('keeps nothing unchecked while Klaviyo or the source is away', async () => {
    const count = async () => (await api.call('GET', '/api/exports?size=1')).json.total;
    const before = await count();
    await fetch(`${api.klaviyo.url}/_sandbox/faults`, {
      method: 'POST',
      body: JSON.stringify({ endpoint: 'GET /api/lists/{id}', count: 10, fault: { kind: 'error_503' } }),
    });
    const away = await post();
    await fetch(`${api.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    expect([away.status, away.json.service]).toEqual([503, 'klaviyo']);
    expect(away.headers.get('retry-after')).not.toBeNull();
    expect(await count()).toBe(before);
  });

  it.each<[string, ApiCall, number, string]>([
    ['a body that is no JSON', { raw: '{"name":' }, 400, 'not_json'],
    ['a form', { raw: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 415, 'content_type_unsupported'],
    ['a body over 1 MB', { raw: JSON.stringify({ name: 'x'.repeat(1_000_000) }) }, 413, 'body_too_large'],
  ])('refuses %s', async (_, call, status, code) => {
    const answer = await api.call('POST', '/api/exports', call);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });
});

describe('changing an export', () => {
  it('changes what is named and nothing else; null clears a limit', async () => {
    const { id, etag, json } = await save({ maxProfiles: 100, membership: 'mirror', schedule: { kind: 'off' } });
    const changed = await api.call('PATCH', `/api/exports/${id}`, { body: { name: 'Other', maxProfiles: null }, ifMatch: etag });
    expect(changed.status).toBe(200);
    const { maxProfiles, ...rest } = json as Record<string, unknown>;
    expect(maxProfiles).toBe(100);
    expect(changed.json).toEqual({ ...rest, name: 'Other', updatedAt: changed.json.updatedAt });
  });

  it('checks what changes, and only that', async () => {
    const { id, etag } = await save();
    const change = (body: unknown) => api.call('PATCH', `/api/exports/${id}`, { body, ifMatch: etag });
    expect(refusal(await change({ listId: 'NOLIST' }))).toEqual([400, 'list_unknown', ['/listId']]);
    expect(refusal(await change({ segments: ['Nobody'] }))).toEqual([400, 'segment_unknown', ['/segments/0']]);
    expect(refusal(await change({ mapping: { email: 'Mail' } }))).toEqual([400, 'field_unknown', ['/mapping/email']]);
    expect(refusal(await change({ id: 'exp_1234567890' }))).toEqual([400, 'invalid_input', ['/id']]);
    expect((await change({ name: 'Renamed' })).status).toBe(200);
  });

  it('asks for a version, refuses a stale one, and takes one without its weak mark', async () => {
    const { id, etag } = await save();
    const change = (ifMatch?: string) => api.call('PATCH', `/api/exports/${id}`, { body: { name: 'Again' }, ifMatch });
    expect((await change()).status).toBe(428);
    expect((await change('*')).status).toBe(428);
    expect((await change('"0"')).status).toBe(412);
    expect((await change(etag.replace('W/', ''))).status).toBe(200);
    expect(refusal(await change(etag)).slice(0, 2)).toEqual([412, 'changed_meanwhile']);
  });

  it('lets one of twenty writers at once win', async () => {
    const { id, etag } = await save();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.call('PATCH', `/api/exports/${id}`, { body: { name: `Writer ${index}` }, ifMatch: etag }),
      ),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(19);
    expect((await api.call('GET', `/api/exports/${id}`)).json.name).toBe(winners[0]!.json.name);
  });
});

describe('who may what', () => {
  it('lets a contributor work on shared connections only', async () => {
    const as = 'Contributor';
    expect(refusal(await post({}, { as }))).toEqual([400, 'connection_unknown', ['/connectionId']]);
    const own = await post({ connectionId: sharedId }, { as });
    expect([own.status, own.json.permission]).toEqual([201, 'edit']);
    const others = await save();
    expect((await api.call('GET', `/api/exports/${others.id}`, { as })).json.permission).toBe('view');
    const change = await api.call('PATCH', `/api/exports/${others.id}`, { as, body: { name: 'Mine' }, ifMatch: others.etag });
    expect([change.status, change.json.code]).toEqual([403, 'export_view_only']);
    const move = await api.call('PATCH', `/api/exports/${String(own.json.id)}`, {
      as,
      body: { connectionId },
      ifMatch: own.headers.get('etag')!,
    });
    expect(refusal(move)).toEqual([400, 'connection_unknown', ['/connectionId']]);
    expect((await api.call('POST', `/api/exports/${others.id}/run`, { as })).status).toBe(403);
    expect((await api.call('DELETE', `/api/exports/${others.id}`, { as, ifMatch: '*' })).status).toBe(403);
  });

  it('lets a viewer look and no more', async () => {
    const { id } = await save({ connectionId: sharedId });
    const as = 'Viewer';
    expect((await api.call('GET', `/api/exports/${id}`, { as })).json.permission).toBe('view');
    expect((await post({}, { as })).status).toBe(403);
    expect((await api.call('POST', `/api/exports/${id}/run`, { as })).status).toBe(403);
  });
});

describe('removing', () => {
  it('removes an export; its connection can go only after it', async () => {
    const made = await api.call('POST', '/api/connections', { body: aConnection() });
    const id = String(made.json.id);
    const dependent = await save({ name: 'Depends on it', connectionId: id });
    const refused = await api.call('DELETE', `/api/connections/${id}`, { ifMatch: '*' });
    expect([refused.status, refused.json.details]).toEqual([409, { exports: [{ id: dependent.id, name: 'Depends on it' }] }]);
    expect((await api.call('DELETE', `/api/exports/${dependent.id}`, { ifMatch: dependent.etag })).status).toBe(204);
    expect((await api.call('GET', `/api/exports/${dependent.id}`)).status).toBe(404);
    expect((await api.call('DELETE', `/api/connections/${id}`, { ifMatch: '*' })).status).toBe(204);
  });
});

describe('running', () => {
  it('answers 202 with the run’s address, and with the same run while it is active', async () => {
    const { id } = await save();
    const first = await api.call('POST', `/api/exports/${id}/run`);
    expect([first.status, first.json.state, first.json.exportId]).toEqual([202, 'queued', id]);
    const location = first.headers.get('location')!;
    expect(location).toBe(`/api/runs/${String(first.json.id)}`);
    expect((await api.call('GET', location)).json).toMatchObject({
      id: first.json.id,
      trigger: { kind: 'onDemand', by: 'Ada Administrator' },
    });
    const second = await api.call('POST', `/api/exports/${id}/run`, { body: {} });
    expect([second.status, second.json.id]).toEqual([202, first.json.id]);
    expect((await api.call('GET', `/api/exports/${id}/runs`)).json.value).toHaveLength(1);
    expect((await api.call('GET', '/api/runs?size=1', { as: 'Viewer' })).json.value).toHaveLength(1);
    const canceled = await api.call('POST', `${location}/cancel`);
    expect(canceled.status).toBe(202);
  });

  it('gives rows as a CSV download to those who may edit', async () => {
    const { id } = await save();
    const { json } = await api.call('POST', `/api/exports/${id}/run`);
    const rows = `/api/runs/${String(json.id)}/rows`;
    const answer = await api.call('GET', `${rows}?stage=invalid`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toContain('attachment');
    expect(answer.text.split('\r\n')[0]).toMatch(/,/);
    expect((await api.call('GET', `${rows}?stage=invalid`, { as: 'Viewer' })).status).toBe(403);
    expect(refusal(await api.call('GET', `${rows}?stage=everything`))).toEqual([400, 'invalid_input', ['?stage']]);
    expect((await api.call('GET', '/api/runs/run_00000000/rows?stage=invalid')).status).toBe(404);
  });

  it('refuses unknown options', async () => {
    const { id } = await save();
    expect(refusal(await api.call('POST', `/api/exports/${id}/run`, { body: { force: true } }))).toEqual([
      400,
      'invalid_input',
      ['/force'],
    ]);
    expect((await api.call('POST', '/api/exports/exp_0000000000/run')).status).toBe(404);
  });
});

describe('segments', () => {
  it('are listed and described without anybody’s data', async () => {
    const list = await api.call('GET', '/api/segments', { as: 'Viewer' });
    expect(list.json.value.map(({ name }) => name)).toEqual(expect.arrayContaining(['Loyal', 'NewCustomers']));
    const one = await api.call('GET', '/api/segments/Loyal', { as: 'Viewer' });
    expect(one.json.fields).toContainEqual({ name: 'EMail', dataType: 'string' });
    expect(one.text).not.toContain('sample');
    expect((await api.call('GET', '/api/segments/Nobody')).status).toBe(404);
  });
});
