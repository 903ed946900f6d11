import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDataFolder, openLog } from '../../../infra/local/data-folder';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'data-folder-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps what an earlier start left, and clears it only when asked', async () => {
  await openDataFolder(folder, { reset: false });
  writeFileSync(path.join(folder, 'kept'), '');
  await openDataFolder(folder, { reset: false });
  expect(existsSync(path.join(folder, 'kept'))).toBe(true);
  await openDataFolder(folder, { reset: true });
  expect(existsSync(path.join(folder, 'kept'))).toBe(false);
});

it.each([true, false])('refuses a folder with somebody else’s files and deletes none of them (reset %s)', async (reset) => {
  writeFileSync(path.join(folder, 'letter.txt'), 'dear');
  await expect(openDataFolder(folder, { reset })).rejects.toThrow('holds something that the local cloud did not make');
  expect(readFileSync(path.join(folder, 'letter.txt'), 'utf8')).toBe('dear');
});

it('does not take a dead process for a holder', async () => {
  await openDataFolder(folder, { reset: false });
  writeFileSync(path.join(folder, 'cloud.json'), JSON.stringify({ pid: 2 ** 22 + 1 }));
  await expect(openDataFolder(folder, { reset: false })).resolves.toBeUndefined();
});

it('keeps the log of the start before', async () => {
  await openDataFolder(folder, { reset: false });
  openLog(folder, 'part').write('first');
  openLog(folder, 'part').write('second');
  expect(readFileSync(path.join(folder, 'logs', 'part.previous.log'), 'utf8')).toContain('first');
  expect(readFileSync(path.join(folder, 'logs', 'part.log'), 'utf8')).toMatch(/second\n$/);
});
