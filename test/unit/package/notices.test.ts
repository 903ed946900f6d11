import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { noticesOf } from '../../../infra/package/notices';

it('holds the words of every licence and notice, and says where a package has none', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'notices-'));
  const put = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  put('node_modules/a/LICENSE.md', 'Copyright Ada\r\nPermission is granted');
  put('node_modules/a/NOTICE', 'Made by Ada');
  put('node_modules/a/license.js', 'not a word of law');
  put('node_modules/b/index.js', 'not a word of law');
  const named = (name: string) => ({
    name,
    version: '1.0.0',
    license: 'MIT',
    folders: [`node_modules/${name}`],
    parts: [],
    dependencies: [],
  });
  const text = noticesOf([named('a'), named('b')], root);
  rmSync(root, { recursive: true });
  expect(text).toContain('a 1.0.0 (MIT)');
  expect(text).toContain('Copyright Ada\nPermission is granted\n\nMade by Ada\n');
  expect(text).not.toContain('not a word of law');
  expect(text).toMatch(/b 1\.0\.0 \(MIT\)\n-+\n\nThe package carries no text of its licence, which it names: MIT\.\n$/);
});
