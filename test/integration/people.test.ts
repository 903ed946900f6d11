import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient, ContainerClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { createCaller } from '../support/api';
import type { ApiAnswer } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { accountState, ownAccount, putSource, reportOf, runBy } from '../support/run-cases';
import type { OwnAccount } from '../support/run-cases';
import { SOURCE, startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import type { Export } from '../../shared/exports/export';
import { newRunId } from '../../shared/new-ids';
import type { RunId } from '../../shared/ids';
import { toAddress, loadMemberKey } from '../../shared/people/address';
import type { ErasureView } from '../../shared/people/erasure';
import type { PersonTrace } from '../../shared/people/person-trace';
import { readEmails } from '../../shared/runs/email-log';
import { createHashKey } from '../../shared/runs/hash-key';
import { rowWithout } from '../../shared/people/erase-reports';
import { createRowReports } from '../../shared/runs/row-report';
import type { RowReports } from '../../shared/runs/row-report';
import { memberKey } from '../../shared/runs/member-key';
import { parseEnv } from '../../shared/env';
import { createServices } from '../../shared/services';
import { createStateStore } from '../../shared/runs/state-store';
import type { Services } from '../../shared/services';

const POST_JOB = 'POST /api/profile-bulk-import-jobs';
const ADA = 'ada.lovelace@example.com';

let fixture: RunnerFixture;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' }, env: { WEBSITE_AUTH_ENABLED: 'True' } });
}, 60_000);
afterAll(() => fixture.close());

const apps: Services[] = [];
const proxies: { close: () => Promise<void> }[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  for (const proxy of proxies.splice(0)) await proxy.close();
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
  // each test looks at its own exports only
  for await (const { value, etag } of fixture.services.exportStore.readAll({ signal: testSignal() })) {
    await fixture.services.exportStore.remove(value.id, { ifMatch: etag, signal: testSignal() });
    await fixture.services.removal.removeOf(value.id, { signal: testSignal() });
  }
});

interface Person {
  readonly id: string;
  readonly email: string;
  readonly firstName?: string;
  readonly phone?: string;
}
const people = (count: number): Person[] =>
  Array.from({ length: count }, (_, index) => ({ id: `c${index}`, email: `person${index}@example.com`, firstName: 'Max' }));

const FIELDS = ['CustomerId', 'EMail', 'FirstName', 'Telephone'];
/** Writes segments and the model that names them, in a folder of their own. */
const writeSegments = async (
  folder: string,
  segments: Readonly<Record<string, readonly Person[]>>,
  { containerUrl = fixture.source.url }: { containerUrl?: string } = {},
): Promise<void> => {
  for (const [name, rows] of Object.entries(segments)) {
    const lines = rows.map(({ id, email, firstName = '', phone = '' }) => `${id},${email},${firstName},${phone}\r\n`);
    await putSource(fixture, `${folder}/${name}_1.csv`, `${FIELDS.join(',')}\r\n${lines.join('')}`);
  }
  const entities = Object.keys(segments).map((name) => ({
    $type: 'LocalEntity',
    name,
    attributes: FIELDS.map((field) => ({ name: field, dataType: 'string' })),
    partitions: [
      {
        name: `${name}_1`,
        refreshTime: '2026-11-23T00:00:00+00:00',
        location: `${containerUrl}/${folder}/${name}_1.csv`,
        fileFormatSettings: { $type: 'CsvFormatSettings', columnHeaders: true, delimiter: ',', encoding: 'UTF-8' },
      },
    ],
  }));
  const model = { application: 'Customer Insights', name: 'Test', version: '1.0', modifiedTime: '2026-11-23T00:00:00+00:00', entities };
  await putSource(fixture, `${folder}/model.json`, JSON.stringify(model));
};

interface Case {
  readonly folder: string;
  readonly own: OwnAccount;
  readonly app: Services;
  readonly call: ReturnType<typeof createCaller>['call'];
}
const aCase = async (segments: Readonly<Record<string, readonly Person[]>>): Promise<Case> => {
  const folder = `case-${randomUUID()}`;
  await writeSegments(folder, segments);
  const app = fixture.newInstance({ SOURCE_FOLDER: folder });
  apps.push(app);
  const { call } = createCaller(app, { tenantId: fixture.vault.tenantId });
  return { folder, own: await ownAccount(fixture), app, call };
};
const anExport = ({ own }: Case, more: Partial<Record<keyof Export, unknown>> = {}): Promise<Export> =>
  fixture.anExport(own.connection, {
    listId: own.listId,
    segments: ['Vip'],
    mapping: { email: 'EMail', firstName: 'FirstName' },
    canaryRows: 0,
    ...more,
  });
const trace = async ({ call }: Pick<Case, 'call'>, email: string): Promise<PersonTrace> => {
  const answer: ApiAnswer = await call('POST', '/api/people/trace', { body: { email } });
  if (answer.status !== 200) throw new Error(`the trace answered ${answer.status}: ${answer.text}`);
  return answer.json as unknown as PersonTrace;
};
const ofExport = ({ exports }: PersonTrace, { id }: Pick<Export, 'id'>) => exports.find((one) => one.id === id)!;

