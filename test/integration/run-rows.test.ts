import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import {
  accountState,
  breakLease,
  checkLeftOver,
  checkSums,
  emailsOf,
  goodRows,
  ownCase,
  reportOf,
  runBy,
  writeRows,
} from '../support/run-cases';
import type { OwnAccount, Row } from '../support/run-cases';
import type { RunId } from '../../shared/ids';
import type { Services } from '../../shared/services';

const POST_JOB = 'POST /api/profile-bulk-import-jobs';

let fixture: RunnerFixture;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
}, 60_000);
afterAll(() => fixture.close());

const apps: Services[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
});

const rows = goodRows(300);

const aCase = async ({ write = rows, ...more }: { write?: readonly Row[] } & Record<string, unknown> = {}) => {
  const one = await ownCase(fixture, { write, more });
  apps.push(one.app);
  const fault = (endpoint: string, kind: object, how: object = {}) =>
    fixture.fault({ endpoint, account: one.own.accountId, fault: kind, ...how });
  return { ...one, fault };
};
const members = (own: OwnAccount) => fixture.members(own.listId, own.accountId);

describe('rows that Klaviyo refuses', () => {
  it('while it processes the job are reported with its text, and only they are sent again', async () => {
    const refused = ['person7@example.com', 'person200@example.com', 'person150@example.com'];
    const one = await aCase({ canaryRows: 100 });
    await one.fault(POST_JOB, { kind: 'row_errors', emails: refused }, { count: 99 });
    const first = await runBy(fixture, one.app, one.segmentExport);
    expect(first.state).toBe('successful');
    expect(checkSums(first)).toMatchObject({ sent: 300, accepted: 297, rejected: 3, expected: 297, found: 297 });
    expect(first.warnings.map(({ code }) => code)).toContain('rows_rejected');
    const report = await reportOf(fixture, first, 'rejected');
    expect(report.map((cells) => cells.slice(0, 6)).sort()).toEqual(
      [7, 150, 200].map((id) => [`c${id}`, `person${id}@example.com`, 'Vip', 'rejected', 'invalid', 'Refused by the fault plan.']).sort(),
    );
    expect(first.rejectedByReason).toEqual({ invalid: 3 });
    const look = (wanted: object) => one.app.runs.lookAtRows(first.id, { stage: 'rejected', size: 2, signal: testSignal(), ...wanted });
    expect(await look({})).toMatchObject({ rows: [{ code: 'invalid' }, { code: 'invalid' }], more: true });
    expect(await look({ email: ' Person150@Example.com' })).toMatchObject({ rows: [{ customerId: 'c150' }], more: false });
    expect(await look({ email: 'person15@example.com' })).toEqual({ rows: [], more: false });
    expect(await look({ code: 'refused' })).toEqual({ rows: [], more: false });
    expect(await members(one.own)).toEqual(emailsOf(rows.filter(({ email }) => !refused.includes(email))));

    // the source comes in another order, two people changed: the state must still know whom Klaviyo refused
    await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    const changed = [...rows].reverse().map((row) => (row.id === 'c3' || row.id === 'c201' ? { ...row, firstName: 'Grace' } : row));
    await writeRows(fixture, changed, one);
    await one.fault(POST_JOB, { kind: 'row_errors', emails: ['person3@example.com'] });
    const second = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(second)).toMatchObject({ sent: 5, accepted: 4, rejected: 1, unchanged: 295 });

    const third = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(third)).toMatchObject({ sent: 1, accepted: 1, unchanged: 299 });
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });

  it('without saying which are counted, and their whole batch is sent again', async () => {
    const one = await aCase({ canaryRows: 100 });
    await one.fault(POST_JOB, { kind: 'row_errors', emails: ['person150@example.com'], payloadNull: true }, { after: 1 });
    const first = await runBy(fixture, one.app, one.segmentExport);
    expect(first.state).toBe('successful');
    expect(checkSums(first)).toMatchObject({ accepted: 299, rejected: 1 });
    expect(await reportOf(fixture, first, 'rejected')).toHaveLength(1);
    const second = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(second)).toMatchObject({ sent: 200, unchanged: 100 });
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });

  it('at the admission are taken out, and the others of their batch arrive', async () => {
    const refused = ['person7@example.com', 'person200@example.com'];
    const one = await aCase();
    await one.fault(POST_JOB, { kind: 'bad_row_admission', emails: refused }, { count: 99 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run.state).toBe('successful');
    expect(checkSums(run)).toMatchObject({ sent: 300, accepted: 298, rejected: 2 });
    expect((await reportOf(fixture, run, 'rejected')).map(([id, email]) => [id, email]).sort()).toEqual([
      ['c200', 'person200@example.com'],
      ['c7', 'person7@example.com'],
    ]);
    expect(await members(one.own)).toHaveLength(298);
    await checkLeftOver(fixture, run);
  });

  it('all of them make the run fail with their reason', async () => {
    const one = await aCase();
    await one.fault(POST_JOB, { kind: 'row_errors', probability: 1 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'all_rejected' } });
    expect(checkSums(run)).toMatchObject({ sent: 300, rejected: 300 });
    expect(await reportOf(fixture, run, 'rejected')).toHaveLength(300);
    await checkLeftOver(fixture, run);
    expect((await runBy(fixture, one.app, one.segmentExport)).counts).toMatchObject({ sent: 300, accepted: 300 });
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });

  it('because their job was cancelled are rejected, and sent again', async () => {
    const one = await aCase({ canaryRows: 100 });
    await one.fault(POST_JOB, { kind: 'job_cancelled', afterRows: 50 }, { after: 1 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run.state).toBe('successful');
    expect(checkSums(run)).toMatchObject({ sent: 300, accepted: 100, rejected: 200 });
    const report = await reportOf(fixture, run, 'rejected');
    expect(report).toHaveLength(200);
    expect(new Set(report.map((cells) => cells[4]))).toEqual(new Set(['job_cancelled']));
    expect((await runBy(fixture, one.app, one.segmentExport)).counts).toMatchObject({ sent: 200, accepted: 200, unchanged: 100 });
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });
});

