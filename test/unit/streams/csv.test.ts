import * as fc from 'fast-check';
import { parse } from 'csv-parse/sync';
import { csvCell } from '../../../shared/streams/csv';

describe('csvCell', () => {
  it.each([
    ['Ada', 'Ada'],
    ['', ''],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=1+1', "'=1+1"],
    ['+33123456789', "'+33123456789"],
    ['-2', "'-2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['=HYPERLINK("http://x","y")', '"\'=HYPERLINK(""http://x"",""y"")"'],
    ['  =1', "'  =1"],
    ['\t=1', "'\t=1"],
    ['\tplain', "'\tplain"],
    ['\r=1', '"\'\r=1"'],
    ['\n', '"\'\n"'],
    ['\u00a0=1', "'\u00a0=1"],
    ['\u3000=1', "'\u3000=1"],
    ['\ufeff=1', "'\ufeff=1"],
    ['＝1', "'＝1"],
    ['＋1', "'＋1"],
    ['－1', "'－1"],
    ['＠x', "'＠x"],
    ['a=1', 'a=1'],
    ['ada@example.com', 'ada@example.com'],
  ])('writes %j as %j', (text, expected) => {
    expect(csvCell(text)).toBe(expected);
  });

  it('reads back as the same text, but for the guard before what a spreadsheet would take for a formula', () => {
    const cell = fc.string({ unit: fc.constantFrom(...'ab=+-@\t\r\n",\' ＝é😀'), maxLength: 12 });
    fc.assert(
      fc.property(fc.array(cell, { minLength: 2, maxLength: 5 }), (cells) => {
        const [row] = parse(`${cells.map(csvCell).join(',')}\r\n`, { relax_column_count: true, record_delimiter: '\r\n' });
        for (const [index, read] of (row as string[]).entries()) {
          expect([cells[index], `'${cells[index]}`]).toContain(read);
          expect(read).not.toMatch(/^[\s]*[=+\-@＝]/);
        }
        expect(row).toHaveLength(cells.length);
      }),
      { numRuns: 1_000 },
    );
  });
});
