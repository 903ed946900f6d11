import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { memberKey } from './member-key';

/**
 * Who was sent, and with what: per member a 96-bit keyed hash of the address, a 64-bit hash of the payload, and the run and batch that
 * last carried it. In memory it is the de-duplication table, too: typed arrays and open addressing, about 33 bytes a member.
 */

/** Records lie in blocks, so that growing copies nothing. */
const BLOCK_BITS = 16;
const BLOCK = 1 << BLOCK_BITS;
const BLOCK_MASK = BLOCK - 1;
const RECORD_BYTES = 25;

/** Flags of a record. SEEN, SENT and ADDED speak of the current run only. */
export const SEEN = 1;
export const SENT = 2;
export const ADDED = 4;
/** its address stands in the run's log already; speaks of the current run only */
export const KNOWN = 16;
/** the source holds this address, though not with a row that can be sent; speaks of the current run only */
export const PRESENT = 32;
/** the source held this address for several customers */
export const SHARED = 8;
/** removed while a post without an answer might still land; looked for once more by the next run */
export const WATCHED = 64;
/** what a state keeps of its records' flags */
export const LASTING = SHARED | WATCHED;

/** Bits of a mark that name the batch; the others name the run. */
const BATCH_BITS = 16;
export const MAX_BATCH = (1 << BATCH_BITS) - 1;

/** Run number and batch in 32 bits; run numbers count modulo 65,536. */
export const markOf = (runNumber: number, batch: number): number => (((runNumber & 0xffff) << BATCH_BITS) | batch) >>> 0;
export const batchOf = (mark: number): number => mark & MAX_BATCH;
export const runOf = (mark: number): number => mark >>> BATCH_BITS;

interface Block {
  readonly keys: Uint32Array;
  readonly payloads: Uint32Array;
  readonly marks: Uint32Array;
  readonly flags: Uint8Array;
}

const newBlock = (): Block => ({
  keys: new Uint32Array(BLOCK * 3),
  payloads: new Uint32Array(BLOCK * 2),
  marks: new Uint32Array(BLOCK),
  flags: new Uint8Array(BLOCK),
});

/** A table of members. Record numbers count from 0 in the order of adding and stay. */
export class MemberTable {
  readonly #blocks: Block[] = [];
  #slots: Uint32Array;
  #mask: number;
  #size = 0;

  /** @param expected members, to begin with the right size; it grows by itself */
  constructor(expected = 0) {
    let slots = 1 << 12;
    while (slots * 0.7 < expected) slots *= 2;
    this.#slots = new Uint32Array(slots);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  /** The record of `memberKey`, added when it is missing (then its flag ADDED is set, and payload and mark are 0). */
  findOrAdd(): number {
    const { a, b, c } = memberKey;
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = a & mask;
    for (;;) {
      const stored = slots[slot]!;
      if (stored === 0) break;
      const record = stored - 1;
      const keys = this.#blocks[record >>> BLOCK_BITS]!.keys;
      const at = (record & BLOCK_MASK) * 3;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c) return record;
      slot = (slot + 1) & mask;
    }
    const record = this.#append(a, b, c);
    slots[slot] = record + 1;
    this.#blocks[record >>> BLOCK_BITS]!.flags[record & BLOCK_MASK] = ADDED;
    if (this.#size > slots.length * 0.7) this.#grow();
    return record;
  }

  /** The record of `memberKey`, or -1. */
  find(): number {
    const { a, b, c } = memberKey;
    let slot = a & this.#mask;
    for (;;) {
      const stored = this.#slots[slot]!;
      if (stored === 0) return -1;
      const record = stored - 1;
      const keys = this.#blocks[record >>> BLOCK_BITS]!.keys;
      const at = (record & BLOCK_MASK) * 3;
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c) return record;
      slot = (slot + 1) & this.#mask;
    }
  }

  flags(record: number): number {
    return this.#blocks[record >>> BLOCK_BITS]!.flags[record & BLOCK_MASK]!;
  }

  setFlags(record: number, flags: number): void {
    this.#blocks[record >>> BLOCK_BITS]!.flags[record & BLOCK_MASK] = flags;
  }

  mark(record: number): number {
    return this.#blocks[record >>> BLOCK_BITS]!.marks[record & BLOCK_MASK]!;
  }

