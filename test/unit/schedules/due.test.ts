import { instantAt, latestOccurrence, nextOccurrences, occurrences } from '../../../shared/schedules/due';
import { Recurrence } from '../../../shared/schedules/schedule';

const recurrence = (fields: object): Recurrence => Recurrence.parse({ repeat: 'daily', times: ['02:30'], timeZone: 'UTC', ...fields });
const span = (after: string, until: string) => ({ after: new Date(after), until: new Date(until) });
const isos = (dates: Iterable<Date>): string[] => [...dates].map((date) => date.toISOString().replace(':00.000Z', 'Z'));

describe('a time on the wall', () => {
  it.each([
    ['Europe/Paris', '2026-01-15', '02:30', '2026-01-15T01:30Z', 'winter'],
    ['Europe/Paris', '2026-07-15', '02:30', '2026-07-15T00:30Z', 'summer'],
    ['Europe/Paris', '2026-03-29', '01:59', '2026-03-29T00:59Z', 'last minute before the gap'],
    ['Europe/Paris', '2026-03-29', '02:00', '2026-03-29T01:00Z', 'first minute of the gap'],
    ['Europe/Paris', '2026-03-29', '02:30', '2026-03-29T01:00Z', 'in the gap'],
    ['Europe/Paris', '2026-03-29', '02:59', '2026-03-29T01:00Z', 'last minute of the gap'],
    ['Europe/Paris', '2026-03-29', '03:00', '2026-03-29T01:00Z', 'end of the gap'],
    ['Europe/Paris', '2026-03-29', '03:01', '2026-03-29T01:01Z', 'after the gap'],
    ['Europe/Paris', '2026-10-25', '01:59', '2026-10-24T23:59Z', 'before the repeat'],
    ['Europe/Paris', '2026-10-25', '02:30', '2026-10-25T00:30Z', 'repeated: its first coming'],
    ['Europe/Paris', '2026-10-25', '03:00', '2026-10-25T02:00Z', 'after the repeat'],
    ['America/New_York', '2026-03-08', '02:30', '2026-03-08T07:00Z', 'in the gap'],
    ['America/New_York', '2026-11-01', '01:30', '2026-11-01T05:30Z', 'repeated'],
    ['America/New_York', '2027-03-14', '02:15', '2027-03-14T07:00Z', 'in the gap a year later'],
    ['Australia/Lord_Howe', '2026-10-04', '02:15', '2026-10-03T15:30Z', 'in a gap of half an hour'],
    ['Australia/Lord_Howe', '2026-10-04', '02:30', '2026-10-03T15:30Z', 'end of that gap'],
    ['Australia/Lord_Howe', '2026-04-05', '01:45', '2026-04-04T14:45Z', 'repeated for half an hour'],
    ['Australia/Lord_Howe', '2026-04-05', '02:00', '2026-04-04T15:30Z', 'after that repeat'],
    ['Asia/Kolkata', '2026-06-01', '00:15', '2026-05-31T18:45Z', 'no daylight saving, half an hour'],
    ['UTC', '2026-12-31', '23:59', '2026-12-31T23:59Z', 'UTC'],
    ['Pacific/Apia', '2011-12-30', '12:00', '2011-12-30T10:00Z', 'a whole day that never was'],
    ['Africa/Cairo', '2026-04-24', '00:30', '2026-04-23T22:00Z', 'a gap at midnight'],
    ['Pacific/Kiritimati', '2026-01-01', '00:00', '2025-12-31T10:00Z', 'furthest east'],
    ['Etc/GMT+12', '2026-01-01', '00:00', '2026-01-01T12:00Z', 'furthest west'],
  ])('%s %s %s is %s (%s)', (timeZone, date, time, expected) => {
    expect(isos([instantAt({ date, time, timeZone })])).toEqual([expected]);
  });

  it('refuses a zone that the machine does not know', () => {
    expect(() => instantAt({ date: '2026-01-01', time: '00:00', timeZone: 'Mars/Olympus' })).toThrow('Mars/Olympus is unknown');
  });
});

