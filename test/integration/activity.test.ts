import { parse } from 'csv-parse/sync';
import type { LocalRole } from '../../infra/local/auth/app-service-authentication';
import { aConnection, anExport, createCaller, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { startFaultyStorage } from '../support/faulty-storage';
import type { ActivityEntry, LoggedActivity, NewActivityEntry } from '../../shared/activity/entry';
import { idOfRow, newEntryId } from '../../shared/activity/keys';
import { ExportId } from '../../shared/ids';
import { createServices } from '../../shared/services';

let api: Api;
let connectionId: string;
beforeAll(async () => {
  api = await startApi();
  connectionId = (await api.call('POST', '/api/connections', { body: aConnection({ access: 'administratorsAndContributors' }) })).json
    .id as string;
});
const open: { close(): Promise<unknown> }[] = [];
/** To be closed after its test, however that ends. */
const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
  open.push(one);
  return one;
};
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(() => api.close());
const { signal } = new AbortController();

/** The newest entries of the log. */
const log = async (size = 1): Promise<ActivityEntry[]> => (await api.services.activity.page({}, { size, signal })).entries;
const last = async (): Promise<ActivityEntry> => (await log())[0]!;
const send = async (method: string, path: string, call: ApiCall = {}, expected = 200) => {
  const answer = await api.call(method, path, call);
  if (answer.status !== expected) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
  return { ...answer, id: answer.json.id as string, etag: answer.headers.get('etag')! };
};
const makeExport = (more: Record<string, unknown> = {}, as: LocalRole = 'Administrator') =>
  send('POST', '/api/exports', { as, body: anExport({ connectionId, ...more }) }, 201);
const ADMINISTRATOR = 'a0000000-0000-4000-8000-000000000001';
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

/** The app beside the first one, on storage that somebody watches or spoils. */
const beside = (connectionString: string, { lines = [] as string[], now = undefined as (() => Date) | undefined } = {}) => {
  const services = createServices(
    { ...api.services.env, AzureWebJobsStorage: connectionString },
    { write: (line) => void lines.push(line), ...(now ? { now } : {}) },
  );
  opened(services.klaviyo);
  return { services, lines, ...createCaller(services, { tenantId: api.vault.tenantId }) };
};

