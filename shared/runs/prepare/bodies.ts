import { LimitError } from '../../errors';
import { MAX_PROFILES_PER_JOB } from '../../klaviyo/endpoints';
import { MAX_BODY_BYTES, PROFILE_HEAD, bodyFrame, put } from '../../klaviyo/payload';
import { MAX_BATCH } from '../member-state';
import type { RunDocument, StagedBatch } from '../run';
import { STAGED_ROW_BYTES } from '../staged-rows';
import type { Staging } from '../staging';

/** Bodies being compressed and stored while the next one is filled. */
const MAX_STAGING = 2;
const COMMA = 0x2c;

/** One body being filled: bytes, rows, and the customers of its rows. */
interface Filling {
  readonly out: Uint8Array;
  at: number;
  rows: number;
  readonly customers: Uint8Array;
  customersAt: number;
  /** rows by segment, where there are several */
  readonly bySegment: number[];
}

/**
 * Cuts rows into import bodies and stages each in the background while the next one is filled. The memory of bodies goes round.
 * @param room bytes that a row may need beyond the cap of a body, as it is written before it is known to fit
 * @param firstRows rows of the first body (the canary); 0 = as many as all others
 */
export const createBodies = (
  { run, config, attempt }: RunDocument,
  {
    staging,
    useGzip,
    room,
    firstRows,
    signal,
  }: { staging: Staging; useGzip: boolean; room: number; firstRows: number; signal: AbortSignal },
) => {
  const { head, tail } = bodyFrame(config.listId);
  const several = config.segments.length > 1;
  const batches: StagedBatch[] = [];
  const underWay = new Set<Promise<void>>();
  const pool: Pick<Filling, 'out' | 'customers'>[] = [];
  let plannedBytes = 0;
  let failure: unknown;

  const begin = (): Filling => {
    const { out, customers } = pool.pop() ?? {
      out: new Uint8Array(MAX_BODY_BYTES + room),
      customers: new Uint8Array(MAX_PROFILES_PER_JOB * STAGED_ROW_BYTES),
    };
    return { out, at: put(out, 0, head), rows: 0, customers, customersAt: 0, bySegment: several ? config.segments.map(() => 0) : [] };
  };
  let begun: Filling | undefined;
  /** Begun when its first row comes: behind the last body there is none. */
  const current = (): Filling => (begun ??= begin());

  const flush = (): void => {
    if (begun === undefined || begun.rows === 0) return;
    const { out, at, rows, customers, customersAt, bySegment } = begun;
    begun = undefined;
    const end = put(out, at, tail);
    const number = batches.length + 1;
    if (number > MAX_BATCH)
      throw new LimitError({ code: 'too_many_jobs', message: `More than ${MAX_BATCH} import jobs would be needed; map fewer fields.` });
    const batch: StagedBatch = {
      number,
      rows,
      ...(several ? { segments: bySegment } : {}),
      bytes: 1,
      jobs: [],
      stripped: 0,
      posted: false,
    };
    batches.push(batch);
    plannedBytes += end;
    const work = staging
      .writeBatch({ runId: run.id, attempt, number, useGzip }, out.subarray(0, end), customers.subarray(0, customersAt), { signal })
      .then(
        (bytes) => {
          batch.bytes = bytes;
          pool.push({ out, customers });
        },
        (error: unknown) => {
          failure ??= error;
        },
      )
      .finally(() => underWay.delete(work));
    underWay.add(work);
  };
  const waitFor = async (most: number): Promise<void> => {
    while (underWay.size > most) await Promise.race(underWay);
    if (failure) throw failure as Error;
  };

  return {
    batches,
    /** number of the batch that takes the next row */
    get number(): number {
      return batches.length + 1;
    },
    get plannedBytes(): number {
      return plannedBytes;
    },
    /** the body that the next row may be written into, behind what is there; a row that is not kept is simply written over */
    get filling(): Filling {
      return current();
    },
    /** where a row begins in `filling.out`, its separator left out */
    rowStart: (): number => {
      const { rows, at } = current();
      return rows === 0 ? at : at + 1;
    },
    /**
     * Keeps the row that lies in `filling.out` from `start` to `end` (head not yet written); a body that would grow too large is staged
     * before, and the row moves to the next one.
     */
    keep: (start: number, end: number, segment: number): void => {
      let filling = current();
      const { out } = filling;
      if (end + tail.length > MAX_BODY_BYTES && filling.rows > 0) {
        const profile = out.slice(start, end);
        flush();
        filling = current();
        filling.at = put(filling.out, filling.at, profile);
        put(filling.out, filling.at - profile.length, PROFILE_HEAD);
      } else {
        put(out, start, PROFILE_HEAD);
        if (filling.rows > 0) out[start - 1] = COMMA;
        filling.at = end;
      }
      filling.rows += 1;
      if (several) filling.bySegment[segment]! += 1;
    },
    /** Stages the body when it has all the rows it may hold; asked after the row's customer was written. */
    flushIfFull: (): void => {
      const rows = begun?.rows;
      if (rows === MAX_PROFILES_PER_JOB || (batches.length === 0 && rows === firstRows)) flush();
    },
    flush,
    /** Waits while too many bodies are under way. @throws what staging threw */
    pressure: (): Promise<void> | undefined => (underWay.size > MAX_STAGING ? waitFor(MAX_STAGING - 1) : undefined),
    /** Waits until all are stored. */
    settled: (): Promise<void> => waitFor(0),
  };
};

export type Bodies = ReturnType<typeof createBodies>;
