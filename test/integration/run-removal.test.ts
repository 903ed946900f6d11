import type { Caller } from '../../shared/caller';
import { parseEnv } from '../../shared/env';
import type { Export } from '../../shared/exports/export';
import type { RunId } from '../../shared/ids';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { SOURCE, startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { accountState, breakLease, emailsOf, goodRows, mapping, ownCase, runBy, writeRows } from '../support/run-cases';
import { tracesOf } from '../support/traces';

let fixture: RunnerFixture;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
}, 60_000);
afterAll(() => fixture.close());
const apps: Services[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
});

const IMPORT = 'POST /api/profile-bulk-import-jobs';
const administrator = { id: 'admin', name: 'Ada', role: 'Administrator' } as Caller;
const bad = { id: 'bad', email: 'no address at all', firstName: 'Eve' };

/** The app as it will be some minutes later. */
const later = (folder: string, ms: number): Services => {
  const app = createServices(parseEnv({ ...fixture.environment, SOURCE_FOLDER: folder }), { now: () => new Date(Date.now() + ms) });
  apps.push(app);
  return app;
};

const aCase = async (more: Partial<Record<keyof Export, unknown>> = {}) => {
  const rows = goodRows(60);
  const one = await ownCase(fixture, { write: [...rows, bad], more });
  const { folder, own, app, segmentExport, documentOf } = one;
  apps.push(app);
  const { id } = segmentExport;
  const runIds: string[] = [];
  const start = async (requestKey?: string): Promise<RunId> => {
    const { run } = await app.runs.start(
      { exportId: id, trigger: { kind: 'request', by: 'queue' }, full: true, dryRun: false, ...(requestKey ? { requestKey } : {}) },
      { signal: testSignal() },
    );
    runIds.push(run.id);
    return run.id;
  };
  /** Begins a run and leaves it where its job lies with Klaviyo. */
  const startAndStop = async (requestKey?: string): Promise<RunId> => {
    await fixture.fault({ endpoint: IMPORT, account: own.accountId, count: 1, fault: { kind: 'job_delay', ms: 60_000 } });
    const runId = await start(requestKey);
    await fixture.pump(async () => (await documentOf(runId)).wakeAt !== undefined, { app });
    expect((await accountState(fixture, own.accountId)).jobs).toBeGreaterThan(0);
    return runId;
  };
  const remove = () => app.segmentExports.remove(id, { ifMatch: '*', caller: administrator, signal: testSignal() });
  /** Only the export's own row: whoever removed it died right after. */
  const removeRowOnly = async () => {
    const { etag } = (await app.exportStore.find(id, { signal: testSignal() }))!;
    await app.exportStore.remove(id, { ifMatch: etag, signal: testSignal() });
  };
  const traces = () =>
    tracesOf(fixture.azurite.connectionString, [id, ...runIds, ...rows.slice(0, 5).map(({ email }) => email), bad.email], {
      except: [SOURCE],
    });
  const isGone = async () => (await traces()).length === 0;
  return { folder, own, app, id, rows, start, startAndStop, documentOf, remove, removeRowOnly, traces, isGone };
};

