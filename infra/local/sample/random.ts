/** A 32-bit number from any numbers: the same for the same ones, on every machine. */
export const hash = (...values: readonly number[]): number => {
  let state = 0x9e3779b9;
  for (const value of values) {
    state = Math.imul(state ^ (value | 0), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    state ^= state >>> 16;
  }
  return state >>> 0;
};

/** FNV-1a: a number for a name. */
export const hashText = (text: string): number => {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  return state >>> 0;
};

/** True for `share` of all hashes. */
export const happens = (hashed: number, share: number): boolean => hashed < share * 2 ** 32;

/** Endless 32-bit numbers from a seed that can be set again for each row without making a new object (splitmix32). */
export const createDraws = () => {
  let state = 0;
  return {
    seed: (value: number) => {
      state = value | 0;
    },
    /** A whole number from 0 to below `limit`. */
    below: (limit: number): number => {
      state = (state + 0x9e3779b9) | 0;
      let mixed = state ^ (state >>> 16);
      mixed = Math.imul(mixed, 0x21f0aaad);
      mixed ^= mixed >>> 15;
      mixed = Math.imul(mixed, 0x735a2d97);
      return ((mixed ^ (mixed >>> 15)) >>> 0) % limit;
    },
  };
};
