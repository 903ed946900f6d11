import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Programs of the bench, each in a fresh process. They live until they end, or until we do. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

const start = (program: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess => {
  const child = spawn(process.execPath, [path.join(__dirname, program), ...args], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
};

/** Runs a program to its end. @returns what it reported. @throws Error when it failed or said nothing */
export const runProgram = <T>(program: string, task: object, env: Readonly<Record<string, string>> = {}): Promise<T> =>
  new Promise((resolve, reject) => {
    const child = start(program, [], { ...env, BENCH_TASK: JSON.stringify(task) });
    let reported: T | undefined;
    const tail: string[] = [];
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('bench ')) reported = JSON.parse(line.slice(6)) as T;
      else if (line !== '') tail.push(line.slice(0, 500));
      if (tail.length > 12) tail.shift();
    });
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      if (reported !== undefined && code === 0) resolve(reported);
      else reject(new Error(`${program} ended with ${killedBy ?? code}:\n${tail.join('\n')}`));
    });
  });

/** Starts a program that serves until it is stopped. @returns the first match of `sign` in its output */
export const startServer = (
  program: string,
  args: readonly string[],
  sign: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<{ said: string; stop: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const child = start(program, args, env);
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const said = sign.exec(line)?.[0];
      const stop = (): Promise<void> => {
        child.kill('SIGTERM');
        return ended;
      };
      if (said !== undefined) resolve({ said, stop });
    });
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${program} ended with ${code}`)));
  });

/** The CSV files of a segment below a folder, in the order of their partitions. */
export const csvFilesOf = (folder: string, segment: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => path.basename(name).startsWith(`${segment}_`) && name.endsWith('.csv'))
    .sort((one, other) => Number(/_(\d+)\.csv$/.exec(one)?.[1]) - Number(/_(\d+)\.csv$/.exec(other)?.[1]))
    .map((name) => path.join(folder, name));
