import type { RowChunk } from '../segments/segment-source';

/** A row of a staged batch, as far as reports and the member state need it. */
export interface StagedRow {
  readonly segment: number;
  /** of the member table; rows lie in the order of the source, records of known members in that of an older one */
  readonly record: number;
  readonly customerId: string;
}

const MAX_CUSTOMER_ID = 200;
/** Room that a line can need: two numbers, two commas, the customer and the line feed. */
export const STAGED_ROW_BYTES = MAX_CUSTOMER_ID + 24;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const SPACE = 0x20;
const ZERO = 0x30;

const putNumber = (out: Uint8Array, at: number, value: number): number => {
  let digits = 1;
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1;
  for (let i = at + digits - 1, rest = value; i >= at; i -= 1, rest = Math.floor(rest / 10)) out[i] = ZERO + (rest % 10);
  return at + digits;
};

/**
 * Writes the line `segment,record,customerId`. As bytes, like all that happens once per row: a string each took a second per million.
 * @param column of the customer's id in the chunk; -1 where the segment has none
 * @returns the position after the line; needs STAGED_ROW_BYTES of room
 */
export const putStagedRow = (
  out: Uint8Array,
  at: number,
  { segment, record }: { segment: number; record: number },
  { bytes, starts, ends, escaped }: RowChunk,
  base: number,
  column: number,
): number => {
  let o = putNumber(out, at, segment);
  out[o++] = COMMA;
  o = putNumber(out, o, record);
  out[o++] = COMMA;
  if (column >= 0) {
    const from = starts[base + column]!;
    let end = ends[base + column]!;
    if (end - from > MAX_CUSTOMER_ID) {
      end = from + MAX_CUSTOMER_ID;
      // not in the middle of a character
      while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
    }
    const isEscaped = escaped[base + column] === 1;
    for (let i = from; i < end; i += 1) {
      const byte = bytes[i]!;
      out[o++] = byte === LF ? SPACE : byte;
      if (isEscaped && byte === QUOTE && bytes[i + 1] === QUOTE) i += 1;
    }
  }
  out[o] = LF;
  return o + 1;
};

/** The lines of `putStagedRow`. */
export const readStagedRows = (text: string): readonly StagedRow[] => {
  const lines = text.split('\n');
  lines.pop();
  return lines.map((line) => {
    const [segment, record] = line.split(',', 2);
    return { segment: Number(segment), record: Number(record), customerId: line.slice(`${segment},${record},`.length) };
  });
};