describe('the trace of a person', () => {
  it('tells where the address stands, which row wins, what would be sent, which run and job sent it, and since when it is on the list', async () => {
    const twice = [
      { id: 'c-first', email: 'Ada.Lovelace@Example.com', firstName: 'Ada', phone: '+1 (415) 555-2671' },
      { id: 'c-second', email: ADA, firstName: 'Augusta', phone: '12' },
    ];
    const one = await aCase({ Vip: [...people(20), ...twice], Loyal: [{ id: 'c-loyal', email: ADA, firstName: 'A.', phone: '12' }] });
    const vip = await anExport(one, { name: 'Vip' });
    const both = await anExport(one, {
      name: 'Both',
      segments: ['Loyal', 'Vip'],
      mapping: { email: 'EMail', phoneNumber: 'Telephone', properties: [{ field: 'FirstName', name: 'first' }] },
    });
    const before = new Date(Date.now() - 2_000).toISOString();
    const run = await runBy(fixture, one.app, vip);
    expect(run.state).toBe('successful');

    const found = await trace(one, `  ${ADA.toUpperCase()} `);
    expect(found).toMatchObject({ email: ADA, valid: true });
    const ofVip = ofExport(found, vip);
    expect(ofVip.segments).toMatchObject([{ name: 'Vip', rows: 2, complete: true }]);
    expect(ofVip.rows).toEqual([
      { segment: 'Vip', customerId: 'c-first', wins: true, phoneDropped: false, profile: { email: ADA, first_name: 'Ada' } },
      { segment: 'Vip', customerId: 'c-second', wins: false, phoneDropped: false, profile: { email: ADA, first_name: 'Augusta' } },
    ]);
    const [batch] = (await fixture.services.runStore.find(run.id, { signal: testSignal() }))!.document.staged!.batches;
    expect(ofVip.state).toMatchObject({
      ...{ known: true, runId: run.id, runNumber: 1, batch: 1, sure: true, jobOpen: false },
      jobIds: batch!.jobs.map(({ id }) => id),
    });
    expect(ofVip.state.jobIds).toHaveLength(1);
    expect(ofVip.lists).toMatchObject([{ accountId: one.own.accountId, listId: one.own.listId, onList: true }]);
    expect(Date.parse(ofVip.lists[0]!.joinedAt!)).toBeGreaterThan(Date.parse(before));
    // the other customer's row of the address lost
    expect(ofVip.reports).toMatchObject([{ stage: 'duplicates', code: 'duplicate', customerId: 'c-second', detail: 'customer c-first' }]);

    const ofBoth = ofExport(found, both);
    expect(ofBoth.segments.map(({ name, rows }) => [name, rows])).toEqual([
      ['Loyal', 1],
      ['Vip', 2],
    ]);
    expect(ofBoth.rows).toEqual([
      { segment: 'Loyal', customerId: 'c-loyal', wins: true, phoneDropped: true, profile: { email: ADA, properties: { first: 'A.' } } },
      {
        ...{ segment: 'Vip', customerId: 'c-first', wins: false, phoneDropped: false },
        profile: { email: ADA, phone_number: '+14155552671', properties: { first: 'Ada' } },
      },
      {
        segment: 'Vip',
        customerId: 'c-second',
        wins: false,
        phoneDropped: true,
        profile: { email: ADA, properties: { first: 'Augusta' } },
      },
    ]);
    expect(ofBoth.state).toEqual({ known: false });
  });

  it('names the row that the next run takes where an earlier run has found the address to be shared', async () => {
    const [first, second] = [
      { id: 'c-2', email: ADA, firstName: 'Ada' },
      { id: 'c-1', email: ADA, firstName: 'Augusta' },
    ];
    const one = await aCase({ Vip: [...people(3), first, second] });
    const segmentExport = await anExport(one);
    await runBy(fixture, one.app, segmentExport);
    const winners = async () => {
      const { rows } = ofExport(await trace(one, ADA), segmentExport);
      return rows.map(({ customerId, wins }) => [customerId, wins]);
    };
    // Klaviyo has the values of c-2, whatever the order
    await writeSegments(one.folder, { Vip: [second, ...people(3), first] });
    expect(await winners()).toEqual([
      ['c-1', false],
      ['c-2', true],
    ]);
    expect((await runBy(fixture, one.app, segmentExport)).counts).toMatchObject({ sent: 0, unchanged: 4, duplicates: 1 });
    await writeSegments(one.folder, { Vip: [{ ...first, firstName: 'A.' }, ...people(3), second] });
    expect(await winners()).toEqual([
      ['c-2', false],
      ['c-1', true],
    ]);
    await runBy(fixture, one.app, segmentExport);
    await writeSegments(one.folder, { Vip: [first, ...people(3), second] });
    expect((await runBy(fixture, one.app, segmentExport)).counts).toMatchObject({ sent: 0, unchanged: 4 });
  });

  it('reads each segment once, whatever number of exports uses it', async () => {
    const proxy = await startCountingProxy(fixture.azurite);
    proxies.push(proxy);
    const folder = `case-${randomUUID()}`;
    const containerUrl = new ContainerClient(proxy.connectionString, SOURCE).url;
    await writeSegments(folder, { Vip: people(3), Loyal: people(2) }, { containerUrl });
    const app = fixture.newInstance({ SOURCE_FOLDER: folder, SOURCE_CONNECTION_STRING: proxy.connectionString });
    apps.push(app);
    const one: Case = { folder, app, own: await ownAccount(fixture), call: createCaller(app, { tenantId: fixture.vault.tenantId }).call };
    for (const segments of [['Vip'], ['Vip', 'Loyal'], ['Loyal', 'Vip']]) await anExport(one, { segments });
    let found: PersonTrace | undefined;
    const calls = await proxy.during(async () => {
      found = await trace(one, 'person1@example.com');
    });
    expect(found!.exports.map(({ rows }) => rows.length).sort()).toEqual([1, 2, 2]);
    const reads = calls.filter((call) => call.startsWith('GET') && call.includes('.csv')).map((call) => /(\w+)_1\.csv/.exec(call)![1]);
    expect(reads.sort()).toEqual(['Loyal', 'Vip']);
  });

  it('tells what Klaviyo said of a rejected row, and that the payload is not known to be there', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }] });
    const segmentExport = await anExport(one);
    await fixture.fault({ endpoint: POST_JOB, account: one.own.accountId, fault: { kind: 'row_errors', emails: [ADA] } });
    const run = await runBy(fixture, one.app, segmentExport);
    expect(run.counts.rejected).toBe(1);
    const { reports, state, lists } = ofExport(await trace(one, ADA), segmentExport);
    expect(reports).toEqual([
      {
        ...{ runId: run.id, at: run.endedAt, stage: 'rejected', segment: 'Vip', customerId: 'c-ada', code: 'invalid' },
        ...{ detail: 'Refused by the fault plan.', whatToDo: expect.stringContaining('Klaviyo refused the row') },
      },
    ]);
    expect(state).toMatchObject({ known: true, runId: run.id, sure: false });
    expect(lists).toMatchObject([{ onList: false }]);
  });

  it('says of an address that no run would send why, and which reports name it', async () => {
    const one = await aCase({ Vip: [...people(80), { id: 'c-bad', email: 'Ada@@Example.com' }] });
    const segmentExport = await anExport(one);
    const run = await runBy(fixture, one.app, segmentExport);
    const found = await trace(one, 'ada@@example.com');
    expect(found).toMatchObject({ valid: false, reason: { code: 'email_invalid', message: expect.stringContaining('not valid') } });
    const { rows, reports, state, lists } = ofExport(found, segmentExport);
    expect(rows).toEqual([{ segment: 'Vip', customerId: 'c-bad', wins: false, phoneDropped: false, refusedAs: 'email_invalid' }]);
    expect(reports).toMatchObject([{ runId: run.id, stage: 'invalid', customerId: 'c-bad', code: 'email_invalid' }]);
    expect(state).toEqual({ known: false });
    expect(lists).toMatchObject([{ onList: false }]);
  });

  it('names the former list, a held removal, and the run of an older mark', async () => {
    const one = await aCase({ Vip: [...people(40), { id: 'c-ada', email: ADA, firstName: 'Ada' }] });
    const segmentExport = await anExport(one, { membership: 'mirror', guardCount: 0, guardShare: 0 });
    const first = await runBy(fixture, one.app, segmentExport);
    await writeSegments(one.folder, { Vip: people(40) });
    const second = await runBy(fixture, one.app, segmentExport);
    expect(second.counts.held).toBe(1);
    const held = ofExport(await trace(one, ADA), segmentExport);
    expect(held.reports).toMatchObject([{ runId: second.id, stage: 'held', code: 'removal_held' }]);
    expect(held.segments).toMatchObject([{ rows: 0 }]);
    // the second run did not carry the person
    expect(held.state).toMatchObject({ known: true, runId: first.id, runNumber: 1, sure: true });

    const { value, etag } = (await fixture.services.exportStore.find(segmentExport.id, { signal: testSignal() }))!;
    const moved = Object.assign({}, value, { listId: 'OTHER1' });
    await fixture.services.exportStore.replace(moved, { ifMatch: etag, signal: testSignal() });
    const { lists } = ofExport(await trace(one, ADA), segmentExport);
    expect(lists.map(({ listId }) => listId)).toEqual(['OTHER1', one.own.listId]);
    expect(lists[0]!.unknown).toMatchObject({ code: 'not_found' });
    expect(lists[1]).toMatchObject({ onList: true });
  });

  it('answers also where a segment, a state or Klaviyo cannot be read, and says why', async () => {
    const one = await aCase({ Vip: [{ id: 'c-ada', email: ADA }] });
    const segmentExport = await anExport(one, { segments: ['Vip'] });
    await runBy(fixture, one.app, segmentExport);
    const other = await ownAccount(fixture, { wrongKey: true });
    const broken = await fixture.anExport(other.connection, {
      listId: other.listId,
      segments: ['Nowhere', 'Vip'],
      mapping: { email: 'Mail' },
    });
    await fixture.services.containers.state.removeAll(`${segmentExport.id}/`, { signal: testSignal() });

    const found = await trace(one, ADA);
    expect(ofExport(found, segmentExport).state).toEqual({ unknown: { code: 'state_unreadable', message: expect.any(String) } });
    expect(ofExport(found, segmentExport).lists).toMatchObject([{ onList: true }]);
    const { segments, lists, rows } = ofExport(found, broken);
    expect(segments.map(({ unknown }) => unknown?.code)).toEqual(['segment_unknown', 'field_unknown']);
    expect(rows).toEqual([]);
    expect(lists).toEqual([
      { accountId: other.accountId, listId: other.listId, unknown: { code: 'key_refused', message: expect.stringContaining('key') } },
    ]);
  });

  it('is logged with who and when, and the address as a keyed hash only', async () => {
    const one = await aCase({ Vip: people(1) });
    const { person, tracedAt } = await trace(one, ADA);
    expect(person).toMatch(/^[0-9a-f]{24}$/);
    const { entries } = await one.app.activity.page({}, { size: 1, signal: testSignal() });
    expect(entries).toEqual([
      expect.objectContaining({ kind: 'person_traced', by: expect.stringMatching(/^[0-9a-f-]{36}$/), byName: expect.any(String), person }),
    ]);
    expect(entries[0]!.at >= tracedAt).toBe(true);
    expect((await trace(one, ADA.toUpperCase())).person).toBe(person);
    expect((await trace(one, 'person0@example.com')).person).not.toBe(person);
  });

  it('is done for two at a time, as each reads whole segments', async () => {
    const one = await aCase({ Vip: people(1) });
    const ask = () => one.call('POST', '/api/people/trace', { body: { email: ADA } });
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 409]);
    expect((await ask()).status).toBe(200);
  });

  it.each([[{}], [{ email: '' }], [{ email: ADA, more: true }], [{ email: 'x'.repeat(1_001) }]])('refuses %j', async (body) => {
    const { call } = await aCase({ Vip: [] });
    expect((await call('POST', '/api/people/trace', { body })).status).toBe(400);
  });
});

