import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sampleFolder } from '../../infra/local/sample/sample';
import { csvFilesOf, runProgram, startServer } from './children';
import { startCloud } from './cloud';
import { median } from './measure';
import type { PeerReport, SourceTask } from './protocol';

/** Time that the Dataverse stand-in works for a page of 5,000 rows: about what a slow environment takes for narrow rows. */
const PAGE_MS = 250;
const PAGE_ROWS = 5_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const tell = (name: string, { rows, wallMs, cpuMs, rssMb }: PeerReport): void =>
  say(
    `  ${name}: ${rows.toLocaleString('en')} rows, ${(wallMs / 1_000).toFixed(2)} s, CPU ${(cpuMs / 1_000).toFixed(2)} s, ${rssMb.toFixed(0)} MB`,
  );

/**
 * `npm run bench -- --source`: reading and mapping alone. From storage against local files, in turns, in fresh processes; and from the
 * Dataverse stand-in with the published limits against the least time: its pages can only be had one after the other, those of the
 * memberships before those of the profiles.
 */
export const benchSource = async ({ rows, rounds }: { rows: number; rounds: number }): Promise<void> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-source-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const cloud = await startCloud();
  const segment = `Bench${rows}`;
  await cloud.writeData({
    container: 'source',
    folder,
    segments: [
      { name: segment, rows, partitions: 10 },
      { name: 'Half', rows: rows / 2, partitions: 5 },
    ],
    generation: 0,
    refreshedAt: '2026-08-18T02:33:00Z',
  });
  const read = (task: SourceTask, env: Record<string, string> = {}) => runProgram<PeerReport>('read-source.js', task, env);
  const files = csvFilesOf(path.join(folder, sampleFolder), segment);
  const connectionString = cloud.storage;
  const local: PeerReport[] = [];
  const stored: PeerReport[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    local.push(await read({ kind: 'files', files }));
    tell('local files', local.at(-1)!);
    stored.push(await read({ kind: 'container', connectionString, container: 'source', segment }));
    tell('storage', stored.at(-1)!);
  }
  const half = await read({ kind: 'container', connectionString, container: 'source', segment: 'Half' });
  tell('storage, half of it', half);

  const args = ['--port', '0', '--segment', `${segment}:${rows}`, '--page-ms', String(PAGE_MS)];
  const dataverse = await startServer('../../infra/local/dataverse/main.js', args, /http:\/\/127\.0\.0\.1:\d+/);
  const joined = await read({ kind: 'dataverse', url: dataverse.said, segment }, cloud.identity);
  tell('Dataverse', joined);
  await dataverse.stop();
  await cloud.close();

  const pages = 2 * Math.ceil(rows / PAGE_ROWS);
  const wall = (reports: readonly PeerReport[]): number => median(reports.map(({ wallMs }) => wallMs));
  const outcome = {
    storageVsFile: Number((wall(stored) / wall(local)).toFixed(3)),
    rssMb: Math.round(median(stored.map(({ rssMb }) => rssMb))),
    rssOfHalfMb: Math.round(half.rssMb),
    dataverseVsFloor: Number((joined.wallMs / (pages * PAGE_MS)).toFixed(3)),
    dataverseSeconds: Number((joined.wallMs / 1_000).toFixed(1)),
    dataverseRssMb: Math.round(joined.rssMb),
  };
  const wrong = [...local, ...stored, joined].filter((one) => one.rows !== rows);
  if (wrong.length > 0) throw new Error(`read ${wrong.map((one) => one.rows).join(', ')} rows in place of ${rows}`);
  say(`storage ÷ local file: ${outcome.storageVsFile} (goal ≤ 1.3); Dataverse ÷ least time: ${outcome.dataverseVsFloor} (goal ≤ 1.1)`);
  say(JSON.stringify(outcome));
};
