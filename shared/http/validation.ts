import type { z } from 'zod';
import { InvalidInputError, LimitError } from '../errors';
import type { FieldProblem } from '../errors';
import { withoutAddresses } from '../platform/personal-data';

/** Largest body that is read; our own check, as Flex Consumption ignores the host's limits. */
export const MAX_BODY_BYTES = 1_000_000;
/** Beyond this the rest is not even awaited. */
const MAX_DRAINED_BYTES = 10 * MAX_BODY_BYTES;
/** More would only repeat itself. */
const MAX_PROBLEMS = 20;

/** No field of ours has a longer name; of others the beginning is enough to find them. */
const MAX_NAME = 100;

/** A name that a caller made up may hold an address, and be as long as the body. */
const cutName = (part: PropertyKey): string => {
  const name = withoutAddresses(String(part));
  return name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name;
};
const escapePointer = (part: PropertyKey): string => cutName(part).replaceAll('~', '~0').replaceAll('/', '~1');
const pointerTo = (path: readonly PropertyKey[]): string => path.map((part) => `/${escapePointer(part)}`).join('');

const at = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );

/** What zod found → one sentence per field. Never shows a value, as it may be a key or an address. */
const toProblems = (error: z.ZodError, input: unknown, where: 'body' | 'query'): FieldProblem[] => {
  const pointTo = (path: readonly PropertyKey[]): string => (where === 'query' ? `?${path.map(cutName).join('.')}` : pointerTo(path));
  const problems = error.issues.flatMap((issue): FieldProblem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: pointTo([...issue.path, key]), detail: 'There is no such field.' }));
    }
    const missing = issue.path.length > 0 && at(input, issue.path) === undefined;
    const said = issue.message.replace(/^Invalid (?:input|option): /, '').replace(/, received undefined$/, '');
    return [{ pointer: pointTo(issue.path), detail: missing ? `This field is required: ${said}` : said }];
  });
  return problems.slice(0, MAX_PROBLEMS);
};

/**
 * Unknown → typed.
 * @param where fields of the body are named by JSON pointer, parameters of the query by ?name
 * @throws InvalidInputError invalid_input, with one problem per field
 */
export const parseInput = <S extends z.ZodType>(
  schema: S,
  input: unknown,
  { where = 'body' }: { where?: 'body' | 'query' } = {},
): z.output<S> => {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = toProblems(parsed.error, input, where);
  const [first] = problems;
  throw new InvalidInputError({
    code: 'invalid_input',
    message:
      problems.length === 1 && first
        ? `${first.pointer === '' ? 'The body' : first.pointer} cannot be used: ${first.detail}`
        : `${problems.length} fields cannot be used; see errors.`,
    problems,
  });
};

const notJson = (message: string): InvalidInputError => new InvalidInputError({ code: 'not_json', message });

const tooLarge = (maxBytes: number): LimitError =>
  new LimitError({ code: 'body_too_large', message: `The body is larger than ${maxBytes / 1_000_000} MB; send a smaller one.` });

interface BodyRequest {
  readonly method: string;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<unknown> | null;
}

const readBytes = async (request: BodyRequest, maxBytes: number): Promise<Buffer> => {
  if (Number(request.headers.get('content-length') ?? 0) > MAX_DRAINED_BYTES) throw tooLarge(maxBytes);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += (part as Uint8Array).byteLength;
    // the rest is read and dropped, as an answer during the upload reaches few clients
    if (bytes <= maxBytes) parts.push(part as Uint8Array);
    else if (bytes > MAX_DRAINED_BYTES) break;
  }
  if (bytes > maxBytes) throw tooLarge(maxBytes);
  return Buffer.concat(parts);
};

/**
 * Reads the JSON body of a request that changes something. Forms and plain text are refused even when empty: another site's page could
 * send those without asking first (failures.md row 45).
 * @param optional whether no body at all stands for {}
 * @throws InvalidInputError content_type_unsupported (415), not_json (400); LimitError body_too_large (413)
 */
export const readJson = async (
  request: BodyRequest,
  { optional, maxBytes = MAX_BODY_BYTES }: { optional: boolean; maxBytes?: number },
): Promise<unknown> => {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() || undefined;
  const accepted = ['application/json', ...(request.method === 'PATCH' ? ['application/merge-patch+json'] : [])];
  if (type !== undefined && !accepted.includes(type)) {
    throw new InvalidInputError({
      code: 'content_type_unsupported',
      message: 'Send the body as JSON, with Content-Type: application/json.',
    });
  }
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) {
    if (optional) return {};
    throw notJson('A JSON body is missing.');
  }
  if (type === undefined) {
    throw new InvalidInputError({
      code: 'content_type_unsupported',
      message: 'Send the body as JSON, with Content-Type: application/json.',
    });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch {
    throw notJson('The body is not JSON in UTF-8.'); // the parser's own words quote the body
  }
};

/** Each parameter once; a name given twice is refused, as hosts differ in which one counts. */
export const readQuery = (query: URLSearchParams): Record<string, string> => {
  const values: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of query) {
    if (name in values) {
      throw new InvalidInputError({ code: 'invalid_input', message: 'A query parameter is given twice.', pointer: `?${cutName(name)}` });
    }
    values[name] = value;
  }
  return { ...values };
};

const ENTITY_TAG = /^(?:W\/)?"[^"\p{Cc}]{0,200}"$/u;

/**
 * The version a change was made from.
 * @param any whether * is allowed: for removals only, as a change that overwrites whatever is there loses somebody's work
 * @throws InvalidInputError precondition_required (428), invalid_input
 */
export const readIfMatch = (headers: { get(name: string): string | null }, { any }: { any: boolean }): string => {
  const value = headers.get('if-match')?.trim() ?? '';
  if (value === '' || (value === '*' && !any)) {
    throw new InvalidInputError({
      code: 'precondition_required',
      message: `Read it first and send its ETag as If-Match${any ? ' (or * for whatever is there)' : ''}, so that nobody’s change is lost.`,
    });
  }
  if (value !== '*' && !ENTITY_TAG.test(value)) {
    throw new InvalidInputError({
      code: 'invalid_input',
      message: 'If-Match must hold one ETag, in quotes as it was given.',
      pointer: 'If-Match',
    });
  }
  return value;
};
