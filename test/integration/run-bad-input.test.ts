import { randomUUID } from 'node:crypto';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import {
  accountState,
  appFor,
  checkLeftOver,
  checkSums,
  csvOf,
  emailsOf,
  goodRows,
  mapping,
  modelOf,
  ownAccount,
  putSource,
  runBy,
  writeRows,
} from '../support/run-cases';
import type { OwnAccount, Row } from '../support/run-cases';
import type { Export } from '../../shared/exports/export';
import type { Services } from '../../shared/services';

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
/** words for a person: no class name, no JSON, no undefined, and it ends */
const SENTENCE = /^(?!.*(undefined|null|NaN|Error:|\{|\[object)).{20,}[.\w]$/s;

/** An export of a folder of its own to an account of its own. */
const aCase = async ({
  write = rows,
  account = {},
  ...more
}: { write?: readonly Row[]; account?: Parameters<typeof ownAccount>[1] } & Record<string, unknown> = {}) => {
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture, account);
  await writeRows(fixture, write, { folder });
  const app = appFor(fixture, folder);
  apps.push(app);
  const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: ['Vip'], mapping, canaryRows: 0, ...more });
  return { folder, own, app, segmentExport };
};

const members = (own: OwnAccount) => fixture.members(own.listId, own.accountId);
const change = async ({ id }: Export, fields: object): Promise<void> => {
  const { value, etag } = (await fixture.services.exportStore.find(id, { signal: testSignal() }))!;
  await fixture.services.exportStore.replace({ ...value, ...fields }, { ifMatch: etag, signal: testSignal() });
};
const newKey = (own: OwnAccount, key = `${own.apiKey}_all`) =>
  fixture.services.secrets.set(own.connection.secretName, key, { signal: testSignal() });

/** The run failed with one sentence and lost nothing: after the repair the next one brings everybody. */
const expectFailure = async (
  { own, app, segmentExport }: Awaited<ReturnType<typeof aCase>>,
  { code, says, sent = 0 }: { code: string; says: RegExp; sent?: number },
  repair: () => Promise<unknown>,
): Promise<void> => {
  const run = await runBy(fixture, app, segmentExport);
  expect(run).toMatchObject({ state: 'failed', error: { code } });
  expect(run.error!.message).toMatch(SENTENCE);
  expect(run.error!.message).toMatch(says);
  expect(run.warnings.map((warning) => warning.code)).not.toContain('rows_open');
  expect(checkSums(run)).toMatchObject({ sent, open: 0 });
  await checkLeftOver(fixture, run);
  expect(await members(own)).toHaveLength(sent);

  await repair();
  const next = await runBy(fixture, app, segmentExport);
  expect(next.error).toBeUndefined();
  expect(next.state).toBe('successful');
  checkSums(next);
  await checkLeftOver(fixture, next);
  expect(await members(own)).toEqual(expect.arrayContaining(emailsOf(rows)));
};

describe('a source that', () => {
  it.each<[string, string, RegExp, (folder: string) => Promise<unknown>, object?]>([
    [
      'is not there',
      'folder_missing',
      /folder/,
      async (folder) => {
        await fixture.source.deleteBlob(`${folder}/model.json`);
        await fixture.source.deleteBlob(`${folder}/Vip_1.csv`);
      },
    ],
    ['has no model.json', 'model_missing', /model\.json/, (folder) => fixture.source.deleteBlob(`${folder}/model.json`)],
    [
      'has half a model.json',
      'model_malformed',
      /model\.json/,
      (folder) => putSource(fixture, `${folder}/model.json`, modelOf(fixture, { folder }).slice(0, 300)),
    ],
    [
      'does not know the segment',
      'segment_unknown',
      /no segment Vip.*Other/,
      (folder) => writeRows(fixture, rows, { folder, segment: 'Other' }).then(() => undefined),
    ],
    ['names a file that is not there', 'partition_missing', /Vip_1\.csv/, (folder) => fixture.source.deleteBlob(`${folder}/Vip_1.csv`)],
    [
      'has a row wider than its header',
      'row_width',
      /Vip_1\.csv/,
      (folder) => putSource(fixture, `${folder}/Vip_1.csv`, `${csvOf(rows)}c1,ada@example.com,Ada,4,5\r\n`),
    ],
    [
      'ends inside quotes',
      'csv_malformed',
      /Vip_1\.csv/,
      (folder) => putSource(fixture, `${folder}/Vip_1.csv`, `${csvOf(rows)}c1,"ada@example.com`),
    ],
  ])('%s', async (_, code, says, spoil) => {
    const one = await aCase();
    await spoil(one.folder);
    await expectFailure(one, { code, says }, () => writeRows(fixture, rows, { folder: one.folder }));
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(1);
  });

  it('has no such field', async () => {
    const one = await aCase({ mapping: { ...mapping, lastName: 'Surname' } });
    await expectFailure(one, { code: 'field_unknown', says: /no field Surname.*EMail/ }, () => change(one.segmentExport, { mapping }));
  });

  it('is empty: the run is successful, says so, and removes nobody', async () => {
    const one = await aCase();
    await runBy(fixture, one.app, one.segmentExport);
    for (const membership of ['add', 'mirror']) {
      await writeRows(fixture, [], one);
      await change(one.segmentExport, { membership });
      const run = await runBy(fixture, one.app, one.segmentExport);
      expect(run).toMatchObject({ state: 'successful', counts: { read: 0, sent: 0, removed: 0 } });
      expect(run.warnings).toContainEqual({ code: 'source_empty', message: expect.stringMatching(SENTENCE) as unknown });
      checkSums(run);
      await checkLeftOver(fixture, run);
      expect(await members(one.own)).toHaveLength(rows.length);
    }
    await writeRows(fixture, rows, one);
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful', counts: { removed: 0 } });
  });
});