describe('a record', () => {
  it('takes exactly one call to storage, with all that it is found by', async () => {
    const proxy = opened(await startCountingProxy(api.azurite));
    const { call } = beside(proxy.connectionString);
    const { id, etag } = await makeExport();
    const refused = await proxy.during(() => call('PATCH', `/api/exports/${id}`, { body: { name: 'x' }, ifMatch: '"stale"' }));
    const made = await proxy.during(async () => {
      expect((await call('PATCH', `/api/exports/${id}`, { body: { name: 'Counted' }, ifMatch: etag })).status).toBe(200);
    });
    // a transaction is a POST, and names its table in its body
    expect([refused, made].map((calls) => calls.filter((one) => one.startsWith('POST')).length)).toEqual([0, 1]);
    for (const filter of [`exportId=${id}`, `connectionId=${connectionId}`, 'kind=export_changed', `by=${ADMINISTRATOR}`]) {
      const { json } = await send('GET', `/api/activity?size=1&${filter}`);
      expect([filter, json.value[0]?.name]).toEqual([filter, 'Counted']);
    }
  });

  it('that cannot be written leaves the change as it is, and the answer, too; the app’s own log says so, by ids', async () => {
    const storage = opened(await startFaultyStorage(api.azurite));
    const { call, lines } = beside(storage.connectionString);
    const { id, etag } = await makeExport({ name: 'Kept' });
    storage.spoil(/^POST .*\$batch/, 'refuse', 10);
    const answer = await call('PATCH', `/api/exports/${id}`, { body: { name: 'Changed' }, ifMatch: etag });
    expect([answer.status, answer.json.name]).toEqual([200, 'Changed']);
    const [line] = lines.map((one) => JSON.parse(one) as Record<string, unknown>);
    expect(line).toMatchObject({
      event: 'activity_not_recorded',
      kind: 'export_changed',
      by: ADMINISTRATOR,
      exportId: id,
      connectionId,
    });
    expect(lines.join()).not.toMatch(/Changed|Kept/);
    storage.heal();
    expect(await last()).toMatchObject({ kind: 'export_created', exportId: id });
  });

  it('whose answer was lost is written once', async () => {
    const storage = opened(await startFaultyStorage(api.azurite));
    const { services } = beside(storage.connectionString);
    const hits = storage.spoil(/^POST .*\$batch/, 'lose answer');
    const at = new Date().toISOString();
    await services.activity.record({ kind: 'run_started', at, by: 'once' }, { signal });
    expect([hits(), (await api.services.activity.page({ by: 'once' }, { size: 10, signal })).entries.length]).toEqual([1, 1]);
  });

  it('of a question about a person comes first: what cannot be recorded is not looked up', async () => {
    const storage = opened(await startFaultyStorage(api.azurite));
    const { call } = beside(storage.connectionString);
    const before = await last();
    storage.spoil(/^POST .*\$batch/, 'refuse', 10);
    for (const path of ['/api/people/trace', '/api/people/erase', '/api/activity.csv']) {
      const answer = path.endsWith('.csv') ? await call('GET', path) : await call('POST', path, { body: { email: 'ada@example.com' } });
      expect([path, answer.status, answer.json.service]).toEqual([path, 502, 'storage']);
    }
    storage.heal();
    expect(await last()).toEqual(before);
    const traced = await call('POST', '/api/people/trace', { body: { email: 'ada@example.com' }, headers: from });
    expect(traced.status).toBe(200);
    const entry = await last();
    expect(entry).toMatchObject({
      kind: 'person_traced',
      byName: 'Ada Administrator',
      clientAddress: '198.51.100.7',
      person: traced.json.person,
    });
    expect(JSON.stringify(entry)).not.toContain('ada@');
  });
});

