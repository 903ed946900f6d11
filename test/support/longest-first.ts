import { statSync } from 'node:fs';

/** What takes long, the longest first; begun last, it would keep one core waiting for the other. Everything else goes by its size. */
const LONG = [
  'integration/failures-mirror',
  'integration/api-fuzz',
  'integration/run-mirror',
  'integration/run-faults',
  'integration/run-bad-input',
  'integration/run-retention',
  'integration/run-depth',
  'integration/failures-storage',
  'integration/function-host',
  'integration/run-dataverse',
  'integration/run-shared-list',
  'integration/limits',
  'integration/run-messages',
  'integration/pacing',
  'integration/connection-runs',
  'integration/people',
  'e2e/package',
  'e2e/crash',
  'e2e/kill',
  'e2e/start',
  'e2e/chaos',
];
const rank = (file: string): number => {
  const at = LONG.findIndex((name) => file.replaceAll('\\', '/').endsWith(`/${name}.test.ts`));
  return at < 0 ? LONG.length : at;
};

interface TestFile {
  readonly path: string;
}

/** The order of the test files, for jest's --testSequencer (jest 30); jest's own goes by earlier times, and a fresh clone has none. */
export default class LongestFirst {
  sort<T extends TestFile>(tests: readonly T[]): T[] {
    const sized = tests.map((test) => ({ test, rank: rank(test.path), bytes: statSync(test.path).size }));
    return sized.sort((a, b) => a.rank - b.rank || b.bytes - a.bytes).map(({ test }) => test);
  }

  /** Called by jest after the tests; nothing is kept. */
  cacheResults(): void {}
}
