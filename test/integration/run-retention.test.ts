import { parseEnv } from '../../shared/env';
import { newRunId } from '../../shared/new-ids';
import type { RunId } from '../../shared/ids';
import { createRows } from '../../shared/platform/tables';
import { Occurrence } from '../../shared/runs/occurrence';
import { Run as RunRow } from '../../shared/runs/run';
import type { Run, RunDocument } from '../../shared/runs/run';
import { runTable } from '../../shared/runs/run-store';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startCountingProxy } from '../support/counting-proxy';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { appFor, breakLease, emailsOf, goodRows, ownCase, reportOf, runBy } from '../support/run-cases';
import { tracesOf } from '../support/traces';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** What a tick with nothing to do may cost: three lists and three rows. */
const MOST_CALLS = 6;

// one storage per test: housekeeping looks at everything there is
let fixture: RunnerFixture;
const apps: Services[] = [];
beforeEach(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
}, 60_000);
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  await fixture.close();
});

const bad = { id: 'bad', email: 'no address at all', firstName: 'Eve' };
const rows = goodRows(50);
const signal = testSignal;

const aCase = async () => {
  const { folder, own, app, segmentExport } = await ownCase(fixture, { write: [...rows, bad] });
  apps.push(app);
  /** the app as it will be some time later */
  const later = (ms: number): Services => {
    const one = createServices(parseEnv({ ...fixture.environment, SOURCE_FOLDER: folder }), { now: () => new Date(Date.now() + ms) });
    apps.push(one);
    return one;
  };
  const historyOf = async () => {
    const ids: RunId[] = [];
    for await (const { value } of app.runStore.readOfExport(segmentExport.id, { signal: signal() })) ids.push(value.id);
    return ids;
  };
  /** Runs that ended some days ago, as a runner would have left them, newest first. */
  const pastRuns = async (like: RunDocument, ages: readonly number[]): Promise<RunId[]> => {
    const made = ages.map((days): RunDocument => {
      const at = new Date(Date.now() - days * DAY);
      const endedAt = at.toISOString();
      return { ...like, run: { ...like.run, id: newRunId(at), submittedAt: endedAt, startedAt: endedAt, endedAt } };
    });
    for (let from = 0; from < made.length; from += 25) {
      await Promise.all(
        made.slice(from, from + 25).map(async (document) => {
          await app.runStore.create(document, { signal: signal() });
          await app.runStore.project(document.run, { signal: signal() });
        }),
      );
    }
    return made.map(({ run }) => run.id);
  };
  const documentOf = async (runId: RunId) => (await app.runStore.find(runId, { signal: signal() }))!.document;
  return { folder, own, app, later, exportId: segmentExport.id, historyOf, pastRuns, documentOf };
};

const rowsOfRuns = () => runTable(fixture.services.tables.runs);
const stagedNames = async (): Promise<string[]> => {
  const names: string[] = [];
  for await (const { name } of fixture.services.containers.staged.list('', { signal: signal() })) names.push(name);
  return names;
};
const stage = async (runId: string): Promise<void> => {
  await fixture.services.containers.staged.write(`${runId}/0001/batch-00001`, 'ada@example.com', { signal: signal() });
  await fixture.services.containers.staged.write(`${runId}/0001/members`, 'ada@example.com', { signal: signal() });
};

