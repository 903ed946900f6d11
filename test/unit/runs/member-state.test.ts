import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { memberKey } from '../../../shared/runs/member-key';
import {
  ADDED,
  MAX_BATCH,
  MemberTable,
  SEEN,
  SENT,
  SHARED,
  StateHeader,
  UnreadableStateError,
  batchOf,
  decodeState,
  encodeState,
  markOf,
  runOf,
} from '../../../shared/runs/member-state';

type Key = readonly [number, number, number];
const load = ([a, b, c]: Key): void => void Object.assign(memberKey, { a, b, c });
const loaded = (): Key => [memberKey.a, memberKey.b, memberKey.c];
/** Keys of numbers, spread as a hash is; two neighbours share the word that chooses the slot. */
const keyOf = (number: number): Key => [Math.imul(number >>> 1, 0x9e3779b1) >>> 0, number, ~number >>> 0];

interface Model {
  readonly record: number;
  payload: readonly [number, number];
  mark: number;
  flags: number;
}

const expectEqual = (table: MemberTable, model: ReadonlyMap<string, Model>): void => {
  let wrong = 0;
  for (const [name, { record, payload, mark, flags }] of model) {
    load(name.split(' ').map(Number) as unknown as Key);
    if (table.find() !== record || !table.hasPayload(record, ...payload) || table.mark(record) !== mark || table.flags(record) !== flags)
      wrong += 1;
    table.loadKey(record);
    if (loaded().join(' ') !== name) wrong += 1;
  }
  expect({ size: table.size, wrong }).toEqual({ size: model.size, wrong: 0 });
};

describe('a member table', () => {
  it('does what a map of records would do, whatever is asked of it', () => {
    const word = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat({ max: 20 }));
    const command = fc.record({
      key: fc.tuple(word, word, word),
      payload: fc.tuple(fc.nat(), fc.nat()),
      mark: fc.nat(),
      flags: fc.nat({ max: 255 }),
      what: fc.constantFrom('add', 'payload', 'mark', 'flags', 'find'),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const table = new MemberTable();
        const model = new Map<string, Model>();
        for (const { key, payload, mark, flags, what } of commands) {
          const name = key.join(' ');
          const known = model.get(name);
          load(key);
          if (what === 'find') {
            expect(table.find()).toBe(known?.record ?? -1);
            continue;
          }
          const record = table.findOrAdd();
          const member = known ?? { record: model.size, payload: [0, 0], mark: 0, flags: ADDED };
          expect(record).toBe(member.record);
          model.set(name, member);
          if (what === 'payload') table.setPayload(record, ...(member.payload = payload));
          if (what === 'mark') table.setMark(record, (member.mark = mark));
          if (what === 'flags') table.setFlags(record, (member.flags = flags));
          expect(table.isSure(record)).toBe(member.payload.some((part) => part !== 0));
        }
        expectEqual(table, model);
      }),
    );
  });

  it.each([0, 200_000])('grows over several blocks without losing anybody, made for %i members', (expected) => {
    const table = new MemberTable(expected);
    const model = new Map<string, Model>();
    for (let number = 0; number < 150_000; number += 1) {
      const key = keyOf(number * 7);
      load(key);
      const record = table.findOrAdd();
      table.setPayload(record, number, 5);
      table.setMark(record, number);
      model.set(key.join(' '), { record: number, payload: [number, 5], mark: number, flags: ADDED });
    }
    load(keyOf(1));
    expect(table.find()).toBe(-1);
    expectEqual(table, model);
  });

  it('keeps run and batch apart in a mark, also when runs are counted beyond 65,535', () => {
    fc.assert(
      fc.property(fc.nat({ max: 200_000 }), fc.nat({ max: MAX_BATCH }), (run, batch) => {
        expect([runOf(markOf(run, batch)), batchOf(markOf(run, batch))]).toEqual([run % 65_536, batch]);
      }),
    );
  });

  it('copies a record with all it knows', () => {
    const table = new MemberTable();
    load(keyOf(3));
    const record = table.findOrAdd();
    table.setPayload(record, 1, 2);
    table.setMark(record, markOf(4, 5));
    table.setFlags(record, SEEN | SENT | SHARED);
    const copy = new MemberTable();
    copy.copy(table, record);
    copy.loadKey(0);
    expect([copy.size, loaded(), copy.hasPayload(0, 1, 2), copy.mark(0), copy.flags(0)]).toEqual([
      1,
      keyOf(3),
      true,
      markOf(4, 5),
      SEEN | SENT | SHARED,
    ]);
  });
});

