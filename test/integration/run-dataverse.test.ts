import { type DataverseStandIn, startDataverse } from '../../infra/local/dataverse/server';
import type { Export } from '../../shared/exports/export';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { ownAccount } from '../support/run-cases';

/** Whole runs whose segments stand in Dataverse. */
let dataverse: DataverseStandIn;
let fixture: RunnerFixture;
const people = { segments: [{ name: 'Vip', rows: 400 }], seed: 7, churn: { joiners: 0.05, changed: 0.1, leavers: 0.05 } };
const mapping = { email: 'msdynci_email', firstName: 'msdynci_firstname', properties: [{ field: 'msdynci_totalspend', name: 'spent' }] };

beforeAll(async () => {
  dataverse = await startDataverse({ ...people, limits: 'none', execution: { baseMs: 0, rowMs: 0 }, maxPageRows: 150 });
  fixture = await startRunnerFixture({
    sandbox: { limits: false, processing: 'instant' },
    env: { SOURCE_KIND: 'dataverse', DATAVERSE_URL: dataverse.url },
  });
}, 60_000);
afterAll(async () => {
  await fixture.close();
  await dataverse.close();
});

/** An export with a list of its own, after its first run. */
const started = async (more: Partial<Record<keyof Export, unknown>> = {}) => {
  dataverse.reload(people);
  const { connection, listId, accountId } = await ownAccount(fixture);
  const segmentExport = await fixture.anExport(connection, { listId, segments: ['Vip'], mapping, guardShare: 1, ...more });
  const first = await fixture.runToEnd(segmentExport.id);
  expect(first).toMatchObject({ state: 'successful' });
  return { id: segmentExport.id, first, members: () => fixture.members(listId, accountId) };
};

describe('a run from Dataverse', () => {
  it('brings every member with a usable address, and next time only who is new or changed', async () => {
    const { id, first, members } = await started();
    // of each hundred one address is bad and two come twice
    expect(first.counts).toMatchObject({ read: 400, invalid: 4, duplicates: 8, sent: 388, accepted: 388, found: 388 });
    expect(await members()).toHaveLength(388);

    expect((await fixture.runToEnd(id)).counts).toMatchObject({ read: 400, unchanged: 388, sent: 0 });
    dataverse.reload({ ...people, generation: 1 });
    const next = await fixture.runToEnd(id);
    expect(next.counts.sent).toBe(next.plan!.new + next.plan!.changed);
    expect(next.plan!.new).toBeGreaterThan(10);
    expect(next.plan!.changed).toBeGreaterThan(10);
    expect(await members()).toHaveLength(388 + next.plan!.new);
  });

  it('is not skipped by the schedule because the same people are in the segment: what their profiles hold may be new', async () => {
    const { id } = await started();
    dataverse.reload({ ...people, generation: 1, churn: { joiners: 0, leavers: 0, changed: 0.2 } });
    const next = await fixture.runToEnd(id, { trigger: { kind: 'schedule', by: 'system' } });
    expect(next).toMatchObject({ state: 'successful', plan: { new: 0, leavers: 0 } });
    expect(next.counts.sent).toBeGreaterThan(30);
  });

  it('of a mirror removes nobody while profiles are missing, says so, and removes who has left once they are all there', async () => {
    const { id, members } = await started({ membership: 'mirror' });
    dataverse.reload({ ...people, generation: 1, missingEvery: 8 });
    const half = await fixture.runToEnd(id);
    expect(half.state).toBe('successful');
    expect(half.invalidByReason.missing_profile).toBe(Math.floor(half.counts.read / 8));
    expect(half.counts.removed).toBe(0);
    expect(half.counts.held).toBeGreaterThan(0);
    expect(half.warnings.map(({ code }) => code)).toEqual(expect.arrayContaining(['profiles_missing', 'removals_held']));
    const rows = fixture.services.runs.rows(half.id, 'invalid', { signal: testSignal() });
    let csv = '';
    for await (const text of rows) csv += text;
    expect(csv.match(/missing_profile/g)).toHaveLength(half.invalidByReason.missing_profile!);

    dataverse.reload({ ...people, generation: 1 });
    const whole = await fixture.runToEnd(id);
    expect(whole.counts.removed).toBe(whole.plan!.leavers);
    expect(whole.counts.removed).toBeGreaterThan(5);
    expect(whole.counts.held).toBe(0);
    expect(new Set(await members()).size).toBe(whole.plan!.members);
  });

  it('goes on when Dataverse is away for a moment', async () => {
    const { id } = await started();
    dataverse.faults.add({ kind: 'status', status: 503, only: 'customerprofiles', times: 1 });
    const { run } = await fixture.services.runs.start(
      { exportId: id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await fixture.pump(() => fixture.ended(run.id));
    expect(await fixture.services.runs.get(run.id, { signal: testSignal() })).toMatchObject({ state: 'successful' });
  });

  it('fails with a sentence when the app may not read the tables', async () => {
    const { id } = await started();
    dataverse.mayRead = false;
    const failed = await fixture.runToEnd(id);
    dataverse.mayRead = true;
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'source_forbidden' } });
  });
});
