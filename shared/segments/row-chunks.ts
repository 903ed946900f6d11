import type { RowChunk } from './segment-source';

const QUOTE = 0x22;

/** True where the field holds no bytes: absent, null and "" look the same in a CSV file. */
export const isFieldEmpty = ({ starts, ends, width }: RowChunk, row: number, field: number): boolean =>
  starts[row * width + field] === ends[row * width + field];

/**
 * The text of one field, doubled quotes undone. Makes a string: for what a person will read (samples, rows left out), not for every row.
 * @param field index into the fields that were asked of `readRows`
 */
export const fieldText = ({ bytes, starts, ends, escaped, width }: RowChunk, row: number, field: number): string => {
  const cell = row * width + field;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', starts[cell], ends[cell]);
  return escaped[cell] === 1 ? text.replaceAll('""', '"') : text;
};

/**
 * Copies the bytes of one field, doubled quotes undone, without making a string.
 * @returns the offset in `target` after the last byte written; never more bytes than the field's range has
 */
export const copyField = (
  { bytes, starts, ends, escaped, width }: RowChunk,
  row: number,
  field: number,
  target: Uint8Array,
  offset: number,
): number => {
  const cell = row * width + field;
  const end = ends[cell]!;
  let at = offset;
  for (let from = starts[cell]!; from < end; from += 1) {
    const byte = bytes[from]!;
    target[at++] = byte;
    if (byte === QUOTE && escaped[cell] === 1) from += 1;
  }
  return at;
};
