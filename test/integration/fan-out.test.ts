import { QueueClient } from '@azure/storage-queue';
import { startAzurite } from '../../infra/local/storage/azurite';
import type { Azurite } from '../../infra/local/storage/azurite';
import { Connection } from '../../shared/connections/connection';
import { parseEnv } from '../../shared/env';
import { Export } from '../../shared/exports/export';
import type { ExportId } from '../../shared/ids';
import { newConnectionId, newExportId } from '../../shared/new-ids';
import { ensureStorage } from '../../shared/platform/provision';
import { RunMessage } from '../../shared/runs/run';
import { ExportSchedule } from '../../shared/schedules/schedule';
import { createServices } from '../../shared/services';

const LONG_AGO = '2026-01-01T00:00:00.000Z';
const daily = ExportSchedule.parse({ kind: 'custom', repeat: 'daily', times: ['02:30'], timeZone: 'Europe/Paris' });

let azurite: Azurite;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  azurite = await startAzurite();
});
afterAll(() => azurite.close());

/** The app's own parts on real storage, with a clock that can be set; each test begins with empty tables and queues. */
const anApp = async () => {
  const signal = AbortSignal.timeout(60_000);
  const clock = { now: new Date('2026-06-01T00:00:00.000Z') };
  const services = createServices(
    parseEnv({
      AzureWebJobsStorage: azurite.connectionString,
      KEY_VAULT_URL: 'https://vault.invalid',
      TENANT_ID: 'tenant',
      SOURCE_CONNECTION_STRING: azurite.connectionString,
      SOURCE_CONTAINER: 'lake',
      SOURCE_FOLDER: 'ci',
    }),
    { now: () => clock.now },
  );
  await ensureStorage(services, { signal });
  for (const table of Object.values(services.tables)) {
    for await (const { partitionKey, rowKey } of table.listEntities()) await table.deleteEntity(partitionKey!, rowKey!);
  }
  const queue = (name: string) => new QueueClient(azurite.connectionString, name);
  for (const name of ['export-runs', 'export-runs-poison', 'export-requests-poison']) await queue(name).clearMessages();

  const connection = Connection.parse({
    id: newConnectionId(),
    displayName: 'Klaviyo',
    type: 'klaviyo',
    access: 'administrators',
    secretName: 'klaviyo-1',
    ownsSecret: true,
    accountId: 'AbC123',
    accountName: 'Shop',
    agreedAt: LONG_AGO,
    agreedBy: 'a',
    consentVersion: '1',
    createdAt: LONG_AGO,
    updatedAt: LONG_AGO,
    exportUser: 'a',
  });
  await services.connectionStore.insert(connection, { signal });
  const addExport = async (fields: Partial<Export> = {}): Promise<ExportId> => {
    const segmentExport = Export.parse({
      id: newExportId(),
      name: 'VIP',
      connectionId: connection.id,
      listId: 'YafG4m',
      segments: ['HighValue'],
      mapping: { email: 'EMail' },
      createdAt: LONG_AGO,
      createdBy: 'a',
      updatedAt: LONG_AGO,
      updatedBy: 'a',
      ...fields,
    });
    await services.exportStore.insert(segmentExport, { signal });
    return segmentExport.id;
  };
  const peek = async (name: string): Promise<unknown[]> =>
    (await queue(name).peekMessages({ numberOfMessages: 32 })).peekedMessageItems.map(
      ({ messageText }) => JSON.parse(messageText) as unknown,
    );
  const runMessages = async (): Promise<RunMessage[]> => (await peek('export-runs')).map((message) => RunMessage.parse(message));
  const tickAt = async (at: string): Promise<void> => {
    clock.now = new Date(at);
    await services.fanOut.tick({ signal });
  };
  const receive = (message: unknown, { messageId = 'm1', attempt = 1 } = {}) =>
    services.requests.receive(message, { messageId, attempt, signal });
  return { services, addExport, peek, runMessages, tickAt, receive, signal };
};

