import { setImmediate as nextTurn } from 'node:timers/promises';
import { LimitError } from '../errors';

/** By the first byte of the hash: sorting one bucket takes milliseconds at most, so that others have their turn in between. */
const BUCKETS = 256;
const FIRST_CAPACITY = 32;
/** So long is sorted before others have their turn. */
const MAX_TURN_MS = 5;
/** 8 bytes a member, and while it grows as much again: beyond this the memory of an instance is at stake. */
const MAX_MEMBERS = 40_000_000;

/** Bytes of one hash in a stored set. */
export const HASH_BYTES = 8;

/**
 * The distinct 64-bit hashes of a segment's addresses: collected in any order, sorted once at the end, about 8–16 bytes a member. Doubles
 * are found by sorting, so no table is needed beside it. That any two of a million members share a hash has a chance of 3e-8; a count would
 * then be one too small.
 */
export const createAddressSet = ({ maxMembers = MAX_MEMBERS }: { maxMembers?: number } = {}) => {
  const buckets: Uint32Array<ArrayBuffer>[] = [];
  const lengths = new Int32Array(BUCKETS);
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) buckets.push(new Uint32Array(FIRST_CAPACITY * 2));
  let added = 0;

  return {
    /** @param high decides about the order, then `low`. @throws LimitError segment_too_large_to_count */
    add: (high: number, low: number): void => {
      const bucket = high >>> 24;
      let words = buckets[bucket]!;
      const at = lengths[bucket]! * 2;
      if (at === words.length) {
        const larger = new Uint32Array(words.length * 2);
        larger.set(words);
        buckets[bucket] = words = larger;
      }
      // as a 64-bit number in the machine's order of bytes, which is little-endian wherever Node runs on Azure
      words[at] = low;
      words[at + 1] = high;
      lengths[bucket]! += 1;
      if ((added += 1) > maxMembers) {
        throw new LimitError({
          code: 'segment_too_large_to_count',
          message: `A segment with more than ${maxMembers.toLocaleString('en')} addresses is not counted in advance; a dry run of the export counts it.`,
        });
      }
    },

    /** Sorts and drops doubles; nothing may be added afterwards. @returns how many distinct addresses there are */
    settle: async ({ signal }: { signal: AbortSignal }): Promise<number> => {
      let distinct = 0;
      let turnedAt = performance.now();
      for (const [bucket, words] of buckets.entries()) {
        if (performance.now() - turnedAt > MAX_TURN_MS) {
          await nextTurn();
          signal.throwIfAborted();
          turnedAt = performance.now();
        }
        const length = lengths[bucket]!;
        new BigUint64Array(words.buffer, 0, length).sort();
        let kept = 0;
        for (let from = 0; from < length; from += 1) {
          const low = words[from * 2]!;
          const high = words[from * 2 + 1]!;
          if (kept > 0 && words[kept * 2 - 2] === low && words[kept * 2 - 1] === high) continue;
          words[kept * 2] = low;
          words[kept * 2 + 1] = high;
          kept += 1;
        }
        lengths[bucket] = kept;
        distinct += kept;
      }
      return distinct;
    },

    /** The settled set in ascending order, as it is stored: 8 bytes a hash, little-endian. */
    parts: function* (): Generator<Uint8Array> {
      for (const [bucket, words] of buckets.entries()) {
        const length = lengths[bucket]!;
        if (length > 0) yield new Uint8Array(words.buffer, 0, length * HASH_BYTES);
      }
    },
  };
};

export type AddressSet = ReturnType<typeof createAddressSet>;
