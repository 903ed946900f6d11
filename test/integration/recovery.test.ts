import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { Configuration } from '../../shared/configuration/document';
import type { Export } from '../../shared/exports/export';
import type { ExportId, RunId } from '../../shared/ids';
import { parseEnv } from '../../shared/env';
import { createSecretClient } from '../../shared/platform/azure-clients';
import { createCredential } from '../../shared/platform/identity';
import { ensureStorage } from '../../shared/platform/provision';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { emailsOf, goodRows, ownCase, runBy, writeRows } from '../support/run-cases';

/** What infra/azure/operations.md says under "Disaster recovery", store by store. */
const signal = testSignal;
const MINUTE = 60_000;

let fixture: RunnerFixture;
const apps: Services[] = [];
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' } });
}, 60_000);
afterAll(async () => {
  for (const app of apps) await app.klaviyo.close();
  await fixture.close();
});

/** A mirror of six people that has run, after which one of them left the segment and one came. */
const aMirror = async (name = 'An export') => {
  const people = goodRows(6);
  const { folder, own, app, segmentExport } = await ownCase(fixture, { write: people, more: { membership: 'mirror', name } });
  apps.push(app);
  expect((await runBy(fixture, app, segmentExport)).state).toBe('successful');
  const now = [...people.slice(1), ...goodRows(1, { from: 6 })];
  await writeRows(fixture, now, { folder });
  /** the app as another process, some time later */
  const later = (ms = 0): Services => {
    const one = createServices(parseEnv({ ...fixture.environment, SOURCE_FOLDER: folder }), { now: () => new Date(Date.now() + ms) });
    apps.push(one);
    return one;
  };
  const onList = () => fixture.members(own.listId, own.accountId);
  return { people, now, own, app, segmentExport, exportId: segmentExport.id, later, onList };
};

const emptyContainer = async (name: keyof Services['containers'], prefix = ''): Promise<void> => {
  const container = fixture.services.containers[name];
  for await (const blob of container.list(prefix, { signal: signal() })) await container.remove(blob.name, { signal: signal() });
};
const emptyTable = async (name: keyof Services['tables'], isWanted: (row: string) => boolean = () => true): Promise<void> => {
  const table = fixture.services.tables[name];
  for await (const { partitionKey, rowKey } of table.listEntities())
    if (isWanted(rowKey!)) await table.deleteEntity(partitionKey!, rowKey!);
};
const historyOf = async (app: Services, exportId: ExportId): Promise<RunId[]> => {
  const ids: RunId[] = [];
  for await (const { value } of app.runStore.readOfExport(exportId, { signal: signal() })) ids.push(value.id);
  return ids;
};

it('container `state`: everybody is sent, nobody is removed, and the run says so', async () => {
  const { people, now, app, segmentExport, exportId, onList } = await aMirror();
  await emptyContainer('state', `${exportId}/`);
  const run = await runBy(fixture, app, segmentExport);
  expect({ ...run.counts, warned: run.warnings.some(({ code }) => code === 'state_unreadable') }).toMatchObject({
    sent: 6,
    unchanged: 0,
    removed: 0,
    held: 0,
    warned: true,
  });
  // whoever left in between stays
  expect(await onList()).toEqual(emailsOf([...people.slice(0, 1), ...now]));
});

it('secret `member-state-key`: while it is deleted, runs fail; recovered, all is as before; once it is gone, everybody is sent and nobody removed', async () => {
  const { segmentExport, later, onList, people, now } = await aMirror();
  const name = 'member-state-key';
  const { value } = await fixture.services.secrets.get(name, { signal: signal() });
  await fixture.services.secrets.remove(name, { signal: signal() });
  const failed = await runBy(fixture, later(), segmentExport);
  expect([failed.state, failed.error?.code]).toEqual(['failed', 'secret_deleted']);
  const vault = createSecretClient({ url: fixture.vault.vaultUrl, verifyChallenge: false }, createCredential({}));
  await (await vault.beginRecoverDeletedSecret(name)).pollUntilDone();
  expect((await runBy(fixture, later(), segmentExport, { dryRun: true })).counts.unchanged).toBe(5);
  await (await vault.beginDeleteSecret(name)).pollUntilDone();
  await vault.purgeDeletedSecret(name);
  const anew = await runBy(fixture, later(), segmentExport);
  expect({ ...anew.counts, warned: anew.warnings.some(({ code }) => code === 'state_key_changed') }).toMatchObject({
    sent: 6,
    removed: 0,
    warned: true,
  });
  expect(await onList()).toEqual(emailsOf([...people.slice(0, 1), ...now]));
  expect((await fixture.services.secrets.get(name, { signal: signal() })).value).not.toBe(value);
});

