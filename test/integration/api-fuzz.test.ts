import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import { openApiOf } from '../../functions/http/openapi';
import type { LocalRole } from '../../infra/local/auth/app-service-authentication';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { RunMessage, hasEnded } from '../../shared/runs/run';
import type { RunId } from '../../shared/ids';
import { QueueClient } from '@azure/storage-queue';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api, ApiAnswer, ApiCall } from '../support/api';
import { arbitraryOf, changes, spoil } from '../support/schema-arbitrary';
import type { JsonSchema } from '../support/schema-arbitrary';

/**
 * Requests made from the API's own description, good ones and spoilt ones, from callers of every kind: none may end in a 5xx, and every
 * answer must be as described (the caller of the fixture holds it against the description). FUZZ_REQUESTS and FUZZ_SEED ask for more, or
 * for the same again.
 */
const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 10_000);
/** The same each time, so that a red run is somebody's change; FUZZ_SEED=random looks for what nobody has met yet. */
const SEED = process.env.FUZZ_SEED === 'random' ? randomInt(2 ** 31 - 1) : Number(process.env.FUZZ_SEED ?? 20_261_126);
/** Callers at the same time, so that they meet. */
const CALLERS = 4;
const { signal } = new AbortController();

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name?: string;
    readonly in?: string;
    readonly schema?: JsonSchema;
    readonly required?: boolean;
    readonly $ref?: string;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

let api: Api;
let document: Document;
beforeAll(async () => {
  console.log = () => undefined; // the app's own log
  // Klaviyo's pace stays in place, but nobody waits for it
  for (const endpoint of Object.values(endpoints)) Object.assign(endpoint, { burst: 10_000, steady: 200_000 });
  api = await startApi({ settings: { ALLOW_FUNCTION_KEYS: 'true' }, log: (line) => (logged = line) });
  document = openApiOf(api.definitions) as unknown as Document;
  await seed();
}, 60_000);
afterAll(() => api.close());

/** What there is to speak of; filled from what the app answers. */
const things: Record<'con' | 'exp' | 'run' | 'era', string[]> = { con: [], exp: [], run: [], era: [] };
const etags = new Map<string, string>();
const tokens: string[] = [];
const MOST = 30;

const learn = (target: string, { json, headers, status }: ApiAnswer): void => {
  if (status >= 300) return;
  const found = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && (name === 'id' || name === 'runId')) {
        const pool = things[inner.slice(0, 3) as keyof typeof things] as string[] | undefined;
        if (pool && !pool.includes(inner)) pool.push(inner);
        if (pool && pool.length > MOST) pool.splice(2, 1);
      } else found(inner);
    }
  };
  found(json);
  const etag = headers.get('etag');
  if (etag !== null) etags.set((headers.get('location') ?? target).split('?')[0]!, etag);
  const token = typeof json.nextLink === 'string' ? new URL(json.nextLink, 'http://x').searchParams.get('token') : null;
  if (token !== null && tokens.push(token) > MOST) tokens.shift();
};

/** What is gone is not asked for again and again. */
const forget = (path: string): void => {
  for (const pool of Object.values(things)) {
    const at = pool.findIndex((id) => path.includes(id));
    if (at >= 0) pool.splice(at, 1);
  }
};

let planting: Promise<unknown> = Promise.resolve();
/** Somebody has to make what others remove. */
const plant = (): Promise<unknown> => {
  planting = planting.then(async () => {
    if (things.exp.length >= 6 && things.con.length >= 2) return;
    const connection = await api.call('POST', '/api/connections', { body: aConnection({ access: 'administratorsAndContributors' }) });
    learn('/api/connections', connection);
    for (let count = 0; count < 4; count += 1) {
      const body = anExport({ connectionId: connection.json.id, membership: count % 2 === 0 ? 'add' : 'mirror' });
      learn('/api/exports', await api.call('POST', '/api/exports', { body }));
    }
  });
  return planting;
};

