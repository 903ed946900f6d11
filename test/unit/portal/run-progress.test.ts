import { paceOf, secondsInPhase, stepsOf } from '../../../functions/portal/app/pages/run-detail/progress';
import { noCounts } from '../../../shared/runs/run';

const startedAt = '2026-11-26T10:00:00.000Z';
const after = (seconds: number): number => Date.parse(startedAt) + seconds * 1_000;
const running = { state: 'refreshing', phase: 'submit', startedAt, phases: { prepare: 20, gate: 1 } } as const;
const states = (run: Parameters<typeof stepsOf>[0], nowMs = after(30)): string =>
  stepsOf(run, nowMs)
    .map(({ state }) => state)
    .join(' ');

describe('the phases of a run', () => {
  it('are done, left out, under way or to come', () => {
    expect(states(running)).toBe('done done notNeeded current ahead ahead ahead ahead');
    expect(stepsOf(running, after(30))[3]).toEqual({ phase: 'submit', state: 'current', seconds: 9 });
  });

  it('are all to come while it is queued', () => {
    expect(states({ state: 'queued', phase: 'prepare', phases: {} })).toBe('ahead ahead ahead ahead ahead ahead ahead ahead');
  });

  it('say where a failed run was stopped, and that a dry run needed no more', () => {
    const phases = { prepare: 20, gate: 1, submit: 5, finish: 1 };
    expect(states({ ...running, state: 'failed', phase: 'finish', endedAt: startedAt, phases })).toBe(
      'done done notNeeded stopped notNeeded notNeeded notNeeded done',
    );
    expect(
      states({ ...running, state: 'successful', phase: 'finish', endedAt: startedAt, phases: { prepare: 2, gate: 1, finish: 1 } }),
    ).toBe('done done notNeeded notNeeded notNeeded notNeeded notNeeded done');
  });

  it('count a phase that was come back to from its first time on', () => {
    expect(secondsInPhase({ ...running, phases: { ...running.phases, submit: 4 } }, after(30))).toBe(9);
  });
});

describe('the pace', () => {
  const jobs = { total: 10, submitted: 4, ended: 1 };
  const counts = { ...noCounts(), sent: 40_000, accepted: 9_000, rejected: 1_000 };

  it('tells rows a second and the time left from what was sent so far', () => {
    expect(paceOf({ ...running, jobs, counts }, after(41))).toEqual({
      share: 0.4,
      done: 4,
      total: 10,
      rowsPerSecond: 2_000,
      secondsLeft: 30,
    });
  });

  it('is that of Klaviyo while the run waits for it', () => {
    const settling = { ...running, phase: 'settle', phases: { ...running.phases, submit: 10 } } as const;
    expect(paceOf({ ...settling, jobs, counts }, after(51))).toMatchObject({ share: 0.1, rowsPerSecond: 500, secondsLeft: 180 });
  });

  it('is not guessed from nothing, nor in phases whose length is not known', () => {
    expect(paceOf({ ...running, jobs: { ...jobs, submitted: 0 }, counts }, after(60))).toEqual({ share: 0, done: 0, total: 10 });
    const canary = { ...running.phases, canary: 3 };
    expect(paceOf({ ...running, phases: canary, jobs: { ...jobs, submitted: 1 }, counts }, after(60))).toEqual({
      share: 0.1,
      done: 1,
      total: 10,
    });
    expect(paceOf({ ...running, phase: 'prepare', jobs, counts }, after(60))).toBeUndefined();
    expect(paceOf({ ...running, jobs: { total: 0, submitted: 0, ended: 0 }, counts }, after(60))).toBeUndefined();
  });
});
