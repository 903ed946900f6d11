import fc from 'fast-check';
import { fieldText } from '../../../shared/segments/row-chunks';
import { decodeFrames, encodeFrame } from '../../../shared/segments/row-frames';
import type { Frame } from '../../../shared/segments/row-frames';

/** Values somewhere in a buffer that holds other things, too, as chunks have them. */
const aFrame = fc
  .record({
    kind: fc.constantFrom('members' as const, 'rows' as const),
    segment: fc.string({ unit: 'grapheme' }),
    rows: fc
      .integer({ min: 0, max: 4 })
      .chain((width) => fc.array(fc.array(fc.string({ unit: 'grapheme' }), { minLength: width, maxLength: width }))),
    withoutProfile: fc.boolean(),
  })
  .map(({ kind, segment, rows, withoutProfile }): Frame => {
    const width = rows[0]?.length ?? 0;
    const values = rows.flat();
    const starts = new Int32Array(values.length + 3);
    const ends = new Int32Array(values.length + 3);
    const escaped = new Uint8Array(values.length + 3);
    let text = 'before';
    for (const [cell, value] of values.entries()) {
      escaped[cell] = value.includes('"') ? 1 : 0;
      starts[cell] = Buffer.byteLength(text);
      text += value.replaceAll('"', '""');
      ends[cell] = Buffer.byteLength(text);
      text += ',';
    }
    const chunk = { bytes: Buffer.from(text), rowCount: rows.length, width, starts, ends, escaped };
    return { kind, segment, chunk: withoutProfile ? { ...chunk, withoutProfile: true } : chunk };
  });

const show = ({ kind, segment, chunk }: Frame) => ({
  kind,
  segment,
  withoutProfile: chunk.withoutProfile ?? false,
  rows: Array.from({ length: chunk.rowCount }, (_, row) =>
    Array.from({ length: chunk.width }, (_value, field) => fieldText(chunk, row, field)),
  ),
});

it('rows that are written down are read back as they were', () => {
  fc.assert(
    fc.property(fc.array(aFrame, { maxLength: 4 }), (frames) => {
      const read = [...decodeFrames(Buffer.concat(frames.map(encodeFrame)))];
      expect(read.map(show)).toEqual(frames.map(show));
    }),
    { numRuns: 300 },
  );
});

it('a piece that is cut off or damaged is refused', () => {
  const chunk = {
    bytes: Buffer.from('ab'),
    rowCount: 1,
    width: 2,
    starts: Int32Array.of(0, 1),
    ends: Int32Array.of(1, 2),
    escaped: new Uint8Array(2),
  };
  const piece = encodeFrame({ kind: 'rows', segment: 'Vip', chunk });
  for (let length = 1; length < piece.length; length += 1) expect(() => [...decodeFrames(piece.subarray(0, length))]).toThrow(RangeError);
  piece.writeUInt32LE(7, 20); // another length of the first value
  expect(() => [...decodeFrames(piece)]).toThrow('damaged');
});
