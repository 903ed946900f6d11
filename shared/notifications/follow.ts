import type { Observation } from './observe';
import { isOpen, keyOf } from './state';
import type { Condition } from './state';

/** What came back within this after its end is no news: it is told once it has lasted as long, or by the next digest. */
const COMES_BACK_MS = 60 * 60_000;
/** Conditions that are remembered at a time, as they stand in one row; so many at once are one trouble, and are told as such. */
export const MAX_CONDITIONS = 400;

/** What became of the subject of a condition that is no longer seen. */
export type Fate = 'there' | 'paused' | 'removed' | 'unknown';

/**
 * Conditions as they were, and what is seen now → conditions as they are, each with the channels that are owed a word about it. Pure.
 * @param known channels that there are, the log among them
 * @param reachable those of them that take messages: nothing is kept for the others, and once they are mended the digest tells what is open
 */
export const follow = (
  conditionsBefore: readonly Condition[],
  observations: readonly Observation[],
  {
    fateOf,
    audienceOf,
    known,
    reachable,
    now,
  }: {
    fateOf: (condition: Condition) => Fate;
    audienceOf: (condition: Pick<Condition, 'kind' | 'subject'>) => readonly string[];
    known: ReadonlySet<string>;
    reachable: ReadonlySet<string>;
    now: Date;
  },
): { readonly conditions: readonly Condition[]; readonly changed: boolean } => {
  const at = now.toISOString();
  const isRecent = ({ recoveredAt }: Condition): boolean => now.getTime() - Date.parse(recoveredAt!) < COMES_BACK_MS;
  let changed = false;

  const opened = ({ token, figures, ...seen }: Observation, before?: Condition): Condition => {
    const isBack = before !== undefined && isRecent(before);
    // whoever has not heard of its end still takes it for open
    const told = before?.owed ?? [];
    return {
      ...seen,
      token,
      ...(figures === undefined ? {} : { figures: { ...figures } }),
      openedAt: at,
      seenAt: at,
      count: 1,
      quiet: isBack,
      owed: isBack ? [] : audienceOf(seen).filter((id) => !told.includes(id)),
      told,
    };
  };

  const seen = new Map(observations.map((one) => [keyOf(one), one]));
  const conditions: Condition[] = [];
  for (const before of conditionsBefore) {
    const key = keyOf(before);
    const observation = seen.get(key);
    seen.delete(key);
    const kept = { ...before, owed: before.owed.filter((id) => reachable.has(id)), told: before.told.filter((id) => known.has(id)) };
    if (kept.owed.length !== before.owed.length || kept.told.length !== before.told.length) changed = true;
    if (isOpen(before)) {
      if (observation !== undefined) {
        const isAnew = observation.token !== before.token;
        // it came back soon after its end, and stays: the last word about it must not be that it is over
        const stays = before.quiet && now.getTime() - Date.parse(before.openedAt) >= COMES_BACK_MS;
        if (isAnew || stays) changed = true;
        const { token, code, figures, subject } = observation;
        // figures go on all the time, so they alone are no reason to write
        conditions.push({
          ...kept,
          subject,
          ...{ token, code },
          figures: figures && { ...figures },
          ...(isAnew ? { seenAt: at, count: before.count + 1 } : {}),
          ...(stays ? { quiet: false, owed: audienceOf(observation).filter((id) => !kept.told.includes(id)) } : {}),
        });
        continue;
      }
      const fate = fateOf(before);
      if (fate === 'unknown') {
        conditions.push(kept);
        continue;
      }
      changed = true;
      // who was not told that it is open need not be told that it is over
      conditions.push({
        ...kept,
        recoveredAt: at,
        how: fate === 'there' ? 'resolved' : fate,
        owed: kept.told.filter((id) => reachable.has(id)),
        told: [],
      });
    } else if (observation !== undefined) {
      changed = true;
      conditions.push(opened(observation, kept));
    } else if (kept.owed.length > 0 || isRecent(before)) conditions.push(kept);
    else changed = true;
  }
  // whoever is over and was told is remembered only so that it does not come back as news
  const spare = conditions.filter((condition) => !isOpen(condition) && condition.owed.length === 0);
  for (const observation of seen.values()) {
    const left = conditions.length < MAX_CONDITIONS ? undefined : spare.shift();
    if (left !== undefined) conditions.splice(conditions.indexOf(left), 1);
    if (conditions.length >= MAX_CONDITIONS) break;
    changed = true;
    conditions.push(opened(observation));
  }

  return { conditions, changed };
};
