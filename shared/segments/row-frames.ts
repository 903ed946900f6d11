import type { RowChunk } from './segment-source';

/** What a piece of a slow reading holds, see `SlowPart`. */
export interface Frame {
  readonly kind: 'members' | 'rows';
  readonly segment: string;
  readonly chunk: RowChunk;
}

/** Numbers before the cells of a frame: kind and flags, bytes of the segment's name, rows, fields, bytes of the values. */
const HEAD = 5;
const MEMBERS = 1;
const WITHOUT_PROFILE = 2;
const NUMBER = 4;

/**
 * Rows as they are written down between two slices: per chunk its head, a number for each cell (its length, doubled, and 1 more where
 * quotes in it are doubled), the segment's name, the values one after the other.
 */
export const encodeFrame = ({ kind, segment, chunk }: Frame): Buffer => {
  const { bytes, rowCount, width, starts, ends, escaped } = chunk;
  const cells = rowCount * width;
  const name = Buffer.from(segment);
  let size = 0;
  for (let cell = 0; cell < cells; cell += 1) size += ends[cell]! - starts[cell]!;
  const frame = Buffer.allocUnsafe((HEAD + cells) * NUMBER + name.length + size);
  const head = [(kind === 'members' ? MEMBERS : 0) | (chunk.withoutProfile ? WITHOUT_PROFILE : 0), name.length, rowCount, width, size];
  let at = 0;
  for (const number of head) at = frame.writeUInt32LE(number, at);
  for (let cell = 0; cell < cells; cell += 1) at = frame.writeUInt32LE((ends[cell]! - starts[cell]!) * 2 + escaped[cell]!, at);
  at += name.copy(frame, at);
  for (let cell = 0; cell < cells; cell += 1) {
    frame.set(bytes.subarray(starts[cell], ends[cell]), at);
    at += ends[cell]! - starts[cell]!;
  }
  return frame;
};

/**
 * The frames of a piece, in the order they were written. Each is the reader's own.
 * @throws RangeError where the piece was cut off or is none
 */
export const decodeFrames = function* (piece: Buffer): Generator<Frame> {
  for (let at = 0; at < piece.length;) {
    if (HEAD * NUMBER > piece.length - at) throw new RangeError('the piece is cut off');
    const number = (): number => {
      const value = piece.readUInt32LE(at);
      at += NUMBER;
      return value;
    };
    const [flags, nameBytes, rowCount, width, size] = [number(), number(), number(), number(), number()] as const;
    const cells = rowCount * width;
    if (cells * NUMBER + nameBytes + size > piece.length - at) throw new RangeError('the piece is cut off');
    const starts = new Int32Array(cells);
    const ends = new Int32Array(cells);
    const escaped = new Uint8Array(cells);
    let end = 0;
    for (let cell = 0; cell < cells; cell += 1) {
      const value = number();
      starts[cell] = end;
      end += value >>> 1;
      ends[cell] = end;
      escaped[cell] = value & 1;
    }
    if (end !== size) throw new RangeError('the piece is damaged');
    const segment = piece.toString('utf8', at, at + nameBytes);
    at += nameBytes;
    const bytes = piece.subarray(at, at + size);
    at += size;
    yield {
      kind: (flags & MEMBERS) !== 0 ? 'members' : 'rows',
      segment,
      chunk: { bytes, rowCount, width, starts, ends, escaped, ...((flags & WITHOUT_PROFILE) !== 0 ? { withoutProfile: true } : {}) },
    };
  }
};
