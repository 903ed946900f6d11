import { Temporal } from '@js-temporal/polyfill';
import fc from 'fast-check';
import { ConflictError } from '../../../shared/errors';
import { Export } from '../../../shared/exports/export';
import { instantAt, latestOccurrence, nextOccurrences, occurrences, wallTimesAt } from '../../../shared/schedules/due';
import { createFanOut, occurrenceKey } from '../../../shared/schedules/fan-out';
import { defaultSystemSchedule, Recurrence } from '../../../shared/schedules/schedule';
import type { Tick } from '../../../shared/schedules/tick-store';

// A second independent reading of the rules, by Temporal: the product counts with luxon, and the two share no code. The first one, a walk
// through every minute of three years, is in oracle.test.ts.

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const START_MS = Date.UTC(2026, 0, 1);
const END_MS = Date.UTC(2029, 0, 1);
const zones = ['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC'] as const;
/** Odd ones: gaps at midnight, three quarters of an hour, winter time that is negative, an offset of its own on each side of the year. */
const more = ['Africa/Cairo', 'Pacific/Chatham', 'Europe/Dublin', 'America/St_Johns', 'Africa/Casablanca', 'America/Santiago'] as const;

/** A wall-clock time as an instant: a gap gives the instant at which the clock goes on, a repeat its first coming. */
const instantOf = (wall: Temporal.PlainDateTime, timeZone: string): number => {
  const earlier = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' });
  if (earlier.toPlainDateTime().equals(wall)) return earlier.epochMilliseconds;
  return earlier.getTimeZoneTransition('next')!.epochMilliseconds;
};

const isWanted = ({ repeat, days, daysOfMonth }: Recurrence, date: Temporal.PlainDate): boolean => {
  if (repeat === 'weekly') {
    const names = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
    return days.includes(names[date.dayOfWeek - 1]!);
  }
  return repeat === 'daily' || daysOfMonth.includes(date.day);
};

/** All occurrences in (after, until], ascending. */
const oracle = (recurrence: Recurrence, { after, until }: { after: number; until: number }): number[] => {
  const found = new Set<number>();
  const dateOf = (ms: number) => Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO('UTC').toPlainDate();
  const last = dateOf(until).add({ days: 2 });
  for (let date = dateOf(after).subtract({ days: 2 }); Temporal.PlainDate.compare(date, last) <= 0; date = date.add({ days: 1 })) {
    if (!isWanted(recurrence, date)) continue;
    for (const time of recurrence.times) found.add(instantOf(date.toPlainDateTime(time), recurrence.timeZone));
  }
  return [...found].filter((at) => at > after && at <= until).sort((one, other) => one - other);
};

const changesIn = (timeZone: string): Temporal.ZonedDateTime[] => {
  const found: Temporal.ZonedDateTime[] = [];
  let at = Temporal.Instant.fromEpochMilliseconds(START_MS).toZonedDateTimeISO(timeZone).getTimeZoneTransition('next');
  for (; at && at.epochMilliseconds < END_MS; at = at.getTimeZoneTransition('next')) found.push(at);
  return found;
};

const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
const hhmm = (minute: number): string => {
  const ofDay = ((minute % 1_440) + 1_440) % 1_440;
  return `${String(Math.floor(ofDay / 60)).padStart(2, '0')}:${String(ofDay % 60).padStart(2, '0')}`;
};
/** A recurrence, and an instant from which it is looked at: mostly some days around a change of its own clock, with times about that. */
const aCase = fc.constantFrom(...zones, ...more).chain((timeZone) => {
  const changes = changesIn(timeZone);
  const calm = fc
    .integer({ min: START_MS, max: END_MS - 1 })
    .map((ms) => Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone));
  const around =
    changes.length === 0 ? calm : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...changes) }, { weight: 1, arbitrary: calm });
  return around.chain((change) => {
    const minuteOfChange = change.hour * 60 + change.minute;
    const aTime = fc
      .oneof(fc.integer({ min: 0, max: 1_439 }), fc.integer({ min: minuteOfChange - 90, max: minuteOfChange + 90 }))
      .map(hhmm);
    return fc.record({
      recurrence: fc
        .record({
          repeat: fc.constantFrom('daily', 'weekly', 'monthly'),
          days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }),
          daysOfMonth: fc.uniqueArray(fc.integer({ min: 1, max: 31 }), { minLength: 1, maxLength: 12 }),
          times: fc.uniqueArray(aTime, { minLength: 1, maxLength: 4 }),
        })
        .map((fields) => Recurrence.parse({ ...fields, timeZone })),
      start: fc.integer({ min: -3 * DAY_MS, max: DAY_MS }).map((by) => change.epochMilliseconds + by),
    });
  });
});

describe.each(['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe'])(
  'around each change of the clock in %s, 2026 to 2028',
  (timeZone) => {
    const found = changesIn(timeZone);

    it('every minute of the wall is the instant that Temporal gives', () => {
      expect(found).toHaveLength(6);
      for (const change of found) {
        const middle = change.toPlainDateTime();
        for (let minute = -75; minute <= 75; minute++) {
          const wall = middle.add({ minutes: minute });
          const date = wall.toPlainDate().toString();
          const time = wall.toPlainTime().toString({ smallestUnit: 'minute' });
          expect([date, time, instantAt({ date, time, timeZone }).getTime()]).toEqual([date, time, instantOf(wall, timeZone)]);
        }
      }
    });
  },
);

