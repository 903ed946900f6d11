import { setTimeout as sleep } from 'node:timers/promises';
import { UpstreamError } from '../../shared/errors';
import { ExportId } from '../../shared/ids';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { createOutsideCalls } from '../support/outside-calls';

const { signal } = new AbortController();
let api: Api;
let closedId: string;
let sharedId: string;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log
  api = await startApi({ settings: { MAX_PROFILES_PER_EXPORT: '5000' } });
  const connect = async (more: Record<string, unknown>) =>
    String((await api.call('POST', '/api/connections', { body: aConnection(more) })).json.id);
  closedId = await connect({ displayName: 'Closed shop' });
  sharedId = await connect({ displayName: 'Shared shop', access: 'administratorsAndContributors' });
});
afterAll(() => api.close());

let count = 0;
const post = (more: Record<string, unknown> = {}, call: ApiCall = {}) =>
  api.call('POST', '/api/exports', { body: anExport({ name: `Depth ${(count += 1)}`, connectionId: closedId, ...more }), ...call });
const save = async (more: Record<string, unknown> = {}) => {
  const answer = await post(more);
  expect([answer.status, answer.json.errors]).toEqual([201, undefined]);
  return { id: String(answer.json.id), etag: answer.headers.get('etag')!, json: answer.json };
};
const read = async (id: string, call: ApiCall = {}) => (await api.call('GET', `/api/exports/${id}`, call)).json;
const act = (id: string, what: string, call: ApiCall = {}) => api.call('POST', `/api/exports/${id}/${what}`, call);
const run = (id: string) => act(id, 'run', { body: { dryRun: true } });
const listed = async (query: string, call: ApiCall = {}) => (await api.call('GET', `/api/exports?${query}`, call)).json;
const refusal = ({ status, json }: Awaited<ReturnType<Api['call']>>) => [status, json.code, json.errors?.map(({ pointer }) => pointer)];
const runsOf = async (id: string) => (await api.call('GET', `/api/exports/${id}/runs`)).json.value;
const queueLength = async () => {
  const { QueueClient } = await import('@azure/storage-queue');
  return (await new QueueClient(api.azurite.connectionString, 'export-runs').getProperties()).approximateMessagesCount;
};
const receive = (message: unknown) =>
  api.services.requests.receive(JSON.stringify(message), { messageId: `m-${Math.random()}`, attempt: 1, signal });
const activityOf = async (exportId: string, kind: string) =>
  (await api.services.activity.page({ exportId: ExportId.parse(exportId) }, { size: 200, signal })).entries.filter(
    (entry) => entry.kind === kind,
  );

describe('an export that lacks something', () => {
  it.each<[string, Record<string, unknown>, string, unknown[]]>([
    ['an e-mail field', { mapping: { firstName: 'FirstName' } }, 'mapping', [400, 'invalid_input', ['/mapping/email']]],
    ['a list', { listId: undefined }, 'listId', [400, 'invalid_input', ['/listId']]],
    ['a segment', { segments: [] }, 'segments', [400, 'invalid_input', ['/segments']]],
    ['a connection', { connectionId: undefined }, 'connectionId', [400, 'invalid_input', ['/connectionId']]],
  ])('E1 is refused without %s, when made and when changed', async (_, lacking, field, expected) => {
    expect(refusal(await post(lacking))).toEqual(expected);
    const { id, etag } = await save();
    const body = { [field]: lacking[field] ?? null };
    const changed = refusal(await api.call('PATCH', `/api/exports/${id}`, { body, ifMatch: etag }));
    expect(changed).toEqual(expected);
  });

  it('E1 is refused with a connection that the caller may not use', async () => {
    expect(refusal(await post({}, { as: 'Contributor' }))).toEqual([400, 'connection_unknown', ['/connectionId']]);
    const { id, etag } = await save({ connectionId: sharedId });
    const change = { as: 'Contributor', body: { connectionId: closedId }, ifMatch: etag } as const;
    expect(refusal(await api.call('PATCH', `/api/exports/${id}`, change))).toEqual([400, 'connection_unknown', ['/connectionId']]);
  });

  it('E2 maps fields of the source’s profile only', async () => {
    const fields = (await api.call('GET', '/api/segments/Loyal')).json.fields as { name: string }[];
    const properties = fields.map(({ name }) => ({ field: name, name: `p_${name}` }));
    expect((await post({ mapping: { email: 'EMail', properties } })).status).toBe(201);
    const other = { email: 'EMail', properties: [{ field: 'Orders_Total', name: 'orders' }] };
    expect(refusal(await post({ mapping: other }))).toEqual([400, 'field_unknown', ['/mapping/properties/0/field']]);
  });
});

