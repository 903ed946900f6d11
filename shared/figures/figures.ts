import { InvalidInputError, UpstreamError } from '../errors';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { HashKey } from '../runs/member-key';
import { requestedSnapshot } from '../segments/requested-snapshot';
import type { SegmentInfo, SegmentSnapshot, SegmentSource, SourceSnapshot } from '../segments/segment-source';
import { countSegment } from './count-segment';
import type { Combination, FiguresStore } from './figures-store';
import { overlapOf } from './overlap';
import type { Overlap } from './overlap';
import { SegmentFigures, figuresName, segmentDigestOf } from './segment-figures';
import type { StoredFigures } from './segment-figures';

/** A million rows take about two seconds; whoever waits longer than this is told to come back. */
const COUNT_MS = 100_000;
/** A call counts one segment after the other and begins no further one after this; what is counted by then is kept. */
const BEGIN_MS = 100_000;
const COME_BACK_MS = 60_000;
/**
 * Dataverse names who is in a segment, not what their profiles hold: its figures are believed for this long only, so that a corrected
 * address counts.
 */
const DATAVERSE_MS = 3_600_000;
/** Of segments that nobody has looked at for so long nothing is kept. */
const KEEP_MS = 30 * 86_400_000;
const KEEP_DATAVERSE_MS = 86_400_000;

type Options = { signal: AbortSignal };

/** Figures of the snapshot that is there now. */
export interface PresentFigures extends SegmentFigures {
  /** the source's name for what was counted; a run of this segment alone reads the same under the same name */
  readonly snapshotId: string;
  /** most people that an export may send unless it has a lower limit of its own */
  readonly cap: number;
  readonly overCap: boolean;
}

export interface SegmentOverlap extends Overlap {
  readonly snapshotId: string;
  readonly refreshedAt?: string;
  readonly email: string;
  readonly segments: readonly { readonly name: string; readonly members: number; readonly exportable: number; readonly overCap: boolean }[];
  readonly cap: number;
  readonly overCap: boolean;
}

/** Rejects when the signal is aborted, for what does not wait on signals itself. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const refuse = () => reject(signal.reason as Error);
    if (signal.aborted) refuse();
    signal.addEventListener('abort', refuse, { once: true });
  });

const requireComplete = ({ complete, reason }: SourceSnapshot): void => {
  if (complete) return;
  throw new UpstreamError('source', {
    code: 'snapshot_incomplete',
    message: `The segments are being written, so they are not counted yet: ${reason ?? 'not all files are there.'}`,
    retryable: true,
    retryAfterMs: COME_BACK_MS,
  });
};

const requireField = ({ name, fields }: SegmentSnapshot, email: string, pointer: string): void => {
  if (fields.some((field) => field.name === email)) return;
  throw new InvalidInputError({ code: 'field_unknown', message: `The segment ${name} has no field ${email}.`, pointer });
};

/**
 * Whom segments would bring: counted by one scan per segment, snapshot and field of the address, and kept, so that every further question
 * and every combination is answered without the source.
 * @param cap most people an export may send
 */
