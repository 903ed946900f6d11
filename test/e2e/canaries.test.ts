import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import type { FunctionHostProcess } from '../../infra/local/function-host/spawn';
import { hasEnded } from '../../infra/local/run-view';
import { anExport, startApi } from '../support/api';
import type { Api } from '../support/api';
import { startApplicationInsights } from '../support/application-insights';
import type { ApplicationInsights } from '../support/application-insights';
import { errorsOf, startChattyKlaviyo } from '../support/chatty-klaviyo';
import { findLeaks } from '../support/leak-search';
import type { Haystack } from '../support/leak-search';
import { until } from '../support/started-cloud';
import type { ShownRun } from '../support/started-cloud';

/*
 * Values of people and keys that nobody can mistake go the whole way through the app: through runs that go well, and through everything
 * that goes wrong on the way, told by others in words that repeat them. Then all that has left the places where they may lie is searched.
 */

const LOCAL = 'cnrymail7q';
const secrets: Record<string, string> = {
  'e-mail': LOCAL,
  domain: 'leak7q-probe.example',
  'first name': 'Cnryfirst7q',
  'last name': 'Cnrylast7q',
  phone: '4477009075',
  'external id': 'CNRYEXT7Q',
  'custom property': 'Cnrytier7q',
  city: 'Cnrycity7q',
  'API key': 'pk_cnrykey7q0123456789',
  'webhook address': 'cnryhook7q',
};
const emailOf = (name: string): string => `${LOCAL}.${name}@${secrets.domain}`;
const EMAIL = emailOf('one');
const phoneOf = (last: string): string => `+${secrets.phone}${last.padStart(2, '0')}`;
const PHONE = phoneOf('37');
const PERSON = `"${secrets['first name']} ${secrets['last name']}" of '${secrets.city}' with ${EMAIL}, ${PHONE}, “${secrets['external id']}”, \`${secrets['custom property']}\` and ${secrets['API key']}`;

const FOLDER = 'leaks';
const fields = ['CustomerId', 'EMail', 'FirstName', 'LastName', 'Telephone', 'City', 'Tier'];
const rowOf = (id: string, email: string): string =>
  [
    `${secrets['external id']}-${id}`,
    email,
    secrets['first name'],
    secrets['last name'],
    phoneOf(id),
    secrets.city,
    secrets['custom property'],
  ].join(',');
const mapping = {
  email: 'EMail',
  firstName: 'FirstName',
  lastName: 'LastName',
  phoneNumber: 'Telephone',
  externalId: 'CustomerId',
  location: { city: 'City' },
  properties: [{ field: 'Tier', name: 'tier' }],
};

let api: Api;
let insights: ApplicationInsights;
let klaviyo: Awaited<ReturnType<typeof startChattyKlaviyo>>;
let host: FunctionHostProcess;
let hook: ReturnType<typeof createServer>;
const temporary = mkdtempSync(path.join(tmpdir(), 'canaries-'));
/** every answer that refuses */
const refusals: Haystack[] = [];
const output: string[] = [];
/** what the receiver of notifications was told */
const told: string[] = [];

const IMPORT = /^POST \/api\/profile-bulk-import-jobs/;

const putSource = async (name: string, content: string): Promise<void> => {
  const lake = BlobServiceClient.fromConnectionString(api.azurite.connectionString).getContainerClient('lake');
  await lake.getBlockBlobClient(`${FOLDER}/${name}`).upload(content, Buffer.byteLength(content));
};

const writeSegments = async (segments: Record<string, string>): Promise<void> => {
  const lake = BlobServiceClient.fromConnectionString(api.azurite.connectionString).getContainerClient('lake');
  for (const [name, csv] of Object.entries(segments)) await putSource(`${name}.csv`, csv);
  const refreshTime = new Date(Date.now() - 60_000).toISOString();
  const entities = Object.keys(segments).map((name) => ({
    $type: 'LocalEntity',
    name,
    attributes: fields.map((field) => ({ name: field, dataType: 'string' })),
    partitions: [
      {
        name: `${name}_1`,
        refreshTime,
        location: `${lake.url}/${FOLDER}/${name}.csv`,
        fileFormatSettings: { $type: 'CsvFormatSettings', columnHeaders: true, delimiter: ',', encoding: 'UTF-8' },
      },
    ],
  }));
  const model = { application: 'Customer Insights', name: 'Leaks', version: '1.0', modifiedTime: refreshTime, entities };
  await putSource('model.json', JSON.stringify(model));
};

