import type { Recurrence } from '../../../../shared/schedules/schedule';

/** What a new schedule begins with: every night, in the browser's own zone. */
export const defaultRecurrence = (): Recurrence => ({
  repeat: 'daily',
  days: [],
  daysOfMonth: [],
  times: ['02:30'],
  timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
});
