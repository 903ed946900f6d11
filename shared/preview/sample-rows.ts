import { mappedFields, mappingPointers } from '../exports/mapping';
import type { Mapping } from '../exports/mapping';
import { MAX_PROFILE_BYTES, PROFILE_HEAD, attributesRoom, compileMapping, lastRow, put, putAttributes } from '../klaviyo/payload';
import { EMAIL_MISSING, EMAIL_TOO_LONG, writeEmail } from '../runs/member-key';
import { reasonOf } from '../runs/row-reasons';
import { fieldText, isFieldEmpty } from '../segments/row-chunks';
import type { RowChunk, SegmentSnapshot, SegmentSource, SourceSnapshot } from '../segments/segment-source';
import type { PreviewRow } from './preview-row';

/** Rows that are shown. */
export const PREVIEW_ROWS = 10;
/** Among so many first rows of a segment one is looked for that will not be sent, as it tells most. */
const MAX_LOOKED_AT = 1_000;
const CUSTOMER_ID = 'CustomerId';
const QUOTE = 0x22;
const BRACE = 0x7d;
/** A field may hold anything of any length. */
const MAX_SHOWN_CHARACTERS = 200;

const shown = (chunk: RowChunk, row: number, column: number): string =>
  [...fieldText(chunk, row, column)].slice(0, MAX_SHOWN_CHARACTERS).join('');

const DUPLICATE = 'Another row has this address already; people are sent once.';
const fieldReasons = {
  field_empty: 'The field is empty in the source, so that nothing is sent for it and a value that Klaviyo has stays.',
  phone_invalid:
    'This is no phone number with a country code (+ and 8 to 15 digits), which Klaviyo would refuse; the row is sent without it.',
} as const;

/** Writes rows as a run does, with the same parts, and says what became of each. */
const createRowReader = (segment: SegmentSnapshot, mapping: Mapping, seen: Set<string>) => {
  const mapped = mappedFields(mapping);
  const hasCustomerId = segment.fields.some(({ name }) => name === CUSTOMER_ID);
  const fields = hasCustomerId && !mapped.includes(CUSTOMER_ID) ? [...mapped, CUSTOMER_ID] : mapped;
  const plan = compileMapping(mapping, fields, (field) => segment.fields.find(({ name }) => name === field)?.dataType);
  const pointers = mappingPointers(mapping).filter(({ pointer }) => pointer !== '/mapping/email');
  const out = Buffer.allocUnsafe(attributesRoom(plan) + 1_000);

  const refusedAs = (length: number): string =>
    length === EMAIL_MISSING ? 'email_missing' : length === EMAIL_TOO_LONG ? 'email_too_long' : 'email_invalid';

  /** Writes the address of a row behind the head of its profile. @returns its length, or why it is refused */
  const writeAddress = ({ bytes, starts, ends, width }: RowChunk, row: number): number => {
    const cell = row * width + plan.emailColumn;
    return writeEmail(bytes, starts[cell]!, ends[cell]!, out, PROFILE_HEAD.length);
  };

  const read = (chunk: RowChunk, row: number): PreviewRow => {
    const { starts, ends, width } = chunk;
    const base = row * width;
    const of = {
      segment: segment.name,
      customerId: hasCustomerId ? fieldText(chunk, row, fields.indexOf(CUSTOMER_ID)) : '',
      email: shown(chunk, row, plan.emailColumn),
      source: Object.fromEntries(mapped.map((field, column) => [field, shown(chunk, row, column)])),
    };
    const without = (code: string, message = reasonOf(code)): PreviewRow => ({
      ...of,
      outcome: 'leftOut',
      reason: { code, message },
      leftOut: [],
    });
    const emailAt = put(out, 0, PROFILE_HEAD);
    const length = writeAddress(chunk, row);
    if (length < 0) return without(refusedAs(length));
    let fieldBytes = 0;
    for (let column = 0; column < mapped.length; column += 1) fieldBytes += ends[base + column]! - starts[base + column]!;
    if (fieldBytes > MAX_PROFILE_BYTES) return without('profile_too_large');
    const address = out.toString('latin1', emailAt, emailAt + length);
    if (seen.has(address)) return without('duplicate', DUPLICATE);
    out[emailAt + length] = QUOTE;
    const end = putAttributes(plan, chunk, base, out, emailAt + length + 1);
    if (end > MAX_PROFILE_BYTES) return without('profile_too_large');
    seen.add(address);
    out[end] = BRACE;
    out[end + 1] = BRACE;
    const { phoneDropped } = lastRow;
    return {
      ...of,
      outcome: 'sent',
      leftOut: pointers.flatMap(({ pointer, field }) => {
        const code = isFieldEmpty(chunk, row, fields.indexOf(field))
          ? 'field_empty'
          : phoneDropped && pointer === '/mapping/phoneNumber'
            ? 'phone_invalid'
            : undefined;
        return code === undefined ? [] : [{ pointer, field, code, message: fieldReasons[code] }];
      }),
      profile: JSON.parse(out.toString('utf8', 0, end + 2)) as NonNullable<PreviewRow['profile']>,
    };
  };
  return {
    fields,
    read,
    /** Whether a row has no usable address, told at once: for the many rows that are only looked through. */
    isRefused: (chunk: RowChunk, row: number): boolean => writeAddress(chunk, row) < 0,
  };
};

