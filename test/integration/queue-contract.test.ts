import path from 'node:path';
import { QueueClient } from '@azure/storage-queue';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import type { FunctionHostProcess } from '../../infra/local/function-host/spawn';
import { sampleFolder } from '../../infra/local/sample/sample';
import type { Export } from '../../shared/exports/export';
import type { ExportId } from '../../shared/ids';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api } from '../support/api';
import { until } from '../support/started-cloud';

/** The queue `export-requests` as other systems meet it: real messages through the function host, whose own decoding is off. */
const { signal } = new AbortController();
let api: Api;
let host: FunctionHostProcess;
let connectionId: string;
beforeAll(async () => {
  api = await startApi();
  connectionId = String((await api.call('POST', '/api/connections', { body: aConnection() })).json.id);
  host = spawnFunctionHost({
    appDir: path.resolve(__dirname, '../..'),
    env: {
      ...api.hostEnv,
      TICK_SCHEDULE: '0 0 0 1 1 *', // the clock plays no part here
    },
  });
  await host.ready;
}, 60_000);
afterAll(async () => {
  await host.kill('SIGKILL');
  await api.close();
});

const queue = (name: string) => new QueueClient(api.azurite.connectionString, name);
const send = (text: string) => queue('export-requests').sendMessage(text);
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const save = async (more: Record<string, unknown> = {}): Promise<ExportId> => {
  const answer = await api.call('POST', '/api/exports', { body: anExport({ connectionId, schedule: { kind: 'off' }, ...more }) });
  expect([answer.status, answer.json.errors]).toEqual([201, undefined]);
  return answer.json.id as ExportId;
};
/** Changes the row itself, as routes of their own do. */
const change = async (id: ExportId, fields: Partial<Export>): Promise<void> => {
  const { value, etag } = (await api.services.exportStore.find(id, { signal }))!;
  await api.services.exportStore.replace({ ...value, ...fields }, { ifMatch: etag, signal });
};
const runsOf = async (id: ExportId) => (await api.call('GET', `/api/exports/${id}/runs`)).json.value;
const firstRun = (id: ExportId) => until(`a run of ${id}`, async () => (await runsOf(id))[0]);
const untilRead = () =>
  until('an empty queue', async () => ((await queue('export-requests').getProperties()).approximateMessagesCount === 0 ? true : undefined));
/** What the poison queue says of a message, once it is there. */
const refusal = ({ messageId: sentId }: { messageId: string }) =>
  until(`the refused message ${sentId}`, async () => {
    const { peekedMessageItems } = await queue('export-requests-poison').peekMessages({ numberOfMessages: 32 });
    const envelopes = peekedMessageItems.map(({ messageText }) => JSON.parse(messageText) as { reason: string; messageId: string });
    return envelopes.find(({ messageId }) => messageId === sentId)?.reason;
  });

describe('a request', () => {
  it.each<[string, (json: string) => string]>([
    ['JavaScript, as plain text', (json) => json],
    ['Python, as plain text with blanks', (json) => json.replaceAll(':', ': ').replaceAll(',', ', ')],
    ['Python with its base64 policy', base64],
    ['.NET with base64', base64],
    ['.NET with base64 and a byte order mark', (json) => base64(`\uFEFF${json}`)],
    ['a sender that wraps JSON in a string', (json) => JSON.stringify(json)],
  ])('from %s runs its export, once', async (_, encode) => {
    const exportId = await save();
    const text = encode(JSON.stringify({ version: 1, type: 'run', exportId, dryRun: true, requestId: `of ${exportId}` }));
    await send(text);
    await send(text);
    expect(await firstRun(exportId)).toMatchObject({ trigger: { kind: 'request', by: 'queue' }, dryRun: true, full: false });
    await untilRead();
    expect(await runsOf(exportId)).toHaveLength(1);
  });

  it('for an export that is detached or paused is refused with the reason; all together leave it out', async () => {
    const daily = { kind: 'custom', repeat: 'daily', times: ['02:30'], timeZone: 'UTC' };
    const [detached, paused, active] = [await save({ schedule: daily }), await save({ schedule: daily }), await save({ schedule: daily })];
    await change(detached, { connectionId: undefined });
    await change(paused, { paused: true });
    await send(JSON.stringify({ version: 1, type: 'runAll', requestId: 'all' }));
    await firstRun(active);
    const [ofDetached, ofPaused] = [
      await send(JSON.stringify({ version: 1, type: 'run', exportId: detached })),
      await send(JSON.stringify({ version: 1, type: 'run', exportId: paused })),
    ];
    expect(await refusal(ofDetached)).toContain('no connection');
    expect(await refusal(ofPaused)).toContain('is paused');
    expect([await runsOf(detached), await runsOf(paused)]).toEqual([[], []]);
  });

  it.each([
    ['text', 'run everything', 'neither JSON nor base64'],
    ['a request with an unknown field', '{"version":1,"type":"runAll","force":"zeta"}', 'unknown field force'],
    ['a request of another version', base64('{"version":7,"type":"runAll"}'), 'version: '],
    ['text that looks like a number', '35732122e2', 'a number'],
    ['an array of several events', '[{"eventType":"x","subject":"kappa"},{"eventType":"x"}]', 'an array'],
  ])('that cannot be used, %s, leaves its reason', async (_, text, reason) => {
    expect(await refusal(await send(text))).toContain(reason);
  });
});

