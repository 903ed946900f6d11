import { pipeline, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { ConflictError, NotFoundError, UpstreamError } from '../../errors';
import { type Blobs, storageError } from '../../platform/blobs';
import type { Encoding } from './model-json';

/** A well-packed CSV file shrinks 5 to 20 times; deflate itself ends at 1,032. */
const MAX_GZIP_RATIO = 200;
const MAX_UNPACKED_BYTES = 64 * 1024 ** 3;
/** below this a high ratio harms nobody */
const RATIO_FREE_BYTES = 16 * 1024 ** 2;
const MAX_DROPS_IN_ONE_PLACE = 5;

export interface PartitionFile {
  readonly blob: string;
  readonly etag: string;
  readonly bytes: number;
  readonly encoding: Encoding;
}

interface ReadOptions {
  /** where in the file what was opened begins */
  readonly openedAt?: number;
  /** bytes of the text that are not wanted, before the first that is */
  readonly skipBytes?: number;
  /** told once when the text is not the file's own bytes */
  readonly onTranscoded?: () => void;
  readonly signal: AbortSignal;
}

export type OpenedPartition = Awaited<ReturnType<Blobs['openBytes']>>;

const refuse = (code: string, message: string, cause?: unknown) => new UpstreamError('source', { code, message, retryable: false, cause });

const changed = (blob: string, cause?: unknown) =>
  new UpstreamError('source', {
    code: 'source_changed',
    message: `${blob} was written again while it was read; the next run reads what is there then.`,
    retryable: true,
    cause,
  });

/** What storage says of a file whose ETag we hold, in the words of a source. */
const toSourceError = (error: unknown, blob: string): unknown => {
  const known = storageError(error, 'A file of the segment');
  return known instanceof ConflictError || known instanceof NotFoundError ? changed(blob, error) : known;
};

/** Opens a file as it was when the snapshot was taken. @throws UpstreamError source_changed (retryable) when it is no longer that file */
export const openPartition = async (
  blobs: Blobs,
  { blob, etag }: PartitionFile,
  { offset = 0, signal }: { offset?: number; signal: AbortSignal },
): Promise<OpenedPartition> => {
  try {
    return await blobs.openBytes(blob, { signal, ifMatch: etag, offset });
  } catch (error) {
    signal.throwIfAborted();
    throw toSourceError(error, blob);
  }
};

/**
 * The CSV text of an opened file as UTF-8 bytes: unpacked, and transcoded where it is UTF-16. The parts are the reader's own.
 * @throws UpstreamError source_changed, csv_malformed (broken gzip or UTF-16), partition_too_large, storage_unavailable
 */
export const partitionBytes = (
  blobs: Blobs,
  opened: OpenedPartition,
  file: PartitionFile,
  options: ReadOptions,
): AsyncGenerator<Uint8Array, void> => {
  const raw = rawBytes(blobs, opened, file, options);
  const text = isPacked(file) ? unpacked(raw, file) : raw;
  return without(options.skipBytes ?? 0, toUtf8(text, file, options.onTranscoded));
};

export const isPacked = ({ blob }: Pick<PartitionFile, 'blob'>): boolean => blob.toLowerCase().endsWith('.gz');

/** The bytes as they lie in storage. A connection that drops or falls silent is taken up where it broke off, under the same ETag. */
const rawBytes = async function* (
  blobs: Blobs,
  opened: OpenedPartition,
  file: PartitionFile,
  { openedAt = 0, signal }: ReadOptions,
): AsyncGenerator<Buffer, void> {
  let current = opened;
  let received = openedAt;
  let receivedAtDrop = openedAt;
  let drops = 0;
  try {
    for (;;) {
      let cause: unknown;
      try {
        for await (const part of current.parts) {
          signal.throwIfAborted();
          received += part.length;
          yield part;
        }
      } catch (error) {
        signal.throwIfAborted();
        cause = error;
      }
      // Parts that end early and quietly would look like a shorter segment.
      if (received === file.bytes) return;
      if (received > file.bytes) throw changed(file.blob, cause);
      drops = received > receivedAtDrop ? 1 : drops + 1;
      receivedAtDrop = received;
      if (drops > MAX_DROPS_IN_ONE_PLACE) {
        throw new UpstreamError('storage', {
          code: 'storage_unavailable',
          message: `The connection to Azure Storage broke off ${drops} times in the same place of ${file.blob}.`,
          retryable: true,
          cause,
        });
      }
      if (drops > 1) await sleep(250 * 2 ** drops, undefined, { signal });
      current = await openPartition(blobs, file, { offset: received, signal });
    }
  } finally {
    current.close();
  }
};

const unpacked = async function* (raw: AsyncGenerator<Buffer, void>, { blob, bytes }: PartitionFile): AsyncGenerator<Buffer, void> {
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  pipeline(Readable.from(raw, { objectMode: false }), gunzip, () => undefined); // an error destroys gunzip, and so ends the loop below
  let length = 0;
  try {
    for await (const part of gunzip as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > MAX_UNPACKED_BYTES || (length > RATIO_FREE_BYTES && length > bytes * MAX_GZIP_RATIO)) {
        throw refuse('partition_too_large', `${blob} unpacks to far more than a packed CSV file does; it is not read.`);
      }
      yield part;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (typeof code === 'string' && code.startsWith('Z_')) throw refuse('csv_malformed', `${blob} is not a whole gzip file.`, error);
    throw error;
  } finally {
    gunzip.destroy();
  }
};

/** A byte order mark tells more than the settings: FF FE cannot begin a UTF-8 file. */
const toUtf8 = async function* (
  source: AsyncGenerator<Buffer, void>,
  { blob, encoding }: PartitionFile,
  onTranscoded: () => void = () => undefined,
): AsyncGenerator<Uint8Array, void> {
  let decoder = encoding === 'utf-16le' ? new TextDecoder('utf-16le', { fatal: true }) : undefined;
  const broken = (cause: unknown) => refuse('csv_malformed', `${blob} is not valid UTF-16.`, cause);
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const part of source) {
    let piece = part;
    if (head !== undefined) {
      piece = head.length > 0 ? Buffer.concat([head, part]) : part;
      if (piece.length < 2) {
        head = piece;
        continue;
      }
      head = undefined;
      if (piece[0] === 0xfe && piece[1] === 0xff)
        throw refuse('csv_malformed', `${blob} is UTF-16 with the high byte first, which is not read.`);
      if (piece[0] === 0xff && piece[1] === 0xfe) decoder ??= new TextDecoder('utf-16le', { fatal: true });
      else if (piece[0] === 0xef && piece[1] === 0xbb) decoder = undefined;
      if (decoder) onTranscoded();
    }
    if (decoder === undefined) {
      yield piece;
      continue;
    }
    try {
      yield Buffer.from(decoder.decode(piece, { stream: true }));
    } catch (error) {
      throw broken(error);
    }
  }
  if (head !== undefined && head.length > 0) yield head;
  try {
    decoder?.decode();
  } catch (error) {
    throw broken(error);
  }
};

const without = async function* (bytes: number, parts: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  let left = bytes;
  for await (const part of parts) {
    if (part.length > left) yield left === 0 ? part : part.subarray(left);
    left = Math.max(0, left - part.length);
  }
};
