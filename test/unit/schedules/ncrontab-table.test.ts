import { nextOccurrence, parseNcrontab } from '../../../infra/local/function-host/ncrontab';
import { Export } from '../../../shared/exports/export';
import { occurrences } from '../../../shared/schedules/due';
import { dueOccurrence } from '../../../shared/schedules/fan-out';
import { Recurrence } from '../../../shared/schedules/schedule';

// customer-insights.md §4.2: how Customer Insights' schedules would stand in NCRONTAB. Each row is held against the cron expressions
// themselves, as the function host's stand-in reads them: it shares nothing with the app.

const START_MS = Date.UTC(2027, 11, 1);
const END_MS = Date.UTC(2029, 0, 1); // over a 29 February

/** All instants of the expressions on a clock that stands at an offset from UTC. */
const cron = (expressions: readonly string[], offsetMs: number): number[] => {
  const found = new Set<number>();
  for (const expression of expressions) {
    const schedule = parseNcrontab(expression);
    for (let at: Date | undefined = new Date(START_MS + offsetMs); ;) {
      at = nextOccurrence(schedule, at);
      if (at === undefined || at.getTime() - offsetMs > END_MS) break;
      found.add(at.getTime() - offsetMs);
    }
  }
  return [...found].sort((one, other) => one - other);
};

const HOUR_MS = 3_600_000;
const rows: readonly (readonly [ci: string, expressions: readonly string[], recurrence: object])[] = [
  ['daily 02:30', ['0 30 2 * * *'], { repeat: 'daily', times: ['02:30'] }],
  ['daily 02:30 and 14:30', ['0 30 2,14 * * *'], { repeat: 'daily', times: ['02:30', '14:30'] }],
  ['daily 02:00 and 09:15', ['0 0 2 * * *', '0 15 9 * * *'], { repeat: 'daily', times: ['02:00', '09:15'] }],
  ['weekly Monday and Thursday 06:00', ['0 0 6 * * 1,4'], { repeat: 'weekly', days: ['monday', 'thursday'], times: ['06:00'] }],
  ['weekly Sunday 06:00, which is day 0', ['0 0 6 * * 0'], { repeat: 'weekly', days: ['sunday'], times: ['06:00'] }],
  ['monthly on day 10 at 06:00', ['0 0 6 10 * *'], { repeat: 'monthly', daysOfMonth: [10], times: ['06:00'] }],
  [
    'monthly on days 29 to 31, left out in short months',
    ['0 0 6 29,30,31 * *'],
    { repeat: 'monthly', daysOfMonth: [29, 30, 31], times: ['06:00'] },
  ],
];

describe('the NCRONTAB table', () => {
  it.each(rows)('NCRONTAB of %s falls on the same instants', (_, expressions, fields) => {
    for (const [timeZone, offsetMs] of [
      ['UTC', 0],
      ['Asia/Kolkata', 5.5 * HOUR_MS],
    ] as const) {
      const recurrence = Recurrence.parse({ ...fields, timeZone });
      const expected = cron(expressions, offsetMs);
      expect(expected.length).toBeGreaterThan(12);
      expect([...occurrences(recurrence, { after: new Date(START_MS), until: new Date(END_MS) })].map(Number)).toEqual(expected);
    }
  });

  it('NCRONTAB of an export on the system refresh is none of its own: it is due when that fires', () => {
    const segmentExport = Export.parse({
      ...{
        id: 'exp_0000000001',
        name: 'VIP',
        connectionId: 'con_0000000001',
        listId: 'YafG4m',
        segments: ['VIP'],
        mapping: { email: 'EMail' },
      },
      ...{ createdAt: '2025-01-01T00:00:00.000Z', createdBy: 'a', updatedAt: '2025-01-01T00:00:00.000Z', updatedBy: 'a' },
    });
    expect(segmentExport.schedule).toEqual({ kind: 'system' });
    const [first, second] = cron(['0 30 2 * * *'], 0) as [number, number];
    const span = { after: new Date(first - 30_000), until: new Date(first + 30_000) };
    expect(dueOccurrence(segmentExport, { system: new Date(first), ...span })).toEqual(new Date(first));
    // between two firings, or while the system refresh is off
    expect(dueOccurrence(segmentExport, { system: undefined, after: span.until, until: new Date(second - 30_000) })).toBeUndefined();
  });
});