describe('what only saves', () => {
  it('E3 runs nothing, whatever is saved', async () => {
    const before = await queueLength();
    const { id, etag } = await save({ schedule: { kind: 'custom', times: ['00:00'], timeZone: 'UTC' } });
    const changed = await api.call('PATCH', `/api/exports/${id}`, { body: { segments: ['Loyal', 'NewCustomers'] }, ifMatch: etag });
    expect(changed.status).toBe(200);
    for (const what of ['pause', 'resume', 'duplicate', 'detach']) expect([what, (await act(id, what)).status]).toEqual([what, 200]);
    const attached = await api.call('PATCH', `/api/exports/${id}`, {
      body: { connectionId: closedId },
      ifMatch: (await api.call('GET', `/api/exports/${id}`)).headers.get('etag')!,
    });
    expect(attached.status).toBe(200);
    await api.services.fanOut.tick({ signal });
    expect(await runsOf(id)).toEqual([]);
    expect(await queueLength()).toBe(before);
    expect(await api.services.activities.get(ExportId.parse(id), { signal })).toMatchObject({ lastRunNumber: 0 });
  });

  it('E4 L4 warns of segments over the cap that have been counted, and saves all the same', async () => {
    const uncounted = await save({ maxProfiles: 10 });
    expect(uncounted.json.warnings).toEqual([]);
    const { json } = await api.call('GET', '/api/segments/Loyal?email=EMail');
    const { exportable } = json.figures as { exportable: number };
    const { id, etag, json: saved } = await save({ maxProfiles: 10 });
    expect(saved.warnings).toEqual([
      {
        code: 'over_cap',
        message: expect.stringContaining(
          `Loyal holds ${exportable} people with a usable e-mail address, more than this export’s cap of 10`,
        ) as string,
      },
    ]);
    const raised = await api.call('PATCH', `/api/exports/${id}`, { body: { maxProfiles: exportable }, ifMatch: etag });
    expect([raised.status, raised.json.warnings]).toEqual([200, []]);
  });

  it('E5 duplicates by giving the values of a new export under a free name, storing nothing', async () => {
    const mapping = { email: 'EMail', properties: [{ field: 'LoyaltyTier', name: 'tier' }] };
    const { id } = await save({ name: 'Spring', mapping, membership: 'mirror', schedule: { kind: 'off' }, guardCount: 7 });
    const total = async () => (await listed('size=1')).total;
    const before = await total();
    const draft = (await act(id, 'duplicate')).json as unknown as Record<string, unknown>;
    expect(draft).toEqual({
      name: 'Spring (copy)',
      ...{ connectionId: closedId, listId: 'LIST5K', segments: ['Loyal'], mapping, membership: 'mirror', schedule: { kind: 'off' } },
      ...{ canaryRows: 100, guardCount: 7 },
    });
    expect(await total()).toBe(before);
    // what it gives is what saving takes
    const saved = await api.call('POST', '/api/exports', { body: draft });
    expect(saved.status).toBe(201);
    expect(await runsOf(String(saved.json.id))).toEqual([]);
    expect((await act(id, 'duplicate')).json.name).toBe('Spring (copy 2)');
  });
});

describe('a list that is made on request', () => {
  it('is found by its name or made, once for all who ask, and named in the answer', async () => {
    const first = await post({ listId: undefined, createList: { name: ' Made on request ' } });
    expect([first.status, first.json.listName, first.json.listCreated]).toEqual([201, 'Made on request', true]);
    const { id, etag } = await save();
    const second = await api.call('PATCH', `/api/exports/${id}`, { body: { createList: { name: 'Made on request' } }, ifMatch: etag });
    expect([second.status, second.json.listId, second.json.listCreated]).toEqual([200, first.json.listId, false]);
    expect((await save()).json).not.toHaveProperty('listCreated');
    const lists = (await api.call('GET', `/api/connections/${closedId}/lists?search=Made on request`)).json.value;
    expect(lists).toHaveLength(1);
    expect(await activityOf(String(first.json.id), 'list_created')).toHaveLength(1);
    expect(await activityOf(id, 'list_created')).toHaveLength(0);
  });

  it('is made after every other check: a refused export leaves none', async () => {
    const refused = [
      { segments: ['Nobody'] },
      { mapping: { email: 'Nothing' } },
      { maxProfiles: 5_001 },
      { connectionId: 'con_0000000000' },
      { listId: 'LIST5K' },
    ];
    for (const more of refused) {
      const { status } = await post({ listId: undefined, createList: { name: 'Never made' }, ...more });
      expect([400, 422]).toContain(status);
    }
    expect((await api.call('GET', `/api/connections/${closedId}/lists?search=Never made`)).json.value).toEqual([]);
  });
});