it('table `runs`: the timer writes the lists again from the documents', async () => {
  const { app, exportId, later } = await aMirror();
  const before = await historyOf(app, exportId);
  await emptyTable('runs');
  expect([before.length, await historyOf(app, exportId)]).toEqual([1, []]);
  // the walk leaves alone what is younger than an hour, and goes on each ten minutes
  await later(2 * 60 * MINUTE).housekeeping.tick({ signal: signal() });
  expect(await historyOf(app, exportId)).toEqual(before);
});

it('container `runs`, in the middle of a run: it begins anew, and the list is right', async () => {
  const { now, app, exportId, later, onList } = await aMirror();
  const { run } = await app.runs.start(
    { exportId, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
    { signal: signal() },
  );
  await emptyContainer('runs');
  await fixture.queue.clearMessages();
  const timer = later(2 * MINUTE);
  await timer.runs.sweep({ signal: signal() });
  await fixture.pump(async () => (await app.runs.get(run.id, { signal: signal() })).endedAt !== undefined, { app });
  expect((await app.runs.get(run.id, { signal: signal() })).counts).toMatchObject({ sent: 1, removed: 1 });
  expect(await onList()).toEqual(emailsOf(now));
});

it('table `connections`: exports do not start', async () => {
  const { app, segmentExport, own } = await aMirror();
  await emptyTable('connections', (row) => row.includes(own.connection.id));
  await expect(runBy(fixture, app, segmentExport)).rejects.toMatchObject({ code: 'export_detached' });
});

it('all of storage: from the document, with its keys in the vault, the next run makes lists right and takes nobody off', async () => {
  const { people, now, own, app, later, onList } = await aMirror('Newsletter'); // of several exports of one name a document names the ids, which end with the table
  await app.settings.setSchedule(
    { active: true, repeat: 'daily', days: [], daysOfMonth: [], times: ['02:30'], timeZone: 'UTC' },
    { ifMatch: '*', signal: signal() },
  );
  const { value: saved } = await app.configuration.get({ signal: signal() });
  for (const table of Object.values(fixture.services.tables)) await table.deleteTable();
  const blobs = BlobServiceClient.fromConnectionString(fixture.azurite.connectionString);
  for (const name of ['runs', 'staged', 'state', 'people', 'figures']) await blobs.deleteContainer(name);
  const queues = QueueServiceClient.fromConnectionString(fixture.azurite.connectionString);
  for (const name of ['export-runs', 'export-starts', 'export-requests']) await queues.deleteQueue(name);

  const started = later(); // what a process remembers of exports ends with it: the app is stopped meanwhile
  await ensureStorage(started, { signal: signal() });
  const mine = saved.exports.filter(({ listId }) => listId === own.listId);
  const document = Configuration.parse({
    ...saved,
    exports: mine,
    connections: saved.connections
      .filter(({ displayName }) => mine.some(({ connection }) => connection === displayName))
      .map(({ displayName, type, access }) => ({ displayName, type, access, secretName: own.connection.secretName, agreed: true })),
  });
  const caller = { id: 'tester', name: 'Tester', role: 'Administrator', application: false } as const;
  const { value: plan } = await started.configuration.put(document, {
    dryRun: false,
    prune: false,
    caller,
    record: () => Promise.resolve(),
    signal: signal(),
  });
  expect([plan.applied, plan.created.map(({ what }) => what).sort()]).toEqual([true, ['connection', 'export']]);
  expect((await started.settings.getSchedule({ signal: signal() })).value).toMatchObject({ active: true, times: ['02:30'] });

  const restored: Export[] = [];
  for await (const { value } of started.exportStore.readAll({ signal: signal(), unreadable: () => undefined })) restored.push(value);
  expect(restored).toHaveLength(1);
  const run = await runBy(fixture, started, restored[0]!);
  expect([run.state, run.counts.sent, run.counts.removed, run.counts.held]).toEqual(['successful', 6, 0, 0]);
  expect(await onList()).toEqual(emailsOf([...people.slice(0, 1), ...now]));
});
