import { randomUUID } from 'node:crypto';
import { ContainerClient } from '@azure/storage-blob';
import type { Services } from '../../shared/services';
import { createCaller } from '../support/api';
import type { ApiCall } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { csvOf, goodRows, mapping, ownAccount, putSource, runBy } from '../support/run-cases';
import type { Row } from '../support/run-cases';
import { SOURCE, startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

let fixture: RunnerFixture;
let proxy: Awaited<ReturnType<typeof startCountingProxy>>;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' }, env: { WEBSITE_AUTH_ENABLED: 'True' } });
  proxy = await startCountingProxy(fixture.azurite);
}, 60_000);
const apps: Services[] = [];
afterAll(async () => {
  for (const app of apps) await app.klaviyo.close();
  await proxy.close();
  await fixture.close();
});

const FIRST = '2026-11-23T02:33:00+00:00';
const SECOND = '2026-11-24T02:33:00+00:00';
const FIELDS = ['CustomerId', 'EMail', 'FirstName'];

/** Segments in a folder of their own, read through the counting proxy. */
const aFolder = async (more: Record<string, string> = {}) => {
  const folder = `figures-${randomUUID()}`;
  const containerUrl = new ContainerClient(proxy.connectionString, SOURCE).url;
  const entities = new Map<string, object>();
  const write = async (segments: Readonly<Record<string, readonly Row[]>>, { refreshTime = FIRST, model = true } = {}) => {
    for (const [name, rows] of Object.entries(segments)) {
      const path = `${folder}/${encodeURIComponent(name)}_1.csv`;
      await putSource(fixture, path, csvOf(rows));
      const fileFormatSettings = { $type: 'CsvFormatSettings', columnHeaders: true };
      const partition = { name: `${name}_1`, refreshTime, location: `${containerUrl}/${encodeURI(path)}`, fileFormatSettings };
      const attributes = FIELDS.map((field) => ({ name: field, dataType: 'string' }));
      entities.set(name, { $type: 'LocalEntity', name, attributes, partitions: [partition] });
    }
    const text = JSON.stringify({ name: 'Test', version: '1.0', entities: [...entities.values()] });
    if (model) await putSource(fixture, `${folder}/model.json`, text);
  };
  const newApp = () => {
    const own = { AzureWebJobsStorage: proxy.connectionString, SOURCE_CONNECTION_STRING: proxy.connectionString };
    const app = fixture.newInstance({ SOURCE_FOLDER: folder, ...own, ...more });
    apps.push(app);
    return { app, call: createCaller(app, { tenantId: fixture.vault.tenantId }).call };
  };
  return { folder, write, forget: (name: string) => entities.delete(name), newApp, ...newApp() };
};
type Folder = Awaited<ReturnType<typeof aFolder>>;

/** The same name in two tests would be the same segment. */
const named = (name: string): string => `${name}${randomUUID().slice(0, 8)}`;
const figuresOf = async ({ call }: Pick<Folder, 'call'>, name: string, { as = 'Contributor' }: { as?: ApiCall['as'] } = {}) => {
  const { status, json, text } = await call('GET', `/api/segments/${encodeURIComponent(name)}?email=EMail`, { as });
  if (status !== 200) throw new Error(text);
  return json.figures as Record<string, unknown>;
};
const overlap = ({ call }: Pick<Folder, 'call'>, segments: readonly string[]) =>
  call('POST', '/api/segments/overlap', { as: 'Contributor', body: { segments, email: 'EMail' } });
/** Calls by whom they went to: files of the source, and the app's own storage. */
const sorted = (calls: readonly string[]) => ({
  files: calls.filter((one) => one.includes('.csv') && one.startsWith('GET')).length,
  own: calls.filter((one) => !one.includes(`/${SOURCE}/`)).length,
});
const keptFor = async (name: string): Promise<number> => {
  let blobs = 0;
  for await (const { segment } of readAllFigures()) if (segment === name) blobs += 1;
  return blobs;
};
async function* readAllFigures(): AsyncGenerator<{ segment: string }> {
  for await (const { metadata } of fixture.services.containers.figures.listWithMetadata('segments/', { signal: testSignal() })) {
    yield JSON.parse(Buffer.from(metadata!.figures!, 'base64url').toString('utf8')) as { segment: string };
  }
}

