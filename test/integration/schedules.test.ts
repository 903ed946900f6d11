import { QueueClient } from '@azure/storage-queue';
import { Export } from '../../shared/exports/export';
import { newExportId } from '../../shared/new-ids';
import { StartMessage } from '../../shared/schedules/starts';
import { createServices } from '../../shared/services';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';

const { signal } = new AbortController();
const weekly = { kind: 'custom', repeat: 'weekly', days: ['monday'], times: ['06:00'], timeZone: 'Romance Standard Time' };
const weeklyKept = { ...weekly, daysOfMonth: [], timeZone: 'Europe/Paris' };
const daily = { kind: 'custom', repeat: 'daily', times: ['02:30', '14:30'], timeZone: 'America/New_York' };
const dailyKept = { ...daily, days: [], daysOfMonth: [] };
const off = { kind: 'off' };

let api: Api;
let shared: string;
let closed: string;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  api = await startApi();
  const connect = async (more: Record<string, unknown>) =>
    String((await api.call('POST', '/api/connections', { body: aConnection(more) })).json.id);
  shared = await connect({ access: 'administratorsAndContributors' });
  closed = await connect({});
});
afterAll(() => api.close());
beforeEach(async () => {
  const { exportStore, tables } = api.services;
  for await (const { value, etag } of exportStore.readAll({ signal })) await exportStore.remove(value.id, { ifMatch: etag, signal });
  for await (const { partitionKey, rowKey } of tables.settings.listEntities()) await tables.settings.deleteEntity(partitionKey!, rowKey!);
  await Promise.all(['export-runs', 'export-starts'].map((name) => queue(name).clearMessages()));
});

const queue = (name: string) => new QueueClient(api.azurite.connectionString, name);
const waiting = async (name: string) => (await queue(name).getProperties()).approximateMessagesCount;
const save = async (more: Record<string, unknown> = {}) => {
  const answer = await api.call('POST', '/api/exports', { body: anExport({ connectionId: shared, ...more }) });
  expect([answer.status, answer.json.errors]).toEqual([201, undefined]);
  return String(answer.json.id);
};
const shown = async (id: string) => (await api.call('GET', `/api/exports/${id}`)).json;
const etagOf = async (id: string) => (await api.call('GET', `/api/exports/${id}`)).headers.get('etag')!;
const setSchedule = async (id: string, body: unknown, call: ApiCall = {}) =>
  api.call('PUT', `/api/exports/${id}/schedule`, { body, ifMatch: await etagOf(id), ...call });
const setAll = (body: unknown, call: ApiCall = {}) => api.call('PUT', '/api/exports/schedules', { body, ...call });
const outcomes = ({ json }: Awaited<ReturnType<Api['call']>>) =>
  json.value.map(({ outcome, code }) => (code === undefined ? outcome : code));
const systemOn = async (active = true) => {
  const ifMatch = (await api.call('GET', '/api/settings/schedule')).headers.get('etag')!;
  const body = { active, repeat: 'daily', times: ['02:00'], timeZone: 'UTC' };
  expect((await api.call('PUT', '/api/settings/schedule', { body, ifMatch })).status).toBe(200);
};
/** Stores many exports at once, without the route's checks. */
const many = async (count: number, more: object = {}) => {
  const at = '2026-01-01T00:00:00.000Z';
  const all = Array.from({ length: count }, (_, index) =>
    Export.parse({
      ...anExport({ connectionId: shared, name: `Many ${String(index).padStart(4, '0')}`, schedule: daily }),
      ...{ id: newExportId(), createdAt: at, createdBy: 'a', updatedAt: at, updatedBy: 'a', ...more },
    }),
  );
  for (let from = 0; from < count; from += 100) {
    const rows = all.slice(from, from + 100);
    await api.services.tables.exports.submitTransaction(
      rows.map((value) => ['create', { partitionKey: 'export', rowKey: value.id, document: JSON.stringify(value) }]),
    );
  }
  return all.map(({ id }) => id);
};

