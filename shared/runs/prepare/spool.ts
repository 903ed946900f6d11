import { z } from 'zod';
import { LimitError, UpstreamError } from '../../errors';
import { mappedFields } from '../../exports/mapping';
import type { Mapping } from '../../exports/mapping';
import { decodeFrames, encodeFrame } from '../../segments/row-frames';
import type { Frame } from '../../segments/row-frames';
import type { RowChunk, SegmentSource, SlowPart, SourceSnapshot } from '../../segments/segment-source';
import type { RunDocument } from '../run';
import type { PhaseResult, Slice } from '../slice';
import type { Staging } from '../staging';

const PIECE_BYTES = 4 * 1024 * 1024;
/** Pages may come slowly: whoever dies loses no more than this. */
const PIECE_MS = 20_000;
/** So often is a source read from the beginning that changed while it was read. */
const MAX_RESTARTS = 3;
const CUSTOMER_ID = 'CustomerId';
const LENGTH_BYTES = 4;

/** A snapshot as it was written down; what a source keeps for itself in its partitions is its own affair. */
const KeptSnapshot = z.custom<SourceSnapshot>(
  (value) => z.looseObject({ id: z.string(), segments: z.array(z.looseObject({ name: z.string() })) }).safeParse(value).success,
);

/** The fields that are read of a segment: those of the mapping, and the customer's id where there is one. */
export const fieldsToRead = (mapping: Mapping, known: readonly { readonly name: string }[]): readonly string[] => {
  const mapped = mappedFields(mapping);
  return known.some(({ name }) => name === CUSTOMER_ID) && !mapped.includes(CUSTOMER_ID) ? [...mapped, CUSTOMER_ID] : mapped;
};

type Pieces = Pick<Staging, 'writeSource' | 'readSource' | 'removeSource'>;

export const sourceTooSlow = (): LimitError =>
  new LimitError({
    code: 'source_too_slow',
    message: 'The source was too slow to be read within nine minutes; see whether it is throttled.',
  });

/** Whether rows as the source has them lie in the staged data, also of people whom the run does not send. */
export const holdsSource = ({ spool }: RunDocument): boolean => (spool?.pieces.length ?? 0) > 0;

/**
 * Removes what was copied once it has been prepared. Asked for when the phase behind prepare has been written down: whoever dies before
 * that prepares from it again.
 */
export const dropSource = async (
  { document, save, signal }: Slice,
  { staging }: { staging: Pick<Pieces, 'removeSource'> },
): Promise<void> => {
  const { spool } = document;
  if (!spool || !holdsSource(document)) return;
  await staging.removeSource(document.run.id, { signal });
  spool.pieces = [];
  delete spool.snapshot;
  await save();
};

/** @throws NotFoundError staged_missing */
const readPiece = async (
  staging: Pieces,
  { run }: RunDocument,
  name: string,
  { signal }: { signal: AbortSignal },
): Promise<{ resume: unknown; frames: Iterable<Frame> }> => {
  const piece = await staging.readSource(run.id, name, { signal });
  const behind = LENGTH_BYTES + piece.readUInt32LE(0);
  return {
    resume: JSON.parse(piece.toString('utf8', LENGTH_BYTES, behind)) as unknown,
    frames: decodeFrames(piece.subarray(behind)),
  };
};

const framesOf = async function* (staging: Pieces, document: RunDocument, { signal }: { signal: AbortSignal }): AsyncGenerator<Frame> {
  for (const name of document.spool?.pieces ?? []) yield* (await readPiece(staging, document, name, { signal })).frames;
};

/** The run reads its source in parts from now on. */
export const beginSpool = async (slice: Slice): Promise<PhaseResult> => {
  slice.document.spool = { pieces: [], rows: 0, restarts: 0 };
  tellRows(slice);
  await slice.save();
  return { waitMs: 0 };
};

const tellRows = ({ document, warn }: Slice): void => {
  const { rows } = document.spool!;
  const soFar = rows === 0 ? '' : `; ${rows.toLocaleString('en')} rows have come so far`;
  warn('slow_source', `The source is too slow to be read in one go, so it is read in parts${soFar}.`);
};

/**
 * Copies a source that is too slow for one slice into the run's staged data, as far as the slice goes; the next one goes on where this one,
 * dead or alive, had written down the last piece. Pieces are named by the turn, so a stalled runner cannot write over another one's.
 * @param mostMs age of the slice at which it hands over even in the middle of a page, as the function itself would be ended
 * @throws LimitError source_too_slow when nothing at all came until then
 * @returns when to come back; `incomplete` where the source was being written when the reading began
 */
