import { nextRunsOf } from '../../../shared/schedules/next-runs';
import { Recurrence, scheduleWhenOn, withSchedule } from '../../../shared/schedules/schedule';
import type { ExportSchedule } from '../../../shared/schedules/schedule';

const next = (fields: object, after: string, count = 3) =>
  nextRunsOf(Recurrence.parse({ repeat: 'daily', times: ['02:30'], timeZone: 'Europe/Paris', ...fields }), {
    after: new Date(after),
    count,
  });

describe('the next runs', () => {
  it('come in order of time, each as an instant and as the clock on the wall shows it', () => {
    expect(next({ times: ['14:30', '02:30'], timeZone: 'Asia/Kolkata' }, '2026-06-01T00:00:00Z')).toEqual({
      timeZone: 'Asia/Kolkata',
      value: [
        { at: '2026-06-01T09:00:00.000Z', local: '2026-06-01T14:30', offset: '+05:30' },
        { at: '2026-06-01T21:00:00.000Z', local: '2026-06-02T02:30', offset: '+05:30' },
        { at: '2026-06-02T09:00:00.000Z', local: '2026-06-02T14:30', offset: '+05:30' },
      ],
    });
  });

  it('say where a time that summer time leaves out went', () => {
    expect(next({}, '2026-03-28T12:00:00Z', 2).value).toEqual([
      {
        at: '2026-03-29T01:00:00.000Z',
        local: '2026-03-29T03:00',
        offset: '+02:00',
        moved: 'gap',
        note: '02:30 does not exist on 2026-03-29, as the clock goes forward; it runs at 03:00, the first minute after.',
      },
      { at: '2026-03-30T00:30:00.000Z', local: '2026-03-30T02:30', offset: '+02:00' },
    ]);
  });

  it('say that several times have become one', () => {
    const [run] = next({ times: ['03:00', '02:45', '02:15'] }, '2026-03-28T12:00:00Z').value;
    expect(run).toMatchObject({ at: '2026-03-29T01:00:00.000Z', moved: 'gap' });
    expect(run?.note).toContain('02:15 and 02:45 do not exist');
  });

  it('say that a time that comes twice counts once', () => {
    const { value } = next({}, '2026-10-24T12:00:00Z', 2);
    expect(value).toEqual([
      {
        at: '2026-10-25T00:30:00.000Z',
        local: '2026-10-25T02:30',
        offset: '+02:00',
        moved: 'repeat',
        note: '02:30 comes twice on that day, as the clock goes back; it runs the first time only.',
      },
      { at: '2026-10-26T01:30:00.000Z', local: '2026-10-26T02:30', offset: '+01:00' },
    ]);
  });

  it.each([
    ['over midnight', { times: ['00:30'], timeZone: 'Africa/Cairo' }, '2026-04-23T12:00:00Z', '2026-04-24T01:00', '2026-04-24'],
    ['over a whole day', { times: ['12:00'], timeZone: 'Pacific/Apia' }, '2011-12-30T09:00:00Z', '2011-12-31T00:00', '2011-12-30'],
    ['of half an hour', { times: ['02:15'], timeZone: 'Australia/Lord_Howe' }, '2026-10-03T12:00:00Z', '2026-10-04T02:30', '2026-10-04'],
  ])('find the time that a gap %s has moved', (_, fields, after, local, day) => {
    const [run] = next(fields, after).value;
    expect(run).toMatchObject({ local, moved: 'gap', note: expect.stringContaining(`on ${day}`) as unknown });
  });

  it('of a zone that this machine does not know are none, with the reason', () => {
    const odd = { ...Recurrence.parse({ times: ['02:30'], timeZone: 'UTC' }), timeZone: 'Mars/Olympus' };
    expect(nextRunsOf(odd, { after: new Date(0), count: 5 })).toMatchObject({ value: [], reason: { code: 'zone_unknown' } });
  });
});

describe('a schedule that is turned off', () => {
  const own: ExportSchedule = { kind: 'custom', ...Recurrence.parse({ times: ['02:30'], timeZone: 'UTC' }) };
  const off = { kind: 'off' } as const;

  it('is remembered and comes back, also when it is turned off twice', () => {
    const once = withSchedule({ schedule: own }, off);
    expect(once).toEqual({ schedule: off, scheduleBefore: own });
    const twice = withSchedule(once, off);
    expect(scheduleWhenOn(twice)).toEqual(own);
    expect(withSchedule(twice, own)).toEqual({ schedule: own, scheduleBefore: undefined });
  });

  it('was never on: then it follows the system refresh', () => {
    expect(scheduleWhenOn({ schedule: off })).toEqual({ kind: 'system' });
    expect(scheduleWhenOn({ schedule: own, scheduleBefore: { kind: 'system' } })).toEqual(own);
  });
});
