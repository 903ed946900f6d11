import { UpstreamError } from '../../errors';
import type { RowChunk } from '../segment-source';

const CHUNK_BYTES = 256 * 1024;
const CHUNK_ROWS = 4_096;
/** Most bytes that one character of UTF-16 takes in UTF-8. */
const BYTES_PER_UNIT = 3;
const MAX_ROW_BYTES = 4 * 1024 ** 2;

/** A value of the Web API as the text that a CSV file would hold; null, undefined and "" are all no text. */
export const textOf = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  return JSON.stringify(value);
};

/**
 * Lays rows out as chunks: the bytes of the values one after the other in one buffer, which is used again after each chunk.
 * @param width values per row
 */
export const createChunkWriter = (width: number) => {
  let bytes = Buffer.allocUnsafe(CHUNK_BYTES);
  const starts = new Int32Array(CHUNK_ROWS * width);
  const ends = new Int32Array(CHUNK_ROWS * width);
  const escaped = new Uint8Array(CHUNK_ROWS * width);
  let end = 0;
  let rows = 0;

  return {
    /** Whether a chunk should be taken before the next row. */
    isFull: (): boolean => rows === CHUNK_ROWS || end >= CHUNK_BYTES,

    /** @throws UpstreamError row_too_long */
    add: (values: readonly string[]): void => {
      const room = values.reduce((sum, value) => sum + value.length * BYTES_PER_UNIT, 0);
      if (room > MAX_ROW_BYTES * BYTES_PER_UNIT) {
        throw new UpstreamError('source', {
          code: 'row_too_long',
          message: 'A profile in Dataverse holds more than 4 MB of text in the mapped fields; map shorter fields.',
          retryable: false,
        });
      }
      if (end + room > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, end + room));
        bytes.copy(larger, 0, 0, end);
        bytes = larger;
      }
      for (let field = 0; field < width; field += 1) {
        const cell = rows * width + field;
        starts[cell] = end;
        end += bytes.write(values[field] ?? '', end);
        ends[cell] = end;
      }
      rows += 1;
    },

    /** The rows added since the last one, lent until the next row is added; undefined when there are none. */
    take: (): RowChunk | undefined => {
      if (rows === 0) return undefined;
      const chunk: RowChunk = { bytes, rowCount: rows, width, starts, ends, escaped };
      rows = 0;
      end = 0;
      return chunk;
    },
  };
};
