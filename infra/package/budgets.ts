/** What the package may weigh, in bytes; a third above what it weighed when this was written, so that growth is somebody's decision. */
export const BUDGETS = {
  /** read and compiled before the first answer of each new instance */
  main: 6_500_000,
  /** fetched by each new instance, and uploaded at each deployment */
  zip: 5_700_000,
  /** what the zip unpacks to */
  unpacked: 18_000_000,
} as const;

export type Sizes = Readonly<Record<keyof typeof BUDGETS, number>>;

const WORDS: Readonly<Record<keyof typeof BUDGETS, string>> = { main: 'the bundle', zip: 'the zip', unpacked: 'all files' };

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`;

/** @returns e.g. "the bundle 3.10 of 4.00 MB, …" */
export const sizesSentence = (sizes: Sizes): string =>
  (Object.keys(BUDGETS) as (keyof Sizes)[])
    .map((name) => `${WORDS[name]} ${(sizes[name] / 1e6).toFixed(2)} of ${megabytes(BUDGETS[name])}`)
    .join(', ');

/**
 * @param weights bytes by package, to name what weighs most
 * @throws Error naming what got too heavy
 */
export const keepBudgets = (sizes: Sizes, weights: ReadonlyMap<string, number>): void => {
  const over = (Object.keys(BUDGETS) as (keyof Sizes)[]).filter((name) => sizes[name] > BUDGETS[name]);
  if (over.length === 0) return;
  const heaviest = [...weights].sort(([, one], [, other]) => other - one).slice(0, 5);
  throw new Error(
    `The package is too heavy: ${over.map((name) => `${WORDS[name]} ${megabytes(sizes[name])}, ${megabytes(BUDGETS[name])} are allowed`).join('; ')}. ` +
      `Most of the bundle: ${heaviest.map(([name, bytes]) => `${name} ${megabytes(bytes)}`).join(', ')}`,
  );
};
