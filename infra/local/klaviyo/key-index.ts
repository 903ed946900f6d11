import { createBytePool } from './byte-pool';
import { withRoom } from './columns';
import { hashText } from './random';

const FREE = 0;
const DELETED = -1;

/** A map from text to row number that keeps its keys outside the heap: open addressing, about 45 bytes an entry beside the key. */
export const createKeyIndex = () => {
  const pool = createBytePool();
  let slots = new Int32Array(2048);
  let occupied = 0;
  let entries = 0;
  let hashes = new Uint32Array(1024);
  let positions = new Float64Array(1024);
  let lengths = new Uint32Array(1024);
  let rows = new Int32Array(1024);

  const slotOf = (key: string, hash: number): number => {
    const mask = slots.length - 1;
    for (let slot = hash & mask; slots[slot] !== FREE; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (slots[slot] !== DELETED && hashes[entry] === hash && pool.text(positions[entry]!, lengths[entry]!) === key) return slot;
    }
    return -1;
  };
  const put = (entry: number): void => {
    const mask = slots.length - 1;
    let slot = hashes[entry]! & mask;
    while (slots[slot] !== FREE) slot = (slot + 1) & mask;
    slots[slot] = entry + 1;
    occupied += 1;
  };
  const grow = (): void => {
    const old = slots;
    slots = new Int32Array(old.length * 2);
    occupied = 0;
    for (const slot of old) if (slot > 0) put(slot - 1);
  };

  return {
    /** @returns the row, or -1 */
    find: (key: string): number => {
      const slot = slotOf(key, hashText(key));
      return slot < 0 ? -1 : rows[slots[slot]! - 1]!;
    },
    /** Adds or moves a key and returns its entry, by which its text is found. */
    set: (key: string, row: number): number => {
      const hash = hashText(key);
      const slot = slotOf(key, hash);
      if (slot >= 0) {
        rows[slots[slot]! - 1] = row;
        return slots[slot]! - 1;
      }
      const entry = entries;
      entries += 1;
      hashes = withRoom(hashes, entries);
      positions = withRoom(positions, entries);
      lengths = withRoom(lengths, entries);
      rows = withRoom(rows, entries);
      const bytes = Buffer.byteLength(key);
      hashes[entry] = hash;
      positions[entry] = pool.add(key, bytes);
      lengths[entry] = bytes;
      rows[entry] = row;
      if ((occupied + 1) * 3 > slots.length * 2) grow();
      put(entry);
      return entry;
    },
    remove: (key: string): void => {
      const slot = slotOf(key, hashText(key));
      if (slot >= 0) slots[slot] = DELETED;
    },
    /** Every key with its row. */
    *entries(): Generator<[string, number]> {
      for (const slot of slots) if (slot > 0) yield [pool.text(positions[slot - 1]!, lengths[slot - 1]!), rows[slot - 1]!];
    },
    keyOf: (entry: number): string => pool.text(positions[entry]!, lengths[entry]!),
  };
};
