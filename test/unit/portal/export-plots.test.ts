import { changedFields, shortly } from '../../../functions/portal/app/components/changed-fields';
import { changesOf, lastSized, minutesOf, toldRuns } from '../../../functions/portal/app/pages/export-detail/plot-data';
import { sendingPace } from '../../../functions/portal/app/pages/run-detail/sending-pace';
import { Run, RunPlan, noCounts } from '../../../shared/runs/run';

const aRun = (more: Partial<Run> = {}): Run => ({
  ...Run.parse({
    id: 'run_zd32x6a842bkk9mc257',
    exportId: 'exp_1ezeot0n28j4fbnv',
    number: 1,
    state: 'successful',
    phase: 'finish',
    dryRun: false,
    full: false,
    trigger: { kind: 'onDemand', by: 'Ada' },
    counts: {},
    submittedAt: '2026-11-26T10:00:00.000Z',
    startedAt: '2026-11-26T10:00:30.000Z',
    endedAt: '2026-11-26T10:15:30.000Z',
  }),
  ...more,
});
const plan = RunPlan.parse({ members: 100, new: 30 });

describe('the plots of an export', () => {
  it('tell of real runs that ended, oldest first', () => {
    const runs = [aRun({ number: 5, state: 'refreshing' }), aRun({ number: 4, dryRun: true }), aRun({ number: 3, state: 'skipped' })];
    expect(toldRuns([...runs, aRun({ number: 2, state: 'failed' }), aRun()]).map(({ number }) => number)).toEqual([1, 2]);
  });

  it('count as joined at most whom Klaviyo took', () => {
    expect(changesOf(aRun({ plan, counts: { ...noCounts(), accepted: 45, rejected: 2 } }))).toMatchObject({ joined: 30, updated: 15 });
    expect(changesOf(aRun({ plan, counts: { ...noCounts(), accepted: 20 } }))).toMatchObject({ joined: 20, updated: 0 });
  });

  it('take the sizes from the newest successful run of the whole export', () => {
    const whole = aRun({ number: 2, plan });
    const retry = aRun({ number: 3, plan, retryOf: whole.id });
    expect(lastSized([aRun({ number: 4, plan, state: 'failed' }), retry, whole, aRun()])?.number).toBe(2);
    expect(minutesOf(whole)).toBe(15);
  });
});

describe('what changed', () => {
  it('is told field by field, of a group only what differs', () => {
    const before = { name: 'A', mapping: { email: 'EMail', title: 'Title' }, segments: ['x'] };
    const after = { name: 'B', mapping: { email: 'Mail', title: 'Title' }, segments: ['x'] };
    expect(changedFields({ before, after })).toEqual([
      { name: 'name', before: 'A', after: 'B' },
      { name: 'mapping.email', before: 'EMail', after: 'Mail' },
    ]);
    expect(changedFields({ after: { paused: true, pausedBy: 'somebody', schedule: { kind: 'off' } } })).toEqual([
      { name: 'paused', before: undefined, after: true },
      { name: 'schedule.kind', before: undefined, after: 'off' },
    ]);
  });

  it.each([
    [['a', 'b'], 'a, b'],
    ['plain', 'plain'],
    [{ kind: 'off' }, '{"kind":"off"}'],
    ['x'.repeat(200), `${'x'.repeat(120)}…`],
  ])('shows %j shortly', (value, text) => {
    expect(shortly(value)).toBe(text);
  });
});

describe('the pace of sending', () => {
  const at = (ms: number) => ({ postedAt: new Date(Date.parse('2026-11-26T10:00:00Z') + ms).toISOString(), rows: 10 });

  it('counts jobs and rows by the second', () => {
    expect(sendingPace([at(0), at(100), at(2_500), { rows: 10 }]).map(({ jobs, rows }) => [jobs, rows])).toEqual([
      [2, 20],
      [0, 0],
      [1, 10],
    ]);
  });

  it('takes longer spans where sending took long, and no picture is made of a single job', () => {
    const points = sendingPace([at(0), at(400_000)]);
    expect([points.length, points[0]!.seconds, points.reduce((sum, { jobs }) => sum + jobs, 0)]).toEqual([37, 11, 2]);
    expect(sendingPace([at(0)])).toEqual([]);
  });
});
