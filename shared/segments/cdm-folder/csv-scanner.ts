import { isUtf8 } from 'node:buffer';
import { UpstreamError } from '../../errors';
import { fieldText } from '../row-chunks';
import type { RowChunk } from '../segment-source';

/** How a CSV file is written; the meaning of model.json's fileFormatSettings. */
export interface CsvDialect {
  /** one ASCII character */
  readonly delimiter: string;
  /** QuoteStyle.Csv: quotes enclose values. False (QuoteStyle.None): a quote is a character like any other */
  readonly quoted: boolean;
  /** CsvStyle.QuoteAlways: quotes count anywhere in a value. False (QuoteAfterDelimiter): only right after a delimiter */
  readonly quoteAnywhere: boolean;
  /** the first row holds names; a first row that equals all names is taken as a header in any case */
  readonly header: boolean;
}

export interface CsvScannerOptions {
  /** name for errors */
  readonly file: string;
  readonly dialect: CsvDialect;
  /** all columns, in the order of the model */
  readonly columns: readonly string[];
  /** those wanted, all of them among `columns`, in the order of the chunks' fields */
  readonly fields: readonly string[];
  /** bytes looked at in one go, and so about the size of a chunk; default 64 KiB, as the socket gives them (larger gains no time, and the event loop waits for a window's rows) */
  readonly windowBytes?: number;
  readonly maxRows?: number;
  readonly maxRowBytes?: number;
  /** the bytes to come begin there, and not with the file */
  readonly from?: CsvPlace;
}

/** A place between two rows of a file. */
export interface CsvPlace {
  /** of the next row's first byte, in the text as UTF-8 */
  readonly offset: number;
  /** number of the last row */
  readonly row: number;
  /** number of the first of the blank rows right before this place, which only such may follow; 0 = none */
  readonly blankRow: number;
  /** names of the columns in the order of the file, as far as its header told one */
  readonly columns: readonly string[];
}

export interface CsvScanner {
  /** Takes the next bytes of the file (they are copied) and yields the rows that became whole. A chunk lives until the next one is asked for. */
  push(bytes: Uint8Array): Generator<RowChunk, void>;
  /** Says that the file has ended; yields the last rows. */
  end(): Generator<RowChunk, void>;
  /** Where the rows end that have been yielded. */
  place(): CsvPlace;
}

export const MAX_COLUMNS = 5000;
const WINDOW_BYTES = 64 * 1024;
const MAX_ROWS = 4096;
const MAX_CELLS = 256 * 1024;
const MAX_ROW_BYTES = 10_000_000;

const LF = 10;
const CR = 13;
const QUOTE = 34;
/** marks a cell with quoted parts in its middle until `joinParts` has made one range of it */
const PARTED = 2;

interface Cells {
  readonly width: number;
  readonly maxRows: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly escaped: Uint8Array;
}

const createCells = (width: number, maxRows: number): Cells => ({
  width,
  maxRows,
  starts: new Int32Array(maxRows * width),
  ends: new Int32Array(maxRows * width),
  escaped: new Uint8Array(maxRows * width),
});

/** Where the scan of a file stands. */
interface Scan {
  readonly file: string;
  readonly dialect: CsvDialect;
  readonly columnCount: number;
  readonly maxRowBytes: number;
  window: Buffer;
  filled: number;
  position: number;
  rowNumber: number;
  /** a row without a byte, allowed only where nothing but such rows follows */
  blankRow: number;
  /** offset of the first byte that no row may hold (NUL, not UTF-8); beyond the window where there is none */
  badAt: number;
  /** some cell may be marked PARTED */
  hasParts: boolean;
}

const refuse = (code: string, message: string) => new UpstreamError('source', { code, message, retryable: false });
const refuseBadByte = ({ file, window, badAt }: Scan, row: number) =>
  refuse(
    'csv_malformed',
    `Row ${row} of ${file} ${window[badAt] === 0 ? 'holds a NUL byte' : 'is not valid UTF-8'}; is the file encoded as model.json says?`,
  );
const refuseWidth = ({ file, columnCount }: Scan, row: number, found: number) =>
  refuse('row_width', `Row ${row} of ${file} has ${found} ${found === 1 ? 'column' : 'columns'}, but model.json names ${columnCount}.`);
const refuseLong = ({ file, maxRowBytes }: Scan, row: number) =>
  refuse(
    'row_too_long',
    `Row ${row} of ${file} is longer than ${maxRowBytes.toLocaleString('en')} bytes; perhaps a quote is never closed.`,
  );