beforeAll(async () => {
  insights = await startApplicationInsights();
  api = await startApi({ settings: { SOURCE_FOLDER: FOLDER } });
  klaviyo = await startChattyKlaviyo(api.klaviyo.url);
  hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      // its own address is its own
      told.push(`${JSON.stringify(request.headers)}\n${body}`);
      response.writeHead(500).end(PERSON);
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const people = ['one', 'two', 'refused', 'rejected', 'three'].map((name, at) => rowOf(String(at), emailOf(name)));
  const bad = [rowOf('8', `${LOCAL} at ${secrets.domain}`), rowOf('9', EMAIL.toUpperCase())];
  const header = fields.join(',');
  const csv = `${[header, ...people, ...bad].join('\r\n')}\r\n`;
  await writeSegments({
    Vip: csv,
    // a quote that never ends, with people in it
    Broken: `${header}\r\n${people[0]}\r\n"${people[1]}\r\n${people[2]}\r\n`,
    // rows that are too wide
    Shifted: `${header}\r\n${people[0]},${EMAIL}\r\n${people[1]},${EMAIL}\r\n`,
  });
  await fetch(`${api.klaviyo.url}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      id: 'LEAKS7',
      keys: [{ key: secrets['API key'] }],
      lists: ['LEAK01', 'LEAK02', 'LEAK03'].map((id) => ({ id, name: id })),
    }),
  });

  const trusted = path.join(temporary, 'trusted.pem');
  writeFileSync(trusted, readFileSync(api.vault.certPath, 'utf8') + insights.cert);
  host = spawnFunctionHost({
    appDir: path.resolve(__dirname, '../..'),
    masterKey: 'master',
    onLog: (line) => void output.push(line),
    env: {
      ...api.hostEnv,
      NODE_EXTRA_CA_CERTS: trusted,
      KLAVIYO_BASE_URL: klaviyo.url,
      APPLICATIONINSIGHTS_CONNECTION_STRING: insights.connectionString,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD',
      NOTIFICATION_PRIVATE_HOSTS: 'true',
      RUN_LEASE_SECONDS: '15',
      RUN_GUARD_SECONDS: '20',
      TICK_SCHEDULE: '*/2 * * * * *',
      SOURCE_FOLDER: FOLDER,
    },
  });
  await host.ready;
}, 60_000);
afterAll(async () => {
  await host?.kill();
  hook?.closeAllConnections();
  await new Promise((resolve) => hook.close(resolve));
  await Promise.all([klaviyo.close(), insights.close(), api.close()]);
  rmSync(temporary, { recursive: true, force: true });
}, 60_000);

interface Sent {
  readonly body?: unknown;
  readonly raw?: string;
  readonly as?: string;
  readonly headers?: Readonly<Record<string, string>>;
}
/** Calls the app; what refuses is kept for the search. */
const call = async (method: string, target: string, { body, raw, as = 'Administrator', headers = {} }: Sent = {}) => {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await fetch(`${host.url}${target}`, {
    method,
    headers: { 'x-local-role': as, ...(sent === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: sent,
  });
  const text = await answer.text();
  if (answer.status >= 400) {
    refusals.push({
      place: `answer ${answer.status} to ${method} ${target.replaceAll(/(?<=[/=])[^/=]*cnry[^/=]*/gi, '…')}`,
      content: `${[...answer.headers].join('\n')}\n${text}`,
    });
  }
  const type = answer.headers.get('content-type') ?? '';
  return {
    status: answer.status,
    text,
    headers: answer.headers,
    json: (type.includes('json') ? JSON.parse(text) : {}) as Record<string, unknown>,
  };
};
const make = async (target: string, body: unknown): Promise<string> => {
  const { status, json, text } = await call('POST', target, { body });
  if (status !== 201 && status !== 202) throw new Error(`POST ${target} answered ${status}: ${text}`);
  return (json.id ?? json.runId) as string;
};
const endOf = (runId: string): Promise<ShownRun> =>
  until(
    `the end of ${runId}`,
    async () => {
      const { json } = await call('GET', `/api/runs/${runId}`);
      return hasEnded(json as never) ? (json as unknown as ShownRun) : undefined;
    },
    { everyMs: 100 },
  );
const queue = (name: string) => QueueServiceClient.fromConnectionString(api.azurite.connectionString).getQueueClient(name);
const send = (name: string, body: unknown) => queue(name).sendMessage(typeof body === 'string' ? body : JSON.stringify(body));

/** Every row of every table. */
const readTables = async (): Promise<Haystack[]> => {
  const options = { allowInsecureConnection: true };
  const found: Haystack[] = [];
  for await (const { name } of TableServiceClient.fromConnectionString(api.azurite.connectionString, options).listTables()) {
    const table = TableClient.fromConnectionString(api.azurite.connectionString, name!, options);
    for await (const row of table.listEntities()) {
      found.push({
        place: `table ${name} ${row.partitionKey}`,
        content: JSON.stringify(row, (_, value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value)),
      });
    }
  }
  return found;
};
/** Every message of every queue that can be seen, those of poison queues, too. */
const readQueues = async (): Promise<Haystack[]> => {
  const found: Haystack[] = [];
  for await (const { name } of QueueServiceClient.fromConnectionString(api.azurite.connectionString).listQueues()) {
    const { peekedMessageItems } = await queue(name).peekMessages({ numberOfMessages: 32 });
    found.push(...peekedMessageItems.map(({ messageText }) => ({ place: `queue ${name}`, content: messageText })));
  }
  return found;
};
/** Data of people may lie here and nowhere else (design §4): what was read, what is sent, who was sent, who was left out, who is to be erased. */
const mayHold = [/^lake\//, /^staged\//, /^state\//, /^people\//, /^runs\/run_[0-9a-z]+\/(?!run\.json|stop\.json|summary)/];
const readBlobs = async (): Promise<Haystack[]> => {
  const found: Haystack[] = [];
  const service = BlobServiceClient.fromConnectionString(api.azurite.connectionString);
  for await (const { name: container } of service.listContainers()) {
    const client = service.getContainerClient(container);
    for await (const { name, metadata } of client.listBlobsFlat({ includeMetadata: true })) {
      const place = `${container}/${name}`;
      if (container !== 'lake') found.push({ place: `name of blob ${place}`, content: `${name} ${JSON.stringify(metadata)}` });
      if (!mayHold.some((pattern) => pattern.test(place)))
        found.push({ place: `blob ${place}`, content: await client.getBlobClient(name).downloadToBuffer() });
    }
  }
  return found;
};

const fault = async (rule: object): Promise<void> => {
  const answer = await fetch(`${api.klaviyo.url}/_sandbox/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(rule),
  });
  if (!answer.ok) throw new Error(await answer.text());
};

