import type { Weekday } from '../../../../shared/schedules/schedule';

/** In the order in which both languages begin their week. */
export const WEEKDAYS: readonly Weekday[] = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'];

/** Some UTC date that is that day of the week, for its name: 5 January 1970 was a Monday. */
export const dateOfWeekday = (day: Weekday): Date => new Date(Date.UTC(1970, 0, 5 + WEEKDAYS.indexOf(day)));
