import type { Services } from '../../shared/services';
import { startFaultyStorage } from '../support/faulty-storage';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import {
  accountState,
  appFor,
  breakLease,
  checkLeftOver,
  checkSums,
  csvOf,
  emailsOf,
  goodRows,
  modelOf,
  ownCase,
  putSource,
  reportOf,
  runBy,
  writeRows,
} from '../support/run-cases';
import type { Row } from '../support/run-cases';

/** Rows of failures.md in which storage fails: its answers are lost, its connections drop, it refuses. */

let fixture: RunnerFixture;
let storage: Awaited<ReturnType<typeof startFaultyStorage>>;
let log: jest.SpyInstance;
beforeAll(async () => {
  log = jest.spyOn(console, 'log').mockReturnValue();
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
  storage = await startFaultyStorage(fixture.azurite);
}, 60_000);
afterAll(async () => {
  await storage.close();
  await fixture.close();
});

const apps: Services[] = [];
beforeEach(() => log.mockClear());
afterEach(async () => {
  storage.heal();
  await fixture.queue.clearMessages(); // of runners that died
  for (const app of apps.splice(0)) await app.klaviyo.close();
});

const rows = goodRows(300);
const events = (): string[] => log.mock.calls.map(([line]) => (JSON.parse(String(line)) as { event: string }).event);

/** An export of its own, and the app whose storage fails when asked to. */
const aCase = async ({
  write = rows,
  env = {},
  ...more
}: { write?: readonly Row[]; env?: Record<string, string> } & Record<string, unknown> = {}) => {
  const one = await ownCase(fixture, { write, env: { AzureWebJobsStorage: storage.connectionString, ...env }, more });
  apps.push(one.app);
  return one;
};

/** The run went through in its first slice, and everybody arrived once. */
const expectUnharmed = async (one: Awaited<ReturnType<typeof aCase>>, expected: readonly Row[] = rows): Promise<void> => {
  const run = await runBy(fixture, one.app, one.segmentExport);
  expect(run.error).toBeUndefined();
  expect(run.state).toBe('successful');
  checkSums(run);
  expect(events()).not.toContain('slice_broken');
  expect(run.warnings.map(({ code }) => code)).not.toContain('interrupted');
  await checkLeftOver(fixture, run);
  expect(await one.members()).toEqual(emailsOf(expected));
};