describe('the list of exports', () => {
  it('E6 shows name, connection, type, status, refreshed, schedule, permission, and who changed it last', async () => {
    const { id } = await save({ name: 'Columns', connectionId: sharedId });
    const { value } = await listed('search=columns');
    expect(value).toEqual([
      expect.objectContaining({
        ...{ id, name: 'Columns', schedule: { kind: 'system' }, permission: 'edit', updatedByName: 'Ada Administrator' },
        connection: { id: sharedId, displayName: 'Shared shop', type: 'klaviyo' },
        ...{ health: 'healthy', activity: 'idle', updatedAt: expect.any(String) as string },
      }),
    ]);
    // never run: nothing is said of a last run
    expect(value[0]).not.toHaveProperty('lastRun');
    expect(value[0]).not.toHaveProperty('refreshedAt');
  });

  it('E6 is searched by connection and paged through with nextLink', async () => {
    for (let index = 0; index < 5; index += 1) await save({ name: `Paged ${index}`, connectionId: sharedId });
    const seen: unknown[] = [];
    let link: string | undefined = '/api/exports?search=paged&sort=name&order=desc&size=2';
    while (link !== undefined) {
      const { json } = await api.call('GET', link);
      expect(json.total).toBe(5);
      seen.push(...json.value.map(({ name }) => name));
      link = json.nextLink as string | undefined;
    }
    expect(seen).toEqual(['Paged 4', 'Paged 3', 'Paged 2', 'Paged 1', 'Paged 0']);
    expect((await listed('search=shared shop&size=200')).value.every(({ connectionId }) => connectionId === sharedId)).toBe(true);
    const wrong = await api.call('GET', '/api/exports?size=2&token=abc');
    expect(refusal(wrong)).toEqual([400, 'token_invalid', ['?token']]);
    expect((await api.call('GET', '/api/exports?sort=colour')).status).toBe(400);
  });

  it('E7 offers view and edit, run, duplicate, schedule, detach and remove', () => {
    const operations = api.definitions.map(({ operation }) => operation);
    const actions = ['getExport', 'updateExport', 'runExport', 'duplicateExport', 'setExportSchedule', 'detachExport', 'removeExport'];
    expect(operations).toEqual(expect.arrayContaining(actions));
  });

  it('E8 groups exports by a segment, which can be added to those without it', async () => {
    const { id, etag } = await save({ name: 'Grouped' });
    expect((await listed('search=grouped&withoutSegment=NewCustomers')).value).toHaveLength(1);
    const added = await api.call('PATCH', `/api/exports/${id}`, { body: { segments: ['Loyal', 'NewCustomers'] }, ifMatch: etag });
    expect(added.status).toBe(200);
    expect((await listed('search=grouped&segment=NewCustomers')).value).toHaveLength(1);
    expect((await listed('search=grouped&withoutSegment=NewCustomers')).value).toHaveLength(0);
  });

  it('R1 says what the caller may do, edit or view', async () => {
    const closed = await save({ name: 'Permission closed' });
    const shared = await save({ name: 'Permission shared', connectionId: sharedId });
    const permissions = async (as: NonNullable<ApiCall['as']>) =>
      (await listed('search=permission', { as })).value.map(({ permission }) => permission);
    expect(await permissions('Administrator')).toEqual(['edit', 'edit']);
    expect(await permissions('Contributor')).toEqual(['view', 'edit']);
    expect(await permissions('Viewer')).toEqual(['view', 'view']);
    // of a connection that is not shared no more than that there is one
    expect(await read(closed.id, { as: 'Contributor' })).toMatchObject({ permission: 'view', connection: {} });
    expect((await api.call('GET', `/api/exports/${closed.id}`, { as: 'Contributor' })).text).not.toMatch(
      new RegExp(`${closedId}|Closed shop`),
    );
    expect(await read(shared.id, { as: 'Contributor' })).toMatchObject({ permission: 'edit', connectionId: sharedId });
  });

  it('shows a removed export no more, and one that was saved at once', async () => {
    const { id } = await save({ name: 'Short life' });
    expect((await listed('search=short life')).total).toBe(1);
    expect((await api.call('DELETE', `/api/exports/${id}`, { ifMatch: '*' })).status).toBe(204);
    expect((await listed('search=short life')).total).toBe(0);
    expect((await api.call('GET', `/api/exports/${id}`)).status).toBe(404);
    expect((await api.call('DELETE', `/api/exports/${id}`, { ifMatch: '*' })).status).toBe(404);
    for (const what of ['pause', 'detach', 'duplicate', 'run']) expect((await act(id, what)).status).toBe(404);
  });
});

