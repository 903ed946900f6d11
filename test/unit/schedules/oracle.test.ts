import { latestOccurrence, nextOccurrences, occurrences } from '../../../shared/schedules/due';
import { Recurrence } from '../../../shared/schedules/schedule';

// An independent reading of the rules: walk through every minute of three years, look at the clock that Intl shows, and note
// when a wanted time is reached or jumped over for the first time. It shares no code and no library with what it checks.

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 1);
const END_MS = Date.UTC(2029, 0, 1);

/** For each minute from START: minutes since 1970 that the clock on the wall shows. */
const wallClock = (timeZone: string): Int32Array => {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const shown = (ms: number): number => {
    const part = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
    return Date.UTC(part.year!, part.month! - 1, part.day, part.hour, part.minute) / MINUTE_MS;
  };
  const minutes = (END_MS - START_MS) / MINUTE_MS;
  const clock = new Int32Array(minutes);
  // Asking Intl for each of 1.5 million minutes takes minutes; six hours whose ends agree hold no change.
  const STEP = 360;
  for (let from = 0; from < minutes; from += STEP) {
    const first = shown(START_MS + from * MINUTE_MS);
    const last = shown(START_MS + (from + STEP - 1) * MINUTE_MS);
    for (let index = 0; index < STEP; index++) {
      clock[from + index] = last - first === STEP - 1 ? first + index : shown(START_MS + (from + index) * MINUTE_MS);
    }
  }
  return clock;
};

const weekdayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

const wanted = ({ repeat, days, daysOfMonth, times }: Recurrence, shownMinute: number): boolean => {
  const shown = new Date(shownMinute * MINUTE_MS);
  const time = shown.toISOString().slice(11, 16);
  if (!times.includes(time)) return false;
  if (repeat === 'weekly') return days.includes(weekdayNames[shown.getUTCDay()]!);
  return repeat === 'daily' || daysOfMonth.includes(shown.getUTCDate());
};

const walk = (recurrence: Recurrence, clock: Int32Array): number[] => {
  const isTime = new Uint8Array(1_440);
  for (const time of recurrence.times) isTime[Number(time.slice(0, 2)) * 60 + Number(time.slice(3))] = 1;
  const found: number[] = [];
  let furthest = clock[0]!; // what the clock has shown or jumped over already does not come again
  for (let index = 1; index < clock.length; index++) {
    const shown = clock[index]!;
    for (let minute = furthest + 1; minute <= shown; minute++) {
      if (isTime[minute % 1_440] === 0 || !wanted(recurrence, minute)) continue;
      const at = START_MS + index * MINUTE_MS;
      if (found.at(-1) !== at) found.push(at);
    }
    if (shown > furthest) furthest = shown;
  }
  return found;
};

const samples: readonly Omit<Recurrence, 'timeZone'>[] = [
  { repeat: 'daily', days: [], daysOfMonth: [], times: ['00:00'] },
  { repeat: 'daily', days: [], daysOfMonth: [], times: ['02:30'] },
  { repeat: 'daily', days: [], daysOfMonth: [], times: ['01:15', '01:45', '02:00', '02:15'] },
  { repeat: 'daily', days: [], daysOfMonth: [], times: ['23:59', '03:00', '12:01'] },
  { repeat: 'weekly', days: ['sunday'], daysOfMonth: [], times: ['01:30', '02:30'] },
  { repeat: 'weekly', days: ['monday', 'thursday', 'saturday'], daysOfMonth: [], times: ['06:00', '00:10'] },
  { repeat: 'monthly', days: [], daysOfMonth: [1, 8, 25, 29], times: ['02:10', '01:50'] },
  { repeat: 'monthly', days: [], daysOfMonth: [29, 30, 31], times: ['05:05'] },
];

describe.each(['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC', 'Africa/Cairo'])(
  'in %s, 2026 to 2028',
  (timeZone) => {
    const clock = wallClock(timeZone);

    it.each(samples)('$repeat $days$daysOfMonth $times agrees with a walk through every minute', (sample) => {
      const recurrence = Recurrence.parse({ ...sample, timeZone });
      const oracle = walk(recurrence, clock);
      const after = new Date(START_MS);
      const until = new Date(END_MS - MINUTE_MS);
      expect([...occurrences(recurrence, { after, until })].map(Number)).toEqual(oracle);
      expect(
        nextOccurrences(recurrence, { after, count: 60 })
          .map(Number)
          .filter((at) => at < END_MS),
      ).toEqual(oracle.slice(0, 60));

      // Ticks of odd lengths see each occurrence once, and the newest of a span is the last one of it.
      let from = START_MS;
      for (let tick = 0; tick < 400; tick++) {
        const to = from + ((tick * 7_919) % 4_000) * MINUTE_MS;
        const inSpan = oracle.filter((at) => at > from && at <= to);
        const span = { after: new Date(from), until: new Date(to) };
        if (to < END_MS - MINUTE_MS) expect(latestOccurrence(recurrence, span)?.getTime()).toBe(inSpan.at(-1));
        from = to;
      }
    });
  },
);
