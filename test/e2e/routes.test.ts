import { TableClient } from '@azure/data-tables';
import { QueueClient } from '@azure/storage-queue';
import { parse } from 'csv-parse/sync';
import { registerHttp } from '../../functions/http/register-all';
import { type LocalRole, localRoles } from '../../infra/local/auth/app-service-authentication';
import { hasEnded } from '../../infra/local/run-view';
import { parseEnv } from '../../shared/env';
import { createServices } from '../../shared/services';
import { aConnection, anExport } from '../support/api';
import { type Contract, createContract } from '../support/contract';
import { createStartedCloud, type ShownRun, until } from '../support/started-cloud';

const SEGMENT = 'NewsletterReaders';
const cloud = createStartedCloud();

interface Sent {
  readonly as?: LocalRole;
  readonly body?: unknown;
  /** sent as it is instead of a JSON body */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ifMatch?: string;
}
type Json = Record<string, unknown> & { id: string; value: Record<string, unknown>[] };

let contract: Contract | undefined;
const call = async (method: string, path: string, { as = 'Administrator', body, raw, headers = {}, ifMatch }: Sent = {}) => {
  const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const answer = await fetch(`${cloud.recorded().api}${path}`, {
    method,
    headers: {
      'x-local-role': as,
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      ...headers,
    },
    body: sent,
  });
  const text = await answer.text();
  contract ??= createContract(await (await fetch(`${cloud.recorded().api}/openapi.json`)).json());
  contract.check({ method, target: `/api${path}`, status: answer.status, headers: answer.headers, text });
  const type = answer.headers.get('content-type') ?? '';
  return { status: answer.status, headers: answer.headers, type, text, json: (type.includes('json') ? JSON.parse(text) : {}) as Json };
};
const etagOf = async (path: string): Promise<string> => (await call('GET', path)).headers.get('etag')!;

/** What a request must have made; its answer is the message when it has not. */
const make = async (path: string, body: unknown): Promise<Json> => {
  const { status, json, text } = await call('POST', path, { body });
  if (status !== 201 && status !== 202) throw new Error(`POST ${path} answered ${status}: ${text}`);
  return json;
};
// off, so that the system refresh of the last test runs only what it is about
const exportBody = (connectionId: string, more: Record<string, unknown> = {}) =>
  anExport({ name: 'Of the table', connectionId, segments: [SEGMENT], schedule: { kind: 'off' }, ...more });
const makeExport = (connectionId: string, more: Record<string, unknown> = {}) => make('/exports', exportBody(connectionId, more));
const runsOf = async (exportId: string) => (await call('GET', `/exports/${exportId}/runs`)).json.value as unknown as ShownRun[];
const endOf = (runId: string): Promise<ShownRun> =>
  until('the end of a run', async () => {
    const run = await cloud.runById(runId);
    return hasEnded(run) ? run : undefined;
  });

/** A connection, an export of it, and a run of that which has ended. */
interface Things {
  readonly connection: string;
  readonly export: string;
  readonly run: string;
}
const things = {} as { shared: Things; closed: Things; timed: string };

beforeAll(async () => {
  await cloud.start().staysUp();
  const [first] = (await call('GET', '/runs')).json.value as unknown as ShownRun[];
  const { connectionId } = (await call('GET', `/exports/${first!.exportId}`)).json as unknown as { connectionId: string };
  things.shared = { connection: connectionId, export: first!.exportId, run: first!.id };

  things.timed = (await makeExport(connectionId, { name: 'On the system refresh', listId: 'LIS25K', schedule: { kind: 'system' } })).id;
  // a full minute ahead, with some seconds to spare
  const due = new Date(Math.ceil((Date.now() + 10_000) / 60_000) * 60_000).toISOString().slice(11, 16);
  const body = { active: true, repeat: 'daily', times: [due], timeZone: 'UTC' };
  const set = await call('PUT', '/settings/schedule', { body, ifMatch: await etagOf('/settings/schedule') });
  if (set.status !== 200) throw new Error(`The schedule was not set: ${set.text}`);

  const closed = (await make('/connections', aConnection())).id;
  const closedExport = (await makeExport(closed)).id;
  const { id } = await make(`/exports/${closedExport}/run`, { dryRun: true });
  things.closed = { connection: closed, export: closedExport, run: (await endOf(id)).id };
}, 200_000);
afterAll(() => cloud.close(), 60_000);

