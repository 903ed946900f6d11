import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where Azure Functions Core Tools lies, or undefined when it is not installed. */
export const findCoreTools = (): string | undefined =>
  (process.env.PATH ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, 'func'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });

export interface CoreToolsHost {
  readonly url: string;
  /** Ends it and the workers that it has started. */
  close(): Promise<void>;
}

/**
 * Runs an app with `func start`, Microsoft's own host, and waits until it listens.
 * @param ready a path that answers with something else than 404 and 503 once all functions are there
 * @throws Error with its last words when it ends, or does not answer within two minutes
 */
export const startCoreTools = async ({
  func,
  appDir,
  port,
  env,
  ready,
}: {
  func: string;
  appDir: string;
  port: number;
  env: Readonly<Record<string, string>>;
  ready: string;
}): Promise<CoreToolsHost> => {
  const child: ChildProcess = spawn(func, ['start', '--port', String(port)], {
    cwd: appDir,
    env: { ...process.env, FUNCTIONS_WORKER_RUNTIME: 'node', FUNCTIONS_CORE_TOOLS_TELEMETRY_OPTOUT: '1', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()).once('error', () => resolve()));
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.pid !== undefined) {
      try {
        process.kill(-child.pid, 'SIGINT');
        if (!(await Promise.race([exited.then(() => true), sleep(10_000, false, { ref: false })]))) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // gone already
      }
    }
    await exited;
  };
  const url = `http://127.0.0.1:${port}`;
  for (const giveUpAt = Date.now() + 120_000; ; await sleep(300)) {
    const status = await fetch(`${url}${ready}`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status !== 0 && status !== 404 && status !== 503) return { url, close };
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      await close();
      throw new Error(`func start does not answer: ${output.slice(-2_000)}`);
    }
  }
};