describe('occurrences', () => {
  it('lie after the first instant and up to the last one', () => {
    const daily = recurrence({});
    expect(isos(occurrences(daily, span('2026-01-01T02:30:00Z', '2026-01-03T02:30:00Z')))).toEqual([
      '2026-01-02T02:30Z',
      '2026-01-03T02:30Z',
    ]);
    expect(isos(occurrences(daily, span('2026-01-01T02:29:59.999Z', '2026-01-01T02:30:00Z')))).toEqual(['2026-01-01T02:30Z']);
    expect(isos(occurrences(daily, span('2026-01-01T02:30:00Z', '2026-01-02T02:29:59.999Z')))).toEqual([]);
  });

  it('come in order of time, whatever the order in which the times were given', () => {
    const daily = recurrence({ times: ['14:30', '02:30', '09:15'] });
    expect(isos(occurrences(daily, span('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')))).toEqual([
      '2026-01-01T02:30Z',
      '2026-01-01T09:15Z',
      '2026-01-01T14:30Z',
    ]);
  });

  it('that fall into the same gap are one', () => {
    const daily = recurrence({ times: ['02:00', '02:30', '03:00'], timeZone: 'Europe/Paris' });
    expect(isos(occurrences(daily, span('2026-03-29T00:00:00Z', '2026-03-29T12:00:00Z')))).toEqual(['2026-03-29T01:00Z']);
  });

  it('come once on a day whose hour is repeated', () => {
    const daily = recurrence({ times: ['02:30'], timeZone: 'Europe/Paris' });
    expect(isos(occurrences(daily, span('2026-10-24T12:00:00Z', '2026-10-25T12:00:00Z')))).toEqual(['2026-10-25T00:30Z']);
  });

  it('of a week are on the days of the zone, not of UTC', () => {
    const weekly = recurrence({ repeat: 'weekly', days: ['monday', 'thursday'], times: ['06:00'], timeZone: 'Pacific/Auckland' });
    expect(isos(occurrences(weekly, span('2026-06-01T00:00:00Z', '2026-06-08T00:00:00Z')))).toEqual([
      '2026-06-03T18:00Z',
      '2026-06-07T18:00Z',
    ]);
  });

  it('leave out days that a month does not have', () => {
    const monthly = recurrence({ repeat: 'monthly', daysOfMonth: [29, 31], times: ['06:00'] });
    expect(isos(occurrences(monthly, span('2027-01-30T00:00:00Z', '2027-06-01T00:00:00Z')))).toEqual([
      '2027-01-31T06:00Z',
      '2027-03-29T06:00Z',
      '2027-03-31T06:00Z',
      '2027-04-29T06:00Z',
      '2027-05-29T06:00Z',
      '2027-05-31T06:00Z',
    ]);
  });

  it('of 29 February come in a leap year', () => {
    const monthly = recurrence({ repeat: 'monthly', daysOfMonth: [29], times: ['06:00'] });
    expect(isos(occurrences(monthly, span('2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z')))).toEqual(['2028-02-29T06:00Z']);
  });

  it('of a span that goes backwards are none', () => {
    expect([...occurrences(recurrence({}), span('2026-01-03T00:00:00Z', '2026-01-01T00:00:00Z'))]).toEqual([]);
  });
});

describe('the next occurrences', () => {
  it('are as many as asked for', () => {
    const weekly = recurrence({ repeat: 'weekly', days: ['monday'], times: ['06:00'], timeZone: 'Europe/Paris' });
    expect(isos(nextOccurrences(weekly, { after: new Date('2026-03-16T05:00:00Z'), count: 3 }))).toEqual([
      '2026-03-23T05:00Z',
      '2026-03-30T04:00Z',
      '2026-04-06T04:00Z',
    ]);
    expect(nextOccurrences(weekly, { after: new Date(0), count: 0 })).toEqual([]);
  });

  it('are found for the rarest day of a month', () => {
    const monthly = recurrence({ repeat: 'monthly', daysOfMonth: [31] });
    expect(isos(nextOccurrences(monthly, { after: new Date('2026-03-31T02:30:00Z'), count: 5 }))).toEqual([
      '2026-05-31T02:30Z',
      '2026-07-31T02:30Z',
      '2026-08-31T02:30Z',
      '2026-10-31T02:30Z',
      '2026-12-31T02:30Z',
    ]);
  });
});

describe('the latest occurrence', () => {
  it.each([
    ['after an hour', {}, '2026-01-10T02:00:00Z', '2026-01-10T03:00:00Z', '2026-01-10T02:30Z'],
    ['after a year, the newest only', {}, '2025-01-10T02:00:00Z', '2026-01-10T03:00:00Z', '2026-01-10T02:30Z'],
    ['of several times a day', { times: ['02:30', '14:30'] }, '2026-01-01T00:00:00Z', '2026-01-10T14:29:00Z', '2026-01-10T02:30Z'],
    ['of a rare day', { repeat: 'monthly', daysOfMonth: [31] }, '2026-01-01T00:00:00Z', '2026-05-30T00:00:00Z', '2026-03-31T02:30Z'],
    ['none since', {}, '2026-01-10T02:30:00Z', '2026-01-11T02:00:00Z', undefined],
    ['none when the clock goes backwards', {}, '2026-01-12T00:00:00Z', '2026-01-10T00:00:00Z', undefined],
  ])('%s', (_, fields, after, until, expected) => {
    const found = latestOccurrence(recurrence(fields), span(after, until));
    expect(found && isos([found])[0]).toBe(expected);
  });
});