describe('row reports', () => {
  it('stay for 30 days after the run has ended, then go, and whoever asks for one is told', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    await one.later(29 * DAY).housekeeping.tick({ signal: signal() });
    expect(await reportOf(fixture, run, 'invalid')).toHaveLength(1);
    const after = one.later(31 * DAY);
    await after.housekeeping.tick({ signal: signal() });
    expect(await tracesOf(fixture.azurite.connectionString, [bad.email], { except: ['customerinsights'] })).toEqual([]);
    expect(await after.runs.get(run.id, { signal: signal() })).toEqual(run);
    expect(await one.historyOf()).toEqual([run.id]);
    await expect(after.runs.rows(run.id, 'invalid', { signal: signal() }).next()).rejects.toMatchObject({ code: 'report_gone' });
    // of a stage with no rows there is nothing to miss
    expect((await after.runs.rows(run.id, 'rejected', { signal: signal() }).next()).value).toContain('CustomerId');
  });

  it('go as early or as late as an administrator says', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    const set = async (reportDays: number) => {
      const { value, etag } = await one.app.settings.getLimits({ signal: signal() });
      await one.app.settings.setLimits({ ...value, reportDays }, { ifMatch: etag, signal: signal() });
    };
    await set(100);
    await one.later(99 * DAY).housekeeping.tick({ signal: signal() });
    expect(await reportOf(fixture, run, 'invalid')).toHaveLength(1);
    await set(1);
    await one.later(101 * DAY).housekeeping.tick({ signal: signal() });
    expect(await tracesOf(fixture.azurite.connectionString, [bad.email], { except: ['customerinsights'] })).toEqual([]);
  });
});

describe('the history', () => {
  it('X9 keeps 200 runs of an export (30 at least were asked for) however old they are, and every run of 90 days', async () => {
    const one = await aCase();
    const newest = await runBy(fixture, one.app, { id: one.exportId });
    const like = await one.documentOf(newest.id);
    // one run every 12 hours: 180 of 90 days; the newest 200 reach back for 100 days
    const past = await one.pastRuns(
      like,
      Array.from({ length: 230 }, (_, index) => (index + 1) / 2),
    );
    await one.app.housekeeping.tick({ signal: signal() });
    expect(await one.historyOf()).toEqual([newest.id, ...past.slice(0, 199)]);
    const all: string[] = [];
    for await (const { row } of one.app.runStore.readRows('all', { signal: signal() })) all.push(row);
    expect(all).toEqual([newest.id, ...past.slice(0, 199)]);
    expect(await tracesOf(fixture.azurite.connectionString, past.slice(199))).toEqual([]);
    // eighty days later half of them are old, but all are among the newest 200
    await one.later(80 * DAY).housekeeping.tick({ signal: signal() });
    expect(await one.historyOf()).toHaveLength(200);
  });

  it('keeps more than 200 runs while they are younger than 90 days', async () => {
    const one = await aCase();
    const newest = await runBy(fixture, one.app, { id: one.exportId });
    const ages = Array.from({ length: 220 }, (_, index) => (index + 1) * 0.4);
    const past = await one.pastRuns(await one.documentOf(newest.id), ages);
    await one.app.housekeeping.tick({ signal: signal() });
    expect(await one.historyOf()).toHaveLength(221);
    await one.later(12 * DAY).housekeeping.tick({ signal: signal() });
    // 90 days are over for those of more than 78 days; 200 are kept anyway
    expect(await one.historyOf()).toEqual([newest.id, ...past.filter((_, index) => ages[index]! <= 78 || index < 199)]);
    expect(await one.historyOf()).toHaveLength(200);
  });

  it('tells what earlier versions did not note: how the last run ended, and when one was successful', async () => {
    const one = await aCase();
    const good = await runBy(fixture, one.app, { id: one.exportId });
    const known = await one.app.activities.get(one.exportId, { signal: signal() });
    expect(known).toMatchObject({ last: { runId: good.id, state: 'successful', read: 51, invalid: 1 }, refreshedAt: good.endedAt });
    await one.app.activities.update(one.exportId, (row) => ({ ...row, last: undefined, refreshedAt: undefined }), { signal: signal() });
    await one.app.housekeeping.tick({ signal: signal() });
    expect(await one.app.activities.get(one.exportId, { signal: signal() })).toMatchObject({
      last: known.last,
      refreshedAt: known.refreshedAt,
    });
  });

  it('forgets requests after two weeks, but not those that the active run answers', async () => {
    const one = await aCase();
    const requests = createRows({ table: fixture.services.tables.occurrences, schema: Occurrence, what: 'The request' });
    const start = async (requestKey: string) =>
      (
        await one.app.runs.start(
          { exportId: one.exportId, trigger: { kind: 'request', by: 'queue' }, full: false, dryRun: false, requestKey },
          { signal: signal() },
        )
      ).run;
    const first = await start('req-1');
    await fixture.pump(() => fixture.ended(first.id), { app: one.app });
    await start('req-2');
    await start('req-3'); // answered by the active run
    const known = async () => {
      const keys: string[] = [];
      for await (const { row } of requests.list(one.exportId, { signal: signal() })) keys.push(row);
      return keys;
    };
    await one.later(13 * DAY).housekeeping.tick({ signal: signal() });
    expect(await known()).toEqual(['req-1', 'req-2', 'req-3']);
    await one.later(15 * DAY).housekeeping.tick({ signal: signal() });
    expect(await known()).toEqual(['req-2', 'req-3']);
  });
});