describe('the minute timer', () => {
  it('turns a due occurrence into one run, however often it fires', async () => {
    const { services, addExport, runMessages, tickAt, signal } = await anApp();
    const due = await addExport({ schedule: daily });
    await addExport({ schedule: { kind: 'off' } });
    await addExport({ schedule: daily, connectionId: undefined });
    await tickAt('2026-06-01T00:29:30.000Z');
    expect(await runMessages()).toEqual([]);

    await tickAt('2026-06-01T00:30:30.000Z');
    // as if the host had died before the tick was noted, and as if two instances ticked
    await services.tables.settings.deleteEntity('settings', 'tick');
    await tickAt('2026-06-01T00:29:40.000Z');
    await Promise.all([tickAt('2026-06-01T00:30:40.000Z'), tickAt('2026-06-01T00:30:40.000Z')]);
    await tickAt('2026-06-01T00:31:30.000Z');

    const messages = await runMessages();
    expect(new Set(messages.map(({ runId }) => runId)).size).toBe(1);
    expect(messages[0]).toMatchObject({ exportId: due, turn: 1 });
    const run = await services.runs.get(messages[0]!.runId, { signal });
    expect(run).toMatchObject({
      exportId: due,
      state: 'queued',
      trigger: { kind: 'schedule', by: 'schedule' },
      full: false,
      dryRun: false,
    });
  });

  it('catches up one run per export after a week', async () => {
    const { addExport, runMessages, tickAt } = await anApp();
    for (let number = 0; number < 12; number++) await addExport({ schedule: daily });
    await tickAt('2026-06-01T00:29:30.000Z');
    await tickAt('2026-06-08T12:00:00.000Z');
    const messages = await runMessages();
    expect(messages).toHaveLength(12);
    expect(new Set(messages.map(({ exportId }) => exportId)).size).toBe(12);
  });

  it('runs exports on the system refresh once it is on', async () => {
    const { services, addExport, runMessages, tickAt, signal } = await anApp();
    const id = await addExport();
    await tickAt('2026-06-01T00:29:30.000Z');
    await tickAt('2026-06-01T00:30:30.000Z');
    expect(await runMessages()).toEqual([]);
    const { etag } = await services.settings.getSchedule({ signal });
    const schedule = { active: true, repeat: 'daily' as const, days: [], daysOfMonth: [], times: ['00:31'], timeZone: 'UTC' };
    await services.settings.setSchedule(schedule, { ifMatch: etag, signal });
    await tickAt('2026-06-01T00:31:30.000Z');
    expect((await runMessages()).map(({ exportId }) => exportId)).toEqual([id]);
  });
});

describe('the queue of other systems', () => {
  it('runs an export once per request', async () => {
    const { addExport, runMessages, receive } = await anApp();
    const exportId = await addExport();
    const request = { version: 1, type: 'run', exportId, requestId: 'order-1' };
    await receive(Buffer.from(JSON.stringify(request)).toString('base64'));
    await receive(request, { messageId: 'm2' });
    expect((await runMessages()).map((message) => message.exportId)).toEqual([exportId]);
  });

  it('runs the exports on the system refresh when model.json was written', async () => {
    const { services, addExport, runMessages, receive, signal } = await anApp();
    const exportId = await addExport();
    await addExport({ schedule: daily });
    const event = {
      specversion: '1.0',
      type: 'Microsoft.Storage.BlobCreated',
      subject: '/blobServices/default/containers/lake/blobs/ci/model.json',
      data: { api: 'FlushWithClose', eTag: '0x1' },
    };
    await receive(event);
    await receive(event, { messageId: 'm2' });
    const messages = await runMessages();
    expect(messages.map((message) => message.exportId)).toEqual([exportId]);
    expect((await services.runs.get(messages[0]!.runId, { signal })).trigger).toEqual({ kind: 'event', by: 'source' });
  });

  it('keeps what it cannot read in the poison queue, with the reason on record', async () => {
    const { services, peek, receive, signal } = await anApp();
    await receive('{"version":1,"type":"run","email":"ada@example.com"');
    await receive({ version: 1, type: 'run', exportId: newExportId() });
    const [unread, unknown] = (await peek('export-requests-poison')) as { reason: string; message: unknown }[];
    expect(unread).toMatchObject({ version: 1, reason: expect.stringContaining('neither JSON') as unknown, message: { bytes: 51 } });
    expect(JSON.stringify(unread)).not.toContain('ada@');
    expect(unknown).toMatchObject({ reason: expect.stringContaining('There is no export') as unknown });
    const { entries } = await services.activity.page({}, { size: 10, signal });
    expect(entries).toHaveLength(2);
    expect(JSON.stringify(entries)).not.toContain('ada@');
  });

  it('keeps a run message that it cannot read', async () => {
    const { services, peek, signal } = await anApp();
    await services.runMessages.receive({ runId: 'x' }, { messageId: 'm1', signal });
    const [envelope] = await peek('export-runs-poison');
    expect(envelope).toMatchObject({ messageId: 'm1', message: { fields: ['runId'], bytes: 13 } });
  });
});
