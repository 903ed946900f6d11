import Ajv, { type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { isRecord, operationsOf, resolve } from './document';
import type { Json, Operation, Parameter, PublishedDocument } from './document';

/** One request and its answer, as they went over the wire. */
export interface Exchange {
  readonly method: string;
  /** path and query */
  readonly url: string;
  readonly requestHeaders: Readonly<Record<string, string | undefined>>;
  /** without its transfer encoding */
  readonly requestBody: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

export interface Departure {
  readonly side: 'request' | 'answer';
  readonly operation: string;
  readonly at: string;
  readonly says: string;
}

export interface Checked {
  /** undefined: the document does not hold it */
  readonly operation: string | undefined;
  /** what was called, in the document or not */
  readonly called: string;
  readonly departures: readonly Departure[];
}

type Strictness = 'closed' | 'full' | 'sparse';

/**
 * OpenAPI 3.0 → JSON Schema. `closed` takes no field that is not described, for what we send; `sparse` drops what sparse fieldsets may
 * leave out of attributes.
 */
const toSchema = (value: unknown, strictness: Strictness, name = ''): unknown => {
  if (Array.isArray(value)) return value.map((item) => toSchema(item, strictness));
  if (!isRecord(value)) return value;
  const { nullable, ...rest } = value;
  const entries = Object.entries(rest).filter(([key]) => !key.startsWith('x-') && !(key === 'example' && name !== 'properties'));
  const schema: Record<string, unknown> = Object.fromEntries(entries.map(([key, item]) => [key, toSchema(item, strictness, key)]));
  if (strictness === 'sparse' && name === 'attributes') delete schema.required;
  if (strictness === 'closed' && name !== 'properties' && isRecord(schema.properties)) schema.additionalProperties ??= false;
  if (nullable !== true) return schema;
  if (schema.type === undefined) return { anyOf: [schema, { type: 'null' }] };
  if (Array.isArray(schema.enum)) schema.enum = [...(schema.enum as unknown[]), null];
  return { ...schema, ...(typeof schema.type === 'string' && { type: [schema.type, 'null'] }) };
};

const FILTER_TERM = /^([a-z-]+)\(([\w.]+),(\[.*\]|[^[].*)\)$/s;

/** A value of the query held against its parameter's schema. @returns what is wrong */
const wrongValue = ({ schema }: Parameter, value: string): string | undefined => {
  const items = isRecord(schema.items) ? schema.items : undefined;
  const allowed = (items ?? schema).enum;
  if (Array.isArray(allowed)) {
    const wrong = (items ? value.split(',') : [value]).find((one) => !allowed.includes(one));
    if (wrong !== undefined) return `${wrong} is not one of its values`;
  }
  if (schema.type !== 'integer') return undefined;
  if (!/^-?\d+$/.test(value)) return `${value} is no integer`;
  if (Number(value) < Number(schema.minimum ?? -Infinity)) return `${value} is below ${String(schema.minimum)}`;
  return Number(value) > Number(schema.maximum ?? Infinity) ? `${value} is above ${String(schema.maximum)}` : undefined;
};

/** One term of Klaviyo's filter grammar held against the operators that are published for its field. */
const wrongFilter = (filters: Operation['x-klaviyo-filters'], filter: string): string | undefined => {
  const [, operator, field, value] = FILTER_TERM.exec(filter) ?? [];
  if (operator === undefined) return 'it is not one term of the grammar';
  const operators = filters?.[field!]?.operators;
  if (!operators) return `${field} cannot be filtered by`;
  const kind = value!.startsWith('[') ? 'list' : 'single';
  return operators[kind]?.includes(operator) ? undefined : `${operator} takes no ${kind === 'list' ? 'list' : 'single value'} for ${field}`;
};

/** Holds exchanges against a published document: method, path, query, headers and body of the request; status, type and body of the answer. */
export const createExchangeCheck = (document: PublishedDocument) => {
  const operations = [...operationsOf(document)].map(([name, { template, operation }]) => ({
    name,
    template,
    operation,
    pattern: new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '([^/]+)')}/?$`),
  }));
  const ajvs = Object.fromEntries(
    (['closed', 'full', 'sparse'] as const).map((strictness) => {
      // Without inlineRefs: false ajv does not come to an end on this document.
      const ajv = addFormats(new Ajv({ strict: false, allErrors: true, inlineRefs: false }));
      ajv.addSchema({ $id: 'klaviyo', components: { schemas: toSchema(document.components.schemas, strictness, 'properties') } });
      return [strictness, ajv];
    }),
  ) as Record<Strictness, Ajv>;
  const validators = new Map<string, ValidateFunction>();
  const validatorOf = (schema: Json, strictness: Strictness): ValidateFunction => {
    const text = JSON.stringify(toSchema(schema, strictness)).replaceAll('"#/components', '"klaviyo#/components');
    const key = `${strictness} ${text}`;
    const known = validators.get(key) ?? ajvs[strictness].compile(JSON.parse(text) as Json);
    validators.set(key, known);
    return known;
  };
  const wrongBody = (schema: Json, strictness: Strictness, text: string): { at: string; says: string }[] => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return [{ at: '', says: 'the body is no JSON' }];
    }
    const validate = validatorOf(schema, strictness);
    if (validate(value)) return [];
    return validate.errors!.map(({ instancePath, message, params }) => ({
      at: instancePath,
      says: `${message}${'additionalProperty' in params ? `: ${params.additionalProperty as string}` : ''}`,
    }));
  };

  const checkRequest = (
    operation: Operation,
    { requestHeaders, requestBody }: Exchange,
    query: URLSearchParams,
  ): { at: string; says: string }[] => {
    const wrong: { at: string; says: string }[] = [];
    const say = (at: string, says: string | undefined): void => void (says === undefined || wrong.push({ at, says }));
    const parameters = operation.parameters ?? [];
    for (const [name, value] of query) {
      const parameter = parameters.find((one) => one.in === 'query' && one.name === name);
      say(`query ${name}`, parameter ? wrongValue(parameter, value) : 'it is not described');
      if (parameter && name === 'filter') say(`query ${name}`, wrongFilter(operation['x-klaviyo-filters'], value));
    }
    for (const { name, in: place, required, schema } of parameters) {
      const value =
        place === 'header' ? requestHeaders[name.toLowerCase()] : place === 'query' ? (query.get(name) ?? undefined) : 'in the path';
      if (required && value === undefined) say(`${place} ${name}`, 'it is missing');
      // the document of a revision names it as the header's default
      if (place === 'header' && value !== undefined && value !== schema.default)
        say(`header ${name}`, `${value} is not ${String(schema.default)}`);
    }
    // securitySchemes: an API key in this header, written as its description says
    if (!/^Klaviyo-API-Key \S+$/.test(requestHeaders.authorization ?? '')) say('header authorization', 'it is not written as described');
    const contents = operation.requestBody?.content;
    if (!contents) say('', requestBody === '' ? undefined : 'no body is described');
    else if (requestBody === '') say('', operation.requestBody?.required ? 'the body is missing' : undefined);
    else {
      const type = requestHeaders['content-type'] ?? 'nothing';
      if (!contents[type]) say('header content-type', `${type} is not described`);
      wrong.push(...wrongBody(Object.values(contents)[0]!.schema, 'closed', requestBody));
    }
    return wrong;
  };

  const checkAnswer = (
    operation: Operation,
    { status, headers, body }: Exchange,
    query: URLSearchParams,
  ): { at: string; says: string }[] => {
    const response = operation.responses[status] ?? operation.responses[`${String(status)[0]}XX`];
    if (!response) return [{ at: 'status', says: `${status} is not described` }];
    const contents = resolve(document, response).content;
    if (!isRecord(contents)) return body === '' ? [] : [{ at: '', says: 'no body is described' }];
    const type = headers['content-type'] ?? 'nothing';
    const media = contents[type.split(';')[0]!.trim()];
    if (!isRecord(media)) return [{ at: 'header content-type', says: `${type} is not described` }];
    const isSparse = [...query.keys()].some((name) => name.startsWith('fields['));
    return wrongBody(media.schema as Json, isSparse ? 'sparse' : 'full', body);
  };

  return {
    operations: operations.map(({ name }) => name),
    check: (exchange: Exchange): Checked => {
      const { pathname, searchParams } = new URL(exchange.url, 'http://klaviyo');
      const found = operations.find(({ name, pattern }) => name.startsWith(`${exchange.method} `) && pattern.test(pathname));
      if (!found) {
        const called = `${exchange.method} ${pathname.replace(/\/$/, '')}`.replace(/(\/api\/[a-z-]+)\/[^/]+/, '$1/{id}');
        return { operation: undefined, called, departures: [] };
      }
      const departures = [
        ...checkRequest(found.operation, exchange, searchParams).map((one) => ({
          side: 'request' as const,
          operation: found.name,
          ...one,
        })),
        ...checkAnswer(found.operation, exchange, searchParams).map((one) => ({ side: 'answer' as const, operation: found.name, ...one })),
      ];
      return { operation: found.name, called: found.name, departures };
    },
  };
};