describe('GET /api/activity', () => {
  const DAY = 86_400_000;
  const T = Date.parse('2026-06-01T00:00:00Z');
  const at = (index: number): string => new Date(T + index * 1_000).toISOString();
  const [one, other] = ['exp_page00001', 'exp_page00002'].map((id) => ExportId.parse(id)) as [ExportId, ExportId];
  const span = { from: new Date(T).toISOString(), to: new Date(T + DAY).toISOString() };
  const ask = (query: Record<string, string>) => send('GET', `/api/activity?${new URLSearchParams(query).toString()}`);
  /** All pages from this one on, as whoever follows nextLink sees them. */
  const follow = async (query: Record<string, string>) => {
    const pages: LoggedActivity[][] = [];
    for (let link: string | undefined = `/api/activity?${new URLSearchParams(query).toString()}`; link !== undefined;) {
      const { json } = await send('GET', link);
      pages.push(json.value as unknown as LoggedActivity[]);
      link = json.nextLink as string | undefined;
    }
    return { pages, all: pages.flat() };
  };

  beforeAll(async () => {
    // 1,200 entries: every second about one export, every sixth of that by Eve, one change of schedule among them all
    const entries = Array.from({ length: 1_200 }, (_, index): NewActivityEntry => ({
      kind: index === 600 ? 'export_schedule_changed' : index % 3 === 0 ? 'run_started' : 'export_changed',
      at: at(index),
      by: index % 12 === 0 ? 'Eve' : 'Adam',
      exportId: index % 2 === 0 ? one : other,
      details: { index },
    }));
    for (let index = 0; index < entries.length; index += 200)
      await api.services.activity.record(entries.slice(index, index + 200), { signal });
  }, 60_000);
  const indexesOf = (entries: readonly ActivityEntry[]) => entries.map(({ details }) => details!['index'] as number);
  const expected = (fits: (index: number) => boolean) => Array.from({ length: 1_200 }, (_, index) => 1_199 - index).filter(fits);

  it('is for administrators', async () => {
    for (const as of ['Contributor', 'Viewer'] as const) {
      for (const path of ['/api/activity', '/api/activity.csv']) await send('GET', path, { as }, 403);
    }
  });

  it('brings each entry once, newest first, page by page, also while others are written', async () => {
    const first = await ask({ ...span, size: '200' });
    await makeExport();
    const rest = await follow(Object.fromEntries(new URL(first.json.nextLink as string, 'http://x').searchParams));
    const all = [...(first.json.value as unknown as LoggedActivity[]), ...rest.all];
    expect(indexesOf(all)).toEqual(expected(() => true));
    expect(rest.pages.map((page) => page.length)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(all.map(({ id }) => id)).size).toBe(1_200);
  });

  it.each<[string, Record<string, string>, (index: number) => boolean]>([
    ['one export', { exportId: one }, (index) => index % 2 === 0],
    ['one kind', { kind: 'export_schedule_changed' }, (index) => index === 600],
    ['one person, whatever the case of the id', { by: 'eve' }, (index) => index % 12 === 0],
    ['one person and one kind', { by: 'Eve', kind: 'export_schedule_changed' }, (index) => index === 600],
    ['one export and one kind', { exportId: one, kind: 'run_started' }, (index) => index % 6 === 0 && index !== 600],
    ['one export and a person who never touched it', { exportId: other, by: 'Eve' }, () => false],
    ['a span', { from: at(100), to: at(200) }, (index) => index >= 100 && index < 200],
    ['a span, in another zone', { from: '2026-06-01T02:01:40+02:00', to: at(200) }, (index) => index >= 100 && index < 200],
    ['one export within a span', { exportId: other, from: at(1), to: at(4) }, (index) => index === 1 || index === 3],
  ])('finds %s', async (_, query, fits) => {
    expect(indexesOf((await follow({ ...span, size: '50', ...query })).all)).toEqual(expected(fits));
  });

  it('takes at most three calls to storage a page, of a log of any size', async () => {
    const proxy = opened(await startCountingProxy(api.azurite));
    const { call } = beside(proxy.connectionString);
    const queries: [Record<string, string>, number, number][] = [
      [{ size: '200' }, 1, 200],
      [{ exportId: one, size: '200' }, 1, 200],
      [{ exportId: one, kind: 'run_started', size: '50' }, 1, 50],
      [{ exportId: one, kind: 'export_removed', size: '50' }, 3, 0],
      [{ exportId: other, by: 'Eve', ...span, size: '50' }, 3, 0],
    ];
    for (const [query, calls, found] of queries) {
      const made = await proxy.during(async () => {
        const { json } = await call('GET', `/api/activity?${new URLSearchParams(query).toString()}`);
        expect([query, json.value.length]).toEqual([query, found]);
      });
      expect([query, made.length]).toEqual([query, calls]);
    }
  });

  it.each<[string, string, string]>([
    ['a kind that is none', 'kind=export_renamed', '?kind'],
    ['an id that is none', 'exportId=con_00000000', '?exportId'],
    ['a day instead of an instant', 'from=2026-06-01', '?from'],
    ['a span that ends before it begins', 'from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z', '?to'],
    ['a token that is none', 'token=abc', '?token'],
    ['a page of no entries', 'size=0', '?size'],
    ['a parameter that it does not know', 'who=Eve', '?who'],
  ])('refuses %s', async (_, query, pointer) => {
    const { json } = await send('GET', `/api/activity?${query}`, {}, 400);
    expect(json.errors.map((error) => error.pointer)).toEqual([pointer]);
  });

  describe('as CSV', () => {
    const read = (text: string) => parse<Record<string, string>>(text, { columns: true, record_delimiter: '\r\n' });

    it('holds all that fits, without pages, and is itself recorded', async () => {
      const answer = await send('GET', `/api/activity.csv?${new URLSearchParams({ ...span, exportId: one }).toString()}`, {
        headers: from,
      });
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
      expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="activity-\d{4}-\d\d-\d\d\.csv"$/);
      expect(answer.text.split('\r\n')).toHaveLength(602); // header and the end of the last line
      const rows = read(answer.text);
      expect(rows.map(({ details }) => (JSON.parse(details!) as { index: number }).index)).toEqual(expected((index) => index % 2 === 0));
      expect(rows[0]).toMatchObject({ at: at(1_198), kind: 'export_changed', by: 'Adam', exportId: one, runId: '' });
      expect(await last()).toMatchObject({
        kind: 'activity_downloaded',
        details: { exportId: one, ...span },
        clientAddress: '198.51.100.7',
      });
    });

    it('has no cell that a spreadsheet takes for a formula', async () => {
      const evil = ['=HYPERLINK("http://x","y")', '+1', '-1', '@SUM(A1)', '\t=1', 'a "b", c\r\nd'];
      const day = '2026-05-01T00:00:00.000Z';
      for (const name of evil)
        await api.services.activity.record({ kind: 'export_created', at: day, name, byName: name, reason: name }, { signal });
      const { text } = await send('GET', `/api/activity.csv?from=${day}&to=2026-05-02T00:00:00Z`);
      const rows = read(text);
      expect(rows.map(({ name }) => name).sort()).toEqual([...evil.slice(0, 5).map((name) => `'${name}`), evil[5]].sort());
      for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.toMatch(/^\s*[=+\-@]/);
    });
  });
});