describe('a detached export', () => {
  it('D2 keeps its configuration, shows no connection, and leaves the connection as it is', async () => {
    const { id, json } = await save({ schedule: { kind: 'off' }, membership: 'mirror' });
    const { status, json: detached } = await act(id, 'detach');
    expect(status).toBe(200);
    expect(detached).toMatchObject({
      name: json.name,
      listId: 'LIST5K',
      segments: ['Loyal'],
      membership: 'mirror',
      schedule: { kind: 'off' },
    });
    expect(detached).not.toHaveProperty('connection');
    expect(detached).not.toHaveProperty('connectionId');
    expect(detached.reasons).toEqual([expect.objectContaining({ code: 'detached' })]);
    expect((await api.call('GET', `/api/connections/${closedId}`)).status).toBe(200);
    // once more, and nothing new is told
    expect((await act(id, 'detach')).status).toBe(200);
    expect(await activityOf(id, 'export_detached')).toHaveLength(1);
  });

  it('D3 runs neither on refresh, nor by run all, nor by run, nor by message, until it has a connection again', async () => {
    const { id } = await save();
    await act(id, 'detach');
    expect(refusal(await run(id)).slice(0, 2)).toEqual([409, 'export_detached']);
    const all = await api.call('POST', '/api/exports/run-all');
    expect(all.status).toBe(202);
    await receive({ version: 1, type: 'run', exportId: id });
    await receive({ version: 1, type: 'runAll' });
    expect(await runsOf(id)).toEqual([]);
    const etag = (await api.call('GET', `/api/exports/${id}`)).headers.get('etag')!;
    const list = await api.call('PATCH', `/api/exports/${id}`, { body: { listId: 'LIS25K' }, ifMatch: etag });
    expect(refusal(list)).toEqual([409, 'export_detached', ['/listId']]);
    expect((await api.call('PATCH', `/api/exports/${id}`, { body: { connectionId: closedId }, ifMatch: etag })).status).toBe(200);
    expect((await run(id)).status).toBe(202);
  });

  it('D3 stops the run that is under way', async () => {
    const { id } = await save();
    const { json } = await run(id);
    await act(id, 'detach');
    const stop = await api.services.runStore.findStop(String(json.id) as never, { signal });
    expect(stop).toMatchObject({ reason: 'detached', by: 'Ada Administrator' });
  });

  it('stops its run within a minute also when that was not told at once, though the contributor can do no more', async () => {
    const { id } = await save({ connectionId: sharedId });
    const { json } = await run(id);
    const stopOf = () => api.services.runStore.findStop(String(json.id) as never, { signal });
    const down = new UpstreamError('storage', { code: 'storage_unavailable', message: 'Storage is away.', retryable: true });
    const stopping = jest.spyOn(api.services.runStore, 'requestStop').mockRejectedValueOnce(down);
    await act(id, 'detach', { as: 'Contributor' });
    stopping.mockRestore();
    expect(await read(id)).not.toHaveProperty('connectionId');
    expect(await stopOf()).toBeUndefined();
    const messages = await queueLength();
    await api.services.runs.sweep({ signal });
    expect(await stopOf()).toMatchObject({ reason: 'detached', by: 'Carl Contributor' });
    expect(await queueLength()).toBe(messages! + 1);
    // once is enough
    await api.services.runs.sweep({ signal });
    expect(await queueLength()).toBe(messages! + 1);
  });

  it('never keeps a run that began at the same moment: it was not started, or it is told to stop', async () => {
    const saved = await Promise.all(Array.from({ length: 8 }, () => save()));
    const raced = await Promise.all(saved.map(async ({ id }) => [id, ...(await Promise.all([run(id), act(id, 'detach')]))] as const));
    for (const [id, started, detached] of raced) {
      expect(detached.status).toBe(200);
      const { activeRunId } = await api.services.activities.get(ExportId.parse(id), { signal });
      const stop = activeRunId && (await api.services.runStore.findStop(activeRunId, { signal }));
      if (activeRunId !== undefined) expect([id, stop]).toEqual([id, expect.objectContaining({ reason: 'detached' })]);
      expect([202, 409]).toContain(started.status);
    }
  });

  it('D4 is one of several that are detached at once, each for itself', async () => {
    const [one, two, closed] = [await save({ connectionId: sharedId }), await save({ connectionId: sharedId }), await save()];
    const exportIds = [one.id, closed.id, two.id, 'exp_0000000000', one.id];
    const answer = await api.call('POST', '/api/exports/detach', { as: 'Contributor', body: { exportIds } });
    expect(answer.status).toBe(200);
    expect(answer.json.value).toEqual([
      { exportId: one.id, detached: true },
      { exportId: closed.id, detached: false, error: { status: 403, code: 'export_view_only', detail: expect.any(String) as string } },
      { exportId: two.id, detached: true },
      { exportId: 'exp_0000000000', detached: false, error: { status: 404, code: 'export_unknown', detail: expect.any(String) as string } },
    ]);
    expect(await activityOf(one.id, 'export_detached')).toHaveLength(1);
    expect(await read(closed.id)).toMatchObject({ connectionId: closedId });
    expect(refusal(await api.call('POST', '/api/exports/detach', { body: { exportIds: [] } }))).toEqual([
      400,
      'invalid_input',
      ['/exportIds'],
    ]);
  });

  it('R3 is edited by administrators only', async () => {
    const { id } = await save({ connectionId: sharedId });
    await act(id, 'detach', { as: 'Contributor' });
    const { headers } = await api.call('GET', `/api/exports/${id}`);
    const change = (as: NonNullable<ApiCall['as']>) =>
      api.call('PATCH', `/api/exports/${id}`, { as, body: { name: 'Mine' }, ifMatch: headers.get('etag')! });
    expect(refusal(await change('Contributor')).slice(0, 2)).toEqual([403, 'export_view_only']);
    for (const what of ['duplicate', 'pause', 'run']) expect((await act(id, what, { as: 'Contributor' })).status).toBe(403);
    expect((await change('Administrator')).status).toBe(200);
  });
});

