import { spawn } from 'node:child_process';
import path from 'node:path';
import type { MatrixReport } from '../crash/matrix';
import { STAGES } from '../crash/plan';

const root = path.resolve(__dirname, '../..');
const KILLS = 16;

/** `npm run crash` after its set-up; it ends when this process does. */
const crash = (...args: string[]): Promise<{ code: number | null; output: string }> =>
  new Promise((resolve, reject) => {
    const program = [path.join(root, 'dist/test/crash/main.js'), '--parent-watch', ...args];
    const child = spawn(process.execPath, program, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });

it('brings everybody to the lists, and takes nobody else off, while processes are killed in every phase', async () => {
  const { code, output } = await crash('--kills', String(KILLS), '--apps', '4', '--seed', '11', '--minutes', '5');
  const lastLine = output.trimEnd().split('\n').at(-1) ?? '';
  // what went wrong stands in the output, so that is what a failure shows
  if (code !== 0) throw new Error(output);
  const { hits, ...report } = JSON.parse(lastLine) as MatrixReport;
  expect(report).toMatchObject({ kills: KILLS, lost: 0, wronglyRemoved: 0, leftBehind: 0, sumsBroken: 0, other: 0 });
  const stagesHit = STAGES.filter((stage) => Object.values(hits[stage]!).some((count) => count > 0));
  expect(stagesHit.length).toBeGreaterThanOrEqual(8);
}, 330_000);
