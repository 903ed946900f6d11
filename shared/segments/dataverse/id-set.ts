import { createHash } from 'node:crypto';

/** What Customer Insights makes: 32 hexadecimal digits (customer-insights.md §3). */
const HEX_ID = /^[0-9a-f]{32}$/;
const WORDS = 4;
const FIRST_SLOTS = 1_024;

/**
 * A set of customer ids: 16 bytes each where they are 32 hexadecimal digits, as text where not; a million take 40 MB, as strings in a Set
 * they take 120. Remembers which of them have been met.
 */
export const createIdSet = () => {
  let slots = FIRST_SLOTS;
  let words = new Uint32Array(slots * WORDS);
  /** 0 free, 1 in, 2 in and met */
  let marks = new Uint8Array(slots);
  let count = 0;
  const others = new Map<string, boolean>();
  const word = [0, 0, 0, 0];
  const lanes = new Uint32Array(8);
  const addToDigest = (id: string): void => {
    const hash = createHash('sha256').update(id).digest();
    for (let lane = 0; lane < lanes.length; lane += 1) lanes[lane] = (lanes[lane]! + hash.readUInt32LE(lane * 4)) >>> 0;
  };

  const parse = (id: string): boolean => {
    if (!HEX_ID.test(id)) return false;
    for (let index = 0; index < WORDS; index += 1) word[index] = parseInt(id.slice(index * 8, index * 8 + 8), 16);
    return true;
  };
  const slotOf = (a: number, b: number, c: number, d: number): number => {
    for (let slot = (a ^ Math.imul(b, 0x9e3779b1)) & (slots - 1); ; slot = (slot + 1) & (slots - 1)) {
      const at = slot * WORDS;
      if (marks[slot] === 0) return slot;
      if (words[at] === a && words[at + 1] === b && words[at + 2] === c && words[at + 3] === d) return slot;
    }
  };
  const find = (): number => slotOf(word[0]! >>> 0, word[1]! >>> 0, word[2]! >>> 0, word[3]! >>> 0);
  const put = (slot: number, mark: number, a: number, b: number, c: number, d: number): void => {
    const at = slot * WORDS;
    words[at] = a;
    words[at + 1] = b;
    words[at + 2] = c;
    words[at + 3] = d;
    marks[slot] = mark;
  };
  const grow = (): void => {
    const [oldWords, oldMarks] = [words, marks];
    slots *= 2;
    words = new Uint32Array(slots * WORDS);
    marks = new Uint8Array(slots);
    for (const [slot, mark] of oldMarks.entries()) {
      if (mark === 0) continue;
      const at = slot * WORDS;
      const [a, b, c, d] = [oldWords[at]!, oldWords[at + 1]!, oldWords[at + 2]!, oldWords[at + 3]!];
      put(slotOf(a, b, c, d), mark, a, b, c, d);
    }
  };
  const textAt = (slot: number): string => [0, 1, 2, 3].map((index) => words[slot * WORDS + index]!.toString(16).padStart(8, '0')).join('');

  return {
    get size(): number {
      return count + others.size;
    },

    /** @returns whether it was new */
    add: (id: string): boolean => {
      if (!parse(id)) {
        if (others.has(id)) return false;
        others.set(id, false);
        addToDigest(id);
        return true;
      }
      const slot = find();
      if (marks[slot] !== 0) return false;
      addToDigest(id);
      put(slot, 1, word[0]!, word[1]!, word[2]!, word[3]!);
      count += 1;
      if (count * 2 > slots) grow();
      return true;
    },

    /** Notes that an id has been met. @returns whether it is in the set and had not been met before */
    meet: (id: string): boolean => {
      if (!parse(id)) {
        if (others.get(id) !== false) return false;
        others.set(id, true);
        return true;
      }
      const slot = find();
      if (marks[slot] !== 1) return false;
      marks[slot] = 2;
      return true;
    },

    /** Forgets who has been met. */
    restart: (): void => {
      for (const [slot, mark] of marks.entries()) if (mark === 2) marks[slot] = 1;
      for (const id of others.keys()) others.set(id, false);
    },

    all: function* (): Generator<string> {
      for (const [slot, mark] of marks.entries()) if (mark !== 0) yield textAt(slot);
      yield* others.keys();
    },

    unmet: function* (): Generator<string> {
      for (const [slot, mark] of marks.entries()) if (mark === 1) yield textAt(slot);
      for (const [id, met] of others) if (!met) yield id;
    },

    /** Equal sets, equal digests, in whatever order they were read: the sum of a hash of each. */
    digest: (): string => [...lanes].map((lane) => lane.toString(16).padStart(8, '0')).join(''),
  };
};

export type IdSet = ReturnType<typeof createIdSet>;
