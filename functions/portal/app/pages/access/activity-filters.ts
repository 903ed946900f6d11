import type { LoggedActivity } from '../../../../../shared/activity/entry';
import type { ActivityKind } from '../../../../../shared/activity/kinds';
import type { ActivityFilters } from '../../api/activity';
import { dayBegins } from '../../components/days';
import { fold } from '../../components/fold';

export const FILTERS = ['search', 'kind', 'by', 'exportId', 'connectionId', 'from', 'to'] as const;

/** Every kind there is: one that were missing here would not compile. */
const known: Readonly<Record<ActivityKind, true>> = {
  connection_created: true,
  connection_changed: true,
  connection_removed: true,
  export_created: true,
  export_changed: true,
  export_removed: true,
  export_detached: true,
  export_paused: true,
  export_resumed: true,
  export_schedule_changed: true,
  list_created: true,
  system_schedule_changed: true,
  limits_changed: true,
  notifications_changed: true,
  notification_tested: true,
  notification_given_up: true,
  configuration_applied: true,
  run_started: true,
  runs_started: true,
  run_canceled: true,
  removals_approved: true,
  removals_dismissed: true,
  rejected_retried: true,
  run_rows_downloaded: true,
  rows_previewed: true,
  activity_downloaded: true,
  person_traced: true,
  person_erase_requested: true,
  person_erased: true,
  message_refused: true,
  message_given_up: true,
};
export const KINDS = Object.keys(known) as readonly ActivityKind[];

/** What the address says, as the API wants it; what it would refuse is left out. */
export const filtersOf = (value: (name: string) => string | undefined): ActivityFilters => {
  const from = dayBegins(value('from'), 0);
  const to = dayBegins(value('to'), 1);
  const idOf = (name: string, form: RegExp) => (form.test(value(name) ?? '') ? value(name) : undefined);
  return {
    kind: KINDS.find((kind) => kind === value('kind')),
    by: value('by')?.slice(0, 200),
    exportId: idOf('exportId', /^exp_[0-9a-z]{8,40}$/),
    connectionId: idOf('connectionId', /^con_[0-9a-z]{8,40}$/),
    from,
    to: from !== undefined && to !== undefined && to <= from ? undefined : to,
  };
};

/** Whether an entry holds a text anywhere, also in what changed; case and accents aside. @param kindText its kind as it is shown */
export const holds = (entry: LoggedActivity, wanted: string, kindText: string): boolean =>
  fold(`${kindText} ${JSON.stringify(entry)}`).includes(fold(wanted.trim()));
