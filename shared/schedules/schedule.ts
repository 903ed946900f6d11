import { z } from 'zod';

const Weekday = z.enum(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']);
export type Weekday = z.infer<typeof Weekday>;

/** Wall-clock time of day; any minute (customer-insights.md §4.1: the step of the original's list is undocumented). */
const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 02:30');

const knownZone = (zone: string): boolean => {
  // offsets have no daylight-saving rules, and not every library takes them
  if (/^[+-]/.test(zone)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
};
export const TimeZone = z.string().min(1).max(100).refine(knownZone, 'expected an IANA time zone, e.g. Europe/Paris');

const recurrence = {
  repeat: z.enum(['daily', 'weekly', 'monthly']).default('daily'),
  /** for weekly */
  days: z.array(Weekday).max(7).default([]),
  /** for monthly; a day that a month does not have is left out in that month */
  daysOfMonth: z.array(z.int().min(1).max(31)).max(31).default([]),
  times: z.array(TimeOfDay).min(1).max(4),
  timeZone: TimeZone,
};

const daysFit = ({ repeat, days, daysOfMonth }: { repeat: string; days: readonly unknown[]; daysOfMonth: readonly unknown[] }): boolean =>
  repeat === 'weekly' ? days.length > 0 : repeat === 'monthly' ? daysOfMonth.length > 0 : true;
const daysMessage = { message: 'expected days with weekly, daysOfMonth with monthly' };

export const Recurrence = z.strictObject(recurrence).refine(daysFit, daysMessage).meta({ id: 'Recurrence' });
export type Recurrence = z.infer<typeof Recurrence>;

/** When an export runs by itself: with the system refresh, never, or at times of its own. */
export const ExportSchedule = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('system') }),
    z.strictObject({ kind: z.literal('off') }),
    z.strictObject({ kind: z.literal('custom'), ...recurrence }).refine(daysFit, daysMessage),
  ])
  .meta({ id: 'ExportSchedule' });
export type ExportSchedule = z.infer<typeof ExportSchedule>;

/** The system refresh: off until an administrator turns it on (customer-insights.md §4.1). */
export const SystemSchedule = z
  .strictObject({ active: z.boolean(), ...recurrence })
  .refine(daysFit, daysMessage)
  .meta({ id: 'SystemSchedule' });
export type SystemSchedule = z.infer<typeof SystemSchedule>;

export const defaultSystemSchedule: SystemSchedule = {
  active: false,
  repeat: 'daily',
  days: [],
  daysOfMonth: [],
  times: ['02:00'],
  timeZone: 'UTC',
};
