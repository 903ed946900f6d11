import { QueryClient } from '@tanstack/react-query';
import { ApiError, OfflineError } from './client';

/** What may be well again in a moment: no connection, an app that restarts, a service that is busy. */
const mayPass = (error: unknown): boolean =>
  error instanceof OfflineError || (error instanceof ApiError && [429, 502, 503, 504].includes(error.status));

/** How often a failed read is tried again before the page says so; then it goes on slowly by itself (see `ProblemMessage`). */
const RETRIES = 2;

export const createQueryClient = (): QueryClient =>
  new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        gcTime: 10 * 60_000,
        retry: (failures, error) => mayPass(error) && failures < RETRIES,
        retryDelay: (failures, error) => (error instanceof ApiError && error.retryAfterMs) || Math.min(500 * 2 ** failures, 5_000),
        // what failed because the API was away is asked again until it is back
        refetchInterval: ({ state }) => (state.status === 'error' && mayPass(state.error) ? 5_000 : false),
        networkMode: 'always', // "offline" of the browser says nothing about an app on the same network
      },
      mutations: { networkMode: 'always' },
    },
  });

/** How soon to ask again for something that moves: once a second at first, then ever more slowly, at most every ten seconds. */
export const pollMs = (movingSinceMs: number): number => Math.min(10_000, Math.max(1_000, movingSinceMs / 20));

/**
 * A `refetchInterval` for what moves now and then: asked for again while it does, and, as everything, after a failure that may pass.
 * @param ms how soon, by what was read; undefined when it stands
 */
export const pollWhile =
  <T>(ms: (data: T) => number | undefined) =>
  ({ state }: { readonly state: { readonly status: string; readonly error: unknown; readonly data: T | undefined } }): number | false => {
    if (state.status === 'error') return mayPass(state.error) ? 5_000 : false;
    return (state.data === undefined ? undefined : ms(state.data)) ?? false;
  };
