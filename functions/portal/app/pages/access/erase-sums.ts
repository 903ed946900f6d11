import type { PersonTrace } from '../../../../../shared/people/person-trace';

/** What erasing a person would touch, as far as a trace could see it. */
export interface EraseSums {
  /** exports that have sent the person, or may have */
  readonly states: number;
  readonly reportRows: number;
  /** lists that the person is on, or may be, each once */
  readonly lists: number;
  /** runs under way that may have to be stopped */
  readonly activeRuns: number;
  /** exports whose segments still hold the person: their next run brings the person back */
  readonly inSource: number;
}

/** Counts, from a trace, what an erasure would do; what could not be looked at counts, as it may be there. */
export const eraseSums = ({ exports }: Pick<PersonTrace, 'exports'>): EraseSums => ({
  states: exports.filter(({ state }) => state.known !== false).length,
  reportRows: exports.reduce((sum, { reports }) => sum + reports.length, 0),
  lists: new Set(
    exports.flatMap(({ lists }) => lists.filter(({ onList }) => onList !== false).map(({ accountId, listId }) => `${accountId}/${listId}`)),
  ).size,
  activeRuns: exports.filter(({ activeRun }) => activeRun !== undefined).length,
  inSource: exports.filter(({ segments }) => segments.some(({ rows, unknown }) => unknown !== undefined || (rows ?? 0) > 0)).length,
});
