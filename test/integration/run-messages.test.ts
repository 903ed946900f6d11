import type { Export } from '../../shared/exports/export';
import { newRunId } from '../../shared/new-ids';
import type { RunId } from '../../shared/ids';
import { parseEnv } from '../../shared/env';
import { createRows } from '../../shared/platform/tables';
import { Occurrence } from '../../shared/runs/occurrence';
import type { Run } from '../../shared/runs/run';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startCountingProxy } from '../support/counting-proxy';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { accountState, appFor, breakLease, checkLeftOver, checkSums, emailsOf, goodRows, ownCase } from '../support/run-cases';

/** Most storage calls that a message may cost which has nothing to do (design §2). */
const MOST_CALLS = 3;

let fixture: RunnerFixture;
let proxy: Awaited<ReturnType<typeof startCountingProxy>>;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
  proxy = await startCountingProxy(fixture.azurite);
}, 60_000);
afterAll(async () => {
  await proxy.close();
  await fixture.close();
});

const rows = goodRows(200);
const apps: Services[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
});

const aCase = async () => {
  const { folder, own, app, segmentExport, documentOf } = await ownCase(fixture, { write: rows });
  /** the same app, whose storage calls are counted */
  const counted = appFor(fixture, folder, { AzureWebJobsStorage: proxy.connectionString });
  apps.push(app, counted);
  const start = async (more: { requestKey?: string } = {}, by = app) =>
    by.runs.start(
      { exportId: segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false, ...more },
      { signal: testSignal() },
    );
  const finish = async ({ id }: Pick<Run, 'id'>): Promise<Run> => {
    await fixture.pump(() => fixture.ended(id), { app });
    await fixture.pump(async () => ((await fixture.queue.getProperties()).approximateMessagesCount ?? 0) === 0, { app });
    const run = await fixture.services.runs.get(id, { signal: testSignal() });
    expect(run).toMatchObject({ state: 'successful', counts: { accepted: rows.length } });
    checkSums(run);
    await checkLeftOver(fixture, run);
    expect(await fixture.members(own.listId, own.accountId)).toEqual(emailsOf(rows));
    return run;
  };
  return { folder, own, app, counted, segmentExport, start, documentOf, finish };
};

const klaviyoCalls = async (): Promise<number> => ((await fixture.sandboxState()) as { counters: { requests: number } }).counters.requests;

/** A message that has nothing to do: it costs little, says nothing to Klaviyo, and leaves everything as it was. */
const expectSurplus = async (
  { counted, segmentExport, documentOf }: Awaited<ReturnType<typeof aCase>>,
  { runId, turn }: { runId: RunId; turn: number },
): Promise<void> => {
  const known = await fixture.services.runStore.find(runId, { signal: testSignal() });
  const [before, klaviyoBefore] = [known && (await documentOf(runId)), await klaviyoCalls()];
  const messages = async () => (await fixture.queue.getProperties()).approximateMessagesCount;
  const waiting = await messages();
  const calls = await proxy.during(() => counted.advanceRun({ exportId: segmentExport.id, runId, turn }, { signal: testSignal() }));
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.length).toBeLessThanOrEqual(MOST_CALLS);
  expect(await klaviyoCalls()).toBe(klaviyoBefore);
  expect(await messages()).toBe(waiting);
  if (known) expect(await documentOf(runId)).toEqual(before);
};

describe('a message with nothing to do', () => {
  it('of a run that has ended, of any turn', async () => {
    const one = await aCase();
    const { id: runId } = await one.finish((await one.start()).run);
    for (const turn of [1, 2, 50]) await expectSurplus(one, { runId, turn });
  });

  it('of a run that nobody knows', async () => {
    await expectSurplus(await aCase(), { runId: newRunId(new Date()), turn: 1 });
  });

  it('of a turn that was begun before', async () => {
    const one = await aCase();
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: one.own.accountId,
      fault: { kind: 'job_delay', ms: 1_500 },
    });
    const { run } = await one.start();
    await fixture.pump(async () => (await one.documentOf(run.id)).wakeAt !== undefined, { app: one.app });
    await expectSurplus(one, { runId: run.id, turn: (await one.documentOf(run.id)).turn });
    await expectSurplus(one, { runId: run.id, turn: 1 });
    await one.finish(run);
  });

  it('of a run that somebody holds', async () => {
    const one = await aCase();
    const { run } = await one.start();
    const { etag } = (await fixture.services.runStore.find(run.id, { signal: testSignal() }))!;
    const lease = await fixture.services.runStore.tryLease(run.id, { seconds: 15, etag, signal: testSignal() });
    await expectSurplus(one, { runId: run.id, turn: 1 });
    await lease!.release({ signal: testSignal() });
    await one.finish(run);
  });

  it('one of two that came at the same time: one works, the other ends', async () => {
    const one = await aCase();
    const { run } = await one.start();
    const message = { exportId: run.exportId, runId: run.id, turn: 1 };
    await Promise.all(Array.from({ length: 4 }, () => one.app.advanceRun(message, { signal: testSignal() })));
    await one.finish(run);
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(1);
  });
});

