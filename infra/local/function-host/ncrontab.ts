/** A timer's schedule: for each of the six fields the values at which it fires. */
export interface Schedule {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
}

const monthNames = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}
const fields: readonly Field[] = [
  { name: 'second', from: 0, to: 59 },
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: monthNames },
  { name: 'day of week', from: 0, to: 6, names: dayNames },
];

/**
 * Parses an NCRONTAB expression of six fields, or five without the seconds.
 * @throws Error that names the field, or says that the schedule never comes
 * @see learn.microsoft.com "Timer trigger for Azure Functions", NCRONTAB expressions; github.com/atifaziz/NCrontab
 */
export const parseNcrontab = (expression: string): Schedule => {
  const parts = expression.trim().split(/\s+/);
  if (parts.length === 1 && expression.includes(':')) {
    throw new Error(`"${expression}" is a time span: timers of that kind run on App Service plans only, write six NCRONTAB fields`);
  }
  if (parts.length === 5) parts.unshift('0');
  if (parts.length !== 6) throw new Error(`"${expression}" has ${parts.length} fields, an NCRONTAB expression has six`);
  const [seconds, minutes, hours, days, months, weekdays]: number[][] = parts.map((part, at) => parseField(part, fields[at]!));
  const schedule = { seconds, minutes, hours, days, months, weekdays } as unknown as Schedule;
  if (nextOccurrence(schedule, new Date(Date.UTC(2000, 0, 1))) === undefined) throw new Error(`"${expression}" never comes`);
  return schedule;
};

const parseField = (text: string, field: Field): number[] => {
  const refuse = (): never => {
    throw new Error(`"${text}" is no ${field.name} of an NCRONTAB expression (${field.from}-${field.to})`);
  };
  const valueOf = (word: string): number => {
    const named = word.length < 3 ? -1 : (field.names ?? []).findIndex((name) => name.startsWith(word.toLowerCase()));
    const value = named >= 0 ? named + field.from : /^\d{1,2}$/.test(word) ? Number(word) : refuse();
    return value >= field.from && value <= field.to ? value : refuse();
  };
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const [range, step, ...more] = item.split('/') as [string, string | undefined, ...string[]];
    const every = step === undefined ? 1 : /^\d{1,2}$/.test(step) ? Number(step) : refuse();
    const [first, last, ...tooMany] = range.split('-') as [string, string | undefined, ...string[]];
    if (more.length > 0 || tooMany.length > 0 || every < 1) refuse();
    const from = first === '*' && last === undefined ? field.from : valueOf(first);
    // "5/10" means from 5 to the end by tens, "5" means 5 alone.
    const to = last !== undefined ? valueOf(last) : first === '*' || step !== undefined ? field.to : from;
    if (to < from) refuse();
    for (let value = from; value <= to; value += every) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
};

/**
 * Finds the first occurrence after an instant, in UTC; undefined when there is none within eight years (30 February).
 * Day and day of week must both fit, unlike in Unix cron (NCrontab: CrontabSchedule.GetNextOccurrence).
 */
export const nextOccurrence = (schedule: Schedule, after: Date): Date | undefined => {
  const start = new Date(Math.floor(after.getTime() / 1000) * 1000 + 1000);
  for (let day = 0; day < 8 * 366; day++) {
    const date = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth(), start.getUTCDate() + day));
    if (!schedule.months.includes(date.getUTCMonth() + 1) || !schedule.days.includes(date.getUTCDate())) continue;
    if (!schedule.weekdays.includes(date.getUTCDay())) continue;
    const earliest = day === 0 ? start : date;
    const time = firstTime(schedule, earliest.getUTCHours(), earliest.getUTCMinutes(), earliest.getUTCSeconds());
    if (time !== undefined) return new Date(date.getTime() + time * 1000);
  }
  return undefined;
};

/** The first second of the day, at or after the given time, at which the schedule fires. */
const firstTime = ({ hours, minutes, seconds }: Schedule, hour: number, minute: number, second: number): number | undefined => {
  for (const h of hours.filter((one) => one >= hour)) {
    for (const m of minutes.filter((one) => h > hour || one >= minute)) {
      const s = seconds.find((one) => h > hour || m > minute || one >= second);
      if (s !== undefined) return (h * 60 + m) * 60 + s;
    }
  }
  return undefined;
};
