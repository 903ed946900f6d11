import { randomUUID } from 'node:crypto';
import { NewExport } from '../../shared/exports/export';
import type { Services } from '../../shared/services';
import { defaultLimits } from '../../shared/settings/limits';
import type { Limits } from '../../shared/settings/limits';
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
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

/** What bounds a run: customer-insights.md §1.6, and whose data goes where, §1.9. */

let fixture: RunnerFixture;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue();
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant', limits: false } });
}, 60_000);
afterAll(() => fixture.close());

const apps: Services[] = [];
const decide = async (limits: Partial<Limits>): Promise<void> => {
  const { etag } = await fixture.services.settings.getLimits({ signal: testSignal() });
  await fixture.services.settings.setLimits({ ...defaultLimits, ...limits }, { ifMatch: etag, signal: testSignal() });
};
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  await decide({});
});

const aCase = async (segments: Parameters<typeof writeSegments>[1], more: Record<string, unknown> = {}) => {
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture);
  await writeSegments(fixture, segments, { folder });
  const app = appFor(fixture, folder);
  apps.push(app);
  const fields = { listId: own.listId, segments: Object.keys(segments), mapping, canaryRows: 0, ...more };
  const segmentExport = await fixture.anExport(own.connection, fields);
  return { folder, own, app, segmentExport, members: () => fixture.members(own.listId, own.accountId) };
};

it('L1 segments only: an export names at least one, and there is no way to name a table instead', () => {
  const { segments: _, ...none } = { name: 'All', connectionId: 'con_00000000', listId: 'VIP001', mapping, segments: [] };
  expect(NewExport.safeParse(none).error?.issues.map(({ path }) => path)).toEqual([['segments']]);
  expect(NewExport.safeParse({ ...none, segments: [] }).error?.issues.map(({ path }) => path)).toEqual([['segments']]);
  expect(NewExport.safeParse({ ...none, segments: ['Vip'], tables: ['Customer'] }).error?.issues[0]).toMatchObject({ keys: ['tables'] });
});

it('L2 the limit is one per export, over all its segments, and counts each person once', async () => {
  // 300 people in two segments that share 100 of them, and some twice in one
  const segments = { Vip: [...goodRows(200), ...goodRows(20)], Loyal: goodRows(200, { from: 100 }) };
  const fits = await aCase(segments, { maxProfiles: 300 });
  expect(await runBy(fixture, fits.app, fits.segmentExport)).toMatchObject({ state: 'successful', counts: { read: 420, accepted: 300 } });
  const over = await aCase(segments, { maxProfiles: 299 });
  expect(await runBy(fixture, over.app, over.segmentExport)).toMatchObject({ state: 'failed', error: { code: 'cap_exceeded' } });
});

it('L4 over the limit nothing is sent, and the run says how many there are and how many may be', async () => {
  const one = await aCase({ Vip: goodRows(300) }, { maxProfiles: 250 });
  const run = await runBy(fixture, one.app, one.segmentExport);
  expect(run).toMatchObject({ state: 'failed', error: { code: 'cap_exceeded' }, counts: { sent: 0, unsent: 300 } });
  expect(run.error!.message).toMatch(/300.*250/);
  expect((await accountState(fixture, one.own.accountId)).jobs).toBe(0);
  checkSums(run);
});

