import { createReadStream } from 'node:fs';
import { parse } from 'csv-parse';
import { cpuMs, peakRssMb } from './measure';
import { type PeerTask, report, task } from './protocol';

/** csv-parse with `columns: true`, doing nothing with the rows. The data event is its fastest way (async iteration takes a tenth more). */
const countRows = (file: string): Promise<number> =>
  new Promise((resolve, reject) => {
    let rows = 0;
    createReadStream(file)
      .on('error', reject)
      .pipe(parse({ columns: true, bom: true }))
      .on('data', () => (rows += 1))
      .on('error', reject)
      .on('end', () => resolve(rows));
  });

const main = async (): Promise<void> => {
  const { files } = task<PeerTask>();
  const wall = performance.now();
  const cpu = cpuMs();
  let rows = 0;
  for (const file of files) rows += await countRows(file);
  report({ rows, wallMs: performance.now() - wall, cpuMs: cpuMs() - cpu, rssMb: peakRssMb() });
};

void main();
