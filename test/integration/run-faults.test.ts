import { randomUUID } from 'node:crypto';
import { startRunnerFixture } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import {
  accountState,
  appFor,
  checkLeftOver,
  checkSums,
  emailsOf,
  goodRows,
  mapping,
  ownAccount,
  runBy,
  writeRows,
} from '../support/run-cases';
import type { OwnAccount, Row } from '../support/run-cases';
import type { Services } from '../../shared/services';

const POST_JOB = 'POST /api/profile-bulk-import-jobs';
const GET_JOBS = 'GET /api/profile-bulk-import-jobs';
const LOOK_UP = 'GET /api/lists/{id}/profiles';

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
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture);
  await writeRows(fixture, write, { folder });
  const app = appFor(fixture, folder);
  apps.push(app);
  const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: ['Vip'], mapping, canaryRows: 0, ...more });
  const fault = (endpoint: string, kind: object, how: object = {}) =>
    fixture.fault({ endpoint, account: own.accountId, fault: kind, ...how });
  return { folder, own, app, segmentExport, fault };
};
const members = (own: OwnAccount) => fixture.members(own.listId, own.accountId);

describe('a run goes on, and everybody arrives, when Klaviyo', () => {
  // name, endpoint, fault, how often, jobs that are made
  it.each<[string, string, object, object, number]>([
    ['asks to slow down before the job', POST_JOB, { kind: 'rate_limited', retryAfter: 1 }, { count: 2 }, 1],
    [
      'asks to slow down now and then, everywhere',
      '*',
      { kind: 'rate_limited', retryAfter: 1 },
      { probability: 0.3, count: 4, seed: 5 },
      1,
    ],
    ['answers 500', POST_JOB, { kind: 'error_500' }, { count: 2 }, 1],
    ['answers 503', POST_JOB, { kind: 'error_503' }, { count: 2 }, 1],
    ['is hidden behind a challenge of the edge', POST_JOB, { kind: 'html_403' }, {}, 1],
    ['is hidden behind a bad gateway', POST_JOB, { kind: 'html_502' }, {}, 1],
    ['closes the connection before it reads', POST_JOB, { kind: 'reset_before' }, {}, 1],
    ['closes the connection after it has made the job', POST_JOB, { kind: 'reset_after_admission' }, {}, 2],
    ['cuts its answer short after it has made the job', POST_JOB, { kind: 'truncated_json' }, {}, 2],
    ['answers drop by drop', POST_JOB, { kind: 'slow_body', ms: 700 }, {}, 1],
    ['answers 500 to a look at the jobs', GET_JOBS, { kind: 'error_500' }, { count: 2 }, 1],
    ['sends half a list of jobs', GET_JOBS, { kind: 'truncated_json' }, {}, 1],
    ['is hidden behind a page while the members are looked up', LOOK_UP, { kind: 'html_502' }, {}, 1],
    ['answers with what inflates to two hundred megabytes', GET_JOBS, { kind: 'gzip_bomb' }, {}, 1],
    ['does not take compressed bodies', POST_JOB, { kind: 'unsupported_encoding' }, { count: 99 }, 1],
    ['serves another revision', '*', { kind: 'revision_fell_forward' }, { count: 99 }, 1],
  ])('%s', async (_, endpoint, kind, how, jobs) => {
    const one = await aCase();
    await one.fault(endpoint, kind, how);
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run.error).toBeUndefined();
    expect(run.state).toBe('successful');
    expect(checkSums(run)).toMatchObject({ accepted: rows.length, rejected: 0, expected: rows.length, found: rows.length });
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(jobs);
    expect(await members(one.own)).toEqual(emailsOf(rows));
    await checkLeftOver(fixture, run);
    // nobody is sent again because of it
    if (jobs > 1) expect((await runBy(fixture, one.app, one.segmentExport)).counts).toMatchObject({ sent: 0, unchanged: rows.length });
  });

  it('says what happened: 429s are counted, compression and revision have a warning', async () => {
    const one = await aCase();
    await one.fault(POST_JOB, { kind: 'rate_limited', retryAfter: 1 });
    await one.fault(POST_JOB, { kind: 'unsupported_encoding' }, { after: 1 });
    await one.fault('*', { kind: 'revision_fell_forward', revision: '2027-01-15' }, { count: 99 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'successful', throttled: 1, servedRevision: '2027-01-15' });
    expect(run.warnings.map(({ code }) => code).sort()).toEqual(['revision_differs', 'sent_uncompressed']);
  });

  it('answers a storm of 429s: every second call of every kind, canary, removals and look-ups included', async () => {
    const one = await aCase({ membership: 'mirror', canaryRows: 50, guardCount: 1_000 });
    await one.fault('*', { kind: 'rate_limited', retryAfter: 1 }, { probability: 0.5, seed: 11 });
    const first = await runBy(fixture, one.app, one.segmentExport);
    expect(first).toMatchObject({ state: 'successful', counts: { accepted: rows.length, found: rows.length } });
    expect(first.throttled).toBeGreaterThan(1);
    await writeRows(fixture, rows.slice(40), one);
    const second = await runBy(fixture, one.app, one.segmentExport);
    expect(second).toMatchObject({ state: 'successful', counts: { sent: 0, removed: 40, held: 0 } });
    for (const run of [first, second]) checkSums(run);
    expect(await members(one.own)).toEqual(emailsOf(rows.slice(40)));
  });

  it('is away for longer than a call waits: the run hands over and comes back', async () => {
    const one = await aCase();
    await one.fault(POST_JOB, { kind: 'error_503' }, { count: 6 });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'successful', counts: { accepted: rows.length } });
    expect(run.warnings.map(({ code }) => code)).toContain('interrupted');
    expect(await members(one.own)).toEqual(emailsOf(rows));
    checkSums(run);
  });
});