/** A shared and a closed connection, exports of both, one without a connection, runs that have ended and one that waits. */
const seed = async (): Promise<void> => {
  const make = async (path: string, body?: unknown): Promise<string> => {
    const answer = await api.call('POST', path, { body });
    if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
    learn(path, answer);
    return String(answer.json.id);
  };
  for (const access of ['administratorsAndContributors', 'administrators']) {
    const connectionId = await make('/api/connections', aConnection({ access }));
    for (const membership of ['add', 'mirror']) {
      const exportId = await make('/api/exports', anExport({ connectionId, membership, schedule: { kind: 'off' } }));
      await make(`/api/exports/${exportId}/run`, { dryRun: membership === 'add' });
    }
  }
  const queue = new QueueClient(api.azurite.connectionString, 'export-runs');
  const ended = async (id: string) => hasEnded((await api.services.runs.get(id as RunId, { signal })).state);
  while (!(await Promise.all(things.run.map(ended))).every(Boolean)) {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 8, visibilityTimeout: 600 });
    for (const message of receivedMessageItems) {
      await api.services.advanceRun(RunMessage.parse(JSON.parse(message.messageText)), { signal });
      await queue.deleteMessage(message.messageId, message.popReceipt);
    }
  }
  await make(`/api/exports/${things.exp[0]}/run`, {});
};

const pick = (pool: () => readonly string[], otherwise: string) =>
  fc.nat(1_000).map((at) => () => (pool().length === 0 ? otherwise : pool()[at % pool().length]!));
type Later = () => string;
const ODD_SEGMENTS = [
  'con_0000000000',
  'exp_0000000000',
  'run_00000000',
  'era_0000000000',
  'x',
  '__proto__',
  '%00',
  '%F0%9F%92%A9',
  '%ff',
  '%E0%A4%A',
  '..%2F..',
  'a'.repeat(300),
  "exp_1' or ''='",
  'EXP_ABCDEFGH',
  '*',
];

const ofPath = (template: string, name: string): fc.Arbitrary<Later> => {
  const odd = fc.constantFrom(...ODD_SEGMENTS).map((text) => () => text);
  const kind = template.includes('/connections/')
    ? 'con'
    : template.includes('/exports/')
      ? 'exp'
      : template.includes('/erase/')
        ? 'era'
        : 'run';
  const known =
    name === 'name'
      ? fc.constantFrom('Loyal', 'NewCustomers').map((text) => () => text)
      : name === 'file'
        ? fc.constantFrom('start.js', 'swagger-ui.css', 'favicon-32x32.png').map((text) => () => text)
        : pick(() => things[kind], `${kind}_0000000000`);
  return fc.oneof({ arbitrary: known, weight: 9 }, { arbitrary: odd, weight: 1 });
};

/** Marks in a generated body that stand for what is there when it is sent. */
const idLater = (kind: keyof typeof things) => fc.nat(1_000).map((at) => ({ $later: kind, at }));
const settle = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(settle);
  if (typeof value !== 'object' || value === null) return value;
  const { $later, at } = value as { $later?: keyof typeof things; at?: number };
  if ($later !== undefined) return things[$later].length === 0 ? `${$later}_0000000000` : things[$later][(at ?? 0) % things[$later].length];
  const kept: Record<string, unknown> = {};
  for (const [name, inner] of Object.entries(value)) {
    Object.defineProperty(kept, name, { value: settle(inner), enumerable: true, configurable: true, writable: true });
  }
  return kept;
};
const words = (...texts: string[]) => fc.constantFrom(...texts);
const FIELDS = words(
  ...Array.from({ length: 4 }, () => ['EMail', 'FirstName', 'LastName', 'City', 'Country', 'LoyaltyTier', 'CustomerId']).flat(),
  'NoSuchField',
);
/** Attributes of a mapping, each of which names a field. */
const MAPPED = ['firstName', 'lastName', 'phoneNumber', 'externalId', 'organization', 'title', 'locale', 'image', 'field'];
const PLACES = ['address1', 'address2', 'city', 'region', 'zip', 'country'];
/** Values that mean something, by the name of the field. */
const KNOWN: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  connectionId: idLater('con'),
  exportId: idLater('exp'),
  'exportIds[]': idLater('exp'),
  runId: idLater('run'),
  listId: words('LIST5K', 'LIS25K', 'LI100K', 'LIST5K'),
  segments: fc.subarray(['Loyal', 'NewCustomers'], { minLength: 1 }),
  email: words('EMail', 'EMail', 'EMail', 'City', 'ada@example.com'),
  apiKey: words('pk_sandbox_full', 'pk_sandbox_full', 'pk_sandbox_no_accounts_read', 'pk_of_nobody_at_all'),
  secretName: words('no-such-secret', 'klaviyo-0'),
  displayName: fc.nat(1e9).map((at) => `Connection ${at}`),
  name: fc.nat(1e9).map((at) => `Thing ${at}`),
  timeZone: words('UTC', 'Europe/Paris', 'Asia/Kolkata', 'Pacific Standard Time', 'Mars/Olympus'),
  times: fc.constantFrom(['02:30'], ['00:00', '12:00'], ['25:00']),
  ...Object.fromEntries([...MAPPED, ...PLACES].map((name) => [name, FIELDS])),
  days: fc.subarray(['monday', 'friday', 'sunday'], { minLength: 1 }),
  daysOfMonth: fc.subarray([1, 15, 31], { minLength: 1 }),
  from: words('2026-01-01T00:00:00Z'),
  to: words('2028-01-01T00:00:00Z'),
  maxProfiles: fc.constantFrom(1, 100, 5_000, 100_000, 1_000_000, 100_000_000),
};
/** An address where a field name is not meant. */
const KNOWN_OF: Readonly<Record<string, Readonly<Record<string, fc.Arbitrary<unknown>>>>> = {
  tracePerson: { email: words('ada@example.com', 'nobody@example.com', 'no address') },
  erasePerson: { email: words('ada@example.com', 'nobody@example.com', 'no address') },
};

