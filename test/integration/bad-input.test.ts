import fc from 'fast-check';
import { openApiOf } from '../../functions/http/openapi';
import type { RouteDefinition } from '../../shared/http/route';
import { allRoutes } from '../support/all-routes';
import { aConnection, anExport, startApi } from '../support/api';
import type { Api, ApiCall } from '../support/api';
import { arbitraryOf } from '../support/schema-arbitrary';
import type { JsonSchema } from '../support/schema-arbitrary';

/** Every route against everything that a request can have wrong with it; the routes and their fields come from the app's own definitions. */
const { definitions } = allRoutes();
const document = openApiOf(definitions) as unknown as {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: JsonSchema }> } }>>;
  components: { schemas: Record<string, JsonSchema> };
};

let api: Api;
/** An address of each kind that exists. */
const ids = { con: '', exp: '' };
beforeAll(async () => {
  api = await startApi({ settings: { ALLOW_FUNCTION_KEYS: 'true' } });
  ids.con = String((await api.call('POST', '/api/connections', { body: aConnection() })).json.id);
  ids.exp = String((await api.call('POST', '/api/exports', { body: anExport({ connectionId: ids.con }) })).json.id);
}, 60_000);
afterAll(() => api.close());

const resolve = (schema: JsonSchema): JsonSchema =>
  schema.$ref === undefined ? schema : resolve(document.components.schemas[schema.$ref.split('/').at(-1)!]!);
/** The least that fits: required fields only, the first of several variants. */
const leastOf = (schema: JsonSchema): unknown => {
  const node = resolve(schema);
  const [variant] = node.oneOf ?? node.anyOf ?? [];
  if (variant) return leastOf(variant);
  if (node.type === 'array') return Array.from({ length: node.minItems ?? 0 }, () => leastOf(node.items ?? {}));
  if (node.type !== 'object') return fc.sample(arbitraryOf(document, node), { seed: 1, numRuns: 1 })[0];
  return Object.fromEntries((node.required ?? []).map((name) => [name, leastOf(node.properties![name]!)]));
};
/** Fields by name: of the first variant, where there are several. */
const fieldsOf = (schema: JsonSchema): JsonSchema => {
  const node = resolve(schema);
  const [variant] = node.oneOf ?? node.anyOf ?? [];
  return variant ? fieldsOf(variant) : node;
};

const kindOf = (path: string): 'con' | 'exp' | 'run' | 'era' =>
  path.includes('/connections/') ? 'con' : path.includes('/exports/') ? 'exp' : path.includes('/erase/') ? 'era' : 'run';
const UNKNOWN = { con: 'con_0000000000', exp: 'exp_0000000000', run: 'run_00000000', era: 'era_0000000000' };
/** An address that fits and names nothing. */
const addressOf = (path: string, id = UNKNOWN[kindOf(path)]): string =>
  `/${path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === 'id' ? id : name === 'file' ? 'start.js' : 'Loyal'))}`;