describe('a plan that', () => {
  it('has more people than the export may send', async () => {
    const one = await aCase({ maxProfiles: 250 });
    await expectFailure(one, { code: 'cap_exceeded', says: /300.*250/ }, () => change(one.segmentExport, { maxProfiles: 300 }));
    expect((await accountState(fixture, one.own.accountId)).jobs).toBe(1);
  });

  const bad = (count: number): Row[] => Array.from({ length: count }, (_, index) => ({ id: `b${index}`, email: `bad ${index}` }));
  it('has too many rows without an address', async () => {
    const one = await aCase({ write: [...goodRows(150), ...bad(80)] });
    await expectFailure(one, { code: 'too_many_invalid', says: /80 of 230.*20 %/ }, () => writeRows(fixture, rows, one));
  });

  it.each([
    ['few rows', 40, 49],
    ['a share below the limit', 300, 70],
  ])('has invalid rows, but %s, is carried out without them', async (_, good, invalid) => {
    const one = await aCase({ write: [...goodRows(good), ...bad(invalid)] });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'successful', counts: { invalid, accepted: good }, invalidByReason: { email_invalid: invalid } });
    checkSums(run);
    expect(await members(one.own)).toEqual(emailsOf(goodRows(good)));
  });
});

describe('a key that', () => {
  it('Klaviyo refuses', async () => {
    const one = await aCase({ account: { wrongKey: true } });
    await expectFailure(one, { code: 'key_refused', says: /API key/ }, () => newKey(one.own));
  });

  it.each(['accounts:read', 'profiles:write', 'lists:write'])('lacks %s stops the run before anybody is sent', async (missing) => {
    const scopes = ['accounts:read', 'lists:read', 'lists:write', 'profiles:read', 'profiles:write'].filter((scope) => scope !== missing);
    const one = await aCase({ account: { scopes } });
    await expectFailure(one, { code: 'scope_missing', says: new RegExp(missing) }, () => newKey(one.own));
  });

  it('is revoked in the middle: what was sent is known, the rest is unsent', async () => {
    const one = await aCase({ canaryRows: 100 });
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: one.own.accountId,
      after: 1,
      fault: { kind: 'key_revoked' },
    });
    await expectFailure(one, { code: 'key_refused', says: /API key/, sent: 100 }, () => newKey(one.own));
  });

  it('now belongs to another account sends nobody anywhere', async () => {
    const one = await aCase();
    const other = await ownAccount(fixture);
    await newKey(one.own, other.apiKey);
    await expectFailure(one, { code: 'account_changed', says: new RegExp(`${other.accountId}.*${one.own.accountId}`) }, () =>
      newKey(one.own),
    );
    expect(await accountState(fixture, other.accountId)).toMatchObject({ jobs: 0, profiles: 0 });
  });

  it('is gone from the vault', async () => {
    const one = await aCase();
    await fixture.services.secrets.remove(one.own.connection.secretName, { signal: testSignal() });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'secret_missing', message: expect.stringMatching(SENTENCE) as unknown } });
    checkSums(run);
    await checkLeftOver(fixture, run);
  });
});

