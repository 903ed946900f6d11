/** People looked for at the end, unless all are asked for (design §2, verify). */
const SAMPLE_SIZE = 1_000;

/** Numbers in (0, 1], the same for the same seed (mulberry32), so that a repeated prepare looks for the same people. */
const createRandom = (seed: number) => {
  let state = seed | 0;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 1) / 4_294_967_296;
  };
};

/**
 * A reservoir: each of the people that should be there has the same chance to be looked for. How many are passed over before the next one
 * is taken is drawn at once, so that nearly all rows cost no draw.
 * @see Li, "Reservoir-Sampling Algorithms of Time Complexity O(n(1 + log(N/n)))", ACM TOMS 20 (1994), algorithm L
 */
export const createSample = ({ seed, all, size = SAMPLE_SIZE }: { seed: number; all: boolean; size?: number }) => {
  const lines: string[] = [];
  const random = createRandom(seed);
  let seen = 0;
  let weight = 1;
  /** number of the next one that is taken once the reservoir is full */
  let next = size;
  const drawNext = (): void => {
    weight *= random() ** (1 / size);
    next += Math.floor(Math.log(random()) / Math.log1p(-weight)) + 1;
  };
  drawNext();
  return {
    /** `record` tab `address`, a line for each */
    lines: lines as readonly string[],
    mayTake: (record: number, out: Uint8Array, at: number, length: number): void => {
      seen += 1;
      let place = lines.length;
      if (!all && seen > size) {
        if (seen < next) return;
        place = Math.min(size - 1, Math.floor(random() * size));
        drawNext();
      }
      lines[place] = `${record}\t${Buffer.from(out.buffer, out.byteOffset + at, length).toString('latin1')}`;
    },
  };
};