describe('a write of model.json', () => {
  const subject = `/blobServices/default/containers/lake/blobs/${sampleFolder}/model.json`;
  const eventGrid = (eTag: string, api: string, id: string) => ({
    ...{ topic: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/lake', subject, id },
    ...{ eventType: 'Microsoft.Storage.BlobCreated', eventTime: '2026-11-23T02:33:00Z', dataVersion: '', metadataVersion: '1' },
    data: {
      api,
      eTag,
      contentType: 'application/json',
      contentLength: 524,
      blobType: 'BlockBlob',
      sequencer: '00000000000000000000000000000001',
    },
  });

  it('runs the exports on the system refresh once per version of it, also while the system schedule is off', async () => {
    const onRefresh = await save({ schedule: { kind: 'system' } });
    const own = await save();
    const paused = await save({ schedule: { kind: 'system' } });
    await change(paused, { paused: true });
    // Data Lake raises two: the first while nothing is written yet
    await send(base64(JSON.stringify(eventGrid('0x0', 'CreateFile', 'one'))));
    await untilRead();
    expect(await runsOf(onRefresh)).toEqual([]);

    await send(base64(JSON.stringify(eventGrid('0x1', 'FlushWithClose', 'two'))));
    const run = await firstRun(onRefresh);
    expect(run.trigger).toEqual({ kind: 'event', by: 'source' });
    // delivered again, by another subscription in the other schema, and by a forwarder that makes arrays
    const { eventType: type, data } = eventGrid('0x1', 'FlushWithClose', 'two');
    await send(
      JSON.stringify({ specversion: '1.0', id: 'three', source: '/subscriptions/s', type, subject, time: '2026-11-23T02:33:00Z', data }),
    );
    await send(JSON.stringify([eventGrid('0x1', 'FlushWithClose', 'two')]));
    await untilRead();
    await until('the end of the run', async () => {
      const { state } = (await runsOf(onRefresh))[0]!;
      return state === 'queued' || state === 'refreshing' ? undefined : state;
    });
    expect((await runsOf(onRefresh)).map(({ id }) => id)).toEqual([run.id]);
    expect([await runsOf(own), await runsOf(paused)]).toEqual([[], []]);
  });
});

describe('run all', () => {
  it('of more exports than one call can start reaches them all through a queue of the app’s own', async () => {
    const daily = { kind: 'custom', repeat: 'daily', times: ['02:30'], timeZone: 'UTC' };
    const ids: ExportId[] = [];
    for (let number = 0; number < 20; number++) ids.push(await save({ name: `All ${number}`, schedule: daily }));
    const answer = await api.call('POST', '/api/exports/run-all', { headers: { 'idempotency-key': 'once' } });
    expect(answer.status).toBe(202);
    const again = await api.call('POST', '/api/exports/run-all', { headers: { 'idempotency-key': 'once' } });
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([answer.text, 'true']);
    expect(answer.json.value.filter(({ exportId }) => ids.includes(exportId as ExportId)).map(({ outcome }) => outcome)).toEqual(
      ids.map(() => 'queued'),
    );
    for (const id of ids) expect(await firstRun(id)).toMatchObject({ trigger: { kind: 'onDemand' }, dryRun: false });
  });
});
