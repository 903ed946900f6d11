import { z } from 'zod';
import { ConflictError, InvalidInputError, LimitError, NotAllowedError, NotFoundError, UpstreamError, isDomainError } from '../errors';
import { withoutAddresses } from '../platform/personal-data';

/** RFC 9457. `code` is stable and meant for programs, `detail` for people. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    /** the invocation, to be found in the logs */
    instance: z.string(),
    /** fields that are wrong, by JSON pointer into the body; those of the query begin with ?, those of headers with the header's name */
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
    /** request id of the service that refused, for its support */
    requestId: z.string().optional(),
    service: z.string().optional(),
    /** what stands in the way, e.g. the exports that use a connection */
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

const TITLES: Record<number, string> = {
  400: 'The request cannot be used',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Conflict',
  412: 'Changed meanwhile',
  413: 'Too large',
  415: 'Unsupported content type',
  422: 'Cannot be done with these values',
  428: 'If-Match is missing',
  500: 'Something went wrong here',
  502: 'Another service refused',
  503: 'Not possible at the moment',
};

/** Errors of the HTTP layer itself, which are finer than the six kinds. */
const STATUS_OF_CODE: Record<string, number> = {
  not_signed_in: 401,
  body_too_large: 413,
  content_type_unsupported: 415,
  precondition_required: 428,
  method_not_allowed: 405,
};

/** Seconds after which to ask again, where the answer is not 503. */
const RETRY_SECONDS_OF_CODE: Record<string, number> = { idempotency_key_in_use: 2 };

const DEFAULT_RETRY_MS = 5_000;

const MAX_TEXT = 2_000;
/**
 * A refusal may name what was asked for, e.g. a segment that is not there, and answers go into logs of others. An address in it is a
 * person's all the same. Cut afterwards, so that none is cut in two and overlooked.
 */
const shown = (text: string): string => {
  const told = withoutAddresses(text);
  return told.length > MAX_TEXT ? `${told.slice(0, MAX_TEXT)}…` : told;
};

/** Deadlines and the app's own end reach us under these names. */
const wasInterrupted = (error: unknown): boolean =>
  ['AbortError', 'TimeoutError'].includes((error as { name?: string } | null)?.name ?? '');

const statusOf = (error: unknown, conditional: boolean): number => {
  if (!isDomainError(error)) return wasInterrupted(error) ? 503 : 500;
  const byCode = STATUS_OF_CODE[error.code];
  if (byCode !== undefined) return byCode;
  if (error instanceof NotAllowedError) return 403;
  if (error instanceof NotFoundError) return 404;
  // two writers: who named a version learns that it is stale
  if (error instanceof ConflictError) return conditional && error.code === 'changed_meanwhile' ? 412 : 409;
  if (error instanceof LimitError) return 422;
  if (error instanceof UpstreamError) return error.retryable ? 503 : 502;
  // well formed, but another service refused the value, e.g. Klaviyo an API key
  if (error instanceof InvalidInputError) return error.cause instanceof UpstreamError ? 422 : 400;
  return 500;
};

/**
 * What went wrong → status, headers and body of the answer. Unknown errors show nothing of themselves.
 * @param instance invocation id
 * @param conditional whether the request named a version in If-Match
 */
export const toProblem = (
  error: unknown,
  { instance, conditional }: { instance: string; conditional: boolean },
): { status: number; headers: Record<string, string>; body: Problem } => {
  const status = statusOf(error, conditional);
  const upstream = error instanceof UpstreamError ? error : (error as { cause?: unknown } | undefined)?.cause;
  const known = isDomainError(error)
    ? { code: error.code, detail: error.message }
    : status === 503
      ? { code: 'interrupted', detail: 'This took too long or the app is being restarted; try again.' }
      : { code: 'internal_error', detail: `Something went wrong here. Give this number to whoever runs the app: ${instance}` };
  const problems =
    error instanceof InvalidInputError
      ? error.problems
      : isDomainError(error) && !(error instanceof UpstreamError) && error.pointer !== undefined
        ? [{ pointer: error.pointer, detail: error.message }]
        : [];
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503
        ? { 'retry-after': String(Math.ceil(((error instanceof UpstreamError && error.retryAfterMs) || DEFAULT_RETRY_MS) / 1_000)) }
        : {}),
      ...(known.code in RETRY_SECONDS_OF_CODE ? { 'retry-after': String(RETRY_SECONDS_OF_CODE[known.code]) } : {}),
      ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: {
      type: `urn:customer-insights-to-klaviyo:problem:${known.code}`,
      title: TITLES[status] ?? 'Error',
      status,
      detail: shown(known.detail),
      code: known.code,
      instance,
      ...(problems.length > 0
        ? { errors: problems.map(({ pointer, detail }) => ({ pointer: shown(pointer), detail: shown(detail) })) }
        : {}),
      ...(upstream instanceof UpstreamError
        ? { service: upstream.service, ...(upstream.requestId === undefined ? {} : { requestId: upstream.requestId }) }
        : {}),
      ...((error instanceof ConflictError || error instanceof InvalidInputError) && error.details ? { details: error.details } : {}),
    },
  };
};
