import { z } from 'zod';

/** What the activity log may say that somebody did. A new kind is added here; one that is in the log is never renamed. */
export const ActivityKind = z
  .enum([
    'connection_created',
    'connection_changed',
    'connection_removed',
    'export_created',
    'export_changed',
    'export_removed',
    'export_detached',
    'export_paused',
    'export_resumed',
    'export_schedule_changed',
    'list_created',
    'system_schedule_changed',
    'limits_changed',
    'notifications_changed',
    'notification_tested',
    'notification_given_up',
    'configuration_applied',
    'run_started',
    'runs_started',
    'run_canceled',
    'removals_approved',
    'removals_dismissed',
    'rejected_retried',
    'run_rows_downloaded',
    'rows_previewed',
    'activity_downloaded',
    'person_traced',
    'person_erase_requested',
    'person_erased',
    'message_refused',
    'message_given_up',
  ])
  .meta({ id: 'ActivityKind' });
export type ActivityKind = z.infer<typeof ActivityKind>;
