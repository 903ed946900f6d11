import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { Run } from '../../../../shared/runs/run';
import { get, getAll } from './client';
import type { PageOf } from './client';
import { pollMs, pollWhile } from './polling';
import { runKeys } from './runs';

/** As `GET /api/runs` names them. */
export interface RunFilters {
  readonly exportId?: string | undefined;
  readonly state?: string | undefined;
  readonly trigger?: string | undefined;
  /** submitted at this instant or later … */
  readonly from?: string | undefined;
  /** … and before this one */
  readonly to?: string | undefined;
}

const PAGE_SIZE = 100;
/** While nothing runs, something may begin by itself. */
const QUIET_MS = 30_000;

/**
 * Runs, newest first, a page at a time. Those that go on move by themselves: the first page is asked for again while one of them is on
 * it, as the newest come first; with more pages read only what was read is asked for again, ever more slowly.
 */
export const useRunList = (filters: RunFilters) =>
  useInfiniteQuery({
    queryKey: [...runKeys.all, 'list', filters],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      pageParam === undefined
        ? get<PageOf<Run>>('/runs', { query: { size: PAGE_SIZE, ...filters }, signal })
        : get<PageOf<Run>>(pageParam, { signal }),
    getNextPageParam: ({ nextLink }) => nextLink,
    placeholderData: keepPreviousData,
    refetchInterval: pollWhile(({ pages }: { readonly pages: readonly PageOf<Run>[] }) => {
      const active = pages.flatMap(({ value }) => value).filter(({ endedAt }) => endedAt === undefined);
      if (active.length === 0) return QUIET_MS;
      const youngest = Math.max(...active.map(({ submittedAt }) => Date.parse(submittedAt)));
      return Math.max(pollMs(Date.now() - youngest), 1_000 * pages.length);
    }),
  });

/** Most runs that a plot over all exports reads. */
export const PLOT_LIMIT = 1_000;

/** The newest runs since an instant, at most {@link PLOT_LIMIT}. @param from UTC ISO string, the same for some time */
export const useRunsSince = (from: string) =>
  useQuery({
    queryKey: [...runKeys.all, 'since', from],
    staleTime: 60_000,
    queryFn: ({ signal }) => getAll<Run>('/runs', { query: { size: 200, from }, limit: PLOT_LIMIT, signal }),
  });
