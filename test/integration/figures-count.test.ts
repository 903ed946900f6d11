import { setTimeout as sleep } from 'node:timers/promises';
import { BlobServiceClient } from '@azure/storage-blob';
import { startAzurite } from '../../infra/local/storage/azurite';
import type { Azurite } from '../../infra/local/storage/azurite';
import { UpstreamError } from '../../shared/errors';
import { createFigures } from '../../shared/figures/figures';
import { createFiguresStore } from '../../shared/figures/figures-store';
import { createBlobs } from '../../shared/platform/blobs';
import { parseHashKey } from '../../shared/runs/member-key';
import type { RowChunk, SegmentSource, SourceSnapshot } from '../../shared/segments/segment-source';

/** Counting as such: what takes too long, what breaks off, and a source whose snapshots say less. */
const HOUR = 3_600_000;
const { signal } = new AbortController();
let azurite: Azurite;
let containers = 0;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.close());

const chunkOf = (emails: readonly string[]): RowChunk => {
  const starts: number[] = [];
  const ends: number[] = [];
  for (const email of emails) {
    starts.push(ends.at(-1) ?? 0);
    ends.push(starts.at(-1)! + Buffer.byteLength(email));
  }
  const bytes = Buffer.from(emails.join(''));
  const [from, to] = [Int32Array.from(starts), Int32Array.from(ends)];
  return { bytes, rowCount: emails.length, width: 1, starts: from, ends: to, escaped: new Uint8Array(emails.length) };
};
const fields = [{ name: 'EMail', dataType: 'string' }];

/** A source in memory; `onRead` is waited for in the middle of a segment. */
const aWorld = async (
  segments: Record<string, readonly string[]>,
  { kind = 'cdm-folder', countMs = 60_000, beginMs = 60_000 }: { kind?: SegmentSource['kind']; countMs?: number; beginMs?: number } = {},
) => {
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(`figures-${(containers += 1)}`);
  await container.create();
  const world = {
    segments,
    now: new Date('2026-11-26T00:00:00Z'),
    ms: 0,
    scans: [] as string[],
    onRead: async (_segment: string, _signal: AbortSignal): Promise<void> => undefined,
    blobs: async (): Promise<number> => {
      let count = 0;
      for await (const _ of container.listBlobsFlat({ prefix: 'segments/' })) count += 1;
      return count;
    },
  };
  const source: Pick<SegmentSource, 'kind' | 'listSegments' | 'snapshot' | 'readRows'> = {
    kind,
    listSegments: async () => Object.keys(world.segments).map((name) => ({ name, partitions: 1 })),
    snapshot: async (names): Promise<SourceSnapshot> => ({
      id: 'snapshot',
      complete: true,
      segments: names.map((name) => ({ name, bytes: 1, fields, partitions: [{ name, etag: 'same', bytes: 1 }] })),
    }),
    readRows: async function* ({ segment, signal: reading }) {
      world.scans.push(segment);
      yield chunkOf(world.segments[segment]!.slice(0, 1));
      await world.onRead(segment, reading);
      yield chunkOf(world.segments[segment]!.slice(1));
    },
  };
  const figures = createFigures({
    store: createFiguresStore({ blobs: createBlobs(container) }),
    source,
    hashKey: async () => parseHashKey(Buffer.alloc(32, 7).toString('base64')),
    cap: async () => 100,
    now: () => world.now,
    monotonicMs: () => world.ms,
    log: () => undefined,
    countMs,
    beginMs,
  });
  return Object.assign(world, figures);
};
const untilAborted = (_: string, reading: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => reading.addEventListener('abort', () => reject(reading.reason as Error), { once: true }));
const emails = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `p${from + index}@example.com`);

it('a segment that takes too long is refused for now, and nothing of it is kept', async () => {
  const world = await aWorld({ Slow: emails(0, 5) }, { countMs: 30 });
  world.onRead = untilAborted;
  const both = await Promise.allSettled([world.ofSegment('Slow', 'EMail', { signal }), world.ofSegment('Slow', 'EMail', { signal })]);
  for (const one of both) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: 'count_too_slow', retryable: true, retryAfterMs: 60_000 } });
  }
  expect([world.scans, await world.blobs()]).toEqual([['Slow'], 0]);
  world.onRead = async () => undefined;
  expect(await world.ofSegment('Slow', 'EMail', { signal })).toMatchObject({ exportable: 5 });
});

