import { randomUUID } from 'node:crypto';
import { SecretClient } from '@azure/keyvault-secrets';
import type { Caller } from '../../shared/caller';
import { createCredential } from '../../shared/platform/identity';
import type { Services } from '../../shared/services';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { appFor, goodRows, mapping, ownAccount, runBy, writeRows } from '../support/run-cases';
import type { OwnAccount } from '../support/run-cases';

let fixture: RunnerFixture;
let vault: SecretClient;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue();
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
  vault = new SecretClient(fixture.vault.vaultUrl, createCredential({}), { disableChallengeResourceVerification: true });
}, 60_000);
afterAll(() => fixture.close());

const apps: Services[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  fixture.klaviyo.sandbox.faults.clear();
});

const caller: Caller = { id: 'ada', name: 'Ada', role: 'Administrator', application: false };
const signal = testSignal;

const aCase = async (more: Record<string, unknown> = {}) => {
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture);
  await writeRows(fixture, goodRows(120), { folder });
  /** each an instance of its own, which knows nothing but what is stored */
  const instance = (): Services => {
    const app = appFor(fixture, folder);
    apps.push(app);
    return app;
  };
  const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: ['Vip'], mapping, canaryRows: 0, ...more });
  const run = () => runBy(fixture, instance(), segmentExport, { full: true });
  return { own, instance, segmentExport, run };
};
const noteOf = ({ connection }: OwnAccount) => fixture.services.connectionStore.findNote(connection.id, { signal: signal() });
const putKey = ({ connection }: OwnAccount, key: string) => fixture.services.secrets.set(connection.secretName, key, { signal: signal() });
const revoke = (key: string): void => void fixture.klaviyo.sandbox.state.accountOfKey.delete(key);
const accountCalls = ({ accountId }: OwnAccount): number =>
  fixture.klaviyo.sandbox.requests.entries().filter(({ path, account }) => path === '/api/accounts' && account === accountId).length;

describe('a run', () => {
  it('K8 goes on with a rotated key at its next slice, and Klaviyo is not asked whose it is', async () => {
    const { own, instance, segmentExport } = await aCase();
    await fixture.fault({
      endpoint: 'POST /api/profile-bulk-import-jobs',
      account: own.accountId,
      fault: { kind: 'job_delay', ms: 2_500 },
    });
    const first = instance();
    const { run } = await first.runs.start(
      { exportId: segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: signal() },
    );
    // a slice that ended, as its job has not
    const settles = async () => {
      const found = await fixture.services.runStore.find(run.id, { signal: signal() });
      return found?.document.run.phase === 'settle' && found.document.wakeAt !== undefined;
    };
    await fixture.pump(settles, { app: first });

    const second = instance();
    const { etag } = (await second.connectionStore.find(own.connection.id, { signal: signal() }))!;
    await second.connections.update(own.connection.id, { apiKey: `${own.apiKey}_all` }, { ifMatch: etag, caller, signal: signal() });
    revoke(own.apiKey);
    fixture.klaviyo.sandbox.requests.clear();

    const third = instance();
    await fixture.pump(() => fixture.ended(run.id), { app: third });
    expect(await fixture.services.runs.get(run.id, { signal: signal() })).toMatchObject({ state: 'successful', counts: { accepted: 120 } });
    expect(accountCalls(own)).toBe(0);
    const after = await runBy(fixture, instance(), segmentExport, { full: true });
    expect(after.state).toBe('successful');
    expect(accountCalls(own)).toBe(0);
  });

  it('asks Klaviyo once whose a key is that somebody else has put into the vault, whatever the instance', async () => {
    const { own, run } = await aCase();
    fixture.klaviyo.sandbox.requests.clear();
    expect((await run()).state).toBe('successful');
    expect((await run()).state).toBe('successful');
    expect(accountCalls(own)).toBe(1);
    await putKey(own, `${own.apiKey}_all`);
    expect((await run()).state).toBe('successful');
    expect((await run()).state).toBe('successful');
    expect(accountCalls(own)).toBe(2);
  });

  it('K6 that finds its secret gone says so on the connection, and the next one after it came back takes it away', async () => {
    const { own, run } = await aCase();
    expect((await run()).state).toBe('successful');
    await fixture.services.secrets.remove(own.connection.secretName, { signal: signal() });
    const failed = await run();
    expect(failed).toMatchObject({
      state: 'failed',
      error: { code: 'secret_missing', message: expect.stringContaining('restore') as string },
    });
    const noted = await noteOf(own);
    expect(noted).toMatchObject({ status: 'secretMissing', detail: failed.error!.message });
    expect((await run()).state).toBe('failed');
    expect((await noteOf(own))!.since).toBe(noted!.since);
    await (await vault.beginRecoverDeletedSecret(own.connection.secretName)).pollUntilDone();
    expect((await run()).state).toBe('successful');
    expect(await noteOf(own)).toMatchObject({ status: 'connected', detail: '' });
  });

  it('whose key Klaviyo refuses says so on the connection, until a run with a good one', async () => {
    const { own, run } = await aCase();
    expect((await run()).state).toBe('successful');
    revoke(own.apiKey);
    expect(await run()).toMatchObject({ state: 'failed', error: { code: 'key_refused' } });
    expect(await noteOf(own)).toMatchObject({ status: 'keyRefused' });
    await putKey(own, `${own.apiKey}_all`);
    expect((await run()).state).toBe('successful');
    expect(await noteOf(own)).toMatchObject({ status: 'connected' });
  });

  it('whose key belongs to another account now says so on the connection', async () => {
    const { own, run } = await aCase();
    const other = await ownAccount(fixture);
    await putKey(own, other.apiKey);
    expect(await run()).toMatchObject({ state: 'failed', error: { code: 'account_changed' } });
    expect(await noteOf(own)).toMatchObject({ status: 'accountChanged' });
    await putKey(own, own.apiKey);
    expect((await run()).state).toBe('successful');
    expect(await noteOf(own)).toMatchObject({ status: 'connected' });
  });

  it('sends nobody anything that is no API key', async () => {
    const { own, run } = await aCase();
    await putKey(own, 'the password of something else');
    fixture.klaviyo.sandbox.requests.clear();
    expect(await run()).toMatchObject({ state: 'failed', error: { code: 'secret_invalid' } });
    expect(fixture.klaviyo.sandbox.requests.entries()).toEqual([]);
    expect(await noteOf(own)).toMatchObject({ status: 'secretInvalid' });
  });
});
