import type { RowChunk } from '../../segments/segment-source';
import { fieldText } from '../../segments/row-chunks';
import { putHexAsBytes } from '../staged-rows';

const ID_BYTES = 16;
const ID_CHARACTERS = 32;
const BLOCK_BITS = 16;
const BLOCK_MASK = (1 << BLOCK_BITS) - 1;
/** Ids of another form are kept as texts; beyond so many the winner of an address is not named. */
const MAX_TEXTS = 200_000;

/**
 * Which customer's row an address was taken from, by record of the member table: 16 bytes each, so that a report can name the winner of
 * an address that several customers share.
 */
export const createCustomers = () => {
  const blocks: (Buffer | undefined)[] = [];
  const texts = new Map<number, string>();
  return {
    /** @param cell index of the customer's id among the chunk's cells */
    set: (record: number, chunk: RowChunk, cell: number): void => {
      const { bytes, starts, ends } = chunk;
      const start = starts[cell]!;
      if (ends[cell]! - start === ID_CHARACTERS) {
        const block = (blocks[record >>> BLOCK_BITS] ??= Buffer.alloc(ID_BYTES << BLOCK_BITS));
        const at = (record & BLOCK_MASK) * ID_BYTES;
        if (putHexAsBytes(bytes, start, block, at)) return;
        block.fill(0, at, at + ID_BYTES);
      }
      if (texts.size < MAX_TEXTS) texts.set(record, fieldText(chunk, Math.floor(cell / chunk.width), cell % chunk.width));
    },
    /** '' where it is not known */
    of: (record: number): string => {
      const text = texts.get(record);
      if (text !== undefined) return text;
      const at = (record & BLOCK_MASK) * ID_BYTES;
      const id = blocks[record >>> BLOCK_BITS]?.subarray(at, at + ID_BYTES);
      return id?.some((byte) => byte !== 0) ? id.toString('hex') : '';
    },
  };
};

export type Customers = ReturnType<typeof createCustomers>;
