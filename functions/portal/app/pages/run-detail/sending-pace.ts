import type { RunJob } from '../../../../../shared/runs/run-jobs';

export interface PacePoint {
  readonly at: Date;
  /** import jobs posted in this span */
  readonly jobs: number;
  readonly rows: number;
  readonly seconds: number;
}

/** A plot of more bars than this says no more. */
const MOST_POINTS = 40;

/**
 * How quickly import jobs went out: spans of equal length from the first to the last post.
 * @returns none where everything went out at once
 */
export const sendingPace = (jobs: readonly Pick<RunJob, 'postedAt' | 'rows'>[]): readonly PacePoint[] => {
  const posted = jobs.flatMap(({ postedAt, rows }) => (postedAt === undefined ? [] : [{ at: Date.parse(postedAt), rows }]));
  if (posted.length < 2) return [];
  const first = posted.reduce((least, { at }) => Math.min(least, at), Infinity);
  const last = posted.reduce((most, { at }) => Math.max(most, at), -Infinity);
  const wanted = Math.ceil((last - first + 1) / MOST_POINTS / 1_000);
  const seconds = Math.max(1, wanted);
  const points = Array.from({ length: Math.floor((last - first) / 1_000 / seconds) + 1 }, (_, index) => ({
    at: new Date(first + index * seconds * 1_000),
    jobs: 0,
    rows: 0,
    seconds,
  }));
  for (const { at, rows } of posted) {
    const point = points[Math.floor((at - first) / 1_000 / seconds)]!;
    point.jobs += 1;
    point.rows += rows;
  }
  return points;
};