  setMark(record: number, mark: number): void {
    this.#blocks[record >>> BLOCK_BITS]!.marks[record & BLOCK_MASK] = mark;
  }

  hasPayload(record: number, low: number, high: number): boolean {
    const { payloads } = this.#blocks[record >>> BLOCK_BITS]!;
    const at = (record & BLOCK_MASK) * 2;
    return payloads[at] === low && payloads[at + 1] === high;
  }

  /** Whether the member is known to be on the list with some payload. */
  isSure(record: number): boolean {
    return !this.hasPayload(record, 0, 0);
  }

  setPayload(record: number, low: number, high: number): void {
    const { payloads } = this.#blocks[record >>> BLOCK_BITS]!;
    const at = (record & BLOCK_MASK) * 2;
    payloads[at] = low;
    payloads[at + 1] = high;
  }

  /** Whether `memberKey` is the key of this very record. */
  isKeyOf(record: number): boolean {
    const { keys } = this.#blocks[record >>> BLOCK_BITS]!;
    const at = (record & BLOCK_MASK) * 3;
    return keys[at] === memberKey.a && keys[at + 1] === memberKey.b && keys[at + 2] === memberKey.c;
  }

  /** Puts the key of a record into `memberKey`. */
  loadKey(record: number): void {
    const { keys } = this.#blocks[record >>> BLOCK_BITS]!;
    const at = (record & BLOCK_MASK) * 3;
    memberKey.a = keys[at]!;
    memberKey.b = keys[at + 1]!;
    memberKey.c = keys[at + 2]!;
  }

  /** Copies a record of another table to the end of this one; only for tables that are not searched. */
  copy(other: MemberTable, record: number): void {
    other.loadKey(record);
    const added = this.#append(memberKey.a, memberKey.b, memberKey.c);
    const block = other.#blocks[record >>> BLOCK_BITS]!;
    const at = record & BLOCK_MASK;
    this.setPayload(added, block.payloads[at * 2]!, block.payloads[at * 2 + 1]!);
    this.setMark(added, block.marks[at]!);
    this.setFlags(added, block.flags[at]!);
  }

  #append(a: number, b: number, c: number): number {
    const record = this.#size;
    if ((record & BLOCK_MASK) === 0) this.#blocks.push(newBlock());
    const { keys } = this.#blocks[record >>> BLOCK_BITS]!;
    const at = (record & BLOCK_MASK) * 3;
    keys[at] = a;
    keys[at + 1] = b;
    keys[at + 2] = c;
    this.#size += 1;
    return record;
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let record = 0; record < this.#size; record += 1) {
      let slot = this.#blocks[record >>> BLOCK_BITS]!.keys[(record & BLOCK_MASK) * 3]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = record + 1;
    }
    this.#slots = slots;
    this.#mask = mask;
  }

  /** The records as bytes, block by block: keys, payloads, marks, flags. Views, so write them before the table changes. */
  *toBytes(): Generator<Uint8Array> {
    for (let number = 0; number < this.#blocks.length; number += 1) {
      const { keys, payloads, marks, flags } = this.#blocks[number]!;
      const count = Math.min(BLOCK, this.#size - number * BLOCK);
      yield new Uint8Array(keys.buffer, 0, count * 12);
      yield new Uint8Array(payloads.buffer, 0, count * 8);
      yield new Uint8Array(marks.buffer, 0, count * 4);
      yield new Uint8Array(flags.buffer, 0, count);
    }
  }

  /** Adds the next block as `toBytes` wrote it; all but the last block are full. */
  addBlock(bytes: Uint8Array, count: number): void {
    const block = newBlock();
    new Uint8Array(block.keys.buffer).set(bytes.subarray(0, count * 12));
    new Uint8Array(block.payloads.buffer).set(bytes.subarray(count * 12, count * 20));
    new Uint8Array(block.marks.buffer).set(bytes.subarray(count * 20, count * 24));
    block.flags.set(bytes.subarray(count * 24, count * 25));
    this.#blocks.push(block);
    for (let i = 0; i < count; i += 1) {
      let slot = block.keys[i * 3]! & this.#mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & this.#mask;
      this.#size += 1;
      this.#slots[slot] = this.#size;
    }
  }
}

