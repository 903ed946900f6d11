import { randomUUID } from 'node:crypto';
import { ContainerClient } from '@azure/storage-blob';
import { createCaller } from '../support/api';
import type { ApiAnswer } from '../support/api';
import { startCountingProxy } from '../support/counting-proxy';
import { accountState, ownAccount, putSource, runBy } from '../support/run-cases';
import type { OwnAccount } from '../support/run-cases';
import { SOURCE, startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import type { Export } from '../../shared/exports/export';
import type { PersonTrace } from '../../shared/people/person-trace';
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
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
  // each test looks at its own exports only
  for await (const { value, etag } of fixture.services.exportStore.readAll({ signal: testSignal() })) {
    await fixture.services.runs.removeOf(value.id, { signal: testSignal() });
    await fixture.services.exportStore.remove(value.id, { ifMatch: etag, signal: testSignal() });
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
    expect(ofVip.reports).toEqual([]);

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

  it('reads each segment once, whatever number of exports uses it', async () => {
    const proxy = await startCountingProxy(fixture.azurite);
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
    await proxy.close();
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
    expect(person).toMatch(/^[0-9a-f]{32}$/);
    const { entries } = await one.app.activity.page({ size: 1, signal: testSignal() });
    expect(entries).toEqual([
      { kind: 'person_traced', at: tracedAt, by: expect.stringMatching(/^[0-9a-f-]{36}$/), byName: expect.any(String), person },
    ]);
    expect((await trace(one, ADA.toUpperCase())).person).toBe(person);
    expect((await trace(one, 'person0@example.com')).person).not.toBe(person);
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