/** What a call was answered, in short: status, code and the fields that are named. */
const outcomeOf = async (method: string, target: string, call: ApiCall = {}): Promise<string> => {
  const { status, json } = await api.call(method, target, call);
  return [status, json.code, ...(json.errors ?? []).map(({ pointer }) => pointer)].join(' ');
};
type Case = readonly [what: string, expected: string | RegExp, target: string, call: ApiCall];

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
const claims = (roles: readonly string[], tenant: string) => ({
  auth_typ: 'aad',
  claims: [...roles.map((val) => ({ typ: 'roles', val })), { typ: 'tid', val: tenant }, { typ: 'oid', val: 'somebody' }],
});
const principalCases = (target: string, call: ApiCall, tenant: string): Case[] => {
  const as = (header: string, more: Record<string, string> = {}): ApiCall => ({
    ...call,
    principal: { 'x-ms-client-principal': header, ...more },
  });
  return [
    ['anonymous', '401 not_signed_in', target, { ...call, as: 'Anonymous' }],
    ['signed in without a role', '403 no_role', target, { ...call, as: 'None' }],
    ['a principal that is no base64', '401 not_signed_in', target, as('Administrator!')],
    ['a principal that is no JSON', '401 not_signed_in', target, as(Buffer.from('{"auth_typ"').toString('base64'))],
    ['a principal of another tenant', '401 not_signed_in', target, as(encode(claims(['Administrator'], 'other')))],
    [
      'a principal of another provider',
      '401 not_signed_in',
      target,
      as(encode({ ...claims(['Administrator'], tenant), auth_typ: 'google' })),
    ],
    ['a principal over 32 KB', '401 not_signed_in', target, as(encode(claims(['Administrator', 'x'.repeat(40_000)], tenant)))],
    ['roles of other apps', '403 no_role', target, as(encode(claims(['Owner', 'administrator'], tenant)))],
    [
      'names without a principal',
      '401 not_signed_in',
      target,
      { ...call, principal: { 'x-ms-client-principal-id': 'a', 'x-ms-client-principal-name': 'b' } },
    ],
  ];
};

/** Bodies that are good, where the rules between fields want more than the least. */
const GOOD: Readonly<Record<string, () => unknown>> = {
  createConnection: () => aConnection(),
  createExport: () => anExport({ connectionId: ids.con }),
  erasePerson: () => ({ email: 'nobody@example.com' }),
  approveRemovals: () => ({ upTo: 1 }),
  updateConnection: () => ({ displayName: 'Other' }),
  updateExport: () => ({ name: 'Other' }),
  setExportSchedule: () => ({ kind: 'off' }),
  setSystemSchedule: () => ({ active: false, times: ['02:00'], timeZone: 'UTC' }),
};

const bodyCases = (definition: RouteDefinition, schema: JsonSchema | undefined, target: string): Case[] => {
  const versioned: ApiCall = definition.ifMatch && definition.ifMatch !== 'optional' ? { ifMatch: '"1"' } : {};
  const least = (schema === undefined ? {} : leastOf(schema)) as Record<string, unknown>;
  const fields = schema === undefined ? {} : fieldsOf(schema);
  const without = (name: string) => Object.fromEntries(Object.entries(least).filter(([known]) => known !== name));
  const send = (body: unknown): ApiCall => ({ ...versioned, body });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  return [
    ['another web site', '403 cross_site', target, { ...send(least), headers: { origin: 'https://evil.example' } }],
    ['a cross-site fetch', '403 cross_site', target, { ...send(least), headers: { 'sec-fetch-site': 'cross-site' } }],
    ['a form', '415 content_type_unsupported', target, { ...versioned, raw: 'a=1', headers: form }],
    ['an empty form', '415 content_type_unsupported', target, { ...versioned, raw: '', headers: form }],
    ['plain text', '415 content_type_unsupported', target, { ...versioned, raw: '{}', headers: { 'content-type': 'text/plain' } }],
    ['a body that is too large', '413 body_too_large', target, { ...versioned, raw: JSON.stringify({ x: 'x'.repeat(9_000_000) }) }],
    ['half a JSON', '400 not_json', target, { ...versioned, raw: '{"a":' }],
    ['no UTF-8', '400 not_json', target, { ...versioned, raw: new Uint8Array([0x7b, 0xff, 0x7d]) }],
    ['a list in place of an object', /^400 invalid_input/, target, send([])],
    ['an unknown field', /^400 invalid_input.* \/nobodyKnows( |$)/, target, send({ ...least, nobodyKnows: 1 })],
    [
      'a field called __proto__',
      /^400 invalid_input.* \/__proto__( |$)/,
      target,
      { ...versioned, raw: `${JSON.stringify(least).slice(0, -1)}${Object.keys(least).length > 0 ? ',' : ''}"__proto__":{}}` },
    ],
    ...Object.keys(least).map((name): Case => [
      `no ${name}`,
      new RegExp(`^400 invalid_input.* /${name}( |$)`),
      target,
      send(without(name)),
    ]),
    ...Object.keys(fields.properties ?? {}).map((name): Case => {
      const wrong = resolve(fields.properties![name]!).type === 'object' ? 7 : { wrong: true };
      return [`a wrong type of ${name}`, new RegExp(`^400 invalid_input.* /${name}(/| |$)`), target, send({ ...least, [name]: wrong })];
    }),
  ];
};