describe('the schedule of an export', () => {
  it('X1 is the system refresh where nobody says anything else', async () => {
    const id = await save();
    expect((await shown(id)).schedule).toEqual({ kind: 'system' });
    const next = await api.call('POST', '/api/schedules/next', { body: { exportId: id } });
    expect(next.json).toMatchObject({ value: [], reason: { code: 'system_off' } });
    // and while that is off, which it is until somebody turns it on, no tick runs anything
    const tick = { partitionKey: 'settings', rowKey: 'tick', document: JSON.stringify({ at: '2026-01-01T00:00:00.000Z', unstarted: [] }) };
    await api.services.tables.settings.upsertEntity(tick);
    await api.services.fanOut.tick({ signal });
    expect(await waiting('export-runs')).toBe(0);
    await systemOn();
    expect((await api.call('POST', '/api/schedules/next', { body: { exportId: id } })).json.value).toHaveLength(5);
  });

  it('X2 is off, which is manual only, or has a recurrence, details and times of its own', async () => {
    const id = await save();
    const own = await setSchedule(id, weekly);
    expect([own.status, own.json.schedule]).toEqual([200, weeklyKept]);
    expect(own.headers.get('etag')).toBe(await etagOf(id));
    expect((await setSchedule(id, off)).json).toMatchObject({ schedule: off, scheduleBefore: weeklyKept });
    expect((await api.call('POST', '/api/schedules/next', { body: { exportId: id } })).json.reason).toMatchObject({ code: 'off' });
    const back = await setSchedule(id, { kind: 'system' });
    expect([back.json.schedule, back.json.scheduleBefore]).toEqual([{ kind: 'system' }, undefined]);
  });

  it('X4 may be set by whoever may edit the export, and by nobody else', async () => {
    const [open, own] = [await save(), await save({ connectionId: closed })];
    const statuses = async (id: string) => {
      const found: number[] = [];
      for (const as of ['Administrator', 'Contributor', 'Viewer'] as const) found.push((await setSchedule(id, daily, { as })).status);
      return found;
    };
    expect(await statuses(open)).toEqual([200, 200, 403]);
    expect(await statuses(own)).toEqual([200, 403, 403]);
    const both = await setAll({ mode: 'keep', active: false, exportIds: [own, open] }, { as: 'Contributor' });
    expect(outcomes(both)).toEqual(['export_view_only', 'changed']);
    expect([(await shown(own)).schedule, (await shown(open)).schedule]).toEqual([dailyKept, off]);
    expect((await setAll({ mode: 'keep', active: false, exportIds: [open] }, { as: 'Viewer' })).status).toBe(403);
  });

  it('E3 never runs the export when it is set, for one or for several', async () => {
    const id = await save();
    await systemOn();
    await setSchedule(id, daily);
    await setAll({ mode: 'set', schedule: { kind: 'system' }, exportIds: [id] });
    await setAll({ mode: 'keep', active: false, exportIds: [id] });
    await setAll({ mode: 'keep', active: true, exportIds: [id] });
    expect([await waiting('export-runs'), await waiting('export-starts')]).toEqual([0, 0]);
    expect((await api.call('GET', `/api/exports/${id}/runs`)).json.value).toEqual([]);
  });

  it('is set by version', async () => {
    const id = await save();
    const etag = await etagOf(id);
    expect((await setSchedule(id, daily, { ifMatch: undefined })).status).toBe(428);
    expect((await setSchedule(id, daily, { ifMatch: etag })).status).toBe(200);
    expect((await setSchedule(id, weekly, { ifMatch: etag })).status).toBe(412);
  });

  it.each<[string, unknown, string]>([
    ['a zone that nobody knows', { ...daily, timeZone: 'Mars/Olympus' }, '/timeZone'],
    ['an offset for a zone', { ...daily, timeZone: '+02:00' }, '/timeZone'],
    ['five times a day', { ...daily, times: ['01:00', '02:00', '03:00', '04:00', '05:00'] }, '/times'],
    ['a time with seconds', { ...daily, times: ['01:00:30'] }, '/times/0'],
    ['day 32', { ...daily, repeat: 'monthly', daysOfMonth: [32] }, '/daysOfMonth/0'],
    ['a day twice', { ...weekly, days: ['monday', 'monday'] }, '/days'],
    ['a recurrence without times', { kind: 'custom', timeZone: 'UTC' }, '/times'],
    ['another kind', { kind: 'hourly' }, '/kind'],
    ['times on the system refresh', { kind: 'system', times: ['01:00'] }, '/times'],
  ])('is refused with %s, by the field’s pointer', async (_, schedule, pointer) => {
    const id = await save();
    const pointers = ({ status, json }: Awaited<ReturnType<Api['call']>>) => [status, json.errors.map((error) => error.pointer)];
    expect(pointers(await setSchedule(id, schedule))).toEqual([400, [pointer]]);
    const inside = [400, [`/schedule${pointer}`]];
    expect(pointers(await setAll({ mode: 'set', schedule, exportIds: [id] }))).toEqual(inside);
    expect(pointers(await api.call('POST', '/api/schedules/next', { body: { schedule } }))).toEqual(inside);
  });
});

