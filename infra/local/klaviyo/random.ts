export type Random = () => number;

/** Makes a seeded generator of numbers in [0, 1): mulberry32, so the same seed gives the same faults and the same order. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** Hashes a text to 32 bits (FNV-1a over UTF-16 units). */
export const hashText = (text: string): number => {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
};

/** Shuffles 0..count-1 by seed (Fisher-Yates): the order in which a job's rows are processed. */
export const shuffledOrder = (count: number, seed: number): Int32Array => {
  const random = createRandom(seed);
  const order = new Int32Array(count);
  for (let at = 0; at < count; at += 1) {
    const other = Math.floor(random() * (at + 1));
    order[at] = order[other]!;
    order[other] = at;
  }
  return order;
};