describe('staged data', () => {
  it('of runs that ended or are unknown goes within the hour, that of live ones stays', async () => {
    const one = await aCase();
    const ended = await runBy(fixture, one.app, { id: one.exportId });
    expect(await stagedNames()).toEqual([]);
    const { run: active } = await one.app.runs.start(
      { exportId: one.exportId, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: signal() },
    );
    const unknown = newRunId(new Date());
    await Promise.all([ended.id, active.id, unknown].map(stage));
    await fixture.services.containers.staged.write('somebody-elses/file', 'x', { signal: signal() });

    await one.app.housekeeping.tick({ signal: signal() });
    const left = [`${active.id}/0001/batch-00001`, `${active.id}/0001/members`, 'somebody-elses/file'];
    expect(await stagedNames()).toEqual(left);
    // four times an hour, not each minute
    await stage(unknown);
    await one.later(5 * 60_000).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toHaveLength(5);
    await one.later(HOUR).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toEqual(left);
  });

  it('of a run that nobody works on and no export calls active goes after a day, and not while it is held', async () => {
    const one = await aCase();
    const { run } = await one.app.runs.start(
      { exportId: one.exportId, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: signal() },
    );
    await stage(run.id);
    await one.later(30 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toHaveLength(2);
    await one.app.activities.update(one.exportId, (current) => ({ ...current, activeRunId: undefined }), { signal: signal() });
    await one.later(31 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toEqual([]);

    await stage(run.id);
    const { etag } = (await one.app.runStore.find(run.id, { signal: signal() }))!;
    await one.app.runStore.tryLease(run.id, { seconds: 60, etag, signal: signal() });
    await one.later(32 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toHaveLength(2);
    await breakLease(fixture, run.id);
    await one.later(60 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await stagedNames()).toEqual([]);
  });
});

describe('rows that lie', () => {
  const lists = async (app: Services, exportId: Run['exportId']) => {
    const filters = [{}, { exportId }, { state: 'successful' }, { trigger: 'onDemand' }, { exportId, state: 'successful' }] as const;
    return Promise.all(filters.map(async (filter) => (await app.runs.list(filter, { size: 50, signal: signal() })).value));
  };
  const partitionsOfRun = (run: Run) => ['all', 'state-successful', 'trigger-onDemand', run.exportId];
  const stored = async (run: Run) =>
    Promise.all(
      partitionsOfRun(run).map(async (partition) => (await rowsOfRuns().find({ partition, row: run.id }, { signal: signal() }))?.value),
    );
  const whole = (run: Run) => partitionsOfRun(run).map(() => run);
  const spoil = async (run: Run, partitions: readonly string[], change: Partial<Run> = { state: 'refreshing', endedAt: undefined }) => {
    for (const partition of partitions) await rowsOfRuns().put({ partition, row: run.id }, { ...run, ...change }, { signal: signal() });
  };
  const unfinished = (run: Run): Run => ({ ...run, state: 'refreshing', endedAt: undefined });

  it('of a runner that died between two of its last writes never hide how the run ended, and go within two minutes', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    await one.app.runStore.project(unfinished(run), { signal: signal() });
    expect(await lists(one.app, one.exportId)).toEqual([[run], [run], [run], [run], [run]]);
    const refreshing = async (app: Services) => (await app.runs.list({ state: 'refreshing' }, { size: 50, signal: signal() })).value;
    expect(await refreshing(one.app)).toHaveLength(1);
    const later = one.later(2 * 60_000);
    await later.runs.sweep({ signal: signal() });
    expect(await refreshing(later)).toEqual([]);
    expect(await stored(run)).toEqual(whole(run));
  });

  it('are repaired by whoever opens the run', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    await spoil(run, partitionsOfRun(run), { heldState: 'waiting' });
    expect(await one.app.runs.get(run.id, { signal: signal() })).toEqual(run);
    expect(await stored(run)).toEqual(whole(run));
  });

  it('are repaired by the timer when the runner died before it had told the lists', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    for (const partition of partitionsOfRun(run)) await rowsOfRuns().remove({ partition, row: run.id }, { signal: signal() });
    await one.app.runStore.project(unfinished(run), { signal: signal() });
    await one.app.activities.update(one.exportId, (current) => ({ ...current, activeRunId: run.id }), { signal: signal() });
    await one.app.runs.sweep({ signal: signal() });
    expect(await stored(run)).toEqual(whole(run));
    expect(await lists(one.app, one.exportId)).toEqual([[run], [run], [run], [run], [run]]);
    expect((await one.app.activities.get(one.exportId, { signal: signal() })).activeRunId).toBeUndefined();
  });

  it('are found by the walk through all runs: a row that is missing, one without a document, a document without rows', async () => {
    const one = await aCase();
    const first = await runBy(fixture, one.app, { id: one.exportId });
    const second = await runBy(fixture, one.app, { id: one.exportId }, { full: true });
    const third = await runBy(fixture, one.app, { id: one.exportId }, { full: true });
    const fourth = await runBy(fixture, one.app, { id: one.exportId }, { full: true });
    await rowsOfRuns().remove({ partition: 'all', row: first.id }, { signal: signal() });
    await rowsOfRuns().remove({ partition: one.exportId, row: second.id }, { signal: signal() });
    await one.app.runStore.removeFolder(third.id, { signal: signal() });
    for (const partition of partitionsOfRun(fourth)) await rowsOfRuns().remove({ partition, row: fourth.id }, { signal: signal() });
    // as an earlier version left it: no rows for state and trigger
    const fifth = await runBy(fixture, one.app, { id: one.exportId }, { full: true });
    for (const partition of ['state-successful', 'trigger-onDemand'])
      await rowsOfRuns().remove({ partition, row: fifth.id }, { signal: signal() });
    const withoutColumns = createRows({ table: fixture.services.tables.runs, schema: RunRow, what: 'The run' });
    for (const partition of ['all', one.exportId]) await withoutColumns.put({ partition, row: fifth.id }, fifth, { signal: signal() });
    const foundByState = async () =>
      (await one.app.runStore.page(one.exportId, { where: { state: 'successful' }, size: 50, signal: signal() })).rows.map(
        ({ row }) => row,
      );
    expect(await foundByState()).not.toContain(fifth.id);

    await one.app.housekeeping.tick({ signal: signal() });
    expect(await one.historyOf()).not.toContain(second.id); // so young a run may be on its way yet
    await one.later(2 * HOUR).housekeeping.tick({ signal: signal() });
    for (const run of [first, second, fourth, fifth]) expect(await stored(run)).toEqual(whole(run));
    expect(await foundByState()).toEqual([fifth, fourth, second, first].map(({ id }) => id));
    expect(await tracesOf(fixture.azurite.connectionString, [`"id":"${third.id}"`, `${third.id}/`])).toEqual([]);
  });

  it('and what an export that is gone has left somewhere are removed by that walk, whatever page they are on', async () => {
    const one = await aCase();
    const kept = await runBy(fixture, one.app, { id: one.exportId });
    const document = await one.documentOf(kept.id);
    const gone = { ...document, run: { ...document.run, exportId: 'exp_0000000000' as Run['exportId'] } };
    const orphans = await one.pastRuns(gone, [1, 400, 401]);
    await one.pastRuns(
      document,
      Array.from({ length: 199 }, (_, index) => 2 + index / 10),
    );
    await rowsOfRuns().remove({ partition: 'all', row: orphans[1]! }, { signal: signal() });
    const lost = newRunId(new Date(Date.now() - 500 * DAY));
    await one.app.containers.runs.write(`${lost}/rows/invalid-0001.ndjson`, '{}', { signal: signal() });

    await one.later(2 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await tracesOf(fixture.azurite.connectionString, [orphans[0]!])).toEqual([]);
    expect((await tracesOf(fixture.azurite.connectionString, [orphans[1]!, orphans[2]!, lost])).length).toBeGreaterThan(0);
    await one.later(3 * HOUR).housekeeping.tick({ signal: signal() });
    expect(await tracesOf(fixture.azurite.connectionString, [gone.run.exportId, ...orphans, lost])).toEqual([]);
    expect(await one.historyOf()).toHaveLength(200);
  });
});

