import type { ExportFilters } from '../../api/export-list';

/** What the exports can be sorted by, columns first, and what the API calls it. */
export const sortOf = {
  name: 'name',
  members: 'members',
  health: 'health',
  activity: 'activity',
  lastRun: 'lastRunAt',
  nextRun: 'nextRunAt',
  connection: 'connection',
  schedule: 'schedule',
  updated: 'updatedAt',
} as const;
export type SortId = keyof typeof sortOf;
export const SORTS = Object.keys(sortOf) as readonly SortId[];

/** Filters that the address may name, beside sorting. */
export const FILTERS = ['search', 'health', 'activity', 'connectionId', 'owner'] as const;

/** What the address says, as the API wants it; a column that there is not is not sorted by. */
export const filtersOf = (value: (name: string) => string | undefined, { callerId }: { callerId: string }): ExportFilters => {
  const sort = SORTS.find((one) => one === value('sort'));
  return {
    search: value('search')?.trim() || undefined,
    health: value('health'),
    activity: value('activity'),
    connectionId: value('connectionId'),
    createdBy: value('owner') === 'me' ? callerId : undefined,
    sort: sort && sortOf[sort],
    order: sort !== undefined && value('order') === 'desc' ? 'desc' : undefined,
  };
};
