import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { LoggedActivity } from '../../../../shared/activity/entry';
import { download, get } from './client';
import type { PageOf } from './client';

/** As `GET /api/activity` names them. */
export interface ActivityFilters {
  readonly kind?: string | undefined;
  readonly by?: string | undefined;
  readonly exportId?: string | undefined;
  readonly connectionId?: string | undefined;
  /** at this instant or later … */
  readonly from?: string | undefined;
  /** … and before this one */
  readonly to?: string | undefined;
}

const PAGE_SIZE = 100;

/** What happened, newest first, a page at a time; a page may hold few of what is looked for while another one follows. */
export const useActivity = (filters: ActivityFilters) =>
  useInfiniteQuery({
    queryKey: ['activity', 'list', filters],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      pageParam === undefined
        ? get<PageOf<LoggedActivity>>('/activity', { query: { size: PAGE_SIZE, ...filters }, signal })
        : get<PageOf<LoggedActivity>>(pageParam, { signal }),
    getNextPageParam: ({ nextLink }) => nextLink,
    placeholderData: keepPreviousData,
  });

/** Saves all that fits as CSV; the download is recorded. @throws ApiError, OfflineError */
export const downloadActivity = (filters: ActivityFilters): Promise<void> =>
  download('/activity.csv', `activity-${new Date().toISOString().slice(0, 10)}.csv`, { query: { ...filters } });
