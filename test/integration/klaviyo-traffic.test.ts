import { randomUUID } from 'node:crypto';
import type { Fault } from '../../infra/local/klaviyo/faults';
import type { Services } from '../../shared/services';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { findJob } from '../../shared/klaviyo/import-jobs';
import { findMembership, lookUpByRelationship } from '../../shared/klaviyo/list-members';
import { findList } from '../../shared/klaviyo/lists';
import { createExchangeCheck } from '../contract/check-exchange';
import type { Departure } from '../contract/check-exchange';
import { EXCEPTIONS, OUTSIDE_THE_SLICE } from '../contract/departures';
import type { Exception } from '../contract/departures';
import { WITHOUT_DOCUMENT, nameOf, pinnedDocumentFile, readDocument } from '../contract/document';
import { fieldsOf } from '../contract/fields';
import { USES, isAmong } from '../contract/uses';
import { aConnection, anExport, createCaller } from '../support/api';
import { startRecordingProxy } from '../support/recording-proxy';
import { goodRows, ownAccount, runBy, writeRows } from '../support/run-cases';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { describeWhere } from '../support/skip';

/**
 * What really goes over the wire, in runs that do everything the app can do, held against the document that Klaviyo publishes: what
 * the client sends, and what the sandbox answers.
 */
const file = pinnedDocumentFile();
if (file === undefined) process.stderr.write(`Traffic is not held against Klaviyo's contract: ${WITHOUT_DOCUMENT}\n`);