it('an export that is changed while it starts runs with what was saved', async () => {
  const { id, etag } = await save({ segments: ['Loyal'] });
  const real = api.services.activities.update;
  const claiming = jest.spyOn(api.services.activities, 'update').mockImplementationOnce(async (...args) => {
    const changed = await api.call('PATCH', `/api/exports/${id}`, {
      body: { segments: ['NewCustomers'], name: 'Changed', guardCount: 7 },
      ifMatch: etag,
    });
    expect(changed.status).toBe(200);
    return real(...args);
  });
  const { json } = await run(id);
  claiming.mockRestore();
  const { document } = (await api.services.runStore.find(String(json.id) as never, { signal }))!;
  expect(document).toMatchObject({
    run: { id: json.id, number: 1, dryRun: true, submittedAt: json.submittedAt },
    config: { segments: ['NewCustomers'], exportName: 'Changed', guardCount: 7 },
  });
});

describe('a paused export', () => {
  it('is started by nobody until it is resumed; then by what falls due from there on', async () => {
    const { id } = await save();
    const paused = await act(id, 'pause');
    expect([paused.status, paused.json.paused, paused.json.activity]).toEqual([200, true, 'paused']);
    expect(refusal(await run(id)).slice(0, 2)).toEqual([409, 'export_paused']);
    await receive({ version: 1, type: 'runAll' });
    const poisoned = jest.spyOn(api.services.poison, 'refuse');
    await receive({ version: 1, type: 'run', exportId: id });
    expect(poisoned.mock.calls.map(([, { reason }]) => reason)).toEqual([expect.stringContaining('paused')]);
    poisoned.mockRestore();
    expect(await runsOf(id)).toEqual([]);
    await sleep(2);
    const resumed = await act(id, 'resume');
    expect([resumed.status, resumed.json.paused, resumed.json.activity]).toEqual([200, false, 'idle']);
    expect(Date.parse(String(resumed.json.scheduleSetAt))).toBeGreaterThan(Date.parse(String(paused.json.scheduleSetAt)));
    expect(resumed.json).not.toHaveProperty('pausedAt');
    expect((await run(id)).status).toBe(202);
    expect((await activityOf(id, 'export_paused')).concat(await activityOf(id, 'export_resumed'))).toHaveLength(2);
  });

  it('lets its run go on, and does not start what waits for its end', async () => {
    const { id } = await save();
    const exportId = ExportId.parse(id);
    const { json } = await run(id);
    await act(id, 'run', { body: { full: true } });
    expect((await api.services.activities.get(exportId, { signal })).pending).toBeDefined();
    expect((await act(id, 'pause')).json.activity).toBe('queued');
    expect(await api.services.runStore.findStop(String(json.id) as never, { signal })).toBeUndefined();
    const { document } = (await api.services.runStore.find(String(json.id) as never, { signal }))!;
    document.run.state = 'canceled';
    await api.services.runs.release(document, { signal });
    expect(await api.services.activities.get(exportId, { signal })).toMatchObject({ lastRunNumber: 1 });
    expect((await api.services.activities.get(exportId, { signal })).pending).toBeUndefined();
    expect((await read(id)).activity).toBe('paused');
  });

  it('forgets what waits for the end of its run, also when it is resumed before that', async () => {
    const { id } = await save();
    const pendingOf = async () => (await api.services.activities.get(ExportId.parse(id), { signal })).pending;
    await run(id);
    await act(id, 'run', { body: { full: true } });
    expect(await pendingOf()).toBeDefined();
    await act(id, 'pause');
    expect(await pendingOf()).toBeUndefined();
    expect((await act(id, 'resume')).json.activity).toBe('queued');
    expect(await pendingOf()).toBeUndefined();
  });

  it('is paused and resumed without a version, also while others change it', async () => {
    const { id, etag } = await save();
    const answers = await Promise.all([
      api.call('PATCH', `/api/exports/${id}`, { body: { name: 'Changed meanwhile' }, ifMatch: etag }),
      ...Array.from({ length: 6 }, () => act(id, 'pause')),
    ]);
    expect(answers.slice(1).map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 200));
    const after = await read(id);
    expect(after.paused).toBe(true);
    expect(after.name).toBe(answers[0].status === 200 ? 'Changed meanwhile' : after.name);
  });
});