/** What the rules between fields want, which a JSON Schema cannot say. */
const fitting = (operation: string, body: unknown): unknown => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const fields = { ...body } as Record<string, unknown>;
  const without = (...names: string[]) => names.forEach((name) => delete fields[name]);
  if (/^(create|update)Connection$/.test(operation)) {
    without('secretName', 'consentVersion');
    if (operation === 'createConnection') fields.apiKey ??= 'pk_sandbox_full';
  }
  if (/^(create|update)Export$/.test(operation)) without('listId' in fields ? 'createList' : 'listId');
  return fields;
};

interface Request {
  readonly method: string;
  readonly template: string;
  readonly params: Readonly<Record<string, Later>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly oddQuery: string;
  readonly body: unknown;
  readonly spoilt: Parameters<typeof spoil>[1] | undefined;
  readonly raw: string | Uint8Array | undefined;
  readonly ifMatch: 'fresh' | 'stale' | 'any' | 'none' | 'odd';
  readonly hasVersion: boolean;
  readonly key: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly as: LocalRole;
  readonly principal: Readonly<Record<string, string>> | undefined;
}

const RAWS: readonly (string | Uint8Array)[] = [
  ...[
    '',
    ' ',
    '{',
    '{"name":',
    'null',
    '[]',
    '"text"',
    '7',
    'NaN',
    '{"a":1,}',
    '{"a":1}{"b":2}',
    '\ufeff{}',
    '['.repeat(50_000),
    '{"a":'.repeat(20_000),
  ],
  ...[
    `{"name":"${'x'.repeat(1_000_001)}"}`,
    new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]),
    new Uint8Array([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
  ],
];
const HEADERS: readonly Record<string, string>[] = [
  { 'content-type': 'text/plain' },
  { 'content-type': 'application/x-www-form-urlencoded' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'application/merge-patch+json' },
  { 'content-type': '' },
  { 'content-length': '999999999999' },
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'x-forwarded-for': 'not an address, 1.2.3.4:99999999999999' },
  { 'x-forwarded-for': `${'9'.repeat(4_000)}` },
  { 'if-none-match': '*' },
  { accept: 'text/csv' },
  { 'accept-encoding': 'gzip' },
  { traceparent: '00-zz-zz-zz' },
];
const base64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');
const PRINCIPALS: readonly Record<string, string>[] = [
  { 'x-ms-client-principal': 'forged' },
  { 'x-ms-client-principal': base64('{"auth_typ":"aad","claims":') },
  { 'x-ms-client-principal': base64({ auth_typ: 'aad', claims: 'Administrator' }) },
  { 'x-ms-client-principal': base64({ auth_typ: 'aad', claims: [{ typ: 'roles', val: 'Administrator' }] }) },
  {
    'x-ms-client-principal': base64({
      auth_typ: 'aad',
      claims: [
        { typ: 'roles', val: 'Administrator' },
        { typ: 'tid', val: 'other' },
        { typ: 'oid', val: 'x' },
      ],
    }),
  },
  { 'x-ms-client-principal': base64({ auth_typ: 'aad', claims: [{ typ: 'x', val: 'y'.repeat(40_000) }] }) },
  { 'x-ms-client-principal': base64([]) },
  { 'x-ms-client-principal': base64('null') },
  { 'x-ms-client-principal-id': 'a0000000-0000-4000-8000-000000000001', 'x-ms-client-principal-name': 'ada' },
];
const weighted = <T>(...options: readonly (readonly [number, fc.Arbitrary<T>])[]) =>
  fc.oneof(...options.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const requestOf = (template: string, method: string, operation: Operation): fc.Arbitrary<Request> => {
  const parameters = operation.parameters ?? [];
  const known = (name: string) => KNOWN_OF[operation.operationId]?.[name] ?? KNOWN[name];
  const of = (schema: JsonSchema) => arbitraryOf(document, schema, { known });
  const query = parameters.filter((parameter) => parameter.in === 'query');
  const schema = operation.requestBody?.content['application/json']?.schema;
  const queryValues = Object.fromEntries(
    query.map(({ name, schema: inner }) => [
      name!,
      name === 'token'
        ? pick(() => tokens, 'no-token')
        : weighted<unknown>([9, KNOWN[name!] ?? of(inner!)], [1, fc.constantFrom('', 'x'.repeat(3_000), '\ud800', '1e9', '-1')]),
    ]),
  );
  return fc.record({
    method: fc.constant(method.toUpperCase()),
    template: fc.constant(template),
    params: fc.record(
      Object.fromEntries(parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => [name!, ofPath(template, name!)])),
    ),
    query: fc.record(queryValues, {
      requiredKeys: query.filter(({ required }) => required).map(({ name }) => name!),
      noNullPrototype: true,
    }),
    oddQuery: weighted([95, fc.constant('')], [5, words('nobody=1', 'size=1&size=2', '__proto__=1', 'size=%ff', 'code=x', '=', '%')]),
    body:
      schema === undefined
        ? weighted<unknown>([9, fc.constant(undefined)], [1, fc.constantFrom({}, { a: 1 }, null, [])])
        : of(schema).map((body) => fitting(operation.operationId, body)),
    spoilt: weighted<Request['spoilt']>([6, fc.constant(undefined)], [4, changes]),
    raw: weighted<Request['raw']>([98, fc.constant(undefined)], [2, fc.constantFrom(...RAWS)]),
    ifMatch: weighted<Request['ifMatch']>(
      [8, fc.constant('fresh' as const)],
      [2, fc.constantFrom('stale' as const, 'any' as const, 'none' as const, 'odd' as const)],
    ),
    hasVersion: fc.constant(parameters.some(({ $ref }) => $ref?.includes('IfMatch') === true)),
    key: weighted<string | undefined>(
      [6, fc.constant(undefined)],
      [3, fc.uuid()],
      [2, words('"one"', 'one', 'two')],
      [1, words('two words', '', '"', 'x'.repeat(300), '""', 'a,b')],
    ),
    headers: weighted<Request['headers']>([93, fc.constant({})], [7, fc.constantFrom(...HEADERS)]),
    as: weighted<LocalRole>(
      [7, fc.constant('Administrator' as const)],
      [2, fc.constant('Contributor' as const)],
      [1, fc.constantFrom<LocalRole>('Viewer', 'None', 'Anonymous')],
    ),
    principal: weighted<Request['principal']>([97, fc.constant(undefined)], [3, fc.constantFrom(...PRINCIPALS)]),
  });
};

