import path from 'node:path';
import { z } from 'zod';
import { skipReason } from './skip';

/** What is read of the file that `jest --json --outputFile` writes (jest 30). */
const JestResults = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() })),
    }),
  ),
});

export interface Failure {
  readonly title: string;
  readonly text: string;
}

export interface Skipped {
  readonly file: string;
  readonly reason: string;
}

/** What one part (types, format, lint, a jest project) came to. */
export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
  /** One each, although {@link skippedLines} tells them together. */
  readonly skipped: readonly Skipped[];
  /** Tests that really ran; a check is none. */
  readonly testsRun: number;
}

export const noOutcome: Outcome = { passed: 0, failures: [], skipped: [], testsRun: 0 };

/** A check that is one thing: all well, or one failure. */
export const checkOutcome = (title: string, failure?: string): Outcome =>
  failure === undefined ? { ...noOutcome, passed: 1 } : { ...noOutcome, failures: [{ title, text: failure }] };

export const addOutcomes = (outcomes: readonly Outcome[]): Outcome => ({
  passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
  failures: outcomes.flatMap(({ failures }) => failures),
  skipped: outcomes.flatMap(({ skipped }) => skipped),
  testsRun: outcomes.reduce((sum, { testsRun }) => sum + testsRun, 0),
});

/**
 * @param exitCode of jest: one that says "failed" while every test passed is a failure, too
 * @param results the parsed JSON file, undefined where jest left none
 * @param root what paths are shown in relation to
 */
export const jestOutcome = (project: string, exitCode: number, results: unknown, root: string): Outcome => {
  const parsed = JestResults.safeParse(results);
  if (!parsed.success) return checkOutcome(project, `jest ended with exit code ${exitCode} and left no results`);
  const outcomes = parsed.data.testResults.map(({ name, status, message, assertionResults }): Outcome => {
    const file = path.relative(root, name);
    const of = (...wanted: string[]) => assertionResults.filter((test) => wanted.includes(test.status));
    const failures = of('failed').map(({ fullName, failureMessages }) => ({
      title: `${file} › ${fullName}`,
      text: failureMessages?.join('\n\n') ?? '',
    }));
    // A file that does not even load, or whose hooks fail, has no failed test.
    if (status === 'failed' && failures.length === 0) failures.push({ title: file, text: message });
    return {
      passed: of('passed').length,
      failures,
      skipped: of('pending', 'skipped', 'disabled', 'todo').map(({ fullName }) => ({ file, reason: skipReason(fullName) })),
      testsRun: of('passed', 'failed').length,
    };
  });
  const sum = addOutcomes(outcomes);
  if (exitCode === 0 || sum.failures.length > 0) return sum;
  return addOutcomes([sum, checkOutcome(project, `jest ended with exit code ${exitCode} although no test failed`)]);
};

/** A file's tests that were skipped for one reason, as one line with their number. */
export const skippedLines = ({ skipped }: Outcome): string[] => {
  const counts = new Map<string, number>();
  for (const { file, reason } of skipped) {
    const what = `${file}: ${reason}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts].map(([what, count]) => `${count} of ${what}`);
};

/** The last line of `npm test`. */
export const closingLine = ({ passed, failures, skipped }: Outcome): string =>
  `${passed} passed, ${failures.length} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`;

/** True when something was tested and nothing failed. */
export const isSuccess = ({ failures, testsRun }: Outcome): boolean => failures.length === 0 && testsRun > 0;
