import type { Run } from '../../../../shared/runs/run';

/** Figures of a run that its texts may name. */
export type Figures = Readonly<Record<string, number>>;

/** The figures of a run that its warnings and errors speak of, by the names that the messages use. */
export const figuresOf = ({ counts, plan, invalidByReason }: Pick<Run, 'counts' | 'plan' | 'invalidByReason'>): Figures => ({
  ...counts,
  members: plan?.members ?? 0,
  leavers: plan?.leavers ?? 0,
  // memberships without a profile say nothing of the addresses
  unusable: counts.invalid - (invalidByReason.missing_profile ?? 0),
});
