import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import Ajv, { type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { startKlaviyoSandbox, type RunningSandbox } from '../../infra/local/klaviyo/server';

const FOLDER = path.resolve(__dirname, '../../../shared/klaviyo-openapi');
const slice = existsSync(FOLDER) ? readdirSync(FOLDER).find((name) => name.endsWith('.slice.json')) : undefined;
if (!slice) console.log(`Contract tests skipped: Klaviyo's published document is not at ${path.relative(process.cwd(), FOLDER)}`);

type Json = { [name: string]: unknown };
const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** OpenAPI 3.0 -> JSON Schema; `relaxed` drops what sparse fieldsets may leave out of attributes. */
const toSchema = (value: unknown, relaxed: boolean, name = ''): unknown => {
  if (Array.isArray(value)) return value.map((item) => toSchema(item, relaxed));
  if (!isRecord(value)) return value;
  const { nullable, ...rest } = value;
  const entries = Object.entries(rest).filter(([key]) => !key.startsWith('x-') && !(key === 'example' && name !== 'properties'));
  const schema: Json = Object.fromEntries(entries.map(([key, item]) => [key, toSchema(item, relaxed, key)]));
  if (relaxed && name === 'attributes') delete schema['required'];
  if (nullable !== true) return schema;
  if (schema['type'] === undefined) return { anyOf: [schema, { type: 'null' }] };
  if (Array.isArray(schema['enum'])) schema['enum'] = [...(schema['enum'] as unknown[]), null];
  return { ...schema, ...(typeof schema['type'] === 'string' && { type: [schema['type'], 'null'] }) };
};

/** Where what was observed departs from the document. */
const EXCEPTIONS = {
  /** `links.next` and `links.prev` are null at the ends (klaviyo.md section 2, REC), the document has them absent. */
  CollectionLinks: ['prev', 'next', 'first', 'last'],
};

type Sample = { readonly method: string; readonly template: string; readonly url: string; readonly status: number; readonly json?: object };
const sample = (method: string, template: string, url: string, status: number, json?: object): Sample => ({
  method,
  template,
  url,
  status,
  json,
});
const SAMPLES: readonly Sample[] = [
  sample('GET', '/api/accounts', '/api/accounts', 200),
  sample('GET', '/api/lists', '/api/lists?page[size]=2', 200),
  sample('GET', '/api/lists', '/api/lists?fields[list]=name', 200),
  sample('GET', '/api/lists', '/api/lists?sort=nope', 400),
  sample('GET', '/api/lists/{id}', '/api/lists/LIST5K', 200),
  sample('GET', '/api/lists/{id}', '/api/lists/LIST5K?additional-fields[list]=profile_count', 200),
  sample('GET', '/api/lists/{id}', '/api/lists/NOPE', 404),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?page[size]=2', 200),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?additional-fields[profile]=subscriptions', 200),
  sample('GET', '/api/lists/{id}/profiles', '/api/lists/LIST5K/profiles?fields[profile]=email', 200),
  sample('GET', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles?page[size]=2', 200),
  sample('POST', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 400, { data: [] }),
  sample('DELETE', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 204, {
    data: [{ type: 'profile', id: '<member>' }],
  }),
  sample('POST', '/api/lists/{id}/relationships/profiles', '/api/lists/LIST5K/relationships/profiles', 204, {
    data: [{ type: 'profile', id: '<member>' }],
  }),
  sample('GET', '/api/profiles', '/api/profiles?page[size]=2', 200),
  sample('GET', '/api/profiles', '/api/profiles?filter=any(email,["a@example.com"])&fields[profile]=email', 200),
  sample('GET', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 200),
  sample('GET', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs?page[size]=0', 400),
  sample('GET', '/api/profile-bulk-import-jobs/{job_id}', '/api/profile-bulk-import-jobs/<job>?include=lists', 200),
  sample('GET', '/api/profile-bulk-import-jobs/{job_id}', '/api/profile-bulk-import-jobs/nope', 404),
  sample('GET', '/api/profile-bulk-import-jobs/{id}/import-errors', '/api/profile-bulk-import-jobs/<job>/import-errors', 200),
  sample('POST', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 400, { data: { type: 'profile' } }),
  sample('POST', '/api/profile-bulk-import-jobs', '/api/profile-bulk-import-jobs', 202, { data: '<import>' }),
  sample('POST', '/api/profile-subscription-bulk-create-jobs', '/api/profile-subscription-bulk-create-jobs', 202, {
    data: '<subscription>',
  }),
];

(slice ? describe : describe.skip)('answers of the Klaviyo sandbox against the published document', () => {
  const document = slice
    ? (JSON.parse(readFileSync(path.join(FOLDER, slice), 'utf8')) as { paths: Json; components: Json })
    : { paths: {}, components: {} };
  const validators = new Map<string, ValidateFunction>();
  let klaviyo: RunningSandbox;
  const values: Record<string, string> = {};

  const compile = (relaxed: boolean) => {
    const root = toSchema(document, relaxed) as { components: { schemas: Record<string, { properties: Json }> } };
    const links = root.components.schemas['CollectionLinks']!.properties;
    for (const name of EXCEPTIONS.CollectionLinks) if (links[name]) links[name] = { anyOf: [links[name], { type: 'null' }] };
    // Without inlineRefs: false ajv does not come to an end on this document.
    const ajv = addFormats(new Ajv({ strict: false, allErrors: true, inlineRefs: false }));
    ajv.addSchema({ $id: 'klaviyo', components: { schemas: root.components.schemas } });
    return ajv;
  };
  const ajvs = slice ? { full: compile(false), sparse: compile(true) } : undefined;

  const validatorOf = (method: string, template: string, status: number, sparse: boolean): ValidateFunction | undefined => {
    const operation = (document.paths[template] as Record<string, { responses: Record<string, Json> }>)[method.toLowerCase()]!;
    const code = operation.responses[status] ? String(status) : `${String(status)[0]}XX`;
    const response = operation.responses[code]!;
    const reference = response['$ref'];
    const at = typeof reference === 'string' ? reference.slice(2).split('/') : ['paths', template, method.toLowerCase(), 'responses', code];
    const target = at.reduce<unknown>((part, name) => (part as Json)[name], document) as { content?: Json };
    const media = Object.values(target.content ?? {})[0] as { schema: Json } | undefined;
    if (!media) return undefined;
    const text = JSON.stringify(toSchema(media.schema, sparse)).replaceAll('"#/components', '"klaviyo#/components');
    const key = `${text} ${sparse}`;
    if (!validators.has(key)) validators.set(key, (sparse ? ajvs!.sparse : ajvs!.full).compile(JSON.parse(text) as Json));
    return validators.get(key);
  };

  const importData = (emails: string[]) => ({
    type: 'profile-bulk-import-job',
    attributes: {
      profiles: {
        data: emails.map((email) => ({ type: 'profile', attributes: { email, location: { city: 'Paris' }, properties: { a: 1 } } })),
      },
    },
    relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
  });
  const send = (method: string, url: string, json?: object) => {
    const subscription = {
      type: 'profile-subscription-bulk-create-job',
      attributes: {
        profiles: {
          data: [
            { type: 'profile', attributes: { email: 'a@example.com', subscriptions: { email: { marketing: { consent: 'SUBSCRIBED' } } } } },
          ],
        },
      },
      relationships: { list: { data: { type: 'list', id: 'LIST5K' } } },
    };
    const body =
      json &&
      JSON.stringify(json)
        .replace('"<import>"', JSON.stringify(importData(['x@example.com'])))
        .replace('"<subscription>"', JSON.stringify(subscription))
        .replace('<member>', values['member']!);
    return fetch(klaviyo.url + encodeURI(url.replace('<job>', values['job'] ?? '')), {
      ...{ method, body },
      headers: {
        Authorization: 'Klaviyo-API-Key pk_sandbox_full',
        revision: '2026-07-15',
        ...(body && { 'Content-Type': 'application/vnd.api+json' }),
      },
    });
  };

  beforeAll(async () => {
    klaviyo = await startKlaviyoSandbox({ processing: 'instant', limits: false });
    const rule = { endpoint: 'POST /api/profile-bulk-import-jobs', fault: { kind: 'row_errors', emails: ['c@example.com'] } } as const;
    klaviyo.sandbox.faults.add(rule);
    const answer = await send('POST', '/api/profile-bulk-import-jobs', {
      data: importData(['a@example.com', 'b@example.com', 'c@example.com', 'd@example.com']),
    });
    values['job'] = ((await answer.json()) as { data: { id: string } }).data.id;
    const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
    values['member'] = profiles.idOf(profiles.byEmail('a@example.com'));
  });
  afterAll(() => klaviyo.close());

  it.each(SAMPLES)('$method $url answers $status as the document says', async ({ method, template, url, status, json }) => {
    const answer = await send(method, url, json);
    const text = await answer.text();
    expect([answer.status, text.slice(0, status === answer.status ? 0 : 400)]).toEqual([status, '']);
    const validate = validatorOf(method, template, status, url.includes('fields['));
    if (!validate) return expect(status < 300 ? text : '').toBe('');
    expect(validate(JSON.parse(text)) ? [] : validate.errors).toEqual([]);
  });

  it('covers every operation of the slice', () => {
    const operations = Object.entries(document.paths).flatMap(([template, item]) =>
      Object.keys(item as Json)
        .filter((method) => ['get', 'post', 'patch', 'delete'].includes(method))
        .map((method) => `${method.toUpperCase()} ${template}`),
    );
    const covered = new Set(SAMPLES.map(({ method, template }) => `${method} ${template}`));
    expect(operations.filter((operation) => !covered.has(operation))).toEqual([]);
    expect(operations).toHaveLength(13);
  });
});
