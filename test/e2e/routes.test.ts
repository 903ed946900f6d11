import { execFile } from 'node:child_process';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { TableClient } from '@azure/data-tables';
import { QueueClient } from '@azure/storage-queue';
import { parse } from 'csv-parse/sync';
import { registerHttp } from '../../functions/http/register-all';
import { type LocalRole, localRoles } from '../../infra/local/auth/app-service-authentication';
import { hasEnded } from '../../infra/local/run-view';
import { parseEnv } from '../../shared/env';
import { createServices } from '../../shared/services';
import { aConnection, anExport } from '../support/api';
import { readRoleTable } from '../support/role-table';
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
/** A receiver of notifications. */
const told: { type: string; items: { subject: { id?: string } }[] }[] = [];
const receiver = createServer((request, response) => {
  let body = '';
  request.on('data', (part) => (body += String(part)));
  request.on('end', () => {
    told.push(JSON.parse(body) as (typeof told)[number]);
    response.writeHead(204).end();
  });
});
const toldOf = (exportId: string, type: string) =>
  told.filter((one) => one.type === type && one.items.some(({ subject }) => subject.id === exportId));
const things = {} as { shared: Things; closed: Things; detached: Things; timed: string; failing: string };

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

  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const channel = { name: 'On call', form: 'json', url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/` };
  const ifMatch = await etagOf('/settings/notifications');
  await call('PUT', '/settings/notifications', { body: { channels: [channel] }, ifMatch });
  // more people than it may bring: each of its runs fails
  things.failing = (await makeExport(connectionId, { name: 'Too small', listId: 'LIST5K', maxProfiles: 1 })).id;
  await make(`/exports/${things.failing}/run`, {});

  const started = async (connection: string, listId: string): Promise<Things> => {
    const id = (await makeExport(connection, { listId })).id;
    const { id: run } = await make(`/exports/${id}/run`, { dryRun: true });
    return { connection, export: id, run: (await endOf(run)).id };
  };
  const closed = (await make('/connections', aConnection())).id;
  things.closed = await started(closed, 'LIST5K');
  things.detached = await started(connectionId, 'LIST5K');
  await call('POST', `/exports/${things.detached.export}/detach`);
}, 200_000);
afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await cloud.close();
}, 60_000);

type Kind = 'shared' | 'not shared' | 'detached' | '–';
type Request = readonly [method: string, path: string, sent?: Sent];
const of = (kind: Kind): Things => (kind === 'not shared' ? things.closed : kind === 'detached' ? things.detached : things.shared);

/** An export for one request alone, as others must find theirs as it was. */
const ofItsOwn = async (kind: Kind): Promise<string> => {
  const { id } = await makeExport(kind === 'not shared' ? things.closed.connection : things.shared.connection);
  if (kind === 'detached') await call('POST', `/exports/${id}/detach`);
  return id;
};
/** What is there, sent back as it is. */
const asItIs = async (method: string, path: string): Promise<Request> => {
  const { json, headers } = await call('GET', path);
  return [method, path, { body: json, ifMatch: headers.get('etag')! }];
};
const nobody = { email: 'nobody@example.com' };

/** How each operation is asked for; what comes of it stands in roles.md. */
const requests: Readonly<Record<string, (kind: Kind) => Promise<Request>>> = {
  getConsent: async () => ['GET', '/consent'],
  listConnections: async () => ['GET', '/connections'],
  createConnection: async () => ['POST', '/connections', { body: aConnection() }],
  getConnection: async (kind) => ['GET', `/connections/${of(kind).connection}`],
  updateConnection: async (kind) => {
    const path = `/connections/${of(kind).connection}`;
    return ['PATCH', path, { body: { displayName: `Renamed ${Math.random()}` }, ifMatch: await etagOf(path) }];
  },
  removeConnection: async (kind) => {
    const access = kind === 'shared' ? 'administratorsAndContributors' : 'administrators';
    return ['DELETE', `/connections/${(await make('/connections', aConnection({ access }))).id}`, { ifMatch: '*' }];
  },
  testConnection: async (kind) => ['POST', `/connections/${of(kind).connection}/test`],
  listKlaviyoLists: async (kind) => ['GET', `/connections/${of(kind).connection}/lists`],
  listExports: async () => ['GET', '/exports'],
  createExport: async (kind) => ['POST', '/exports', { body: exportBody(of(kind).connection) }],
  getExport: async (kind) => ['GET', `/exports/${of(kind).export}`],
  updateExport: async (kind) => {
    const path = `/exports/${of(kind).export}`;
    return ['PATCH', path, { body: { resyncDays: 30 }, ifMatch: await etagOf(path) }];
  },
  removeExport: async (kind) => ['DELETE', `/exports/${await ofItsOwn(kind)}`, { ifMatch: '*' }],
  duplicateExport: async (kind) => ['POST', `/exports/${of(kind).export}/duplicate`],
  pauseExport: async (kind) => ['POST', `/exports/${await ofItsOwn(kind)}/pause`],
  resumeExport: async (kind) => ['POST', `/exports/${await ofItsOwn(kind)}/resume`],
  detachExport: async (kind) => ['POST', `/exports/${await ofItsOwn(kind)}/detach`],
  detachExports: async (kind) => ['POST', '/exports/detach', { body: { exportIds: [await ofItsOwn(kind)] } }],
  setExportSchedule: async (kind) => {
    const path = `/exports/${of(kind).export}`;
    const { json, headers } = await call('GET', path);
    return ['PUT', `${path}/schedule`, { body: json.schedule, ifMatch: headers.get('etag')! }];
  },
  setSchedules: async (kind) => {
    // as it is, for the last test of this file
    const schedule = { kind: kind === 'shared' ? 'system' : 'off' };
    return ['PUT', '/exports/schedules', { body: { mode: 'set', schedule, exportIds: [of(kind).export] } }];
  },
  nextRuns: async (kind) => ['POST', '/schedules/next', { body: { exportId: of(kind).export } }],
  runExport: async (kind) => ['POST', `/exports/${await ofItsOwn(kind)}/run`, { body: { dryRun: true } }],
  // whoever may is told that it takes no body; nothing runs, as the system refresh below counts runs
  runAllExports: async () => ['POST', '/exports/run-all', { body: { all: true } }],
  previewExport: async (kind) => [
    'POST',
    '/exports/preview',
    { body: { segments: [SEGMENT], mapping: { email: 'EMail' }, ...(kind === '–' ? {} : { connectionId: of(kind).connection }) } },
  ],
  listRunsOfExport: async (kind) => ['GET', `/exports/${of(kind).export}/runs`],
  listRuns: async () => ['GET', '/runs?size=2'],
  getRun: async (kind) => ['GET', `/runs/${of(kind).run}`],
  listRunJobs: async (kind) => ['GET', `/runs/${of(kind).run}/jobs`],
  readRunRows: async (kind) => ['GET', `/runs/${of(kind).run}/rows?stage=invalid`],
  lookAtRunRows: async (kind) => ['POST', `/runs/${of(kind).run}/rows/look`, { body: { stage: 'invalid' } }],
  cancelRun: async (kind) => ['POST', `/runs/${of(kind).run}/cancel`],
  approveRemovals: async (kind) => ['POST', `/runs/${of(kind).run}/approve-removals`, { body: { upTo: 1 } }],
  dismissRemovals: async (kind) => ['POST', `/runs/${of(kind).run}/dismiss-removals`],
  retryRejected: async (kind) => ['POST', `/runs/${of(kind).run}/retry-rejected`],
  listSegments: async () => ['GET', '/segments'],
  getSegment: async () => ['GET', `/segments/${SEGMENT}?email=EMail`],
  overlapSegments: async () => ['POST', '/segments/overlap', { body: { segments: [SEGMENT], email: 'EMail' } }],
  getSystemSchedule: async () => ['GET', '/settings/schedule'],
  setSystemSchedule: () => asItIs('PUT', '/settings/schedule'),
  getLimits: async () => ['GET', '/settings/limits'],
  setLimits: () => asItIs('PUT', '/settings/limits'),
  getNotificationSettings: async () => ['GET', '/settings/notifications'],
  setNotificationSettings: async () => {
    const { json, headers } = await call('GET', '/settings/notifications');
    const channels = (json.channels as Record<string, unknown>[]).map(({ id, name, form, scope }) => ({ id, name, form, scope }));
    return ['PUT', '/settings/notifications', { body: { channels }, ifMatch: headers.get('etag')! }];
  },
  testNotificationChannel: async () => ['POST', '/settings/notifications/test', { body: { channelId: 'chn_00000000' } }],
  listNotifications: async () => ['GET', '/notifications'],
  getConfiguration: async () => ['GET', '/configuration'],
  setConfiguration: async () => ['PUT', '/configuration?dryRun=true', { body: (await call('GET', '/configuration')).json }],
  listActivity: async () => ['GET', '/activity?size=2'],
  downloadActivity: async () => ['GET', '/activity.csv'],
  tracePerson: async () => ['POST', '/people/trace', { body: nobody }],
  erasePerson: async () => ['POST', '/people/erase', { body: nobody }],
  getErasure: async () => ['GET', `/people/erase/${(await make('/people/erase', nobody)).id}`],
  getMe: async () => ['GET', '/me'],
  getOpenApi: async () => ['GET', '/openapi.json'],
  getDocs: async () => ['GET', '/docs'],
  getDocsFile: async () => ['GET', '/docs/start.js'],
  getHealth: async () => ['GET', '/health'],
};

const roleTable = readRoleTable();

describe('every route', () => {
  it.each(roleTable)('$operation ($kind) answers as roles.md says', async ({ operation, kind, expected }) => {
    const statuses: Record<string, number> = {};
    for (const as of localRoles) {
      const [method, path, sent] = await requests[operation]!(kind as Kind);
      const { status, type, json } = await call(method, path, { ...sent, as });
      statuses[as] = status;
      if (status < 400) continue;
      expect(type).toContain('application/problem+json');
      expect(json).toMatchObject({ status, code: expect.any(String), detail: expect.any(String) });
    }
    expect(statuses).toEqual(expected);
  });

  it('stands in roles.md, for a connection that is shared, one that is not, and none', () => {
    const { storage } = cloud.recorded();
    const source = { SOURCE_CONNECTION_STRING: storage, SOURCE_CONTAINER: 'lake', SOURCE_FOLDER: 'ci' };
    const env = parseEnv({ AzureWebJobsStorage: storage, KEY_VAULT_URL: 'https://vault.invalid', TENANT_ID: 'tenant', ...source });
    const definitions = registerHttp({ http: () => undefined }, createServices(env));
    const wanted = definitions.flatMap(({ operation, path }) => {
      if (/^api\/(exports|runs)\/\{id\}/.test(path)) return ['shared', 'not shared', 'detached'].map((kind) => `${operation} ${kind}`);
      if (/^api\/connections\/\{id\}/.test(path)) return ['shared', 'not shared'].map((kind) => `${operation} ${kind}`);
      return [operation];
    });
    const there = roleTable.map(({ operation, kind }) => `${operation} ${kind}`);
    const missing = wanted.filter((row) => !there.some((one) => one === row || one.startsWith(`${row} `)));
    expect(missing).toEqual([]);
    const known = new Set(definitions.map(({ operation }) => operation));
    expect(roleTable.filter(({ operation }) => !known.has(operation))).toEqual([]);
  });
});

describe('the portal', () => {
  const portal = (address: string, init: RequestInit = {}) =>
    fetch(new URL(address, cloud.recorded().api), { redirect: 'manual', ...init });
  /** As it is, without what fetch does to an address before it is sent. */
  const statusOf = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(cloud.recorded().api!);
      get({ hostname, port, path }, (answer) => resolve(answer.resume().statusCode!)).on('error', reject);
    });

  it('is a page for everybody, at any of its addresses, under a policy without exceptions', async () => {
    for (const as of localRoles) {
      for (const address of ['/portal', '/portal/', '/portal/exports/exp_0000000000?tab=runs']) {
        const answer = await portal(address, { headers: { 'x-local-role': as } });
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
        const policy = answer.headers.get('content-security-policy')!;
        expect(policy).toMatch(/^default-src 'none'; /);
        expect(policy).not.toMatch(/unsafe|http|\*/);
        const [, nonce] = /script-src 'self' 'nonce-([^']+)'/.exec(policy)!;
        const text = await answer.text();
        const tags = text.match(/<(script|style)\b[^>]*>/g)!;
        expect(tags.filter((tag) => !tag.includes(`nonce="${nonce}"`))).toEqual([]);
        expect(text).not.toMatch(/__[A-Z]+__|(?:src|href)="(?!\/portal\/|data:)/);
      }
    }
  });

  it('loads files that never change, as small as the browser can take them', async () => {
    const scripts = [...(await (await portal('/portal/')).text()).matchAll(/"(\/portal\/assets\/[^"]+\.js)"/g)].map(
      ([, script]) => script!,
    );
    expect(scripts.length).toBeGreaterThan(0);
    // over all of them: a file of a hundred bytes is no smaller by gzip
    const sent = { br: 0, gzip: 0, identity: 0 };
    for (const script of new Set(scripts)) {
      const bodies = new Set<string>();
      for (const encoding of ['br', 'gzip', 'identity'] as const) {
        const answer = await portal(script, { headers: { 'accept-encoding': encoding } });
        expect(Object.fromEntries(answer.headers)).toMatchObject({
          'content-type': 'text/javascript; charset=utf-8',
          'cache-control': 'public, max-age=31536000, immutable',
          vary: 'accept-encoding',
          'x-content-type-options': 'nosniff',
        });
        expect(answer.headers.get('content-encoding')).toBe(encoding === 'identity' ? null : encoding);
        bodies.add(await answer.text());
        sent[encoding] += Number(answer.headers.get('content-length'));
      }
      expect(bodies.size).toBe(1);
    }
    expect(sent.br).toBeLessThan(sent.gzip);
    expect(sent.gzip).toBeLessThan(sent.identity);
    const [head, page] = [await portal('/portal/', { method: 'HEAD' }), await portal('/portal/')];
    expect([head.status, await head.text(), head.headers.get('content-type')]).toEqual([200, '', page.headers.get('content-type')]);
  });

  it.each([
    '/portal/assets/none-1A2B.js',
    '/portal/manifest.json',
    '/portal/index.html',
    '/portal/../host.json',
    '/portal/%2e%2e/host.json',
    '/portal/..%2f..%2fhost.json',
    '/portal/..%5chost.json',
    '/portal/exports%00',
  ])('has no file outside its list: %s is 404', async (path) => {
    expect(await statusOf(path)).toBe(404);
  });

  it('has no page with an address longer than any of its own', async () => {
    expect(await statusOf(`/portal/${'x'.repeat(501)}`)).toBe(404);
  });

  it('is where the root leads to, and takes nothing but questions', async () => {
    const root = await portal('/');
    expect([root.status, root.headers.get('location')]).toEqual([302, '/portal/']);
    expect((await portal('/portal/', { method: 'POST', body: 'x' })).status).toBe(404);
  });

  it('signs in again by the window that it opens: back to its own page, and from then on as before', async () => {
    const cookie = 'local-role=Anonymous; local-last-role=Viewer';
    expect((await portal('/api/me', { headers: { cookie } })).status).toBe(401);
    const signIn = await portal('/.auth/login/aad?post_login_redirect_uri=%2Fportal%2Fsigned-in', { headers: { cookie } });
    expect([signIn.status, signIn.headers.get('location')]).toEqual([302, '/portal/signed-in']);
    const [signedIn] = signIn.headers.getSetCookie().map((one) => one.split(';')[0]!);
    const me = await portal('/api/me', { headers: { cookie: signedIn! } });
    expect([me.status, await me.json()]).toMatchObject([200, { role: 'Viewer' }]);
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
  /** What lies in the poison queue of a message. */
  const poisoned = ({ messageId: sentId }: { messageId: string }) =>
    until(`the refused message ${sentId}`, async () => {
      const { peekedMessageItems } = await queue('export-requests-poison').peekMessages({ numberOfMessages: 32 });
      const envelopes = peekedMessageItems.map(({ messageText }) => JSON.parse(messageText) as { reason: string; messageId: string });
      return envelopes.find(({ messageId }) => messageId === sentId);
    });

  it('gives a message that does not parse to its poison queue, with the reason', async () => {
    const text = await poisoned(await send('run everything, please!'));
    expect(text).toMatchObject({ version: 1, reason: 'The message is neither JSON nor base64 of JSON.' });
    const forced = await poisoned(await send({ version: 1, type: 'run', exportId: things.closed.export, force: true }));
    expect(forced.reason).toContain('unknown field force');
    expect((await poisoned(await send({ version: 1, type: 'run', exportId: 'exp_0000000000' }))).reason).toContain(
      'There is no export exp_0000000000',
    );
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

describe('the smoke test of a deployment', () => {
  it('is content with the whole app', async () => {
    const args = ['infra/azure/smoke.mjs', cloud.recorded().api!, '--wait', '10', '--header', 'x-local-role=Anonymous'];
    const { stdout } = await promisify(execFile)(process.execPath, args); // throws with what it says when it is not
    expect(stdout).toContain('ok    the API refuses a forged administrator (401 from the app)');
    expect(stdout).not.toContain('FAIL');
  });
});

describe('a run that fails', () => {
  it('is told once, and the next good one tells that it is over', async () => {
    const path = `/exports/${things.failing}`;
    await until('a message', async () => toldOf(things.failing, 'condition.opened')[0]);
    const open = (await call('GET', '/notifications', { as: 'Viewer' })).json.value;
    expect(open).toMatchObject([{ kind: 'run_failed', subject: { id: things.failing, name: 'Too small' }, code: 'cap_exceeded' }]);
    await call('PATCH', path, { body: { maxProfiles: null }, ifMatch: await etagOf(path) });
    expect((await endOf((await make(`${path}/run`, {})).id)).state).toBe('successful');
    await until('the end of it', async () => toldOf(things.failing, 'condition.recovered')[0]);
    expect([toldOf(things.failing, 'condition.opened').length, told.length]).toEqual([1, 2]);
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
