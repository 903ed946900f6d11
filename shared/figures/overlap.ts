import { setImmediate as nextTurn } from 'node:timers/promises';
import { UpstreamError } from '../errors';
import { HASH_BYTES } from './address-set';

/** Sets are gone through side by side in so many steps, each by the first byte of the hash; the memory of a step goes round. */
const STEPS = 256;
const MAX_TURN_MS = 5;
const EMPTY = new Uint32Array(0);
/** 2^k is exact up to here, and an export has at most 50 segments. */
export const MAX_SETS = 52;

const broken = (): UpstreamError =>
  new UpstreamError('storage', {
    code: 'figures_unreadable',
    message: 'The counted addresses of a segment end in the middle; ask again, and they are counted anew.',
    retryable: true,
  });

/** Takes a stored set apart, step by step. */
const createSteps = (stream: AsyncIterable<Uint8Array>) => {
  const parts = stream[Symbol.asyncIterator]();
  let words: Uint32Array = EMPTY;
  let rest: Uint8Array = new Uint8Array(0);
  let ended = false;

  /** Adds what arrives next to `words`, in whole hashes. */
  const readMore = async (): Promise<void> => {
    const next = await parts.next();
    if (next.done === true) {
      ended = true;
      if (rest.length > 0) throw broken();
      return;
    }
    const whole = (rest.length + next.value.length) & ~(HASH_BYTES - 1);
    const grown = new Uint8Array(words.byteLength + whole);
    grown.set(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
    grown.set(rest.subarray(0, Math.min(rest.length, whole)), words.byteLength);
    if (whole > 0) grown.set(next.value.subarray(0, whole - rest.length), words.byteLength + rest.length);
    rest = whole > 0 ? next.value.slice(whole - rest.length) : Buffer.concat([rest, next.value]);
    words = new Uint32Array(grown.buffer);
  };

  return {
    /** All hashes whose first byte is `step`, as pairs of low and high word; asked for in ascending order. */
    take: async (step: number): Promise<Uint32Array> => {
      while (!ended && (words.length === 0 || words[words.length - 1]! >>> 24 <= step)) await readMore();
      let end = 0;
      while (end < words.length && words[end + 1]! >>> 24 === step) end += 2;
      const taken = words.subarray(0, end);
      words = words.subarray(end);
      return taken;
    },
    close: async (): Promise<void> => {
      await parts.return?.();
    },
  };
};

/** Which sets hold each hash of one step: open addressing, hash → one bit per set, in two words as a set has up to 52. */
const createStepTable = () => {
  let slots = 0;
  let keys = EMPTY;
  let masks = new Float64Array(0);
  return {
    clear: (expected: number): void => {
      let wanted = 1 << 8;
      while (wanted * 0.6 < expected) wanted *= 2;
      if (wanted > slots) {
        slots = wanted;
        keys = new Uint32Array(slots * 2);
        masks = new Float64Array(slots);
      } else masks.fill(0);
    },
    /** A hash stands in a set once only, so its bit is added. */
    add: (low: number, high: number, bit: number): void => {
      let slot = low & (slots - 1);
      while (masks[slot] !== 0) {
        if (keys[slot * 2] === low && keys[slot * 2 + 1] === high) break;
        slot = (slot + 1) & (slots - 1);
      }
      keys[slot * 2] = low;
      keys[slot * 2 + 1] = high;
      masks[slot]! += bit;
    },
    countInto: (counts: Map<number, number>): void => {
      for (let slot = 0; slot < slots; slot += 1) {
        const mask = masks[slot]!;
        if (mask !== 0) counts.set(mask, (counts.get(mask) ?? 0) + 1);
      }
    },
  };
};

export interface Overlap {
  /** `matrix[i][j]`: addresses that stand in the sets i and j both; the diagonal holds each set's own number */
  readonly matrix: readonly (readonly number[])[];
  /** distinct addresses over all sets */
  readonly union: number;
}

/**
 * What sorted sets have in common, read side by side once; memory does not grow with them beyond a 256th of all.
 * @param sets at most 52 streams of stored sets
 * @throws UpstreamError figures_unreadable when a set ends in the middle of a hash
 */
export const overlapOf = async (sets: readonly AsyncIterable<Uint8Array>[], { signal }: { signal: AbortSignal }): Promise<Overlap> => {
  if (sets.length > MAX_SETS) throw new RangeError(`at most ${MAX_SETS} sets`);
  const readers = sets.map(createSteps);
  const table = createStepTable();
  const byMask = new Map<number, number>();
  try {
    let turnedAt = performance.now();
    for (let step = 0; step < STEPS; step += 1) {
      const taken: Uint32Array[] = [];
      for (const reader of readers) taken.push(await reader.take(step));
      if (performance.now() - turnedAt > MAX_TURN_MS) {
        await nextTurn();
        signal.throwIfAborted();
        turnedAt = performance.now();
      }
      table.clear(taken.reduce((sum, { length }) => sum + length / 2, 0));
      for (const [set, words] of taken.entries()) {
        const bit = 2 ** set;
        for (let at = 0; at < words.length; at += 2) table.add(words[at]!, words[at + 1]!, bit);
      }
      table.countInto(byMask);
    }
  } finally {
    for (const reader of readers) await reader.close();
  }
  const matrix = sets.map(() => sets.map(() => 0));
  let union = 0;
  for (const [mask, count] of byMask) {
    union += count;
    const among = sets.flatMap((_, set) => (Math.floor(mask / 2 ** set) % 2 === 1 ? [set] : []));
    for (const one of among) for (const other of among) matrix[one]![other]! += count;
  }
  return { matrix, union };
};