export const createFigures = ({
  store,
  source,
  hashKey,
  cap,
  now,
  monotonicMs,
  log,
  countMs = COUNT_MS,
  beginMs = BEGIN_MS,
}: {
  store: FiguresStore;
  source: Pick<SegmentSource, 'kind' | 'listSegments' | 'snapshot' | 'readRows'>;
  hashKey: (options: Options) => Promise<HashKey>;
  cap: (options: Options) => Promise<number>;
  now: () => Date;
  monotonicMs: () => number;
  log: Log;
  countMs?: number;
  beginMs?: number;
}) => {
  /** Scans of this process by name: two callers at once scan once. */
  const underWay = new Map<string, Promise<StoredFigures>>();
  /** One after the other, as they share one processor, and so that memory is that of one. */
  let last: Promise<unknown> = Promise.resolve();

  const isFresh = ({ countedAt }: { readonly countedAt: string }): boolean =>
    source.kind !== 'dataverse' || now().getTime() - Date.parse(countedAt) < DATAVERSE_MS;

  const scan = async (snapshot: SourceSnapshot, segment: SegmentSnapshot, email: string, { signal }: Options): Promise<StoredFigures> => {
    const begunAt = now();
    const begunMs = monotonicMs();
    const key = await hashKey({ signal });
    const tooLong = AbortSignal.timeout(countMs);
    const counting = { snapshot, segment: segment.name, email, key, signal: AbortSignal.any([signal, tooLong]) };
    const { counts, set } = await countSegment(source, counting).catch((error: unknown) => {
      if (!tooLong.aborted || signal.aborted) throw error;
      throw new UpstreamError('source', {
        code: 'count_too_slow',
        message: `The segment ${segment.name} could not be counted within ${Math.ceil(countMs / 1_000)} seconds; try again when the source is less busy.`,
        retryable: true,
        retryAfterMs: COME_BACK_MS,
        cause: error,
      });
    });
    const { name, refreshedAt } = segment;
    const about = { segment: name, email, ...(refreshedAt === undefined ? {} : { refreshedAt }), countedAt: now().toISOString() };
    const figures: StoredFigures = { ...about, ...counts, hashKeyId: key.id };
    await store.add(segment, figures, set, { begunAt, signal });
    log('segment_counted', { members: counts.members, exportable: counts.exportable, ms: Math.round(monotonicMs() - begunMs) });
    // what was counted before this began, of other snapshots
    await store.removeOlder(segment, { before: begunAt, signal });
    return figures;
  };

  const count = (snapshot: SourceSnapshot, segment: SegmentSnapshot, email: string, { signal }: Options): Promise<StoredFigures> => {
    const name = figuresName(segment, email);
    const known = underWay.get(name);
    if (known) return known;
    const before = last;
    const counting = (async () => {
      await Promise.race([before, aborted(signal)]);
      return scan(snapshot, segment, email, { signal });
    })().finally(() => underWay.delete(name));
    // one that gave up while it waited lets nobody pass
    last = Promise.allSettled([before, counting]).then(() => undefined);
    underWay.set(name, counting);
    return counting;
  };

  /** The stored sets of segments, in their order; those that are missing are counted first. */
  const openSets = async (snapshot: SourceSnapshot, segments: readonly SegmentSnapshot[], email: string, { signal }: Options) => {
    const { id } = await hashKey({ signal });
    const begun = monotonicMs();
    const openAll = async () => {
      const opened: NonNullable<Awaited<ReturnType<FiguresStore['open']>>>[] = [];
      const missing: SegmentSnapshot[] = [];
      const close = (): void => opened.forEach(({ stream }) => stream.destroy());
      try {
        for (const segment of segments) {
          const one = await store.open(segment, email, { signal });
          if (one?.figures.hashKeyId === id && isFresh(one.figures)) opened.push(one);
          else {
            one?.stream.destroy();
            missing.push(segment);
          }
        }
      } catch (error) {
        close();
        throw error;
      }
      return { opened, missing, close };
    };
    const first = await openAll();
    if (first.missing.length === 0) return first;
    first.close();
    requireComplete(snapshot);
    for (const segment of first.missing) {
      if (monotonicMs() - begun > beginMs) {
        throw new UpstreamError('source', {
          code: 'count_too_slow',
          message: 'Counting these segments takes longer than one call may; ask again, it goes on where it stands.',
          retryable: true,
          retryAfterMs: 1_000,
        });
      }
      await count(snapshot, segment, email, { signal });
    }
    const second = await openAll();
    if (second.missing.length === 0) return second;
    second.close();
    throw new UpstreamError('storage', {
      code: 'figures_gone',
      message: 'The figures were cleared while they were put together; ask again.',
      retryable: true,
      retryAfterMs: 1_000,
    });
  };

  /** What segments have in common, as it is kept, in the order that was asked for. */
  const combine = async (
    snapshot: SourceSnapshot,
    segments: readonly SegmentSnapshot[],
    email: string,
    { signal }: Options,
  ): Promise<Pick<Combination, 'members' | 'matrix' | 'union'>> => {
    const digests = segments.map(segmentDigestOf);
    const kept = await store.findCombination(segments, email, { signal });
    if (kept && isFresh(kept)) {
      const places = digests.map((digest) => kept.digests.indexOf(digest));
      return {
        members: places.map((place) => kept.members[place]!),
        matrix: places.map((row) => places.map((column) => kept.matrix[row]![column]!)),
        union: kept.union,
      };
    }
    const { opened, close } = await openSets(snapshot, segments, email, { signal });
    try {
      const overlap = await overlapOf(
        opened.map(({ stream }) => stream as AsyncIterable<Uint8Array>),
        { signal },
      );
      const { union } = overlap;
      const matrix = overlap.matrix.map((row) => [...row]);
      const members = opened.map(({ figures }) => figures.members);
      await store.putCombination(segments, email, { digests, members, matrix, union, countedAt: now().toISOString() }, { signal });
      return { members, matrix, union };
    } finally {
      close();
    }
  };

  const present = async (
    snapshot: SourceSnapshot,
    email: string,
    { mayCount, signal }: { mayCount: boolean } & Options,
  ): Promise<StoredFigures | undefined> => {
    const [segment] = snapshot.segments;
    const known = await store.find(segment!, email, { signal });
    if (known && isFresh(known)) return known;
    if (!mayCount) return undefined;
    requireComplete(snapshot);
    return count(snapshot, segment!, email, { signal });
  };

  return {
    /**
     * The figures of one segment as it is now; counts it when nobody has yet.
     * @param mayCount false: undefined where nobody has counted it yet, as a scan lets others wait
     * @throws NotFoundError segment_unknown; InvalidInputError field_unknown; UpstreamError snapshot_incomplete, count_too_slow
     */
    ofSegment: async (
      name: string,
      email: string,
      { mayCount = true, signal }: { mayCount?: boolean } & Options,
    ): Promise<PresentFigures | undefined> => {
      const snapshot = await source.snapshot([name], { signal });
      const segment = snapshot.segments[0]!;
      requireField(segment, email, '?email');
      const found = await present(snapshot, email, { mayCount, signal });
      if (found === undefined) return undefined;
      const { refreshedAt: _, ...figures } = SegmentFigures.parse(found);
      const most = await cap({ signal });
      // the same files may have been confirmed by a later refresh
      const refreshed = segment.refreshedAt === undefined ? {} : { refreshedAt: segment.refreshedAt };
      return { ...figures, ...refreshed, snapshotId: snapshot.id, cap: most, overCap: figures.exportable > most };
    },

    /**
     * What segments have in common and how many distinct people they bring together (customer-insights.md L2).
     * @throws InvalidInputError segment_unknown, field_unknown; UpstreamError snapshot_incomplete, count_too_slow: what is counted is kept
     */
    overlap: async (
      { segments: names, email }: { segments: readonly string[]; email: string },
      { signal }: Options,
    ): Promise<SegmentOverlap> => {
      const snapshot = await requestedSnapshot(source, names, { signal });
      const { segments } = snapshot;
      for (const segment of segments) requireField(segment, email, '/email');
      const { members, matrix, union } = await combine(snapshot, segments, email, { signal });
      const most = await cap({ signal });
      return {
        snapshotId: snapshot.id,
        ...(snapshot.refreshedAt === undefined ? {} : { refreshedAt: snapshot.refreshedAt }),
        email,
        segments: segments.map(({ name }, index) => {
          const exportable = matrix[index]![index]!;
          return { name, members: members[index]!, exportable, overCap: exportable > most };
        }),
        matrix,
        union,
        cap: most,
        overCap: union > most,
      };
    },

    /**
     * How many distinct people segments bring together, where that has been counted for what the source holds now: one call to our storage,
     * never a scan. Whatever stands in the way, nothing is known: whoever asks only wants to warn. Nor is it for Dataverse, where already
     * the look at what it holds now takes a call for each 5,000 members.
     */
    knownMembers: async (names: readonly string[], email: string, { signal }: Options): Promise<number | undefined> => {
      if (source.kind === 'dataverse') return undefined;
      try {
        const snapshot = await source.snapshot(names, { signal });
        const [only, another] = snapshot.segments;
        if (!only) return undefined;
        if (!another) return (await store.find(only, email, { signal }))?.exportable;
        return (await store.findCombination(snapshot.segments, email, { signal }))?.union;
      } catch (error) {
        signal.throwIfAborted();
        log('figures_unknown', errorFields(error));
        return undefined;
      }
    },

    /** The figures that are known of segments as they are now, by name; of several fields those counted last. One call per 5,000. */
    known: async (segments: readonly SegmentInfo[], { signal }: Options): Promise<ReadonlyMap<string, SegmentFigures>> => {
      const refreshed = new Map(segments.map(({ name, refreshedAt }) => [name, refreshedAt]));
      const found = new Map<string, SegmentFigures>();
      for await (const { segment, ...figures } of store.readAll({ signal })) {
        if (!refreshed.has(segment) || figures.refreshedAt !== refreshed.get(segment) || !isFresh(figures)) continue;
        // without a time nobody can tell whether they are those of today
        if (figures.refreshedAt === undefined && source.kind !== 'dataverse') continue;
        const other = found.get(segment);
        if (other === undefined || other.countedAt < figures.countedAt) found.set(segment, SegmentFigures.parse(figures));
      }
      return found;
    },

    /** Clears away figures that are old or whose segment has gone. @returns how many blobs there were */
    sweep: async ({ signal }: Options): Promise<number> => {
      if (source.kind === 'dataverse') {
        // there a list of all segments takes a call for each 5,000 members, and figures are not believed for long anyway
        return store.sweep({ before: new Date(now().getTime() - KEEP_DATAVERSE_MS), segments: undefined, signal });
      }
      const segments = await source.listSegments({ signal }).catch(() => undefined);
      signal.throwIfAborted();
      const names = segments?.map(({ name }) => name);
      return store.sweep({ before: new Date(now().getTime() - KEEP_MS), segments: names, signal });
    },

    /** Drops everything, as a person's hash may stand in any of it; the next question counts anew. */
    forgetAll: async ({ signal }: Options): Promise<void> => {
      await store.removeAll({ signal });
    },
  };
};

export type Figures = ReturnType<typeof createFigures>;
