import { closeSync, ftruncateSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { Op } from './ops';

/** Frame: bytes of the change's JSON, bytes of the body, CRC-32 of both; then both. */
const HEAD_BYTES = 12;

/**
 * Opens the append-only journal of a data folder. Each change is handed to the operating system before it is answered, so a kill -9 loses
 * nothing that was admitted (a power cut may: no fsync). A torn record at the end is cut off at the next start.
 */
export const openJournal = (dataDir: string) => {
  mkdirSync(dataDir, { recursive: true });
  const file = openSync(path.join(dataDir, 'journal.bin'), 'a+');
  const read = (length: number, position: number): Buffer | undefined => {
    const bytes = Buffer.allocUnsafe(length);
    return readSync(file, bytes, 0, length, position) === length ? bytes : undefined;
  };
  return {
    write: (op: Op, body: Buffer = Buffer.alloc(0)): void => {
      const json = Buffer.from(JSON.stringify(op));
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      head.writeUInt32LE(json.length, 0);
      head.writeUInt32LE(body.length, 4);
      head.writeUInt32LE(crc32(body, crc32(json)), 8);
      const frame = Buffer.concat([head, json, body]);
      for (let sent = 0; sent < frame.length;) sent += writeSync(file, frame, sent);
    },
    replay: (apply: (op: Op, body?: Buffer) => void): void => {
      const end = fstatSync(file).size;
      let position = 0;
      while (position + HEAD_BYTES <= end) {
        const head = read(HEAD_BYTES, position);
        const jsonBytes = head?.readUInt32LE(0) ?? 0;
        const bodyBytes = head?.readUInt32LE(4) ?? 0;
        if (position + HEAD_BYTES + jsonBytes + bodyBytes > end) break;
        const json = read(jsonBytes, position + HEAD_BYTES)!;
        const body = read(bodyBytes, position + HEAD_BYTES + jsonBytes)!;
        if (crc32(body, crc32(json)) !== head!.readUInt32LE(8)) break;
        apply(JSON.parse(json.toString('utf8')) as Op, bodyBytes > 0 ? body : undefined);
        position += HEAD_BYTES + jsonBytes + bodyBytes;
      }
      if (position < end) ftruncateSync(file, position);
    },
    close: (): void => closeSync(file),
  };
};