describe('a list that', () => {
  it('was deleted between save and run', async () => {
    const one = await aCase({ listId: 'GONE01' });
    await expectFailure(one, { code: 'list_unknown', says: /GONE01.*choose another/ }, () =>
      change(one.segmentExport, { listId: one.own.listId }),
    );
  });

  it('is deleted in the middle', async () => {
    const one = await aCase({ canaryRows: 100 });
    const { accountId, listId } = one.own;
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: accountId,
      after: 1,
      fault: { kind: 'list_deleted', listId },
    });
    const run = await runBy(fixture, one.app, one.segmentExport);
    expect(run).toMatchObject({ state: 'failed', error: { code: 'list_unknown', message: expect.stringMatching(SENTENCE) as unknown } });
    expect(checkSums(run)).toMatchObject({ sent: 100, accepted: 100, unsent: 200, removed: 0 });
    await checkLeftOver(fixture, run);
  });
});

it('L5 a plan limit of the account is said in Klaviyo’s words in the details of the run', async () => {
  const one = await aCase();
  await fixture.fault({ endpoint: 'POST /api/profile-bulk-import-jobs', account: one.own.accountId, fault: { kind: 'plan_limit' } });
  await expectFailure(one, { code: 'account_limited', says: /profile limit of its plan/ }, () => Promise.resolve());
});

it('a queue message that does not parse is in the poison queue with its reason, and no run stands still for it', async () => {
  const one = await aCase();
  await fixture.services.runMessages.receive('{"exportId":', { messageId: 'm1', signal: testSignal() });
  await fixture.services.runMessages.receive({ exportId: one.segmentExport.id, turn: 1 }, { messageId: 'm2', signal: testSignal() });
  expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful' });
});

describe('data that is lost in the middle', () => {
  it('of what was staged: the run fails with a sentence, and the next one sends everything', async () => {
    const one = await aCase({ canaryRows: 100 });
    // the run waits for the job of its canary
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: one.own.accountId,
      fault: { kind: 'job_delay', ms: 1_500 },
    });
    const { run } = await one.app.runs.start(
      { exportId: one.segmentExport.id, trigger: { kind: 'onDemand', by: 't' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    const waiting = async () => (await fixture.services.runStore.find(run.id, { signal: testSignal() }))!.document.wakeAt !== undefined;
    await fixture.pump(waiting, { app: one.app });
    await fixture.services.containers.staged.removeAll(run.id, { signal: testSignal() });
    // by another instance: the one that prepared the run still has its members in memory
    const other = appFor(fixture, one.folder);
    apps.push(other);
    await fixture.pump(() => fixture.ended(run.id), { app: other });
    const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(ended).toMatchObject({ state: 'failed', error: { message: expect.stringMatching(SENTENCE) as unknown } });
    expect(ended.warnings.map(({ code }) => code)).toContain('state_lost');
    checkSums(ended);

    const next = await runBy(fixture, one.app, one.segmentExport);
    expect(next).toMatchObject({ state: 'successful', counts: { sent: rows.length, unchanged: 0 } });
    expect(next.warnings.map(({ code }) => code)).toContain('state_unreadable');
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });

  it.each([
    ['is missing', (name: string) => fixture.services.containers.state.remove(name, { signal: testSignal() })],
    [
      'is cut short',
      async (name: string) => {
        const { body } = (await fixture.services.containers.state.find(name, { signal: testSignal() }))!;
        await fixture.services.containers.state.write(name, body.subarray(0, body.length - 20), { signal: testSignal() });
      },
    ],
    [
      'is of a newer version',
      async (name: string) => {
        const { body } = (await fixture.services.containers.state.find(name, { signal: testSignal() }))!;
        body.write('CIKMEM03');
        await fixture.services.containers.state.write(name, body, { signal: testSignal() });
      },
    ],
    ['is something else', (name: string) => fixture.services.containers.state.write(name, 'x'.repeat(9_000), { signal: testSignal() })],
  ])('of a member state that %s: everything is sent, nobody removed', async (_, spoil) => {
    const one = await aCase({ membership: 'mirror' });
    expect(await runBy(fixture, one.app, one.segmentExport)).toMatchObject({ state: 'successful' });
    const names: string[] = [];
    for await (const { name } of fixture.services.containers.state.list(`${one.segmentExport.id}/`, { signal: testSignal() }))
      names.push(name);
    for (const name of names.filter((one_) => /\/\d+$/.test(one_))) await spoil(name);
    await writeRows(fixture, rows.slice(5), one);
    const next = await runBy(fixture, one.app, one.segmentExport);
    expect(next).toMatchObject({ state: 'successful', counts: { sent: rows.length - 5, removed: 0 } });
    expect(next.warnings.map(({ code }) => code)).toContain('state_unreadable');
    checkSums(next);
    expect(await members(one.own)).toEqual(emailsOf(rows));
  });
});
