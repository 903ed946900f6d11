import { Readable } from 'node:stream';
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { z } from 'zod';
import type { ActivityRecorder } from '../activity/activity';
import type { ActivityKind } from '../activity/kinds';
import type { Caller, Role } from '../caller';
import { NotFoundError } from '../errors';
import { framesOf } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { functionKeyCaller, refuseCrossSite, requireRole } from './auth';
import type { Authenticate } from './auth';
import { readIdempotencyKey } from './idempotency';
import type { Idempotency } from './idempotency';
import { toProblem } from './problem';
import { createRecorder } from './record';
import type { Recorder, Told } from './record';
import { parseInput, readIfMatch, readJson, readQuery } from './validation';

/** One way in which a route answers when all is well; errors are problems and the same for all routes. */
export interface AnswerDefinition {
  readonly description: string;
  /** JSON body; left out where there is none */
  readonly schema?: z.ZodType;
  /** content type of a body that is streamed as it is */
  readonly stream?: string;
  /** content types of a body that is given whole, with headers of its own */
  readonly content?: readonly string[];
  readonly etag?: true;
  readonly location?: true;
}

/** Everything a route promises; the handler is held to it, and OpenAPI comes from it. */
export type RouteDefinition = RouteBase & (ReadingRoute | ChangingRoute);

/** `records`: the kind of its entry in the activity log, for what hands out personal data. */
interface ReadingRoute {
  readonly method: 'GET';
  readonly records?: ActivityKind | false;
}
/** `records`: the kind of its entry in the activity log; false for a call that changes nothing. */
interface ChangingRoute {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly records: ActivityKind | false;
}

interface RouteBase {
  /** unique; also the function's name */
  readonly operation: string;
  /** with the prefix, e.g. api/exports/{id} */
  readonly path: string;
  readonly summary: string;
  /** least role; `open`: nobody needs to sign in */
  readonly who: Role | 'open';
  /** the host checks a function key (authLevel function) in place of a sign-in: for system callers only */
  readonly auth?: 'functionKey';
  /** a value that does not fit names something that cannot exist: 404 */
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** no body stands for {} */
  readonly bodyOptional?: true;
  /** the version must be named in If-Match; `orAny`: * counts, too; `optional`: it counts where it is named */
  readonly ifMatch?: 'required' | 'orAny' | 'optional';
  /** where a body may be larger than others; at most 10 MB are ever read */
  readonly maxBodyBytes?: number;
  /** honours Idempotency-Key: asked again under the same key, it does nothing and answers as before; for POSTs that create or run */
  readonly idempotent?: true;
  /** statuses of refusals that do not follow from the rest, e.g. 409 of a GET */
  readonly refusals?: readonly number[];
  readonly answers: Readonly<Record<number, AnswerDefinition>>;
}

/** Keeps the exact type of a definition. */
export const defineRoute = <const R extends RouteDefinition>(definition: R): R => definition;

type Parsed<S, Otherwise> = S extends z.ZodType ? z.output<S> : Otherwise;

export type RouteInput<R extends RouteDefinition> = {
  readonly params: Parsed<R['params'], Record<string, never>>;
  readonly query: Parsed<R['query'], Record<string, never>>;
  readonly body: Parsed<R['body'], undefined>;
  /** the version named by the caller, or * */
  readonly ifMatch: R['ifMatch'] extends 'optional' ? string | undefined : R['ifMatch'] extends string ? string : undefined;
  readonly caller: R['who'] extends 'open' ? undefined : Caller;
  readonly headers: { get(name: string): string | null };
  readonly signal: AbortSignal;
  /** names this one request where its caller has named it: the same again when it is repeated after a crash, so that what it made is found */
  readonly requestKey: R['idempotent'] extends true ? string | undefined : undefined;
  /**
   * Writes the activity log's entry now instead of after success, for what hands out data: not recorded, not done.
   * @throws UpstreamError when it cannot be recorded
   */
  readonly record: R['records'] extends string ? (told?: Told) => Promise<void> : undefined;
};

/** A body that is given as it is. */
export interface WholeContent {
  readonly body: string | Uint8Array;
  /** content-type and whatever differs from the usual */
  readonly headers: Readonly<Record<string, string>>;
}

