import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { UpstreamError } from '../../../shared/errors';
import { createCsvScanner, type CsvDialect, type CsvPlace, type CsvScannerOptions } from '../../../shared/segments/cdm-folder/csv-scanner';
import { copyField, fieldText } from '../../../shared/segments/row-chunks';
import type { RowChunk } from '../../../shared/segments/segment-source';

const plain: CsvDialect = { delimiter: ',', quoted: true, quoteAnywhere: true, header: false };
const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `c${index}`);
const piecesOf = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size));

const rowsOf = (chunk: RowChunk): string[][] =>
  Array.from({ length: chunk.rowCount }, (_row, row) => Array.from({ length: chunk.width }, (_, field) => fieldText(chunk, row, field)));

const readAll = (
  content: string | Uint8Array,
  { pieceBytes = 65_536, ...options }: Partial<CsvScannerOptions> & { columns: readonly string[]; pieceBytes?: number },
): string[][] => {
  const scanner = createCsvScanner({ file: 'people.csv', dialect: plain, fields: options.columns, ...options });
  const rows: string[][] = [];
  for (const piece of piecesOf(Buffer.from(content as string), pieceBytes))
    for (const chunk of scanner.push(piece)) rows.push(...rowsOf(chunk));
  for (const chunk of scanner.end()) rows.push(...rowsOf(chunk));
  return rows;
};

const errorOf = (content: string | Uint8Array, options: Parameters<typeof readAll>[1]): UpstreamError => {
  try {
    readAll(content, options);
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
  throw new Error('expected an error');
};

/** A writer that shares nothing with the scanner: as RFC 4180, with every freedom the dialects leave. */
const write = (
  table: readonly (readonly string[])[],
  {
    delimiter,
    lineEnd,
    endsWithLineEnd,
    always,
  }: { delimiter: string; lineEnd: string; endsWithLineEnd: boolean; always: (cell: number) => boolean },
): string => {
  let cell = 0;
  const lines = table.map((row) =>
    row
      .map((value) => {
        const needs = value.includes('"') || value.includes(delimiter) || value.includes('\n') || value.includes('\r');
        return needs || always(cell++) ? `"${value.split('"').join('""')}"` : value;
      })
      .join(delimiter),
  );
  return lines.join(lineEnd) + (endsWithLineEnd ? lineEnd : '');
};

/** Strings in which what matters to CSV is common, and the rest is anything but NUL. */
const value = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.string({ unit: fc.constantFrom('a', 'é', '日', '😀', ' ', '"', ',', ';', '|', '\t', '\r', '\n'), maxLength: 8 }),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.toWellFormed().replaceAll('\0', '')) },
);
const table = fc
  .integer({ min: 1, max: 6 })
  .chain((width) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }));
const freedom = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  endsWithLineEnd: fc.boolean(),
  quoteSeed: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  quoteAnywhere: fc.boolean(),
  mark: fc.boolean(),
  header: fc.boolean(),
  pieceBytes: fc.integer({ min: 1, max: 40 }),
  windowBytes: fc.oneof(fc.integer({ min: 16, max: 64 }), fc.constant(262_144)),
  maxRows: fc.integer({ min: 1, max: 5 }),
});

/** What CSV cannot tell apart: an only column without a value as last line has to be quoted. */
const isAmbiguous = (text: string, width: number) => width === 1 && !text.includes('"') && /(^|[\r\n])$/.test(text);

