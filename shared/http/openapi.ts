import { z } from 'zod';
import { Role, mayActAs } from '../caller';
import { Problem } from './problem';
import { PROBLEM_CODES } from './problem-codes';
import type { AnswerDefinition, RouteDefinition } from './route';

type Json = Record<string, unknown>;
type Direction = 'input' | 'output';

/** What a reader is shown, by the id of a schema; a body or an answer of an operation may have its own. */
export interface ApiExamples {
  readonly schemas: Readonly<Record<string, unknown>>;
  readonly requests?: Readonly<Record<string, unknown>>;
  readonly answers?: Readonly<Record<string, unknown>>;
}

const SCHEMAS = '#/components/schemas/';
const IF_MATCH = { required: 'IfMatch', orAny: 'IfMatchOrAny', optional: 'IfMatchOptional' } as const;

/** What the app itself posts to receivers outside. */
export interface WebhookDefinition {
  readonly summary: string;
  readonly description: string;
  readonly body: z.ZodType;
  /** names of headers and what they say */
  readonly headers: Readonly<Record<string, string>>;
}

/** What every operation that is signed in may answer beside its own; 405 belongs to the address and not to an operation. */
const refusalsOf = ({ method, who, params, ifMatch, idempotent, body, refusals = [] }: RouteDefinition): number[] => {
  const changes = method !== 'GET';
  return [
    400,
    500,
    503,
    ...(who === 'open' ? [] : [401, 403, 502]),
    ...(params ? [404] : []),
    ...(changes ? [409, 413, 415] : []),
    ...(ifMatch ? [412] : []),
    ...(ifMatch ? [428] : []), // also where it is optional: * names no version
    ...(body !== undefined || idempotent ? [422] : []),
    ...refusals,
  ];
};

/** A date needs no pattern beside its format: it is a page long. */
const withoutDatePattern = (node: unknown): unknown => {
  if (Array.isArray(node)) return node.map(withoutDatePattern);
  if (typeof node !== 'object' || node === null) return node;
  const { pattern, ...rest } = node as Json;
  const kept = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, withoutDatePattern(value)]));
  return pattern === undefined || kept.format === 'date-time' ? kept : { ...kept, pattern };
};

const mapRefs = (node: unknown, to: (id: string) => string): unknown => {
  if (Array.isArray(node)) return node.map((inner) => mapRefs(inner, to));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      name === '$ref' && typeof value === 'string' ? to(value.slice('#/$defs/'.length)) : mapRefs(value, to),
    ]),
  );
};

/**
 * All schemas of one direction at once, by a name of our own; those with an id become shared ones.
 * @see zod 4: z.toJSONSchema puts schemas with `.meta({ id })` under $defs; what is not said to be so throws
 */
const convert = (schemas: Readonly<Record<string, z.ZodType>>, io: Direction) => {
  const { properties = {}, $defs = {} } = withoutDatePattern(
    z.toJSONSchema(z.object({ ...schemas }), { io, target: 'draft-2020-12', unrepresentable: 'any' }),
  ) as { properties?: Record<string, Json>; $defs?: Record<string, Json> };
  for (const schema of Object.values($defs)) {
    delete schema.$id;
    delete schema.id;
  }
  return { properties, shared: $defs };
};

/** Ids whose schema differs between what is sent and what is answered, e.g. by fields with a default, or refers to one that does. */
const idsThatDiffer = (sent: Record<string, Json>, answered: Record<string, Json>): Set<string> => {
  const differing = new Set(Object.keys(sent).filter((id) => id in answered && JSON.stringify(sent[id]) !== JSON.stringify(answered[id])));
  for (let before = -1; before !== differing.size;) {
    before = differing.size;
    for (const [id, schema] of Object.entries(sent)) {
      const text = JSON.stringify(schema);
      if (id in answered && [...differing].some((other) => text.includes(`"#/$defs/${other}"`))) differing.add(id);
    }
  }
  return differing;
};

const tagOf = ({ path }: RouteDefinition): string => {
  const [, first = '', second = ''] = path.split('/');
  const name = first === 'system' ? `system ${second}` : first.replace(/\..*$/, '');
  return name[0]!.toUpperCase() + name.slice(1);
};

const parametersIn = (where: 'path' | 'query', schema: Json | undefined): Json[] => {
  const { properties = {}, required = [] } = (schema ?? {}) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...inner }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: inner,
  }));
};

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be used: malformed, unknown or wrong fields, each named by JSON pointer',
  401: 'Not signed in',
  403: 'Signed in, but not allowed',
  404: 'There is nothing here that the caller may see',
  409: 'Not as things are now',
  412: 'Changed by somebody else since it was read: read it again',
  413: 'The body is larger than 1 MB',
  415: 'The body is not sent as JSON',
  422: 'Well formed, but a limit or another service refuses these values',
  428: 'If-Match is missing',
  500: 'Something went wrong here; the invocation id leads to the log',
  502: 'Another service refused, and asking again will not help',
  503: 'Not possible at the moment; Retry-After says when to ask again',
};