describe('a start', () => {
  it('happens once per key, however often it is asked for, and answers with the same run', async () => {
    const one = await aCase();
    const first = await one.start({ requestKey: 'req-1' });
    expect(first.created).toBe(true);
    const again = await one.start({ requestKey: 'req-1' });
    expect([again.created, again.run.id]).toEqual([false, first.run.id]);
    await one.finish(first.run);
    const late = await one.start({ requestKey: 'req-1' });
    expect([late.created, late.run.id, late.run.state]).toEqual([false, first.run.id, 'successful']);
    const other = await one.start({ requestKey: 'req-2' });
    expect(other.run.id).not.toBe(first.run.id);
    await fixture.pump(() => fixture.ended(other.run.id), { app: one.app });
  });

  it.each([
    ['without a key', undefined],
    ['with the same key', 'req-same'],
  ])('asked for ten times at once, %s, makes one run', async (_, requestKey) => {
    const one = await aCase();
    const second = appFor(fixture, one.folder);
    apps.push(second);
    const started = await Promise.all(
      Array.from({ length: 10 }, (_each, index) =>
        one.start(requestKey === undefined ? {} : { requestKey }, index % 2 === 0 ? one.app : second),
      ),
    );
    const ids = new Set(started.map(({ run }) => run.id));
    expect(ids.size).toBe(1);
    const run = await one.finish({ id: [...ids][0]! });
    expect(run.number).toBe(1);
    const all = await fixture.services.runStore.newestOfExport(one.segmentExport.id, { size: 10, signal: testSignal() });
    expect(all).toHaveLength(1);
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(1);
  });

  it('asked for ten times at once, each with a key of its own, answers with one run, and each key keeps its answer', async () => {
    const one = await aCase();
    const keys = Array.from({ length: 10 }, (_, index) => `req-${index}`);
    const started = await Promise.all(keys.map((requestKey) => one.start({ requestKey })));
    const ids = new Set(started.map(({ run }) => run.id));
    expect(ids.size).toBe(1);
    await one.finish({ id: [...ids][0]! });
    for (const requestKey of keys) {
      const again = await one.start({ requestKey });
      expect([again.created, again.run.id]).toEqual([false, [...ids][0]]);
    }
  });
});

const occurrences = (): ReturnType<typeof createRows<typeof Occurrence>> =>
  createRows({ table: fixture.services.tables.occurrences, schema: Occurrence, what: 'The request' });
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
/** The app as it will be some minutes later. */
const later = (folder: string, ms: number): Services => {
  const app = createServices(parseEnv({ ...fixture.environment, SOURCE_FOLDER: folder }), { now: () => new Date(Date.now() + ms) });
  apps.push(app);
  return app;
};

