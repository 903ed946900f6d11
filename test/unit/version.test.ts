import { readFileSync } from 'node:fs';
import { VERSION } from '../../shared/version';

it('is the version that package.json names', () => {
  expect(VERSION).toBe((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version);
});