/** Asks many Klaviyo and storage calls of its own, so it comes less often. */
const RARE = new Set(['runAllExports', 'putConfiguration', 'tracePerson', 'getDocsFile', 'getOpenApi']);

const seen = new Map<number, number>();
const ok = new Map<string, number>();
const faults = new Map<string, string>();
/** why the last one that failed did */
let logged = '';
/** how often an operation refused, by status, code and field */
const refusals = new Map<string, Map<string, number>>();
let slowest: { readonly ms: number; readonly what: string } | undefined;

const send = async (request: Request): Promise<void> => {
  const { method, template, params, query, oddQuery, body, spoilt, raw, ifMatch, hasVersion, key, headers, as, principal } = request;
  if (things.exp.length < 6 || things.con.length < 2) await plant();
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => params[name]!());
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    const text = typeof value === 'function' ? (value as Later)() : String(settle(value));
    return name === 'token' && text === '' ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(text.toWellFormed())}`];
  });
  const target = `${path}${[...pairs, oddQuery].filter((part) => part !== '').length > 0 ? '?' : ''}${[...pairs, oddQuery].filter((part) => part !== '').join('&')}`;
  const settled = settle(body);
  // read it first, as a client does
  const read = path.startsWith('/api/exports/') ? path.replace(/\/schedule$/, '') : path;
  if (hasVersion && ifMatch === 'fresh') learn(read, await api.call('GET', read));
  const versions = { fresh: etags.get(read) ?? '"0"', stale: `W/"stale"`, any: '*', none: undefined, odd: 'no "tag' };
  const call: ApiCall = {
    as,
    ...(principal === undefined ? {} : { principal }),
    headers: { ...(key === undefined ? {} : { 'idempotency-key': key }), ...headers },
    ...(hasVersion && versions[ifMatch] !== undefined ? { ifMatch: versions[ifMatch] } : {}),
    ...(method === 'GET'
      ? {}
      : raw !== undefined
        ? { raw }
        : settled === undefined
          ? {}
          : { body: spoilt === undefined ? settled : spoil(settled, spoilt) }),
  };
  const began = performance.now();
  const answer = await api.call(method, target, call).catch((error: Error) => error);
  const tookMs = performance.now() - began;
  if (tookMs > (slowest?.ms ?? 0)) slowest = { ms: tookMs, what: `${method} ${template}` };
  const said = (): string => `${as} ${method} ${target} ${JSON.stringify(call).slice(0, 600)}`;
  if (answer instanceof Error) {
    // told once for each kind, with the request that showed it first
    const kind = `${method} ${template} ${answer.message.replace(/ in \{[^]*/, '').slice(-200)}`;
    if (!faults.has(kind)) faults.set(kind, `${answer.message.slice(0, 900)}\n  asked by ${said()}`);
    return;
  }
  seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
  if (answer.status >= 500)
    faults.set(`${method} ${template} ${answer.status}`, `${answer.text}\n  asked by ${said()}\n  logged ${logged}`);
  if (answer.status < 300) ok.set(`${method} ${template}`, (ok.get(`${method} ${template}`) ?? 0) + 1);
  if (answer.status >= 400) {
    const name = `${method} ${template}`;
    const of = refusals.get(name) ?? new Map<string, number>();
    const code = [answer.status, answer.json.code, answer.json.errors?.[0]?.pointer ?? ''].join(' ').trim();
    refusals.set(name, of.set(code, (of.get(code) ?? 0) + 1));
  }
  learn(target, answer);
  if (answer.status === 404 || (method === 'DELETE' && answer.status === 204)) forget(path);
};

/** What an operation answered instead, the most frequent first. */
const whyNot = (name: string): string =>
  [...(refusals.get(name) ?? [])]
    .sort(([, one], [, other]) => other - one)
    .slice(0, 5)
    .map(([code, count]) => `${code}×${count}`)
    .join(', ');

it(
  `no request of ${REQUESTS} ends in a 5xx or in an answer that the description does not know (FUZZ_SEED=${SEED})`,
  async () => {
    const requests = Object.entries(document.paths).flatMap(([template, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        name: `${method.toUpperCase()} ${template}`,
        weight: RARE.has(operation.operationId) ? 1 : 10,
        arbitrary: requestOf(template, method, operation),
      })),
    );
    const all = fc.oneof(...requests);
    const began = performance.now();
    await Promise.all(
      Array.from({ length: CALLERS }, (_, caller) =>
        fc.assert(
          fc.asyncProperty(all, async (request) => {
            await send(request);
          }),
          { numRuns: Math.ceil(REQUESTS / CALLERS), seed: SEED + caller, endOnFailure: true },
        ),
      ),
    );
    const statuses = [...seen].sort(([one], [other]) => one - other);
    const total = statuses.reduce((sum, [, count]) => sum + count, 0);
    const good = statuses.reduce((sum, [status, count]) => sum + (status < 300 ? count : 0), 0);
    const never = requests.filter(({ name }) => !ok.has(name)).map(({ name }) => name);
    process.stderr.write(
      `api-fuzz: FUZZ_SEED=${SEED}, ${total} requests in ${((performance.now() - began) / 1_000).toFixed(1)} s: ` +
        `${statuses.map(([status, count]) => `${status}×${count}`).join(' ')}; slowest ${slowest?.what} ${slowest?.ms.toFixed(0)} ms\n` +
        never.map((name) => `  never 2xx: ${name}, but ${whyNot(name)}\n`).join(''),
    );
    expect([...faults.values()]).toEqual([]);
    expect(good / total).toBeGreaterThan(0.2);
  },
  Math.max(240_000, REQUESTS * 40),
);
