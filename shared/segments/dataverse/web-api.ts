import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Dispatcher } from 'undici';
import { z } from 'zod';
import { UpstreamError } from '../../errors';
import type { TokenSource } from '../../platform/identity';

/** A page of 5,000 rows of fifty fields is a tenth of this. */
const MAX_PAGE_BYTES = 64 * 1024 ** 2;
/** Largest page that Dataverse gives, whatever is asked (customer-insights.md §3.2). */
export const MAX_PAGE_ROWS = 5_000;
const CALL_TIMEOUT_MS = 120_000;
/** Tries of one call that failed for a reason that passes; being told to wait is no failure and is not counted. */
const MAX_ATTEMPTS = 6;
/** Waits for one call in all: the window of the limits is five minutes. */
const MAX_WAIT_MS = 6 * 60_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 20_000;
/** Where the answer names no time: part of the five-minute window. */
const USUAL_WAIT_MS = 30_000;
const FORMATTED = 'OData.Community.Display.V1.FormattedValue';

export interface PageOptions {
  readonly pageRows?: number;
  /** whether choices come with the text that people see */
  readonly formatted?: boolean;
  readonly signal: AbortSignal;
}
/** Rows, and the link of those that follow. */
export interface LinkedPage {
  readonly rows: readonly Row[];
  readonly next: string | undefined;
}

/** One row as the Web API gives it. */
export type Row = Readonly<Record<string, unknown>>;
/** The text that people see of a choice or look-up, beside its number. */
export const formattedName = (column: string): string => `${column}@${FORMATTED}`;

const Page = z.object({ value: z.array(z.unknown()), '@odata.nextLink': z.string().optional() });
/** The code is often empty: the status decides (customer-insights.md §3.2). */
const Refusal = z.object({ error: z.object({ code: z.string().optional(), message: z.string().optional() }) });

const isRow = (value: unknown): value is Row => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a Dataverse error means for whoever set this up. */
const sentenceOf = (status: number): { code: string; message: string } => {
  if (status === 401)
    return { code: 'source_sign_in_refused', message: 'Dataverse refused the sign-in of this app; add it there as an application user.' };
  if (status === 403)
    return {
      code: 'source_forbidden',
      message: 'The application user of this app may not read the tables of Customer Insights in Dataverse; give it a role that may.',
    };
  if (status === 404)
    return {
      code: 'source_table_missing',
      message: 'Dataverse has no such table or column; check the address of the environment and that Customer Insights is set up in it.',
    };
  if (status === 429) return { code: 'source_throttled', message: 'Dataverse is asked too often at the moment; it will be tried again.' };
  if (status >= 500) return { code: 'source_unavailable', message: 'Dataverse does not answer at the moment; it will be tried again.' };
  return { code: 'source_refused', message: 'Dataverse could not use this request; the fields of the mapping may have changed.' };
};

