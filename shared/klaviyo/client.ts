import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { UpstreamError } from '../errors';
import { retryAfterOf } from '../platform/retry-after';
import { noTelemetry } from '../platform/telemetry';
import type { Telemetry } from '../platform/telemetry';
import { USER_AGENT } from '../version';
import { classify, readBody, toError } from './answers';
import type { ReadBody } from './answers';
import { KLAVIYO_REVISION, endpoints } from './endpoints';
import type { EndpointName } from './endpoints';
import { MAX_WAIT_IN_CALL_MS, retryDelayMs } from './retry';

/** Largest answer that is read: a page of 100 profiles or errors with their payloads is far below. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Klaviyo's edge refuses unnamed callers from cloud addresses (klaviyo.md §3 row 6). */
const MAX_ATTEMPTS = 5;

export interface KlaviyoRequest {
  readonly id?: string;
  readonly query?: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly gzip?: boolean;
  readonly signal: AbortSignal;
  /** of one attempt */
  readonly timeoutMs?: number;
  /** default 5; 1 = never again by itself */
  readonly maxAttempts?: number;
  /** told right before each attempt, after pace and fence */
  readonly onAttempt?: () => void;
}

export interface KlaviyoAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly requestId?: string;
}

/** What the client tells the run that uses it. */
export interface KlaviyoObserver {
  throttled?(endpoint: EndpointName): void;
  served?(revision: string): void;
  called?(endpoint: EndpointName): void;
}

/** Asked before each attempt. */
export interface CallGate {
  /** waits until the account's budget for this endpoint has room */
  pace(endpoint: EndpointName, options: { signal: AbortSignal }): Promise<void>;
  /** throws when the caller may no longer act, e.g. because its lease does not outlast the call */
  fence(timeoutMs: number): Promise<void>;
  /** told of each 429, so that the budget learns of other users of the account; never throws */
  throttled(endpoint: EndpointName, retryAfterMs: number): Promise<void>;
}

const openGate: CallGate = { pace: () => Promise.resolve(), fence: () => Promise.resolve(), throttled: () => Promise.resolve() };

/** An answer that asks for more, or a date seen by a clock that stands wrong, must not put a run to sleep for days (failures.md promise 8). */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** An id as one part of a path; dots alone would climb out of it, however they are encoded (failures.md row 47). */
const pathPart = (id: string): string => {
  if (/^\.{1,2}$/.test(id))
    throw new UpstreamError('klaviyo', {
      code: 'id_unknown',
      message: 'Dots alone are no id in Klaviyo; see the list of this export.',
      retryable: false,
    });
  return encodeURIComponent(id);
};

const single = (header: string | string[] | undefined): string | undefined => (Array.isArray(header) ? header[0] : header);

/** Reads a body, but never more than a bound, and nothing that would have to be inflated: no encoding is asked for. */
const receive = async ({ body, headers }: Dispatcher.ResponseData): Promise<ReadBody> => {
  const encoding = single(headers['content-encoding']) ?? 'identity';
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += (part as Buffer).length;
    if (bytes > MAX_ANSWER_BYTES) return { kind: 'oversized' };
    parts.push(part as Buffer);
  }
  return bytes > 0 && encoding !== 'identity' ? { kind: 'encoded' } : readBody(Buffer.concat(parts).toString('utf8'));
};

/**
 * The one place that sends to Klaviyo: headers, pinned revision, time-outs, retries by class of error. Redirects are not followed and
 * the key goes to `baseUrl` only.
 * @param random in [0, 1), for the jitter of retries
 */
