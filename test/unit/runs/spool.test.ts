import { noTelemetry } from '../../../shared/platform/telemetry';
import { NotFoundError, UpstreamError } from '../../../shared/errors';
import type { Blobs } from '../../../shared/platform/blobs';
import { createSpooledSource, dropSource, holdsSource, spoolSource } from '../../../shared/runs/prepare/spool';
import { RunDocument } from '../../../shared/runs/run';
import type { Slice } from '../../../shared/runs/slice';
import { createStaging } from '../../../shared/runs/staging';
import { fieldText } from '../../../shared/segments/row-chunks';
import type { RowChunk, SegmentSource, SlowPart, SourceSnapshot } from '../../../shared/segments/segment-source';
import { aDocument } from './a-document';

/** Storage in memory that can die after a removal. */
const aStorage = () => {
  const blobs = new Map<string, Buffer>();
  const storage = { diesAfterRemoval: false, blobs };
  const container: Pick<Blobs, 'writeJoined' | 'find' | 'removeAll'> = {
    writeJoined: (name, parts) => {
      if (blobs.has(name)) return Promise.reject(new Error(`${name} would be written over`));
      blobs.set(name, Buffer.concat([...parts]));
      return Promise.resolve({ etag: '' });
    },
    find: (name) => Promise.resolve(blobs.has(name) ? { etag: '', bytes: 0, modifiedAt: '', body: blobs.get(name)! } : undefined),
    removeAll: (prefix) => {
      for (const name of [...blobs.keys()]) if (name.startsWith(prefix)) blobs.delete(name);
      return storage.diesAfterRemoval ? Promise.reject(new Error('killed')) : Promise.resolve(1);
    },
  } as Pick<Blobs, 'writeJoined' | 'find' | 'removeAll'>;
  return { ...storage, storage, staging: createStaging({ blobs: container as Blobs }) };
};

const chunkOf = (text: string): RowChunk => {
  const bytes = Buffer.from(text);
  const ends = Int32Array.of(bytes.length);
  return { bytes, rowCount: 1, width: 1, starts: Int32Array.of(0), ends, escaped: new Uint8Array(1) };
};
const snapshotOf = (id: string): SourceSnapshot => ({
  id,
  complete: true,
  segments: [{ name: 'HighValue', bytes: 1, fields: [{ name: 'EMail', dataType: 'string' }], partitions: [] }],
});

/** A source of `rows` rows, of which another state is there once `state` changes; from row `hangsAt` on nothing comes. */
const aSource = (rows: number) => {
  const source = {
    state: 'first',
    hangsAt: Infinity,
    readSlowly: async function* ({ from, signal }: Parameters<NonNullable<SegmentSource['readSlowly']>>[0]) {
      const at = (from?.resume as { state: string; row: number } | undefined) ?? { state: source.state, row: 0 };
      if (at.state !== source.state)
        throw new UpstreamError('source', { code: 'source_changed', message: 'written again', retryable: true });
      for (let { row } = at; row < rows; row += 1) {
        if (row === source.hangsAt)
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
        const chunk = chunkOf(`${source.state}-${row}`);
        yield { kind: 'rows', segment: 'HighValue', chunk, resume: { state: source.state, row: row + 1 } } satisfies SlowPart;
      }
      return snapshotOf(source.state);
    },
  };
  return source;
};

