/** A request that Dataverse refuses, with its error code. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const bad = (message: string, code = '0x80060888') => new Refused(400, code, message);

/** What a filter may say here: one `contains`, or comparisons of one column joined by `or`. */
export type Filter =
  | { readonly kind: 'contains'; readonly column: string; readonly text: string }
  | { readonly kind: 'oneOf'; readonly column: string; readonly values: ReadonlySet<string> };

export interface Query {
  readonly select: readonly string[] | undefined;
  readonly filter: Filter | undefined;
  readonly skipToken: string | undefined;
  readonly top: number | undefined;
}

const LITERAL = String.raw`'((?:[^']|'')*)'`;
const CONTAINS = new RegExp(`^\\s*contains\\(\\s*(\\w+)\\s*,\\s*${LITERAL}\\s*\\)\\s*$`);
const EQUALS = new RegExp(`\\s*(\\w+)\\s+eq\\s+${LITERAL}\\s*`, 'y');
const OR = /or\b/y;
/** Dataverse's own bound of conditions in one query. */
const MAX_CONDITIONS = 500;

const text = (literal: string): string => literal.replaceAll("''", "'");

const parseFilter = (filter: string): Filter => {
  const contains = CONTAINS.exec(filter);
  // the documentation writes \" inside the literal, public client code " alone: both mean a quote
  if (contains) return { kind: 'contains', column: contains[1]!, text: text(contains[2]!).replaceAll('\\"', '"') };
  const values = new Set<string>();
  let column: string | undefined;
  let at = 0;
  for (let conditions = 1; ; conditions += 1) {
    if (conditions > MAX_CONDITIONS) throw bad('Number of conditions in query exceeded maximum limit.', '0x8004430C');
    EQUALS.lastIndex = at;
    const equals = EQUALS.exec(filter);
    if (!equals) throw bad(`Syntax error at position ${at} in the filter.`);
    if (column !== undefined && column !== equals[1]) throw bad('This environment compares one column in a filter only.');
    column = equals[1]!;
    values.add(text(equals[2]!));
    at = EQUALS.lastIndex;
    if (at === filter.length) return { kind: 'oneOf', column, values };
    OR.lastIndex = at;
    if (!OR.test(filter)) throw bad(`Syntax error at position ${at} in the filter.`);
    at = OR.lastIndex;
  }
};

/**
 * The query of an address, as far as this environment knows OData; anything else is refused, never ignored.
 * @param columns of the table
 * @throws Refused
 */
export const parseQuery = (parameters: URLSearchParams, columns: ReadonlySet<string>): Query => {
  const known = ['$select', '$filter', '$skiptoken', '$top'];
  for (const name of parameters.keys()) {
    if (name === '$skip') throw bad('The query parameter $skip is not supported.', '0x80060801');
    if (!known.includes(name)) throw bad(`The query parameter ${name} is not supported.`, '0x80060801');
    if (parameters.getAll(name).length > 1) throw bad(`The query parameter ${name} is given twice.`);
  }
  const select = parameters.get('$select')?.split(',');
  const unknown = select?.find((column) => !columns.has(column));
  if (unknown !== undefined) throw bad(`Could not find a property named '${unknown}'.`);
  const filter = parameters.get('$filter');
  const parsed = filter === null ? undefined : parseFilter(filter);
  if (parsed && !columns.has(parsed.column)) throw bad(`Could not find a property named '${parsed.column}'.`);
  const top = parameters.get('$top');
  if (top !== null && !/^\d{1,6}$/.test(top)) throw bad('$top takes a number.');
  return {
    select,
    filter: parsed,
    skipToken: parameters.get('$skiptoken') ?? undefined,
    top: top === null ? undefined : Number(top),
  };
};
