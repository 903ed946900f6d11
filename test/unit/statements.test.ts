import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

/**
 * The numbered statements about Customer Insights that this product follows (what they say stands in the titles of their tests), and where
 * each is tested: its number begins the title of a test.
 */
const numbers = (letter: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `${letter}${from + index}`);
const statements = [
  ...numbers('C', 1, 9), // connections
  ...numbers('R', 1, 5), // roles
  ...numbers('D', 1, 5), // removing a connection that is used
  ...numbers('E', 1, 10), // exports
  ...numbers('L', 1, 5), // limits
  ...numbers('X', 1, 13), // running
  ...numbers('K', 1, 8), // own Key Vault
  ...numbers('P', 1, 3), // privacy
];

/** Statements about Customer Insights' own screens or environments: nothing here can follow or break them. */
const notOurs: Readonly<Record<string, string>> = {
  R5: 'a role that exists in business-unit environments only',
  E9: 'which of its segments Customer Insights deactivates',
  K1: 'the page on which Customer Insights links a vault',
  K2: 'the tile on which Customer Insights shows its vault',
  K7: 'which connections of Customer Insights take a secret by name',
};

const root = path.resolve(__dirname, '..');
const titles = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .flatMap((name) => [...readFileSync(path.join(root, name), 'utf8').matchAll(/['"`]([A-Z]\d{1,2})[ :,]/g)].map(([, number]) => number!));

it.each(statements.filter((number) => !(number in notOurs)))('%s has a test', (number) => {
  expect(titles).toContain(number);
});

it.each(Object.entries(notOurs))('%s has none, as it is not ours: %s', (number) => {
  expect(titles).not.toContain(number);
});