describe('the schedules of several exports', () => {
  it('X3 are kept and only turned off and on, or replaced by one for all', async () => {
    const own = await save({ schedule: daily });
    const system = await save();
    const never = await save({ schedule: off });
    const exportIds = [own, system, never];
    expect(outcomes(await setAll({ mode: 'keep', active: false, exportIds }))).toEqual(['changed', 'changed', 'unchanged']);
    for (const id of exportIds) expect((await shown(id)).schedule).toEqual(off);

    const on = await setAll({ mode: 'keep', active: true, exportIds });
    expect(on.json.value.map(({ exportId, outcome, schedule }) => [exportId, outcome, schedule])).toEqual([
      [own, 'changed', dailyKept],
      [system, 'changed', { kind: 'system' }],
      [never, 'changed', { kind: 'system' }],
    ]);
    expect((await shown(own)).schedule).toEqual(dailyKept);

    expect(outcomes(await setAll({ mode: 'set', schedule: weekly, exportIds }))).toEqual(['changed', 'changed', 'changed']);
    for (const id of exportIds) expect((await shown(id)).schedule).toEqual(weeklyKept);
  });

  it('are answered for one by one, in the order in which the exports were named', async () => {
    const id = await save();
    const unknown = newExportId();
    const answer = await setAll({ mode: 'set', schedule: daily, exportIds: [unknown, id] });
    expect(answer.status).toBe(200);
    expect(answer.json.value).toMatchObject([
      { exportId: unknown, outcome: 'refused', code: 'export_unknown' },
      { exportId: id, outcome: 'changed', name: 'VIP newsletter', schedule: dailyKept },
    ]);
  });

  it('lose nothing that others change at the same time', async () => {
    const ids = await many(20);
    const rename = async (id: string, name: string): Promise<void> => {
      for (;;) {
        const { status } = await api.call('PATCH', `/api/exports/${id}`, { body: { name }, ifMatch: await etagOf(id) });
        if (status === 200) return;
        expect(status).toBe(412);
      }
    };
    const renames = ids.map((id) => rename(id, `Renamed ${id}`));
    const [answer] = await Promise.all([setAll({ mode: 'set', schedule: weekly, exportIds: ids }), ...renames]);
    expect(new Set(outcomes(answer))).toEqual(new Set(['changed']));
    for (const id of ids) expect(await shown(id)).toMatchObject({ name: `Renamed ${id}`, schedule: weeklyKept });
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    ['no export', { mode: 'keep', active: true, exportIds: [] }, ['/exportIds']],
    ['an id that is none', { mode: 'keep', active: true, exportIds: ['x'] }, ['/exportIds/0']],
    ['a mode that is none', { mode: 'all', exportIds: ['x'] }, ['/mode']],
    ['a schedule that would be ignored', { mode: 'keep', active: true, exportIds: ['exp_0000000000'], schedule: off }, ['/schedule']],
  ])('are refused with %s', async (_, body, pointers) => {
    const { status, json } = await setAll(body);
    expect([status, json.errors.map(({ pointer }) => pointer)]).toEqual([400, pointers]);
  });
});

