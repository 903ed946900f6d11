import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import type { RunningSandbox } from '../../infra/local/klaviyo/server';
import { projectFolder } from '../contract/document';

/** The live check as somebody runs it, against the sandbox: never against an account. */
const folder = mkdtempSync(path.join(tmpdir(), 'live-check-'));
let sandbox: RunningSandbox;
beforeAll(async () => {
  sandbox = await startKlaviyoSandbox({ processing: { startDelayMs: 20, rowsPerSecond: 10_000 } });
});
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true });
});
afterEach(() => sandbox.sandbox.faults.clear());

const run = async (args: string[], env: Record<string, string | undefined> = {}) => {
  const child = spawn(process.execPath, [path.join(projectFolder, 'dist/test/live/main.js'), ...args, '--out', folder], {
    env: { ...process.env, CI: undefined, KLAVIYO_API_KEY: 'pk_sandbox_full', KLAVIYO_BASE_URL: sandbox.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (said += part.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, said };
};
const listOf = (id: string) => sandbox.sandbox.state.accounts.get('SANDBX')!.lists.get(id)!;
const calls = () => sandbox.sandbox.requests.entries();

it('says what it would do, and changes nothing', async () => {
  sandbox.sandbox.requests.clear();
  const { code, said } = await run(['--list', 'LIST5K']);
  expect([code, said.match(/^\d+\. /gm)?.length]).toEqual([0, 10]);
  expect(said).toContain('Dry run: nothing is changed.');
  expect(calls().map(({ method, path: at }) => `${method} ${at}`)).toEqual(['GET /api/accounts', 'GET /api/lists/{id}']);
  expect(readdirSync(folder)).toEqual([]);
});

it('answers the ten questions, touches the named list only, leaves it as it was, and tells no key and no address', async () => {
  const key = { Authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', 'Content-Type': 'application/json' };
  const guest = {
    type: 'profile-bulk-import-job',
    attributes: { profiles: { data: [{ type: 'profile', attributes: { email: 'guest@example.com' } }] } },
    relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
  };
  await fetch(`${sandbox.url}/api/profile-bulk-import-jobs`, { method: 'POST', headers: key, body: JSON.stringify({ data: guest }) });
  sandbox.sandbox.requests.clear();
  const { code, said } = await run(['--list', 'LIST5K', '--write', '--jobs', '4', '--rows', '25']);
  expect([code, said]).toEqual([0, expect.stringContaining('Report: ')]);
  expect([listOf('LIST5K').members.count(), listOf('LIS25K').members.count(), listOf('LI100K').members.count()]).toEqual([1, 0, 0]);
  expect(said).toContain('102 made-up people were taken off the list');

  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), 'utf8'));
  expect(texts).toHaveLength(2);
  for (const text of [...texts, said]) {
    expect(text).not.toContain('pk_sandbox_full');
    expect(text).not.toMatch(/\S@\S/);
  }
  const { entries } = JSON.parse(texts.find((text) => text.startsWith('{'))!) as {
    entries: { number: number; finding: { state: string; answer: string; evidence: string[] } }[];
  };
  expect(entries.map(({ number, finding: { state, answer } }) => [number, state, answer.replace(/took [\d.]+ s/, 'took so long')])).toEqual(
    [
      [1, 'answered', '4 of 4 jobs of 25 rows were admitted at once; the longest took so long.'],
      [2, 'answered', 'See what each of the three was told.'],
      [3, 'answered', 'The whole request is refused.'],
      [4, 'answered', '100 values were taken, 101 were refused.'],
      [5, 'answered', 'An unknown id is answered 404; for a merged one see question 8.'],
      [6, 'answered', 'null is ignored, the field keeps its value.'],
      [7, 'answered', 'It is refused with 400.'],
      [8, 'answered', 'The old id is answered 404.'],
      [9, 'open', expect.stringContaining('No flow starts from this list')],
      [10, 'answered', 'None: 2026-07-15 is the newest.'],
    ],
  );
  expect(entries[1]!.finding.evidence.map((line) => line.replace(/, .*/s, ''))).toEqual([
    '5.4 MB: 413',
    '10,001 rows: 400',
    'a row of 110 KB: 202',
  ]);
});

it('tells the other readings of what is open, too', async () => {
  const lenient = await startKlaviyoSandbox({ processing: 'instant', rules: 'lenient' });
  const { code, said } = await run(['--list', 'LIST5K', '--write', '--only', '3,5,7'], { KLAVIYO_BASE_URL: lenient.url });
  await lenient.close();
  expect(code).toBe(0);
  expect(said).toContain('answered: The number is dropped without a word, the person is kept.');
  expect(said).toContain('answered: An unknown id is answered 204');
  expect(said).toContain('answered: It is served, by the revision 2026-07-15.');
});

it('goes on after a probe that failed, cleans up, and says so with its exit code', async () => {
  sandbox.sandbox.faults.add({ endpoint: 'POST /api/profile-bulk-import-jobs', fault: { kind: 'reset_before' } });
  const { code, said } = await run(['--list', 'LIST5K', '--write', '--only', '3,8']);
  expect(code).toBe(1);
  expect(said).toMatch(/3\..*\n {3}failed: /);
  expect(said).toContain('answered: The old id is answered 404.');
  expect(listOf('LIST5K').members.count()).toBe(1);
});

it.each<[string, string[], Record<string, string | undefined>, string]>([
  ['no key', ['--list', 'LIST5K'], { KLAVIYO_API_KEY: undefined }, 'KLAVIYO_API_KEY'],
  ['no list', ['--write'], {}, '--list ID'],
  ['a list that is not there', ['--list', 'NOLIST', '--write'], {}, 'has no list NOLIST'],
  ['what is no list', ['--list', '../x', '--write'], {}, '--list takes the id'],
  ['a key that is refused', ['--list', 'LIST5K'], { KLAVIYO_API_KEY: 'pk_nobody' }, 'did not take the key: 401'],
  ['both ways at once', ['--list', 'LIST5K', '--dry', '--write'], {}, 'exclude one another'],
  ['Klaviyo itself in CI', ['--list', 'LIST5K'], { CI: 'true', KLAVIYO_BASE_URL: 'https://a.klaviyo.com' }, 'never made in CI'],
  ['too many rows', ['--list', 'LIST5K', '--rows', '10001'], {}, '--rows takes a whole number'],
  ['no question', ['--list', 'LIST5K', '--only', '11'], {}, '--only takes numbers'],
])('ends with 2 given %s', async (_, args, env, expected) => {
  const { code, said } = await run(args, env);
  expect([code, said]).toEqual([2, expect.stringContaining(expected)]);
});