const problemResponse = (status: number): Json => {
  const codes = Object.entries(PROBLEM_CODES).filter(([, known]) => known.statuses.includes(status));
  return {
    description: [TITLES[status], ...codes.map(([code, { says }]) => `- \`${code}\`: ${says}`)].join('\n'),
    ...(status === 503 || status === 409
      ? { headers: { 'Retry-After': { description: 'Seconds to wait', schema: { type: 'string', pattern: '^\\d+$' } } } }
      : {}),
    content: { 'application/problem+json': { schema: { $ref: `${SCHEMAS}Problem` } } },
  };
};

/** The host checks the key and refuses without a body. */
const KEY_REFUSED = { description: 'The function key is missing or wrong' };

const ROLES_THAT_MAY = (least: Role): string[] => Role.options.filter((role) => mayActAs(role, least));

const securityOf = ({ who, auth }: RouteDefinition): Json[] => {
  if (auth === 'functionKey') return [{ functionKey: [] }];
  return who === 'open' ? [] : [{ bearer: ROLES_THAT_MAY(who) }, { session: ROLES_THAT_MAY(who) }];
};

const headersOf = ({ etag, location }: AnswerDefinition, idempotent: boolean): Json => {
  const text = (description: string, required: boolean) => ({ description, required, schema: { type: 'string' } });
  return {
    ...(etag ? { ETag: text('Version, for If-Match', true) } : {}),
    ...(location ? { Location: text('Address of what was made', true) } : {}),
    ...(idempotent ? { 'Idempotency-Replayed': text('true where this is the answer of an earlier request with the same key', false) } : {}),
  };
};

/**
 * The API's description, from the very definitions that requests and answers are held to.
 * @param version of the app
 * @see OpenAPI Specification 3.1.1; roles stand in the security requirements, as it allows for every kind of scheme
 */
