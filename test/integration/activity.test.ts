import type { LocalRole } from '../../infra/local/auth/app-service-authentication';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import type { ActivityEntry } from '../../shared/activity/entry';
import { createServices } from '../../shared/services';

let api: Api;
let connectionId: string;
beforeAll(async () => {
  api = await startApi();
  connectionId = (await api.call('POST', '/api/connections', { body: aConnection({ access: 'administratorsAndContributors' }) })).json
    .id as string;
});
afterAll(() => api.close());
const { signal } = new AbortController();

/** The newest entries of the log. */
const log = async (size = 1): Promise<ActivityEntry[]> => (await api.services.activity.page({ size, signal })).entries;
const last = async (): Promise<ActivityEntry> => (await log())[0]!;
const send = async (method: string, path: string, call: ApiCall = {}, expected = 200) => {
  const answer = await api.call(method, path, call);
  if (answer.status !== expected) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return { ...answer, id: answer.json.id as string, etag: answer.headers.get('etag')! };
};
const makeExport = (more: Record<string, unknown> = {}, as: LocalRole = 'Administrator') =>
  send('POST', '/api/exports', { as, body: anExport({ connectionId, ...more }) }, 201);
const from = { 'x-forwarded-for': '10.1.1.1, 198.51.100.7:50123' };

describe('the activity log says', () => {
  it('who made an export, when and from where, and how it began', async () => {
    const begun = new Date().toISOString();
    const { id } = await send(
      'POST',
      '/api/exports',
      { as: 'Contributor', headers: from, body: anExport({ connectionId, name: 'First' }) },
      201,
    );
    const entry = await last();
    expect(entry).toMatchObject({
      ...{ kind: 'export_created', by: 'c0000000-0000-4000-8000-000000000002', byName: 'Carl Contributor' },
      ...{ clientAddress: '198.51.100.7', exportId: id, connectionId, name: 'First' },
      after: { name: 'First', segments: ['Loyal'], mapping: { email: 'EMail' }, schedule: { kind: 'system' } },
    });
    expect(entry.before).toBeUndefined();
    expect(entry.at >= begun).toBe(true);
  });

  it('what somebody changed, before and after, and no more', async () => {
    const { id, etag } = await makeExport({ name: 'Before' });
    await send('PATCH', `/api/exports/${id}`, { body: { name: 'After', segments: ['Loyal', 'NewCustomers'] }, ifMatch: etag });
    expect(await last()).toMatchObject({
      ...{ kind: 'export_changed', exportId: id, name: 'After' },
      before: { name: 'Before', segments: ['Loyal'] },
      after: { name: 'After', segments: ['Loyal', 'NewCustomers'] },
    });
    expect(Object.keys((await last()).after!)).toEqual(['name', 'segments']);
  });

  it('what a removed export was', async () => {
    const { id } = await makeExport({ name: 'Gone' });
    await send('DELETE', `/api/exports/${id}`, { ifMatch: '*' }, 204);
    expect(await last()).toMatchObject({ kind: 'export_removed', exportId: id, name: 'Gone', before: { name: 'Gone', listId: 'LIST5K' } });
  });

  it('that a key was replaced, and never the key', async () => {
    const { id, etag } = await send('POST', '/api/connections', { body: aConnection({ displayName: 'Rotated' }) }, 201);
    await send('PATCH', `/api/connections/${id}`, {
      body: { apiKey: 'pk_sandbox_full', access: 'administratorsAndContributors' },
      ifMatch: etag,
    });
    const [changed, created] = await log(2);
    expect(changed).toMatchObject({
      ...{ kind: 'connection_changed', connectionId: id, name: 'Rotated', details: { keyReplaced: true } },
      ...{ before: { access: 'administrators' }, after: { access: 'administratorsAndContributors' } },
    });
    expect(created).toMatchObject({
      kind: 'connection_created',
      after: { displayName: 'Rotated', accountName: expect.any(String) as unknown },
    });
    await send('DELETE', `/api/connections/${id}`, { ifMatch: '*' }, 204);
    expect(await last()).toMatchObject({ kind: 'connection_removed', connectionId: id, before: { displayName: 'Rotated' } });
    expect(JSON.stringify(await log(100))).not.toContain('pk_sandbox');
  });

  it('how settings were before', async () => {
    const { etag } = await send('GET', '/api/settings/schedule');
    const body = { active: true, repeat: 'daily', times: ['02:30'], timeZone: 'Europe/Paris' };
    await send('PUT', '/api/settings/schedule', { body, ifMatch: etag });
    expect(await last()).toMatchObject({
      kind: 'system_schedule_changed',
      before: { active: false },
      after: { active: true, timeZone: 'Europe/Paris' },
    });
    const limits = await send('GET', '/api/settings/limits');
    await send('PUT', '/api/settings/limits', { body: { reportDays: 7 }, ifMatch: limits.etag });
    expect(await last()).toMatchObject({ kind: 'limits_changed', before: { reportDays: 30 }, after: { reportDays: 7 } });
  });

  it('who ran an export, and who joined a run that was there', async () => {
    const { id } = await makeExport({ name: 'Run' });
    const first = await send('POST', `/api/exports/${id}/run`, { body: { dryRun: true } }, 202);
    const second = await send('POST', `/api/exports/${id}/run`, { body: { dryRun: true }, as: 'Contributor' }, 202);
    expect(second.id).toBe(first.id);
    const [joined, started] = await log(2);
    expect(started).toMatchObject({
      kind: 'run_started',
      exportId: id,
      runId: first.id,
      name: 'Run',
      details: { full: false, dryRun: true },
    });
    expect(joined).toMatchObject({ kind: 'run_started', byName: 'Carl Contributor', runId: first.id, details: { joined: true } });
    await send('POST', `/api/runs/${first.id}/cancel`, {}, 202);
    expect(await last()).toMatchObject({ kind: 'run_canceled', exportId: id, runId: first.id, name: 'Run' });
  });

  it('nothing of what was refused', async () => {
    const { id } = await makeExport();
    const before = await last();
    await send('PATCH', `/api/exports/${id}`, { body: { name: 'x' }, ifMatch: '"stale"' }, 412);
    await send('PATCH', `/api/exports/${id}`, { body: { name: 'x' }, ifMatch: '*', as: 'Viewer' }, 403);
    await send('POST', `/api/runs/run_${'0'.repeat(20)}/cancel`, {}, 404);
    await send('POST', `/api/connections/${connectionId}/test`);
    expect(await last()).toEqual(before);
  });
});

describe('a record', () => {
  it('takes exactly one call to storage, with all that it is found by', async () => {
    const proxy = await startCountingProxy(api.azurite);
    const services = createServices({ ...api.services.env, AzureWebJobsStorage: proxy.connectionString });
    const { call } = createCaller(services, { tenantId: api.vault.tenantId });
    const calls = await proxy.during(() => call('PUT', '/api/settings/limits', { body: {}, ifMatch: '"0"' }));
    expect(calls.filter((one) => one.includes('activity'))).toEqual([]);
    const { etag } = await send('GET', '/api/settings/limits');
    const made = await proxy.during(async () => {
      expect((await call('PUT', '/api/settings/limits', { body: {}, ifMatch: etag })).status).toBe(200);
    });
    expect(made.filter((one) => one.startsWith('POST'))).toHaveLength(1); // a transaction names its table in its body
    await services.klaviyo.close();
    await proxy.close();
  });
});
