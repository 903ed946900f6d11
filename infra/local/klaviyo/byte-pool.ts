const BLOCK_BYTES = 4 * 1024 * 1024;

/** Keeps many small texts outside the JavaScript heap, in blocks of 4 MiB; a text is found again by position and length in bytes. */
export const createBytePool = () => {
  const blocks: Buffer[] = [];
  let used = BLOCK_BYTES;
  const reserve = (bytes: number): number => {
    if (bytes > BLOCK_BYTES) throw new RangeError(`a text of ${bytes} bytes does not fit a block`);
    if (used + bytes > BLOCK_BYTES) {
      blocks.push(Buffer.allocUnsafeSlow(BLOCK_BYTES));
      used = 0;
    }
    const at = (blocks.length - 1) * BLOCK_BYTES + used;
    used += bytes;
    return at;
  };
  const blockOf = (at: number): Buffer => blocks[Math.floor(at / BLOCK_BYTES)]!;
  return {
    /** Stores a text of known byte length and returns its position. */
    add: (text: string, bytes: number): number => {
      const at = reserve(bytes);
      blockOf(at).write(text, at % BLOCK_BYTES, 'utf8');
      return at;
    },
    /** Writes over an earlier text; the caller knows that it fits. */
    replace: (at: number, text: string): void => {
      blockOf(at).write(text, at % BLOCK_BYTES, 'utf8');
    },
    text: (at: number, bytes: number): string => blockOf(at).toString('utf8', at % BLOCK_BYTES, (at % BLOCK_BYTES) + bytes),
  };
};