describe('the next runs', () => {
  const next = (body: unknown, call: ApiCall = {}) => api.call('POST', '/api/schedules/next', { body, ...call });

  it('of a schedule that is not saved are told to everyone, five unless more are asked for', async () => {
    const { status, json } = await next({ schedule: weekly }, { as: 'Viewer' });
    expect([status, json.timeZone, json.value.length]).toEqual([200, 'Europe/Paris', 5]);
    for (const { at, local } of json.value) {
      expect(local).toMatch(/T06:00$/);
      expect(new Date(String(at)).getTime()).toBeGreaterThan(Date.now());
    }
    expect((await next({ schedule: weekly, count: 50 })).json.value).toHaveLength(50);
  });

  it('of an export are those of its own schedule, and none while it is detached or paused', async () => {
    const id = await save({ schedule: daily });
    expect((await next({ exportId: id, count: 1 })).json.value).toHaveLength(1);
    const { value, etag } = (await api.services.exportStore.find(id as Export['id'], { signal }))!;
    const stored = await api.services.exportStore.replace({ ...value, paused: true }, { ifMatch: etag, signal });
    expect((await next({ exportId: id })).json).toMatchObject({ value: [], reason: { code: 'export_paused' } });
    await api.services.exportStore.replace({ ...value, connectionId: undefined }, { ifMatch: stored.etag, signal });
    expect((await next({ exportId: id })).json).toMatchObject({ value: [], reason: { code: 'export_detached' } });
    expect((await next({ exportId: newExportId() })).status).toBe(404);
  });

  it.each<[string, unknown, string[]]>([
    ['neither a schedule nor an export', {}, ['']],
    ['both', { schedule: off, exportId: 'exp_0000000000' }, ['']],
    ['more than fifty', { schedule: off, count: 51 }, ['/count']],
    ['an unknown field', { schedule: off, from: 'x' }, ['/from']],
  ])('are refused for %s', async (_, body, pointers) => {
    const { status, json } = await next(body);
    expect([status, json.errors.map(({ pointer }) => pointer)]).toEqual([400, pointers]);
  });
});

describe('run', () => {
  it('X6 starts one export now, also one that has no active schedule', async () => {
    const id = await save({ schedule: off });
    const { status, json, headers } = await api.call('POST', `/api/exports/${id}/run`, { body: { dryRun: true } });
    expect([status, json.exportId, json.state, json.trigger]).toMatchObject([202, id, 'queued', { kind: 'onDemand' }]);
    expect(headers.get('location')).toBe(`/api/runs/${String(json.id)}`);
    expect(await waiting('export-runs')).toBe(1);
  });
});

describe('run all', () => {
  const runAll = (call: ApiCall = {}) => api.call('POST', '/api/exports/run-all', call);
  const byName = ({ json }: Awaited<ReturnType<Api['call']>>) =>
    Object.fromEntries(json.value.map(({ name, outcome, code }) => [name, code ?? outcome]));

  it('X7 runs the exports with an active schedule that the caller may edit, and says of the others why not', async () => {
    await save({ name: 'own', schedule: daily });
    await save({ name: 'system' });
    await save({ name: 'off', schedule: off });
    await save({ name: 'not shared', schedule: daily, connectionId: closed });
    await many(1, { name: 'paused', paused: true });
    await many(1, { name: 'detached', connectionId: undefined });

    const others = { off: 'schedule_off', paused: 'export_paused' };
    const contributor = await runAll({ as: 'Contributor' });
    expect([contributor.status, contributor.json.runningCount]).toEqual([202, 1]);
    const viewOnly = { 'not shared': 'export_view_only', detached: 'export_view_only' };
    expect(byName(contributor)).toEqual({ ...others, ...viewOnly, own: 'started', system: 'system_off' });

    await systemOn();
    const administrator = await runAll();
    expect(byName(administrator)).toEqual({
      ...others,
      own: 'active',
      system: 'started',
      'not shared': 'started',
      detached: 'export_detached',
    });
    expect(await waiting('export-runs')).toBe(3);
    const { runId } = administrator.json.value.find(({ name }) => name === 'system')!;
    const run = await api.call('GET', `/api/runs/${String(runId)}`);
    expect(run.json).toMatchObject({ state: 'queued', trigger: { kind: 'onDemand' }, dryRun: false });
    expect((await runAll({ as: 'Viewer' })).status).toBe(403);
  });

  it('gives many to a queue, which starts each once, however often it is delivered', async () => {
    const ids = await many(40);
    const answer = await runAll();
    expect([answer.status, answer.json.runningCount]).toEqual([202, 40]);
    expect(new Set(outcomes(answer))).toEqual(new Set(['queued']));
    expect(await waiting('export-runs')).toBe(0);

    const [message] = (await queue('export-starts').receiveMessages()).receivedMessageItems;
    const { exportIds, trigger } = StartMessage.parse(JSON.parse(message!.messageText));
    expect([exportIds.length, trigger.kind]).toEqual([40, 'onDemand']);
    for (const attempt of [1, 2]) {
      await api.services.startMessages.receive(message!.messageText, { messageId: 'm', attempt, signal });
    }
    expect(await waiting('export-runs')).toBe(40);
    const runs = (await api.call('GET', `/api/exports/${ids[7]}/runs`)).json.value;
    expect(runs.map((run) => run.trigger)).toEqual([trigger]);
  });

  const historyOf = async (exportId: string) =>
    (await api.call('GET', `/api/activity?exportId=${exportId}`)).json.value.filter(({ kind }) => kind === 'run_started');

  it('tells the history of each export who ran it, whether it started at once or by the queue, and once', async () => {
    const id = await save({ name: 'told', schedule: daily });
    const { runId } = (await runAll({ as: 'Contributor' })).json.value[0]!;
    const details = { full: false, dryRun: false, runAll: true };
    const told = { exportId: id, runId, name: 'told', byName: 'Carl Contributor', details };
    expect(await historyOf(id)).toMatchObject([told]);
    await runAll();
    const [joined] = await historyOf(id);
    expect(joined).toMatchObject({ ...told, byName: 'Ada Administrator', details: { ...details, joined: true } });

    const [one] = await many(17);
    await runAll({ as: 'Contributor' });
    const [message] = (await queue('export-starts').receiveMessages()).receivedMessageItems;
    for (const attempt of [1, 2]) await api.services.startMessages.receive(message!.messageText, { messageId: 'm', attempt, signal });
    const queued = await historyOf(one!);
    expect(queued).toMatchObject([{ byName: 'Carl Contributor', by: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown, details }]);
    expect(queued[0]!.runId).toBe((await api.call('GET', `/api/exports/${one}/runs`)).json.value[0]!.id);
  });

  it('tells of a message of another system whose digest it was, and of a repeated one nothing', async () => {
    const id = await save({ schedule: off });
    const message = JSON.stringify({ version: 1, type: 'run', exportId: id, requestId: 'order-4711' });
    for (const messageId of ['m1', 'm2']) await api.services.requests.receive(message, { messageId, attempt: 1, signal });
    const told = await historyOf(id);
    expect(told).toMatchObject([{ by: 'queue', details: { requestDigest: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown } }]);
    expect(JSON.stringify(told)).not.toContain('4711');
  });

  it('refuses a message of that queue that it cannot read, with the reason', async () => {
    await api.services.startMessages.receive('{"version":1,"exportIds":["x"]}', { messageId: 'm', attempt: 1, signal });
    const [peeked] = (await queue('export-starts-poison').peekMessages()).peekedMessageItems;
    expect(JSON.parse(peeked!.messageText)).toMatchObject({ reason: expect.stringContaining('exportIds.0') as unknown });
  });
});

