import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JournalError, openJournal } from '../../infra/local/klaviyo/journal';
import type { Op } from '../../infra/local/klaviyo/ops';
import { startKlaviyoSandbox, type RunningSandbox } from '../../infra/local/klaviyo/server';

const AUTH = { Authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', 'Content-Type': 'application/vnd.api+json' };
const root = mkdtempSync(path.join(tmpdir(), 'klaviyo-journal-'));
let folders = 0;
const folder = (): string => path.join(root, `data${(folders += 1)}`);
const running: RunningSandbox[] = [];

const start = async (dataDir: string, compactAboveBytes?: number) => {
  const sandbox = await startKlaviyoSandbox({ dataDir, processing: 'instant', limits: false, seed: 5, compactAboveBytes });
  running.push(sandbox);
  const importPeople = async (from: number, count: number) => {
    const data = Array.from({ length: count }, (_, at) => ({
      type: 'profile',
      attributes: { email: `p${from + at}@example.com`, title: 'Dr' },
    }));
    const body = {
      data: {
        ...{ type: 'profile-bulk-import-job', attributes: { profiles: { data } } },
        relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } },
      },
    };
    const answer = await fetch(`${sandbox.url}/api/profile-bulk-import-jobs`, {
      method: 'POST',
      headers: AUTH,
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(202);
  };
  const members = async () =>
    (await (await fetch(`${sandbox.url}/_sandbox/accounts/SANDBX/lists/LIST5K/members`)).text()).trim().split('\n').sort();
  const stop = async () => {
    running.splice(running.indexOf(sandbox), 1);
    await sandbox.close();
  };
  return { importPeople, members, stop };
};

afterEach(async () => {
  for (const sandbox of running.splice(0)) await sandbox.close();
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A folder with three jobs behind it, and who is on the list then. */
const used = async () => {
  const dataDir = folder();
  const sandbox = await start(dataDir);
  for (const from of [0, 300, 600]) await sandbox.importPeople(from, 500);
  const members = await sandbox.members();
  await sandbox.stop();
  expect(members).toHaveLength(1100);
  return { dataDir, members };
};
const bytesIn = (dataDir: string) => readdirSync(dataDir).reduce((sum, name) => sum + statSync(path.join(dataDir, name)).size, 0);

describe('journal of the sandbox', () => {
  it('is replaced by a snapshot at a start once it has grown, and goes on from there', async () => {
    const { dataDir, members } = await used();
    const before = bytesIn(dataDir);
    const compacted = await start(dataDir, 1000);
    expect(readdirSync(dataDir).sort()).toEqual(['journal-1.bin', 'snapshot-1.bin']);
    expect(statSync(path.join(dataDir, 'journal-1.bin')).size).toBe(0);
    expect(bytesIn(dataDir)).toBeLessThan(before);
    expect(await compacted.members()).toEqual(members);
    await compacted.importPeople(5000, 10);
    const later = await compacted.members();
    await compacted.stop();
    const again = await start(dataDir);
    expect(await again.members()).toEqual(later);
    expect(later).toHaveLength(1110);
  });

  it('stays as small as what it holds, however often the same people are sent', async () => {
    const dataDir = folder();
    const sizes: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      const sandbox = await start(dataDir, 1000);
      sizes.push(bytesIn(dataDir));
      await sandbox.importPeople(0, 400);
      await sandbox.stop();
    }
    expect(sizes.at(-1)!).toBeLessThan(sizes[1]! * 1.5); // the jobs of seven days stay, their rows as numbers
  });

  it.each([
    [
      'while the snapshot is written',
      (dataDir: string, whole: string) =>
        writeFileSync(path.join(dataDir, 'snapshot-1.bin.tmp'), readFileSync(path.join(whole, 'snapshot-1.bin')).subarray(0, 9000)),
    ],
    [
      'when it is written and not named yet',
      (dataDir: string, whole: string) => {
        copyFileSync(path.join(whole, 'snapshot-1.bin'), path.join(dataDir, 'snapshot-1.bin.tmp'));
        writeFileSync(path.join(dataDir, 'journal-1.bin'), '');
      },
    ],
    [
      'when it bears its name and the old journal is still there',
      (dataDir: string, whole: string) => {
        copyFileSync(path.join(whole, 'snapshot-1.bin'), path.join(dataDir, 'snapshot-1.bin'));
        writeFileSync(path.join(dataDir, 'journal-1.bin'), '');
      },
    ],
    [
      'when the new journal is not there',
      (dataDir: string, whole: string) => copyFileSync(path.join(whole, 'snapshot-1.bin'), path.join(dataDir, 'snapshot-1.bin')),
    ],
  ])('loses nothing to a kill %s', async (_, killed) => {
    const { dataDir, members } = await used();
    const whole = folder();
    cpSync(dataDir, whole, { recursive: true });
    await (await start(whole, 1000)).stop();
    killed(dataDir, whole);
    const survivor = await start(dataDir);
    expect(await survivor.members()).toEqual(members);
    await survivor.importPeople(9000, 1);
    await survivor.stop();
    expect(readdirSync(dataDir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(readdirSync(dataDir).filter((name) => name.startsWith('journal'))).toHaveLength(1);
    expect(await (await start(dataDir)).members()).toHaveLength(1101);
  });

  it('refuses a snapshot that was cut, instead of starting with half of it', async () => {
    const { dataDir } = await used();
    await (await start(dataDir, 1000)).stop();
    const name = path.join(dataDir, 'snapshot-1.bin');
    writeFileSync(name, readFileSync(name).subarray(0, -10));
    await expect(start(dataDir)).rejects.toThrow(`${name} is damaged: remove its folder to start from nothing`);
  });

  (existsSync('/dev/full') ? it : it.skip)('says that the disk is full, and answers nothing that was not kept', async () => {
    const dataDir = folder();
    openJournal(dataDir).close();
    rmSync(path.join(dataDir, 'journal.bin'));
    symlinkSync('/dev/full', path.join(dataDir, 'journal.bin'));
    await expect(start(dataDir)).rejects.toThrow(/journal\.bin cannot be written: ENOSPC/);
    const journal = openJournal(dataDir);
    expect(() => journal.write({ op: 'account', account: 'ABCDEF' })).toThrow(JournalError);
    expect(() => journal.compact([])).not.toThrow();
    journal.write({ op: 'account', account: 'ABCDEF' });
    journal.close();
    const replayed: Op[] = [];
    openJournal(dataDir).replay((op) => void replayed.push(op));
    expect(replayed).toEqual([{ op: 'account', account: 'ABCDEF' }]);
  });
});