it('what breaks off in the middle is told, and begins anew the next time', async () => {
  const world = await aWorld({ Broken: emails(0, 5) });
  world.onRead = async () => {
    throw new UpstreamError('source', { code: 'source_changed', message: 'The file was written again.', retryable: true });
  };
  await expect(world.ofSegment('Broken', 'EMail', { signal })).rejects.toMatchObject({ code: 'source_changed' });
  expect(await world.blobs()).toBe(0);
  world.onRead = async () => undefined;
  expect(await world.ofSegment('Broken', 'EMail', { signal })).toMatchObject({ members: 5 });
});

it('many segments are counted over several calls, each going on where the last one stood', async () => {
  const world = await aWorld({ A: emails(0, 3), B: emails(2, 5), C: emails(4, 7) }, { beginMs: 10 });
  world.onRead = async () => {
    world.ms += 6;
  };
  const ask = () => world.overlap({ segments: ['A', 'B', 'C'], email: 'EMail' }, { signal });
  await expect(ask()).rejects.toMatchObject({ code: 'count_too_slow', retryable: true, retryAfterMs: 1_000 });
  expect(world.scans).toEqual(['A', 'B']);
  expect(await ask()).toMatchObject({ union: 7 });
  expect(world.scans).toEqual(['A', 'B', 'C']);
});

it('whoever waits for another segment’s count is heard when they give up, and nobody passes the others by that', async () => {
  const world = await aWorld({ Long: emails(0, 3), Next: emails(0, 3), Third: emails(0, 3) });
  let goOn = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    world.onRead = async () => {
      resolve();
      await new Promise<void>((release) => (goOn = release));
    };
  });
  const long = world.ofSegment('Long', 'EMail', { signal });
  await begun;
  const patience = new AbortController();
  const next = world.ofSegment('Next', 'EMail', { signal: patience.signal });
  const refused = expect(next).rejects.toThrow();
  await sleep(200); // until it has looked whether it is counted already
  patience.abort(new Error('enough'));
  await refused;
  const third = world.ofSegment('Third', 'EMail', { signal });
  await sleep(200);
  expect(world.scans).toEqual(['Long']);
  world.onRead = async () => undefined;
  goOn();
  expect([(await long)?.exportable, (await third)?.exportable]).toEqual([3, 3]);
  expect(world.scans).toEqual(['Long', 'Third']);
});

describe('of Dataverse, whose snapshots say who is in a segment and not what their profiles hold,', () => {
  it('figures are believed for an hour, then counted anew in place of the old ones', async () => {
    const world = await aWorld({ Vip: ['p1@example.com', 'nobody'], Other: ['p2@example.com', 'nobody'] }, { kind: 'dataverse' });
    const ask = async () => [
      (await world.ofSegment('Vip', 'EMail', { signal }))!.exportable,
      (await world.overlap({ segments: ['Vip', 'Other'], email: 'EMail' }, { signal })).union,
    ];
    expect(await ask()).toEqual([1, 2]);
    world.segments = { Vip: ['p1@example.com', 'p3@example.com'], Other: ['p2@example.com', 'nobody'] };
    world.now = new Date(world.now.getTime() + HOUR - 1);
    expect([await ask(), world.scans]).toEqual([
      [1, 2],
      ['Vip', 'Other'],
    ]);
    world.now = new Date(world.now.getTime() + 1);
    expect([await ask(), world.scans]).toEqual([
      [2, 3],
      ['Vip', 'Other', 'Vip', 'Other'],
    ]);
    expect(await world.blobs()).toBe(2);
  });

  it('nothing is known without being asked for', async () => {
    const world = await aWorld({ Vip: emails(0, 2) }, { kind: 'dataverse' });
    await world.ofSegment('Vip', 'EMail', { signal });
    expect(await world.knownMembers(['Vip'], 'EMail', { signal })).toBeUndefined();
    const known = await world.known([{ name: 'Vip', partitions: 1 }], { signal });
    expect(known.get('Vip')).toMatchObject({ exportable: 2 });
    world.now = new Date(world.now.getTime() + HOUR);
    expect((await world.known([{ name: 'Vip', partitions: 1 }], { signal })).size).toBe(0);
  });

  it('they are cleared away after a day, whatever segments there are', async () => {
    const world = await aWorld({ Vip: emails(0, 2) }, { kind: 'dataverse' });
    world.now = new Date();
    await world.ofSegment('Vip', 'EMail', { signal });
    world.segments = {};
    expect([await world.sweep({ signal }), await world.blobs()]).toEqual([0, 1]);
    world.now = new Date(Date.now() + 25 * HOUR);
    expect([await world.sweep({ signal }), await world.blobs()]).toEqual([1, 0]);
  });
});