describe('when storage fails after the write', () => {
  const down = () => new UpstreamError('storage', { code: 'storage_unavailable', message: 'Storage is away.', retryable: true });
  const kindsOf = async (id: string) =>
    (await api.services.activity.page({ exportId: ExportId.parse(id) }, { size: 200, signal })).entries.map(({ kind }) => kind);
  /** The connection is found at first, and not any more when it is looked for once more. */
  const failAtSecondLook = () => {
    const { find } = api.services.connectionStore;
    let looks = 0;
    return jest
      .spyOn(api.services.connectionStore, 'find')
      .mockImplementation((...args) => ((looks += 1) === 2 ? Promise.reject(down()) : find(...args)));
  };
  afterEach(() => jest.restoreAllMocks());
  beforeEach(() => void jest.spyOn(console, 'log').mockReturnValue());

  it('a saved export is answered, without a warning that cannot be found out', async () => {
    await api.call('GET', '/api/segments/NewCustomers?email=EMail'); // counted, so that limits are looked at
    jest.spyOn(api.services.figures, 'knownMembers').mockRejectedValue(down());
    const call = { headers: { 'idempotency-key': 'warned' } };
    const first = await post({ name: 'Saved once', segments: ['NewCustomers'] }, call);
    expect([first.status, first.json.warnings]).toEqual([201, []]);
    const again = await post({ name: 'Saved once', segments: ['NewCustomers'] }, call);
    expect([again.status, again.json.id]).toEqual([201, first.json.id]);
    const ifMatch = first.headers.get('etag')!;
    expect((await api.call('PATCH', `/api/exports/${String(first.json.id)}`, { body: { segments: ['Loyal'] }, ifMatch })).status).toBe(200);
    expect((await listed('search=Saved%20once')).total).toBe(1);
    expect((await kindsOf(String(first.json.id))).sort()).toEqual(['export_changed', 'export_created']);
  });

  it('an export whose connection cannot be looked for again is taken back, so that the repeat makes no second one', async () => {
    const call = { headers: { 'idempotency-key': 'looked' } };
    const broken = failAtSecondLook();
    expect((await post({ name: 'Taken back' }, call)).status).toBe(503);
    broken.mockRestore();
    expect((await listed('search=Taken%20back')).total).toBe(0);
    expect((await post({ name: 'Taken back' }, call)).status).toBe(201);
    expect((await listed('search=Taken%20back')).total).toBe(1);
  });

  it('so is a move to another connection', async () => {
    const { id, etag } = await save({ schedule: { kind: 'off' } });
    const before = await read(id);
    const broken = failAtSecondLook();
    const move = { body: { connectionId: sharedId, name: 'Moved' }, ifMatch: etag };
    expect((await api.call('PATCH', `/api/exports/${id}`, move)).status).toBe(503);
    broken.mockRestore();
    expect(await read(id)).toEqual(before);
    expect(await kindsOf(id)).toEqual(['export_created']);
    const ifMatch = (await api.call('GET', `/api/exports/${id}`)).headers.get('etag')!;
    expect((await api.call('PATCH', `/api/exports/${id}`, { ...move, ifMatch })).status).toBe(200);
  });

  it('a list that was made for an export is told, also when that is not saved', async () => {
    jest.spyOn(api.services.exportStore, 'insert').mockRejectedValue(down());
    expect((await post({ listId: undefined, createList: { name: 'Left alone' } })).status).toBe(503);
    const { entries } = await api.services.activity.page({}, { size: 200, signal });
    const told = entries.filter(({ kind, details }) => kind === 'list_created' && details?.listName === 'Left alone');
    expect(told).toEqual([expect.objectContaining({ connectionId: closedId, byName: 'Ada Administrator' })]);
    expect(told[0]).not.toHaveProperty('exportId');
  });

  it('a pause is told, though what waits for its run could not be forgotten; a resumption is done and told, or neither', async () => {
    const { id } = await save();
    const broken = jest.spyOn(api.services.activities, 'update').mockRejectedValueOnce(down());
    expect((await act(id, 'pause')).status).toBe(503);
    broken.mockRestore();
    expect([(await read(id)).paused, await kindsOf(id)]).toEqual([true, ['export_paused', 'export_created']]);
    // asked again, the rest is done, and nothing new is told
    expect((await act(id, 'pause')).status).toBe(200);
    const unread = jest.spyOn(api.services.activities, 'get').mockRejectedValueOnce(down());
    expect((await act(id, 'resume')).status).toBe(503);
    unread.mockRestore();
    expect([(await read(id)).paused, await kindsOf(id)]).toEqual([true, ['export_paused', 'export_created']]);
  });

  it('a detachment is told, alone and among several, though its run could not be stopped', async () => {
    const [one, two] = [await save(), await save()];
    for (const { id } of [one, two]) await run(id);
    const broken = jest.spyOn(api.services.runStore, 'requestStop').mockRejectedValue(down());
    expect((await act(one.id, 'detach')).status).toBe(503);
    const several = await api.call('POST', '/api/exports/detach', { body: { exportIds: [two.id] } });
    expect(several.json.value).toEqual([expect.objectContaining({ exportId: two.id, detached: false })]);
    broken.mockRestore();
    for (const { id } of [one, two]) {
      expect(await read(id)).not.toHaveProperty('connection');
      expect(await activityOf(id, 'export_detached')).toHaveLength(1);
      // asked again, it stops the run, and tells nothing new
      expect((await act(id, 'detach')).status).toBe(200);
      expect(await activityOf(id, 'export_detached')).toHaveLength(1);
    }
  });
});

