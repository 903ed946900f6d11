import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { troubleOf } from '../../../infra/local/trouble';

const folder = mkdtempSync(path.join(tmpdir(), 'trouble-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each<[string, unknown, string]>([
  ['an error', new Error('Azurite ended'), 'Azurite ended'],
  [
    'an error of many parts without a word of its own',
    new AggregateError([new Error('connect ECONNREFUSED ::1:7'), new Error('connect ECONNREFUSED 127.0.0.1:7')]),
    'connect ECONNREFUSED ::1:7; connect ECONNREFUSED 127.0.0.1:7',
  ],
  ['an error with nothing but a cause', new Error('', { cause: new Error('the cause') }), 'the cause'],
  ['no error', 'text', 'text'],
])('says the words of %s, and leaves nothing in the folder', (_name, error, words) => {
  expect(troubleOf(error, { dataDir: folder })).toBe(words);
  expect(troubleOf(error, { dataDir: path.join(folder, 'not', 'there') })).toBe(words);
  expect(readdirSync(folder)).toEqual([]);
});

it('says first that the data folder cannot be written', () => {
  const file = path.join(folder, 'a-file');
  writeFileSync(file, '');
  expect(troubleOf(new Error('something else'), { dataDir: path.join(file, 'data') })).toBe(
    `The data folder ${path.join(file, 'data')} cannot be written, a part of its path is a file, or choose another one with --data DIR.\nsomething else`,
  );
  rmSync(file);
});
