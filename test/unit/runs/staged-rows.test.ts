import type { RowChunk } from '../../../shared/segments/segment-source';
import { STAGED_ROW_BYTES, putStagedRow, readStagedRows } from '../../../shared/runs/staged-rows';

const chunkOf = (text: string, escaped = 0): RowChunk => {
  const bytes = Buffer.concat([Buffer.from('xx'), Buffer.from(text), Buffer.from('""')]);
  return {
    bytes,
    rowCount: 1,
    width: 1,
    starts: Int32Array.of(2),
    ends: Int32Array.of(bytes.length - 2),
    escaped: Uint8Array.of(escaped),
  };
};

const written = (text: string, { escaped = 0, column = 0, segment = 3, record = 1_234_567 } = {}) => {
  const out = new Uint8Array(STAGED_ROW_BYTES + 7);
  const end = putStagedRow(out, 7, { segment, record }, chunkOf(text, escaped), 0, column);
  return { rows: readStagedRows(Buffer.from(out.subarray(7, end))), bytes: end - 7 };
};

test('a row comes back as it was written', () => {
  expect(written('8f14e45f-ceea-467d').rows).toEqual([{ segment: 3, record: 1_234_567, customerId: '8f14e45f-ceea-467d' }]);
  expect(written('', { segment: 0, record: 0 }).rows).toEqual([{ segment: 0, record: 0, customerId: '' }]);
  expect(written('a,b').rows[0]?.customerId).toBe('a,b');
});

test('a segment without customers leaves the place empty', () => {
  expect(written('ignored', { column: -1 }).rows).toEqual([{ segment: 3, record: 1_234_567, customerId: '' }]);
});

test('an id of Customer Insights takes half its length, and every other one its own', () => {
  const id = 'ce759201f786d590bf2134bff576c369';
  expect(written(id)).toEqual({ rows: [{ segment: 3, record: 1_234_567, customerId: id }], bytes: 22 });
  for (const other of [id.toUpperCase(), `${id}0`, id.slice(1), `g${id.slice(1)}`, `${id.slice(1)}g`]) {
    expect(written(other)).toEqual({ rows: [{ segment: 3, record: 1_234_567, customerId: other }], bytes: 6 + other.length });
  }
  expect(written('x', { record: 0xffff_ffff, segment: 255 }).rows).toEqual([{ segment: 255, record: 0xffff_ffff, customerId: 'x' }]);
});

test('rows that are cut short are no rows', () => {
  const out = Buffer.alloc(STAGED_ROW_BYTES);
  const end = putStagedRow(out, 0, { segment: 0, record: 1 }, chunkOf('customer'), 0, 0);
  for (let length = 1; length < end; length += 1)
    expect(() => readStagedRows(out.subarray(0, length))).toThrow(/outside buffer bounds|out of range|cut short/);
});

test('doubled quotes are one', () => {
  expect(written('a""b""""c', { escaped: 1 }).rows[0]?.customerId).toBe('a"b""c');
  expect(written('a""b').rows[0]?.customerId).toBe('a""b');
  expect(written('a\nb').rows).toEqual([{ segment: 3, record: 1_234_567, customerId: 'a\nb' }]);
});

test.each(['x'.repeat(300), 'é'.repeat(300), 'x' + '美'.repeat(200), '😀'.repeat(100)])('a long id is cut between characters', (id) => {
  const { rows, bytes } = written(id, { segment: 49, record: 100_000_000 });
  const [{ customerId } = { customerId: '' }] = rows;
  expect(id.startsWith(customerId)).toBe(true);
  expect(Buffer.byteLength(customerId)).toBeGreaterThan(196);
  expect(Buffer.byteLength(customerId)).toBeLessThanOrEqual(200);
  expect(bytes).toBeLessThanOrEqual(STAGED_ROW_BYTES);
});