describe('age', () => {
  const DAY = 86_400_000;
  const later = (days: number) => beside(api.azurite.connectionString, { now: () => new Date(Date.now() + days * DAY) });
  const rowsLeft = async (): Promise<string[]> => {
    const rows: string[] = [];
    for await (const { rowKey } of api.services.tables.activity.listEntities()) rows.push(String(rowKey));
    return rows;
  };

  it('is all that removes an entry: after as many days as an administrator says, in bounded pieces, with all its copies', async () => {
    jest.spyOn(console, 'log').mockReturnValue();
    // as an earlier version wrote it: no copies
    const old = { kind: 'message_refused', at: '2026-01-01T00:00:00.000Z' };
    await api.services.tables.activity.createEntity({
      partitionKey: 'activity',
      rowKey: newEntryId(old.at),
      document: JSON.stringify(old),
    });
    const { value, etag } = await api.services.settings.getLimits({ signal });
    await api.services.settings.setLimits({ ...value, activityDays: 60 }, { ifMatch: etag, signal });
    await api.services.activity.record({ kind: 'run_started', at: new Date().toISOString(), by: 'young' }, { signal });

    // 1,000 entries a tick: the log of the tests above takes two
    const tick = later(59).services;
    await tick.housekeeping.tick({ signal });
    const { entries } = await tick.activity.page({ to: new Date(Date.now() - DAY) }, { size: 200, signal });
    expect(entries.length).toBeGreaterThan(0);
    await tick.housekeeping.tick({ signal });
    const left = await rowsLeft();
    const ids = new Set(left.map(idOfRow));
    const young = (await api.services.activity.page({}, { size: 200, signal })).entries;
    expect([...ids].sort()).toEqual(young.map(({ id }) => id).sort());
    expect(young.every(({ at }) => Date.parse(at) > Date.now() - DAY)).toBe(true);
    expect(young.map(({ by }) => by)).toContain('young');

    const gone = later(61).services;
    await Promise.all([
      gone.activity.clear(new Date(Date.now() + DAY), { maxEntries: 1_000, signal }),
      gone.activity.clear(new Date(Date.now() + DAY), { maxEntries: 1_000, signal }),
    ]);
    expect(await rowsLeft()).toEqual([]);
  }, 60_000);
});