const refuseOpen = ({ file }: Scan, row: number) =>
  refuse('csv_malformed', `Row ${row} of ${file} opens a quote that is never closed; the file may be cut off.`);
const refuseTrail = ({ file }: Scan, row: number) => refuse('csv_malformed', `Row ${row} of ${file} has text after a closing quote.`);
const refusePart = ({ file }: Scan, row: number) =>
  refuse('csv_malformed', `Row ${row} of ${file} has a quote in the middle of a value that is not closed in its line.`);

/**
 * Scans whole rows from `position` until the cells are full or the rest is no whole row, which then stays at `position`.
 * The hot loop of the product: 1,000,000 rows of 183 bytes in about 0.4 s. It stands by itself, not inside createCsvScanner, because the
 * engine folds the constants into a function that exists once only (measured: 0.7 s as a closure).
 * @param last no bytes will follow: what is left is a row
 * @returns number of rows in `cells`
 */
const scanRows = (scan: Scan, cells: Cells, slots: Int32Array, last: boolean): number => {
  const { width, starts, ends, escaped } = cells;
  const rowLimit = cells.maxRows;
  const { window: bytes, filled: length, badAt, columnCount, maxRowBytes, dialect } = scan;
  const { quoted } = dialect;
  const delimiter = dialect.delimiter.charCodeAt(0);
  const midQuote = quoted && dialect.quoteAnywhere ? QUOTE : LF;
  const highestStop = Math.max(delimiter, midQuote, CR);
  let p = scan.position;
  let rows = 0;
  while (p < length && rows < rowLimit) {
    const rowStart = p;
    const base = rows * width;
    let column = 0;
    let isWhole = true;
    for (;;) {
      let start = p;
      let end: number;
      let mark = 0;
      let stop = -1;
      if (quoted && bytes[p] === QUOTE && p < length) {
        start = ++p;
        for (;;) {
          while (p < length && bytes[p] !== QUOTE) p++;
          if (p >= length) {
            if (last) throw refuseOpen(scan, scan.rowNumber + 1);
            isWhole = false;
            break;
          }
          if (p + 1 < length) {
            if (bytes[p + 1] !== QUOTE) break;
            mark = 1;
            p += 2;
          } else {
            // The quote is the last byte we have: whether it closes depends on what follows.
            isWhole = last;
            break;
          }
        }
        if (!isWhole) break;
        end = p++;
        if (p < length) stop = bytes[p]!;
        if (stop !== delimiter && stop !== LF && stop !== CR && stop !== -1) throw refuseTrail(scan, scan.rowNumber + 1);
      } else {
        for (;;) {
          p = plainEnd(bytes, p, delimiter, midQuote, highestStop);
          if (p >= length) {
            stop = -1;
            break;
          }
          stop = bytes[p]!;
          if (stop !== QUOTE) break;
          // QuoteAlways: a quoted part in the middle of a value. Rare: no usual writer makes them.
          for (p++; ; p++) {
            while (p < length && bytes[p] !== QUOTE) {
              if (bytes[p] === LF || bytes[p] === CR) throw refusePart(scan, scan.rowNumber + 1);
              p++;
            }
            if (p + 1 >= length || bytes[p + 1] !== QUOTE) break;
            p++;
          }
          if (p >= length && last) throw refuseOpen(scan, scan.rowNumber + 1);
          if (p + 1 >= length && !last) isWhole = false;
          p++;
          scan.hasParts = true;
          mark = PARTED;
          stop = -1;
          if (!isWhole) break;
        }
        if (!isWhole) break;
        end = p;
      }
      if (column < columnCount) {
        const slot = slots[column]!;
        if (slot >= 0) {
          starts[base + slot] = start;
          ends[base + slot] = end;
          escaped[base + slot] = mark;
        }
      }
      column++;
      if (stop === delimiter) {
        p++;
        continue;
      }
      if (stop === LF) p++;
      else if (stop === CR) {
        if (p + 1 >= length && !last) isWhole = false;
        p += p + 1 < length && bytes[p + 1] === LF ? 2 : 1;
      } else if (!last) isWhole = false;
      break;
    }
    if (!isWhole) {
      p = rowStart;
      break;
    }
    const rowNumber = ++scan.rowNumber;
    if (p > badAt) throw refuseBadByte(scan, rowNumber);
    if (p - rowStart > maxRowBytes) throw refuseLong(scan, rowNumber);
    if (column !== columnCount) {
      if (column > 1 || (bytes[rowStart] !== LF && bytes[rowStart] !== CR)) throw refuseWidth(scan, rowNumber, column);
      if (scan.blankRow === 0) scan.blankRow = rowNumber;
      continue;
    }
    if (scan.blankRow !== 0) throw refuseWidth(scan, scan.blankRow, 1);
    rows++;
  }
  scan.position = p;
  return rows;
};