type AnswerOf<S extends number, D extends AnswerDefinition> = { readonly status: S } & (D['schema'] extends z.ZodType
  ? { readonly body: z.input<D['schema']> }
  : D['stream'] extends string
    ? { readonly stream: AsyncIterable<string>; readonly fileName: string }
    : D['content'] extends readonly string[]
      ? { readonly content: WholeContent }
      : unknown) &
  (D['etag'] extends true ? { readonly etag: string } : unknown) &
  (D['location'] extends true ? { readonly location: string } : unknown);

export type RouteAnswer<R extends RouteDefinition> = {
  [S in keyof R['answers'] & number]: R['answers'][S] extends AnswerDefinition ? AnswerOf<S, R['answers'][S]> & ToldBy<R> : never;
}[keyof R['answers'] & number];

/** What the activity log says of it beside who, when and from where; several things may be told, or [] for none. */
type ToldBy<R extends RouteDefinition> = R['records'] extends string ? { readonly activity?: Told } : unknown;

export type RouteHandler<R extends RouteDefinition> = (input: RouteInput<R>) => Promise<RouteAnswer<R>>;

/** The platform ends an HTTP call after 230 s; ours ends before, and says so. */
const DEADLINE_MS = 220_000;

/** Nothing is kept by anybody on the way, nor taken for another type. */
export const COMMON_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

const parseParams = (definition: RouteDefinition, params: Record<string, string>): unknown => {
  if (!definition.params) return {};
  const parsed = definition.params.safeParse({ ...params });
  if (parsed.success) return parsed.data;
  throw new NotFoundError({
    code: 'not_found',
    message: `There is nothing here: ${parsed.error.issues[0]?.message ?? 'unknown address'}.`,
  });
};

/** Reads the first piece before the answer begins, so that an error at the start is a problem and not half a file. */
const startStream = async (pieces: AsyncIterable<string>): Promise<Readable> => {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  const all = async function* (): AsyncGenerator<Buffer> {
    try {
      for (let piece = first; piece.done !== true; piece = await iterator.next()) yield Buffer.from(piece.value);
    } finally {
      await iterator.return?.(); // the caller went away: let go of the blob
    }
  };
  // also when nobody has begun to read
  return Readable.from(all(), { objectMode: false }).once('close', () => void iterator.return?.().catch(() => undefined));
};

const toResponse = async (
  definition: RouteDefinition,
  answer: {
    status: number;
    body?: unknown;
    etag?: string;
    location?: string;
    stream?: AsyncIterable<string>;
    fileName?: string;
    content?: WholeContent;
  },
): Promise<HttpResponseInit> => {
  const { schema, stream: contentType } = definition.answers[answer.status] ?? {};
  const headers: Record<string, string> = { ...COMMON_HEADERS };
  if (answer.etag !== undefined) headers.etag = answer.etag;
  if (answer.location !== undefined) headers.location = answer.location;
  if (answer.stream !== undefined) {
    headers['content-type'] = contentType ?? 'application/octet-stream';
    headers['content-disposition'] = `attachment; filename="${answer.fileName ?? 'download'}"`;
    return { status: answer.status, headers, body: await startStream(answer.stream) };
  }
  if (answer.content !== undefined) {
    return { status: answer.status, headers: { ...headers, ...answer.content.headers }, body: answer.content.body };
  }
  // Parsed on the way out, too: a field that the contract does not name stays inside.
  return { status: answer.status, headers, ...(schema === undefined ? {} : { jsonBody: schema.parse(answer.body) }) };
};

type Answer = Parameters<typeof toResponse>[1] & { readonly activity?: Told };

/** Puts on record what was done, and answers. A download begins only when it stands in the log. */
const respond = async (
  definition: RouteDefinition,
  answer: Answer,
  { recorder, log }: { recorder: Recorder | undefined; log: Log },
): Promise<HttpResponseInit> => {
  if (answer.stream === undefined) await recorder?.after(answer.activity, log);
  const response = await toResponse(definition, answer);
  if (answer.stream === undefined || recorder?.isDone() !== false) return response;
  try {
    await recorder.before(answer.activity);
  } catch (error) {
    (response.body as Readable).destroy(); // it is not sent after all
    throw error;
  }
  return response;
};

export interface RouteParts {
  readonly authenticate: Authenticate;
  readonly activity: ActivityRecorder;
  readonly now: () => Date;
  readonly lifetime: { signal(options: { deadlineMs: number }): AbortSignal };
  readonly idempotency: Pick<Idempotency, 'once'>;
  readonly log: Log;
}

/** Places of an error that nobody expected, without its text, as that may quote a profile or a key. */
const traceOf = (error: unknown): string => framesOf(error).slice(0, 8).join(' | ');