describe('rows 11 and 12: an answer that is lost after the call was carried out, as the SDK’s second try meets the first one’s work', () => {
  it.each([
    ['the announcement of the run', /^(POST|PUT) .*exports\(?PartitionKey='runner'|^POST .*\/exports\?/],
    ['its document', /^PUT .*\/runs\/[^/]*\/run\.json(\?|$)/],
    ['its row', /^(PUT|PATCH|POST) .*\/runs\(/],
    ['its message', /^POST .*\/export-runs\/messages/],
    ['its lease', /^PUT .*\/run\.json\?comp=lease/],
    ['a staged batch with its customers', /^PUT .*\/staged\/.*\/batch-/],
    ['the staged members', /^PUT .*\/staged\/.*\/members\?.*comp=blocklist/],
    ['the member state', /^PUT .*\/state\/.*comp=block&/],
    ['the delete of its message', /^DELETE .*\/export-runs\/messages/],
  ])('%s', async (_, call) => {
    const one = await aCase();
    const hits = storage.spoil(call, 'lose answer');
    await expectUnharmed(one);
    expect(hits()).toBe(1);
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(1);
    const all = await fixture.services.runStore.newestOfExport(one.segmentExport.id, { size: 10, signal: testSignal() });
    expect(all).toHaveLength(1);
  });

  it('the row of a request: the export runs once for it', async () => {
    const one = await aCase();
    const hits = storage.spoil(/^POST .*\/occurrences/, 'lose answer');
    const start = () =>
      one.app.runs.start(
        {
          exportId: one.segmentExport.id,
          trigger: { kind: 'schedule', by: 'schedule' },
          full: false,
          dryRun: false,
          requestKey: 'occ-20261123T000000Z',
        },
        { signal: testSignal() },
      );
    const { run, created } = await start();
    expect([created, hits()]).toEqual([true, 1]);
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    expect((await start()).run.id).toBe(run.id);
    expect(await one.members()).toEqual(emailsOf(rows));
  });

  it('a part of the report: no row stands in it twice', async () => {
    const bad = Array.from({ length: 4_000 }, (_, index) => ({ id: `b${index}`, email: `no address ${index} ${'x'.repeat(60)}` }));
    const one = await aCase({ write: [...rows, ...bad], maxInvalidShare: 1 });
    const append = /^PUT .*\/rows\/invalid-.*comp=appendblock/;
    storage.spoil(append, () => Promise.resolve()); // the first one finds no blob
    const hits = storage.spoil(append, 'lose answer');
    await expectUnharmed(one);
    expect(hits()).toBe(1);
    const [run] = await fixture.services.runStore.newestOfExport(one.segmentExport.id, { size: 1, signal: testSignal() });
    const report = await reportOf(fixture, run!, 'invalid');
    expect(report.map(([id]) => id)).toEqual(bad.map(({ id }) => id));
  });

  it('but a batch that somebody else wrote into the attempt’s folder is a conflict', async () => {
    const one = await aCase();
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await fixture.services.containers.staged.write(`${run.id}/0001/batch-00001`, 'of a runner that should be dead', {
      signal: testSignal(),
    });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    expect(await fixture.services.runs.get(run.id, { signal: testSignal() })).toMatchObject({
      state: 'failed',
      error: { code: 'changed_meanwhile' },
    });
    expect(await one.members()).toEqual([]);
  });
});

describe('a download that breaks off half-way is taken up again', () => {
  it.each<[string, RegExp, number, Record<string, string>?]>([
    ['of the run’s document', /^GET .*\/run\.json/, 3],
    // uncompressed, as the first compressed bodies of a run are not read back by the process that made them
    ['of a staged batch', /^GET .*\/staged\/.*\/batch-/, 2, { KLAVIYO_GZIP: 'false' }],
    ['of the people to look for', /^GET .*\/staged\/.*\/sample/, 2],
    ['of the member state', /^GET .*\/state\/[^.]*$/, 2],
    ['of the members’ addresses', /^GET .*\/state\/.*\.emails/, 2],
    ['of the leavers', /^GET .*\/staged\/.*\/leavers/, 2],
  ])('%s', async (_, call, times, env = {}) => {
    const one = await aCase({ membership: 'mirror', env });
    expect((await runBy(fixture, one.app, one.segmentExport)).state).toBe('successful');
    const changed = rows.slice(10).map((row, index) => (index < 5 ? { ...row, firstName: 'Grace' } : row));
    await writeRows(fixture, changed, one);
    const hits = storage.spoil(call, 'cut body', times);
    await expectUnharmed(one, changed);
    expect(hits()).toBe(times);
  });

  it('but not for ever: the run waits and goes on when storage is well again', async () => {
    const one = await aCase();
    expect((await runBy(fixture, one.app, one.segmentExport)).state).toBe('successful');
    storage.spoil(/^GET .*\/state\/[^.]*$/, 'cut body', 99);
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await fixture.pump(async () => events().includes('slice_handed_over'), { app: one.app });
    storage.heal();
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended).toMatchObject({ state: 'successful', counts: { unchanged: rows.length } });
    expect(ended.warnings).toContainEqual({ code: 'interrupted', message: expect.stringContaining('broke off') as unknown });
  });
});

it('row 34: a download that nobody reads yet breaks off without ending the process', async () => {
  const one = await aCase();
  await fixture.services.containers.state.write('idle', Buffer.alloc(3_000_000), { signal: testSignal() });
  storage.spoil(/^GET .*\/state\/idle/, 'cut body');
  const { stream } = await one.app.containers.state.read('idle', { signal: testSignal() });
  await new Promise((resolve) => setTimeout(resolve, 300)); // an error that nobody hears would fail this test by itself
  await expect(
    (async () => {
      for await (const part of stream) expect(part).toBeDefined();
    })(),
  ).rejects.toThrow();
});

describe('row 9: a source that changes', () => {
  /** The app whose source is read through the failing storage, too. */
  const throughProxy = async (write: readonly Row[]) => {
    const one = await aCase({ write });
    const at = { ...fixture, source: { url: fixture.source.url.replace(/:\d+\//, `:${storage.blobPort}/`) } } as RunnerFixture;
    const model = modelOf(at, one);
    await putSource(fixture, `${one.folder}/model.json`, model);
    const app = appFor(fixture, one.folder, {
      AzureWebJobsStorage: storage.connectionString,
      SOURCE_CONNECTION_STRING: storage.connectionString,
    });
    apps.push(app);
    return { ...one, app };
  };
  const others = [...rows.slice(50), ...goodRows(50, { from: 1_000 })];

  it('while it is read is read anew as a whole: state and list hold the second one only', async () => {
    const one = await throughProxy(rows);
    const hits = storage.spoil(/^GET .*\/Vip_1\.csv/, () => putSource(fixture, `${one.folder}/Vip_1.csv`, csvOf(others)));
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(hits()).toBe(1);
    expect(run).toMatchObject({ state: 'successful', counts: { read: 300, sent: 300, accepted: 300, removed: 0 } });
    expect(run.warnings).toContainEqual({
      code: 'interrupted',
      message: expect.stringContaining('written again while it was read') as unknown,
    });
    checkSums(run);
    await checkLeftOver(fixture, run);
    expect(await one.members()).toEqual(emailsOf(others));
    expect((await runBy(fixture, one.app, one.segmentExport)).counts).toMatchObject({ sent: 0, unchanged: 300 });
  });

  it('between two attempts to prepare takes nothing of the first one along', async () => {
    const one = await throughProxy(rows);
    // the runner dies when everything but the last word of prepare is written
    const death = new AbortController();
    storage.spoil(/^PUT .*\/staged\/.*\/members\?.*comp=blocklist/, async () => {
      death.abort(new Error('the process ends'));
      await putSource(fixture, `${one.folder}/Vip_1.csv`, csvOf(others));
    });
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await one.app.advanceRun({ exportId: run.exportId, runId: run.id, turn: 1 }, { signal: death.signal });
    expect(events()).toContain('slice_broken');
    // as if the lease had run out and the guard's message had appeared
    await breakLease(fixture, run.id);
    await fixture.services.queues.exportRuns.send({ exportId: run.exportId, runId: run.id, turn: 2 }, { signal: testSignal() });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended).toMatchObject({ state: 'successful', counts: { read: 300, accepted: 300 } });
    checkSums(ended);
    expect(await one.members()).toEqual(emailsOf(others));
  });
});

it('row 35: a message never expires, so that an app that was stopped for a week goes on', async () => {
  const one = await aCase();
  const { run } = await one.app.runs.start(
    { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
    { signal: testSignal() },
  );
  const { peekedMessageItems } = await fixture.queue.peekMessages({ numberOfMessages: 32 });
  expect(peekedMessageItems).toHaveLength(1);
  expect(peekedMessageItems[0]!.expiresOn.getTime()).toBeGreaterThan(Date.now() + 365 * 86_400_000);
  await fixture.pump(() => fixture.ended(run.id), { app: one.app });
});

it('row 33: a mirror whose segment had no usable row at first does not fail for ever', async () => {
  const one = await aCase({ membership: 'mirror', write: [{ id: 'c1', email: 'no address' }] });
  expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful', counts: { invalid: 1 } });
  await writeRows(fixture, rows, one);
  await expectUnharmed(one);
});

it('row 12: what was kept for the end of a run survives the death of whoever ended it: the sweep starts it, once', async () => {
  const one = await aCase();
  const start = (full: boolean) =>
    one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'request', by: 't' }, full, dryRun: false },
      { signal: testSignal() },
    );
  const runs = () => fixture.services.runStore.newestOfExport(one.segmentExport.id, { size: 10, signal: testSignal() });
  const { run } = await start(false);
  await start(true);

  // its third write to the export's row, after those that show it as running and of finish, lets go of the export
  const death = new AbortController();
  let writes = 0;
  storage.spoil(/^(PUT|PATCH) .*PartitionKey='runner'/, () => Promise.resolve((writes += 1) === 3 && death.abort(new Error('dead'))), 3);
  const dying: Services = { ...one.app, advanceRun: (message) => one.app.advanceRun(message, { signal: death.signal }) };
  await fixture.pump(async () => death.signal.aborted && (await fixture.ended(run.id)), { app: dying });
  await fixture.queue.clearMessages();
  const left = await fixture.services.activities.get(one.segmentExport.id, { signal: testSignal() });
  expect([left.activeRunId, await runs()]).toMatchObject([undefined, [{ id: run.id, state: 'successful' }]]);

  await one.app.runs.sweep({ signal: testSignal() });
  await fixture.pump(async () => (await runs()).filter(({ state }) => state === 'successful').length === 2, { app: one.app });
  expect((await runs()).map(({ full }) => full)).toEqual([true, false]);
  await one.app.runs.sweep({ signal: testSignal() });
  expect(await runs()).toHaveLength(2);
});
