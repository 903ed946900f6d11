import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeSample } from './sample';
import { shapes } from './shapes';
import { createFolderSink } from './sinks';

const usage = `npm run sample -- --rows N --out DIR [options]
  --rows N          rows of the first generation (1000)
  --seed S          same seed, same bytes (1)
  --out DIR         where to write; manifest.json lies beside the export's folder
  --segment NAME    name of the segment (HighValueSegment)
  --partitions P    files (1)
  --generation G    which refresh: 0 is the first; each brings joiners, changes and leavers (0)
  --refreshed-at T  instant of the refresh (2026-08-18T02:33:00Z)
  --no-header, --quote-all, --delimiter ';', --bom, --crlf   how the CSV is written
  --shape NAME      one of the shapes that readers must know, in place of those five:
${Object.entries(shapes)
  .map(([name, { about }]) => `                      ${name.padEnd(22)}${about}`)
  .join('\n')}`;

const wholeNumber = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`--${name} needs a whole number, not "${text}"`);
  return value;
};

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      segment: { type: 'string', default: 'HighValueSegment' },
      partitions: { type: 'string', default: '1' },
      generation: { type: 'string', default: '0' },
      'refreshed-at': { type: 'string', default: '2026-08-18T02:33:00Z' },
      'no-header': { type: 'boolean', default: false },
      'quote-all': { type: 'boolean', default: false },
      delimiter: { type: 'string', default: ',' },
      bom: { type: 'boolean', default: false },
      crlf: { type: 'boolean', default: false },
      shape: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const refreshedAt = new Date(values['refreshed-at']);
  if (Number.isNaN(refreshedAt.getTime())) throw new RangeError(`--refreshed-at needs an instant, not "${values['refreshed-at']}"`);
  if (values.out === undefined) throw new RangeError('--out is missing: where shall the sample go?');
  if (!/^[A-Za-z_]\w*$/.test(values.segment)) throw new RangeError('--segment needs letters, digits and _ only');
  const shape = values.shape === undefined ? undefined : shapes[values.shape];
  if (values.shape !== undefined && shape === undefined) throw new RangeError(`--shape is one of ${Object.keys(shapes).join(', ')}`);
  const drawsOneByOne = values['no-header'] || values['quote-all'] || values.delimiter !== ',' || values.bom || values.crlf;
  if (shape !== undefined && drawsOneByOne) throw new RangeError('--shape says how the CSV is written: leave the other options out');
  if (values.delimiter.length !== 1) throw new RangeError('--delimiter needs one character');
  return {
    out: path.resolve(process.env.INIT_CWD ?? '.', values.out), // npm runs us in the project's folder
    segment: {
      name: values.segment,
      rows: wholeNumber('rows', values.rows),
      partitions: Math.max(1, wholeNumber('partitions', values.partitions)),
    },
    seed: /^\d+$/.test(values.seed) ? Number(values.seed) : values.seed,
    generation: wholeNumber('generation', values.generation),
    refreshedAt,
    dialect: {
      columnHeaders: !values['no-header'],
      quoteAll: values['quote-all'],
      delimiter: values.delimiter,
      byteOrderMark: values.bom,
      lineEnd: values.crlf ? '\r\n' : '\n',
    } as const,
    ...shape?.options,
  };
};

const main = async () => {
  const options = readOptions();
  if (!options) return console.log(usage);
  const { out, segment, ...rest } = options;
  const startedAt = performance.now();
  const { signal } = new AbortController();
  const { manifest } = await writeSample({ ...rest, segments: [segment], sink: createFolderSink(out) }, { signal });
  await mkdir(out, { recursive: true });
  await writeFile(path.join(out, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const seconds = (performance.now() - startedAt) / 1_000;
  const rows = manifest.segments[segment.name]?.rows ?? 0;
  console.log(
    `${rows} rows in ${seconds.toFixed(2)} s (${Math.round(rows / seconds)} rows/s) below ${path.relative(process.cwd(), out) || '.'}`,
  );
  console.log(JSON.stringify(manifest.segments));
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(usage);
  process.exitCode = 1;
});