const targetOf = ({ method, url }: { method: string; url: string }): string => `${method} ${new URL(url).pathname}`;

/** The answer of the first request under a key, as it was, but for its invocation. */
const answerOnce = async (
  work: (requestKey: string) => Promise<HttpResponseInit>,
  {
    idempotency,
    request: { caller, ...request },
    signal,
  }: {
    idempotency: Pick<Idempotency, 'once'>;
    request: { key: string; caller: Caller; target: string; input: unknown };
    signal: AbortSignal;
  },
): Promise<HttpResponseInit> => {
  const { answer, replayed } = await idempotency.once(
    { ...request, callerId: caller.id },
    async (workId) => {
      const done = await work(workId);
      return { status: done.status ?? 200, headers: done.headers as Record<string, string>, body: done.jsonBody as unknown };
    },
    { signal },
  );
  return {
    status: answer.status,
    headers: { ...answer.headers, ...(replayed ? { 'idempotency-replayed': 'true' } : {}) },
    ...(answer.body === undefined ? {} : { jsonBody: answer.body }),
  };
};

/**
 * A definition and what it does → a handler for the Functions host: who may, is it ours, what is asked, do it, answer.
 * Never throws; errors become problems.
 */
export const createHandler =
  <R extends RouteDefinition>(definition: R, handle: RouteHandler<R>, parts: RouteParts): HttpHandler =>
  async (request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> => {
    const { authenticate, idempotency, lifetime, log } = parts;
    try {
      // on a keyed route a principal counts for nothing, whoever sent it: the host has let the key in, and that is all that is known
      const isKeyed = definition.auth === 'functionKey';
      if (isKeyed) request.query.delete('code'); // the key itself, where it is not sent as a header
      const caller = definition.who === 'open' ? undefined : isKeyed ? functionKeyCaller : authenticate(request.headers);
      if (caller && definition.who !== 'open') requireRole(caller, definition.who);
      const changes = definition.method !== 'GET';
      if (changes) refuseCrossSite(request);
      const params = parseParams(definition, request.params);
      const query = parseInput(definition.query ?? z.strictObject({}), readQuery(request.query), { where: 'query' });
      const { maxBodyBytes: maxBytes } = definition;
      const optional = definition.body === undefined || definition.bodyOptional === true;
      const sent = changes ? await readJson(request, { optional, ...(maxBytes === undefined ? {} : { maxBytes }) }) : {};
      const isNamed = definition.ifMatch !== 'optional' || request.headers.has('if-match');
      const ifMatch = definition.ifMatch && isNamed ? readIfMatch(request.headers, { any: definition.ifMatch === 'orAny' }) : undefined;
      const body = changes ? parseInput(definition.body ?? z.strictObject({}), sent) : undefined;
      const signal = lifetime.signal({ deadlineMs: DEADLINE_MS });
      const { headers } = request;
      const recorder =
        definition.records && caller ? createRecorder({ kind: definition.records, caller, headers, params }, parts) : undefined;
      const record = recorder?.before;
      const answer = async (requestKey?: string): Promise<HttpResponseInit> => {
        const done = await handle({
          params,
          query,
          body,
          ifMatch,
          caller,
          headers,
          signal,
          requestKey,
          record,
        } as unknown as RouteInput<R>);
        return respond(definition, done, { recorder, log });
      };
      if (!definition.idempotent || caller === undefined) return await answer();
      const key = readIdempotencyKey(headers);
      if (key === undefined) return await answer();
      return await answerOnce(answer, { idempotency, request: { key, caller, target: targetOf(request), input: { query, body } }, signal });
    } catch (error) {
      const conditional = (request.headers.get('if-match') ?? '*') !== '*';
      const { status, headers, body } = toProblem(error, { instance: context.invocationId, conditional });
      if (status >= 500) {
        log('request_failed', {
          operation: definition.operation,
          status,
          code: body.code,
          error: error instanceof Error ? error.name : typeof error,
          ...(body.requestId === undefined ? {} : { requestId: body.requestId }),
          ...(status === 500 ? { trace: traceOf(error) } : {}),
        });
      }
      return { status, headers: { ...COMMON_HEADERS, ...headers }, body: JSON.stringify(body) };
    }
  };

/** {value, nextLink}, as all lists are. */
export const listOf = <S extends z.ZodType>(item: S, id: string) =>
  z.object({ value: z.array(item), nextLink: z.string().optional() }).meta({ id });
