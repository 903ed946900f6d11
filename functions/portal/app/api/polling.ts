import { ApiError, OfflineError } from './failures';

/** What may be well again in a moment: no connection, an app that restarts, a service that is busy. */
export const mayPass = (error: unknown): boolean =>
  error instanceof OfflineError || (error instanceof ApiError && [429, 502, 503, 504].includes(error.status));

/** How soon to ask again for something that moves: once a second at first, then ever more slowly, at most every ten seconds. */
export const pollMs = (movingSinceMs: number): number => Math.min(10_000, Math.max(1_000, movingSinceMs / 20));

/** After a failure that may pass. */
const FAILED_MS = 5_000;
/** After another fault of the API, where the page shows something that moves: one bad answer must not make a run stand still. */
const FAULT_MS = 10_000;
const isFault = (error: unknown): boolean => error instanceof ApiError && error.status >= 500;

/**
 * A `refetchInterval` for what moves now and then: asked for again while it does, and, as everything, after a failure that may pass.
 * Never after one that stands, e.g. an expired sign-in: whoever signs in again has all of it read anew.
 * @param ms how soon, by what was read; undefined when it stands
 */
export const pollWhile =
  <T>(ms: (data: T) => number | undefined) =>
  ({ state }: { readonly state: { readonly status: string; readonly error: unknown; readonly data: T | undefined } }): number | false => {
    const next = state.data === undefined ? undefined : ms(state.data);
    if (state.status !== 'error') return next ?? false;
    if (mayPass(state.error)) return FAILED_MS;
    return next !== undefined && isFault(state.error) ? Math.max(next, FAULT_MS) : false;
  };
