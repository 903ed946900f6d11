import { invalidParameter, Refusal } from './errors';

export type Condition = { readonly operator: string; readonly field: string; readonly values: readonly string[] };

/** Most values an `any(...)` takes: a page holds 100, no maximum is published, so the stricter reading (4.33, assumed). */
export const MAX_ANY_VALUES = 100;

const refuse = (detail: string): never => {
  throw new Refusal(invalidParameter('filter', detail));
};

/** Splits at commas that stand outside of quotes and brackets. */
const split = (text: string): string[] => {
  const parts: string[] = [];
  let depth = 0;
  let quote = '';
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at]!;
    if (quote) {
      if (letter === quote) quote = '';
    } else if (letter === '"' || letter === "'") quote = letter;
    else if (letter === '(' || letter === '[') depth += 1;
    else if (letter === ')' || letter === ']') depth -= 1;
    else if (letter === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
    if (depth < 0) refuse('Invalid filter provided: brackets do not match.');
  }
  if (depth !== 0 || quote) refuse('Invalid filter provided: brackets or quotes do not match.');
  return [...parts, text.slice(from)].map((part) => part.trim());
};

const valueOf = (text: string): string => {
  const quoted = /^"([^"]*)"$|^'([^']*)'$/.exec(text);
  if (quoted) return quoted[1] ?? quoted[2]!;
  if (!/^[\w:.+-]+$/.test(text)) refuse(`Invalid filter provided: '${text.slice(0, 60)}' is not a value.`);
  return text;
};

const parseTerm = (term: string, fields: Readonly<Record<string, readonly string[]>>): Condition[] => {
  const call = /^([a-z-]+)\((.*)\)$/s.exec(term) ?? refuse('Invalid filter provided.');
  const [, operator, inner] = call as unknown as [string, string, string];
  if (operator === 'and') return split(inner).flatMap((part) => parseTerm(part, fields));
  const parts = split(inner);
  const field = parts[0]!;
  const allowed = fields[field];
  if (!allowed) return refuse(`'${field}' is not a filterable field for this resource.`);
  if (!allowed.includes(operator))
    refuse(`'${operator}' is not an allowed filter operator for ${field}.  Allowed operators are ${allowed.join(', ')}`); // text observed
  if (parts.length !== 2) refuse(`'${operator}' takes a field and one value.`);
  const given = parts[1]!;
  const list = /^\[(.*)\]$/s.exec(given);
  if ((operator === 'any') !== (list !== null)) refuse(`'${operator}' was given the wrong kind of value for ${field}.`);
  const values = list ? (list[1]!.trim() === '' ? [] : split(list[1]!).map(valueOf)) : [valueOf(given)];
  if (values.length === 0 || values.length > MAX_ANY_VALUES) refuse(`'any' takes 1 to ${MAX_ANY_VALUES} values, not ${values.length}.`);
  return [{ operator, field, values }];
};

/** Parses Klaviyo's filter grammar: `any(email,["a","b"])`, `equals(status,"queued")`, ranges, `and(...)` or a comma between terms. */
export const parseFilter = (text: string | null, fields: Readonly<Record<string, readonly string[]>>): Condition[] => {
  if (text === null) return [];
  return split(text).flatMap((term) => parseTerm(term, fields));
};

/** Reads a filter's instant, in milliseconds since 1970. */
export const instantOf = (value: string): number => {
  const at = Date.parse(value);
  return Number.isNaN(at) ? refuse(`'${value}' is not a valid datetime.`) : at;
};

/** Whether a value passes a range operator. */
export const inRange = (operator: string, value: number, bound: number): boolean =>
  operator === 'greater-than'
    ? value > bound
    : operator === 'greater-or-equal'
      ? value >= bound
      : operator === 'less-than'
        ? value < bound
        : value <= bound;
