import type { Run, RunPhase } from '../../../../../shared/runs/run';

/** All phases in their order; the schema is not loaded for eight words. */
export const PHASES: readonly RunPhase[] = ['prepare', 'gate', 'canary', 'submit', 'settle', 'remove', 'verify', 'finish'];

/** done, under way, still to come, left out as there was nothing to do, or where the run was stopped */
export type StepState = 'done' | 'current' | 'ahead' | 'notNeeded' | 'stopped';

export interface Step {
  readonly phase: RunPhase;
  readonly state: StepState;
  /** waits included; of the current one so far */
  readonly seconds?: number;
}

type Moving = Pick<Run, 'state' | 'phase' | 'phases' | 'startedAt' | 'endedAt'>;

const spent = ({ phases }: Moving): number => Object.values(phases).reduce((sum, seconds) => sum + seconds, 0);

/** Seconds that the current phase has taken: what is left of the run's time when all noted phases are taken off. */
export const secondsInPhase = (run: Moving, nowMs: number): number =>
  run.startedAt === undefined ? 0 : Math.max(0, (nowMs - Date.parse(run.startedAt)) / 1_000 - spent(run) + (run.phases[run.phase] ?? 0));

/** The eight phases as a bar shows them. */
export const stepsOf = (run: Moving, nowMs: number): readonly Step[] => {
  const ended = run.endedAt !== undefined;
  const current = PHASES.indexOf(run.phase);
  // finish is where every run ends; what it was doing before is where it was stopped
  const lastOne = PHASES.findLast((phase) => phase !== 'finish' && run.phases[phase] !== undefined);
  const broken = run.state === 'failed' || run.state === 'canceled';
  return PHASES.map((phase, index): Step => {
    const seconds = run.phases[phase];
    const noted = seconds === undefined ? {} : { seconds };
    if (ended) {
      if (broken && phase === (lastOne ?? 'prepare')) return { phase, state: 'stopped', ...noted };
      return { phase, state: seconds === undefined ? 'notNeeded' : 'done', ...noted };
    }
    if (run.state === 'queued') return { phase, state: 'ahead' };
    if (index === current) return { phase, state: 'current', seconds: secondsInPhase(run, nowMs) };
    if (index > current) return { phase, state: 'ahead' };
    return { phase, state: seconds === undefined ? 'notNeeded' : 'done', ...noted };
  });
};

export interface Pace {
  /** what is done of what there is to do in this phase, 0 to 1 */
  readonly share: number;
  readonly done: number;
  readonly total: number;
  readonly rowsPerSecond?: number;
  /** at the pace so far */
  readonly secondsLeft?: number;
}

/** Below this nothing can be told of a pace. */
const LEAST_SECONDS = 2;

/** How far sending, or Klaviyo's work on what was sent, has come; undefined in phases whose length cannot be told. */
export const paceOf = (run: Moving & Pick<Run, 'jobs' | 'counts'>, nowMs: number): Pace | undefined => {
  if (run.phase !== 'submit' && run.phase !== 'settle') return undefined;
  const { total } = run.jobs;
  if (total === 0) return undefined;
  const done = run.phase === 'submit' ? run.jobs.submitted : run.jobs.ended;
  const seconds = secondsInPhase(run, nowMs);
  const share = Math.min(1, done / total);
  // the small first job was done before this phase began, and says nothing of its pace
  const here = done - (run.phases.canary === undefined ? 0 : 1);
  if (seconds < LEAST_SECONDS || here <= 0) return { share, done, total };
  const { sent, accepted, rejected } = run.counts;
  const rows = run.phase === 'submit' ? sent : accepted + rejected;
  return { share, done, total, rowsPerSecond: rows / seconds, secondsLeft: (seconds * (total - done)) / here };
};