export const createKlaviyo = ({
  baseUrl,
  random = Math.random,
  telemetry = noTelemetry,
}: {
  baseUrl: string;
  random?: () => number;
  telemetry?: Pick<Telemetry, 'span' | 'count' | 'record'>;
}) => {
  const { hostname, port } = new URL(baseUrl);
  const server = { 'server.address': hostname, ...(port === '' ? {} : { 'server.port': Number(port) }) };
  const dispatcher = new Agent({ connections: 32, pipelining: 1, keepAliveTimeout: 20_000, connect: { timeout: 10_000 } });

  /** Calls with one API key. `gate` paces and fences; without it calls go out as they come. */
  const client = ({
    apiKey,
    gate = openGate,
    observer = {},
    timeoutMs: defaultTimeoutMs = 15_000,
  }: {
    apiKey: string;
    gate?: CallGate;
    observer?: KlaviyoObserver;
    /** of one attempt */
    timeoutMs?: number;
  }) => {
    /** One request, seen by its template alone: ids and filters of an address name people. */
    const once = (
      name: EndpointName,
      options: KlaviyoRequest,
      { timeoutMs, attempt, waitedMs }: { timeoutMs: number; attempt: number; waitedMs: number },
    ): Promise<KlaviyoAnswer> => {
      const { method, path: template } = endpoints[name];
      const attributes = {
        ...server,
        'http.request.method': method,
        'url.template': template,
        'http.request.resend_count': attempt - 1,
        'klaviyo.operation': name,
        'klaviyo.pace.wait': Math.round(waitedMs) / 1_000,
      } as const;
      return telemetry.span(`${method} ${template}`, { kind: 'client', attributes }, async (span) => {
        let status: number | undefined;
        try {
          const answer = await exchange(name, options, timeoutMs);
          status = answer.status;
          span.set({ 'klaviyo.request_id': answer.requestId });
          return answer;
        } catch (error) {
          if (error instanceof UpstreamError) {
            status = error.status;
            span.set({ 'klaviyo.request_id': error.requestId });
          }
          throw error;
        } finally {
          span.set({ 'http.response.status_code': status });
          telemetry.count('klaviyo.calls', {
            operation: name,
            statusClass: status === undefined ? 'none' : `${Math.floor(status / 100)}xx`,
          });
        }
      });
    };

    const exchange = async (name: EndpointName, options: KlaviyoRequest, timeoutMs: number): Promise<KlaviyoAnswer> => {
      const { method, path } = endpoints[name];
      const url = new URL(path.replace('{id}', pathPart(options.id ?? '')), baseUrl);
      for (const [key, value] of Object.entries(options.query ?? {})) url.searchParams.set(key, value);
      observer.called?.(name);
      const answer = await request(url, {
        method,
        dispatcher,
        signal: AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs)]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        headers: {
          authorization: `Klaviyo-API-Key ${apiKey}`,
          revision: KLAVIYO_REVISION,
          accept: 'application/vnd.api+json',
          'user-agent': USER_AGENT,
          ...(options.body === undefined ? {} : { 'content-type': 'application/vnd.api+json' }),
          ...(options.gzip ? { 'content-encoding': 'gzip' } : {}),
        },
        body:
          options.body === undefined
            ? null
            : options.body instanceof Uint8Array
              ? Buffer.from(options.body.buffer, options.body.byteOffset, options.body.byteLength)
              : options.body,
      });
      const requestId = single(answer.headers['x-klaviyo-req-id']) ?? single(answer.headers['cf-ray']);
      const revision = single(answer.headers['x-klaviyo-api-revision']);
      if (revision) observer.served?.(revision);
      const body = await receive(answer);
      if (classify(name, answer.statusCode, body).verdict === 'ok') return { status: answer.statusCode, body: body.value, requestId };
      throw toError(name, {
        status: answer.statusCode,
        body,
        requestId,
        retryAfterMs: retryAfterOf(answer.headers['retry-after'], MAX_RETRY_AFTER_MS),
        id: options.id,
      });
    };

    return {
      /**
       * Sends one request, again after what can pass.
       * @throws KlaviyoAnswerError what Klaviyo answered; UpstreamError code no_answer when nothing came back (the request may have been
       * carried out all the same); whatever the gate throws
       */
      send: async (name: EndpointName, options: KlaviyoRequest): Promise<KlaviyoAnswer> => {
        const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
        for (let attempt = 1; ; attempt += 1) {
          const askedAt = performance.now();
          await gate.pace(name, { signal: options.signal });
          const waitedMs = performance.now() - askedAt;
          telemetry.record('klaviyo.pace.wait', waitedMs / 1_000, { operation: name });
          await gate.fence(timeoutMs);
          let failure: UpstreamError;
          options.onAttempt?.();
          try {
            return await once(name, options, { timeoutMs, attempt, waitedMs });
          } catch (error) {
            options.signal.throwIfAborted();
            const { code, message } = classify(name, 'none', { kind: 'empty' });
            failure =
              error instanceof UpstreamError ? error : new UpstreamError('klaviyo', { code, message, retryable: true, cause: error });
          }
          if (failure.status === 429) {
            observer.throttled?.(name);
            telemetry.count('klaviyo.throttled', { operation: name });
            await gate.throttled(name, failure.retryAfterMs ?? 1_000);
          }
          const waitMs = failure.retryable
            ? retryDelayMs({
                attempt,
                maxAttempts: options.maxAttempts ?? MAX_ATTEMPTS,
                retryAfterMs: failure.retryAfterMs,
                random: random(),
              })
            : undefined;
          if (waitMs === undefined || waitMs > MAX_WAIT_IN_CALL_MS) throw failure;
          await sleep(waitMs, undefined, { signal: options.signal });
        }
      },
    };
  };

  return { client, close: () => dispatcher.close() };
};

export type Klaviyo = ReturnType<typeof createKlaviyo>;
export type KlaviyoClient = ReturnType<Klaviyo['client']>;
