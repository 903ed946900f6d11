import { BlobEvent, ExportRequest, looksLikeEvent, readBlobEvent } from '../../../shared/requests/export-request';
import { reasonOf } from '../../../shared/requests/message';

const source = { container: 'lake', folder: 'ci/export' };
const exportId = 'exp_0000000001';

describe('a request', () => {
  it.each([
    ['one export', { version: 1, type: 'run', exportId }, { full: false, dryRun: false }],
    ['one export, everything sent again', { version: 1, type: 'run', exportId, full: true }, { full: true, dryRun: false }],
    ['one export, dry', { version: 1, type: 'run', exportId, dryRun: true, requestId: 'r' }, { full: false, dryRun: true }],
    ['all exports', { version: 1, type: 'runAll' }, {}],
    ['all exports, with a trace', { version: 1, type: 'runAll', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }, {}],
  ])('runs %s', (_, sent, added) => {
    expect(ExportRequest.parse(sent)).toEqual({ ...sent, ...added });
  });

  it.each([
    ['another version', { version: 2, type: 'runAll' }, 'version'],
    ['no version', { type: 'runAll' }, 'version'],
    ['an unknown type', { version: 1, type: 'stop' }, 'type'],
    ['no type', { version: 1 }, 'type'],
    ['no export', { version: 1, type: 'run' }, 'exportId'],
    ['an export id that is none', { version: 1, type: 'run', exportId: '../x' }, 'exportId'],
    ['full as text', { version: 1, type: 'run', exportId, full: 'true' }, 'full'],
    ['an unknown field', { version: 1, type: 'run', exportId, fulll: true }, 'unknown field fulll'],
    ['a field of the other type', { version: 1, type: 'runAll', exportId }, 'unknown field exportId'],
    ['an empty request id', { version: 1, type: 'runAll', requestId: '' }, 'requestId'],
    ['a request id too long', { version: 1, type: 'runAll', requestId: 'x'.repeat(201) }, 'requestId'],
    ['a wrong trace', { version: 1, type: 'runAll', traceparent: 'x' }, 'traceparent'],
  ])('with %s is refused, and the field is named', (_, sent, named) => {
    const parsed = ExportRequest.safeParse(sent);
    expect(parsed.success).toBe(false);
    expect(reasonOf(parsed.error!)).toContain(named);
  });
});

const data = (fields: object = {}): object => ({
  api: 'PutBlob',
  eTag: '0x8D76A39E4407173',
  url: 'https://account.blob.core.windows.net/lake/ci/export/model.json',
  contentLength: 524,
  sequencer: '0000',
  ...fields,
});
const subject = '/blobServices/default/containers/lake/blobs/ci/export/model.json';
const eventGrid = (fields: object = {}): object => ({
  topic: '/subscriptions/x/storageAccounts/account',
  subject,
  eventType: 'Microsoft.Storage.BlobCreated',
  id: '831e1650',
  eventTime: '2026-06-26T18:41:00.9584103Z',
  data: data(),
  dataVersion: '',
  metadataVersion: '1',
  ...fields,
});
const cloudEvent = (fields: object = {}): object => ({
  source: '/subscriptions/x/storageAccounts/account',
  subject,
  type: 'Microsoft.Storage.BlobCreated',
  time: '2026-06-26T18:41:00.9584103Z',
  id: '831e1650',
  data: data(),
  specversion: '1.0',
  ...fields,
});
const read = (event: object, from: typeof source | undefined = source) => readBlobEvent(BlobEvent.parse(event), from);
const refreshed = { kind: 'refreshed', eTag: '0x8D76A39E4407173', by: 'model' };