/** What a state says of itself; any mismatch with what is expected means "send everything, remove nobody" (design, "Member state"). */
export const StateHeader = z.object({
  version: z.literal(1),
  exportId: z.string(),
  generation: z.int().min(0),
  /** bounded, as room for so many is made before they are read */
  count: z.int().min(0).max(100_000_000),
  accountId: z.string(),
  listId: z.string(),
  membership: z.enum(['add', 'mirror']),
  mappingDigest: z.string(),
  hashKeyId: z.string(),
  normaliser: z.int(),
  runId: z.string(),
  runNumber: z.int(),
  /** when everything was last sent, changed or not */
  fullAt: z.iso.datetime().optional(),
  /** set once the canary's people were seen on this account's list with this mapping */
  proven: z.boolean().default(false),
  /** jobs that had not ended by their deadline: their rows are neither sent nor removed until the job has ended or expired */
  openJobs: z.array(z.object({ jobId: z.string(), mark: z.int(), expiresAt: z.iso.datetime() })).default([]),
  /** the oldest post that got no answer; it may have been admitted later */
  doubtSince: z.iso.datetime().optional(),
  /** when the newest such post can no longer be admitted */
  doubtUntil: z.iso.datetime().optional(),
  /** removals of the last seven days, approved ones left out */
  removals: z.array(z.object({ at: z.iso.datetime(), count: z.int() })).default([]),
});
export type StateHeader = z.infer<typeof StateHeader>;

const MAGIC = Buffer.from('CIKMEM02');
const TRAILER_BYTES = 32;

/** A state as a stream of bytes: magic, header length, header, records, SHA-256 of all that. */
export function* encodeState(header: StateHeader, table: MemberTable): Generator<Uint8Array> {
  const digest = createHash('sha256');
  const json = Buffer.from(JSON.stringify({ ...header, count: table.size }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  for (const part of [MAGIC, length, json]) {
    digest.update(part);
    yield part;
  }
  for (const part of table.toBytes()) {
    digest.update(part);
    yield part;
  }
  yield digest.digest();
}

export class UnreadableStateError extends Error {}

const parseHeader = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new UnreadableStateError('The member state is damaged.');
  }
};

/**
 * Reads a state block by block.
 * @throws UnreadableStateError when it is of another version, cut short or changed; the caller then sends everything and removes nobody
 */
export const decodeState = async (stream: Readable): Promise<{ header: StateHeader; table: MemberTable }> => {
  const digest = createHash('sha256');
  const iterator = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  // one piece of memory for all blocks: a new one each would leave the size of the state behind as garbage
  let space = Buffer.allocUnsafe(4_096);
  /** The next bytes; they live until the next call. */
  const take = async (bytes: number): Promise<Buffer> => {
    if (bytes > space.length) space = Buffer.allocUnsafe(bytes);
    let have = 0;
    while (have < bytes) {
      if (rest.length === 0) {
        const next = await iterator.next();
        if (next.done) throw new UnreadableStateError('The member state is cut short.');
        rest = next.value;
        continue;
      }
      const copied = rest.copy(space, have, 0, bytes - have);
      have += copied;
      rest = rest.subarray(copied);
    }
    return space.subarray(0, bytes);
  };
  const takeHashed = async (bytes: number): Promise<Buffer> => {
    const part = await take(bytes);
    digest.update(part);
    return part;
  };
  if (!(await takeHashed(MAGIC.length)).equals(MAGIC)) throw new UnreadableStateError('The member state is of another version.');
  const headerBytes = (await takeHashed(4)).readUInt32LE();
  if (headerBytes > 4_000_000) throw new UnreadableStateError('The member state is damaged.');
  const parsed = StateHeader.safeParse(parseHeader(await takeHashed(headerBytes)));
  if (!parsed.success) throw new UnreadableStateError('The member state is of another version.');
  const header = parsed.data;
  const table = new MemberTable(header.count);
  for (let left = header.count; left > 0; left -= BLOCK) {
    const count = Math.min(BLOCK, left);
    table.addBlock(await takeHashed(count * RECORD_BYTES), count);
  }
  const expected = digest.digest();
  if (!(await take(TRAILER_BYTES)).equals(expected)) throw new UnreadableStateError('The member state is damaged.');
  return { header, table };
};