it('makes no profile', async () => {
  const one = await aCase({ Vip: people(1) });
  await anExport(one);
  await trace(one, ADA);
  expect(await accountState(fixture, one.own.accountId)).toMatchObject({ profiles: 0, jobs: 0 });
});

/** Everything that our storage holds, but for the source: blobs (unpacked), rows and messages, by where it lies. */
const everything = async (): Promise<Map<string, Buffer>> => {
  const { connectionString } = fixture.azurite;
  const found = new Map<string, Buffer>();
  const blobs = BlobServiceClient.fromConnectionString(connectionString);
  for await (const { name: container } of blobs.listContainers()) {
    if (container === SOURCE) continue;
    const client = blobs.getContainerClient(container);
    for await (const { name } of client.listBlobsFlat()) {
      const body = await client.getBlobClient(name).downloadToBuffer();
      const packed = body[0] === 0x1f && body[1] === 0x8b;
      found.set(`${container}/${name}`, Buffer.concat([Buffer.from(`${name}\n`), packed ? gunzipSync(body) : body]));
    }
  }
  const tables = TableServiceClient.fromConnectionString(connectionString, { allowInsecureConnection: true });
  for await (const { name } of tables.listTables()) {
    const table = TableClient.fromConnectionString(connectionString, name!, { allowInsecureConnection: true });
    for await (const row of table.listEntities()) found.set(`${name}:${row.partitionKey}:${row.rowKey}`, Buffer.from(JSON.stringify(row)));
  }
  const queues = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of queues.listQueues()) {
    const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages({ numberOfMessages: 32 });
    for (const { messageId, messageText } of peekedMessageItems) found.set(`${name}?${messageId}`, Buffer.from(messageText));
  }
  return found;
};
/** Where the address, or its key as member states hold it, still stands. */
const tracesOf = async (app: Services, email: string): Promise<string[]> => {
  loadMemberKey(toAddress(email), await createHashKey({ secrets: app.secrets })({ signal: testSignal() }));
  const { a, b, c } = memberKey;
  const key = Buffer.from(new Uint32Array([a, b, c]).buffer);
  const holds = (body: Buffer) => body.toString('latin1').toLowerCase().includes(email) || body.includes(key);
  return [...(await everything())].filter(([, body]) => holds(body)).map(([where]) => where);
};