describe.each(['Asia/Kolkata', 'UTC'])('in %s', (timeZone) => {
  it('the clock never changes, so each day has each minute once', () => {
    const first = Temporal.Instant.fromEpochMilliseconds(START_MS).toZonedDateTimeISO(timeZone);
    expect(first.getTimeZoneTransition('next')).toBeNull();
    const daily = Recurrence.parse({ times: ['02:30'], timeZone });
    const all = [...occurrences(daily, { after: new Date(START_MS), until: new Date(END_MS) })].map(Number);
    expect(all.length).toBe(1_096);
    expect(all.every((at, index) => index === 0 || at - all[index - 1]! === DAY_MS)).toBe(true);
  });
});

describe('any recurrence in any zone', () => {
  it('has the occurrences that Temporal finds, in any span', () => {
    fc.assert(
      fc.property(aCase, fc.integer({ min: 0, max: 30 * DAY_MS }), ({ recurrence, start: after }, length) => {
        const span = { after: new Date(after), until: new Date(after + length) };
        const expected = oracle(recurrence, { after, until: after + length });
        expect([...occurrences(recurrence, span)].map(Number)).toEqual(expected);
        expect(latestOccurrence(recurrence, span)?.getTime()).toBe(expected.at(-1));
      }),
      { numRuns: 200 },
    );
  });

  it('has the next five that Temporal finds, each with the times on the wall that it stands for', () => {
    fc.assert(
      fc.property(aCase, ({ recurrence, start: after }) => {
        const found = nextOccurrences(recurrence, { after: new Date(after), count: 5 });
        expect(found).toHaveLength(5);
        expect(found.map(Number)).toEqual(oracle(recurrence, { after, until: found.at(-1)!.getTime() }));
        for (const occurrence of found) {
          const walls = wallTimesAt(recurrence, occurrence);
          expect(walls.length).toBeGreaterThan(0);
          for (const { date, time } of walls) {
            const wall = Temporal.PlainDate.from(date).toPlainDateTime(time);
            expect(instantOf(wall, recurrence.timeZone)).toBe(occurrence.getTime());
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('any sequence of ticks', () => {
  const { signal } = new AbortController();
  const HOUR_MS = 60 * MINUTE_MS;
  const on = (recurrence: Recurrence): Export =>
    Export.parse({
      ...{
        id: 'exp_0000000001',
        name: 'VIP',
        connectionId: 'con_0000000001',
        listId: 'YafG4m',
        segments: ['VIP'],
        mapping: { email: 'EMail' },
      },
      ...{ createdAt: '2025-01-01T00:00:00.000Z', createdBy: 'a', updatedAt: '2025-01-01T00:00:00.000Z', updatedBy: 'a' },
      schedule: { kind: 'custom', ...recurrence },
    });

  /** Ticks at the given instants; `twice`: on two instances at once. @returns what was started at each, by its key */
  const play = async (recurrence: Recurrence, ticks: readonly { at: number; twice: boolean }[]): Promise<string[][]> => {
    let row: { value: Tick; etag: string } | undefined;
    let clock = 0;
    let started: string[] = [];
    const taken = new Set<string>(); // runs.start inserts the key, and answers a repeat with the run of the first time
    const fanOut = createFanOut({
      segmentExports: {
        readAll: async function* () {
          yield { value: on(recurrence) };
        },
      },
      settings: { getRefresh: async () => ({ value: defaultSystemSchedule }) },
      runs: {
        start: async ({ requestKey }) => {
          if (!taken.has(requestKey)) started.push(requestKey);
          taken.add(requestKey);
        },
      },
      tickStore: {
        find: async () => row,
        save: async (value, { ifMatch }) => {
          if (ifMatch !== row?.etag) throw new ConflictError({ code: 'changed_meanwhile', message: 'changed' });
          row = { value, etag: `${Number(ifMatch ?? 0) + 1}` };
        },
      },
      now: () => new Date(clock),
      log: () => undefined,
    });
    const found: string[][] = [];
    for (const { at, twice } of ticks) {
      clock = at;
      started = [];
      await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => fanOut.tick({ signal })));
      found.push(started);
    }
    return found;
  };

  const aStep = fc.record({
    // on time, late by hours or days, the same minute again, back a little, back far
    by: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 30_000, max: 90_000 }) },
      { weight: 4, arbitrary: fc.integer({ min: 2 * MINUTE_MS, max: 30 * HOUR_MS }) },
      { weight: 1, arbitrary: fc.integer({ min: 2 * DAY_MS, max: 40 * DAY_MS }) },
      { weight: 1, arbitrary: fc.constant(0) },
      { weight: 2, arbitrary: fc.integer({ min: -HOUR_MS, max: -1 }) },
      { weight: 1, arbitrary: fc.integer({ min: -3 * DAY_MS, max: -HOUR_MS - 1 }) },
    ),
    twice: fc.boolean(),
  });

  it('starts each occurrence once at most, and of what was missed the newest, once', async () => {
    await fc.assert(
      fc.asyncProperty(aCase, fc.array(aStep, { minLength: 1, maxLength: 30 }), async ({ recurrence, start }, steps) => {
        let at = start;
        const ticks = [{ at, twice: false }, ...steps.map(({ by, twice }) => ({ at: (at += by), twice }))];
        const started = await play(recurrence, ticks);

        const all = started.flat();
        expect(new Set(all).size).toBe(all.length);
        let seenUntil: number | undefined; // what is up to here has been looked at
        const done = new Set<string>();
        for (const [index, { at: now }] of ticks.entries()) {
          const after = seenUntil ?? now;
          const newest = oracle(recurrence, { after, until: now }).at(-1);
          const key = newest === undefined ? undefined : occurrenceKey(new Date(newest));
          // started in an earlier life of the clock, it is not started again
          const expected = key !== undefined && !done.has(key) ? [key] : [];
          expect([index, started[index]]).toEqual([index, expected]);
          if (key !== undefined) done.add(key);
          if (now >= after || after - now > HOUR_MS) seenUntil = now;
        }
      }),
      { numRuns: 100 },
    );
  });
});
