import type { Run } from '../../../../../shared/runs/run';

/** Runs of a plot: more would be thinner than a finger, and a reader of plots wants the last weeks. */
const MOST_RUNS = 60;

/** Whether a run brought the segments, or tried: no dry run, none that was skipped, and not one that is still at it. */
export const isTold = (run: Run): boolean =>
  !run.dryRun && (run.state === 'successful' || run.state === 'failed' || run.state === 'canceled') && run.endedAt !== undefined;

/** Of the newest runs those that a plot shows, oldest first. */
export const toldRuns = (newestFirst: readonly Run[]): readonly Run[] => newestFirst.filter(isTold).slice(0, MOST_RUNS).reverse();

export interface Changes {
  readonly joined: number;
  readonly updated: number;
  readonly left: number;
  readonly invalid: number;
  readonly rejected: number;
}

/**
 * What a run changed. Who is new and who is known is in the plan; of the rows sent, Klaviyo's answer does not say which they were, so the
 * refused ones are taken off the updated first: `joined + updated` are the accepted rows.
 */
export const changesOf = ({ counts, plan }: Pick<Run, 'counts' | 'plan'>): Changes => {
  const fresh = Math.min(plan?.new ?? counts.accepted, counts.accepted);
  return { joined: fresh, updated: counts.accepted - fresh, left: counts.removed, invalid: counts.invalid, rejected: counts.rejected };
};

/** A run of the whole export: a retry or an approval reads a part of it only. */
const isWhole = (run: Run): boolean => run.retryOf === undefined && run.approves === undefined;

export interface Size {
  /** distinct valid addresses in the source */
  readonly members: number;
  /** of these, those that are on the list as far as is known */
  readonly onList: number;
}

/** What the source held and what of it had arrived when a run ended; undefined for a run that does not tell. */
export const sizeOf = (run: Run): Size | undefined => {
  if (!isWhole(run) || run.plan === undefined) return undefined;
  const { unchanged, accepted } = run.counts;
  return { members: run.plan.members, onList: unchanged + accepted };
};

/** The newest run that tells the sizes: a successful real one of the whole export. */
export const lastSized = (newestFirst: readonly Run[]): Run | undefined =>
  newestFirst.find((run) => isTold(run) && run.state === 'successful' && sizeOf(run) !== undefined);

/** Minutes from the beginning of a run to its end. */
export const minutesOf = ({ startedAt, submittedAt, endedAt }: Run): number =>
  endedAt === undefined ? 0 : Math.max(0, Date.parse(endedAt) - Date.parse(startedAt ?? submittedAt)) / 60_000;

/** How long Microsoft says its own export of a million profiles to Klaviyo may take. */
export const ORIGINAL_MINUTES = 20;