export const spoolSource = async (
  slice: Slice,
  { source, staging, mostMs }: { source: SegmentSource; staging: Pieces; mostMs: number },
): Promise<{ readonly waitMs: 0 } | { readonly incomplete: SourceSnapshot }> => {
  const { document, signal } = slice;
  const { run, config } = document;
  const spool = document.spool!;
  let frames: Buffer[] = [];
  let bytes = 0;
  let rows = 0;
  let resume: unknown;
  let keptAtMs = slice.ageMs();

  const keep = async (): Promise<void> => {
    if (frames.length === 0) return;
    const where = Buffer.from(JSON.stringify(resume));
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt32LE(where.length);
    const name = `${String(document.turn).padStart(6, '0')}-${String(spool.pieces.length).padStart(6, '0')}`;
    await staging.writeSource(run.id, name, [head, where, ...frames], { signal });
    spool.pieces.push(name);
    spool.rows += rows;
    [frames, bytes, rows] = [[], 0, 0];
    tellRows(slice);
    await slice.save();
    keptAtMs = slice.ageMs();
  };
  const add = ({ kind, segment, chunk, resume: next }: SlowPart): void => {
    const frame = encodeFrame({ kind, segment, chunk });
    frames.push(frame);
    bytes += frame.length;
    if (kind === 'rows') rows += chunk.rowCount;
    resume = next;
  };

  const last = spool.pieces.at(-1);
  const piecesBefore = spool.pieces.length;
  const late = AbortSignal.timeout(Math.max(1, Math.ceil(mostMs - slice.ageMs())));
  try {
    const from = last === undefined ? undefined : await readPiece(staging, document, last, { signal });
    const parts = source.readSlowly!({
      names: config.segments,
      fieldsOf: (known) => fieldsToRead(config.mapping, known),
      ...(from ? { from: { resume: from.resume, kept: () => framesOf(staging, document, { signal }) } } : {}),
      signal: AbortSignal.any([signal, late]),
    });
    try {
      for (;;) {
        const part = await parts.next();
        if (part.done) {
          if (!part.value.complete) return { incomplete: part.value };
          await keep();
          const name = `${String(document.turn).padStart(6, '0')}-snapshot`;
          await staging.writeSource(run.id, name, [Buffer.from(JSON.stringify(part.value))], { signal });
          spool.snapshot = name;
          await slice.save();
          return { waitMs: 0 };
        }
        add(part.value);
        if (bytes >= PIECE_BYTES || slice.ageMs() - keptAtMs > PIECE_MS || slice.timeIsUp()) await keep();
        if (slice.timeIsUp() || slice.stopRequested()) return { waitMs: 0 };
      }
    } finally {
      await parts.return(undefined as never); // whoever stops gets no snapshot
    }
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) {
      await keep();
      // slices in which nothing comes would follow each other for ever
      if (spool.pieces.length === piecesBefore) throw sourceTooSlow();
      return { waitMs: 0 };
    }
    if (!(error instanceof UpstreamError) || last === undefined) throw error;
    // another refresh, or a link that has lost its meaning: what was kept belongs to no state of the source any more
    if (error.code !== 'source_changed' && error.code !== 'source_refused') throw error;
    if (spool.restarts === MAX_RESTARTS) throw error.retryable ? changesTooOften(error) : error;
    document.spool = { pieces: [], rows: 0, restarts: spool.restarts + 1 };
    // first the document, which must not name what is gone; and a stalled runner, whom it refuses, must not remove another one's pieces
    await slice.save();
    await staging.removeSource(run.id, { signal });
    return { waitMs: 0 };
  }
};

const changesTooOften = (cause: UpstreamError): UpstreamError =>
  new UpstreamError('source', {
    code: cause.code,
    message: `The segments were written again each of the ${MAX_RESTARTS + 1} times that they were read; start the export when no refresh is under way.`,
    retryable: false,
    cause,
  });

/** What was spooled, as a source: the rows of the run, at the speed of storage. */
export const createSpooledSource = (
  document: RunDocument,
  { staging }: { staging: Pieces },
): Pick<SegmentSource, 'snapshot' | 'readRows'> => ({
  snapshot: async (_names, { signal }) => {
    const text = (await staging.readSource(document.run.id, document.spool!.snapshot!, { signal })).toString('utf8');
    return KeptSnapshot.parse(JSON.parse(text));
  },
  readRows: async function* ({ segment, signal }): AsyncGenerator<RowChunk> {
    // the fields are those that were asked for when it was spooled: the run's settings do not change
    for await (const frame of framesOf(staging, document, { signal }))
      if (frame.kind === 'rows' && frame.segment === segment && frame.chunk.rowCount > 0) yield frame.chunk;
  },
});