it('nothing of a person and no key is in logs, traces, metrics, tables, queues, names or error answers, whatever went wrong', async () => {
  // ---- a connection, and keys that are refused in many words -------------------------------------------------------------------------
  const connectionBody = { displayName: 'Leaks', apiKey: secrets['API key'], agreed: true };
  klaviyo.say(/^GET \/api\/accounts/, errorsOf(401, `The key of ${PERSON} is wrong`));
  expect((await call('POST', '/api/connections', { body: connectionBody })).status).toBe(422);
  expect((await call('POST', '/api/connections', { body: { ...connectionBody, apiKey: `${secrets['API key']}x` } })).status).toBe(422);
  const connectionId = await make('/api/connections', connectionBody);
  klaviyo.say(/^GET \/api\/lists/, errorsOf(400, `No list for ${PERSON}`), 9);
  await call('GET', `/api/connections/${connectionId}/lists`);
  klaviyo.hush();

  // ---- a receiver of notifications that fails, in many words ---------------------------------------------------------------------------
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/${secrets['webhook address']}`;
  const { headers: shown } = await call('GET', '/api/settings/notifications');
  const channels = [{ name: 'Ops', form: 'json', scope: 'all', url }];
  const settings = { channels, digest: { time: '08:00', timeZone: 'UTC' }, rejectedShare: 0.05, lateMinutes: 15 };
  const saved = await call('PUT', '/api/settings/notifications', { body: settings, headers: { 'if-match': shown.get('etag')! } });
  const [channel] = saved.json.channels as { id: string; signingSecret: string }[];
  expect(saved.status).toBe(200);
  secrets['signing secret'] = channel!.signingSecret.replace('whsec_', '');
  await call('POST', '/api/settings/notifications/test', { body: { channelId: channel!.id } });

  // ---- runs: one that goes well but for some rows, and one for each thing that goes wrong ----------------------------------------------
  const exportOf = (name: string, more: object = {}) =>
    make(
      '/api/exports',
      anExport({ name, connectionId, listId: 'LEAK01', segments: ['Vip'], mapping, canaryRows: 0, schedule: { kind: 'off' }, ...more }),
    );
  const good = await exportOf('Good', { membership: 'mirror' });
  await fault({
    endpoint: 'POST /api/profile-bulk-import-jobs',
    account: 'LEAKS7',
    fault: { kind: 'bad_row_admission', emails: [emailOf('refused')] },
  });
  await fault({
    endpoint: 'POST /api/profile-bulk-import-jobs',
    account: 'LEAKS7',
    after: 1,
    fault: { kind: 'row_errors', emails: [emailOf('rejected')] },
  });
  klaviyo.say(/^GET .*import-errors/, (body) => body.replaceAll('Refused by the fault plan.', PERSON.replaceAll('"', '')));
  const goodRun = await endOf(await make(`/api/exports/${good}/run`, {}));
  expect([goodRun.state, goodRun.counts]).toMatchObject(['successful', { read: 7, invalid: 1, duplicates: 1, sent: 5, rejected: 2 }]);

  const html = { status: 502, type: 'text/html', body: `<html><body>${PERSON}</body></html>` };
  const wrong: [string, () => void, object, object?][] = [
    ['400', () => klaviyo.say(IMPORT, errorsOf(400, `Not valid: ${PERSON}`), 99), { state: 'failed' }],
    [
      '401',
      () => klaviyo.say(IMPORT, errorsOf(401, `The key of ${PERSON} is wrong`), 99),
      { state: 'failed', error: { code: 'key_refused' } },
    ],
    ['403', () => klaviyo.say(IMPORT, errorsOf(403, `Not for ${PERSON}`), 99), { state: 'failed' }],
    ['500', () => klaviyo.say(IMPORT, { status: 500, type: 'text/plain', body: PERSON }), { state: 'successful' }],
    ['a page', () => klaviyo.say(IMPORT, html), { state: 'successful' }],
    [
      'a broken answer',
      () => klaviyo.say(IMPORT, { ...html, status: 202, type: 'application/json', body: `{"data":${PERSON}` }),
      { state: 'successful' },
    ],
    ['an unreadable row', () => undefined, { state: 'failed' }, { segments: ['Broken'] }],
    ['shifted columns', () => undefined, { state: 'failed' }, { segments: ['Shifted'] }],
  ];
  for (const [name, prepare, ends, more] of wrong) {
    const id = await exportOf(name, { listId: 'LEAK02', ...more });
    prepare();
    const run = await endOf(await make(`/api/exports/${id}/run`, {}));
    klaviyo.hush();
    expect([name, run]).toMatchObject([name, ends]);
    if (name === '401') await call('POST', `/api/connections/${connectionId}/test`); // its key is good again
  }

  // ---- messages that nobody can handle ----------------------------------------------------------------------------------------------------
  const texts = [
    PERSON,
    { version: 1, type: 'run', email: EMAIL },
    { version: 1, type: 'run', exportId: EMAIL, requestId: EMAIL },
    { eventType: PERSON, subject: PERSON },
  ];
  for (const one of texts) await send('export-requests', one);
  await send('export-requests', { version: 1, type: 'run', exportId: 'exp_0000000000', requestId: EMAIL });
  await send('export-runs', { exportId: EMAIL, runId: PERSON, turn: 1 });
  await send('export-starts', { version: 1, exportIds: [EMAIL], requestKey: PERSON });
  await send('export-runs-poison', PERSON);
  await send('export-runs-poison', { exportId: EMAIL, runId: EMAIL });

  // ---- people, and what is shown of rows ----------------------------------------------------------------------------------------------------
  expect((await call('POST', '/api/people/trace', { body: { email: EMAIL } })).status).toBe(200);
  await call('POST', '/api/people/trace', { body: { email: `${LOCAL} at ${secrets.domain}` } });
  const erasure = await make('/api/people/erase', { email: emailOf('two'), removeFromLists: true });
  expect((await call('POST', '/api/exports/preview', { body: { connectionId, segments: ['Vip'], mapping } })).status).toBe(200);
  await call('POST', '/api/exports/preview', { body: { connectionId, segments: ['Broken', 'Shifted'], mapping } });
  await call('POST', '/api/segments/overlap', { body: { segments: ['Vip', 'Shifted'], email: 'EMail' } });
  await call('POST', `/api/runs/${goodRun.id}/rows/look`, { body: { stage: 'rejected', email: EMAIL } });
  expect((await call('GET', `/api/runs/${goodRun.id}/rows?stage=rejected`)).text).toContain(emailOf('refused'));

  // ---- requests that cannot be used -----------------------------------------------------------------------------------------------------------
  const odd = encodeURIComponent(EMAIL);
  for (const target of [
    `/api/exports/${odd}`,
    `/api/runs/${odd}`,
    `/api/segments/${odd}`,
    `/api/people/${odd}`,
    `/api/exports?name=${odd}`,
    `/api/runs?token=${odd}`,
    `/api/activity?person=${odd}`,
  ])
    await call('GET', target);
  for (const body of [
    { email: EMAIL },
    { name: EMAIL, mapping: { email: { first: PERSON } } },
    [PERSON],
    { name: 7, listId: EMAIL, segments: [PERSON], mapping },
    { ...anExport(), connectionId: EMAIL },
  ]) {
    await call('POST', '/api/exports', { body });
    await call('POST', '/api/connections', { body: { ...connectionBody, agreed: EMAIL } });
    await call('POST', '/api/people/erase', { body });
    await call('PUT', '/api/configuration', { body, headers: { 'if-match': '"0"' } });
  }
  await call('POST', '/api/exports', { raw: `{"email": ${EMAIL}` });
  await call('POST', `/api/exports/${good}/run`, { body: {}, headers: { 'idempotency-key': EMAIL } });
  await call('PATCH', `/api/exports/${good}`, { body: { name: 'x' }, headers: { 'if-match': `"${EMAIL}"` } });
  await call('POST', '/api/exports', { raw: EMAIL, headers: { 'content-type': `text/${LOCAL}` } });
  await call('DELETE', `/api/exports/${odd}`, { as: 'Viewer' });
  await call('POST', '/api/exports/preview', { body: { connectionId, segments: [EMAIL], mapping: { ...mapping, firstName: EMAIL } } });

  // ---- all of it has been dealt with ----------------------------------------------------------------------------------------------------------
  await until('the erasure', async () => ((await call('GET', `/api/people/erase/${erasure}`)).json.state === 'done' ? true : undefined), {
    everyMs: 200,
  });
  await until('empty queues', async () => {
    const counts = await Promise.all(
      ['export-requests', 'export-runs', 'export-starts', 'export-runs-poison'].map(
        async (name) => (await queue(name).getProperties()).approximateMessagesCount ?? 0,
      ),
    );
    return counts.every((count) => count === 0) ? true : undefined;
  });
  // the minute's work, in case no minute has begun meanwhile
  await fetch(`${host.url}/admin/functions/refresh`, {
    method: 'POST',
    headers: { 'x-functions-key': 'master', 'content-type': 'application/json' },
    body: '{}',
  });
  await until('a notification', () => Promise.resolve(told.find((content) => content.includes('"condition.opened"'))));
  const shownToAll = await Promise.all(
    ['/api/runs', '/api/exports', '/api/segments', '/api/notifications', `/api/runs/${goodRun.id}`, `/api/runs/${goodRun.id}/jobs`].map(
      async (target) => ({
        place: `answer to a viewer, ${target}`,
        content: (await call('GET', target, { as: 'Viewer' })).text,
      }),
    ),
  );
  const activity = { place: 'answer of the activity log', content: (await call('GET', '/api/activity?size=200')).text };
  const haystacks = [...(await readTables()), ...(await readQueues()), ...(await readBlobs())];
  await host.kill(); // sends what waits

  const telemetry = insights.bodies().map((content, at): Haystack => ({ place: `telemetry ${at + 1}`, content }));
  const kinds = new Set(insights.envelopes().map(({ data }) => data.baseType));
  expect([...kinds].sort()).toEqual(['MessageData', 'MetricData', 'RemoteDependencyData', 'RequestData']);
  expect(insights.tokens().every((token) => token?.startsWith('Bearer '))).toBe(true);
  const searched = [
    ...haystacks,
    ...telemetry,
    ...refusals,
    ...shownToAll,
    activity,
    ...told.map((content, at) => ({ place: `notification ${at + 1}`, content })),
    { place: 'standard output and error', content: output.join('\n') },
  ];
  // as much as there should be: a search of nothing finds nothing
  const placesOf = (start: string) => searched.filter(({ place }) => place.startsWith(start)).length;
  expect([
    placesOf('table runs') > 9,
    placesOf('table activity') > 9,
    placesOf('queue export-requests-poison'),
    refusals.length > 30,
    told.length > 0,
    output.length > 50,
  ]).toEqual([true, true, 5, true, true, true]);
  expect(findLeaks(searched, secrets)).toEqual([]);
}, 120_000);