describe('a row that cannot be read, as a newer version of the app wrote it', () => {
  type Table = 'exports' | 'connections';
  const textOf = async (table: Table, partition: string, row: string) =>
    (await api.services.tables[table].getEntity<{ document: string }>(partition, row)).document;
  const write = (table: Table, partition: string, row: string, document: string) =>
    api.services.tables[table].upsertEntity({ partitionKey: partition, rowKey: row, document }, 'Replace');
  const spoil = async (table: Table, partition: string, row: string, change: object) => {
    const before = await textOf(table, partition, row);
    await write(table, partition, row, JSON.stringify({ ...(JSON.parse(before) as object), ...change }));
    return () => write(table, partition, row, before);
  };
  const lines = () => (console.log as jest.Mock).mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>);
  beforeEach(() => void jest.spyOn(console, 'log').mockReturnValue());

  it('of an export keeps no other from being listed and started, and is not taken for a removed one', async () => {
    const own = String((await api.call('POST', '/api/connections', { body: aConnection({ displayName: 'Unreadable' }) })).json.id);
    const due = { schedule: { kind: 'custom', times: Array.from({ length: 4 }, (_, hour) => `0${hour}:00`), timeZone: 'UTC' } };
    const [one, other] = [await save({ ...due, connectionId: own }), await save(due)];
    await act(one.id, 'pause'); // has a row of its runner
    await api.services.activities.update(ExportId.parse(one.id), (current) => ({ ...current, lastRunNumber: 7 }), { signal });
    const restore = await spoil('exports', 'export', one.id, { membership: 'newer' });

    const shown = (await listed('size=200')).value.map(({ id }) => id);
    expect([shown.includes(one.id), shown.includes(other.id)]).toEqual([false, true]);
    await expect(api.services.fanOut.tick({ signal })).resolves.toBeDefined();
    await receive({ version: 1, type: 'runAll' });
    expect(await runsOf(other.id)).toHaveLength(1);
    await api.services.housekeeping.tick({ signal });
    await api.services.runs.sweep({ signal });
    expect((await api.services.activities.get(ExportId.parse(one.id), { signal })).lastRunNumber).toBe(7);
    expect(lines()).toContainEqual(expect.objectContaining({ event: 'row_unreadable', row: one.id }));
    expect(JSON.stringify(lines())).not.toContain('newer');
    // where none may be overlooked, it is said that there is one
    const gone = await api.call('DELETE', `/api/connections/${own}`, { ifMatch: '*' });
    expect([gone.status, gone.json.code]).toEqual([502, 'export_unreadable']);
    expect((await api.call('GET', '/api/configuration')).json.code).toBe('export_unreadable');

    await restore();
    expect((await listed('size=200')).value.map(({ id }) => id)).toContain(one.id);
    expect((await api.call('DELETE', `/api/connections/${own}`, { ifMatch: '*' })).json.code).toBe('connection_in_use');
  });

  it('of an export’s runner stops neither list nor timer', async () => {
    const { id } = await save();
    await write('exports', 'runner', id, JSON.stringify({ lastRunNumber: 'many' }));
    expect((await listed('size=200')).value.map((one) => one.id)).toContain(id);
    await api.services.housekeeping.tick({ signal });
    await api.services.runs.sweep({ signal });
    expect(lines()).toContainEqual(expect.objectContaining({ event: 'row_unreadable', partition: 'runner', row: id }));
    await api.services.tables.exports.deleteEntity('runner', id);
  });

  it('of a connection, or of what was noted of it, keeps no other from being listed', async () => {
    const { id } = await save();
    for (const [row, change] of [
      [closedId, { access: 'nobody' }],
      [`${closedId}~note`, { status: 'newer' }],
    ] as const) {
      const restore = await spoil('connections', 'connection', row, change);
      expect((await api.call('GET', '/api/connections')).json.value.map((one) => one.id)).toContain(sharedId);
      expect((await listed('size=200')).value.map((one) => one.id)).toContain(id);
      expect((await listed('size=200', { as: 'Contributor' })).value.map((one) => one.id)).toContain(id);
      await restore();
    }
    expect((await api.call('GET', '/api/connections')).json.value.map((one) => one.id)).toContain(closedId);
  });
});