const bad: Row[] = [
  { id: 'x1', email: '' },
  { id: 'x2', email: '  ' },
  { id: 'x3', email: 'nobody' },
  { id: 'x4', email: `${'a'.repeat(120)}@example.com` },
  { id: 'x5', email: 'two@at@example.com' },
  { id: 'x6', email: ' PERSON1@Example.com ' },
];

describe('the figures of a segment', () => {
  it('E4 the picker shows the actual number of members and who of them can be exported, and warns above the cap', async () => {
    const folder = await aFolder({ MAX_PROFILES_PER_EXPORT: '40' });
    const [small, large] = [named('Small'), named('Large')];
    await folder.write({ [small]: [...goodRows(30), ...bad], [large]: goodRows(41) });
    const counts = { members: 36, exportable: 30, withoutEmail: 2, invalidEmail: 3, duplicates: 1 };
    expect(await figuresOf(folder, small)).toMatchObject({ email: 'EMail', ...counts, cap: 40, overCap: false });
    expect(await figuresOf(folder, large)).toMatchObject({ members: 41, exportable: 41, cap: 40, overCap: true });
  });

  it('are held against the administrators’ limit where that is lower than the app’s', async () => {
    const folder = await aFolder({ MAX_PROFILES_PER_EXPORT: '40' });
    const name = named('Limited');
    await folder.write({ [name]: goodRows(20) });
    expect(await figuresOf(folder, name)).toMatchObject({ cap: 40, overCap: false });
    const { headers } = await folder.call('GET', '/api/settings/limits');
    const set = await folder.call('PUT', '/api/settings/limits', { body: { maxProfiles: 19 }, ifMatch: headers.get('etag')! });
    expect(set.status).toBe(200);
    expect(await figuresOf(folder, name)).toMatchObject({ cap: 19, overCap: true });
    expect((await overlap(folder, [name])).json).toMatchObject({ segments: [{ overCap: true }], cap: 19, overCap: true });
    await folder.call('PUT', '/api/settings/limits', { body: {}, ifMatch: set.headers.get('etag')! });
  });

  it('are those of a run of the same segment', async () => {
    const folder = await aFolder();
    const name = named('Like');
    await folder.write({ [name]: [...goodRows(25), ...bad] });
    const own = await ownAccount(fixture);
    const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: [name], mapping });
    const { counts, plan, snapshotId } = await runBy(fixture, folder.app, segmentExport, { dryRun: true });
    expect(await figuresOf(folder, name)).toMatchObject({
      members: counts.read,
      exportable: plan!.members,
      duplicates: counts.duplicates,
      snapshotId,
    });
    const { withoutEmail, invalidEmail } = (await figuresOf(folder, name)) as Record<string, number>;
    expect(withoutEmail! + invalidEmail!).toBe(counts.invalid);
  });

  it('cost one scan per snapshot, whoever asks, and one call of storage from then on', async () => {
    const folder = await aFolder();
    const name = named('Once');
    await folder.write({ [name]: goodRows(10) });
    const first = await proxy.during(() => Promise.all([figuresOf(folder, name), figuresOf(folder, name), figuresOf(folder, name)]));
    expect(sorted(first).files).toBe(1);
    const again = await proxy.during(() => figuresOf(folder.newApp(), name));
    expect(sorted(again).files).toBe(0);
    expect(sorted(again).own).toBeLessThanOrEqual(3);
  });

  it('are counted for contributors; a viewer sees them once they have been, and lets nobody wait', async () => {
    const folder = await aFolder();
    const name = named('Seen');
    await folder.write({ [name]: goodRows(10) });
    const calls = await proxy.during(async () => expect(await figuresOf(folder, name, { as: 'Viewer' })).toBeUndefined());
    expect(sorted(calls).files).toBe(0);
    expect(await keptFor(name)).toBe(0);
    await figuresOf(folder, name, { as: 'Contributor' });
    expect(await figuresOf(folder, name, { as: 'Viewer' })).toMatchObject({ exportable: 10 });
  });

  it('are the same for several instances that begin at once, and only one of their counts is kept', async () => {
    const folder = await aFolder();
    const name = named('Twice');
    await folder.write({ [name]: goodRows(10) });
    const answers = await Promise.all([folder, folder.newApp(), folder.newApp()].map((one) => figuresOf(one, name)));
    expect(answers.map(({ exportable }) => exportable)).toEqual([10, 10, 10]);
    expect(await keptFor(name)).toBe(1);
  });

  it('are counted anew after a refresh, and the earlier ones go', async () => {
    const folder = await aFolder();
    const name = named('Fresh');
    await folder.write({ [name]: goodRows(10) });
    expect(await figuresOf(folder, name)).toMatchObject({ exportable: 10 });
    await folder.write({ [name]: goodRows(12) }, { refreshTime: SECOND });
    expect(await figuresOf(folder, name)).toMatchObject({ exportable: 12, refreshedAt: '2026-11-24T02:33:00.000Z' });
    expect(await keptFor(name)).toBe(1);
  });

  it('are not counted without an e-mail field, and the list shows those that are known of this refresh', async () => {
    const folder = await aFolder();
    const [counted, not] = [named('Counted'), named('Not')];
    await folder.write({ [counted]: goodRows(10), [not]: goodRows(3) });
    expect((await folder.call('GET', `/api/segments/${not}`)).json).not.toHaveProperty('figures');
    await figuresOf(folder, counted);
    const listed = async () =>
      new Map((await folder.call('GET', '/api/segments', { as: 'Viewer' })).json.value.map(({ name, figures }) => [name, figures]));
    let known = new Map<unknown, unknown>();
    const calls = await proxy.during(async () => (known = await listed()));
    expect(sorted(calls)).toEqual({ files: 0, own: 1 });
    expect(known.get(counted)).toMatchObject({ email: 'EMail', members: 10, exportable: 10 });
    expect(known.get(not)).toBeUndefined();
    await folder.write({ [counted]: goodRows(10) }, { refreshTime: SECOND });
    expect((await listed()).get(counted)).toBeUndefined();
  });

  it('are refused while the snapshot is being written, with the reason, unless these very files were counted before', async () => {
    const folder = await aFolder({ SOURCE_QUIET_SECONDS: '600' });
    const name = named('Half');
    await folder.write({ [name]: goodRows(5) });
    const { status, json, headers } = await folder.call('GET', `/api/segments/${name}?email=EMail`);
    expect([status, json.code, headers.get('retry-after')]).toEqual([503, 'snapshot_incomplete', '60']);
    expect(json.detail).toContain('nothing has changed for 600 seconds');
    expect((await overlap(folder, [name])).status).toBe(503);
    // another instance does not wait for quiet
    const own = { SOURCE_FOLDER: folder.folder, SOURCE_CONNECTION_STRING: proxy.connectionString };
    const eager = fixture.newInstance(own);
    apps.push(eager);
    await figuresOf(createCaller(eager, { tenantId: fixture.vault.tenantId }), name);
    expect(await figuresOf(folder, name)).toMatchObject({ exportable: 5 });
  });

  it.each([
    ['an unknown segment', '/api/segments/Nobody?email=EMail', 404, 'segment_unknown', undefined],
    ['a field the segment lacks', '/api/segments/NAME?email=Mail', 400, 'field_unknown', '?email'],
    ['an empty field', '/api/segments/NAME?email=', 400, 'invalid_input', '?email'],
    ['an unknown parameter', '/api/segments/NAME?mail=EMail', 400, 'invalid_input', '?mail'],
  ])('are refused for %s', async (_, path, status, code, pointer) => {
    const folder = await aFolder();
    const name = named('Refused');
    await folder.write({ [name]: goodRows(1) });
    const answer = await folder.call('GET', path.replace('NAME', name));
    expect([answer.status, answer.json.code, answer.json.errors?.[0]?.pointer]).toEqual([status, code, pointer]);
  });
});

