/** One program's time and memory at a number of rows. */
export interface Point {
  readonly rows: number;
  readonly seconds: number;
  readonly rssMb: number;
}
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly Point[];
}

const WIDTH = 380;
const HEIGHT = 260;
const LEFT = 58;
const TOP = 42;

const rowsText = (rows: number): string => (rows >= 1e6 ? `${rows / 1e6}M` : `${rows / 1e3}k`);

/** The next 1, 2 or 5 times a power of ten. */
const niceStep = (highest: number): number => {
  const power = 10 ** Math.floor(Math.log10(highest / 4));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step * 5 >= highest) ?? power * 10;
};

/** Both axes linear: a straight line is growth in step with the rows. */
const panel = (title: string, series: readonly Series[], valueOf: (point: Point) => number, x: number): string => {
  const points = series.flatMap((one) => one.points);
  const mostRows = Math.max(...points.map(({ rows }) => rows));
  const step = niceStep(Math.max(...points.map(valueOf)));
  const steps = Math.ceil(Math.max(...points.map(valueOf)) / step);
  const toX = (rows: number) => (x + LEFT + (rows / mostRows) * WIDTH).toFixed(1);
  const toY = (value: number) => (TOP + HEIGHT - (value / (steps * step)) * HEIGHT).toFixed(1);
  const lines = Array.from({ length: steps + 1 }, (_, index) => {
    const y = toY(index * step);
    const label = Number((index * step).toPrecision(6));
    return `<path d="M${x + LEFT} ${y}h${WIDTH}" stroke="#ddd"/><text x="${x + LEFT - 8}" y="${y}" dy="4" text-anchor="end">${label}</text>`;
  });
  const marks = [...new Set(points.map(({ rows }) => rows))]
    .filter((rows) => rows >= mostRows / 10)
    .map((rows) => `<text x="${toX(rows)}" y="${TOP + HEIGHT + 20}" text-anchor="middle">${rowsText(rows)}</text>`);
  const curves = series.map(({ colour, points: own }) => {
    const path = own.map((point, index) => `${index === 0 ? 'M' : 'L'}${toX(point.rows)} ${toY(valueOf(point))}`).join('');
    const dots = own.map((point) => `<circle cx="${toX(point.rows)}" cy="${toY(valueOf(point))}" r="3.5" fill="${colour}"/>`);
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
  });
  return [`<text x="${x + LEFT}" y="${TOP - 16}" font-weight="bold">${title}</text>`, ...lines, ...marks, ...curves].join('\n');
};

/** Time and memory against rows, side by side, as SVG. */
export const drawPicture = (series: readonly Series[]): string => {
  const width = 2 * (LEFT + WIDTH) + 60;
  const bottom = TOP + HEIGHT + 48;
  const legend = series.map(
    ({ name, colour }, index) =>
      `<circle cx="${LEFT + 6 + index * 260}" cy="${bottom - 4}" r="5" fill="${colour}"/><text x="${LEFT + 18 + index * 260}" y="${bottom}">${name}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${bottom + 14}" viewBox="0 0 ${width} ${bottom + 14}" font-family="sans-serif" font-size="12" fill="#222">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    panel('Seconds from start to end, by rows', series, ({ seconds }) => seconds, 0),
    panel('Peak resident memory in MB, by rows', series, ({ rssMb }) => rssMb, LEFT + WIDTH + 30),
    ...legend,
    '</svg>',
    '',
  ].join('\n');
};
