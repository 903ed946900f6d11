import { randomBytes, randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { ExportId } from '../../shared/ids';
import { parseEnv } from '../../shared/env';
import { UpstreamError } from '../../shared/errors';
import type { Export } from '../../shared/exports/export';
import type { Run } from '../../shared/runs/run';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import {
  accountState,
  appFor,
  checkSums,
  emailsOf,
  goodRows,
  mapping,
  ownAccount,
  runBy,
  writeRows,
  writeSegments,
} from '../support/run-cases';
import type { OwnAccount, Row } from '../support/run-cases';

/** Rows of failures.md about who is on the list afterwards: nobody of the source is removed, nobody who left is forgotten. */

const POST_JOB = 'POST /api/profile-bulk-import-jobs';
const LOOK_UP = 'GET /api/lists/{id}/profiles';
const LOOK_UP_IDS = 'GET /api/lists/{id}/relationships/profiles';
const TAKE_OFF = 'DELETE /api/lists/{id}/relationships/profiles';
const DAY = 86_400_000;

let fixture: RunnerFixture;
let log: jest.SpyInstance;
/** Klaviyo's clock runs ahead of ours by this. */
let klaviyoAheadMs = 0;
beforeAll(async () => {
  log = jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant', now: () => Date.now() + klaviyoAheadMs } });
}, 60_000);
afterAll(() => fixture.close());

const apps: Services[] = [];
afterEach(async () => {
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
  await fixture.queue.clearMessages();
  for (const app of apps.splice(0)) await app.klaviyo.close();
});

const rows = goodRows(100);
/** words for a person: no class name, no JSON, no undefined, and it ends */
const SENTENCE = /^(?!.*(undefined|null|NaN|Error:|\{|\[object)).{20,}[.\w]$/s;
const codesOf = ({ warnings }: Run): string[] => warnings.map(({ code }) => code);
const expectWarning = ({ warnings }: Run, code: string): void =>
  expect(warnings).toContainEqual({ code, message: expect.stringMatching(SENTENCE) as unknown });

/** A mirror of a folder of its own to an account of its own. */
const aCase = async ({ write = rows, ...more }: { write?: readonly Row[] } & Record<string, unknown> = {}) => {
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture);
  await writeRows(fixture, write, { folder });
  const app = appFor(fixture, folder);
  apps.push(app);
  const segmentExport = await fixture.anExport(own.connection, {
    listId: own.listId,
    segments: ['Vip'],
    mapping,
    canaryRows: 0,
    membership: 'mirror',
    ...more,
  });
  return {
    folder,
    own,
    app,
    segmentExport,
    members: () => fixture.members(own.listId, own.accountId),
    fault: (endpoint: string, kind: object, how: object = {}) => fixture.fault({ endpoint, account: own.accountId, fault: kind, ...how }),
    run: (options: { full?: boolean; by?: Services } = {}) =>
      runBy(fixture, options.by ?? app, segmentExport, { full: options.full ?? false }),
    write: (next: readonly Row[]) => writeRows(fixture, next, { folder }),
  };
};
type Case = Omit<Awaited<ReturnType<typeof aCase>>, 'write'>;

/** The app as it will be when so much time has passed. */
const later = ({ folder }: Pick<Case, 'folder'>, ms: number, more: Record<string, string> = {}): Services => {
  const app = createServices(parseEnv({ ...fixture.environment, SOURCE_FOLDER: folder, ...more }), {
    now: () => new Date(Date.now() + ms),
  });
  apps.push(app);
  return app;
};
/** Another process of the app: it has read nothing yet. */
const anew = ({ folder }: Pick<Case, 'folder'>): Services => {
  const app = appFor(fixture, folder);
  apps.push(app);
  return app;
};
const change = async ({ id }: Pick<Export, 'id'>, fields: object): Promise<void> => {
  const { value, etag } = (await fixture.services.exportStore.find(id, { signal: testSignal() }))!;
  await fixture.services.exportStore.replace({ ...value, ...fields }, { ifMatch: etag, signal: testSignal() });
};
const newKey = (own: OwnAccount) => fixture.services.secrets.set(own.connection.secretName, `${own.apiKey}_all`, { signal: testSignal() });
const successful = async (run: Promise<Run>): Promise<Run> => {
  const ended = await run;
  expect([ended.state, ended.error]).toEqual(['successful', undefined]);
  checkSums(ended);
  return ended;
};
const startOf = async (one: Case, exportId: ExportId = one.segmentExport.id, app = one.app): Promise<Run> =>
  (await app.runs.start({ exportId, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false }, { signal: testSignal() })).run;
const documentOf = async ({ id }: Pick<Run, 'id'>) => (await fixture.services.runStore.find(id, { signal: testSignal() }))!.document;
const endOf = async ({ id }: Pick<Run, 'id'>, app: Services): Promise<Run> => {
  await fixture.pump(() => fixture.ended(id), { app });
  return fixture.services.runs.get(id, { signal: testSignal() });
};

describe('row 7: a job that nobody knows of', () => {
  it('of a run that failed is waited for before its people are removed: it does not put them back', async () => {
    const one = await aCase();
    // Klaviyo admits the job, but its answer is lost, and the second try is refused
    await one.fault(POST_JOB, { kind: 'reset_after_admission' });
    await one.fault(POST_JOB, { kind: 'job_delay', ms: 6_000 });
    await one.fault(POST_JOB, { kind: 'key_revoked' }, { after: 1 });
    expect(await one.run()).toMatchObject({ state: 'failed', counts: { open: 100 } });
    await newKey(one.own);
    await one.write(rows.slice(5));
    await successful(one.run());
    await fixture.pump(async () => (await accountState(fixture, one.own.accountId)).openJobs.length === 0, { app: one.app });
    await successful(one.run());
    expect(await one.members()).toEqual(emailsOf(rows.slice(5)));
  });

  it('that lands after the removal is undone by a later run', async () => {
    const one = await aCase();
    await one.fault(POST_JOB, { kind: 'late_admission', ms: 4_000 });
    await successful(one.run());
    const landed = Date.now() + 4_000;
    await one.write(rows.slice(5));
    expect((await successful(one.run())).counts).toMatchObject({ removed: 5 });
    while (Date.now() < landed + 500 || (await accountState(fixture, one.own.accountId)).openJobs.length > 0)
      await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await one.members()).toHaveLength(100); // it put them back
    await successful(one.run());
    expect(await one.members()).toEqual(emailsOf(rows.slice(5)));
  });
});

it('row 14: who may have been taken off the list is sent again on return, also when the run ended well without knowing', async () => {
  const one = await aCase();
  await successful(one.run());
  await one.write(rows.slice(1));
  // the removal is carried out, its answer lost each time; then Klaviyo's look-ups cannot be trusted
  await one.fault(TAKE_OFF, { kind: 'reset_after_admission' }, { count: 5 });
  await one.fault(LOOK_UP, { kind: 'filter_ignored' }, { after: 1 });
  const postponed = await successful(one.run());
  expectWarning(postponed, 'removals_postponed');
  expect(await one.members()).toEqual(emailsOf(rows.slice(1)));
  await one.write(rows);
  await successful(one.run());
  expect(await one.members()).toEqual(emailsOf(rows));
});

it('row 14: a removal whose answer was lost is counted once', async () => {
  const one = await aCase();
  await successful(one.run());
  await one.write(rows.slice(3));
  await one.fault(TAKE_OFF, { kind: 'reset_after_admission' });
  expect((await successful(one.run())).counts).toMatchObject({ removed: 3, held: 0 });
  expect(await one.members()).toEqual(emailsOf(rows.slice(3)));
});

describe('row 15: a job that is open at the deadline', () => {
  it('keeps its people from being sent or removed until it has ended or expired', async () => {
    const one = await aCase({ canaryRows: 40 });
    await one.fault(POST_JOB, { kind: 'job_stuck', afterRows: 0 }, { after: 1 });
    const started = await startOf(one);
    await fixture.pump(async () => (await documentOf(started)).settle !== undefined, { app: one.app });
    const tomorrow = later(one, 1.04 * DAY);
    await fixture.services.queues.exportRuns.send(
      { exportId: started.exportId, runId: started.id, turn: (await documentOf(started)).turn + 1 },
      { signal: testSignal() },
    );
    const ended = await endOf(started, tomorrow);
    expect(ended).toMatchObject({ state: 'successful', counts: { accepted: 40, open: 60, removed: 0 } });
    expectWarning(ended, 'rows_open');
    checkSums(ended);

    // one of them leaves, one changes, one of the canary's leaves
    await one.write([...rows.slice(1, 98), { ...rows[98]!, firstName: 'Grace' }]);
    const next = await successful(one.run({ by: tomorrow }));
    expect(next.counts).toMatchObject({ sent: 0, unsent: 59, unchanged: 39, removed: 1 });
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(2);

    const inTenDays = later(one, 10 * DAY);
    const last = await successful(one.run({ by: inTenDays, full: false }));
    expect(last.counts).toMatchObject({ unsent: 0, open: 0, accepted: last.counts.sent });
    expect(await one.members()).toEqual(emailsOf(rows.slice(1, 99)));
  });

  it('or has expired there: the run ends well, says so, and removes nobody', async () => {
    const one = await aCase({ canaryRows: 40 });
    await successful(one.run());
    await one.write([...rows.slice(5), ...goodRows(10, { from: 500 })]);
    await one.fault(POST_JOB, { kind: 'job_stuck', afterRows: 0 });
    const started = await startOf(one);
    await fixture.pump(async () => (await documentOf(started)).settle !== undefined, { app: one.app });
    klaviyoAheadMs += 8 * DAY;
    const ended = await endOf(started, one.app);
    expect(ended).toMatchObject({ state: 'successful', counts: { open: 10, removed: 0, held: 5 } });
    expectWarning(ended, 'rows_open');
    expectWarning(ended, 'removals_postponed');
    checkSums(ended);
    expect(await one.members()).toEqual(emailsOf(rows));
    await successful(one.run());
    expect(await one.members()).toEqual(emailsOf([...rows.slice(5), ...goodRows(10, { from: 500 })]));
  });
});

it('row 15: the first small job never ends: the run fails with a sentence a day later, and the next one leaves its people alone', async () => {
  const one = await aCase({ canaryRows: 40 });
  await one.fault(POST_JOB, { kind: 'job_stuck', afterRows: 0 });
  const started = await startOf(one);
  await fixture.pump(async () => (await documentOf(started)).wakeAt !== undefined, { app: one.app });
  const { turn } = await documentOf(started);
  await fixture.services.queues.exportRuns.send(
    { exportId: started.exportId, runId: started.id, turn: turn + 1 },
    { signal: testSignal() },
  );
  const tomorrow = later(one, 1.01 * DAY);
  const ended = await endOf(started, tomorrow);
  expect(ended).toMatchObject({ state: 'failed', error: { code: 'canary_open' }, counts: { sent: 40, open: 40, unsent: 60 } });
  expect(ended.error!.message).toMatch(SENTENCE);
  checkSums(ended);
  expect((await successful(one.run({ by: tomorrow }))).counts).toMatchObject({ sent: 60, accepted: 60, unsent: 40 });
});

/** Two mirrors of two segments of one folder to one list. */
const twoMirrors = async (more: Record<string, unknown> = {}) => {
  const one = await aCase({ segments: ['One'] });
  const other = await fixture.anExport(one.own.connection, {
    listId: one.own.listId,
    segments: ['Two'],
    mapping,
    canaryRows: 0,
    membership: 'mirror',
    ...more,
  });
  const write = (first: readonly Row[], second: readonly Row[]) => writeSegments(fixture, { One: first, Two: second }, one);
  return { ...one, other, write, runOther: (app = one.app) => runBy(fixture, app, other) };
};

describe('row 17: two mirrors on one list', () => {
  it('that run at the same time leave exactly those whom one of them has', async () => {
    const one = await twoMirrors();
    const all = goodRows(120);
    await one.write(all.slice(0, 80), all.slice(40));
    await successful(one.run());
    await successful(one.runOther());
    // each loses people that the other one has, and both lose some
    await one.write(all.slice(10, 70), all.slice(60, 115));
    const started = [await startOf(one), await startOf(one, one.other.id)];
    await fixture.pump(async () => (await Promise.all(started.map(({ id }) => fixture.ended(id)))).every(Boolean), { app: one.app });
    for (const { id } of started) await successful(fixture.services.runs.get(id, { signal: testSignal() }));
    // whom both lost in the same moment may be left to the next run, but nobody of the segments is missing
    expect(await one.members()).toEqual(expect.arrayContaining(emailsOf(all.slice(10, 115))));
    await successful(one.run());
    await successful(one.runOther());
    expect(await one.members()).toEqual(emailsOf(all.slice(10, 115)));
  });

  it('of which the other one is sending a person right now: the person stays', async () => {
    const one = await twoMirrors();
    const [wanderer, ...first] = rows;
    await one.write(rows, goodRows(10, { from: 900 }));
    await successful(one.run());
    await successful(one.runOther());

    await one.write(first, [...goodRows(10, { from: 900 }), wanderer!]);
    await one.fault(POST_JOB, { kind: 'job_delay', ms: 3_000 });
    const sending = await startOf(one, one.other.id);
    await fixture.pump(async () => (await documentOf(sending)).settle !== undefined, { app: one.app });
    expect((await successful(one.run())).counts).toMatchObject({ removed: 0 });
    await successful(endOf(sending, one.app));
    expect(await one.members()).toContain(wanderer!.email);
    // the last one to lose the person removes it
    await one.write(first, goodRows(10, { from: 900 }));
    expect((await successful(one.runOther())).counts).toMatchObject({ removed: 1 });
    expect(await one.members()).not.toContain(wanderer!.email);
  });

  it('of which the other one sends a person between our look at its plans and our delete: the person stays', async () => {
    const one = await twoMirrors();
    const [wanderer, ...first] = rows;
    await one.write(rows, goodRows(10, { from: 900 }));
    await successful(one.run());
    await successful(one.runOther());

    await one.write(first, goodRows(10, { from: 900 }));
    await one.fault(LOOK_UP, { kind: 'slow_body', ms: 4_000 });
    const removing = await startOf(one);
    const removed = fixture.pump(() => fixture.ended(removing.id), { app: one.app });
    while ((await documentOf(removing)).remove?.attempted !== 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await one.write(first, [...goodRows(10, { from: 900 }), wanderer!]);
    const sending = await startOf(one, one.other.id);
    // the pump of the test hands out several messages at a time only when they come together: this is another instance
    await Promise.all([removed, fixture.pump(() => fixture.ended(sending.id), { app: anew(one) })]);
    await successful(fixture.services.runs.get(removing.id, { signal: testSignal() }));
    await successful(fixture.services.runs.get(sending.id, { signal: testSignal() }));
    expect(await one.members()).toContain(wanderer!.email);
  });

  it('of which the other one has changed its list while its run goes on: the run’s people stay', async () => {
    const one = await twoMirrors();
    const [wanderer, ...first] = rows;
    await one.write(rows, [...goodRows(10, { from: 900 }), wanderer!]);
    await successful(one.run());
    await one.fault(POST_JOB, { kind: 'job_delay', ms: 3_000 });
    const sending = await startOf(one, one.other.id);
    await fixture.pump(async () => (await documentOf(sending)).settle !== undefined, { app: one.app });
    await change(one.other, { listId: 'ELSEWH' });
    await one.write(first, [...goodRows(10, { from: 900 }), wanderer!]);
    expect((await successful(one.run())).counts).toMatchObject({ removed: 0 });
    await endOf(sending, one.app);
    expect(await one.members()).toContain(wanderer!.email);
  });
});

/** Blobs of a member state: the state itself, and its addresses. */
const stateBlobs = async (exportId: ExportId): Promise<{ state: string; emails: string }> => {
  const { stateGeneration } = await fixture.services.activities.get(exportId, { signal: testSignal() });
  const state = `${exportId}/${String(stateGeneration).padStart(10, '0')}`;
  return { state, emails: `${state}.emails` };
};
const blobs = () => fixture.services.containers.state;
const bodyOf = async (name: string): Promise<Buffer> => (await blobs().find(name, { signal: testSignal() }))!.body;

describe('row 18: the state of another export to the list', () => {
  it.each<[string, (exportId: ExportId) => Promise<unknown>]>([
    ['is missing', async (id) => blobs().remove((await stateBlobs(id)).state, { signal: testSignal() })],
    [
      'is cut short',
      async (id) => {
        const { state } = await stateBlobs(id);
        await blobs().write(state, (await bodyOf(state)).subarray(0, -20), { signal: testSignal() });
      },
    ],
    [
      'is of a newer version',
      async (id) => {
        const { state } = await stateBlobs(id);
        const newer = Buffer.from(await bodyOf(state));
        newer.write('CIKMEM03');
        await blobs().write(state, newer, { signal: testSignal() });
      },
    ],
  ])('%s: nobody is removed', async (_, spoil) => {
    const one = await twoMirrors();
    await one.write(rows, rows.slice(0, 3));
    await successful(one.run());
    await successful(one.runOther());
    await spoil(one.other.id);
    await one.write(rows.slice(5), rows.slice(0, 3));
    const run = await successful(one.run());
    expect(run.counts).toMatchObject({ removed: 0, held: 5 });
    expectWarning(run, 'removals_postponed');
    expect(await one.members()).toEqual(emailsOf(rows));
    // once it can be read again, those that nobody holds go
    await successful(one.runOther());
    expect((await successful(one.run())).counts).toMatchObject({ removed: 2 });
    expect(await one.members()).toEqual(emailsOf([...rows.slice(0, 3), ...rows.slice(5)]));
  });

  it('cannot be told, as its own row is of a newer version: nobody is removed', async () => {
    const one = await twoMirrors();
    await one.write(rows, rows.slice(0, 3));
    await successful(one.run());
    await successful(one.runOther());
    const { exports: table } = fixture.services.tables;
    const { document } = await table.getEntity<{ document: string }>('export', one.other.id);
    const write = (text: string) => table.updateEntity({ partitionKey: 'export', rowKey: one.other.id, document: text }, 'Replace');
    await write(JSON.stringify({ ...(JSON.parse(document) as object), membership: 'newer' }));
    await one.write(rows.slice(5), rows.slice(0, 3));
    const run = await successful(one.run());
    await write(document);
    expect(run.counts).toMatchObject({ removed: 0, held: 5 });
    expectWarning(run, 'removals_postponed');
    expect(await one.members()).toEqual(emailsOf(rows));
    expect((await successful(one.run())).counts).toMatchObject({ removed: 2 });
  });
});

describe('row 19: Klaviyo answers with people that were not asked for', () => {
  it.each([
    ['as it ignores the filter', [LOOK_UP, LOOK_UP_IDS, 'GET /api/profiles'], { kind: 'filter_ignored' }],
    ['as strangers are among them', [LOOK_UP, LOOK_UP_IDS], { kind: 'strangers_in_page', strangers: 2 }],
  ])('%s: nobody is removed', async (_, endpoints, kind) => {
    const one = await aCase({ write: goodRows(110) });
    await successful(one.run());
    await one.write(rows);
    // ten people of the account are no longer on the list
    expect((await successful(one.run())).counts).toMatchObject({ removed: 10 });
    await one.write(rows.slice(5));
    for (const endpoint of endpoints) await one.fault(endpoint, kind, { count: 99 });
    const run = await successful(one.run());
    expect(run.counts).toMatchObject({ removed: 0, held: 5 });
    expectWarning(run, 'removals_postponed');
    expect(await one.members()).toEqual(emailsOf(rows));
  });
});

describe('rows 21 and 40: what earlier runs sent cannot be compared any more: everybody is sent, nobody removed', () => {
  const newHashKey = () => fixture.services.secrets.set('member-state-key', randomBytes(32).toString('base64'), { signal: testSignal() });

  it('when the hash key is another one', async () => {
    const one = await aCase();
    await successful(one.run());
    await newHashKey();
    await one.write(rows.slice(5));
    const app = anew(one);
    const run = await successful(one.run({ by: app }));
    expect(run.counts).toMatchObject({ sent: 95, unchanged: 0, removed: 0 });
    expectWarning(run, 'state_key_changed');
    expect(await one.members()).toEqual(emailsOf(rows));
    expect((await successful(one.run({ by: app }))).counts).toMatchObject({ sent: 0, unchanged: 95 });
  });

  it('when the hash key is another one, and another export to the list has not run since', async () => {
    const one = await twoMirrors();
    await one.write(rows, rows.slice(0, 3));
    await successful(one.run());
    await successful(one.runOther());
    await newHashKey();
    const app = anew(one);
    await successful(one.run({ by: app }));
    await one.write(rows.slice(5), rows.slice(0, 3));
    const run = await successful(one.run({ by: app }));
    expect(run.counts).toMatchObject({ removed: 0 });
    expectWarning(run, 'removals_postponed');
    expect(await one.members()).toEqual(emailsOf(rows));
    await successful(one.runOther(app));
    await successful(one.run({ by: app }));
    expect(await one.members()).toEqual(emailsOf([...rows.slice(0, 3), ...rows.slice(5)]));
  });

  it('when the export goes to another list: the former one stays as it is', async () => {
    const one = await aCase();
    await successful(one.run());
    const next = await ownAccount(fixture);
    await change(one.segmentExport, { connectionId: next.connection.id, listId: next.listId });
    await one.write(rows.slice(5));
    const run = await successful(one.run());
    expect(run.counts).toMatchObject({ sent: 95, unchanged: 0, removed: 0 });
    expectWarning(run, 'list_changed');
    expect(await one.members()).toEqual(emailsOf(rows));
    expect(await fixture.members(next.listId, next.accountId)).toEqual(emailsOf(rows.slice(5)));
  });

  it('when it becomes a mirror: who left before stays, who leaves from now on goes', async () => {
    const one = await aCase({ membership: 'add' });
    await successful(one.run());
    await one.write(rows.slice(5));
    await change(one.segmentExport, { membership: 'mirror' });
    expect((await successful(one.run())).counts).toMatchObject({ sent: 95, removed: 0 });
    await one.write(rows.slice(10));
    expect((await successful(one.run())).counts).toMatchObject({ removed: 5 });
    expect(await one.members()).toEqual(emailsOf([...rows.slice(0, 5), ...rows.slice(10)]));
  });

  it('when the mapping is another one: everybody is sent, and who left is still known', async () => {
    const one = await aCase();
    await successful(one.run());
    await change(one.segmentExport, { mapping: { email: 'EMail' } });
    await one.write(rows.slice(5));
    expect((await successful(one.run())).counts).toMatchObject({ sent: 95, removed: 5 });
    expect(await one.members()).toEqual(emailsOf(rows.slice(5)));
  });
});

describe('row 22: a state that was restored from a backup', () => {
  it('is older than the export knows: everybody is sent, nobody removed', async () => {
    const one = await aCase();
    await successful(one.run());
    const old = await stateBlobs(one.segmentExport.id);
    const [state, emails] = [await bodyOf(old.state), await bodyOf(old.emails)];
    await one.write(rows.slice(5));
    expect((await successful(one.run())).counts).toMatchObject({ removed: 5 });
    const now = await stateBlobs(one.segmentExport.id);
    await blobs().write(now.state, state, { signal: testSignal() });
    await blobs().write(now.emails, emails, { signal: testSignal() });
    await one.write(rows.slice(10));
    const run = await successful(one.run());
    expect(run.counts).toMatchObject({ sent: 90, unchanged: 0, removed: 0 });
    expectWarning(run, 'state_unreadable');
    expect(await one.members()).toEqual(emailsOf(rows.slice(5)));
  });
});

describe('row 23: the addresses beside a state', () => {
  const spoilt: [string, (name: string) => Promise<unknown>][] = [
    ['are missing', (name) => blobs().remove(name, { signal: testSignal() })],
    [
      'are fewer',
      async (name) => {
        const lines = gunzipSync(await bodyOf(name))
          .toString('latin1')
          .split('\n')
          .slice(0, 90);
        await blobs().write(name, gzipSync(`${lines.join('\n')}\n`), { signal: testSignal() });
      },
    ],
    [
      'are those of another time',
      async (name) => {
        const lines = gunzipSync(await bodyOf(name))
          .toString('latin1')
          .trimEnd()
          .split('\n')
          .reverse();
        await blobs().write(name, gzipSync(`${lines.join('\n')}\n`), { signal: testSignal() });
      },
    ],
  ];
  it.each(spoilt)('%s: everybody is sent, nobody removed', async (_, spoil) => {
    const one = await aCase();
    await successful(one.run());
    await spoil((await stateBlobs(one.segmentExport.id)).emails);
    await one.write([...rows.slice(5), ...goodRows(5, { from: 700 })]);
    const run = await successful(one.run());
    expect(run.counts).toMatchObject({ sent: 100, removed: 0 });
    expectWarning(run, 'state_unreadable');
    expect(await one.members()).toEqual(emailsOf([...rows, ...goodRows(5, { from: 700 })]));
    // and the next one knows its people again
    await one.write([...rows.slice(10), ...goodRows(5, { from: 700 })]);
    expect((await successful(one.run())).counts).toMatchObject({ removed: 5 });
    expect(await one.members()).toEqual(emailsOf([...rows.slice(0, 5), ...rows.slice(10), ...goodRows(5, { from: 700 })]));
  });

  it.each(spoilt.filter(([how]) => how !== 'are fewer'))(
    '%s, and the run fails in its middle: the next one takes nobody of the source off the list',
    async (_, spoil) => {
      const one = await aCase({ canaryRows: 20 });
      await successful(one.run());
      await spoil((await stateBlobs(one.segmentExport.id)).emails);
      const next = [...goodRows(30, { from: 700 }), ...rows.slice(5)];
      await one.write(next);
      await one.fault(POST_JOB, { kind: 'key_revoked' }, { after: 1 });
      expect((await one.run()).state).toBe('failed');
      await newKey(one.own);
      const last = next.slice(3);
      await one.write(last);
      await successful(one.run());
      expect(await one.members()).toEqual(expect.arrayContaining(emailsOf(last)));
      await successful(one.run());
      expect(await one.members()).toEqual(expect.arrayContaining(emailsOf(last)));
    },
  );
});

describe('row 25: a source', () => {
  it('that shrinks to nothing empties no list, and its removals wait for a word', async () => {
    const one = await aCase();
    await successful(one.run());
    await one.write([]);
    const run = await successful(one.run());
    expect(run).toMatchObject({ heldState: 'waiting', counts: { read: 0, sent: 0, removed: 0, held: 100 } });
    expectWarning(run, 'source_empty');
    expectWarning(run, 'removals_held');
    expect(await one.members()).toEqual(emailsOf(rows));

    const { id } = await one.app.runs.approveRemovals(run.id, { upTo: 100, by: 't', signal: testSignal() });
    const approved = await successful(endOf({ id }, one.app));
    expect(approved.counts).toMatchObject({ read: 0, removed: 100 });
    expect(await one.members()).toEqual([]);
    // and the export goes on
    await one.write(rows);
    await successful(one.run());
    expect(await one.members()).toEqual(emailsOf(rows));
  });

  it('X5 that is being updated when the export starts is waited for, and then the export runs with it', async () => {
    const one = await aCase();
    await successful(one.run());
    const quiet = { SOURCE_QUIET_SECONDS: '300' };
    await one.write(rows.slice(50));
    const waiting = appFor(fixture, one.folder, quiet);
    apps.push(waiting);
    const started = await startOf(one, one.segmentExport.id, waiting);
    await fixture.pump(async () => (await documentOf(started)).waitingSince !== undefined, { app: waiting });
    expect((await documentOf(started)).run).toMatchObject({ counts: { read: 0, sent: 0 } });
    await fixture.queue.clearMessages();
    // it has been at rest for long enough
    await fixture.services.queues.exportRuns.send(
      { exportId: started.exportId, runId: started.id, turn: (await documentOf(started)).turn + 1 },
      { signal: testSignal() },
    );
    const ended = await endOf(started, later(one, 400_000, quiet));
    expect(ended).toMatchObject({ state: 'successful', counts: { read: rows.length - 50, removed: 50 } });
    expect(await one.members()).toEqual(emailsOf(rows.slice(50)));
  });

  it('that is half-written is waited for, for an hour', async () => {
    const one = await aCase();
    await successful(one.run());
    const quiet = { SOURCE_QUIET_SECONDS: '300' };
    await one.write(rows.slice(50));
    const waiting = appFor(fixture, one.folder, quiet);
    apps.push(waiting);
    const started = await startOf(one, one.segmentExport.id, waiting);
    await fixture.pump(async () => (await documentOf(started)).waitingSince !== undefined, { app: waiting });
    expect(codesOf((await documentOf(started)).run)).toEqual(['waiting_for_source']);
    await fixture.queue.clearMessages();
    // somebody writes and writes
    const inAnHour = later(one, 3_700_000, { SOURCE_QUIET_SECONDS: '86400' });
    await fixture.services.queues.exportRuns.send(
      { exportId: started.exportId, runId: started.id, turn: (await documentOf(started)).turn + 1 },
      { signal: testSignal() },
    );
    const ended = await endOf(started, inAnHour);
    expect(ended).toMatchObject({ state: 'skipped', error: { code: 'snapshot_incomplete' }, counts: { sent: 0, removed: 0 } });
    expect(ended.error!.message).toMatch(SENTENCE);
    expect(await one.members()).toEqual(emailsOf(rows));
  });
});

it('row 27: 9.9 % a day does not bleed a list: the removals of seven days count together, and then no more', async () => {
  const all = goodRows(1_000);
  const one = await aCase({ write: all, guardCount: 50, guardShare: 0.1 });
  await successful(one.run());
  await one.write(all.slice(99));
  expect((await successful(one.run())).counts).toMatchObject({ removed: 99, held: 0 });
  await one.write(all.slice(188));
  const held = await successful(one.run({ by: later(one, DAY) }));
  expect(held.counts).toMatchObject({ removed: 0, held: 89 });
  expectWarning(held, 'removals_held');
  expect(await one.members()).toHaveLength(901);
  expect((await successful(one.run({ by: later(one, 8 * DAY) }))).counts).toMatchObject({ removed: 89, held: 0 });
});

describe('row 28: an approval', () => {
  const heldCase = async () => {
    const one = await aCase({ guardCount: 5, guardShare: 0.05 });
    await successful(one.run());
    await one.write(rows.slice(30));
    const held = await successful(one.run());
    expect(held.counts).toMatchObject({ held: 30, removed: 0 });
    return { ...one, held };
  };
  const approve = (one: Awaited<ReturnType<typeof heldCase>>, upTo = 30) =>
    one.app.runs.approveRemovals(one.held.id, { upTo, by: 't', signal: testSignal() });

  it('removes at most as many as were said, of those that were shown', async () => {
    const one = await heldCase();
    await expect(approve(one, 31)).rejects.toMatchObject({ code: 'above_held' });
    const { id } = await approve(one, 10);
    expect((await successful(endOf({ id }, one.app))).counts).toMatchObject({ removed: 10, sent: 0 });
    expect(await one.members()).toEqual(expect.arrayContaining(emailsOf(rows.slice(30))));
    expect(await one.members()).toHaveLength(90);
    await expect(approve(one)).rejects.toMatchObject({ code: 'not_last_run' });
  });

  it.each<[string, (one: Awaited<ReturnType<typeof aCase>>) => Promise<unknown>]>([
    ['the segment', (one) => one.write(rows.slice(40))],
    ['the list', (one) => change(one.segmentExport, { listId: 'ELSEWH' })],
    ['the field of the address', (one) => change(one.segmentExport, { mapping: { email: 'FirstName' } })],
  ])('is void once %s is another one: nobody is removed', async (_, spoil) => {
    const one = await heldCase();
    await spoil(one);
    let ended: Run | undefined;
    try {
      const { id } = await approve(one);
      ended = await endOf({ id }, one.app);
    } catch (error) {
      expect(error).toMatchObject({ code: 'changed_since' });
    }
    if (ended) expect(ended).toMatchObject({ state: 'failed', error: { code: 'changed_since' }, counts: { removed: 0 } });
    expect(await one.members()).toEqual(emailsOf(rows));
  });

  const down = () => new UpstreamError('storage', { code: 'storage_unavailable', message: 'Storage is away.', retryable: true });
  const dismiss = (one: Awaited<ReturnType<typeof heldCase>>) => one.app.runs.dismissRemovals(one.held.id, { signal: testSignal() });
  const heldStateOf = async (one: Awaited<ReturnType<typeof heldCase>>) => (await documentOf(one.held)).run.heldState;
  const activityOf = (one: Case) => one.app.activities.get(one.segmentExport.id, { signal: testSignal() });

  it('that meets a dismissal while it starts its run is refused, and nobody is removed', async () => {
    const one = await heldCase();
    const real = one.app.activities.update;
    const claims = jest.spyOn(one.app.activities, 'update').mockImplementationOnce(async (...args) => {
      expect(await dismiss(one)).toMatchObject({ heldState: 'dismissed' });
      return real(...args);
    });
    await expect(approve(one)).rejects.toMatchObject({ code: 'nothing_held' });
    claims.mockRestore();
    const after = await activityOf(one);
    expect([after.activeRunId, after.lastRunId, after.last!.held]).toEqual([undefined, one.held.id, 0]);
    expect(await one.members()).toEqual(emailsOf(rows));
    expect(await heldStateOf(one)).toBe('dismissed');
    // the next run finds them again
    expect((await successful(one.run())).counts).toMatchObject({ held: 30, removed: 0 });
  });

  it('and a dismissal at once: the one that comes first counts, and the other is told', async () => {
    for (let round = 0; round < 4; round += 1) {
      const one = await heldCase();
      const [approved, dismissed] = await Promise.allSettled(round % 2 === 0 ? [approve(one), dismiss(one)] : [dismiss(one), approve(one)]);
      const answers = round % 2 === 0 ? { approved, dismissed } : { approved: dismissed, dismissed: approved };
      const outcome = [answers.approved.status, answers.dismissed.status];
      expect([...outcome].sort()).toEqual(['fulfilled', 'rejected']);
      expect(await heldStateOf(one)).toBe(answers.approved.status === 'fulfilled' ? 'approved' : 'dismissed');
      if (answers.approved.status === 'fulfilled') await successful(endOf(answers.approved.value, one.app));
      expect(await one.members()).toHaveLength(answers.approved.status === 'fulfilled' ? 70 : 100);
    }
  });

  it('whose starter died after its word was written is carried out by the sweep', async () => {
    const one = await heldCase();
    const create = jest.spyOn(one.app.runStore, 'create').mockRejectedValueOnce(down());
    await expect(approve(one)).rejects.toMatchObject({ code: 'storage_unavailable' });
    create.mockRestore();
    expect(await heldStateOf(one)).toBe('approved');
    await expect(dismiss(one)).rejects.toMatchObject({ code: 'nothing_held' });
    const { activeRunId } = await activityOf(one);
    await later(one, 120_000).runs.sweep({ signal: testSignal() });
    expect((await successful(endOf({ id: activeRunId! }, one.app))).counts).toMatchObject({ removed: 30 });
    expect(await one.members()).toEqual(emailsOf(rows.slice(30)));
  });

  it('whose starter died before its word was written can be dismissed; then its run never begins', async () => {
    const one = await heldCase();
    const amend = jest.spyOn(one.app.runStore, 'amend').mockRejectedValueOnce(down());
    await expect(approve(one)).rejects.toMatchObject({ code: 'storage_unavailable' });
    amend.mockRestore();
    const { activeRunId } = await activityOf(one);
    expect(activeRunId).toBeDefined();
    // asked again meanwhile, it is not answered as if that run were its own
    await expect(approve(one)).rejects.toMatchObject({ code: 'run_active' });
    expect(await dismiss(one)).toMatchObject({ heldState: 'dismissed' });
    await later(one, 120_000).runs.sweep({ signal: testSignal() });
    expect((await activityOf(one)).activeRunId).toBeUndefined();
    expect(await one.app.runStore.find(activeRunId!, { signal: testSignal() })).toBeUndefined();
    expect(await one.members()).toEqual(emailsOf(rows));
  });

  it('is void when the segment changes between the approval and its run', async () => {
    const one = await heldCase();
    const { id } = await approve(one);
    await one.write(rows.slice(60));
    const ended = await endOf({ id }, one.app);
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'changed_since' }, counts: { removed: 0 } });
    expect(ended.error!.message).toMatch(SENTENCE);
    expect(await one.members()).toEqual(emailsOf(rows));
  });
});