describe('the overlap of segments', () => {
  it('counts people once over all segments, as a run of them does (L2)', async () => {
    const folder = await aFolder({ MAX_PROFILES_PER_EXPORT: '45' });
    const [a, b, c] = [named('A'), named('B'), named('Ç & "C"')];
    await folder.write({ [a]: [...goodRows(30), ...bad], [b]: goodRows(30, { from: 20 }), [c]: goodRows(5, { from: 5 }) });
    const { status, json } = await overlap(folder, [a, b, c]);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      email: 'EMail',
      segments: [
        { name: a, members: 36, exportable: 30, overCap: false },
        { name: b, members: 30, exportable: 30, overCap: false },
        { name: c, members: 5, exportable: 5, overCap: false },
      ],
      matrix: [
        [30, 10, 5],
        [10, 30, 0],
        [5, 0, 5],
      ],
      union: 50,
      cap: 45,
      overCap: true,
    });
    const own = await ownAccount(fixture);
    const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: [a, b, c], mapping });
    expect((await runBy(fixture, folder.app, segmentExport, { dryRun: true })).plan!.members).toBe(json.union);
  });

  it('answers every combination from what was counted, and one that was asked for before by two calls', async () => {
    const folder = await aFolder();
    const [a, b, c] = [named('A'), named('B'), named('C')];
    await folder.write({ [a]: goodRows(30), [b]: goodRows(30, { from: 20 }), [c]: goodRows(5, { from: 5 }) });
    expect(sorted(await proxy.during(() => overlap(folder, [a, b, c]))).files).toBe(3);
    for (const [segments, union] of [
      [[a, b], 50],
      [[b, c], 35],
      [[c, a], 30],
      [[b], 30],
    ] as const) {
      let answer: unknown;
      const calls = await proxy.during(async () => (answer = (await overlap(folder, segments)).json.union));
      expect([sorted(calls).files, answer]).toEqual([0, union]);
    }
    let reversed: Record<string, unknown> = {};
    const calls = await proxy.during(async () => (reversed = (await overlap(folder, [b, a])).json));
    // the combination, and the limits
    expect(sorted(calls)).toEqual({ files: 0, own: 2 });
    expect(reversed).toMatchObject({
      segments: [{ name: b }, { name: a }],
      matrix: [
        [30, 10],
        [10, 30],
      ],
      union: 50,
    });
  });

  it('is known afterwards to whoever saves an export, without a scan', async () => {
    const folder = await aFolder();
    const [a, b] = [named('A'), named('B')];
    await folder.write({ [a]: goodRows(30), [b]: goodRows(30, { from: 20 }) });
    const known = (segments: readonly string[]) => folder.app.figures.knownMembers(segments, 'EMail', { signal: testSignal() });
    expect(await known([a])).toBeUndefined();
    expect(await known([a, b])).toBeUndefined();
    await overlap(folder, [a, b]);
    const calls = await proxy.during(async () => expect([await known([a]), await known([b, a])]).toEqual([30, 50]));
    expect(sorted(calls)).toEqual({ files: 0, own: 2 });
    expect(await known(['Nobody'])).toBeUndefined();
  });

  it('puts right what was counted with another key', async () => {
    const folder = await aFolder();
    const [a, b] = [named('A'), named('B')];
    await folder.write({ [a]: goodRows(30), [b]: goodRows(30, { from: 20 }) });
    await figuresOf(folder, a);
    const { containers } = fixture.services;
    for await (const { name, metadata } of containers.figures.listWithMetadata('segments/', { signal: testSignal() })) {
      const figures = JSON.parse(Buffer.from(metadata!.figures!, 'base64url').toString('utf8')) as { segment: string; hashKeyId: string };
      if (figures.segment !== a) continue;
      const otherKey = Buffer.from(JSON.stringify({ ...figures, hashKeyId: 'another' })).toString('base64url');
      await containers.figures.writeParts(name, [Buffer.alloc(8)], { signal: testSignal(), metadata: { figures: otherKey } });
    }
    expect((await overlap(folder, [a, b])).json).toMatchObject({ union: 50 });
  });

  it.each([
    ['an unknown segment', { segments: ['NAME', 'Nobody'], email: 'EMail' }, 'segment_unknown', '/segments/1'],
    ['a field they lack', { segments: ['NAME'], email: 'Mail' }, 'field_unknown', '/email'],
    ['a segment named twice', { segments: ['NAME', 'NAME'], email: 'EMail' }, 'invalid_input', '/segments'],
    ['no segment', { segments: [], email: 'EMail' }, 'invalid_input', '/segments'],
    ['more than fifty', { segments: Array.from({ length: 51 }, (_, index) => `S${index}`), email: 'EMail' }, 'invalid_input', '/segments'],
    ['an unknown field', { segments: ['NAME'], email: 'EMail', cap: 1 }, 'invalid_input', '/cap'],
  ])('is refused for %s', async (_, body, code, pointer) => {
    const folder = await aFolder();
    const name = named('Refused');
    await folder.write({ [name]: goodRows(1) });
    const segments = body.segments.map((one) => (one === 'NAME' ? name : one));
    const { status, json } = await folder.call('POST', '/api/segments/overlap', { body: { ...body, segments } });
    expect([status, json.code, json.errors[0]?.pointer]).toEqual([400, code, pointer]);
  });
});