type Route = readonly [operation: string, of: string, expected: string, request: () => Promise<readonly [string, string, Sent?]>];
const of = (kind: 'shared' | 'closed') => (kind === 'shared' ? 'shared' : 'not shared');

/** Statuses for Administrator, Contributor, Viewer, None and Anonymous, in this order. */
const ANYBODY = '200 200 200 403 401';
const ofEither = (kind: 'shared' | 'closed'): Route[] => {
  const it = () => things[kind];
  /** for whoever works on exports: a contributor may where the connection is shared */
  const work = (status: number) => `${status} ${kind === 'shared' ? status : 403} 403 403 401`;
  /** a contributor does not learn that there is one which is not shared */
  const see = `200 ${kind === 'shared' ? 200 : 404} 403 403 401`;
  const path = async (method: string, target: string, sent: Sent = {}) => [method, target, sent] as const;
  return [
    ['getConnection', of(kind), see, () => path('GET', `/connections/${it().connection}`)],
    ['listKlaviyoLists', of(kind), see, () => path('GET', `/connections/${it().connection}/lists`)],
    [
      'createExport',
      of(kind),
      `201 ${kind === 'shared' ? 201 : 400} 403 403 401`,
      () => path('POST', '/exports', { body: exportBody(it().connection) }),
    ],
    ['getExport', of(kind), ANYBODY, () => path('GET', `/exports/${it().export}`)],
    [
      'updateExport',
      of(kind),
      work(200),
      async () => {
        const target = `/exports/${it().export}`;
        return path('PATCH', target, { body: { resyncDays: 30 }, ifMatch: await etagOf(target) });
      },
    ],
    [
      'setExportSchedule',
      of(kind),
      work(200),
      async () => {
        const target = `/exports/${it().export}`;
        const { json, headers } = await call('GET', target);
        return path('PUT', `${target}/schedule`, { body: json.schedule, ifMatch: headers.get('etag')! });
      },
    ],
    [
      // one answer per export says which of them could not be changed; it stays as it is, for the last test of this file
      'setSchedules',
      of(kind),
      '200 200 403 403 401',
      () => {
        const schedule = { kind: kind === 'shared' ? 'system' : 'off' };
        return path('PUT', '/exports/schedules', { body: { mode: 'set', schedule, exportIds: [it().export] } });
      },
    ],
    ['nextRuns', of(kind), ANYBODY, () => path('POST', '/schedules/next', { body: { exportId: it().export } })],
    [
      'removeExport',
      of(kind),
      work(204),
      async () => path('DELETE', `/exports/${(await makeExport(it().connection)).id}`, { ifMatch: '*' }),
    ],
    // of exports of their own, so that no occurrence of the others is missed
    ...(['duplicate', 'pause', 'resume', 'detach'] as const).map((what): Route => [
      `${what}Export`,
      of(kind),
      work(200),
      async () => path('POST', `/exports/${(await makeExport(it().connection)).id}/${what}`),
    ]),
    [
      'detachExports',
      of(kind),
      '200 200 403 403 401',
      async () => path('POST', '/exports/detach', { body: { exportIds: [(await makeExport(it().connection)).id] } }),
    ],
    [
      'runExport',
      of(kind),
      work(202),
      async () => path('POST', `/exports/${(await makeExport(it().connection)).id}/run`, { body: { dryRun: true } }),
    ],
    ['listRunsOfExport', of(kind), ANYBODY, () => path('GET', `/exports/${it().export}/runs`)],
    ['getRun', of(kind), ANYBODY, () => path('GET', `/runs/${it().run}`)],
    ['listRunJobs', of(kind), ANYBODY, () => path('GET', `/runs/${it().run}/jobs`)],
    ['readRunRows', of(kind), work(200), () => path('GET', `/runs/${it().run}/rows?stage=invalid`)],
    // the run has ended, nothing was held and nothing refused: whoever may ask is told so
    ['cancelRun', of(kind), work(409), () => path('POST', `/runs/${it().run}/cancel`)],
    ['approveRemovals', of(kind), work(409), () => path('POST', `/runs/${it().run}/approve-removals`, { body: { upTo: 1 } })],
    ['dismissRemovals', of(kind), work(409), () => path('POST', `/runs/${it().run}/dismiss-removals`)],
    ['retryRejected', of(kind), work(409), () => path('POST', `/runs/${it().run}/retry-rejected`)],
  ];
};
const ADMINISTRATORS = (status: number) => `${status} 403 403 403 401`;
const routes: readonly Route[] = [
  ...ofEither('shared'),
  ...ofEither('closed'),
  ['getConsent', 'the only one', ANYBODY, async () => ['GET', '/consent']],
  ['listConnections', 'all', '200 200 403 403 401', async () => ['GET', '/connections']],
  ['createConnection', 'a new one', ADMINISTRATORS(201), async () => ['POST', '/connections', { body: aConnection() }]],
  [
    'updateConnection',
    'not shared',
    ADMINISTRATORS(200),
    async () => {
      const path = `/connections/${things.closed.connection}`;
      return ['PATCH', path, { body: { displayName: 'Renamed' }, ifMatch: await etagOf(path) }];
    },
  ],
  ['testConnection', 'shared', ADMINISTRATORS(200), async () => ['POST', `/connections/${things.shared.connection}/test`]],
  [
    'removeConnection',
    'unused',
    ADMINISTRATORS(204),
    async () => {
      const used = [things.shared.connection, things.closed.connection];
      const unused = (await call('GET', '/connections')).json.value.find(({ id }) => !used.includes(String(id)));
      const id = (unused?.id ?? (await make('/connections', aConnection())).id) as string;
      return ['DELETE', `/connections/${id}`, { ifMatch: '*' }];
    },
  ],
  // whoever may is told that it takes no body; nothing runs, as the system refresh below counts runs
  ['runAllExports', 'all', '400 400 403 403 401', async () => ['POST', '/exports/run-all', { body: { all: true } }]],
  ['listExports', 'all', ANYBODY, async () => ['GET', '/exports']],
  ['listRuns', 'all', ANYBODY, async () => ['GET', '/runs?size=2']],
  ['listSegments', 'all', ANYBODY, async () => ['GET', '/segments']],
  ['getSegment', 'one', ANYBODY, async () => ['GET', `/segments/${SEGMENT}?email=EMail`]],
  [
    'overlapSegments',
    'one',
    '200 200 403 403 401',
    async () => ['POST', '/segments/overlap', { body: { segments: [SEGMENT], email: 'EMail' } }],
  ],
  [
    'previewExport',
    'no connection',
    '200 200 403 403 401',
    async () => ['POST', '/exports/preview', { body: { segments: [SEGMENT], mapping: { email: 'EMail' } } }],
  ],
  ['getSystemSchedule', 'the only one', ANYBODY, async () => ['GET', '/settings/schedule']],
  [
    'setSystemSchedule',
    'as it is',
    ADMINISTRATORS(200),
    async () => {
      const { json, headers } = await call('GET', '/settings/schedule');
      return ['PUT', '/settings/schedule', { body: json, ifMatch: headers.get('etag')! }];
    },
  ],
  ['getLimits', 'the only ones', ANYBODY, async () => ['GET', '/settings/limits']],
  [
    'setLimits',
    'as they are',
    ADMINISTRATORS(200),
    async () => {
      const { json, headers } = await call('GET', '/settings/limits');
      return ['PUT', '/settings/limits', { body: json, ifMatch: headers.get('etag')! }];
    },
  ],
  ['getConfiguration', 'the whole', ADMINISTRATORS(200), async () => ['GET', '/configuration']],
  [
    'setConfiguration',
    'as it is',
    ADMINISTRATORS(200),
    async () => ['PUT', '/configuration?dryRun=false', { body: (await call('GET', '/configuration')).json }],
  ],
  ['tracePerson', 'somebody', ADMINISTRATORS(200), async () => ['POST', '/people/trace', { body: { email: 'nobody@example.com' } }]],
  ['erasePerson', 'somebody', ADMINISTRATORS(202), async () => ['POST', '/people/erase', { body: { email: 'nobody@example.com' } }]],
  [
    'getErasure',
    'somebody',
    ADMINISTRATORS(200),
    async () => ['GET', `/people/erase/${(await make('/people/erase', { email: 'nobody@example.com' })).id}`],
  ],
  ['listActivity', 'all', ADMINISTRATORS(200), async () => ['GET', '/activity?size=2']],
  ['downloadActivity', 'all', ADMINISTRATORS(200), async () => ['GET', '/activity.csv']],
  ['getMe', 'oneself', ANYBODY, async () => ['GET', '/me']],
  ['getOpenApi', 'this API', ANYBODY, async () => ['GET', '/openapi.json']],
  ['getDocs', 'this API', ANYBODY, async () => ['GET', '/docs']],
  ['getDocsFile', 'a part', ANYBODY, async () => ['GET', '/docs/start.js']],
  ['getHealth', 'open', '200 200 200 200 200', async () => ['GET', '/health']],
];

