import type { RecentRun } from '../../../../shared/exports/recent-run';

/** As many runs as a strip has room for. */
export const RECENT_SHOWN = 14;

/** What a run looks like where there is room for one sign only. */
export type RunLook = 'good' | 'warned' | 'bad' | 'dry' | 'skipped' | 'canceled';

/** A dry run that failed is one that failed: that is what somebody looks for. */
export const lookOf = ({ state, dryRun, warned }: Pick<RecentRun, 'state' | 'dryRun' | 'warned'>): RunLook => {
  if (state === 'failed') return 'bad';
  if (state !== 'successful') return state;
  if (dryRun) return 'dry';
  return warned ? 'warned' : 'good';
};

const order: readonly RunLook[] = ['good', 'warned', 'bad', 'dry', 'skipped', 'canceled'];

/** How many runs ended how, those that there are. */
export const tally = (runs: readonly Pick<RecentRun, 'state' | 'dryRun' | 'warned'>[]): readonly (readonly [RunLook, number])[] => {
  const counts = new Map<RunLook, number>();
  for (const run of runs) counts.set(lookOf(run), (counts.get(lookOf(run)) ?? 0) + 1);
  return order.flatMap((look) => (counts.has(look) ? [[look, counts.get(look)!] as const] : []));
};