/**
 * Finds the wanted fields of each row in the bytes of one CSV file, however the file is cut into pieces.
 * @throws UpstreamError (source, not retryable) too_many_columns, row_width, row_too_long, csv_malformed, header_mismatch: with file and
 * row, never with what the row holds. Rows are counted from 1, the header included, as a spreadsheet shows them
 */
export const createCsvScanner = ({
  file,
  dialect,
  columns,
  fields,
  windowBytes = WINDOW_BYTES,
  maxRows = MAX_ROWS,
  maxRowBytes = MAX_ROW_BYTES,
  from: begin,
}: CsvScannerOptions): CsvScanner => {
  if (columns.length > MAX_COLUMNS) {
    throw refuse('too_many_columns', `${file} has ${columns.length} columns; at most ${MAX_COLUMNS} can be read.`);
  }
  // One byte more than is filled: a line feed behind the last byte ends the inner loop without a second condition.
  const baseWindow = Buffer.allocUnsafeSlow(Math.max(windowBytes, 16) + 1);
  const scan: Scan = {
    file,
    dialect,
    columnCount: columns.length,
    maxRowBytes,
    window: baseWindow,
    filled: 0,
    position: 0,
    rowNumber: begin?.row ?? 0,
    blankRow: begin?.blankRow ?? 0,
    badAt: Infinity,
    hasParts: false,
  };
  let isBegin = begin === undefined;
  let headerDone = begin !== undefined;
  let order = begin?.columns ?? columns;
  /** offset of the window in the file */
  let windowAt = begin?.offset ?? 0;
  const data = createCells(fields.length, Math.min(maxRows, Math.max(1, Math.floor(MAX_CELLS / Math.max(1, fields.length)))));
  let dataSlots = slotsOf(order, fields);

  /** fields asked for twice: filled from the first */
  const repeats = fields.flatMap((field, slot) => (fields.indexOf(field) < slot ? [[fields.indexOf(field), slot] as const] : []));

  /** Looks at the first row alone: is it a header, and in which order? @returns false when it is not whole yet */
  const readHeader = (last: boolean): boolean => {
    const first = createCells(columns.length, 1);
    const beginAt = scan.position;
    const startAgain = () => {
      scan.position = beginAt;
      scan.rowNumber = scan.blankRow = 0;
      return true;
    };
    if (scanRows(scan, first, slotsOf(columns, columns), last) === 0) {
      // A first row without a byte is left to the scan of the data.
      return scan.blankRow === 0 ? last : startAgain();
    }
    const chunk: RowChunk = { bytes: scan.window, rowCount: 1, ...first };
    const names = columns.map((_, column) => fieldText(chunk, 0, column));
    if (names.every((name, column) => name === columns[column])) return true;
    if (isSameSet(names, columns)) {
      order = names;
      dataSlots = slotsOf(names, fields);
      return true;
    }
    if (!dialect.header) return startAgain();
    // Other names altogether (display names) are read by position; known names in other places are not guessed at.
    const known = new Set(columns);
    if (names.some((name, column) => name !== columns[column] && known.has(name))) {
      throw refuse('header_mismatch', `The header of ${file} has the columns of model.json in another order and not all of them.`);
    }
    return true;
  };

  const readChunk = (last: boolean): RowChunk | undefined => {
    scan.hasParts = false;
    const rowCount = scanRows(scan, data, dataSlots, last);
    if (rowCount === 0) return undefined;
    if (scan.hasParts) joinParts(scan.window, data, rowCount);
    for (const [from, to] of repeats) repeatField(data, rowCount, from, to);
    return { bytes: scan.window, rowCount, width: data.width, starts: data.starts, ends: data.ends, escaped: data.escaped };
  };

  /** Moves what is no whole row yet to the front of a window that has room for more. */
  const carry = () => {
    const { window, position, filled } = scan;
    const rest = filled - position;
    if (rest > maxRowBytes) throw refuseLong(scan, scan.rowNumber + 1);
    let target = window;
    if (rest * 2 > window.length) target = Buffer.allocUnsafeSlow((window.length - 1) * 2 + 1);
    else if (rest * 2 <= baseWindow.length) target = baseWindow;
    if (target !== window || position > 0) window.copy(target, 0, position, filled);
    windowAt += position;
    scan.window = target;
    scan.position = 0;
    scan.filled = rest;
  };

  const drain = function* (last: boolean): Generator<RowChunk, void> {
    const { window, filled } = scan;
    if (isBegin) {
      isBegin = false;
      if (filled >= 3 && window[0] === 0xef && window[1] === 0xbb && window[2] === 0xbf) scan.position = 3;
    }
    window[filled] = LF;
    scan.badAt = findBadByte(window.subarray(0, filled), last);
    headerDone ||= readHeader(last);
    while (headerDone) {
      const chunk = readChunk(last);
      if (chunk === undefined) break;
      yield chunk;
    }
    carry();
  };

  return {
    push: function* (bytes) {
      for (let from = 0; from < bytes.length;) {
        const room = scan.window.length - 1 - scan.filled;
        const part = bytes.subarray(from, from + room);
        scan.window.set(part, scan.filled);
        scan.filled += part.length;
        from += part.length;
        if (part.length === room) yield* drain(false);
      }
    },
    end: () => drain(true),
    place: () => ({ offset: windowAt + scan.position, row: scan.rowNumber, blankRow: scan.blankRow, columns: order }),
  };
};