describe('every route', () => {
  it.each(routes)('%s (%s) answers %s', async (_operation, _of, expected, request) => {
    const statuses: number[] = [];
    for (const as of localRoles) {
      const [method, path, sent] = await request();
      const { status, type, json } = await call(method, path, { ...sent, as });
      statuses.push(status);
      if (status < 400) continue;
      expect(type).toContain('application/problem+json');
      expect(json).toMatchObject({ status, code: expect.any(String), detail: expect.any(String) });
    }
    expect(statuses.join(' ')).toBe(expected);
  });

  it('stands in the table above', () => {
    const { storage } = cloud.recorded();
    const source = { SOURCE_CONNECTION_STRING: storage, SOURCE_CONTAINER: 'lake', SOURCE_FOLDER: 'ci' };
    const env = parseEnv({ AzureWebJobsStorage: storage, KEY_VAULT_URL: 'https://vault.invalid', TENANT_ID: 'tenant', ...source });
    const operations = registerHttp({ http: () => undefined }, createServices(env)).map(({ operation }) => operation);
    expect(new Set(routes.map(([operation]) => operation))).toEqual(new Set(operations));
  });
});

describe('a request that cannot be used', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  it.each<[string, Sent & { readonly body?: Record<string, unknown> }, unknown[]]>([
    ['is no JSON', { raw: '{"name":' }, [400, 'not_json']],
    ['is a form', { raw: 'name=x', headers: form }, [415, 'content_type_unsupported']],
    ['is over 1 MB', { raw: JSON.stringify({ name: 'x'.repeat(1_000_000) }) }, [413, 'body_too_large']],
    ['has an unknown field', { body: { segment: SEGMENT } }, [400, 'invalid_input']],
    ['names an unknown list', { body: { listId: 'NOLIST' } }, [400, 'list_unknown', '/listId']],
    ['names an unknown segment', { body: { segments: ['Nobody'] } }, [400, 'segment_unknown', '/segments/0']],
  ])('%s', async (_, { body, ...sent }, [status, code, pointer]) => {
    const whole = body === undefined ? {} : { body: exportBody(things.shared.connection, body) };
    const { json, ...answer } = await call('POST', '/exports', { ...sent, ...whole });
    expect([answer.status, json.code]).toEqual([status, code]);
    const pointers = ((json.errors ?? []) as { pointer: string }[]).map((error) => error.pointer);
    if (code === 'invalid_input') expect(pointers).toEqual(['/segment']);
    else if (pointer !== undefined) expect(pointers).toEqual([pointer]);
  });

  it.each<[string, string | undefined, number]>([
    ['no version', undefined, 428],
    ['any version', '*', 428],
    ['a stale version', 'W/"stale"', 412],
  ])('names %s', async (_, ifMatch, status) => {
    const path = `/exports/${things.closed.export}`;
    const before = (await call('GET', path)).json;
    expect((await call('PATCH', path, { body: { name: 'Lost' }, ifMatch })).status).toBe(status);
    expect((await call('GET', path)).json).toEqual(before);
  });

  it.each([
    ['GET', '/connections/con_0000000000'],
    ['GET', '/exports/exp_0000000000'],
    ['POST', '/exports/exp_0000000000/run'],
    ['GET', '/exports/exp_0000000000/runs'],
    ['GET', '/runs/run_00000000'],
    ['GET', '/runs/run_00000000/rows?stage=invalid'],
    ['GET', '/runs/run_00000000/jobs'],
    ['GET', '/segments/Nobody'],
    ['GET', '/exports/no-id'],
    ['GET', '/nowhere'],
  ])('asks for what is not there: %s %s', async (method, path) => {
    expect((await call(method, path)).status).toBe(404);
  });

  it('brings a key that Klaviyo refuses, and leaves no connection', async () => {
    const names = async () => (await call('GET', '/connections')).json.value.map(({ displayName }) => displayName);
    const before = await names();
    const { status, json } = await call('POST', '/connections', { body: aConnection({ apiKey: 'pk_of_nobody_at_all' }) });
    expect([status, json.code]).toEqual([422, 'key_refused']);
    expect(await names()).toEqual(before);
  });
});