describe('what a call costs with 1,000 exports', () => {
  it('is few calls to storage, whatever is asked', async () => {
    const table = api.services.tables.exports; // without what the tests above left of theirs: a page holds a thousand rows
    for await (const { partitionKey, rowKey } of table.listEntities()) await table.deleteEntity(partitionKey!, rowKey!);
    const ids = await many(1_000);
    const proxy = await startCountingProxy(api.azurite);
    try {
      const services = createServices({ ...api.services.env, AzureWebJobsStorage: proxy.connectionString });
      const { call } = createCaller(services, { tenantId: api.vault.tenantId });
      const callsOf = async (as: 'Administrator' | 'Contributor', method: string, path: string, sent: ApiCall = {}) =>
        proxy.during(async () => {
          const { status, text } = await call(method, path, { as, ...sent });
          if (status >= 400) throw new Error(text);
        });
      const count = async (...asked: Parameters<typeof callsOf>) => (await callsOf(...asked)).length;
      const set = (from: number, to: number) => ({ body: { mode: 'set', schedule: weekly, exportIds: ids.slice(from, to) } });
      const etag = await etagOf(ids[0]!);
      expect({
        next: await count('Contributor', 'POST', '/api/schedules/next', { body: { exportId: ids[1] } }),
        one: await count('Contributor', 'PUT', `/api/exports/${ids[0]}/schedule`, { body: weekly, ifMatch: etag }),
        ten: await count('Contributor', 'PUT', '/api/exports/schedules', set(10, 20)),
        runAll: await count('Contributor', 'POST', '/api/exports/run-all'),
      }).toEqual({ next: 1, one: 4, ten: 4, runAll: 5 });
      // two transactions of a hundred, and those of the activity log, which says of each export what its schedule was before
      const twoHundred = await callsOf('Contributor', 'PUT', '/api/exports/schedules', set(300, 500));
      expect(twoHundred.filter((line) => line.startsWith('GET'))).toHaveLength(2);
      expect(twoHundred.length).toBeLessThan(30);
      await services.klaviyo.close();
    } finally {
      await proxy.close();
    }
  });
});