const isInvalid = ({ reason }: PreviewRow): boolean => reason !== undefined && reason.code !== 'duplicate';

/** The first rows of a segment; `invalid` is the first that would be refused, among them or after them. */
const readFirst = async (
  source: Pick<SegmentSource, 'readRows'>,
  {
    snapshot,
    segment,
    mapping,
    seen,
    seek,
    signal,
  }: { snapshot: SourceSnapshot; segment: SegmentSnapshot; mapping: Mapping; seen: Set<string>; seek: boolean; signal: AbortSignal },
): Promise<{ rows: readonly PreviewRow[]; invalid: PreviewRow | undefined }> => {
  const reader = createRowReader(segment, mapping, seen);
  const rows: PreviewRow[] = [];
  let invalid: PreviewRow | undefined;
  let lookedAt = 0;
  // leaving the loop lets go of the file: no more of it is read than these rows need
  for await (const chunk of source.readRows({ snapshot, segment: segment.name, fields: reader.fields, signal })) {
    for (let row = 0; row < chunk.rowCount; row += 1) {
      if (rows.length < PREVIEW_ROWS) {
        rows.push(reader.read(chunk, row));
        if (isInvalid(rows.at(-1)!)) invalid ??= rows.at(-1);
      } else if (reader.isRefused(chunk, row)) invalid ??= reader.read(chunk, row);
      lookedAt += 1;
      if (rows.length === PREVIEW_ROWS && (!seek || invalid !== undefined || lookedAt >= MAX_LOOKED_AT)) return { rows, invalid };
    }
  }
  return { rows, invalid };
};

/**
 * Ten rows of segments, always the same ones of one snapshot: the first of each, about as many of every segment, and one at least that
 * will not be sent where there is one among the first thousand.
 * @param snapshot whose segments are in the order of the export
 */
export const sampleRows = async (
  source: Pick<SegmentSource, 'readRows'>,
  { snapshot, mapping, signal }: { snapshot: SourceSnapshot; mapping: Mapping; signal: AbortSignal },
): Promise<readonly PreviewRow[]> => {
  const segments = snapshot.segments.slice(0, PREVIEW_ROWS);
  const seen = new Set<string>();
  const found: Awaited<ReturnType<typeof readFirst>>[] = [];
  for (const segment of segments) {
    const seek = found.every(({ invalid }) => invalid === undefined);
    found.push(await readFirst(source, { snapshot, segment, mapping, seen, seek, signal }));
  }
  const fair = segments.map((_, index) => Math.floor(PREVIEW_ROWS / segments.length) + (index < PREVIEW_ROWS % segments.length ? 1 : 0));
  const chosen = found.map(({ rows }, index) => rows.slice(0, fair[index]));
  let left = PREVIEW_ROWS - chosen.reduce((sum, rows) => sum + rows.length, 0);
  for (const [index, { rows }] of found.entries()) {
    const more = rows.slice(chosen[index]!.length, chosen[index]!.length + left);
    chosen[index]!.push(...more);
    left -= more.length;
  }
  const place = found.findIndex(({ invalid }, index) => invalid !== undefined && chosen[index]!.length > 0);
  if (place >= 0 && !chosen.flat().some(isInvalid)) chosen[place]!.splice(-1, 1, found[place]!.invalid!);
  return chosen.flat();
};