const casesOf = (definition: RouteDefinition, tenant: string): Case[] => {
  const { operation, method, path, who, auth, params, ifMatch, idempotent } = definition;
  const schema = document.paths[`/${path}`]![method.toLowerCase()]!.requestBody?.content['application/json']?.schema;
  const target = addressOf(path);
  const changes = method !== 'GET';
  const good = (): ApiCall => (schema === undefined ? {} : { body: GOOD[operation]?.() ?? leastOf(schema) });
  const existing = addressOf(path, ids[kindOf(path) as keyof typeof ids] || undefined);
  return [
    ...(who === 'open' || auth ? [] : principalCases(target, changes ? { body: {} } : {}, tenant)),
    ['an unknown parameter', /^400 invalid_input.* \?nobody$/, `${target}?nobody=1`, changes ? { body: {} } : {}],
    ...(params && 'id' in params.shape
      ? [['an id that is none', '404 not_found', addressOf(path, 'x'), changes ? { body: {} } : {}] as const]
      : []),
    ...(changes ? bodyCases(definition, schema, target) : []),
    ...(idempotent
      ? [
          [
            'a key that is none',
            '400 idempotency_key_malformed Idempotency-Key',
            target,
            { ...good(), headers: { 'idempotency-key': 'two words' } },
          ] as const,
        ]
      : []),
    ...(ifMatch === 'required' || ifMatch === 'orAny'
      ? ([
          ['no version', '428 precondition_required', existing, good()],
          ['a version that is none', '400 invalid_input If-Match', existing, { ...good(), ifMatch: 'no tag' }],
          ['two versions', '400 invalid_input If-Match', existing, { ...good(), ifMatch: '"1", "2"' }],
          ['a stale version', '412 changed_meanwhile', existing, { ...good(), ifMatch: '"stale"' }],
          ...(ifMatch === 'required'
            ? ([['any version', '428 precondition_required', existing, { ...good(), ifMatch: '*' }]] as const)
            : []),
        ] as const)
      : []),
  ];
};

it.each(definitions.map((definition) => [definition.operation, definition] as const))(
  '%s refuses what is wrong, and says where',
  async (_, definition) => {
    const wrong: string[] = [];
    for (const [what, expected, target, call] of casesOf(definition, api.vault.tenantId)) {
      const outcome = await outcomeOf(definition.method, target, call);
      const fits = typeof expected === 'string' ? outcome === expected : expected.test(outcome);
      if (!fits) wrong.push(`${what}: ${outcome}, not ${expected}`);
    }
    expect(wrong).toEqual([]);
  },
);

it.each([...new Set(definitions.map(({ path }) => path))])('%s knows its own methods and no others', async (path) => {
  const address = addressOf(path);
  // the pattern of another route may include this address, e.g. exports/{id} that of exports/schedules
  const fitting = definitions.filter((one) =>
    new RegExp(`^/${one.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(address),
  );
  const known: string[] = fitting.map(({ method }) => method);
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !known.includes(one))) {
    const { status, headers } = await api.call(method, address, method === 'GET' ? {} : { body: {} });
    expect([method, status]).toEqual([method, 405]);
    for (const one of known) expect(headers.get('allow')!.split(', ')).toContain(one);
    expect(headers.get('allow')!.split(', ')).not.toContain(method);
  }
});
