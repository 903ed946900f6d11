import { z } from 'zod';
import { ConflictError, NotFoundError } from '../errors';
import type { Blobs } from '../platform/blobs';
import type { SegmentSnapshot } from '../segments/segment-source';
import type { AddressSet } from './address-set';
import { StoredFigures, combinationName, figuresName, segmentDigestOf, segmentFolderOf } from './segment-figures';

/** What several segments have in common, kept so that it is answered by one call the next time. */
const Combination = z.object({
  /** digests of the segments' data, in the order of the matrix */
  digests: z.array(z.string()),
  members: z.array(z.int()),
  matrix: z.array(z.array(z.int())),
  union: z.int(),
  countedAt: z.iso.datetime(),
});
export type Combination = z.infer<typeof Combination>;

type Options = { signal: AbortSignal };

/** Metadata takes plain ASCII only, and a segment's or field's name need not be that. */
const FACTS = 'figures';
const encode = (figures: StoredFigures): string => Buffer.from(JSON.stringify(figures)).toString('base64url');
const decode = (metadata: Readonly<Record<string, string>> | undefined): StoredFigures | undefined => {
  // header names have no case of their own
  const text = Object.entries(metadata ?? {}).find(([name]) => name.toLowerCase() === FACTS)?.[1];
  if (text === undefined) return undefined;
  try {
    return StoredFigures.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch {
    return undefined; // another version's: counted anew
  }
};

/**
 * Counted segments in a container of the app's own: one blob per segment, snapshot and field, whose content is the sorted set of hashes and
 * whose metadata are the figures, so that one listing tells them all. Nothing here is needed to run exports; all of it may go at any time.
 */
export const createFiguresStore = ({ blobs }: { blobs: Blobs }) => ({
  find: async (segment: SegmentSnapshot, email: string, { signal }: Options): Promise<StoredFigures | undefined> =>
    decode((await blobs.findProperties(figuresName(segment, email), { signal }))?.metadata),

  /** Figures with the set itself. */
  open: async (segment: SegmentSnapshot, email: string, { signal }: Options) => {
    try {
      const { metadata, stream } = await blobs.readOn(figuresName(segment, email), { signal });
      const figures = decode(metadata);
      if (figures) return { figures, stream };
      stream.destroy();
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
    return undefined;
  },

  /** Keeps what was counted; where somebody else has counted the same since `begunAt`, theirs stays. */
  add: async (
    segment: SegmentSnapshot,
    figures: StoredFigures,
    set: AddressSet,
    { begunAt, signal }: { begunAt: Date } & Options,
  ): Promise<void> => {
    const name = figuresName(segment, figures.email);
    const metadata = { [FACTS]: encode(figures) };
    try {
      await blobs.writeParts(name, set.parts(), { signal, metadata, ifNoneMatch: '*' });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const there = decode((await blobs.findProperties(name, { signal }))?.metadata);
      // one of another key, one that cannot be read, or that was too old for us, is of no use to anybody
      if (there?.hashKeyId !== figures.hashKeyId || Date.parse(there.countedAt) < begunAt.getTime())
        await blobs.writeParts(name, set.parts(), { signal, metadata });
    }
  },

  /** Removes what was counted of earlier snapshots of a segment. @param before what has come later may be newer still, and stays */
  removeOlder: async (segment: SegmentSnapshot, { before, signal }: { before: Date } & Options): Promise<void> => {
    const folder = `${segmentFolderOf(segment.name)}/`;
    const present = `${folder}${segmentDigestOf(segment)}/`;
    for await (const { name, modifiedAt } of blobs.list(folder, { signal })) {
      if (!name.startsWith(present) && Date.parse(modifiedAt) < before.getTime()) await blobs.remove(name, { signal });
    }
  },

  /** Everything counted, whether it is still what the source holds or not. */
  readAll: async function* ({ signal }: Options): AsyncGenerator<StoredFigures> {
    for await (const { metadata } of blobs.listWithMetadata('segments/', { signal })) {
      const figures = decode(metadata);
      if (figures) yield figures;
    }
  },

  findCombination: async (segments: readonly SegmentSnapshot[], email: string, { signal }: Options): Promise<Combination | undefined> => {
    const found = await blobs.find(combinationName(segments, email), { signal });
    if (!found) return undefined;
    const parsed = Combination.safeParse(JSON.parse(found.body.toString('utf8')));
    return parsed.success ? parsed.data : undefined;
  },
  putCombination: async (segments: readonly SegmentSnapshot[], email: string, combination: Combination, { signal }: Options) => {
    await blobs.write(combinationName(segments, email), JSON.stringify(combination), { signal, contentType: 'application/json' });
  },

  /**
   * Clears away what nobody will ask for again.
   * @param segments those that the source has; undefined = nobody knows at the moment, so that age alone counts
   * @returns how many blobs there were
   */
  sweep: async ({ before, segments, signal }: { before: Date; segments: readonly string[] | undefined } & Options): Promise<number> => {
    const folders = segments && new Set(segments.map(segmentFolderOf));
    let removed = 0;
    for await (const { name, modifiedAt } of blobs.list('', { signal })) {
      const vanished = folders !== undefined && name.startsWith('segments/') && !folders.has(name.split('/').slice(0, 2).join('/'));
      if (!vanished && Date.parse(modifiedAt) >= before.getTime()) continue;
      await blobs.remove(name, { signal });
      removed += 1;
    }
    return removed;
  },

  /** Removes everything. */
  removeAll: ({ signal }: Options): Promise<number> => blobs.removeAll('', { signal }),
});

export type FiguresStore = ReturnType<typeof createFiguresStore>;
