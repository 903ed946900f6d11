import { bySchedule, weekOf } from '../../../functions/portal/app/pages/settings/week-plan';

const daily = (time: string) => ({ kind: 'custom', repeat: 'daily', days: [], daysOfMonth: [], times: [time], timeZone: 'UTC' }) as const;
const anExport = (name: string, more: object = {}) => ({
  name,
  schedule: { kind: 'system' } as const,
  paused: false,
  connection: {},
  ...more,
});

describe('the week of the settings page', () => {
  it('gathers what runs together, and leaves out what does not run by itself', () => {
    const groups = bySchedule([
      anExport('a', { schedule: daily('02:30') }),
      anExport('b'),
      anExport('c'),
      anExport('paused', { paused: true }),
      anExport('off', { schedule: { kind: 'off' } }),
      anExport('detached', { connection: undefined }),
    ]);
    expect(groups.map(({ names }) => names)).toEqual([['b', 'c'], ['a']]);
  });

  it('puts each start into its hour of the reader’s own clock, and nothing of other weeks', () => {
    const first = new Date(2026, 2, 26, 15); // a week in which Europe's clocks go forward
    const at = (day: number, hour: number, minute = 0) => new Date(2026, 2, 26 + day, hour, minute).toISOString();
    const week = weekOf(
      [
        { at: at(0, 0), names: ['midnight'] },
        { at: at(3, 5, 59), names: ['a', 'b'] },
        { at: at(6, 23, 59), names: ['last'] },
        { at: at(7, 0), names: ['next week'] },
        { at: at(-1, 23, 59), names: ['yesterday'] },
      ],
      first,
    );
    expect(week.flat(2)).toEqual(['midnight', 'a', 'b', 'last']);
    expect(week[0]![0]).toEqual(['midnight']);
    expect(week[3]![5]).toEqual(['a', 'b']);
    expect(week[6]![23]).toEqual(['last']);
  });
});
