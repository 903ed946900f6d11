import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { Op } from './ops';
import type { Frame } from './snapshot';

/** Frame: bytes of the change's JSON, bytes of the body, CRC-32 of both; then both. */
const HEAD_BYTES = 12;
const BUFFER_BYTES = 1024 * 1024;
const END = JSON.stringify({ op: 'end of snapshot' });

const journalName = (generation: number): string => (generation === 0 ? 'journal.bin' : `journal-${generation}.bin`);
const snapshotName = (generation: number): string => `snapshot-${generation}.bin`;

const frameOf = (json: Buffer, body: Buffer): Buffer => {
  const head = Buffer.allocUnsafe(HEAD_BYTES);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(body.length, 4);
  head.writeUInt32LE(crc32(body, crc32(json)), 8);
  return Buffer.concat([head, json, body]);
};

const writeAll = (file: number, bytes: Buffer): void => {
  for (let sent = 0; sent < bytes.length;) sent += writeSync(file, bytes, sent);
};

/** Reads frames one after the other. @returns the position after the last whole one */
const readFrames = (file: number, onFrame: (json: string, body: Buffer | undefined) => void): number => {
  const end = fstatSync(file).size;
  const read = (length: number, position: number): Buffer | undefined => {
    const bytes = Buffer.allocUnsafe(length);
    return readSync(file, bytes, 0, length, position) === length ? bytes : undefined;
  };
  let position = 0;
  while (position + HEAD_BYTES <= end) {
    const head = read(HEAD_BYTES, position);
    const jsonBytes = head?.readUInt32LE(0) ?? 0;
    const bodyBytes = head?.readUInt32LE(4) ?? 0;
    if (position + HEAD_BYTES + jsonBytes + bodyBytes > end) break;
    const both = read(jsonBytes + bodyBytes, position + HEAD_BYTES)!;
    if (crc32(both) !== head!.readUInt32LE(8)) break;
    onFrame(both.toString('utf8', 0, jsonBytes), bodyBytes > 0 ? both.subarray(jsonBytes) : undefined);
    position += HEAD_BYTES + jsonBytes + bodyBytes;
  }
  return position;
};

/** The folder cannot be written (full, read-only) or read (damaged); the message says which file. */
export class JournalError extends Error {}

/**
 * Opens the journal of a data folder: a snapshot of some moment, and every change since. Each change is handed to the operating system
 * before it is answered, so a kill -9 loses nothing that was admitted (a power cut may: no fsync). A torn record at the end is cut off at
 * the next start. Compaction writes the next generation's snapshot beside what is there, renames it when it is whole and on disk, and only
 * then forgets the generation before: whenever the process dies, one of the two is complete.
 */
export const openJournal = (dataDir: string) => {
  mkdirSync(dataDir, { recursive: true });
  const at = (name: string): string => path.join(dataDir, name);
  const generations = (): number[] =>
    readdirSync(dataDir).flatMap((name) =>
      Number(/^(?:snapshot|journal)-(\d+)\.bin$/.exec(name)?.[1] ?? (name === 'journal.bin' ? 0 : NaN)),
    );
  const forgetOthers = (kept: number): void => {
    for (const name of readdirSync(dataDir)) if (name.endsWith('.tmp')) rmSync(at(name));
    for (const old of new Set(generations().filter((one) => !Number.isNaN(one) && one !== kept)))
      for (const name of [journalName(old), snapshotName(old)]) rmSync(at(name), { force: true });
  };
  // A generation counts once its snapshot bears its name; the first one has none.
  let generation = Math.max(0, ...generations().filter((one) => existsSync(at(snapshotName(one)))));
  forgetOthers(generation);
  let file = openSync(at(journalName(generation)), 'a+');
  let end = fstatSync(file).size;
  let snapshotBytes = 0;

  const readSnapshot = (apply: (op: Op, body?: Buffer) => void): void => {
    if (generation === 0) return;
    const name = at(snapshotName(generation));
    const snapshot = openSync(name, 'r');
    try {
      let isWhole = false;
      snapshotBytes = readFrames(snapshot, (json, body) => {
        if (json === END) isWhole = true;
        else apply(JSON.parse(json) as Op, body);
      });
      if (!isWhole) throw new JournalError(`${name} is damaged: remove its folder to start from nothing`);
    } finally {
      closeSync(snapshot);
    }
  };

  return {
    /** @throws JournalError when the change could not be kept: what was written of it is taken back */
    write: (op: Op, body: Buffer = Buffer.alloc(0)): void => {
      const frame = frameOf(Buffer.from(JSON.stringify(op)), body);
      try {
        writeAll(file, frame);
      } catch (error) {
        try {
          ftruncateSync(file, end);
        } catch {
          // a torn record, then: the next start cuts it off
        }
        throw new JournalError(`${at(journalName(generation))} cannot be written: ${(error as Error).message}`, { cause: error });
      }
      end += frame.length;
    },
    /** @throws JournalError when the snapshot is damaged */
    replay: (apply: (op: Op, body?: Buffer) => void): void => {
      readSnapshot(apply);
      const whole = readFrames(file, (json, body) => apply(JSON.parse(json) as Op, body));
      if (whole < end) ftruncateSync(file, whole);
      end = whole;
    },
    /** Bytes of the changes since the snapshot, and of the snapshot. */
    sizes: () => ({ tailBytes: end, snapshotBytes }),
    /**
     * Puts a snapshot in the place of all changes so far.
     * @param frames what the state holds now: nothing may change until this returns
     * @throws JournalError; the journal then stays as it was
     */
    compact: (frames: Iterable<Frame>): void => {
      const next = generation + 1;
      const temporary = at(`${snapshotName(next)}.tmp`);
      let bytes = 0;
      let fresh: number | undefined;
      try {
        const snapshot = openSync(temporary, 'w');
        try {
          let waiting: Buffer[] = [];
          let waitingBytes = 0;
          const put = (frame: Buffer): void => {
            waiting.push(frame);
            waitingBytes += frame.length;
            if (waitingBytes >= BUFFER_BYTES) flush();
          };
          const flush = (): void => {
            writeAll(snapshot, Buffer.concat(waiting));
            bytes += waitingBytes;
            waiting = [];
            waitingBytes = 0;
          };
          for (const { op, body = Buffer.alloc(0) } of frames) put(frameOf(Buffer.from(JSON.stringify(op)), body));
          put(frameOf(Buffer.from(END), Buffer.alloc(0)));
          flush();
          fsyncSync(snapshot);
        } finally {
          closeSync(snapshot);
        }
        fresh = openSync(at(journalName(next)), 'a+');
        ftruncateSync(fresh, 0);
        renameSync(temporary, at(snapshotName(next))); // from here on it is the next generation
      } catch (error) {
        if (fresh !== undefined) closeSync(fresh);
        rmSync(temporary, { force: true });
        throw new JournalError(`${temporary} cannot be written: ${(error as Error).message}`, { cause: error });
      }
      closeSync(file);
      generation = next;
      file = fresh;
      end = 0;
      snapshotBytes = bytes;
      forgetOthers(generation);
    },
    close: (): void => closeSync(file),
  };
};
export type Journal = ReturnType<typeof openJournal>;
