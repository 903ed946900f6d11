import { z } from 'zod';
import { TimeZone } from './time-zone';

const Weekday = z.enum(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']);
export type Weekday = z.infer<typeof Weekday>;

/** Wall-clock time of day; any minute (customer-insights.md §4.1: the step of the original's list is undocumented). */
export const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 02:30');

const isOnce = (values: readonly unknown[]): boolean => new Set(values).size === values.length;
const once = (what: string) => `expected each ${what} once`;

const recurrence = {
  repeat: z.enum(['daily', 'weekly', 'monthly']).default('daily'),
  /** for weekly */
  days: z.array(Weekday).max(7).refine(isOnce, once('day')).default([]),
  /** for monthly; a day that a month does not have is left out in that month */
  daysOfMonth: z.array(z.int().min(1).max(31)).max(31).refine(isOnce, once('day')).default([]),
  times: z.array(TimeOfDay).min(1).max(4, 'expected at most four times a day').refine(isOnce, once('time')),
  timeZone: TimeZone,
};
const custom = { kind: z.literal('custom'), ...recurrence };

interface Days {
  readonly repeat: string;
  readonly days: readonly unknown[];
  readonly daysOfMonth: readonly unknown[];
}
const hasDays = ({ repeat, days }: Days): boolean => repeat !== 'weekly' || days.length > 0;
const noDays = { message: 'expected at least one day of the week, as the schedule repeats weekly', path: ['days'] };
const hasDaysOfMonth = ({ repeat, daysOfMonth }: Days): boolean => repeat !== 'monthly' || daysOfMonth.length > 0;
const noDaysOfMonth = { message: 'expected at least one day of the month, as the schedule repeats monthly', path: ['daysOfMonth'] };

export const Recurrence = z
  .strictObject(recurrence)
  .refine(hasDays, noDays)
  .refine(hasDaysOfMonth, noDaysOfMonth)
  .meta({ id: 'Recurrence' });
export type Recurrence = z.infer<typeof Recurrence>;

/** When an export runs by itself: with the system refresh, never, or at times of its own. */
export const ExportSchedule = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('system') }),
    z.strictObject({ kind: z.literal('off') }),
    z.strictObject(custom).refine(hasDays, noDays).refine(hasDaysOfMonth, noDaysOfMonth),
  ])
  .meta({ id: 'ExportSchedule' });
export type ExportSchedule = z.infer<typeof ExportSchedule>;

/** What an export keeps of its schedule; the one before is there while it is off, so that it can be brought back. */
export interface Scheduled {
  readonly schedule: ExportSchedule;
  readonly scheduleBefore?: ExportSchedule | undefined;
}

/** Sets a schedule; one that is turned off is remembered. */
export const withSchedule = ({ schedule, scheduleBefore }: Scheduled, next: ExportSchedule) => {
  if (next.kind !== 'off') return { schedule: next, scheduleBefore: undefined };
  return { schedule: next, scheduleBefore: schedule.kind === 'off' ? scheduleBefore : schedule };
};

/** The schedule of an export that is turned on again: the one before; where it never had any, the system refresh (customer-insights.md X1). */
export const scheduleWhenOn = ({ schedule, scheduleBefore }: Scheduled): ExportSchedule =>
  schedule.kind === 'off' ? (scheduleBefore ?? { kind: 'system' }) : schedule;

/** The system refresh: off until an administrator turns it on (customer-insights.md §4.1). */
export const SystemSchedule = z
  .strictObject({ active: z.boolean(), ...recurrence })
  .refine(hasDays, noDays)
  .refine(hasDaysOfMonth, noDaysOfMonth)
  .meta({ id: 'SystemSchedule' });
export type SystemSchedule = z.infer<typeof SystemSchedule>;

/**
 * What was checked when it was saved is not checked again: an earlier version took times twice, and a zone that this machine does not
 * know (yet) must cost one export its runs, not all exports their timer.
 */
const savedRecurrence = {
  repeat: recurrence.repeat,
  days: z.array(Weekday).default([]),
  daysOfMonth: z.array(z.int()).default([]),
  times: z.array(TimeOfDay).min(1),
  timeZone: z.string(),
};

/** An export's schedule as it is stored and shown. */
export const SavedSchedule = z
  .discriminatedUnion('kind', [
    z.object({ kind: z.literal('system') }),
    z.object({ kind: z.literal('off') }),
    z.object({ kind: z.literal('custom'), ...savedRecurrence }),
  ])
  .meta({ id: 'SavedSchedule' });

/** The system refresh as it is stored and shown. */
export const SavedSystemSchedule = z.object({ active: z.boolean(), ...savedRecurrence }).meta({ id: 'SavedSystemSchedule' });

/** Earlier versions took a time or a day twice, which means no more than once and would not be taken again. */
export const withoutRepetitions = <S extends object>(schedule: S): S => {
  const lists = Object.entries(schedule).filter(([, value]) => Array.isArray(value) && !isOnce(value));
  return lists.length === 0
    ? schedule
    : { ...schedule, ...Object.fromEntries(lists.map(([name, list]) => [name, [...new Set(list as unknown[])]])) };
};

/** The same with the instant from which on it is as it is: occurrences at or before that are not its own. */
export const SystemRefresh = SavedSystemSchedule.extend({ setAt: z.iso.datetime().optional() });
export type SystemRefresh = z.infer<typeof SystemRefresh>;

export const defaultSystemSchedule: SystemSchedule = {
  active: false,
  repeat: 'daily',
  days: [],
  daysOfMonth: [],
  times: ['02:00'],
  timeZone: 'UTC',
};
