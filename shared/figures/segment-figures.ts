import { createHash } from 'node:crypto';
import { z } from 'zod';
import { NORMALISER_VERSION } from '../runs/member-key';
import type { SegmentSnapshot } from '../segments/segment-source';

const count = z.int().min(0);

/** How many people of a segment could be exported by one of its fields; the parts add up to `members`, as the counts of a run do. */
export const SegmentFigures = z
  .object({
    /** field of the source that holds the e-mail address */
    email: z.string(),
    /** when the source refreshed what was counted, where it says so */
    refreshedAt: z.string().optional(),
    countedAt: z.iso.datetime(),
    /** rows of the segment */
    members: count,
    /** distinct usable addresses: so many people an export of this segment alone brings */
    exportable: count,
    withoutEmail: count,
    invalidEmail: count,
    /** rows whose usable address another row of the segment has already */
    duplicates: count,
  })
  .meta({ id: 'SegmentFigures' });
export type SegmentFigures = z.infer<typeof SegmentFigures>;

/** As kept beside the set of hashes. */
export const StoredFigures = SegmentFigures.extend({
  segment: z.string(),
  /** names the key of the hashes: sets of different keys have nothing in common */
  hashKeyId: z.string(),
});
export type StoredFigures = z.infer<typeof StoredFigures>;

const digestOf = (...parts: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

/**
 * Names the data of one segment, whichever other segments were asked for with it: equal digests mean equal rows. Partitions are opaque, but
 * their ETags and all else that tells how they are read stand in them, as a run relies on, too.
 */
export const segmentDigestOf = ({ name, fields, partitions }: SegmentSnapshot): string =>
  digestOf(
    NORMALISER_VERSION,
    name,
    fields.map((field) => field.name),
    partitions,
  );

/** Names may hold anything, so that files are named after their digests. */
export const segmentFolderOf = (segment: string): string => `segments/${digestOf(segment)}`;
export const figuresName = (segment: SegmentSnapshot, email: string): string =>
  `${segmentFolderOf(segment.name)}/${segmentDigestOf(segment)}/${digestOf(email)}`;

/** The same segments in another order are the same combination. */
export const combinationName = (segments: readonly SegmentSnapshot[], email: string): string =>
  `combinations/${digestOf(email, segments.map(segmentDigestOf).sort())}`;
