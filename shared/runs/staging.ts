import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { RunId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { ConflictError, NotFoundError } from '../errors';
import { decodeState, encodeState } from './member-state';
import type { MemberTable, StateHeader } from './member-state';
import type { StagedBatch } from './run';
import { readStagedRows } from './staged-rows';
import type { StagedRow } from './staged-rows';

const compress = promisify(gzip);
const decompress = promisify(gunzip);
/** Never more than Klaviyo takes, so a damaged body cannot fill the memory. */
const MAX_BODY = 6_000_000;
/** Compressed bodies kept to be sent without being read back: about half of those of a million rows. */
const MAX_KEPT_BYTES = 24 * 1024 * 1024;

const folder = (runId: RunId, attempt: number) => `${runId}/${String(attempt).padStart(4, '0')}`;
const batchName = (runId: RunId, attempt: number, number: number) => `${folder(runId, attempt)}/batch-${String(number).padStart(5, '0')}`;

const sourceName = (runId: RunId, name: string) => `${runId}/source/${name}`;

/** A batch and how long its body is, where it lies. */
type PlacedBatch = Pick<StagedBatch, 'number' | 'bytes'>;

/**
 * emails: addresses of all records, in their order (gzip). leavers: `record` tab `address` a line (gzip). sample: the same of the people
 * to be looked for at the end.
 */
export type StagedExtra = 'emails' | 'leavers' | 'sample';

/**
 * Staged data of a run in the container `staged`: bodies exactly as they will be posted, behind each the customers of its rows, and the
 * member table as it will be when all goes well. A folder per attempt of prepare, so that a stalled runner cannot write over the next
 * one's data (failures.md row 8).
 */
export const createStaging = ({ blobs }: { blobs: Blobs }) => {
  /** The members that this process prepared last: whoever wrote them need not read them back. One at most, as they are large. */
  let prepared: { runId: RunId; attempt: number; header: StateHeader; table: MemberTable } | undefined;
  /** Bodies of that run that were made in this process: the first ones of them, until they are sent or the run ends. */
  const kept = { runId: '', attempt: 0, bytes: 0, bodies: new Map<number, Uint8Array>() };
  const keep = (runId: RunId, attempt: number, number: number, wire: Uint8Array): void => {
    if (kept.runId !== runId || kept.attempt !== attempt) {
      Object.assign(kept, { runId, attempt, bytes: 0 });
      kept.bodies.clear();
    }
    kept.bytes += wire.buffer.byteLength; // what is kept is the memory it lies in
    if (kept.bytes <= MAX_KEPT_BYTES) kept.bodies.set(number, wire);
  };
  const takeKept = (runId: RunId, attempt: number, number: number): Uint8Array | undefined => {
    if (kept.runId !== runId || kept.attempt !== attempt) return undefined;
    const wire = kept.bodies.get(number);
    kept.bodies.delete(number);
    return wire;
  };
  const findPrepared = (runId: RunId, attempt: number) =>
    prepared?.runId === runId && prepared.attempt === attempt ? prepared : undefined;

  return {
    /** @returns bytes of the body as it will be sent; its rows lie behind it in the same blob, as each blob costs some milliseconds */
    writeBatch: async (
      { runId, attempt, number, useGzip }: { runId: RunId; attempt: number; number: number; useGzip: boolean },
      body: Uint8Array,
      rows: Uint8Array,
      { signal }: { signal: AbortSignal },
    ): Promise<number> => {
      // room for the result in one piece: profiles shrink to less than a quarter
      const wire = useGzip ? await compress(body, { level: 1, chunkSize: Math.max(64 * 1024, body.byteLength >>> 2) }) : body;
      await writeOnce(blobs, batchName(runId, attempt, number), [wire, rows], { signal });
      if (useGzip) keep(runId, attempt, number, wire);
      return wire.byteLength;
    },

    /** The body, to be sent as it lies. @throws NotFoundError staged_missing */
    readBatch: async (
      runId: RunId,
      attempt: number,
      { number, bytes }: PlacedBatch,
      { signal }: { signal: AbortSignal },
    ): Promise<Uint8Array> =>
      takeKept(runId, attempt, number) ?? (await readRange(blobs, batchName(runId, attempt, number), { bytes, signal })),

    /** The body as JSON text, whether it lies compressed or not. */
    readBody: async (
      runId: RunId,
      attempt: number,
      { number, bytes }: PlacedBatch,
      { signal }: { signal: AbortSignal },
    ): Promise<string> => {
      const body = await readRange(blobs, batchName(runId, attempt, number), { bytes, signal });
      const compressed = body[0] === 0x1f && body[1] === 0x8b;
      return (compressed ? await decompress(body, { maxOutputLength: MAX_BODY }) : body).toString('utf8');
    },

    readRows: async (
      runId: RunId,
      attempt: number,
      { number, bytes }: PlacedBatch,
      { signal }: { signal: AbortSignal },
    ): Promise<readonly StagedRow[]> =>
      readStagedRows(await readRange(blobs, batchName(runId, attempt, number), { offset: bytes, signal })),

    writeMembers: async (
      runId: RunId,
      attempt: number,
      header: StateHeader,
      table: MemberTable,
      { signal }: { signal: AbortSignal },
    ): Promise<void> => {
      await blobs.writeParts(`${folder(runId, attempt)}/members`, encodeState(header, table), { signal });
      prepared = { runId, attempt, header, table };
    },
    /** A new run is being prepared: the memory is needed. */
    forgetMembers: (): void => {
      prepared = undefined;
    },

    /**
     * The members as prepared, not to be changed.
     * @throws NotFoundError staged_missing; UnreadableStateError
     */
    readMembers: async (
      runId: RunId,
      attempt: number,
      { signal }: { signal: AbortSignal },
    ): Promise<{ header: StateHeader; table: MemberTable }> => {
      const known = findPrepared(runId, attempt);
      if (known) return known;
      const { stream } = await blobs.readOn(`${folder(runId, attempt)}/members`, { signal });
      try {
        return await decodeState(stream);
      } finally {
        stream.destroy();
      }
    },

    /** The same for whoever changes them: nobody else gets this table any more. */
    takeMembers: function (runId: RunId, attempt: number, options: { signal: AbortSignal }) {
      const members = this.readMembers(runId, attempt, options);
      prepared = undefined;
      return members;
    },

    /** Any other data of an attempt, by a name of its own. */
    writeParts: (
      runId: RunId,
      attempt: number,
      what: StagedExtra,
      parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
      { signal }: { signal: AbortSignal },
    ) => blobs.writeParts(`${folder(runId, attempt)}/${what}`, parts, { signal }),

    /** A piece of a source that is read in parts; it stays while attempts come and go. Never over another one. */
    writeSource: (runId: RunId, name: string, parts: readonly Uint8Array[], { signal }: { signal: AbortSignal }): Promise<void> =>
      writeOnce(blobs, sourceName(runId, name), parts, { signal }),
    /** @throws NotFoundError staged_missing */
    readSource: (runId: RunId, name: string, { signal }: { signal: AbortSignal }): Promise<Buffer> =>
      readRange(blobs, sourceName(runId, name), { signal }),
    removeSource: (runId: RunId, { signal }: { signal: AbortSignal }) => blobs.removeAll(`${runId}/source/`, { signal }),

    /** Runs that have staged data, some of them. */
    runs: ({ most, signal }: { most: number; signal: AbortSignal }) => blobs.folders({ size: most, signal }),

    /** When something was last staged for a run; server's clock. */
    newestAt: async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<Date> => {
      let newest = '';
      for await (const { modifiedAt } of blobs.list(`${runId}/`, { signal })) if (modifiedAt > newest) newest = modifiedAt;
      return new Date(newest === '' ? 0 : newest);
    },

    /** @throws NotFoundError */
    open: async (runId: RunId, attempt: number, what: StagedExtra, { signal }: { signal: AbortSignal }): Promise<Readable> =>
      (await blobs.readOn(`${folder(runId, attempt)}/${what}`, { signal })).stream,

    removeAll: (runId: RunId, { signal }: { signal: AbortSignal }) => {
      if (prepared?.runId === runId) prepared = undefined;
      if (kept.runId === runId) kept.bodies.clear();
      return blobs.removeAll(`${runId}/`, { signal });
    },

    /** Removes what attempts before this one left. */
    removeBefore: async (runId: RunId, attempt: number, { signal }: { signal: AbortSignal }): Promise<void> => {
      for (let old = 1; old < attempt; old += 1) await blobs.removeAll(`${folder(runId, old)}/`, { signal });
    },
  };
};

/**
 * Creates a blob, never over another one. When the answer was lost, the SDK's second try meets the first one's blob: ours is no conflict
 * (failures.md rows 11, 12).
 */
const writeOnce = async (blobs: Blobs, name: string, parts: readonly Uint8Array[], { signal }: { signal: AbortSignal }): Promise<void> => {
  try {
    await blobs.writeJoined(name, parts, { signal, ifNoneMatch: '*' });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const there = await blobs.find(name, { signal });
    if (!there?.body.equals(Buffer.concat(parts))) throw error;
  }
};

const readRange = async (
  blobs: Blobs,
  name: string,
  { signal, ...range }: { offset?: number; bytes?: number; signal: AbortSignal },
): Promise<Buffer> => {
  const blob = await blobs.find(name, { ...range, signal });
  if (!blob) throw missing();
  return blob.body;
};

const missing = () =>
  new NotFoundError({ code: 'staged_missing', message: 'The data prepared for this run is no longer there; start the export again.' });

export type Staging = ReturnType<typeof createStaging>;