describe('a row that we refuse', () => {
  it.each([
    ['too large to be sent', { firstName: 'x'.repeat(100_001) }],
    ['too large as JSON', { firstName: '\u0001'.repeat(30_000) }],
  ])('because it is %s does not take its person off the list of a mirror', async (_, change) => {
    const one = await aCase({ membership: 'mirror' });
    expect((await runBy(fixture, one.app, one.segmentExport)).state).toBe('successful');
    await writeRows(fixture, [{ ...rows[0]!, ...change }, ...rows.slice(1)], one);
    const next = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(next)).toMatchObject({ invalid: 1, unchanged: 299, removed: 0, held: 0 });
    expect(next.invalidByReason).toEqual({ profile_too_large: 1 });
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });
});

describe('a run that is cancelled', () => {
  it('while its job is under way says what is open, and the next run leaves those people alone', async () => {
    const one = await aCase({ canaryRows: 100 });
    await one.fault(POST_JOB, { kind: 'job_stuck', afterRows: 20 }, { after: 1 });
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    const settling = async () => {
      const { document } = (await fixture.services.runStore.find(run.id, { signal: testSignal() }))!;
      return document.run.phase === 'settle' && document.wakeAt !== undefined;
    };
    await fixture.pump(settling, { app: one.app });
    await one.app.runs.cancel(run.id, { by: 'tester', signal: testSignal() });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended.state).toBe('canceled');
    expect(checkSums(ended)).toMatchObject({ sent: 300, accepted: 100, open: 200 });
    expect(ended.error).toMatchObject({
      code: 'canceled',
      message: expect.stringMatching(/^The run was cancelled by tester, after 300 rows had been sent \(100 /) as unknown,
    });
    await fixture.pump(async () => ((await fixture.queue.getProperties()).approximateMessagesCount ?? 0) === 0, { app: one.app });
    await checkLeftOver(fixture, ended);

    const next = await runBy(fixture, one.app, one.segmentExport);
    // the canary's people have an empty hash after a run that was cancelled; those of the open job wait for it
    expect(checkSums(next)).toMatchObject({ sent: 100, accepted: 100, unsent: 200, rejected: 0 });
  });

  it('before it began sends nobody', async () => {
    const one = await aCase();
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await one.app.runs.cancel(run.id, { by: 'tester', signal: testSignal() });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended.state).toBe('canceled');
    expect(checkSums(ended)).toMatchObject({ sent: 0 });
    expect(ended.error?.message).toBe('The run was cancelled by tester, before anything was sent.');
    expect(await accountState(fixture, one.own.accountId)).toMatchObject({ jobs: 0 });
    await expect(one.app.runs.cancel(run.id, { by: 'tester', signal: testSignal() })).rejects.toMatchObject({ code: 'run_ended' });
  });
});

