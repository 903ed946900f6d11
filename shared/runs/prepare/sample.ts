/** People looked for at the end, unless all are asked for (design §2, verify). */
const SAMPLE_SIZE = 1_000;

/** Numbers in [0, 1), the same for the same seed (mulberry32), so that a repeated prepare looks for the same people. */
const createRandom = (seed: number) => {
  let state = seed | 0;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** A reservoir: each of the people that should be there has the same chance to be looked for. */
export const createSample = ({ seed, all }: { seed: number; all: boolean }) => {
  const lines: string[] = [];
  let seen = 0;
  const random = createRandom(seed);
  return {
    /** `record` tab `address`, a line for each */
    lines: lines as readonly string[],
    mayTake: (record: number, out: Uint8Array, at: number, length: number): void => {
      seen += 1;
      const place = all || lines.length < SAMPLE_SIZE ? lines.length : Math.floor(random() * seen);
      if (all || place < SAMPLE_SIZE)
        lines[place] = `${record}\t${Buffer.from(out.buffer, out.byteOffset + at, length).toString('latin1')}`;
    },
  };
};