describe('rows that were left out', () => {
  it('come as a CSV file', async () => {
    const { headers, type, text } = await call('GET', `/runs/${things.shared.run}/rows?stage=invalid`);
    expect(type).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${things.shared.run}-invalid.csv"`);
    expect(parse(text, { columns: true, bom: true })).toHaveLength(cloud.truthOf(SEGMENT).invalid);
  });
});

describe('the queue export-requests', () => {
  const queue = (name: string) => new QueueClient(cloud.recorded().storage, name);
  const send = (message: unknown) => queue('export-requests').sendMessage(typeof message === 'string' ? message : JSON.stringify(message));
  /** What lies in the poison queue with this text in its body. */
  const poisoned = (text: string) =>
    until(`a refused message with ${text}`, async () => {
      const { peekedMessageItems } = await queue('export-requests-poison').peekMessages({ numberOfMessages: 32 });
      const envelopes = peekedMessageItems.map(({ messageText }) => JSON.parse(messageText) as { reason: string; body: unknown });
      return envelopes.find(({ body }) => JSON.stringify(body).includes(text));
    });

  it('gives a message that does not parse to its poison queue, with the reason', async () => {
    await send('run everything, please!');
    expect(await poisoned('please!')).toMatchObject({ version: 1, reason: 'The message is neither JSON nor base64 of JSON.' });
    await send({ version: 1, type: 'run', exportId: things.closed.export, force: true });
    expect((await poisoned('force')).reason).toContain('unknown field force');
    await send({ version: 1, type: 'run', exportId: 'exp_0000000000' });
    expect((await poisoned('exp_0000000000')).reason).toContain('There is no export exp_0000000000');
  });

  it('starts one run for a request, however often it comes', async () => {
    const { id } = await makeExport(things.shared.connection, { listId: 'LI100K' });
    const request = { version: 1, type: 'run', exportId: id, requestId: 'order-1' };
    await send(request);
    await send(Buffer.from(JSON.stringify(request)).toString('base64'));
    const run = await until('a run', async () => (await runsOf(id))[0]);
    const { state, trigger } = await endOf(run.id);
    expect([state, trigger.kind]).toEqual(['successful', 'request']);
    await until('an empty queue', async () =>
      (await queue('export-requests').getProperties()).approximateMessagesCount === 0 ? true : undefined,
    );
    expect(await runsOf(id)).toHaveLength(1);
    expect(new Set(await cloud.members('LI100K')).size).toBe(cloud.truthOf(SEGMENT).distinctValid);
  });
});

describe('the system refresh', () => {
  it('starts an export once when its time has come, and skips what has been served', async () => {
    const run = await until('the timer', async () => (await runsOf(things.timed))[0], { seconds: 80 });
    const { state, trigger } = await endOf(run.id);
    expect([state, trigger.kind]).toEqual(['successful', 'schedule']);

    const settings = TableClient.fromConnectionString(cloud.recorded().storage, 'settings', { allowInsecureConnection: true });
    const tick = async () => (await settings.getEntity('settings', 'tick')).etag;
    const seen = await tick();
    await until('another tick', async () => ((await tick()) === seen ? undefined : true));
    expect(await runsOf(things.timed)).toHaveLength(1);
    const ofFirst = await runsOf(things.shared.export);
    expect(ofFirst.map(({ trigger, state }) => [trigger.kind, state])).toEqual([
      ['schedule', 'skipped'],
      ['onDemand', 'successful'],
    ]);
  }, 150_000);
});
