import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/** The rules of Azure Functions that the local host keeps (its README), and the titles of the tests that name them. */
const root = path.resolve(__dirname, '../../..');
const readme = readFileSync(path.join(root, 'infra/local/function-host/README.md'), 'utf8');
const rules = [...readme.matchAll(/^\| (FH\d+)/gm)].map(([, number]) => number!);
const titles = readdirSync(path.join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => readFileSync(path.join(root, 'test', name), 'utf8').match(/(?:\bit(?:\.each)?|\]\))\(\s*['"`][^'"`]*/g) ?? [])
  .flatMap((title) => title.match(/\bFH\d+\b/g) ?? []);

it('numbers the rules without a gap', () => {
  expect(rules).toEqual(rules.map((_, at) => `FH${at + 1}`));
  expect(rules.length).toBeGreaterThan(20);
});

it.each(rules)('%s has a test', (number) => {
  expect(titles).toContain(number);
});
