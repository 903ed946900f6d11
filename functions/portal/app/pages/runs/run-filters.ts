import type { RunFilters } from '../../api/run-list';
import { dayBegins } from '../../components/days';

/** Filters that the address may name. */
export const FILTERS = ['state', 'trigger', 'from', 'to', 'exportId', 'connectionId'] as const;
export const STATES = ['queued', 'refreshing', 'successful', 'failed', 'skipped', 'canceled'] as const;
export const TRIGGERS = ['schedule', 'event', 'onDemand', 'request', 'retry', 'approval'] as const;

const known = <T extends string>(values: readonly T[], value: string | undefined): T | undefined => values.find((one) => one === value);

/**
 * What the address says, as the API wants it: days are those of the reader's zone, the last one belongs to the span. What the API
 * would refuse is left out; a span that ends before it begins has no end.
 */
export const filtersOf = (value: (name: string) => string | undefined): RunFilters => {
  const from = dayBegins(value('from'), 0);
  const to = dayBegins(value('to'), 1);
  return {
    state: known(STATES, value('state')),
    trigger: known(TRIGGERS, value('trigger')),
    exportId: /^exp_[0-9a-z]{8,40}$/.test(value('exportId') ?? '') ? value('exportId') : undefined,
    from,
    to: from !== undefined && to !== undefined && to <= from ? undefined : to,
  };
};
