import { ExportId, RunId, instantOfRunId } from '../../../shared/ids';
import { newRunId } from '../../../shared/new-ids';
import { defaultLimits } from '../../../shared/settings/limits';
import { dueForRetention } from '../../../shared/runs/housekeeping';
import { dueOf, isForgotten } from '../../../shared/runs/retention';
import type { Due } from '../../../shared/runs/retention';
import { mayGo } from '../../../shared/runs/staged-sweep';

const NOW = new Date('2026-11-23T12:00:00.000Z');
const daysAgo = (days: number): string => new Date(NOW.getTime() - days * 86_400_000).toISOString();

describe('what is due of a run', () => {
  it.each<[string, number | undefined, number, Due, object?]>([
    ['goes on', undefined, 5_000, 'nothing'],
    ['ended just now', 0, 5_000, 'nothing'],
    ['ended 30 days ago to the minute', 30, 5_000, 'nothing'],
    ['ended a little more than 30 days ago', 30.01, 0, 'report'],
    ['is old, but the only one', 3_000, 0, 'report'],
    ['is old, and the last of the 200 that are kept', 3_000, 199, 'report'],
    ['is old, and the first beyond them', 3_000, 200, 'run'],
    ['is beyond the 200, but not 90 days old', 89.9, 5_000, 'report'],
    ['is beyond the 200, and 90 days old', 90.1, 200, 'run'],
    ['has a report that is kept longer than runs are', 100, 5_000, 'nothing', { reportDays: 365 }],
    ['is beyond those that an administrator keeps', 100, 1_000, 'run', { runsKept: 1_000 }],
    ['is among those that an administrator keeps', 100, 999, 'report', { runsKept: 1_000 }],
    ['is younger than an administrator wants', 100, 5_000, 'report', { runDays: 365 }],
    ['has a report that an administrator keeps for a day', 1.1, 0, 'report', { reportDays: 1 }],
  ])('that %s', (_, endedDaysAgo, newer, due, limits = {}) => {
    const endedAt = endedDaysAgo === undefined ? undefined : daysAgo(endedDaysAgo);
    expect(dueOf({ endedAt, newer }, { ...defaultLimits, ...limits }, NOW)).toBe(due);
  });
});

describe('a request', () => {
  const runId = newRunId(NOW);
  const other = newRunId(NOW);
  it.each<[string, number, object, object, boolean]>([
    ['of yesterday is remembered', 1, {}, {}, false],
    ['of two weeks ago is forgotten', 14.1, {}, {}, true],
    ['whose run is still active is remembered', 100, {}, { activeRunId: runId }, false],
    ['that an active run answered is remembered', 100, { answeredBy: other }, { activeRunId: other }, false],
    ['beside another active run is forgotten', 100, {}, { activeRunId: other }, true],
  ])('%s', (_, days, more, activity, forgotten) => {
    expect(isForgotten({ runId, at: daysAgo(days), ...more }, activity, NOW)).toBe(forgotten);
  });
});

describe('staged data', () => {
  const hours = (count: number): Date => new Date(NOW.getTime() - count * 3_600_000);
  const nobody = { ended: false, leased: false, active: false };
  it.each<[string, Parameters<typeof mayGo>[0], number, boolean]>([
    ['of a run without a document goes', undefined, 0, true],
    ['of a run that has ended goes', { ...nobody, ended: true }, 0, true],
    ['of a run that nobody works on stays for a day', nobody, 23, false],
    ['of a run that nobody works on goes after a day', nobody, 24.1, true],
    ['of a run that is held stays', { ...nobody, leased: true }, 240, false],
    ['of an active run stays', { ...nobody, active: true }, 240, false],
  ])('%s', (_, run, age, goes) => {
    expect(mayGo(run, { newestAt: hours(age), now: NOW })).toBe(goes);
  });
});

describe('the exports whose history is gone through', () => {
  const row = (number: number, retainedDaysAgo?: number) => ({
    exportId: ExportId.parse(`exp_${String(number).padStart(10, '0')}`),
    activity: retainedDaysAgo === undefined ? {} : { retainedAt: daysAgo(retainedDaysAgo) },
  });
  it('are those that have waited a day, the longest first, and few at a time', () => {
    const rows = [row(1, 0.9), row(2, 1.1), row(3), row(4, 7), row(5, 2), row(6, 3), row(7, 4), row(8, 0)];
    expect(dueForRetention(rows, NOW).map((id) => Number(id.slice(4)))).toEqual([3, 4, 7, 6, 5]);
    expect(dueForRetention([row(1, 0.9)], NOW)).toEqual([]);
  });

  it('are within the hour those of which nobody noted how the last run ended', () => {
    const unknown = (days: number) => ({ ...row(1), activity: { retainedAt: daysAgo(days), lastRunId: newRunId(NOW) } });
    expect(dueForRetention([unknown(0.05)], NOW)).toHaveLength(1);
    expect(dueForRetention([unknown(0.03)], NOW)).toEqual([]);
  });
});

describe('the id of a run', () => {
  it('tells when it was submitted', () => {
    for (const at of ['2026-11-23T00:00:00.000Z', '1999-01-01T00:00:00.001Z', '2199-12-31T23:59:59.999Z']) {
      expect(instantOfRunId(newRunId(new Date(at))).toISOString()).toBe(at);
    }
    expect(RunId.safeParse(newRunId(NOW)).success).toBe(true);
  });
});
