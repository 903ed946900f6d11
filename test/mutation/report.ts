import { z } from 'zod';

/** What is read of the JSON report of Stryker 10 (mutation-testing-report-schema 2). */
const MutationReport = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.string(),
      mutants: z.array(
        z.object({
          mutatorName: z.string(),
          replacement: z.string().optional(),
          status: z.string(),
          location: z.object({
            start: z.object({ line: z.number(), column: z.number() }),
            end: z.object({ line: z.number(), column: z.number() }),
          }),
        }),
      ),
    }),
  ),
});

/** How many changed programs there were, and those that no test noticed, as `file:line  text -> other text`. */
export interface MutationSum {
  readonly mutants: number;
  readonly caught: number;
  readonly survivors: readonly string[];
}

const CAUGHT = ['Killed', 'Timeout'];
/** No program came of it, or somebody took it out: neither for nor against the tests. */
const VOID = ['CompileError', 'RuntimeError', 'Ignored', 'Pending'];

const oneLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > 70 ? `${line.slice(0, 67)}...` : line;
};

const textAt = (source: string, start: { line: number; column: number }, end: { line: number; column: number }): string => {
  const lines = source.split('\n').slice(start.line - 1, end.line);
  const last = lines.length - 1;
  return lines.map((line, at) => line.slice(at === 0 ? start.column - 1 : 0, at === last ? end.column - 1 : undefined)).join('\n');
};

/**
 * Sums up a report. A mutant of which no test runs a line counts as one that nobody noticed.
 * @throws Error when it is not such a report
 */
export const sumUp = (report: unknown): MutationSum => {
  const files = Object.entries(MutationReport.parse(report).files);
  const all = files.flatMap(([file, { source, mutants }]) =>
    mutants.filter(({ status }) => !VOID.includes(status)).map((mutant) => ({ file, source, ...mutant })),
  );
  const survivors = all
    .filter(({ status }) => !CAUGHT.includes(status))
    .map(({ file, source, status, mutatorName, replacement = '', location: { start, end } }) => {
      const change = `${oneLine(textAt(source, start, end))}  ->  ${oneLine(replacement) || '(nothing)'}`;
      return `${file}:${start.line}  ${mutatorName}${status === 'NoCoverage' ? ', no test comes here' : ''}: ${change}`;
    });
  return { mutants: all.length, caught: all.length - survivors.length, survivors };
};