const requestErase = async ({ call }: Pick<Case, 'call'>, body: { email: string; removeFromLists?: boolean }): Promise<ErasureView> => {
  const answer = await call('POST', '/api/people/erase', { body });
  if (answer.status !== 202) throw new Error(`the erase answered ${answer.status}: ${answer.text}`);
  expect(answer.headers.get('location')).toBe(`/api/people/erase/${String(answer.json.id)}`);
  return answer.json as unknown as ErasureView;
};
const getErasure = async ({ call }: Pick<Case, 'call'>, id: string): Promise<ErasureView> => {
  const answer = await call('GET', `/api/people/erase/${id}`);
  expect(answer.status).toBe(200);
  return answer.json as unknown as ErasureView;
};
/** Ticks until the erasure is done, while the host works off the queue. */
const erased = async (one: Case, id: string): Promise<ErasureView> => {
  let done: ErasureView | undefined;
  const until = Date.now() + 90_000;
  await Promise.all([
    (async () => {
      while (done?.state !== 'done') {
        if (Date.now() > until) throw new Error(`the erasure is not done: ${JSON.stringify(done)}`);
        await one.app.erasures.tick({ signal: testSignal() });
        done = await getErasure(one, id);
      }
    })(),
    fixture.pump(() => Promise.resolve(done?.state === 'done' || Date.now() > until), { app: one.app }),
  ]);
  return done!;
};
const stateOf = async ({ id }: Pick<Export, 'id'>) => {
  const { signal } = { signal: testSignal() };
  const activity = await fixture.services.activities.get(id, { signal });
  const states = createStateStore({ blobs: fixture.services.containers.state });
  const state = await states.load(id, activity.stateGeneration, { signal });
  const log = await states.openEmails(id, activity.stateGeneration, { signal });
  const emails: string[] = [];
  if (log) for await (const email of readEmails(log)) emails.push(email);
  return { activity, size: state.kind === 'loaded' ? state.table.size : undefined, kind: state.kind, emails: log ? emails : undefined };
};
const membersOf = ({ own }: Case) => fixture.members(own.listId, own.accountId);

