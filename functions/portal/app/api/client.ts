import { PLAIN_GET, takeEarly } from './early';
import { ApiError, OfflineError } from './failures';
import type { Problem } from '../../../../shared/http/problem';

export { ApiError, OfflineError };

export interface Answer<T> {
  readonly body: T;
  /** version of what was read or written, for If-Match */
  readonly etag: string | undefined;
  /** address of what was made */
  readonly location: string | undefined;
}

export interface RequestOptions {
  readonly body?: unknown;
  readonly ifMatch?: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly signal?: AbortSignal;
  /** the same key for each try of one action: the API does it once (Idempotency-Key) */
  readonly idempotencyKey?: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

const signedOutListeners = new Set<() => void>();
/** Calls `listener` whenever an answer says that nobody is signed in any more. @returns what ends that */
export const onSignedOut = (listener: () => void): (() => void) => {
  signedOutListeners.add(listener);
  return () => signedOutListeners.delete(listener);
};

const problemOf = async (response: Response): Promise<Problem | undefined> => {
  if (!response.headers.get('content-type')?.includes('json')) return undefined;
  const body = (await response.json().catch(() => undefined)) as Partial<Problem> | undefined;
  return typeof body?.code === 'string' && typeof body.detail === 'string' ? (body as Problem) : undefined;
};

const retryAfterOf = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
};

/**
 * Sends one request to the API.
 * @param path below /api, with its slash, or the whole of a nextLink
 * @throws ApiError when it refuses, OfflineError when it cannot be reached
 */
export const send = async (method: Method, path: string, options: RequestOptions = {}): Promise<Response> => {
  const url = new URL(path.startsWith('/api/') ? path : `/api${path}`, location.origin);
  for (const [name, value] of Object.entries(options.query ?? {})) if (value !== undefined) url.searchParams.set(name, String(value));
  const headers: Record<string, string> = { ...PLAIN_GET.headers };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  if (options.ifMatch !== undefined) headers['if-match'] = options.ifMatch;
  if (options.idempotencyKey !== undefined) headers['idempotency-key'] = options.idempotencyKey;
  let response: Response;
  try {
    const early = method === 'GET' ? await takeEarly(url) : undefined;
    response =
      early ??
      (await fetch(url, {
        ...PLAIN_GET,
        method,
        headers,
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      }));
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new OfflineError('The API could not be reached.', { cause: error });
  }
  if (response.ok) return response;
  const redirected = response.type === 'opaqueredirect';
  if (response.status === 401 || redirected) signedOutListeners.forEach((listener) => listener());
  throw new ApiError(redirected ? 401 : response.status, await problemOf(response), retryAfterOf(response));
};

/** Sends one request and reads its JSON; see {@link send}. An answer without a body gives undefined. */
export const request = async <T>(method: Method, path: string, options?: RequestOptions): Promise<Answer<T>> => {
  const response = await send(method, path, options);
  const text = response.status === 204 ? '' : await response.text();
  return {
    body: (text === '' ? undefined : JSON.parse(text)) as T,
    etag: response.headers.get('etag') ?? undefined,
    location: response.headers.get('location') ?? undefined,
  };
};

/** What a query function needs most: the body of a GET. */
export const get = async <T>(path: string, options?: RequestOptions): Promise<T> => (await request<T>('GET', path, options)).body;

/** One page of a list. */
export interface PageOf<T> {
  readonly value: readonly T[];
  readonly nextLink?: string | undefined;
  readonly total?: number | undefined;
}

/** Reads all pages of a list, one after the other. @param limit most items read */
export const getAll = async <T>(path: string, options: RequestOptions & { readonly limit?: number } = {}): Promise<T[]> => {
  const { limit = 5_000, query, ...rest } = options;
  const all: T[] = [];
  for (let next: string | undefined = path, first = true; next !== undefined && all.length < limit; first = false) {
    const page: PageOf<T> = await get<PageOf<T>>(next, first && query ? { ...rest, query } : rest);
    all.push(...page.value);
    next = page.nextLink;
  }
  return all;
};

/** Saves what the API sends as a file, e.g. a CSV of rows. @throws ApiError, OfflineError */
export const download = async (path: string, fileName: string, options?: RequestOptions): Promise<void> => {
  const response = await send('GET', path, options);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
};