export const createOpenApi = (
  definitions: readonly RouteDefinition[],
  { version, examples, webhooks = {} }: { version: string; examples: ApiExamples; webhooks?: Readonly<Record<string, WebhookDefinition>> },
): Json => {
  const inputs: Record<string, z.ZodType> = {};
  const outputs: Record<string, z.ZodType> = { problem: Problem };
  // what the app sends is an answer's kind of thing: fields with a default are always there
  for (const [name, { body }] of Object.entries(webhooks)) outputs[`webhook ${name}`] = body;
  for (const { operation, params, query, body, answers } of definitions) {
    if (params) inputs[`${operation} params`] = params;
    if (query) inputs[`${operation} query`] = query;
    if (body) inputs[`${operation} body`] = body;
    for (const [status, { schema }] of Object.entries(answers)) if (schema) outputs[`${operation} ${status}`] = schema;
  }
  const sent = convert(inputs, 'input');
  const answered = convert(outputs, 'output');
  const differing = idsThatDiffer(sent.shared, answered.shared);
  const asSent = (node: unknown) => mapRefs(node, (id) => `${SCHEMAS}${id}${differing.has(id) ? 'Input' : ''}`) as Json;
  const asAnswered = (node: unknown) => mapRefs(node, (id) => `${SCHEMAS}${id}`) as Json;
  const schemas = Object.fromEntries(
    [
      ...Object.entries(answered.shared).map(([id, schema]) => [id, asAnswered(schema)] as const),
      ...Object.entries(sent.shared).flatMap(([id, schema]) =>
        id in answered.shared && !differing.has(id) ? [] : [[differing.has(id) ? `${id}Input` : id, asSent(schema)] as const],
      ),
    ].sort(([one], [other]) => (one < other ? -1 : 1)),
  );

  const exampleOf = (schema: Json | undefined, own: unknown): Json => {
    const id = typeof schema?.$ref === 'string' ? schema.$ref.slice(SCHEMAS.length) : '';
    const example = own ?? examples.schemas[id] ?? examples.schemas[id.replace(/Input$/, '')];
    return example === undefined ? {} : { example };
  };

  const operationOf = (definition: RouteDefinition): Json => {
    const { operation, summary, body, bodyOptional, ifMatch, idempotent, answers, auth, who } = definition;
    const changes = definition.method !== 'GET';
    const parameters = [
      ...parametersIn('path', definition.params && asSent(sent.properties[`${operation} params`])),
      ...parametersIn('query', definition.query && asSent(sent.properties[`${operation} query`])),
      ...(ifMatch ? [{ $ref: `#/components/parameters/${IF_MATCH[ifMatch]}` }] : []),
      ...(idempotent ? [{ $ref: '#/components/parameters/IdempotencyKey' }] : []),
    ];
    const bodySchema = body && asSent(sent.properties[`${operation} body`]);
    const media = bodySchema && { schema: bodySchema, ...exampleOf(bodySchema, examples.requests?.[operation]) };
    const responses: Record<string, Json> = {};
    for (const status of refusalsOf(definition)) responses[status] = { $ref: `#/components/responses/${status}` };
    if (auth === 'functionKey') responses[401] = KEY_REFUSED;
    for (const [status, answer] of Object.entries(answers)) {
      const schema = answer.schema && asAnswered(answered.properties[`${operation} ${status}`]);
      const headers = headersOf(answer, idempotent === true);
      const content: Record<string, Json> = {
        ...(schema ? { 'application/json': { schema, ...exampleOf(schema, examples.answers?.[operation]) } } : {}),
        ...Object.fromEntries(
          [answer.stream ?? [], ...(answer.content ?? [])]
            .flat()
            .map((type) => [type, { schema: { type: type === 'application/json' ? 'object' : 'string' } }]),
        ),
      };
      // 503 of the health is an answer of its own, and may be a refusal as well
      if (status in responses && schema) content['application/problem+json'] = { schema: { $ref: `${SCHEMAS}Problem` } };
      responses[status] = {
        description: answer.description,
        ...(Object.keys(headers).length === 0 ? {} : { headers }),
        ...(Object.keys(content).length === 0 ? {} : { content }),
      };
    }
    return {
      operationId: operation,
      summary,
      description: auth === 'functionKey' ? 'With a function key.' : who === 'open' ? 'Open to anyone.' : `Least role: ${who}.`,
      tags: [tagOf(definition)],
      ...(parameters.length === 0 ? {} : { parameters }),
      ...(media
        ? {
            requestBody: {
              required: bodyOptional !== true,
              content: {
                'application/json': media,
                ...(definition.method === 'PATCH' ? { 'application/merge-patch+json': media } : {}),
              },
            },
          }
        : {}),
      responses,
      security: securityOf(definition),
      ...(changes && media === undefined ? { 'x-body': 'none, or {}' } : {}),
    };
  };

  const webhookOf = (name: string, { summary, description, headers }: WebhookDefinition): Json => {
    const schema = asAnswered(answered.properties[`webhook ${name}`]);
    return {
      operationId: name,
      summary,
      description,
      parameters: Object.entries(headers).map(([header, says]) => ({
        name: header,
        in: 'header',
        required: true,
        description: says,
        schema: { type: 'string' },
      })),
      requestBody: { required: true, content: { 'application/json': { schema, ...exampleOf(schema, undefined) } } },
      responses: {
        '2XX': { description: 'Taken' },
        404: { description: 'Not there; sent again. Missing five times over an hour, the receiver counts as gone' },
        410: { description: 'Gone; nothing more is sent until somebody gives another address, or a test gets through' },
        429: { description: 'Not now; Retry-After is obeyed' },
        default: { description: 'Not taken; sent again with growing waits for a day. Redirects are not followed' },
      },
    };
  };

  const sorted = [...definitions].sort((one, other) => (`${one.path} ${one.method}` < `${other.path} ${other.method}` ? -1 : 1));
  const paths: Record<string, Json> = {};
  for (const definition of sorted) {
    (paths[`/${definition.path}`] ??= {})[definition.method.toLowerCase()] = operationOf(definition);
  }
  const header = (name: string, description: string, required: boolean, more: Json = {}): Json => ({
    name,
    in: 'header',
    required,
    description,
    schema: { type: 'string', ...more },
  });

  return {
    openapi: '3.1.1',
    info: {
      title: 'Customer Insights to Klaviyo',
      version,
      description: [
        'Connections to Klaviyo accounts, exports of Customer Insights segments to their lists, schedules and runs.',
        'Errors are RFC 9457 problems: `code` is stable and meant for programs, `detail` for people, `errors` names each field by JSON pointer (`?name` for the query). An unknown field is an error.',
        'Changes take JSON only, and none that a page of another site asks for. What has a version carries `ETag`; changes to it name that in `If-Match`.',
        'GET also answers HEAD; another method is 405 with `Allow`, an unknown address 404. A problem with status 500, 502 or 503 may come from any address.',
      ].join('\n\n'),
    },
    servers: [{ url: '/' }],
    tags: [...new Set(sorted.map(tagOf))].map((name) => ({ name })),
    paths,
    webhooks: Object.fromEntries(Object.entries(webhooks).map(([name, definition]) => [name, { post: webhookOf(name, definition) }])),
    components: {
      schemas,
      parameters: {
        IfMatch: header('If-Match', 'The ETag of the version that the change was made from', true, { maxLength: 202 }),
        IfMatchOrAny: header('If-Match', 'The ETag of the version that was read, or * for whatever is there', true, { maxLength: 202 }),
        IfMatchOptional: header('If-Match', 'The ETag that was read: changed since, nothing is done', false, { maxLength: 202 }),
        IdempotencyKey: header(
          'Idempotency-Key',
          'Your own name for this one request, best a UUID. For 24 hours the same request under it is not done again but answered as before; 409 while the first is at work, 422 for another request.',
          false,
          { minLength: 1, maxLength: 257 },
        ),
      },
      responses: Object.fromEntries(Object.keys(TITLES).map((status) => [status, problemResponse(Number(status))])),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'Access token of Microsoft Entra ID for this app, of a person or an application',
        },
        session: { type: 'apiKey', in: 'cookie', name: 'AppServiceAuthSession', description: 'A browser that has signed in' },
        functionKey: { type: 'apiKey', in: 'header', name: 'x-functions-key', description: 'Only where ALLOW_FUNCTION_KEYS is on' },
      },
    },
  };
};