describe('the administrators’ limits', () => {
  it('hold for an export that has none, from the next run on', async () => {
    const one = await aCase({ Vip: goodRows(300) });
    await decide({ maxProfiles: 250 });
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'failed', error: { code: 'cap_exceeded' } });
    await decide({ maxProfiles: 300, maxInvalidShare: 0.1 });
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful' });
    const bad = Array.from({ length: 51 }, (_, index) => ({ id: `b${index}`, email: `bad ${index}` }));
    await writeRows(fixture, [...goodRows(300), ...bad], one);
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'failed', error: { code: 'too_many_invalid' } });
    await decide({});
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful', counts: { invalid: 51 } });
  });

  it('cap an export that would have more, not one that wants less or guards itself otherwise', async () => {
    const more = await aCase({ Vip: goodRows(300) }, { maxProfiles: 1_000 });
    const less = await aCase({ Vip: goodRows(300) }, { maxProfiles: 100 });
    await decide({ maxProfiles: 200 });
    for (const { app, segmentExport } of [more, less]) {
      expect(await runBy(fixture, app, segmentExport)).toMatchObject({ error: { code: 'cap_exceeded' } });
    }
    await decide({ guardCount: 5, guardShare: 0.01 });
    const [guarded, own] = [
      await aCase({ Vip: goodRows(300) }, { membership: 'mirror' }),
      await aCase({ Vip: goodRows(300) }, { membership: 'mirror', guardCount: 500 }),
    ];
    for (const { app, segmentExport, folder } of [guarded, own]) {
      await runBy(fixture, app, segmentExport);
      await writeRows(fixture, goodRows(290), { folder });
    }
    expect((await runBy(fixture, guarded.app, guarded.segmentExport)).counts).toMatchObject({ held: 10, removed: 0 });
    expect((await runBy(fixture, own.app, own.segmentExport)).counts).toMatchObject({ held: 0, removed: 10 });
  });

  it('are frozen when a run begins', async () => {
    const one = await aCase({ Vip: goodRows(300) });
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await decide({ maxProfiles: 1 });
    await fixture.pump(() => fixture.ended(run.id), { app: one.app });
    expect(await fixture.services.runs.get(run.id, { signal: testSignal() })).toMatchObject({ state: 'successful' });
  });
});

describe('personal data', () => {
  it('P1 is sent for whom the segment names and nobody else: the customers’ consent is the segment’s rule, not the export’s', async () => {
    const consented = goodRows(100);
    const one = await aCase({ NewsletterConsent: consented, Everybody: goodRows(300) }, { segments: ['NewsletterConsent'] });
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful', counts: { read: 100 } });
    expect(await one.members()).toEqual(emailsOf(consented));
    // the administrator's agreement stands on the connection, and an export has no consent of its own to give
    expect(one.own.connection).toMatchObject({ agreedBy: 'tester', consentVersion: expect.any(String) as unknown });
    const fields = { name: 'x', connectionId: one.own.connection.id, listId: 'VIP001', segments: ['Vip'], mapping, agreed: true };
    expect(NewExport.safeParse(fields).error?.issues[0]).toMatchObject({ keys: ['agreed'] });
  });

  it('P2 subscribes nobody: no run calls anything of Klaviyo’s about subscriptions or consent', async () => {
    const one = await aCase({ Vip: goodRows(120) }, { membership: 'mirror', canaryRows: 50 });
    await runBy(fixture, one.app, one.segmentExport);
    await writeRows(fixture, goodRows(110), one);
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful', counts: { removed: 10 } });
    const calls = (await (await fetch(`${fixture.klaviyo.url}/_sandbox/log`)).json()) as {
      account: string;
      method: string;
      path: string;
    }[];
    const mine = calls.filter(({ account }) => account === one.own.accountId);
    expect(mine.map(({ method, path }) => `${method} ${path}`)).toContain('POST /api/profile-bulk-import-jobs');
    expect(mine.filter(({ path }) => /subscri|suppress|consent/.test(path))).toEqual([]);
  });

  it('P3 of a customer who was deleted in the source leaves a mirrored list with the next refresh', async () => {
    const one = await aCase({ Vip: goodRows(120) }, { membership: 'mirror' });
    await runBy(fixture, one.app, one.segmentExport);
    expect(await one.members()).toContain('person7@example.com');
    await writeRows(
      fixture,
      goodRows(120).filter(({ id }) => id !== 'c7'),
      one,
    );
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ counts: { removed: 1, held: 0 } });
    expect(await one.members()).toEqual(emailsOf(goodRows(120)).filter((email) => email !== 'person7@example.com'));
  });
});