describe('an export that calls a run active which never came to be', () => {
  it('is free again when nobody left word how it was to begin, or its connection has gone', async () => {
    const one = await aCase();
    const claim = (more: object) =>
      one.app.activities.update(one.exportId, (current) => ({ ...current, activeRunId: newRunId(new Date()), ...more }), {
        signal: signal(),
      });
    const isFree = async () => (await one.app.activities.get(one.exportId, { signal: signal() })).activeRunId === undefined;
    await claim({});
    await one.app.runs.sweep({ signal: signal() });
    expect(await isFree()).toBe(true);

    await claim({ starting: { trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false, at: new Date().toISOString() } });
    const { value, etag } = (await one.app.exportStore.find(one.exportId, { signal: signal() }))!;
    await one.app.exportStore.replace({ ...value, connectionId: undefined }, { ifMatch: etag, signal: signal() });
    await one.app.runs.sweep({ signal: signal() });
    expect(await isFree()).toBe(false);
    await one.later(120_000).runs.sweep({ signal: signal() });
    expect(await isFree()).toBe(true);
  });
});

describe('a tick', () => {
  it('with nothing to do costs a handful of calls, however long the history is', async () => {
    const one = await aCase();
    const run = await runBy(fixture, one.app, { id: one.exportId });
    await one.pastRuns(
      await one.documentOf(run.id),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    await one.app.housekeeping.tick({ signal: signal() });
    const proxy = await startCountingProxy(fixture.azurite);
    const counted = appFor(fixture, one.folder, { AzureWebJobsStorage: proxy.connectionString });
    apps.push(counted);
    const calls = await proxy.during(() => counted.housekeeping.tick({ signal: signal() }));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.length).toBeLessThanOrEqual(MOST_CALLS);
    await proxy.close();
  });

  it('of several instances at once does each thing, and leaves the list as it is', async () => {
    const one = await aCase();
    const newest = await runBy(fixture, one.app, { id: one.exportId });
    const past = await one.pastRuns(
      await one.documentOf(newest.id),
      Array.from({ length: 210 }, (_, index) => 91 + index),
    );
    await stage(newest.id);
    const instances = Array.from({ length: 3 }, () => one.later(0));
    await Promise.all(instances.map((app) => app.housekeeping.tick({ signal: signal() })));
    expect(await one.historyOf()).toEqual([newest.id, ...past.slice(0, 199)]);
    expect(await stagedNames()).toEqual([]);
    expect(await fixture.members(one.own.listId, one.own.accountId)).toEqual(emailsOf(rows));
  });
});
