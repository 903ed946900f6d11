/**
 * Where segments are read from. Two implementations: `cdm-folder` and `dataverse`. The rows of a segment come as bytes:
 * a million of them as objects cost more time than Klaviyo's limits leave (design, "Rows are bytes").
 */

export interface SegmentSource {
  readonly kind: 'cdm-folder' | 'dataverse';
  /** where that is, for people; holds no secret */
  readonly location: string;
  /** All segments that can be read now. @throws UpstreamError (service source) when the source cannot be reached or is malformed */
  listSegments(options: { signal: AbortSignal }): Promise<readonly SegmentInfo[]>;
  /**
   * Field names, types and a sample value.
   * @param samples false: leave out the samples, for which the beginning of the rows has to be read
   * @throws NotFoundError segment_unknown
   */
  describeSegment(name: string, options: { samples?: boolean; signal: AbortSignal }): Promise<SegmentDescription>;
  /**
   * The identity of what would be read now, for several segments at once (they must come from one state of the source).
   * @throws NotFoundError segment_unknown; UpstreamError folder_missing, model_missing, model_malformed, partition_missing
   */
  snapshot(names: readonly string[], options: { signal: AbortSignal }): Promise<SourceSnapshot>;
  /**
   * Streams the rows of one segment of a snapshot, each time in the same order; rows of one partition in theirs.
   * @param fields the fields to find in each row, in the order of `RowChunk` columns
   * @throws InvalidInputError field_unknown; UpstreamError source_changed (ETag), row_width, csv_malformed - each names file and row
   */
  readRows(options: { snapshot: SourceSnapshot; segment: string; fields: readonly string[]; signal: AbortSignal }): AsyncIterable<RowChunk>;
  /**
   * The same for several segments, for a source that needs longer than one invocation: snapshot and rows in parts, after each of which
   * another process can go on. A source that never takes so long leaves it out.
   * @param fieldsOf the fields to find in the rows of a segment
   * @param from where an earlier reading stopped, and everything that was kept of it, in order
   * @returns after the last part, the snapshot that was read; one that is not complete at the beginning comes without parts
   * @throws as `readRows`; source_changed where what was kept is of another state of the source
   */
  readSlowly?(options: {
    names: readonly string[];
    fieldsOf: (fields: SegmentSnapshot['fields']) => readonly string[];
    from?: { readonly resume: unknown; readonly kept: () => AsyncIterable<Omit<SlowPart, 'resume'>> };
    signal: AbortSignal;
  }): AsyncGenerator<SlowPart, SourceSnapshot>;
}

/** A part of a slow reading; its chunk is lent, as any other. */
export interface SlowPart {
  /** rows, or the source's own note of who is in the segment */
  readonly kind: 'members' | 'rows';
  readonly segment: string;
  readonly chunk: RowChunk;
  /** plain JSON: whoever has kept everything up to this part can go on from here */
  readonly resume: unknown;
}

export interface SegmentInfo {
  readonly name: string;
  /** ISO instant, newest `refreshTime` of its partitions; absent where the source does not say */
  readonly refreshedAt?: string;
  readonly partitions: number;
  readonly bytes?: number;
}

export interface SegmentField {
  readonly name: string;
  readonly dataType: string;
  readonly sample?: string;
}

export interface SegmentDescription extends SegmentInfo {
  readonly fields: readonly SegmentField[];
}

export interface SourceSnapshot {
  /** equal ids mean equal data (digest of the ETags read) … */
  readonly id: string;
  /** … or, where the source cannot tell more, that the same customers are in the segments; absent = 'data' */
  readonly identifies?: 'data' | 'members';
  readonly refreshedAt?: string;
  /** false: half-written or still inside the quiet period; `reason` says which in one sentence */
  readonly complete: boolean;
  readonly reason?: string;
  readonly segments: readonly SegmentSnapshot[];
}

export interface SegmentSnapshot {
  readonly name: string;
  readonly refreshedAt?: string;
  /** bytes of all partitions, where the source knows */
  readonly bytes: number;
  /** rows of all partitions, where the source knows */
  readonly rows?: number;
  /** fields that can be asked for, with the source's types */
  readonly fields: readonly { readonly name: string; readonly dataType: string }[];
  /** opaque to everyone but the source; plain JSON, so that it can lie in a run document */
  readonly partitions: readonly PartitionSnapshot[];
}

export interface PartitionSnapshot {
  readonly name: string;
  readonly etag: string;
  readonly bytes: number;
  readonly [more: string]: unknown;
}

/**
 * Some rows of a segment: one buffer of UTF-8 bytes and, for each row and requested field, the start and end of its bytes.
 * Field f of row r lies in `bytes[starts[r * width + f] .. ends[r * width + f])`. The arrays belong to the consumer until it asks
 * for the next chunk; then they are used again.
 */
export interface RowChunk {
  readonly bytes: Uint8Array;
  readonly rowCount: number;
  /** number of requested fields */
  readonly width: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 where the field holds doubled quotes ("") that stand for one */
  readonly escaped: Uint8Array;
  /** these customers are in the segment, but their profiles are not there (yet): no field but the customer's id holds anything */
  readonly withoutProfile?: true;
}