describe('a starter that died', () => {
  it('after it had written down the request: the repeat of it makes that very run', async () => {
    const one = await aCase();
    const runId = newRunId(new Date());
    await occurrences().insert({ partition: one.segmentExport.id, row: 'req-1' }, { runId, at: ago(90_000) }, { signal: testSignal() });
    const { run, created } = await one.start({ requestKey: 'req-1' });
    expect([run.id, created]).toEqual([runId, true]);
    await one.finish(run);
  });

  const announce = (segmentExport: Export, runId: RunId, at: string) =>
    fixture.services.activities.update(
      segmentExport.id,
      (current) => ({
        ...current,
        activeRunId: runId,
        lastRunNumber: 1,
        starting: { trigger: { kind: 'schedule', by: 'timer' }, full: false, dryRun: false, at },
      }),
      { signal: testSignal() },
    );

  it('after it had announced the run: the sweep makes it, once the starter has had its minute', async () => {
    const one = await aCase();
    const runId = newRunId(new Date());
    await announce(one.segmentExport, runId, new Date().toISOString());
    await one.app.runs.sweep({ signal: testSignal() });
    expect(await fixture.services.runStore.find(runId, { signal: testSignal() })).toBeUndefined();
    await later(one.folder, 120_000).runs.sweep({ signal: testSignal() });
    const run = await one.finish({ id: runId });
    expect(run).toMatchObject({ number: 1, trigger: { kind: 'schedule', by: 'timer' } });
  });

  it('after it had announced the run: a request in the same minute is answered with it, a later one makes another', async () => {
    const one = await aCase();
    const runId = newRunId(new Date());
    await announce(one.segmentExport, runId, new Date().toISOString());
    const soon = await one.start();
    expect([soon.created, soon.run.id, soon.run.state]).toEqual([false, runId, 'queued']);
    await announce(one.segmentExport, runId, ago(120_000));
    const next = await one.start();
    expect(next.created).toBe(true);
    await one.finish(next.run);
  });

  it('after it had written the document: the sweep sends the message', async () => {
    const one = await aCase();
    const { run } = await one.start();
    await fixture.queue.clearMessages();
    await one.app.runs.sweep({ signal: testSignal() });
    expect((await fixture.queue.getProperties()).approximateMessagesCount).toBe(0);
    await later(one.folder, 120_000).runs.sweep({ signal: testSignal() });
    await one.finish(run);
  });
});

describe('a runner that died', () => {
  it('in the middle of a slice is followed by the guard’s message, and everybody arrives once', async () => {
    const one = await aCase();
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: one.own.accountId,
      fault: { kind: 'slow_body', ms: 3_000 },
    });
    const { run } = await one.start();
    const death = new AbortController();
    const first = one.app.advanceRun({ exportId: run.exportId, runId: run.id, turn: 1 }, { signal: death.signal });
    while ((await accountState(fixture, one.own.accountId)).jobs < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    death.abort(new Error('the process ends'));
    await first;
    // the next turn's message is on its way already, and appears when the guard's time is up
    const messages = (await fixture.queue.getProperties()).approximateMessagesCount;
    expect(messages).toBe(2);
    await breakLease(fixture, run.id);
    await fixture.services.queues.exportRuns.send({ exportId: run.exportId, runId: run.id, turn: 2 }, { signal: testSignal() });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    await fixture.queue.clearMessages();
    await one.finish(run);
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(2); // a crash sends the batch under way again
  });

  it('between its last write and letting go of the export does not block it', async () => {
    const one = await aCase();
    const { id } = await one.finish((await one.start()).run);
    const block = () =>
      fixture.services.activities.update(one.segmentExport.id, (current) => ({ ...current, activeRunId: id }), { signal: testSignal() });
    await block();
    await one.app.runs.sweep({ signal: testSignal() });
    expect((await fixture.services.activities.get(one.segmentExport.id, { signal: testSignal() })).activeRunId).toBeUndefined();
    await block();
    const next = await one.start();
    expect(next.created).toBe(true);
    await fixture.pump(() => fixture.ended(next.run.id), { app: one.app });
  });

  it('too often in a row: the run is given up with a sentence, and the export is free', async () => {
    const one = await aCase();
    const { run } = await one.start();
    for (let turn = 1; turn <= 5; turn += 1) {
      const death = new AbortController();
      const slice = one.app.advanceRun({ exportId: run.exportId, runId: run.id, turn }, { signal: death.signal });
      while ((await one.documentOf(run.id)).turn < turn) await new Promise((resolve) => setTimeout(resolve, 2));
      death.abort(new Error('the process ends'));
      await slice;
      if (await fixture.ended(run.id)) throw new Error('the slice was faster than its end');
      await breakLease(fixture, run.id);
    }
    await fixture.queue.clearMessages();
    await fixture.services.queues.exportRuns.send({ exportId: run.exportId, runId: run.id, turn: 6 }, { signal: testSignal() });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'gave_up' } });
    checkSums(ended);
    await checkLeftOver(fixture, ended);
    await one.finish((await one.start()).run);
  });
});