describe('CSV scanner', () => {
  it('reads back any table from any dialect, cut anywhere', () => {
    fc.assert(
      fc.property(table, freedom, (rows, { quoteSeed, quoteAnywhere, mark, header, pieceBytes, windowBytes, maxRows, ...how }) => {
        const columns = namesOf(rows[0]!.length);
        const always = (cell: number) => columns.length === 1 || ((quoteSeed >> (cell % 31)) & 1) === 1;
        const text = (mark ? '\ufeff' : '') + write(header ? [columns, ...rows] : rows, { ...how, always });
        const dialect = { delimiter: how.delimiter, quoted: true, quoteAnywhere, header };
        expect(readAll(text, { columns, dialect, pieceBytes, windowBytes, maxRows })).toEqual(rows);
      }),
      { numRuns: 12_000 },
    );
  });

  it('goes on behind any of its chunks, in a scanner that has seen nothing before', () => {
    fc.assert(
      fc.property(
        table,
        freedom,
        fc.nat(20),
        (rows, { quoteSeed, quoteAnywhere, mark, pieceBytes, windowBytes, maxRows, ...how }, stop) => {
          const names = namesOf(rows[0]!.length);
          const always = (cell: number) => names.length === 1 || ((quoteSeed >> (cell % 31)) & 1) === 1;
          // a header in another order than the model's
          const bytes = Buffer.from(
            (mark ? '\ufeff' : '') + write(how.header ? [[...names].reverse(), ...rows] : rows, { ...how, always }),
          );
          const options = {
            file: 'people.csv',
            columns: names,
            fields: names,
            dialect: { delimiter: how.delimiter, quoted: true, quoteAnywhere, header: how.header },
            windowBytes,
            maxRows,
          };
          const read: string[][] = [];
          const first = createCsvScanner(options);
          let chunks = 0;
          let place = first.place();
          const take = (chunk: RowChunk) => {
            if (chunks++ > stop) return;
            read.push(...rowsOf(chunk));
            place = JSON.parse(JSON.stringify(first.place())) as typeof place;
          };
          for (const piece of piecesOf(bytes, pieceBytes)) for (const chunk of first.push(piece)) take(chunk);
          for (const chunk of first.end()) take(chunk);
          const second = createCsvScanner({ ...options, from: place });
          for (const piece of piecesOf(bytes.subarray(place.offset), pieceBytes))
            for (const chunk of second.push(piece)) read.push(...rowsOf(chunk));
          for (const chunk of second.end()) read.push(...rowsOf(chunk));
          expect(read).toEqual(how.header ? rows.map((row) => [...row].reverse()) : rows);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('knows of a blank row right before the place where it goes on: none with a value may follow', () => {
    const options = { file: 'people.csv', columns: ['a', 'b'], fields: ['a'], dialect: plain, windowBytes: 16 };
    const first = createCsvScanner(options);
    // the first window ends behind the blank row
    const [chunk] = [...first.push(Buffer.from('111,2\n333,4444\n\n'))];
    expect(rowsOf(chunk!)).toEqual([['111'], ['333']]);
    const from = JSON.parse(JSON.stringify(first.place())) as CsvPlace;
    expect(from).toMatchObject({ offset: 16, row: 3 });

    expect([...createCsvScanner({ ...options, from }).end()]).toEqual([]);
    const goOn = createCsvScanner({ ...options, from });
    expect(() => [...goOn.push(Buffer.from('5,6\n')), ...goOn.end()]).toThrow('Row 3 of people.csv has 1 column, but');
  });

  it('agrees with csv-parse', () => {
    fc.assert(
      fc.property(table, freedom, (rows, { quoteSeed, pieceBytes, windowBytes, maxRows, ...how }) => {
        const columns = namesOf(rows[0]!.length);
        const text = write(rows, { ...how, lineEnd: how.lineEnd, always: (cell) => ((quoteSeed >> (cell % 31)) & 1) === 1 });
        fc.pre(!isAmbiguous(text, columns.length));
        const oracle: string[][] = parse(text, { delimiter: how.delimiter, record_delimiter: how.lineEnd, relax_column_count: false });
        const dialect = { ...plain, delimiter: how.delimiter };
        expect(readAll(text, { columns, dialect, pieceBytes, windowBytes, maxRows })).toEqual(oracle);
      }),
      { numRuns: 5_000 },
    );
  });

  it('reads quotes as text where there is no quote style', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: fc.constantFrom('a', '"', ' ', 'é'), maxLength: 6 }), { minLength: 2, maxLength: 2 }), {
          minLength: 1,
        }),
        fc.integer({ min: 1, max: 9 }),
        (rows, pieceBytes) => {
          const text = rows.map((row) => row.join('|')).join('\r\n');
          const dialect = { delimiter: '|', quoted: false, quoteAnywhere: true, header: false };
          expect(readAll(text, { columns: ['a', 'b'], dialect, pieceBytes, windowBytes: 16 })).toEqual(rows);
        },
      ),
    );
  });

  it('ends with rows or with one of its errors, whatever the bytes', () => {
    const codes = ['row_width', 'csv_malformed', 'row_too_long', 'header_mismatch'];
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r'), maxLength: 30 }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 20 }), fc.boolean(), fc.boolean(), (content, pieceBytes, quoted, quoteAnywhere) => {
        const outcome = (size: number, windowBytes: number) => {
          const dialect = { ...plain, quoted, quoteAnywhere };
          try {
            return { rows: readAll(content, { columns: ['a', 'b'], dialect, pieceBytes: size, windowBytes, maxRowBytes: 40 }) };
          } catch (error) {
            if (!(error instanceof UpstreamError)) throw error;
            expect(codes).toContain(error.code);
            return { failed: true };
          }
        };
        expect(outcome(pieceBytes, 16)).toEqual(outcome(100, 1024));
      }),
      { numRuns: 6_000 },
    );
  });

  describe('fields', () => {
    it('finds only those asked for, in the order asked, a repeated one twice', () => {
      expect(readAll('1,2,3\n4,"5""",6\n', { columns: ['a', 'b', 'c'], fields: ['c', 'b', 'c'] })).toEqual([
        ['3', '2', '3'],
        ['6', '5"', '6'],
      ]);
    });

    it('counts rows when no field is asked for', () => {
      const scanner = createCsvScanner({ file: 'f', dialect: plain, columns: ['a'], fields: [] });
      const counts = [...scanner.push(Buffer.from('1\n2\n3')), ...scanner.end()].map(({ rowCount }) => rowCount);
      expect(counts).toEqual([3]);
    });

    it('copies the bytes of a field with its doubled quotes undone', () => {
      const scanner = createCsvScanner({ file: 'f', dialect: plain, columns: ['a'], fields: ['a'] });
      for (const chunk of [...scanner.push(Buffer.from('"say ""ja"" é"')), ...scanner.end()]) {
        const target = Buffer.alloc(40);
        expect(target.toString('utf8', 2, copyField(chunk, 0, 0, target, 2))).toBe('say "ja" é');
      }
    });

    it('uses the same arrays again', () => {
      const scanner = createCsvScanner({ file: 'f', dialect: plain, columns: ['a'], fields: ['a'], maxRows: 2 });
      void [...scanner.push(Buffer.from('1\n2\n3\n'))];
      const chunks = [...scanner.end()];
      expect(chunks.map(({ rowCount }) => rowCount)).toEqual([2, 1]);
      expect(chunks[0]!.starts).toBe(chunks[1]!.starts);
    });
  });

  describe('csv styles', () => {
    it.each([
      ['a quoted part in the middle is a part of the value', true, 'ab"c,d"e,2', [['abc,de', '2']]],
      ['two quotes inside a quoted part stand for one', true, 'a"b""c"d,2', [['ab"cd', '2']]],
      ['the parts of an unwanted column do no harm', true, '1,a"b,c"', [['1', 'ab,c']]],
      ['a quote in the middle is text', false, 'ab"c,2', [['ab"c', '2']]],
      ['a blank before a quote makes it text', false, ' "a",2', [[' "a"', '2']]],
    ])('%s (quoteAnywhere %s)', (_, quoteAnywhere, text, rows) => {
      for (const pieceBytes of [1, 100])
        expect(readAll(text, { columns: ['a', 'b'], dialect: { ...plain, quoteAnywhere }, pieceBytes, windowBytes: 16 })).toEqual(rows);
    });
  });

  describe('header', () => {
    const columns = ['Id', 'EMail', 'Name'];
    it.each([
      ['skips it where the settings say so', true, 'Id,EMail,Name\n1,a@b.c,Ada', [['1', 'a@b.c', 'Ada']]],
      ['skips one of other names by position', true, 'Kunde,Post,Ruf\n1,a@b.c,Ada', [['1', 'a@b.c', 'Ada']]],
      ['finds it where the settings do not say so', false, '"Id","EMail","Name"\r\n1,a@b.c,Ada', [['1', 'a@b.c', 'Ada']]],
      ['follows the order of its names', true, 'EMail,Name,Id\na@b.c,Ada,1', [['1', 'a@b.c', 'Ada']]],
      ['keeps a first row that is like one but for a letter', false, 'Id,EMail,NAME\n', [['Id', 'EMail', 'NAME']]],
      ['may be all there is', true, 'Id,EMail,Name', []],
    ])('%s', (_, header, text, rows) => {
      for (const pieceBytes of [1, 100])
        expect(readAll(text, { columns, dialect: { ...plain, header }, pieceBytes, windowBytes: 16 })).toEqual(rows);
    });

    it('does not guess where known names stand in other places', () => {
      expect(errorOf('EMail,Id,Other\n1,2,3', { columns, dialect: { ...plain, header: true } }).code).toBe('header_mismatch');
    });
  });

  it.each([
    ['nothing', '', []],
    ['a byte order mark alone', '\ufeff', []],
    ['a blank last line', '1,2\n\n', [['1', '2']]],
    ['several blank last lines', '1,2\r\n\r\n\r\n', [['1', '2']]],
    ['an empty last field', '1,', [['1', '']]],
    ['an empty quoted last field', '1,""', [['1', '']]],
  ])('reads %s', (_, text, rows) => {
    for (const pieceBytes of [1, 100]) expect(readAll(text, { columns: ['a', 'b'], pieceBytes, windowBytes: 16 })).toEqual(rows);
  });

  it('reads an only column with an empty value', () => {
    expect(readAll('1\n\n2\n', { columns: ['a'] })).toEqual([['1'], [''], ['2']]);
  });

  describe('refuses', () => {
    it.each([
      ['a row that is too wide', 'a,b\n1,2,3\n', 'row_width', 'Row 2 of people.csv has 3 columns, but model.json names 2.'],
      ['a row that is too narrow', 'a,b\n1\n', 'row_width', 'Row 2 of people.csv has 1 column, but'],
      ['a blank line in the middle', 'a,b\n\n1,2\n', 'row_width', 'Row 2 of'],
      ['a row cut off at the end', 'a,b\nc', 'row_width', 'Row 2 of'],
      ['an open quote at the end', 'a,b\n1,"pri\nvate', 'csv_malformed', 'Row 2 of people.csv opens a quote that is never closed'],
      ['text after a closing quote', '1,2\n1,"pri"vate\n', 'csv_malformed', 'Row 2 of people.csv has text after a closing quote'],
      ['a quote in the middle that its line does not close', '5" private,2\n6" pipe,2', 'csv_malformed', 'Row 1 of'],
      ['a NUL byte', '1,2\n1,\0private', 'csv_malformed', 'Row 2 of people.csv holds a NUL byte'],
      ['bytes that are not UTF-8', Buffer.from('1,2\n1,caf\xe9\n1,2', 'latin1'), 'csv_malformed', 'Row 2 of people.csv is not valid UTF-8'],
      [
        'a character cut off at the end',
        Buffer.from('1,2\n1,caf\xc3', 'latin1'),
        'csv_malformed',
        'Row 2 of people.csv is not valid UTF-8',
      ],
    ])('%s, naming file and row but never the content', (_, text, code, message) => {
      for (const [pieceBytes, windowBytes] of [
        [1, 16],
        [7, 17],
        [1000, 1024],
      ] as const) {
        const error = errorOf(text, { columns: ['a', 'b'], pieceBytes, windowBytes });
        expect(error).toMatchObject({ code, service: 'source', retryable: false });
        expect(error.message).toContain(message);
        expect(error.message).not.toMatch(/pri|vate|caf/);
      }
    });

    it('a row of more than 10 MB, in bounded memory', () => {
      const scanner = createCsvScanner({ file: 'f', dialect: plain, columns: ['a'], fields: ['a'] });
      const piece = Buffer.alloc(65_536, 'x');
      const feed = () => {
        void [...scanner.push(Buffer.from('1\n"'))];
        for (let pushed = 0; pushed < 64; pushed += 1 / 16) void [...scanner.push(piece)];
      };
      const before = process.memoryUsage().arrayBuffers;
      expect(feed).toThrow('Row 2 of f is longer than 10,000,000 bytes');
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80 * 1024 * 1024);
    });

    it('more than 5,000 columns', () => {
      expect(errorOf('', { columns: namesOf(5_001) }).code).toBe('too_many_columns');
      expect(readAll(namesOf(5_000).join(','), { columns: namesOf(5_000), fields: ['c4999'], dialect: plain })).toEqual([]);
      const cells = Array.from({ length: 5_000 }, (_, index) => `v${index}`).join(',');
      expect(readAll(`${cells}\n${cells}`, { columns: namesOf(5_000), fields: ['c4999'] })).toEqual([['v4999'], ['v4999']]);
    });
  });

  it('reads a row of 9 MB and goes on with small windows', () => {
    const long = 'x'.repeat(9_000_000);
    const rows = readAll(`1\n"${long}"\n${'2\n'.repeat(100_000)}`, { columns: ['a'] });
    expect(rows.length).toBe(100_002);
    expect(rows[1]![0]!.length).toBe(9_000_000);
  });
});