describe('figures are cleared away', () => {
  it('when their segment has gone from the source, or after a month', async () => {
    const folder = await aFolder();
    const [stays, goes] = [named('Stays'), named('Goes')];
    await folder.write({ [stays]: goodRows(3), [goes]: goodRows(4) });
    await overlap(folder, [stays, goes]);
    folder.forget(goes);
    await folder.write({});
    await folder.app.figures.sweep({ signal: testSignal() });
    expect([await keptFor(stays), await keptFor(goes)]).toEqual([1, 0]);

    const later = fixture.newInstance({ SOURCE_FOLDER: folder.folder });
    apps.push(later);
    jest.useFakeTimers({ now: Date.now() + 31 * 86_400_000, doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'performance'] });
    try {
      await later.figures.sweep({ signal: testSignal() });
    } finally {
      jest.useRealTimers();
    }
    expect(await keptFor(stays)).toBe(0);
  });

  it('all of them when a person is erased, to be counted anew', async () => {
    const folder = await aFolder();
    const [a, b] = [named('A'), named('B')];
    await folder.write({ [a]: goodRows(3), [b]: goodRows(4) });
    await overlap(folder, [a, b]);
    const asked = await folder.call('POST', '/api/people/erase', { body: { email: 'person1@example.com' } });
    expect(asked.status).toBe(202);
    for (let tick = 0; tick < 20; tick += 1) {
      await folder.app.erasures.tick({ signal: testSignal() });
      if ((await folder.call('GET', `/api/people/erase/${String(asked.json.id)}`)).json.state === 'done') break;
    }
    const left: string[] = [];
    for await (const { name } of fixture.services.containers.figures.list('', { signal: testSignal() })) left.push(name);
    expect(left).toEqual([]);
    expect((await overlap(folder, [a, b])).json).toMatchObject({ union: 4 });
  });
});
