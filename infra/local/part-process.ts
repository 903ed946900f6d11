import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

const KEPT_LINES = 20;

export interface PartProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves with a sentence when the process has ended, asked for or not. */
  readonly exited: Promise<string>;
  close(): Promise<void>;
}

/**
 * Runs a part of the local cloud as a process of its own, so that it and the app do not share a CPU thread; it ends when this process does.
 * @param what how sentences call it, e.g. "Klaviyo sandbox"; it says "… listens on URL" when it is ready
 * @param script below this folder
 * @throws Error with its last lines when it ends before it listens
 */
export const spawnPart = async ({
  what,
  script,
  args,
  onLog,
  signal,
}: {
  what: string;
  script: string;
  args: readonly string[];
  onLog: (line: string) => void;
  signal: AbortSignal;
}): Promise<PartProcess> => {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [path.join(__dirname, script), ...args, '--parent-watch'], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  const lines: string[] = [];
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`The ${what} did not start: ${error.message}`));
    child.once('close', (code, killedBy) => resolve(`The ${what} ended (${killedBy ?? `code ${code}`}).\n${lines.join('\n')}`));
  });
  const listening = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        onLog(line);
        lines.push(line);
        if (lines.length > KEPT_LINES) lines.shift();
        const url = /listens on (http:\S+)/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
  });
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(timer);
  };
  const aborted = new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
  const url = await Promise.race([listening, exited.then((sentence) => new Error(sentence)), aborted]);
  if (typeof url !== 'string') {
    await close();
    throw url ?? (signal.reason as Error);
  }
  return { url, port: Number(new URL(url).port), pid: child.pid!, exited, close };
};
