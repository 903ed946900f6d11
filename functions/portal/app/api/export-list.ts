import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef } from 'react';
import type { ExportSummary, ListedExport } from '../../../../shared/exports/export-list';
import { get, getAll } from './client';
import type { PageOf } from './client';
import { exportKeys } from './exports';
import { pollMs, pollWhile } from './polling';

type ExportPage = PageOf<ListedExport> & { readonly total: number; readonly summary: ExportSummary };

/** As `GET /api/exports` names them. */
export interface ExportFilters {
  readonly search?: string | undefined;
  readonly health?: string | undefined;
  readonly activity?: string | undefined;
  readonly connectionId?: string | undefined;
  readonly createdBy?: string | undefined;
  readonly sort?: string | undefined;
  readonly order?: 'asc' | 'desc' | undefined;
}

const PAGE_SIZE = 100;
/** While nothing runs, something may begin by itself: this often it is looked for. */
const QUIET_MS = 30_000;
/** More than run at once anywhere. */
const MOST_ACTIVE = 200;

const listKey = [...exportKeys.all, 'list'] as const;

/** What runs, or is about to, and all exports in figures; asked for again by itself. */
export const useActiveExports = () => {
  const since = useRef<number | undefined>(undefined);
  return useQuery({
    queryKey: [...exportKeys.all, 'active'],
    queryFn: ({ signal }) => get<ExportPage>('/exports', { query: { activity: 'active', size: MOST_ACTIVE }, signal }),
    refetchInterval: pollWhile((page: ExportPage) => {
      if (page.summary.active === 0) {
        since.current = undefined;
        return QUIET_MS;
      }
      since.current ??= Date.now();
      return pollMs(Date.now() - since.current);
    }),
  });
};

/**
 * Exports as they are searched, sorted and filtered, a page at a time. Those that run move by themselves: one small question for all of
 * them, and the list is read anew once one of them has ended.
 */
export const useExportList = (filters: ExportFilters) => {
  const client = useQueryClient();
  const active = useActiveExports();
  const list = useInfiniteQuery({
    queryKey: [...listKey, filters],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      pageParam === undefined
        ? get<ExportPage>('/exports', { query: { size: PAGE_SIZE, ...filters }, signal })
        : get<ExportPage>(pageParam, { signal }),
    getNextPageParam: ({ nextLink }) => nextLink,
    placeholderData: keepPreviousData,
  });

  const moving = useMemo(() => new Map<string, ListedExport>(active.data?.value.map((one) => [one.id, one])), [active.data]);
  const before = useRef<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const ended = [...before.current].some((id) => !moving.has(id));
    before.current = new Set(moving.keys());
    if (ended) void client.invalidateQueries({ queryKey: listKey });
  }, [moving, client]);

  const items = useMemo(
    () => (list.data?.pages ?? []).flatMap(({ value }) => value).map((item) => moving.get(item.id) ?? item),
    [list.data, moving],
  );
  return {
    items,
    total: list.data?.pages[0]?.total,
    summary: active.data?.summary ?? list.data?.pages[0]?.summary,
    list,
  };
};

interface NamedExport {
  readonly id: string;
  readonly name: string;
  readonly connection: ListedExport['connection'];
}

const allExports = {
  queryKey: [...exportKeys.all, 'all-of-them'],
  staleTime: 60_000,
  queryFn: ({ signal }: { signal: AbortSignal }) => getAll<ListedExport>('/exports', { query: { size: 200 }, signal }),
};

/** All exports, for what looks at them together. */
export const useAllExports = () => useQuery(allExports);

const byId = (all: readonly ListedExport[]): ReadonlyMap<string, NamedExport> =>
  new Map(all.map(({ id, name, connection }) => [id, { id, name, connection }]));

/** Name and connection of every export by its id, for tables of what belongs to exports. */
export const useExportNames = () => useQuery({ ...allExports, select: byId });
