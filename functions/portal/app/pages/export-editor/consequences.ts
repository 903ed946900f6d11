import type { Difference } from './facets';
import type { ExportForm } from './form';

/** What the next run will do otherwise, by what is changed (design.md "Member state"). Each has a sentence of its own. */
export type Consequence =
  | 'none'
  | 'listReplaced'
  | 'connectionReplaced'
  | 'mirrorBegins'
  | 'mirrorEnds'
  | 'mappingSendsAll'
  | 'emailChanges'
  | 'leaversWait'
  | 'valuesStay'
  | 'segmentsJoin'
  | 'segmentsStay'
  | 'segmentsLeave'
  | 'schedule'
  | 'limits'
  | 'runGoesOn';

/**
 * The consequences of saving a change, the gravest first. Saving itself never runs anything.
 * @param sameAccount whether both connections lead to the same Klaviyo account; undefined where the caller may not know
 * @param runs a run is under way, and keeps the settings it began with
 */
export const consequencesOf = (
  differences: readonly Difference[],
  { after, sameAccount, runs }: { after: Pick<ExportForm, 'membership'>; sameAccount: boolean | undefined; runs: boolean },
): readonly Consequence[] => {
  if (differences.length === 0) return [];
  const found = new Set<Consequence>();
  const of = (prefix: string): readonly Difference[] =>
    differences.filter(({ facet }) => facet === prefix || facet.startsWith(`${prefix}:`));
  const [membership] = of('membership');
  const newList = of('list').length > 0 || (of('connection').length > 0 && sameAccount === false);
  if (newList) found.add('listReplaced');
  else if (of('connection').length > 0 && sameAccount === undefined) found.add('connectionReplaced');
  if (membership?.after === 'mirror') found.add('mirrorBegins');
  if (membership?.after === 'add') found.add('mirrorEnds');

  const mapped = [...of('attribute'), ...of('property')];
  // another list, or a mirror that begins, starts from nothing anyhow
  const startsAnew = newList || membership?.after === 'mirror';
  if (mapped.length > 0 && !startsAnew) found.add('mappingSendsAll');
  if (mapped.some(({ facet }) => facet === 'attribute:email')) found.add('emailChanges');
  if (mapped.length > 0 && !startsAnew && after.membership === 'mirror') found.add('leaversWait');
  if (mapped.some(({ before, after: now }) => before !== undefined && now === undefined)) found.add('valuesStay');

  const segments = of('segment');
  if (segments.some(({ before }) => before === undefined)) found.add('segmentsJoin');
  // from nothing nobody is known to have left
  if (segments.some(({ after: now }) => now === undefined) && !newList) {
    found.add(after.membership === 'mirror' && !startsAnew ? 'segmentsLeave' : 'segmentsStay');
  }
  if (of('schedule').length > 0) found.add('schedule');
  if (of('limit').length > 0) found.add('limits');
  if (found.size === 0) found.add('none');
  if (runs) found.add('runGoesOn');
  return [...found];
};