describe('the erasure of a person', () => {
  it('takes them out of every state, log, report and list, and nobody else out of anything', async () => {
    const ada = { id: 'c-ada', email: ADA, firstName: 'Ada' };
    const near = { id: 'c-near', email: 'ada.lovelace@example.co', firstName: 'Near' };
    const bad = { id: 'c-bad', email: 'no@@where' };
    const one = await aCase({ Vip: [...people(70), ada, near, bad], Loyal: [...people(3), ada] });
    const mirror = await anExport(one, { membership: 'mirror' });
    await runBy(fixture, one.app, mirror);
    await fixture.fault({ endpoint: POST_JOB, account: one.own.accountId, fault: { kind: 'row_errors', emails: [ADA, near.email] } });
    const add = await anExport(one, { segments: ['Vip', 'Loyal'] });
    const rejected = await runBy(fixture, one.app, add);
    expect(rejected.counts.rejected).toBe(2);
    await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    await runBy(fixture, one.app, mirror); // a second generation, so that there is an older one
    const before = await tracesOf(one.app, ADA);
    for (const place of [/^state\/.*\d$/, /^state\/.*\.emails$/, /^runs\/.*rejected-/])
      expect(before).toContainEqual(expect.stringMatching(place));
    expect(await membersOf(one)).toContain(ADA);
    // a run that died left its staged data
    await fixture.services.containers.staged.write(`${rejected.id}/0001/emails`, gzipSync(`${ADA}\n`), { signal: testSignal() });

    await writeSegments(one.folder, { Vip: [...people(70), near, bad], Loyal: people(3) });
    const { id, state } = await requestErase(one, { email: ` ${ADA.toUpperCase()}`, removeFromLists: true });
    expect(state).toBe('waiting');
    const done = await erased(one, id);
    expect(done).toMatchObject({
      ...{
        state: 'done',
        waitingFor: [],
        removeFromLists: true,
        byName: expect.any(String),
        person: expect.stringMatching(/^[0-9a-f]{24}$/),
      },
      counts: { states: 2, statesRemoved: 0, runsStopped: 0, reports: 2, reportRows: 2, stagedRuns: 1, lists: 1 },
      lists: [{ accountId: one.own.accountId, listId: one.own.listId, state: 'removed' }],
    });
    expect(done.segments.map(({ segment, stillInSource }) => [segment, stillInSource]).sort()).toEqual([
      ['Loyal', false],
      ['Vip', false],
    ]);
    expect(await tracesOf(one.app, ADA)).toEqual([]);

    const others = [...people(70).map(({ email }) => email), near.email].sort();
    expect(await membersOf(one)).toEqual(others);
    expect(await stateOf(mirror)).toMatchObject({ kind: 'loaded', size: 71 });
    expect((await stateOf(mirror)).emails!.sort()).toEqual(others);
    const kept = await reportOf(fixture, rejected, 'rejected');
    expect(kept.map(([customerId]) => customerId)).toEqual(['c-near']);
    expect((await reportOf(fixture, rejected, 'invalid')).map(([customerId]) => customerId)).toEqual(['c-bad']);

    // the states go on as if the person had never been in them: the right leaver goes, nobody is sent again
    await writeSegments(one.folder, { Vip: [...people(69), near, bad], Loyal: people(3) });
    const next = await runBy(fixture, one.app, mirror);
    expect(next.counts).toMatchObject({ removed: 0, sent: 0, unchanged: 70 });
    const { removed: _, ...more } = (await runBy(fixture, one.app, add)).counts;
    expect(more).toMatchObject({ sent: 1, unchanged: 69 });
  });

  it('stops the runs that carry them, waits for their end, and lets what was interrupted begin anew', async () => {
    const one = await aCase({ Vip: [...people(30), { id: 'c-ada', email: ADA }] });
    const segmentExport = await anExport(one);
    const other = await anExport(one, { name: 'Without', segments: ['Loyal'] });
    await writeSegments(one.folder, { Vip: [...people(30), { id: 'c-ada', email: ADA }], Loyal: people(5) });
    // both wait in settle for their job
    await fixture.fault({ endpoint: POST_JOB, account: one.own.accountId, fault: { kind: 'job_delay', ms: 8_000 }, count: 2 });
    const start = async (exportId: Export['id']) =>
      (
        await one.app.runs.start(
          { exportId, trigger: { kind: 'schedule', by: 'schedule' }, full: false, dryRun: false },
          { signal: testSignal() },
        )
      ).run.id;
    const carrying = await start(segmentExport.id);
    const without = await start(other.id);
    const phaseOf = async (id: RunId) => (await fixture.services.runs.get(id, { signal: testSignal() })).phase;
    await fixture.pump(async () => (await phaseOf(carrying)) === 'settle' && (await phaseOf(without)) === 'settle', { app: one.app });

    await writeSegments(one.folder, { Vip: people(30), Loyal: people(5) });
    const { id } = await requestErase(one, { email: ADA, removeFromLists: true });
    const done = await erased(one, id);
    expect(done).toMatchObject({ counts: { runsStopped: 1 }, lists: [{ state: 'removed' }] });
    expect(await fixture.services.runs.get(carrying, { signal: testSignal() })).toMatchObject({
      ...{ state: 'canceled', error: { code: 'erased', message: expect.stringContaining('a person is being erased') } },
    });
    await fixture.pump(() => fixture.ended(without), { app: one.app });
    expect(await fixture.services.runs.get(without, { signal: testSignal() })).toMatchObject({ state: 'successful' });

    const { activeRunId, claim } = await fixture.services.activities.get(segmentExport.id, { signal: testSignal() });
    expect(claim).toBeUndefined();
    const runs = await fixture.services.runStore.newestOfExport(segmentExport.id, { size: 5, signal: testSignal() });
    expect(runs.map(({ trigger }) => trigger.kind)).toEqual(['schedule', 'schedule']);
    if (activeRunId) await fixture.pump(() => fixture.ended(activeRunId), { app: one.app });
    expect(await fixture.services.runs.get(runs[0]!.id, { signal: testSignal() })).toMatchObject({ state: 'successful' });
    expect(await membersOf(one)).toEqual(
      people(30)
        .map(({ email }) => email)
        .sort(),
    );
    expect(await tracesOf(one.app, ADA)).toEqual([]);
  });

  it('lets a run read the source first, and stops it only when that takes long', async () => {
    const one = await aCase({ Vip: people(5) });
    const segmentExport = await anExport(one);
    const trigger = { kind: 'onDemand', by: 'tester' } as const;
    const start = async () =>
      (await one.app.runs.start({ exportId: segmentExport.id, trigger, full: false, dryRun: false }, { signal: testSignal() })).run.id;
    const young = await start();
    expect(await erased(one, (await requestErase(one, { email: ADA })).id)).toMatchObject({ counts: { runsStopped: 0 } });
    await fixture.pump(() => fixture.ended(young), { app: one.app });
    expect(await fixture.services.runs.get(young, { signal: testSignal() })).toMatchObject({ state: 'successful' });

    const slow = await start(); // nobody takes its message for two minutes
    const environment = { ...fixture.environment, SOURCE_FOLDER: one.folder };
    const later = createServices(parseEnv(environment), { now: () => new Date(Date.now() + 120_000) });
    apps.push(later);
    const { id } = await requestErase(one, { email: ADA });
    const ticking = later.erasures.tick({ signal: testSignal() });
    while ((await getErasure(one, id)).counts.runsStopped === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await erased({ ...one, app: later }, id)).toMatchObject({ counts: { runsStopped: 1, states: 0 } });
    await ticking;
    expect(await fixture.services.runs.get(slow, { signal: testSignal() })).toMatchObject({ state: 'canceled' });
    const { activeRunId } = await fixture.services.activities.get(segmentExport.id, { signal: testSignal() });
    if (activeRunId) await fixture.pump(() => fixture.ended(activeRunId), { app: one.app });
    const runs = await fixture.services.runStore.newestOfExport(segmentExport.id, { size: 5, signal: testSignal() });
    expect(runs.map(({ state }) => state)).toEqual(['successful', 'canceled', 'successful']);
  });

  it('stops a run that left the state of the person behind, as that stays for a while', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }] });
    const segmentExport = await anExport(one);
    await runBy(fixture, one.app, segmentExport);
    // another mapping of members: a mirror begins with nobody
    const { value, etag } = (await fixture.services.exportStore.find(segmentExport.id, { signal: testSignal() }))!;
    await fixture.services.exportStore.replace({ ...value, membership: 'mirror' }, { ifMatch: etag, signal: testSignal() });
    await writeSegments(one.folder, { Vip: people(5) });
    await fixture.fault({ endpoint: POST_JOB, account: one.own.accountId, fault: { kind: 'job_delay', ms: 5_000 } });
    const { run } = await one.app.runs.start(
      { exportId: segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: testSignal() },
    );
    await fixture.pump(async () => (await fixture.services.runs.get(run.id, { signal: testSignal() })).phase === 'settle', {
      app: one.app,
    });
    expect(await erased(one, (await requestErase(one, { email: ADA })).id)).toMatchObject({ counts: { runsStopped: 1 } });
    expect(await tracesOf(one.app, ADA)).toEqual([]);
  });

  it('says where the person still stands in the source, as the next run brings them back', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }], Loyal: people(2) });
    const segmentExport = await anExport(one, { segments: ['Vip', 'Loyal'] });
    await runBy(fixture, one.app, segmentExport);
    const done = await erased(one, (await requestErase(one, { email: ADA })).id);
    expect(done.segments).toEqual([
      { segment: 'Vip', stillInSource: true, exportIds: [segmentExport.id] },
      { segment: 'Loyal', stillInSource: false, exportIds: [segmentExport.id] },
    ]);
    expect(done).toMatchObject({ lists: [], counts: { lists: 0, states: 1 } });
    expect(await membersOf(one)).toContain(ADA); // not asked to take them off
    expect(await tracesOf(one.app, ADA)).toEqual([]);
    expect((await runBy(fixture, one.app, segmentExport)).counts).toMatchObject({ sent: 1, unchanged: 5 });
  });

  it('is done once, however many instances go on with it', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }] });
    const segmentExport = await anExport(one, { membership: 'mirror' });
    await runBy(fixture, one.app, segmentExport);
    const { stateGeneration } = (await stateOf(segmentExport)).activity;
    const ids = [(await requestErase(one, { email: ADA })).id, (await requestErase(one, { email: ADA })).id];
    const instances = [one.app, fixture.newInstance({ SOURCE_FOLDER: one.folder }), fixture.newInstance({ SOURCE_FOLDER: one.folder })];
    apps.push(...instances.slice(1));
    await Promise.all(instances.map((app) => app.erasures.tick({ signal: testSignal() })));
    const done = await Promise.all(ids.map((id) => erased(one, id)));
    expect(done.map(({ counts }) => counts.states).sort()).toEqual([0, 1]);
    const { kind, size, activity } = await stateOf(segmentExport);
    expect([kind, size, activity.stateGeneration]).toEqual(['loaded', 5, stateGeneration + 2]);
    expect(await tracesOf(one.app, ADA)).toEqual([]);
  });

  it('says why a person cannot be taken off a list, and is done all the same', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }] });
    await runBy(fixture, one.app, await anExport(one));
    await one.app.secrets.set(one.own.connection.secretName, 'pk_of_nobody', { signal: testSignal() });
    const done = await erased(one, (await requestErase(one, { email: ADA, removeFromLists: true })).id);
    expect(done).toMatchObject({
      state: 'done',
      counts: { states: 1, lists: 0 },
      lists: [{ state: 'failed', reason: expect.any(String) }],
    });
    expect(await tracesOf(one.app, ADA)).toEqual([]);
  });

  it('takes an address that no run would send out of the reports', async () => {
    const one = await aCase({ Vip: [...people(80), { id: 'c-bad', email: 'Ada@@Example.com' }, { id: 'c-too', email: 'max@' }] });
    const run = await runBy(fixture, one.app, await anExport(one));
    expect(await tracesOf(one.app, 'ada@@example.com')).toHaveLength(1);
    const done = await erased(one, (await requestErase(one, { email: 'ada@@example.com', removeFromLists: true })).id);
    expect(done).toMatchObject({ counts: { reports: 1, reportRows: 1, states: 0 }, lists: [{ state: 'notOnList' }] });
    expect(await tracesOf(one.app, 'ada@@example.com')).toEqual([]);
    expect((await reportOf(fixture, run, 'invalid')).map(([customerId]) => customerId)).toEqual(['c-too']);
  });

  it('removes a state whole that cannot be read, and one whose addresses do not belong to it', async () => {
    const one = await aCase({ Vip: [...people(5), { id: 'c-ada', email: ADA }] });
    const cut = await anExport(one);
    const mixed = await anExport(one, { membership: 'mirror' });
    await runBy(fixture, one.app, cut);
    await runBy(fixture, one.app, mixed);
    const { state } = fixture.services.containers;
    const nameOf = async ({ id }: Export) => `${id}/${String((await stateOf({ id })).activity.stateGeneration).padStart(10, '0')}`;
    const whole = (await state.find(await nameOf(cut), { signal: testSignal() }))!.body;
    await state.write(await nameOf(cut), whole.subarray(0, whole.length - 40), { signal: testSignal() });
    await state.write(`${await nameOf(mixed)}.emails`, gzipSync(`${ADA}\n`), { signal: testSignal() });
    const done = await erased(one, (await requestErase(one, { email: ADA })).id);
    expect(done.counts).toMatchObject({ states: 0, statesRemoved: 2 });
    expect(await tracesOf(one.app, ADA)).toEqual([]);
    expect((await runBy(fixture, one.app, mixed)).counts).toMatchObject({ sent: 6, removed: 0 });
  });

  it('keeps state and log whole and together, wherever it dies', async () => {
    const one = await aCase({ Vip: [...people(25), { id: 'c-ada', email: ADA }, ...people(50).slice(25)] });
    const segmentExport = await anExport(one, { membership: 'mirror' });
    const run = await runBy(fixture, one.app, segmentExport);
    const invalid = createRowReports({ blobs: fixture.services.containers.runs }).leftOutWriter(run.id, 'invalid', 1, {
      signal: testSignal(),
    });
    const rows = [...people(3_000), { id: 'c-ada', email: ADA }, ...people(3_000)];
    for (const { id: customerId, email } of rows) {
      invalid.add({ customerId, email, segment: 'Vip', code: 'profile_too_large' });
      await invalid.room();
    }
    await invalid.end();
    // a run that died left its staged data
    await fixture.services.containers.staged.write(`${run.id}/0001/emails`, gzipSync(`${ADA}\n`), { signal: testSignal() });
    await writeSegments(one.folder, { Vip: people(50) });
    const { id } = await requestErase(one, { email: ADA });

    let left = 0;
    let death = new AbortController();
    const proxy = await startCountingProxy(fixture.azurite, {
      onCall: () => {
        if ((left -= 1) === 0) death.abort(new DOMException('The process has died.', 'AbortError'));
      },
    });
    proxies.push(proxy);
    const mortal = fixture.newInstance({ SOURCE_FOLDER: one.folder, AzureWebJobsStorage: proxy.connectionString });
    apps.push(mortal);
    const lease = BlobServiceClient.fromConnectionString(fixture.azurite.connectionString)
      .getContainerClient('people')
      .getBlobClient(`open/${id}.json`)
      .getBlobLeaseClient();
    let deaths = 0;
    for (let calls = 3; (await getErasure(one, id)).state !== 'done'; calls += 1) {
      left = calls;
      death = new AbortController();
      await mortal.erasures.tick({ signal: death.signal }).catch(() => undefined);
      if (death.signal.aborted) deaths += 1;
      await lease.breakLease(0).catch(() => undefined); // as time would
      const { kind, size, emails } = await stateOf(segmentExport);
      expect([kind, emails?.length]).toEqual(['loaded', size]);
      expect([51, 50]).toContain(size);
    }
    expect(deaths).toBeGreaterThan(15);
    const kept = await reportOf(fixture, run, 'invalid');
    expect(kept.map(([customerId]) => customerId)).toEqual(rows.filter(({ email }) => email !== ADA).map((row) => row.id));
    const files: string[] = [];
    for await (const { name } of fixture.services.containers.runs.list(`${run.id}/rows/`, { signal: testSignal() })) files.push(name);
    expect(files).toEqual([`${run.id}/rows/invalid-0001.ndjson`]);
    // what was done by a step that died before it said so is not counted, and nothing twice
    for (const count of Object.values((await getErasure(one, id)).counts)) expect(count).toBeLessThanOrEqual(1);
    expect(await tracesOf(one.app, ADA)).toEqual([]);
    const { claim } = await fixture.services.activities.get(segmentExport.id, { signal: testSignal() });
    expect(claim).toBeUndefined();

    // the log still names each record's own address: whoever leaves now is the one that is removed
    await fixture.members(one.own.listId, one.own.accountId);
    await writeSegments(one.folder, { Vip: people(50).filter((_, index) => index !== 40) });
    expect((await runBy(fixture, one.app, segmentExport)).counts).toMatchObject({ removed: 1, unchanged: 49, sent: 0 });
    expect(await membersOf(one)).toEqual(
      [
        ...people(50)
          .filter((_, index) => index !== 40)
          .map(({ email }) => email),
        ADA,
      ].sort(),
    );
  });
});