describe('an export that is removed', () => {
  it('leaves nothing but the people on the list; its connection then goes with its key', async () => {
    const one = await aCase({ membership: 'mirror' });
    await runBy(fixture, one.app, { id: one.id });
    const second = await one.start('req-1');
    await fixture.pump(() => fixture.ended(second), { app: one.app });
    expect((await one.traces()).length).toBeGreaterThan(8);

    const { connection } = one.own;
    const removeConnection = () => one.app.connections.remove(connection.id, { ifMatch: '*', signal: testSignal() });
    await expect(removeConnection()).rejects.toMatchObject({ code: 'connection_in_use' });
    await one.remove();
    expect(await one.traces()).toEqual([]);
    expect(await fixture.members(one.own.listId, one.own.accountId)).toEqual(emailsOf(one.rows));
    await expect(one.app.runs.get(second, { signal: testSignal() })).rejects.toMatchObject({ code: 'run_unknown' });

    const secret = () => one.app.secrets.get(connection.secretName, { signal: testSignal() });
    await secret();
    await removeConnection();
    await expect(secret()).rejects.toMatchObject({ code: expect.stringMatching(/secret/) });
    expect(await tracesOf(fixture.azurite.connectionString, [connection.id, connection.secretName], { except: [SOURCE] })).toEqual([]);
  });

  it('in the middle of a run: the run stops, and then everything goes, without waiting for the timer', async () => {
    const one = await aCase();
    await one.startAndStop('req-1');
    await one.remove();
    expect((await one.traces()).length).toBeGreaterThan(3);
    await fixture.pump(one.isGone, { app: one.app });
    // the message that the run had left for later finds nothing, and does nothing
    await fixture.pump(async () => (await fixture.queue.getProperties()).approximateMessagesCount === 0, { app: one.app });
    expect(await one.traces()).toEqual([]);
  });

  it('in the middle of a run whose runner died, with every message lost: the timer brings it to its end', async () => {
    const one = await aCase({ membership: 'mirror' });
    const runId = await one.start();
    await fixture.fault({ endpoint: IMPORT, account: one.own.accountId, fault: { kind: 'slow_body', ms: 3_000 } });
    const death = new AbortController();
    const slice = one.app.advanceRun({ exportId: one.id, runId, turn: 1 }, { signal: death.signal });
    while ((await accountState(fixture, one.own.accountId)).jobs < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    death.abort(new Error('the process ends'));
    await slice;
    await one.remove();
    await fixture.queue.clearMessages();

    // its lease is held for a while yet: nothing can be removed, and nothing is
    await one.app.housekeeping.tick({ signal: testSignal() });
    expect(await one.documentOf(runId)).toMatchObject({ run: { state: 'refreshing' } });
    await breakLease(fixture, runId);
    const timer = later(one.folder, 120_000);
    await timer.runs.sweep({ signal: testSignal() });
    await fixture.pump(one.isGone, { app: one.app });
  });

  it('by somebody who died at once: the timer removes everything', async () => {
    const one = await aCase();
    await runBy(fixture, one.app, { id: one.id });
    await one.removeRowOnly();
    await one.app.housekeeping.tick({ signal: testSignal() });
    expect(await one.traces()).toEqual([]);
  });

  it('while a run is active, by somebody who died at once: the timer stops the run and removes everything', async () => {
    const one = await aCase();
    const runId = await one.startAndStop();
    await one.removeRowOnly();
    await fixture.queue.clearMessages();
    await one.app.housekeeping.tick({ signal: testSignal() });
    expect(await one.app.runStore.findStop(runId, { signal: testSignal() })).toMatchObject({ reason: 'removed' });
    await fixture.pump(one.isGone, { app: one.app });
  });

  it('whose run ended, but whose runner died before it let go: the timer removes everything', async () => {
    const one = await aCase();
    const { id: runId } = await runBy(fixture, one.app, { id: one.id });
    await one.app.activities.update(one.id, (current) => ({ ...current, activeRunId: runId }), { signal: testSignal() });
    await one.removeRowOnly();
    await one.app.housekeeping.tick({ signal: testSignal() });
    expect(await one.traces()).toEqual([]);
  });

  it('while a person is being erased from it: what the erasure writes goes, too, once its claim has ended', async () => {
    const one = await aCase();
    await runBy(fixture, one.app, { id: one.id });
    await one.app.runs.claim(one.id, { by: 'era_00000001', forMs: 60_000, signal: testSignal() });
    await one.remove();
    expect((await one.traces()).length).toBeGreaterThan(3);
    await one.app.containers.state.write(`${one.id}/0000000002`, 'written by the erasure', { signal: testSignal() });
    await later(one.folder, 120_000).housekeeping.tick({ signal: testSignal() });
    expect(await one.traces()).toEqual([]);
  });

  it('whose removal broke off in the middle: the timer goes on', async () => {
    const one = await aCase();
    const { id: runId } = await runBy(fixture, one.app, { id: one.id });
    await runBy(fixture, one.app, { id: one.id }, { full: true });
    await one.removeRowOnly();
    await one.app.runStore.removeFolder(runId, { signal: testSignal() });
    await one.app.housekeeping.tick({ signal: testSignal() });
    expect(await one.traces()).toEqual([]);
  });

  it('does not come back: neither by a start, nor by one at the same moment, nor by what waited', async () => {
    const cases = await Promise.all(Array.from({ length: 4 }, () => aCase()));
    await Promise.all(cases.flatMap((one) => [one.start('req-1').catch(() => undefined), one.remove()]));
    for (const one of cases) {
      await expect(one.start('req-2')).rejects.toMatchObject({ code: 'export_unknown' });
      const timer = later(one.folder, 120_000);
      const gone = async (): Promise<boolean> => {
        await timer.runs.sweep({ signal: testSignal() });
        await timer.housekeeping.tick({ signal: testSignal() });
        return one.isGone();
      };
      await fixture.pump(gone, { app: one.app });
      expect(await one.app.exportStore.find(one.id, { signal: testSignal() })).toBeUndefined();
    }
  });

  it('starts nothing that waited for the end of its run', async () => {
    const one = await aCase();
    const runId = await one.startAndStop();
    await one.app.activities.update(
      one.id,
      (current) => ({ ...current, pending: { full: true, dryRun: false, trigger: 'onDemand', by: 'tester' } }),
      { signal: testSignal() },
    );
    await one.remove();
    await fixture.pump(one.isGone, { app: one.app });
    await expect(one.app.runs.get(runId, { signal: testSignal() })).rejects.toMatchObject({ code: 'run_unknown' });
  });

  it('does nothing in a run whose starter came back after the removal', async () => {
    const one = await aCase();
    const runId = await one.start();
    const document = await one.documentOf(runId);
    await fixture.queue.clearMessages();
    await one.removeRowOnly();
    await one.app.runStore.removeRun(document.run, { signal: testSignal() });
    await one.app.activities.remove(one.id, { signal: testSignal() });
    // here the starter, who stood still all the time, goes on
    await one.app.runStore.create(document, { signal: testSignal() });
    await one.app.runStore.project(document.run, { signal: testSignal() });
    await one.app.advanceRun({ exportId: one.id, runId, turn: 1 }, { signal: testSignal() });
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(0);
    await one.app.housekeeping.tick({ signal: testSignal() });
    await fixture.queue.clearMessages();
    expect(await one.traces()).toEqual([]);
  });
});

describe('a mirror beside one that was removed', () => {
  it('removes whom it sent itself, also while the other’s data is still being removed', async () => {
    const one = await aCase({ membership: 'mirror', guardCount: 1_000 });
    const other = await fixture.anExport(one.own.connection, {
      listId: one.own.listId,
      segments: ['Vip'],
      mapping,
      canaryRows: 0,
      membership: 'mirror',
    });
    await runBy(fixture, one.app, { id: other.id });
    await runBy(fixture, one.app, { id: one.id });
    const { etag } = (await one.app.exportStore.find(other.id, { signal: testSignal() }))!;
    await one.app.exportStore.remove(other.id, { ifMatch: etag, signal: testSignal() });
    for await (const { name } of one.app.containers.state.list(`${other.id}/`, { signal: testSignal() }))
      await one.app.containers.state.remove(name, { signal: testSignal() });

    await writeRows(fixture, one.rows.slice(10), { folder: one.folder });
    const run = await runBy(fixture, one.app, { id: one.id });
    expect(run.warnings.map(({ code }) => code)).not.toContain('removals_postponed');
    expect(run.counts.removed).toBe(10);
    expect(await fixture.members(one.own.listId, one.own.accountId)).toEqual(emailsOf(one.rows.slice(10)));
  });
});