/** Slices of one run after another; what is written down of the document is all that the next one knows. */
const aRun = (source: ReturnType<typeof aSource>) => {
  const at = aStorage();
  const document = aDocument();
  let durable = JSON.stringify({ ...document, spool: { pieces: [], rows: 0, restarts: 0 } });
  const read = () => RunDocument.parse(JSON.parse(durable));
  const sliceOf = (turn: number, rowsASlice: number): Slice => {
    const own = { ...read(), turn };
    let asked = 0;
    return {
      document: own,
      save: () => {
        durable = JSON.stringify(own);
        return Promise.resolve();
      },
      signal: new AbortController().signal,
      // asked twice for each row
      timeIsUp: () => (asked += 1) >= rowsASlice * 2 - 1,
      ageMs: () => 0,
      telemetry: noTelemetry,
      klaviyo: () => Promise.reject(new Error('not part of this')),
      stopRequested: () => false,
      warn: () => undefined,
      now: () => new Date('2026-11-23T00:00:00.000Z'),
    };
  };
  let turn = 0;
  return {
    ...at,
    read,
    sliceOf: () => sliceOf(turn, 1),
    next: (rowsASlice = 1, mostMs = 60_000) =>
      spoolSource(sliceOf((turn += 1), rowsASlice), { source: source as unknown as SegmentSource, staging: at.staging, mostMs }),
    rows: async (): Promise<string[]> => {
      const { signal } = new AbortController();
      const found: string[] = [];
      const options = { snapshot: snapshotOf('any'), segment: 'HighValue', fields: ['EMail'], signal };
      for await (const chunk of createSpooledSource(read(), at).readRows(options)) found.push(fieldText(chunk, 0, 0));
      return found;
    },
  };
};

it('who dies while a changed source is begun anew leaves a document that names nothing that is gone', async () => {
  const source = aSource(3);
  const run = aRun(source);
  await run.next();
  await run.next();
  expect(await run.rows()).toEqual(['first-0', 'first-1']);

  source.state = 'second';
  run.storage.diesAfterRemoval = true;
  await expect(run.next()).rejects.toThrow('killed');
  run.storage.diesAfterRemoval = false;
  expect(run.read().spool).toEqual({ pieces: [], rows: 0, restarts: 1 });

  while (run.read().spool!.snapshot === undefined) await run.next();
  expect(await run.rows()).toEqual(['second-0', 'second-1', 'second-2']);
  expect(run.read().spool).toMatchObject({ rows: 3, restarts: 1 });
});

it('a source that changes each time it is read ends the run, and is not tried for hours', async () => {
  const source = aSource(3);
  const run = aRun(source);
  for (let time = 0; time <= 3; time += 1) {
    source.state = `state ${time}`;
    if (time > 0) await run.next(); // begins anew
    await run.next();
    expect(await run.rows()).toEqual([`state ${time}-0`]);
  }
  source.state = 'yet another';
  await expect(run.next()).rejects.toMatchObject({ code: 'source_changed', retryable: false });
});

it('keeps what came when nothing more comes, and gives up a slice in which nothing came', async () => {
  const source = aSource(3);
  const run = aRun(source);
  source.hangsAt = 2;
  expect(await run.next(10, 50)).toEqual({ waitMs: 0 });
  expect(await run.rows()).toEqual(['first-0', 'first-1']);
  await expect(run.next(10, 50)).rejects.toMatchObject({ code: 'source_too_slow' });
  source.hangsAt = Infinity;
  expect(await run.next(10)).toEqual({ waitMs: 0 });
  expect(await run.rows()).toEqual(['first-0', 'first-1', 'first-2']);
});

it('what was copied goes once it is prepared, and is asked for no more', async () => {
  const run = aRun(aSource(2));
  await run.next(10);
  expect(holdsSource(run.read())).toBe(true);
  expect([...run.blobs.keys()].length).toBeGreaterThan(1);

  run.storage.diesAfterRemoval = true;
  await expect(dropSource(run.sliceOf(), run)).rejects.toThrow('killed');
  expect(holdsSource(run.read())).toBe(true); // removed again by whoever comes next
  run.storage.diesAfterRemoval = false;
  await dropSource(run.sliceOf(), run);
  expect([...run.blobs.keys()]).toEqual([]);
  expect(holdsSource(run.read())).toBe(false);
  expect(run.read().spool).toEqual({ pieces: [], rows: 2, restarts: 0 });
});

it('a piece that is gone is told as such', async () => {
  const run = aRun(aSource(2));
  await run.next();
  run.blobs.clear();
  await expect(run.next()).rejects.toBeInstanceOf(NotFoundError);
});
