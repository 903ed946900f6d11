import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Export } from '../exports/export';
import { mappedFields } from '../exports/mapping';
import type { ExportId } from '../ids';
import { MAX_PROFILE_BYTES, attributesRoom, compileMapping, lastRow, putAttributes } from '../klaviyo/payload';
import type { EncodingPlan } from '../klaviyo/payload';
import { fieldText } from '../segments/row-chunks';
import type { RowChunk, SegmentSnapshot, SegmentSource, SourceSnapshot } from '../segments/segment-source';
import { isAddress, isSameAddress } from './address';
import type { Address } from './address';
import { unknownBecause } from './person-trace';
import type { TracedRow, TracedSegment } from './person-trace';

/** So long are rows looked through before others have their turn. */
const MAX_TURN_MS = 5;
const CUSTOMER_ID = 'CustomerId';
/** Rows of one address that are shown of a segment and export; all are counted. */
export const MAX_TRACED_ROWS = 100;

type Asked = Pick<Export, 'id' | 'segments' | 'mapping'>;

/** A row, and the JSON of its attributes, which decides about the winner; absent where the row is refused. */
export interface FoundRow {
  readonly row: TracedRow;
  readonly attributes?: Uint8Array;
}

/** What one segment holds of a person, as each export that uses it would treat it. */
export type FoundInSegment = ReadonlyMap<
  ExportId,
  {
    readonly segment: TracedSegment;
    readonly rows: readonly FoundRow[];
    /** the source's type of each field */
    readonly types: ReadonlyMap<string, string>;
  }
>;

interface Reader {
  readonly exportId: ExportId;
  readonly plan: EncodingPlan;
  /** columns whose bytes count against the size of a profile */
  readonly columns: readonly number[];
  readonly rows: FoundRow[];
  count: number;
}

/** A row as it would be sent: without the winner, which only all segments of an export together tell. */
const traceRow = (chunk: RowChunk, row: number, reader: Reader, address: Address, segment: string, customerColumn: number): FoundRow => {
  const { bytes, starts, ends, escaped, width } = chunk;
  const base = row * width;
  const of = { segment, customerId: customerColumn < 0 ? '' : fieldText(chunk, row, customerColumn), wins: false, phoneDropped: false };
  if (address.refusedAs !== undefined) return { row: { ...of, refusedAs: address.refusedAs } };
  let fieldBytes = 0;
  for (const column of reader.columns) fieldBytes += ends[base + column]! - starts[base + column]!;
  if (fieldBytes > MAX_PROFILE_BYTES) return { row: { ...of, refusedAs: 'profile_too_large' } };
  const out = Buffer.alloc(attributesRoom(reader.plan) + 1_000);
  const from = out.write(`{"email":${JSON.stringify(address.text)}`);
  const to = putAttributes(reader.plan, { bytes, starts, ends, escaped }, base, out, from);
  if (to > MAX_PROFILE_BYTES) return { row: { ...of, refusedAs: 'profile_too_large' } };
  const profile = JSON.parse(`${out.toString('utf8', 0, to)}}`) as Record<string, unknown>;
  return { row: { ...of, phoneDropped: lastRow.phoneDropped, profile }, attributes: Uint8Array.from(out.subarray(from, to)) };
};

/** Reads a segment once for all exports that use it. */
const readSegment = async (
  source: SegmentSource,
  snapshot: SourceSnapshot,
  segment: SegmentSnapshot,
  address: Address,
  readers: readonly Reader[],
  fields: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const customerColumn = fields.indexOf(CUSTOMER_ID);
  const emailColumns = [...new Set(readers.map(({ plan }) => plan.emailColumn))];
  let turnedAt = performance.now();
  for await (const chunk of source.readRows({ snapshot, segment: segment.name, fields, signal })) {
    if (performance.now() - turnedAt > MAX_TURN_MS) {
      await nextTurn();
      signal.throwIfAborted();
      turnedAt = performance.now();
    }
    const { bytes, starts, ends, escaped, rowCount, width } = chunk;
    for (let row = 0; row < rowCount; row += 1) {
      for (const column of emailColumns) {
        const cell = row * width + column;
        const same =
          escaped[cell] === 1
            ? isSameAddress(address, fieldText(chunk, row, column))
            : isAddress(address, bytes, starts[cell]!, ends[cell]!);
        if (!same) continue;
        for (const reader of readers) {
          if (reader.plan.emailColumn !== column) continue;
          reader.count += 1;
          if (reader.rows.length < MAX_TRACED_ROWS) reader.rows.push(traceRow(chunk, row, reader, address, segment.name, customerColumn));
        }
      }
    }
  }
};

const failedAs = (askers: readonly Asked[], name: string, error: unknown): FoundInSegment => {
  const unknown = unknownBecause(error, { code: 'segment_unreadable', message: `The segment ${name} could not be read; try again.` });
  return new Map(askers.map(({ id }) => [id, { segment: { name, unknown }, rows: [], types: new Map<string, string>() }]));
};

/**
 * Where an address stands in a segment now: one scan, whatever number of exports uses the segment and whatever they map. A segment that
 * cannot be read is said as unknown, so that the others still answer.
 */
export const findInSegment = async (
  name: string,
  askers: readonly Asked[],
  { source, address, signal }: { source: SegmentSource; address: Address; signal: AbortSignal },
): Promise<FoundInSegment> => {
  try {
    const snapshot = await source.snapshot([name], { signal });
    const segment = snapshot.segments.find((one) => one.name === name)!;
    const dataTypes = new Map(segment.fields.map((field) => [field.name, field.dataType]));
    const usable = askers.filter(({ mapping }) => mappedFields(mapping).every((field) => dataTypes.has(field)));
    const fields = [
      ...new Set([...usable.flatMap(({ mapping }) => mappedFields(mapping)), ...(dataTypes.has(CUSTOMER_ID) ? [CUSTOMER_ID] : [])]),
    ];
    const readers = usable.map(({ id, mapping }): Reader => {
      const plan = compileMapping(mapping, fields, (field) => dataTypes.get(field));
      return { exportId: id, plan, columns: mappedFields(mapping).map((field) => fields.indexOf(field)), rows: [], count: 0 };
    });
    if (readers.length > 0) await readSegment(source, snapshot, segment, address, readers, fields, signal);
    const found = new Map<ExportId, { segment: TracedSegment; rows: readonly FoundRow[]; types: ReadonlyMap<string, string> }>();
    for (const { id } of askers) {
      const reader = readers.find(({ exportId }) => exportId === id);
      const about = { name, ...(segment.refreshedAt ? { refreshedAt: segment.refreshedAt } : {}), complete: snapshot.complete };
      const unknown = { code: 'field_unknown', message: `The segment ${name} lacks a field that the export maps; correct the mapping.` };
      found.set(id, {
        segment: reader ? { ...about, rows: reader.count } : { ...about, unknown },
        rows: reader?.rows ?? [],
        types: dataTypes,
      });
    }
    return found;
  } catch (error) {
    signal.throwIfAborted();
    return failedAs(askers, name, error);
  }
};