const aHeader = (fields: Partial<StateHeader> = {}): StateHeader =>
  StateHeader.parse({
    version: 1,
    exportId: 'exp_0000000001',
    generation: 3,
    count: 0,
    accountId: 'AbC123',
    listId: 'YafG4m',
    membership: 'add',
    mappingDigest: '0123456789abcdef',
    hashKeyId: 'aa',
    normaliser: 1,
    runId: 'run_0000000001',
    runNumber: 7,
    ...fields,
  });

const tableOf = (members: number): MemberTable => {
  const table = new MemberTable();
  for (let number = 0; number < members; number += 1) {
    load(keyOf(number));
    const record = table.findOrAdd();
    table.setPayload(record, number, ~number >>> 0);
    table.setMark(record, markOf(7, number % 100));
    table.setFlags(record, number % 3 === 0 ? SHARED : 0);
  }
  return table;
};
const encode = (header: StateHeader, table: MemberTable): Buffer =>
  Buffer.concat([...encodeState(header, table)].map((part) => Buffer.from(part)));
const decode = (bytes: Uint8Array, pieceBytes = bytes.length) =>
  decodeState(
    Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += pieceBytes) yield Buffer.from(bytes.subarray(at, at + pieceBytes));
      })(),
      { objectMode: false },
    ),
  );

describe('a written state', () => {
  it.each([
    [0, 1_000],
    [1, 1],
    [300, 1],
    [65_536, 65_537],
    [65_537, 10_000],
    [140_000, 4_194_304],
  ])('of %i members is read back as it was, in pieces of %i bytes', async (members, pieceBytes) => {
    const header = aHeader({ proven: true, openJobs: [{ jobId: 'j', mark: 1, expiresAt: '2026-11-23T00:00:00.000Z' }] });
    const table = tableOf(members);
    const bytes = encode(header, table);
    const read = await decode(bytes, pieceBytes);
    expect(read.header).toEqual({ ...header, count: members });
    expect(encode(read.header, read.table).equals(bytes)).toBe(true);
    // and it can be searched
    const model = new Map<string, Model>();
    for (let number = 0; number < members; number += 997)
      model.set(keyOf(number).join(' '), {
        record: number,
        payload: [number, ~number >>> 0],
        mark: markOf(7, number % 100),
        flags: number % 3 === 0 ? SHARED : 0,
      });
    for (const [name, { record }] of model) {
      load(name.split(' ').map(Number) as unknown as Key);
      expect(read.table.find()).toBe(record);
    }
    load(keyOf(members));
    expect(read.table.find()).toBe(-1);
    expect(read.table.findOrAdd()).toBe(members);
  });

  const whole = encode(aHeader(), tableOf(50));

  it('that was cut short anywhere is unreadable', async () => {
    for (let length = 0; length < whole.length; length += length < 400 ? 1 : 37)
      await expect(decode(whole.subarray(0, length))).rejects.toBeInstanceOf(UnreadableStateError);
  });

  it('with one changed byte anywhere is unreadable', async () => {
    for (let at = 0; at < whole.length; at += at < 400 ? 1 : 13) {
      for (const difference of [1, 0x10, 0x80]) {
        const changed = Buffer.from(whole);
        changed[at]! ^= difference;
        await expect(decode(changed)).rejects.toBeInstanceOf(UnreadableStateError);
      }
    }
  });

  it('of a newer version, or of something else altogether, is unreadable', async () => {
    const newer = encode({ ...aHeader(), version: 2 } as unknown as StateHeader, tableOf(2));
    for (const bytes of [
      newer,
      Buffer.from('{}'),
      Buffer.alloc(5_000),
      Buffer.alloc(5_000, 0xff),
      Buffer.from('CIKMEM03' + 'x'.repeat(500)),
    ])
      await expect(decode(bytes)).rejects.toBeInstanceOf(UnreadableStateError);
  });

  it('that claims more members than any export has is unreadable, and no room is made for them', async () => {
    const json = Buffer.from(JSON.stringify({ ...aHeader(), count: 2 ** 40 }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(json.length);
    await expect(decode(Buffer.concat([whole.subarray(0, 8), length, json, Buffer.alloc(1_000)]))).rejects.toBeInstanceOf(
      UnreadableStateError,
    );
  });
});
