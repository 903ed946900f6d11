import { DateTime, IANAZone } from 'luxon';
import type { Recurrence } from './schedule';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** No zone is further from UTC than this, so no local day lies further from the UTC day of the same date. */
const WIDEST_OFFSET_MS = 14 * 60 * MINUTE_MS;
/** Days from one occurrence to the next: 61 from 31 March to 31 May are the most; some to spare for both ends. */
const LONGEST_GAP_DAYS = 66;
/** Zone-days kept before the cache starts anew; a tick needs about five per zone. */
const MAX_CACHED_DAYS = 50_000;

/** Calendar days are numbered from 1970-01-01, which was a Thursday. */
const weekdays = ['thursday', 'friday', 'saturday', 'sunday', 'monday', 'tuesday', 'wednesday'] as const;
const dayOf = (atMs: number): number => Math.floor(atMs / DAY_MS);
const minuteOfDay = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));

/** How a zone's clock goes on one calendar day: at one offset all day long, or changed in it. */
interface ZoneDay {
  readonly steadyOffsetMs?: number;
  /** instants by minute of the day, asked so far; only where the clock changes */
  readonly instants: Map<number, number>;
}
// What a calendar says does not change while we run; so this cache is shared by all callers.
const zoneDays = new Map<string, Map<number, ZoneDay>>();
let cachedDays = 0;

const zoneDay = (timeZone: string, day: number): ZoneDay => {
  if (cachedDays >= MAX_CACHED_DAYS) {
    zoneDays.clear();
    cachedDays = 0;
  }
  const days = zoneDays.get(timeZone) ?? new Map<number, ZoneDay>();
  zoneDays.set(timeZone, days);
  let found = days.get(day);
  if (!found) {
    const zone = IANAZone.create(timeZone);
    // A day earlier and later at both ends: the local day lies anywhere in between.
    const offset = zone.offset((day - 1) * DAY_MS);
    if (!Number.isFinite(offset)) throw new RangeError(`The time zone ${timeZone} is unknown.`);
    const steady = [day, day + 1, day + 2].every((other) => zone.offset(other * DAY_MS) === offset);
    found = { instants: new Map(), ...(steady ? { steadyOffsetMs: offset * MINUTE_MS } : {}) };
    days.set(day, found);
    cachedDays++;
  }
  return found;
};

/** The first instant at which the clock of a gap goes on; `after` lies behind the gap by no more than the gap's length. */
const endOfGap = (after: DateTime, gapMs: number): number => {
  let before = after.toMillis() - gapMs - MINUTE_MS;
  let behind = after.toMillis();
  while (behind - before > MINUTE_MS) {
    const middle = before + Math.floor((behind - before) / MINUTE_MS / 2) * MINUTE_MS;
    if (after.zone.offset(middle) === after.offset) behind = middle;
    else before = middle;
  }
  return behind;
};

const instantOf = (timeZone: string, day: number, minute: number): number => {
  const wallMs = day * DAY_MS + minute * MINUTE_MS;
  const { steadyOffsetMs, instants } = zoneDay(timeZone, day);
  if (steadyOffsetMs !== undefined) return wallMs - steadyOffsetMs;
  let instant = instants.get(minute);
  if (instant === undefined) {
    const wall = DateTime.fromMillis(wallMs, { zone: 'utc' });
    // luxon moves a time that does not exist forward by the length of the gap
    const local = wall.setZone(timeZone, { keepLocalTime: true });
    const movedMs = local.setZone('utc', { keepLocalTime: true }).toMillis() - wallMs;
    instant = movedMs === 0 ? Math.min(...local.getPossibleOffsets().map((one) => one.toMillis())) : endOfGap(local, movedMs);
    instants.set(minute, instant);
  }
  return instant;
};

/**
 * The instant at which a clock on the wall shows a time: a time that does not exist on that day (spring) means the first valid
 * minute after it, one that comes twice (autumn) its first coming (customer-insights.md §4.2).
 * @param date calendar date, e.g. 2026-03-29
 * @param time e.g. 02:30
 */
