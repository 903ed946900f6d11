import { invalidParameter, Refusal } from './errors';
import { parseFilter, type Condition } from './filter';
import type { QueryRules } from './query-rules';

export type Query = {
  readonly params: URLSearchParams;
  readonly conditions: readonly Condition[];
  readonly sort: string | undefined;
  readonly size: number;
  /** Position after the last entry of the page before, 0 on the first page. */
  readonly after: number;
  readonly include: readonly string[];
  /** Sparse fieldset of a resource, or undefined for all of it. */
  readonly fieldsOf: (resource: string) => readonly string[] | undefined;
  readonly additional: readonly string[];
};

const allows = (names: readonly string[], name: string): boolean =>
  names.includes(name) || names.some((known) => known.endsWith('.') && name.startsWith(known));

const listOf = (params: URLSearchParams, parameter: string): string[] =>
  params.getAll(parameter).flatMap((value) => value.split(',').map((name) => name.trim()));

const shown = (names: readonly string[]): string => names.filter((name) => !name.endsWith('.')).join(', ');

const checkNames = (params: URLSearchParams, parameter: string, allowed: readonly string[], kind: string): void => {
  const wrong = listOf(params, parameter).find((name) => !allows(allowed, name));
  if (wrong === undefined) return;
  throw new Refusal(
    invalidParameter(parameter, `'${wrong}' is not an allowed ${kind} parameter for this resource. Allowed: ${shown(allowed)}.`),
  );
};

/** Writes a page position as the opaque cursor of `links.next`. */
export const cursorOf = (position: number): string => Buffer.from(`next::position::${position}`).toString('base64url');

const positionOf = (cursor: string | null): number => {
  if (cursor === null) return 0;
  const found = /^next::position::(\d+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (!found || cursorOf(Number(found[1])) !== cursor) throw new Refusal(invalidParameter('page[cursor]', 'Invalid page cursor.')); // 4.28, assumed
  return Number(found[1]);
};

/** Reads a query by an endpoint's rules; whatever they do not know is refused with `source.parameter` (4.26, 4.27, 4.28). */
export const parseQuery = (params: URLSearchParams, rules: QueryRules): Query => {
  for (const parameter of new Set(params.keys())) {
    const [, kind, resource] = /^([a-z-]+)(?:\[([^\]]+)\])?$/.exec(parameter) ?? [];
    if (kind === 'fields' && resource && rules.fields?.[resource]) checkNames(params, parameter, rules.fields[resource], 'fields');
    else if (kind === 'additional-fields' && resource && rules.additional?.[resource])
      checkNames(params, parameter, rules.additional[resource], 'additional-fields');
    else if (parameter === 'include' && rules.include) checkNames(params, parameter, rules.include, 'include');
    else if (parameter === 'sort' && rules.sort) checkNames(params, parameter, rules.sort, 'sort');
    else if (!(parameter === 'filter' && rules.filter) && !(kind === 'page' && rules.page && ['size', 'cursor'].includes(resource ?? '')))
      throw new Refusal(invalidParameter(parameter, `'${parameter}' is not an allowed query parameter for this resource.`));
  }
  const page = rules.page ?? { usual: 20, max: 100 };
  const size = params.get('page[size]');
  if (size !== null && (!/^\d+$/.test(size) || Number(size) < 1 || Number(size) > page.max))
    throw new Refusal(invalidParameter('page[size]', `Page size must be an integer between 1 and ${page.max}.`)); // 4.26
  return {
    params,
    conditions: parseFilter(params.get('filter'), rules.filter ?? {}),
    sort: params.get('sort') ?? undefined,
    size: size === null ? page.usual : Number(size),
    after: positionOf(params.get('page[cursor]')),
    include: listOf(params, 'include'),
    fieldsOf: (resource) => (params.has(`fields[${resource}]`) ? listOf(params, `fields[${resource}]`) : undefined),
    additional: [...params.keys()].filter((name) => name.startsWith('additional-fields')).flatMap((name) => listOf(params, name)),
  };
};
