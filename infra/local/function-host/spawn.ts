import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface SpawnFunctionHostOptions {
  /** The app's settings; of this process's own environment the child gets only PATH, HOME and TMPDIR. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly appDir: string;
  /** The app finds no module outside its folder, as on Azure. */
  readonly sealed?: boolean;
  readonly port?: number;
  readonly dataDir?: string;
  readonly authentication?: boolean;
  readonly functionKeys?: readonly string[];
  readonly masterKey?: string;
  readonly queueLockMs?: number;
  readonly shutdownTimeoutMs?: number;
  /** Bad luck by seed (./chaos.ts), e.g. { seed: 7, settings: 'notDeleted=0.5' }; the process ends with WORKER_RESTART_CODE where it is to be started again. */
  readonly chaos?: { readonly seed: number; readonly settings?: string };
  /** Arguments for Node itself, such as --max-old-space-size=300. */
  readonly nodeArgs?: readonly string[];
  /** Gets each line that the child writes. */
  readonly onLog?: (line: string) => void;
}

export interface FunctionHostProcess {
  /** http://127.0.0.1:port; throws until the host is ready, where the port was free to choose. */
  readonly url: string;
  readonly pid: number;
  /** Resolves when every trigger works. @throws Error with the last lines when the process ends before */
  readonly ready: Promise<{ readonly url: string; readonly port: number; readonly functions: readonly string[] }>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** The last 2,000 lines. */
  readonly logs: readonly string[];
  /** Sends a signal, SIGTERM when none is named, and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

const mainFile = (): string => {
  const beside = path.join(__dirname, 'main.js');
  if (existsSync(beside)) return beside;
  return path.resolve(__dirname, '../../../dist/infra/local/function-host/main.js'); // we run from source, under jest
};

/**
 * Runs the function host as a child process, which ends when this one does.
 * The compiled host must exist (npm run build).
 */
export const spawnFunctionHost = (options: SpawnFunctionHostOptions): FunctionHostProcess => {
  const { PATH, HOME, TMPDIR } = process.env;
  const args = ['--app', path.resolve(options.appDir), '--port', String(options.port ?? 0), '--parent-watch'];
  if (options.dataDir !== undefined) args.push('--data', path.resolve(options.dataDir));
  if (options.sealed) args.push('--sealed');
  if (options.authentication === false) args.push('--no-authentication');
  if (options.queueLockMs !== undefined) args.push('--queue-lock-ms', String(options.queueLockMs));
  if (options.shutdownTimeoutMs !== undefined) args.push('--shutdown-ms', String(options.shutdownTimeoutMs));
  if (options.chaos !== undefined) args.push('--chaos-seed', String(options.chaos.seed), '--chaos', options.chaos.settings ?? '');
  const env: NodeJS.ProcessEnv = { PATH, HOME, TMPDIR, ...options.env };
  if (options.functionKeys !== undefined) env.LOCAL_FUNCTION_KEYS = options.functionKeys.join(',');
  if (options.masterKey !== undefined) env.LOCAL_MASTER_KEY = options.masterKey;
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), mainFile(), ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);

  const logs: string[] = [];
  const keep = (line: string): void => {
    logs.push(line);
    if (logs.length > 2_000) logs.shift();
    options.onLog?.(line);
  };
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', (error) => {
      keep(`[critical] host: ${error.message}`);
      resolve({ code: 1, signal: null });
    });
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let port = options.port ?? 0;
  const urlNow = (): string => {
    if (port === 0) throw new Error('The function host is not ready yet: its port is not known');
    return `http://127.0.0.1:${port}`;
  };
  const ready = new Promise<{ url: string; port: number; functions: string[] }>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', keep);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = line.startsWith('{"ready":true') ? (JSON.parse(line) as { port: number; functions: string[] }) : undefined;
      if (said === undefined) return keep(line);
      port = said.port;
      resolve({ url: urlNow(), port, functions: said.functions });
    });
    void exited.then(({ code, signal }) => reject(new Error(`The function host ended (${signal ?? `code ${code}`}): ${lastWords(logs)}`)));
  });
  ready.catch(() => undefined); // whoever waits for it sees the error
  return {
    get url() {
      return urlNow();
    },
    pid: child.pid ?? 0,
    ready,
    exited,
    logs,
    kill: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
};

/** What the host said of its failure, else its last lines. */
const lastWords = (logs: readonly string[]): string => {
  const at = logs.findLastIndex((line) => line.startsWith('[critical]'));
  return (at < 0 ? logs.slice(-10) : logs.slice(at, at + 10)).join('\n');
};
