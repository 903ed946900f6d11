import { Export } from '../../../shared/exports/export';
import { createNextRunAt } from '../../../shared/exports/next-run-at';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';

const anExport = (more: object = {}) =>
  Export.parse({
    ...{
      id: 'exp_0000000001',
      name: 'A',
      listId: 'YafG4m',
      segments: ['Loyal'],
      mapping: { email: 'EMail' },
      connectionId: 'con_0000000001',
    },
    ...{ createdAt: '2026-01-01T00:00:00.000Z', createdBy: 'a', updatedAt: '2026-01-01T00:00:00.000Z', updatedBy: 'a' },
    ...more,
  });
const system = { ...defaultSystemSchedule, active: true, times: ['02:00'], timeZone: 'Europe/Paris' };
const custom = { kind: 'custom', repeat: 'daily', times: ['06:00', '18:00'], timeZone: 'UTC' };

describe('the next run of an export', () => {
  it.each([
    ['follows the system refresh', {}, '2026-11-26T01:00:00.000Z'],
    ['follows its own schedule', { schedule: custom }, '2026-11-25T18:00:00.000Z'],
    ['is not, where its schedule is off', { schedule: { kind: 'off' } }, undefined],
    ['is not, while it is paused', { paused: true }, undefined],
    ['is not, without a connection', { connectionId: undefined }, undefined],
    ['is not, in a zone that nobody knows', { schedule: { ...custom, timeZone: 'Mars/Olympus' } }, undefined],
  ])('%s', (_, more, at) => {
    expect(createNextRunAt()(anExport(more), { system, now: new Date('2026-11-25T12:00:00Z') })).toBe(at);
  });

  it('is not, while the system refresh is off', () => {
    expect(createNextRunAt()(anExport(), { system: { ...system, active: false }, now: new Date() })).toBeUndefined();
  });

  it('moves on when it has begun, and does not look back when a clock does', () => {
    const nextRunAt = createNextRunAt();
    const at = (now: string) => nextRunAt(anExport({ schedule: custom }), { system, now: new Date(now) });
    expect(at('2026-11-25T12:00:00Z')).toBe('2026-11-25T18:00:00.000Z');
    expect(at('2026-11-25T17:59:59Z')).toBe('2026-11-25T18:00:00.000Z');
    expect(at('2026-11-25T18:00:00Z')).toBe('2026-11-26T06:00:00.000Z');
    expect(at('2026-11-25T05:00:00Z')).toBe('2026-11-25T06:00:00.000Z');
  });
});