describeWhere(file !== undefined, WITHOUT_DOCUMENT)('the traffic of whole runs', () => {
  let fixture: RunnerFixture;
  let proxy: Awaited<ReturnType<typeof startRecordingProxy>>;
  let app: Services;
  const check = file === undefined ? undefined : createExchangeCheck(readDocument(file));
  const checked = () => proxy.exchanges().map((exchange) => ({ exchange, ...check!.check(exchange) }));
  const isException = ({ side, operations, at, says }: Exception, found: Departure): boolean =>
    found.side === side && (operations?.includes(found.operation) ?? true) && at.test(found.at) && says.test(found.says);

  beforeAll(async () => {
    jest.spyOn(console, 'log').mockReturnValue(); // the app's log
    fixture = await startRunnerFixture({ sandbox: { processing: 'instant' }, env: { WEBSITE_AUTH_ENABLED: 'True' } });
    proxy = await startRecordingProxy(fixture.klaviyo.url);
    const folder = `case-${randomUUID()}`;
    app = fixture.newInstance({ SOURCE_FOLDER: folder, KLAVIYO_BASE_URL: proxy.url });
    await makeTraffic(folder);
  }, 120_000);
  afterAll(async () => {
    await app.klaviyo.close();
    await proxy.close();
    await fixture.close();
  });

  const makeTraffic = async (folder: string): Promise<void> => {
    const own = await ownAccount(fixture);
    const { call } = createCaller(app, { tenantId: fixture.vault.tenantId });
    const fault = (endpoint: string, given: Fault, how: object = {}) =>
      fixture.fault({ endpoint, account: own.accountId, fault: given, ...how });
    const POST_JOB = 'POST /api/profile-bulk-import-jobs';
    const must = async (method: string, path: string, body: object | undefined, status: number) => {
      const answer = await call(method, path, { body });
      if (answer.status !== status) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.text}`);
      return answer.json;
    };

    // connecting: a key that Klaviyo refuses, one that may too little, then a good one with its checklist and lists
    await call('POST', '/api/connections', { body: aConnection({ apiKey: 'pk_of_nobody' }) });
    await call('POST', '/api/connections', { body: aConnection({ apiKey: 'pk_sandbox_no_accounts_read' }) });
    const connection = await must('POST', '/api/connections', aConnection({ apiKey: own.apiKey }), 201);
    await must('POST', `/api/connections/${String(connection.id)}/test`, undefined, 200);
    await must('GET', `/api/connections/${String(connection.id)}/lists`, undefined, 200);

    // a mirror export of a list that the app makes, with a canary, gzip, every kind of field, and troubles of all kinds on the way
    await writeRows(fixture, goodRows(260), { folder });
    const made = await must(
      'POST',
      '/api/exports',
      anExport({
        connectionId: connection.id,
        listId: undefined,
        createList: { name: 'Made by the app' },
        segments: ['Vip'],
        mapping: {
          ...{ email: 'EMail', firstName: 'FirstName', lastName: 'FirstName', externalId: 'CustomerId', title: 'FirstName' },
          ...{ organization: 'FirstName', location: { city: 'FirstName', country: 'FirstName', address1: 'FirstName', zip: 'CustomerId' } },
          properties: [{ field: 'CustomerId', name: 'customer' }],
        },
        membership: 'mirror',
        canaryRows: 20,
      }),
      201,
    );
    const { value: mirror } = (await app.exportStore.find(made.id as never, { signal: testSignal() }))!;
    for (const [after, kind] of (['rate_limited', 'error_503', 'html_502'] as const).entries()) await fault(POST_JOB, { kind }, { after });
    await fault(POST_JOB, { kind: 'bad_row_admission', indexes: [3] }, { after: 3 });
    await fault(POST_JOB, { kind: 'row_errors', emails: ['person0@example.com', 'person200@example.com'] }, { count: 9, after: 4 });
    const run = await runBy(fixture, app, mirror);
    expect([run.state, run.counts.rejected]).toEqual(['successful', 3]);
    await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
    const { id: retried } = await must('POST', `/api/runs/${run.id}/retry-rejected`, undefined, 202);
    await fixture.pump(() => fixture.ended(retried as never), { app });

    // leavers: by all three ways of looking them up; one of them has left already, one Klaviyo does not know any more
    await writeRows(fixture, goodRows(5), { folder });
    const { value: current } = (await app.exportStore.find(mirror.id, { signal: testSignal() }))!;
    expect((await runBy(fixture, app, current)).counts.held).toBeGreaterThan(0);
    const last = (await app.runStore.newestOfExport(mirror.id, { size: 1, signal: testSignal() }))[0]!;
    const approved = await app.runs.approveRemovals(last.id, { upTo: last.counts.held, by: 't', signal: testSignal() });
    await fixture.pump(() => fixture.ended(approved.id), { app });
    expect((await app.runs.get(approved.id, { signal: testSignal() })).counts.removed).toBe(255);

    // people: a trace and an erasure that takes somebody off the list
    await must('POST', '/api/people/trace', { email: 'person1@example.com' }, 200);
    const { id: erasure } = await must('POST', '/api/people/erase', { email: 'person1@example.com', removeFromLists: true }, 202);
    const isErased = async (): Promise<boolean> => {
      await app.erasures.tick({ signal: testSignal() });
      return (await must('GET', `/api/people/erase/${String(erasure)}`, undefined, 200)).state === 'done';
    };
    await fixture.pump(isErased, { app });

    // what only troubles ask: a job by its id, a list and a job that are not there
    const client = app.klaviyo.client({ apiKey: own.apiKey });
    const signal = testSignal();
    const posted = proxy.exchanges().find(({ method, status }) => method === 'POST' && status === 202)!;
    expect(await findJob(client, (JSON.parse(posted.body) as { data: { id: string } }).data.id, { signal })).toMatchObject({
      failed: expect.any(Number),
    });
    expect(await findJob(client, 'gone', { signal })).toBeUndefined();
    for (const [after, kind] of (['html_403', 'error_500'] as const).entries()) await fault('GET /api/lists/{id}', { kind }, { after });
    expect(await findList(client, 'NOLIST', { signal })).toBeUndefined();
    expect(await findMembership(client, mirror.listId, 'person2@example.com', { signal })).toMatchObject({ joinedAt: expect.any(String) });
    const asked = ['person2@example.com', 'nobody@example.com'];
    expect([...(await lookUpByRelationship(client, asked, { listId: mirror.listId, signal })).keys()]).toEqual(asked.slice(0, 1));
    await fault('GET /api/lists/{id}', { kind: 'plan_limit' });
    await expect(findList(client, mirror.listId, { signal })).rejects.toMatchObject({ code: 'account_limited' });
  };

  it('reaches every operation of the client', () => {
    const called = new Set(checked().map(({ called }) => called));
    expect(
      Object.values(endpoints)
        .map(({ method, path }) => nameOf(method, path))
        .filter((name) => !called.has(name)),
    ).toEqual([]);
  });

  it('reaches every kind of answer', () => {
    const statuses = new Set(proxy.exchanges().map(({ status }) => status));
    expect([...statuses].sort()).toEqual([200, 201, 202, 204, 400, 401, 403, 404, 429, 500, 502, 503]);
  });

  it('is as published, but for the exceptions that stand in their table', () => {
    const found = checked().flatMap(({ departures }) => departures);
    const unknown = found.filter((departure) => !EXCEPTIONS.some((exception) => isException(exception, departure)));
    expect([...new Set(unknown.map((departure) => JSON.stringify(departure)))]).toEqual([]);
    expect(checked().filter(({ operation }) => operation !== undefined).length).toBeGreaterThan(45);
  });

  it('needs every exception of the table', () => {
    const found = checked().flatMap(({ departures }) => departures);
    expect(EXCEPTIONS.filter((exception) => !found.some((departure) => isException(exception, departure)))).toEqual([]);
  });

  it('asks nothing that is not published, but for what is listed', () => {
    const outside = checked().flatMap(({ operation, called }) => (operation === undefined ? [called] : []));
    expect([...new Set(outside)].sort()).toEqual([...OUTSIDE_THE_SLICE.client].sort());
  });

  it('sends no field and no parameter that the comparison of documents does not watch', () => {
    const unwatched = checked().flatMap(({ called, exchange: { requestBody, url } }) => {
      const fields = requestBody === '' ? [] : fieldsOf(JSON.parse(requestBody)).filter((field) => !isAmong(USES.sent[called], field));
      const query = [...new URL(url, 'http://klaviyo').searchParams.keys()].filter((name) => !isAmong(USES.query[called], name));
      return [...fields, ...query].map((name) => `${called}: ${name}`);
    });
    expect([...new Set(unwatched)]).toEqual([]);
  });
});
