import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './failures';
import { mayPass } from './polling';

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
