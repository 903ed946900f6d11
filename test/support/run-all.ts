import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addOutcomes, checkOutcome, closingLine, isSuccess, jestOutcome, skippedLines, type Outcome } from './test-report';

/** `npm test`: everything; `npm run check` is the same with --quick. The last line of stdout is `N passed, N failed[, N skipped]`. */
const root = path.resolve(__dirname, '../../..');
const deadlineMs = 25 * 60_000;
const quick = process.argv.includes('--quick');
const env = { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' }; // the tools themselves see a pipe
const say = (text: string) => process.stdout.write(`${text}\n`);

const running = new Set<ChildProcess>();
/** Ends a program together with its own: each is the head of a process group. */
const endAll = () => {
  for (const { pid } of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
};

interface Ended {
  readonly exitCode: number;
  readonly output: string;
}

/** Runs one of the installed tools to its end; what it prints is shown at once, or kept. */
const runTool = (script: string, args: readonly string[], { show, signal }: { show: boolean; signal: AbortSignal }): Promise<Ended> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve({ exitCode: 1, output: 'not started: the time was up' });
    const command = [path.join(root, 'node_modules', script), ...args];
    const child = spawn(process.execPath, command, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (show) process.stdout.write(text);
        else output += text;
      });
    }
    const end = (exitCode: number, text: string) => {
      running.delete(child);
      resolve({ exitCode, output: text });
    };
    child.once('error', (error) => end(1, error.message));
    // Not "close": a process that a test left behind may hold the pipe for ever.
    child.once('exit', (code) => setTimeout(() => end(code ?? 1, output), 100));
  });

interface Part {
  readonly name: string;
  readonly run: (signal: AbortSignal) => Promise<Outcome>;
}

const timed = async (name: string, work: () => Promise<Outcome>): Promise<Outcome> => {
  const startedAt = performance.now();
  const outcome = await work();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  say(`${outcome.failures.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${closingLine(outcome)} (${seconds} s)`);
  return outcome;
};

const check = (name: string, script: string, args: readonly string[]): Part => ({
  name,
  run: async (signal) => {
    const { exitCode, output } = await runTool(script, args, { show: false, signal });
    return checkOutcome(name, exitCode === 0 ? undefined : output);
  },
});

const readResults = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
};

/** @param show prints at once; without it at the end, so that what runs beside it does not mix with it */
const jest = (project: string, { workers, show, folder }: { workers: number; show: boolean; folder: string }): Part => ({
  name: project,
  run: async (signal) => {
    const file = path.join(folder, `${project}.json`);
    const args = [
      '--selectProjects',
      project,
      '--maxWorkers',
      String(workers),
      '--testSequencer',
      path.join(__dirname, 'longest-first.js'),
    ];
    // --silent: what the app logs says nothing of a failure that its assertion does not, and jest adds a stack to each line.
    // --forceExit: a socket that a test forgot must not keep everybody waiting.
    const more = ['--ci', '--passWithNoTests', '--json', '--outputFile', file, '--silent', '--forceExit'];
    const { exitCode, output } = await runTool('jest/bin/jest.js', [...args, ...more], { show, signal });
    if (!show) process.stdout.write(output);
    return jestOutcome(project, exitCode, readResults(file), root);
  },
});

/** One after the other. */
const runLane = async (parts: readonly Part[], signal: AbortSignal): Promise<Outcome[]> => {
  const outcomes: Outcome[] = [];
  for (const { name, run } of parts) outcomes.push(await timed(name, () => run(signal)));
  return outcomes;
};

const main = async (): Promise<number> => {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort();
    endAll();
  }, deadlineMs);
  const folder = mkdtempSync(path.join(tmpdir(), 'test-results-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { signal } = deadline;
  try {
    const types = await timed('types', async () => checkOutcome('types')); // the build before us would have failed
    const checks = [
      check('format', 'prettier/bin/prettier.cjs', ['--check', '.']),
      check('lint', 'eslint/bin/eslint.js', ['--config', 'infra/eslint.config.mjs', '--max-warnings', '0', '.']),
    ];
    const unit = jest('unit', { workers: 2, show: true, folder });
    // integration, e2e and the browser wait for other processes part of their time: side by side they keep both cores of a small machine busy
    const lanes = quick
      ? [[unit], checks]
      : [
          [unit, jest('integration', { workers: 3, show: true, folder })],
          [...checks, jest('e2e', { workers: 2, show: false, folder }), jest('browser', { workers: 2, show: false, folder })],
        ];
    const outcomes = [types, ...(await Promise.all(lanes.map((parts) => runLane(parts, signal)))).flat()];
    if (signal.aborted) outcomes.push(checkOutcome('time', `the tests took more than ${deadlineMs / 60_000} minutes`));

    const sum = addOutcomes(outcomes);
    for (const { title, text } of sum.failures) say(`\nFAILED ${title}\n${text}`);
    if (sum.skipped.length > 0)
      say(
        `\nSkipped:\n${skippedLines(sum)
          .map((line) => `  ${line}`)
          .join('\n')}`,
      );
    if (sum.testsRun === 0) say('\nNo test ran.');
    say(`\n${closingLine(sum)}`);
    return isSuccess(sum) ? 0 : 1;
  } finally {
    clearTimeout(timer);
  }
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    endAll();
    process.exit(1);
  });
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    endAll();
    console.error(error);
    process.exit(1);
  },
);