describe('what it costs', () => {
  it('takes three calls of storage to read, four with when each export runs next, and five to write, the activity log included', async () => {
    const outside = createOutsideCalls();
    try {
      const storage = async (work: () => Promise<{ status: number }>): Promise<number> => {
        const { calls, result } = await outside.metered(work);
        expect(result.status).toBeLessThan(300);
        // the lake is in the same Azurite, and an account's pace is written whoever calls Klaviyo
        const azurite = [api.azurite.tablePort, api.azurite.blobPort, api.azurite.queuePort].map((port) => `127.0.0.1:${port}`);
        return calls.filter(({ host, name }) => azurite.includes(host) && !/\/lake[/?]|\/pacing/.test(name)).length;
      };
      const { id, etag } = await save({ connectionId: sharedId });
      const costs = {
        list: await storage(() => api.call('GET', '/api/exports?sort=connection&search=depth')),
        get: await storage(() => api.call('GET', `/api/exports/${id}`)),
        duplicate: await storage(() => act(id, 'duplicate')),
        create: await storage(() => post({ connectionId: sharedId })),
        rename: await storage(() => api.call('PATCH', `/api/exports/${id}`, { body: { name: 'Cheap' }, ifMatch: etag })),
        pause: await storage(() => act(id, 'pause')),
        resume: await storage(() => act(id, 'resume')),
        detach: await storage(() => act(id, 'detach')),
      };
      const attach = { body: { connectionId: sharedId }, ifMatch: (await api.call('GET', `/api/exports/${id}`)).headers.get('etag')! };
      expect({ ...costs, attach: await storage(() => api.call('PATCH', `/api/exports/${id}`, attach)) }).toEqual({
        ...{ list: 4, get: 3, duplicate: 3 },
        ...{ create: 5, rename: 4, pause: 5, resume: 5, detach: 5, attach: 5 },
      });
    } finally {
      outside.close();
    }
  });
});