/** Only Dataverse's own code goes on: its message may quote a filter, and with it a customer's id. */
const toError = (status: number, body: string, requestId: string | undefined, retryAfterMs?: number): UpstreamError => {
  let code: string | undefined;
  try {
    code = Refusal.safeParse(JSON.parse(body)).data?.error.code;
  } catch {
    // a proxy's page
  }
  const said = sentenceOf(status);
  return new UpstreamError('source', {
    code: said.code,
    message: `${said.message} (Dataverse: ${status}${code && /^[0-9A-Za-z_.]{1,60}$/.test(code) ? `, ${code}` : ''})`,
    status,
    retryable: status === 429 || status >= 500,
    ...(requestId === undefined ? {} : { requestId }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
};

const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** Seconds → milliseconds; dates do not occur in Dataverse's answers. */
const waitOf = (header: string | undefined): number | undefined => {
  const seconds = Number(header);
  return header === undefined || !Number.isFinite(seconds) || seconds < 0 ? undefined : Math.min(seconds * 1_000, MAX_WAIT_MS);
};

const readBody = async (body: Dispatcher.ResponseData['body']): Promise<string> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_PAGE_BYTES) {
      body.destroy();
      throw new UpstreamError('source', {
        code: 'source_malformed',
        message: 'Dataverse answered with more than 64 MB for one page; map fewer or shorter fields.',
        retryable: false,
      });
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
};

const malformed = (requestId: string | undefined): UpstreamError =>
  new UpstreamError('source', {
    code: 'source_malformed',
    message: 'Dataverse answered with something that is no page of rows.',
    retryable: true,
    ...(requestId === undefined ? {} : { requestId }),
  });

/** A text as a literal of OData. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** Parameters of a query; OData wants spaces as %20. */
export const queryOf = (parameters: Readonly<Record<string, string>>): string =>
  Object.entries(parameters)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');

/**
 * Reads tables of a Dataverse environment through its Web API; never writes (customer-insights.md §3.2). Told to wait, every reader of this
 * environment waits, exactly as long as it was told: asking meanwhile makes the wait longer.
 * @param url of the environment, e.g. https://contoso.crm4.dynamics.com
 */
export const createDataverseWebApi = ({ url, credential }: { url: string; credential: TokenSource }) => {
  const base = new URL('/api/data/v9.2/', url);
  const agent = new Agent({ connections: 16, bodyTimeout: CALL_TIMEOUT_MS, headersTimeout: CALL_TIMEOUT_MS });
  let pausedUntil = 0;

  const tokenOf = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
    try {
      const token = await credential.getToken(`${base.origin}/.default`, { abortSignal: signal });
      if (token) return token.token;
    } catch (error) {
      signal.throwIfAborted();
      throw new UpstreamError('source', {
        code: 'source_sign_in_failed',
        message: 'No token for Dataverse could be had; check the identity of the app, or DATAVERSE_CLIENT_ID and its secret.',
        retryable: true,
        cause: error,
      });
    }
    throw new UpstreamError('source', { code: 'source_sign_in_failed', message: 'No token for Dataverse could be had.', retryable: true });
  };

  /** The next page's address comes from the data: it is followed only where it belongs. */
  const own = (link: string): URL => {
    const next = URL.canParse(link, base.href) ? new URL(link, base) : undefined;
    if (next?.origin === base.origin && next.pathname.startsWith(base.pathname)) return next;
    throw new UpstreamError('source', {
      code: 'source_malformed',
      message: 'Dataverse named a next page outside its own Web API; it was not followed.',
      retryable: false,
    });
  };

  const pause = async (ms: number, { signal }: { signal: AbortSignal }): Promise<void> => {
    if (ms > 0) await sleep(ms, undefined, { signal });
  };

  /** One answer in JSON, after as many tries as it needs. @throws UpstreamError */
  const get = async (
    target: URL,
    { signal, prefer }: { signal: AbortSignal; prefer?: readonly string[] },
  ): Promise<{ body: unknown; requestId: string | undefined }> => {
    let waitedMs = 0;
    for (let attempt = 1; ;) {
      const held = pausedUntil - performance.now();
      await pause(held, { signal });
      let failure: UpstreamError;
      try {
        const answer = await request(target, {
          dispatcher: agent,
          signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
          headers: {
            authorization: `Bearer ${await tokenOf({ signal })}`,
            accept: 'application/json',
            'odata-maxversion': '4.0',
            'odata-version': '4.0',
            ...(prefer === undefined || prefer.length === 0 ? {} : { prefer: prefer.join(',') }),
          },
        });
        const requestId = headerOf(answer.headers['x-ms-service-request-id']) ?? headerOf(answer.headers['req_id']);
        const text = await readBody(answer.body);
        if (answer.statusCode === 200) {
          try {
            return { body: JSON.parse(text), requestId };
          } catch {
            failure = malformed(requestId);
          }
        } else {
          failure = toError(answer.statusCode, text, requestId, waitOf(headerOf(answer.headers['retry-after'])));
        }
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof UpstreamError) {
          failure = error;
        } else {
          failure = new UpstreamError('source', {
            code: 'source_unreachable',
            message: 'Dataverse could not be reached; it will be tried again. Check DATAVERSE_URL when this stays so.',
            retryable: true,
            cause: error,
          });
        }
      }
      if (!failure.retryable) throw failure;
      if (failure.status === 429 || failure.retryAfterMs !== undefined) {
        const waitMs = failure.retryAfterMs ?? USUAL_WAIT_MS;
        waitedMs += waitMs;
        if (waitedMs > MAX_WAIT_MS) throw failure;
        pausedUntil = Math.max(pausedUntil, performance.now() + waitMs);
        continue;
      }
      if (attempt === MAX_ATTEMPTS) throw failure;
      const longestMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
      attempt += 1;
      await pause(longestMs * (0.5 + Math.random() / 2), { signal });
    }
  };

  const readPage = async (
    target: URL,
    options: { signal: AbortSignal; prefer: readonly string[] },
  ): Promise<{ rows: readonly Row[]; next: URL | undefined }> => {
    const { body, requestId } = await get(target, options);
    const page = Page.safeParse(body);
    if (!page.success || !page.data.value.every(isRow)) throw malformed(requestId);
    const next = page.data['@odata.nextLink'];
    return { rows: page.data.value, next: next === undefined ? undefined : own(next) };
  };

  return {
    /** the environment that is asked */
    origin: base.origin,

    /** One resource, e.g. a function's answer. @throws UpstreamError */
    read: async (path: string, { signal }: { signal: AbortSignal }): Promise<unknown> => (await get(new URL(path, base), { signal })).body,

    /** The rows of `readLinked` alone. */
    readPages: async function* (path: string, options: PageOptions): AsyncGenerator<readonly Row[]> {
      for await (const { rows } of this.readLinked(path, options)) yield rows;
    },

    /**
     * All rows of a query, page by page, by the links of the answers only; the next page is asked for while one is worked on.
     * @param path of the query, or the link where it goes on
     * @throws UpstreamError
     */
    readLinked: async function* (
      path: string,
      { signal, pageRows = MAX_PAGE_ROWS, formatted = false }: PageOptions,
    ): AsyncGenerator<LinkedPage> {
      const leaving = new AbortController();
      const either = AbortSignal.any([signal, leaving.signal]);
      const prefer = [`odata.maxpagesize=${pageRows}`, ...(formatted ? [`odata.include-annotations="${FORMATTED}"`] : [])];
      const ask = (target: URL): ReturnType<typeof readPage> => {
        const asked = readPage(target, { signal: either, prefer });
        asked.catch(() => undefined); // reported when its turn comes
        return asked;
      };
      try {
        const seen = new Set<string>();
        let page: ReturnType<typeof readPage> | undefined = ask(own(path));
        while (page !== undefined) {
          const { rows, next }: { rows: readonly Row[]; next: URL | undefined } = await page;
          if (next !== undefined && seen.has(next.href)) throw malformed(undefined); // would go round for ever
          if (next !== undefined) seen.add(next.href);
          page = next === undefined ? undefined : ask(next);
          yield { rows, next: next?.href };
        }
      } finally {
        leaving.abort(); // whoever stops in the middle needs no further page
      }
    },

    close: (): Promise<void> => agent.close(),
  };
};

export type DataverseWebApi = ReturnType<typeof createDataverseWebApi>;