export const instantAt = ({ date, time, timeZone }: { date: string; time: string; timeZone: string }): Date =>
  new Date(instantOf(timeZone, dayOf(Date.parse(`${date}T00:00:00Z`)), minuteOfDay(time)));

const runsOn = ({ repeat, days, daysOfMonth }: Recurrence, day: number): boolean => {
  if (repeat === 'weekly') return days.includes(weekdays[((day % 7) + 7) % 7]!);
  if (repeat === 'monthly') return daysOfMonth.includes(new Date(day * DAY_MS).getUTCDate());
  return true;
};

/** Instants of a calendar day, ascending; times that fall into the same gap are one. */
const instantsOn = (recurrence: Recurrence, day: number): readonly number[] => {
  if (!runsOn(recurrence, day)) return [];
  const instants = recurrence.times.map((time) => instantOf(recurrence.timeZone, day, minuteOfDay(time)));
  return instants.length === 1 ? instants : [...new Set(instants)].sort((a, b) => a - b);
};

/** A gap can carry a time over midnight, hence one day more at the front. */
const firstDay = (afterMs: number): number => dayOf(afterMs - WIDEST_OFFSET_MS) - 1;
const lastDay = (untilMs: number): number => dayOf(untilMs + WIDEST_OFFSET_MS);

/** Occurrences in (after, until], ascending and each instant once. */
export function* occurrences(recurrence: Recurrence, { after, until }: { after: Date; until: Date }): Generator<Date> {
  let latest = after.getTime();
  for (let day = firstDay(latest), last = lastDay(until.getTime()); day <= last; day++) {
    for (const instant of instantsOn(recurrence, day)) {
      if (instant <= latest) continue;
      if (instant > until.getTime()) return;
      latest = instant;
      yield new Date(instant);
    }
  }
}

/** The newest occurrence in (after, until]; looks at a few days however long the span is. */
export const latestOccurrence = (recurrence: Recurrence, { after, until }: { after: Date; until: Date }): Date | undefined => {
  const [afterMs, untilMs] = [after.getTime(), until.getTime()];
  const last = lastDay(untilMs);
  for (let day = last, first = Math.max(firstDay(afterMs), last - LONGEST_GAP_DAYS); day >= first; day--) {
    const instant = instantsOn(recurrence, day).findLast((one) => one <= untilMs);
    if (instant !== undefined) return instant > afterMs ? new Date(instant) : undefined;
  }
  return undefined;
};

/** The next `count` occurrences after an instant, ascending. */
export const nextOccurrences = (recurrence: Recurrence, { after, count }: { after: Date; count: number }): Date[] => {
  const found: Date[] = [];
  const until = new Date(after.getTime() + count * LONGEST_GAP_DAYS * DAY_MS);
  if (count > 0) {
    for (const occurrence of occurrences(recurrence, { after, until })) {
      if (found.push(occurrence) === count) break;
    }
  }
  return found;
};

/** A time of a schedule as it was meant: what a clock on the wall should show. */
export interface WallTime {
  /** calendar date, e.g. 2026-03-29 */
  readonly date: string;
  /** e.g. 02:30 */
  readonly time: string;
}

/** Calendar days behind an instant whose times a gap may carry to it: in 2011 Samoa left out a whole one. */
const CARRIED_DAYS = 2;

/** The times of a schedule that fall on one of its occurrences, in order: several where a gap makes them one. */
export const wallTimesAt = (recurrence: Recurrence, occurrence: Date): WallTime[] => {
  const [at, times] = [occurrence.getTime(), [...recurrence.times].sort()];
  const found: WallTime[] = [];
  for (let day = dayOf(at - WIDEST_OFFSET_MS) - CARRIED_DAYS, last = lastDay(at); day <= last; day++) {
    if (!runsOn(recurrence, day)) continue;
    const date = new Date(day * DAY_MS).toISOString().slice(0, 10);
    for (const time of times) if (instantOf(recurrence.timeZone, day, minuteOfDay(time)) === at) found.push({ date, time });
  }
  return found;
};