describe('a batch whose answer was lost', () => {
  const start = async (one: Awaited<ReturnType<typeof aCase>>) =>
    (
      await one.app.runs.start(
        { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
        { signal: testSignal() },
      )
    ).run;

  /** The run failed with the second batch on the list unheard of: its people are open, and known to the state. */
  const expectKnown = async (one: Awaited<ReturnType<typeof aCase>>, runId: RunId): Promise<void> => {
    await fixture.pump(() => fixture.ended(runId), { app: one.app });
    const ended = await fixture.services.runs.get(runId, { signal: testSignal() });
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'key_refused' } });
    expect(checkSums(ended)).toMatchObject({ sent: 300, accepted: 100, open: 200 });
    expect(await members(one.own)).toHaveLength(300);

    // when they leave the segment, the mirror takes them off the list
    await fixture.services.secrets.set(one.own.connection.secretName, `${one.own.apiKey}_all`, { signal: testSignal() });
    await writeRows(fixture, rows.slice(0, 290), one);
    const next = await runBy(fixture, one.app, one.segmentExport);
    expect(next).toMatchObject({ state: 'successful' });
    expect(checkSums(next)).toMatchObject({ removed: 10 });
    expect(await members(one.own)).toEqual(emailsOf(rows.slice(0, 290)));
  };

  it('counts as posted, also when Klaviyo refuses its second try', async () => {
    const one = await aCase({ canaryRows: 100, membership: 'mirror' });
    await one.fault(POST_JOB, { kind: 'reset_after_admission' }, { after: 1 });
    await one.fault(POST_JOB, { kind: 'key_revoked' }, { after: 2 });
    await expectKnown(one, (await start(one)).id);
  });

  it('counts as posted, also when its runner died and Klaviyo refuses the next one', async () => {
    const one = await aCase({ canaryRows: 100, membership: 'mirror' });
    await one.fault(POST_JOB, { kind: 'slow_body', ms: 4_000 }, { after: 1 });
    const run = await start(one);
    const death = new AbortController();
    const first = one.app.advanceRun({ exportId: run.exportId, runId: run.id, turn: 1 }, { signal: death.signal });
    while ((await accountState(fixture, one.own.accountId)).jobs < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    death.abort(new Error('the process ends'));
    await first;
    await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    await one.fault(POST_JOB, { kind: 'key_revoked' });
    // as if the lease had run out and the guard's message had appeared
    await breakLease(fixture, run.id);
    await fixture.services.queues.exportRuns.send({ exportId: run.exportId, runId: run.id, turn: 2 }, { signal: testSignal() });
    await expectKnown(one, run.id);
  });
});

describe('rows whose address another row has', () => {
  const hex = (digit: string): string => digit.repeat(32);
  const row = (id: string, email: string, firstName: string): Row => ({ id, email, firstName });

  it('are reported with the customer whose row was taken, whatever was found when', async () => {
    const shared = [
      row(hex('b'), 'ada@example.com', 'Second'),
      row(hex('a'), 'ADA@example.com', 'First'),
      row(hex('a'), 'ada@example.com ', 'Again'),
      row('plain-2', 'bob@example.com', 'Bob'),
      row('plain-1', 'Bob@example.com', 'Robert'),
    ];
    const one = await aCase({ write: [...rows, ...shared], canaryRows: 0 });
    const first = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(first)).toMatchObject({ read: 305, duplicates: 3, sent: 302 });
    const told = async (run: typeof first) =>
      (await reportOf(fixture, run, 'duplicates'))
        .map(([customer, email, , , code, detail]) => [customer, email!.trim(), code, detail])
        .sort();
    // an address that is new: the row that is read first is taken
    expect(await told(first)).toEqual([
      [hex('a'), 'ADA@example.com', 'duplicate', `customer ${hex('b')}`],
      [hex('a'), 'ada@example.com', 'duplicate', `customer ${hex('b')}`],
      ['plain-1', 'Bob@example.com', 'duplicate', 'customer plain-2'],
    ]);

    // from then on the smaller id wins where nothing that Klaviyo has would be kept
    const changed = shared.map((each) => ({ ...each, firstName: `${each.firstName} anew` }));
    await writeRows(fixture, [...rows, ...changed], { folder: one.folder });
    const second = await runBy(fixture, one.app, one.segmentExport);
    expect(checkSums(second)).toMatchObject({ read: 305, duplicates: 3, unchanged: 300, sent: 2 });
    expect(await told(second)).toEqual([
      [hex('a'), 'ada@example.com', 'duplicate', 'another row of the same customer'],
      [hex('b'), 'ada@example.com', 'duplicate', `customer ${hex('a')}`],
      ['plain-2', 'bob@example.com', 'duplicate', 'customer plain-1'],
    ]);
  });

  it('are taken out of the report with a person who is erased', async () => {
    const one = await aCase({ write: [...rows, row('c900', 'Person5@example.com', 'Twin')], canaryRows: 0 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(await reportOf(fixture, run, 'duplicates')).toHaveLength(1);
    const erasure = await fixture.services.erasures.request(
      { email: 'person5@example.com', removeFromLists: false },
      {
        caller: { id: 'admin', name: 'Admin', role: 'Administrator', application: false },
        record: async () => undefined,
        signal: testSignal(),
      },
    );
    for (let tick = 0; tick < 40; tick += 1) {
      await fixture.services.erasures.tick({ signal: testSignal() });
      if ((await fixture.services.erasures.get(erasure.id, { signal: testSignal() })).state === 'done') break;
    }
    expect(await reportOf(fixture, run, 'duplicates')).toEqual([]);
  });
});
