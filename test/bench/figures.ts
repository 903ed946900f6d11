import { median } from './measure';

/** One line of the result. */
export interface Figure {
  /** of the JSON line */
  readonly field: string;
  readonly title: string;
  /** undefined = told only */
  readonly goal?: { readonly atMost: number; readonly unit?: string };
  readonly digits: number;
  /** undefined = not measured this time */
  readonly min?: number;
  readonly median?: number;
}

type Line = Pick<Figure, 'field' | 'title' | 'goal' | 'digits'>;

/** Ours by the other's, minimum by minimum and median by median. */
export const ratio = (line: Line, ours: readonly number[], others: readonly number[]): Figure => ({
  ...line,
  ...(ours.length > 0 && others.length > 0 ? { min: Math.min(...ours) / Math.min(...others), median: median(ours) / median(others) } : {}),
});

export const single = (line: Line, values: readonly number[]): Figure => ({
  ...line,
  ...(values.length > 0 ? { min: Math.min(...values), median: median(values) } : {}),
});

/** The worst of all rounds, not the middle one. */
export const worst = (line: Line, values: readonly number[]): Figure => ({
  ...line,
  ...(values.length > 0 ? { min: Math.min(...values), median: Math.max(...values) } : {}),
});

export const verdict = ({ goal, median: measured }: Figure): string =>
  measured === undefined ? 'not measured' : goal === undefined ? 'told' : measured <= goal.atMost ? 'met' : 'missed';

const text = (value: number | undefined, digits: number): string => (value === undefined ? '–' : value.toFixed(digits));

export const toTable = (figures: readonly Figure[]): string =>
  [
    '| Figure | Field | Goal | Minimum | Median | Verdict |',
    '| --- | --- | --- | --- | --- | --- |',
    ...figures.map(
      (figure) =>
        `| ${figure.title} | \`${figure.field}\` | ${figure.goal ? `≤ ${figure.goal.atMost}${figure.goal.unit ?? ''}` : '–'} | ${text(figure.min, figure.digits)} | ${text(figure.median, figure.digits)} | ${verdict(figure)} |`,
    ),
  ].join('\n');

export const toJson = (figures: readonly Figure[]): string =>
  JSON.stringify(
    Object.fromEntries(
      figures.map(({ field, median: value, digits }) => [field, value === undefined ? null : Number(value.toFixed(digits))]),
    ),
  );