describe('an event', () => {
  it.each([
    ['in Event Grid’s schema', eventGrid()],
    ['as a CloudEvent', cloudEvent()],
    ['with a quoted eTag', eventGrid({ data: data({ eTag: '"0x8D76A39E4407173"' }) })],
    ['of blocks', eventGrid({ data: data({ api: 'PutBlockList' }) })],
    ['of a copy', eventGrid({ data: data({ api: 'CopyBlob' }) })],
    [
      'of Data Lake',
      eventGrid({ data: data({ api: 'FlushWithClose', url: 'https://account.dfs.core.windows.net/lake/ci/export/model.json' }) }),
    ],
    [
      'of an emulator, whose addresses begin with the account',
      eventGrid({ data: data({ url: 'http://127.0.0.1:10000/account/lake/ci/export/model.json' }) }),
    ],
    ['without an address', eventGrid({ data: data({ url: undefined }) })],
    ['without a subject', cloudEvent({ subject: undefined })],
  ])('%s says that the refresh is done', (_, event) => {
    expect(looksLikeEvent(event as Record<string, unknown>)).toBe(true);
    expect(read(event)).toEqual(refreshed);
  });

  it.each(['default', 'Exports of é'])('of the manifest %s says so, too', (name) => {
    const file = `${name}.manifest.cdm.json`;
    const event = eventGrid({
      subject: subject.replace('model.json', file),
      data: data({ url: `https://account.dfs.core.windows.net/lake/ci/export/${encodeURIComponent(file)}` }),
    });
    expect(read(event)).toEqual({ ...refreshed, by: 'manifest' });
  });

  it('of a folder with blanks is known by its address in percent signs', () => {
    const event = eventGrid({
      subject: '/blobServices/default/containers/lake/blobs/Customer Insights/é/model.json',
      data: data({ url: 'https://account.blob.core.windows.net/lake/Customer%20Insights/%C3%A9/model.json' }),
    });
    expect(read(event, { container: 'lake', folder: '/Customer Insights/é/' })).toEqual(refreshed);
  });

  it.each([
    ['CreateFile, with nothing written yet', 'api', eventGrid({ data: data({ api: 'CreateFile', contentLength: 0 }) })],
    ['RenameFile', 'api', eventGrid({ data: data({ api: 'RenameFile' }) })],
    ['a deletion', 'type', eventGrid({ eventType: 'Microsoft.Storage.BlobDeleted' })],
    ['a rename', 'type', cloudEvent({ type: 'Microsoft.Storage.BlobRenamed' })],
    ['another container', 'blob', eventGrid({ subject: subject.replace('lake', 'pond') })],
    ['another folder', 'blob', eventGrid({ subject: subject.replace('ci/', 'old/ci/') })],
    ['a partition', 'blob', eventGrid({ subject: subject.replace('model.json', 'HighValue/1.csv') })],
    ['a manifest in a folder below', 'blob', eventGrid({ subject: subject.replace('model.json', 'HighValue/default.manifest.cdm.json') })],
    ['a description of an entity', 'blob', eventGrid({ subject: subject.replace('model.json', 'HighValue.cdm.json') })],
    ['a subject and an address of two files', 'blob', eventGrid({ subject: subject.replace('model.json', 'default.manifest.cdm.json') })],
    ['a file whose name ends alike', 'blob', eventGrid({ subject: subject.replace('model.json', 'old-model.json') })],
    [
      'an address that says otherwise',
      'blob',
      eventGrid({ data: data({ url: 'https://account.blob.core.windows.net/lake/other/model.json' }) }),
    ],
    ['a subject and no address that can be read', 'blob', cloudEvent({ subject: 'model.json', data: data({ url: undefined }) })],
    ['neither subject nor address', 'blob', cloudEvent({ subject: undefined, data: data({ url: undefined }) })],
  ])('of %s is left alone (%s)', (_, why, event) => {
    expect(read(event)).toEqual({ kind: 'ignored', why });
  });

  it('means nothing to a source without a model.json', () => {
    expect(readBlobEvent(BlobEvent.parse(eventGrid()), undefined)).toEqual({ kind: 'ignored', why: 'blob' });
  });

  it.each([
    ['data', eventGrid({ data: undefined })],
    ['data.api', eventGrid({ data: {} })],
    ['data.eTag', eventGrid({ data: data({ eTag: undefined }) })],
    ['data.eTag', cloudEvent({ data: data({ eTag: '""' }) })],
  ])('without %s is refused', (missing, event) => {
    const answer = read(event);
    expect(answer.kind).toBe('wrong');
    expect('reason' in answer && answer.reason).toContain(missing);
  });

  it('of another version of CloudEvents is not read', () => {
    expect(BlobEvent.safeParse(cloudEvent({ specversion: '0.3' })).success).toBe(false);
  });
});