const isSameSet = (some: readonly string[], others: readonly string[]): boolean => {
  const sorted = [...others].sort();
  return [...some].sort().every((name, index) => name === sorted[index]);
};

/** For each column the slot of the field that is wanted from it, or -1. */
const slotsOf = (columns: readonly string[], fields: readonly string[]): Int32Array => {
  const slots = new Map<string, number>();
  for (const [slot, field] of fields.entries()) if (!slots.has(field)) slots.set(field, slot);
  return Int32Array.from(columns, (column) => slots.get(column) ?? -1);
};

const repeatField = ({ starts, ends, escaped, width }: Cells, rowCount: number, from: number, to: number): void => {
  for (let base = 0; base < rowCount * width; base += width) {
    starts[base + to] = starts[base + from]!;
    ends[base + to] = ends[base + from]!;
    escaped[base + to] = escaped[base + from]!;
  }
};

/** Rewrites `ab"c,d"e` as `abc,de` where it lies. The rows are whole, so their bytes are not scanned again. */
const joinParts = (bytes: Uint8Array, { starts, ends, escaped, width }: Cells, rowCount: number): void => {
  for (let cell = 0; cell < rowCount * width; cell++) {
    if (escaped[cell] !== PARTED) continue;
    let at = starts[cell]!;
    let isInside = false;
    for (let from = at; from < ends[cell]!; from++) {
      if (bytes[from] !== QUOTE) bytes[at++] = bytes[from]!;
      else if (isInside && from + 1 < ends[cell]! && bytes[from + 1] === QUOTE) bytes[at++] = bytes[from++]!;
      else isInside = !isInside;
    }
    ends[cell] = at;
    escaped[cell] = 0;
  }
};

/** Offset of the byte that ends a plain value; needs no bound, as a line feed lies behind the last byte. */
const plainEnd = (bytes: Uint8Array, from: number, delimiter: number, midQuote: number, highestStop: number): number => {
  for (let p = from; ; p++) {
    const byte = bytes[p]!;
    if (byte <= highestStop && (byte === delimiter || byte === LF || byte === CR || byte === midQuote)) return p;
  }
};

/** Length of `bytes` without a character that is cut off at its end. */
const wholeCharacters = (bytes: Uint8Array, length: number): number => {
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = bytes[length - back]!;
    if (byte < 0x80) return length;
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? length - back : length;
  }
  return length;
};

/** Offset of the first NUL, or of about the first byte that is not UTF-8; Infinity where all is well. */
const findBadByte = (bytes: Buffer, last: boolean): number => {
  const nul = bytes.indexOf(0);
  const isValid = (length: number) => isUtf8(bytes.subarray(0, wholeCharacters(bytes, length)));
  if (last ? isUtf8(bytes) : isValid(bytes.length)) return nul < 0 ? Infinity : nul;
  let good = 0;
  let bad = bytes.length;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (isValid(middle)) good = middle;
    else bad = middle;
  }
  return nul < 0 ? good : Math.min(nul, good);
};
