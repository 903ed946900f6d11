import type { RowChunk } from '../segments/segment-source';

/** A row of a staged batch, as far as reports and the member state need it. */
export interface StagedRow {
  readonly segment: number;
  /** of the member table; rows lie in the order of the source, records of known members in that of an older one */
  readonly record: number;
  readonly customerId: string;
}

const MAX_CUSTOMER_ID = 200;
/** Record (32 bits), segment and length of the id (8 bits each) stand before the id. */
const HEAD_BYTES = 6;
/** Room that a row can need. */
export const STAGED_ROW_BYTES = HEAD_BYTES + MAX_CUSTOMER_ID;

/** In place of a length: the id is 32 hexadecimal digits, as Customer Insights makes them (customer-insights.md §3), in 16 bytes. */
const HEX_ID = 0xff;
const HEX_DIGITS = 32;
const NO_DIGIT = 0xff;
const digitOf = new Uint8Array(256).fill(NO_DIGIT);
for (const [value, digit] of [...'0123456789abcdef'].entries()) digitOf[digit.charCodeAt(0)] = value;

const QUOTE = 0x22;

/** Writes 32 hexadecimal digits as 16 bytes. @returns whether they were such */
export const putHexAsBytes = (out: Uint8Array, at: number, bytes: Uint8Array, from: number): boolean => {
  for (let i = 0; i < HEX_DIGITS; i += 2) {
    const high = digitOf[bytes[from + i]!]!;
    const low = digitOf[bytes[from + i + 1]!]!;
    if ((high | low) > 15) return false;
    out[at + (i >> 1)] = (high << 4) | low;
  }
  return true;
};

/**
 * Writes a row. As bytes, like all that happens once per row: a string each took a second per million.
 * @param column of the customer's id in the chunk; -1 where the segment has none
 * @returns the position after it; needs STAGED_ROW_BYTES of room
 */
export const putStagedRow = (
  out: Uint8Array,
  at: number,
  { segment, record }: { segment: number; record: number },
  { bytes, starts, ends, escaped }: RowChunk,
  base: number,
  column: number,
): number => {
  out[at] = record;
  out[at + 1] = record >>> 8;
  out[at + 2] = record >>> 16;
  out[at + 3] = record >>> 24;
  out[at + 4] = segment;
  const idAt = at + HEAD_BYTES;
  let o = idAt;
  if (column >= 0) {
    const from = starts[base + column]!;
    let end = ends[base + column]!;
    if (end - from === HEX_DIGITS && putHexAsBytes(out, idAt, bytes, from)) {
      out[at + 5] = HEX_ID;
      return idAt + HEX_DIGITS / 2;
    }
    if (end - from > MAX_CUSTOMER_ID) {
      end = from + MAX_CUSTOMER_ID;
      // not in the middle of a character
      while ((bytes[end]! & 0xc0) === 0x80) end -= 1;
    }
    const isEscaped = escaped[base + column] === 1;
    for (let i = from; i < end; i += 1) {
      const byte = bytes[i]!;
      out[o++] = byte;
      if (isEscaped && byte === QUOTE && bytes[i + 1] === QUOTE) i += 1;
    }
  }
  out[at + 5] = o - idAt;
  return o;
};

/** The rows of `putStagedRow`. @throws RangeError when they are cut short */
export const readStagedRows = (bytes: Buffer): readonly StagedRow[] => {
  const rows: StagedRow[] = [];
  for (let at = 0; at < bytes.length;) {
    const record = bytes.readUInt32LE(at);
    const segment = bytes.readUInt8(at + 4);
    const length = bytes.readUInt8(at + 5);
    const isHex = length === HEX_ID;
    const end = at + HEAD_BYTES + (isHex ? HEX_DIGITS / 2 : length);
    if (end > bytes.length) throw new RangeError('rows cut short');
    rows.push({ segment, record, customerId: bytes.toString(isHex ? 'hex' : 'utf8', at + HEAD_BYTES, end) });
    at = end;
  }
  return rows;
};
