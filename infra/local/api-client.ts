import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPT_MS = 60_000;
const RETRY_MS = 250;
/** Longest that the API may be silent, as it is while the function host is started again. */
const PATIENCE_MS = 90_000;

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The silence of a function host that is not there, or not ready: it passes. */
const canPass = (error: unknown): boolean => !(error instanceof ApiError) || error.status === 503;

/**
 * The app's API as a user of `curl` sees it.
 * @param base e.g. http://127.0.0.1:7071/api
 */
export const createApiClient = (base: string) => {
  const call = async (
    method: 'GET' | 'POST',
    path: string,
    { body, signal }: { body?: unknown; signal: AbortSignal },
  ): Promise<unknown> => {
    const answer = await fetch(`${base}${path}`, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
    });
    const text = await answer.text();
    const json: unknown = text === '' ? undefined : JSON.parse(text);
    if (answer.ok) return json;
    const { detail, code } = (json ?? {}) as { detail?: string; code?: string };
    throw new ApiError(answer.status, code ?? 'unknown', detail ?? `${method} ${path} answered ${answer.status}.`);
  };

  return {
    call,
    /**
     * Does something again until it succeeds or cannot; what it does must be harmless to repeat.
     * @throws ApiError; Error when the API has been silent for too long
     */
    persist: async <T>(work: () => Promise<T>, { signal }: { signal: AbortSignal }): Promise<T> => {
      const until = Date.now() + PATIENCE_MS;
      for (;;) {
        try {
          return await work();
        } catch (error) {
          signal.throwIfAborted();
          if (!canPass(error)) throw error;
          if (Date.now() > until) throw new Error(`The API at ${base} does not answer: ${(error as Error).message}`, { cause: error });
        }
        await sleep(RETRY_MS, undefined, { signal });
      }
    },
  };
};

export type ApiClient = ReturnType<typeof createApiClient>;