it('row 39: a run goes on with the settings it began with; the next one has the new ones', async () => {
  const one = await aCase();
  await one.fault(POST_JOB, { kind: 'job_delay', ms: 1_500 });
  const started = await startOf(one);
  await fixture.pump(async () => (await documentOf(started)).wakeAt !== undefined, { app: one.app });
  const next = await ownAccount(fixture);
  await change(one.segmentExport, {
    connectionId: next.connection.id,
    listId: next.listId,
    segments: ['Vip'],
    mapping: { email: 'EMail' },
  });
  await successful(endOf(started, one.app));
  expect(await one.members()).toEqual(emailsOf(rows));
  expect(await fixture.members(next.listId, next.accountId)).toEqual([]);
  expect((await successful(one.run())).counts).toMatchObject({ sent: 100, removed: 0 });
  expect(await fixture.members(next.listId, next.accountId)).toEqual(emailsOf(rows));
});

it('row 42: no address or name of a person is in the log, a message, a table, a run’s document or a blob’s name', async () => {
  const secret = 'Xanthippe';
  const people = rows.map((row, index) => ({ ...row, email: `${secret}.${index}@example.com`, firstName: secret }));
  const one = await aCase({ write: [...people, { id: 'c1', email: `${secret} no address`, firstName: secret }], canaryRows: 20 });
  const lower = secret.toLowerCase();
  await one.fault(POST_JOB, { kind: 'row_errors', emails: [`${lower}.3@example.com`] });
  await one.fault(POST_JOB, { kind: 'bad_row_admission', emails: [`${lower}.40@example.com`] }, { after: 1 });
  await successful(one.run());
  await one.write(people.slice(5));
  await one.fault(LOOK_UP, { kind: 'filter_ignored' }, { count: 99 });
  await successful(one.run());
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
  await one.write([...people.slice(10), { id: 'c1', email: `"${secret}@example.com`, firstName: secret }]);
  await one.run();
  await fixture.services.runMessages.receive(`{"exportId":"${secret}`, { messageId: 'm1', signal: testSignal() });

  const seen: [string, string][] = log.mock.calls.map(([line]) => ['log', String(line)]);
  for (const [name, table] of Object.entries(fixture.services.tables))
    for await (const entity of table.listEntities()) seen.push([`table ${name}`, JSON.stringify(entity)]);
  for (const { messageText } of (await fixture.queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems)
    seen.push(['queue', messageText]);
  for (const container of Object.values(fixture.services.containers)) {
    for await (const { name } of container.list('', { signal: testSignal() })) {
      seen.push(['blob name', name]);
      if (/(run|stop)\.json$/.test(name)) seen.push([name, (await container.find(name, { signal: testSignal() }))!.body.toString()]);
    }
  }
  expect(seen.length).toBeGreaterThan(50);
  expect(seen.filter(([, text]) => text.toLowerCase().includes(lower)).map(([where]) => where)).toEqual([]);
  expect(await one.members()).toEqual(emailsOf(people.slice(10)));
});

it('bad input: a list that is deleted while people are removed from it ends the run with a sentence, and nobody is lost', async () => {
  const one = await aCase();
  await successful(one.run());
  await one.write(rows.slice(5));
  await one.fault(TAKE_OFF, { kind: 'list_deleted', listId: one.own.listId });
  const run = await one.run();
  expect(run).toMatchObject({ state: 'failed', counts: { removed: 0 } });
  expect(run.error!.message).toMatch(SENTENCE);
  expect(run.error!.message).toContain(one.own.listId);
});

it('bad input: a key that is revoked while people are removed ends the run with a sentence; the next one goes on', async () => {
  const one = await aCase();
  await successful(one.run());
  await one.write(rows.slice(5));
  await one.fault(TAKE_OFF, { kind: 'key_revoked' });
  const run = await one.run();
  expect(run).toMatchObject({ state: 'failed', error: { code: 'key_refused' }, counts: { removed: 0 } });
  expect(await one.members()).toEqual(emailsOf(rows));
  await newKey(one.own);
  expect((await successful(one.run())).counts).toMatchObject({ removed: 5 });
  expect(await one.members()).toEqual(emailsOf(rows.slice(5)));
});