it('a report that is written anew stays whole, wherever that dies', async () => {
  let left = 0;
  let death = new AbortController();
  const proxy = await startCountingProxy(fixture.azurite, {
    onCall: () => {
      if ((left -= 1) === 0) death.abort(new DOMException('The process has died.', 'AbortError'));
    },
  });
  proxies.push(proxy);
  const mortal = fixture.newInstance({ AzureWebJobsStorage: proxy.connectionString });
  apps.push(mortal);
  const [dying, healthy] = [mortal, fixture.services].map(({ containers }) => createRowReports({ blobs: containers.runs })) as [
    RowReports,
    RowReports,
  ];
  const change = rowWithout(toAddress(ADA));
  const rows = [...people(2), { id: 'c-ada', email: ADA }, ...people(5).slice(2)];
  let deaths = 0;
  for (let calls = 1; calls < 100; calls += 1) {
    const runId = newRunId(new Date());
    const invalid = healthy.leftOutWriter(runId, 'invalid', 1, { signal: testSignal() });
    for (const { id: customerId, email } of rows) invalid.add({ customerId, email, segment: 'Vip', code: 'profile_too_large' });
    await invalid.end();
    left = calls;
    death = new AbortController();
    await dying.rewrite(`${runId}/rows/invalid-0001.ndjson`, ADA, change, { signal: death.signal }).catch(() => undefined);
    const names: string[] = [];
    for await (const { name, runId: of } of healthy.readNames({ after: '', signal: testSignal() })) if (of === runId) names.push(name);
    for (const name of names) await healthy.rewrite(name, ADA, change, { signal: testSignal() });
    const cells: string[] = [];
    for await (const text of healthy.readCsv(runId, 'invalid', { signal: testSignal() }))
      cells.push(...text.split('\r\n').map((line) => line.split(',')[0]!));
    expect(cells.filter((cell) => cell.startsWith('c'))).toEqual(['c0', 'c1', 'c2', 'c3', 'c4']);
    const files: string[] = [];
    for await (const { name } of fixture.services.containers.runs.list(`${runId}/rows/`, { signal: testSignal() })) files.push(name);
    expect(files).toEqual([`${runId}/rows/invalid-0001.ndjson`]);
    if (!death.signal.aborted) break;
    deaths += 1;
  }
  expect(deaths).toBeGreaterThan(6);
});

describe('a claimed export', () => {
  const claimed = async (forMs: number) => {
    const one = await aCase({ Vip: people(5) });
    const segmentExport = await anExport(one);
    await runBy(fixture, one.app, segmentExport);
    expect(await one.app.runs.claim(segmentExport.id, { by: 'era_somebody', forMs, signal: testSignal() })).toBeDefined();
    return { one, segmentExport };
  };
  const runsOf = ({ id }: Export) => fixture.services.runStore.newestOfExport(id, { size: 10, signal: testSignal() });

  it('refuses people, and keeps what comes from schedules, events and messages until it is free', async () => {
    const { one, segmentExport } = await claimed(60_000);
    const exportId = segmentExport.id;
    const { status, json } = await one.call('POST', `/api/exports/${exportId}/run`, { body: {} });
    expect([status, json.code]).toEqual([409, 'export_claimed']);
    const request = { exportId, trigger: { kind: 'schedule', by: 'schedule' }, full: false, dryRun: false, requestKey: 'occ-1' } as const;
    for (let time = 0; time < 2; time += 1) await one.app.runs.start(request, { signal: testSignal() });
    await one.app.runs.start(
      { ...request, trigger: { kind: 'request', by: 'queue' }, full: true, requestKey: 'req-1' },
      { signal: testSignal() },
    );
    expect(await runsOf(segmentExport)).toHaveLength(1);
    await one.app.runs.sweep({ signal: testSignal() });
    expect(await runsOf(segmentExport)).toHaveLength(1);

    await one.app.runs.unclaim(exportId, { by: 'era_somebody', signal: testSignal() });
    const [next, ...earlier] = await runsOf(segmentExport);
    expect([next!.full, earlier.length]).toEqual([true, 1]);
    await fixture.pump(() => fixture.ended(next!.id), { app: one.app });
    expect(await fixture.services.runs.get(next!.id, { signal: testSignal() })).toMatchObject({ state: 'successful', counts: { sent: 5 } });
    // delivered once more, both are answered by the run that they led to
    expect((await one.app.runs.start(request, { signal: testSignal() })).run.id).toBe(next!.id);
    expect((await one.app.runs.start({ ...request, requestKey: 'req-1' }, { signal: testSignal() })).run.id).toBe(next!.id);
    expect(await runsOf(segmentExport)).toHaveLength(2);
  });

  it('is free when the claim has run out, and what waited is started by the sweep', async () => {
    const { one, segmentExport } = await claimed(1_500);
    await one.app.runs.start(
      { exportId: segmentExport.id, trigger: { kind: 'event', by: 'source' }, full: true, dryRun: false, requestKey: 'evt-1' },
      { signal: testSignal() },
    );
    expect(await one.app.runs.claim(segmentExport.id, { by: 'era_another', forMs: 1, signal: testSignal() })).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 1_600));
    await one.app.runs.sweep({ signal: testSignal() });
    expect((await runsOf(segmentExport)).map(({ trigger }) => trigger.kind)).toEqual(['event', 'onDemand']);
    const next = (await runsOf(segmentExport))[0]!;
    await fixture.pump(() => fixture.ended(next.id), { app: one.app });
    expect((await fixture.services.activities.get(segmentExport.id, { signal: testSignal() })).pending).toBeUndefined();
  });
});

it('an erasure that nobody asked for is not found', async () => {
  const one = await aCase({ Vip: [] });
  expect((await one.call('GET', '/api/people/erase/era_0000000000')).status).toBe(404);
});
