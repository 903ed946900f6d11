import { setTimeout as sleep } from 'node:timers/promises';
import { spawnFunctionHost } from '../../infra/local/function-host/spawn';
import type { FunctionHostProcess } from '../../infra/local/function-host/spawn';
import type { Board } from './board';
import { startProxy } from './proxy';
import type { Service } from './proxy';

/** How long a killed process stays away. */
const AWAY_MS = 400;
const API_PATIENCE_MS = 100_000;
const ATTEMPT_MS = 30_000;

export interface ApiAnswer {
  readonly status: number;
  readonly etag: string;
  readonly json: Record<string, unknown>;
}

/** One place for a process of the app: its proxy stays, whoever lives behind it. */
const startSlot = async ({
  name,
  targets,
  board,
  settings,
  appDir,
  queueLockMs,
  onLog,
  problem,
}: {
  name: string;
  targets: Readonly<Record<Service, number>>;
  board: Board;
  settings: (ports: Readonly<Record<Service, number>>) => Record<string, string>;
  appDir: string;
  queueLockMs: number;
  onLog: (line: string) => void;
  problem: (what: string) => void;
}) => {
  let host: FunctionHostProcess | undefined;
  let url: string | undefined;
  let closing = false;
  const witness = board.witnessOf(name, () => {
    url = undefined;
    if (host) process.kill(host.pid, 'SIGKILL');
  });
  const proxy = await startProxy(targets, witness);

  const live = async (): Promise<void> => {
    while (!closing) {
      const deathsBefore = board.deaths().filter(({ app }) => app === name).length;
      host = spawnFunctionHost({ env: settings(proxy.ports), appDir, queueLockMs, onLog });
      const { exited, ready } = host;
      try {
        url = (await ready).url;
      } catch {
        // it ended before it was ready; told below
      }
      const { code, signal } = await exited;
      url = undefined;
      witness.died();
      if (closing) return;
      if (board.deaths().filter(({ app }) => app === name).length === deathsBefore) {
        problem(`${name} ended by itself (${signal ?? `code ${code}`}): ${host.logs.slice(-5).join(' | ')}`);
      }
      await sleep(AWAY_MS);
    }
  };
  const life = live();
  return {
    name,
    url: (): string | undefined => url,
    close: async (): Promise<void> => {
      closing = true;
      await host?.kill('SIGKILL');
      await life;
      await proxy.close();
    },
  };
};

/** Several processes of the app on the same stores, started again whenever one has been killed, and their API as one. */
export const startApps = async ({
  count,
  onLog,
  signal,
  ...parts
}: Omit<Parameters<typeof startSlot>[0], 'name' | 'onLog'> & {
  count: number;
  onLog: (app: string, line: string) => void;
  signal: AbortSignal;
}) => {
  const slots = await Promise.all(
    Array.from({ length: count }, (_, index) => {
      const name = `app-${index + 1}`;
      return startSlot({ ...parts, name, onLog: (line) => onLog(name, line) });
    }),
  );
  let turn = 0;

  /**
   * Asks any process that lives; who dies over it is followed by the next. What is asked must be harmless to repeat.
   * @returns whatever is said below 500
   */
  const call = async (
    method: 'GET' | 'POST' | 'PATCH',
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<ApiAnswer> => {
    const until = Date.now() + API_PATIENCE_MS;
    for (let last: unknown; Date.now() < until; await sleep(150, undefined, { signal })) {
      const base = slots[(turn += 1) % slots.length]!.url();
      if (base === undefined) continue;
      try {
        const answer = await fetch(`${base}/api${path}`, {
          method,
          headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
          body: body === undefined ? undefined : JSON.stringify(body),
          signal: AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]),
        });
        const text = await answer.text();
        if (answer.status < 500) {
          return {
            status: answer.status,
            etag: answer.headers.get('etag') ?? '',
            json: text === '' ? {} : (JSON.parse(text) as ApiAnswer['json']),
          };
        }
        last = new Error(`${answer.status} ${text.slice(0, 300)}`);
      } catch (error) {
        signal.throwIfAborted();
        last = error;
      }
      if (Date.now() >= until) throw new Error(`no process of the app answered ${method} ${path}`, { cause: last });
    }
    throw new Error(`no process of the app answered ${method} ${path} in ${API_PATIENCE_MS / 1_000} s`);
  };

  return {
    call,
    /** As call. @throws Error unless it went well */
    must: async (method: 'GET' | 'POST' | 'PATCH', path: string, options: Parameters<typeof call>[2] = {}): Promise<ApiAnswer> => {
      const answer = await call(method, path, options);
      if (answer.status >= 300)
        throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.json).slice(0, 500)}`);
      return answer;
    },
    close: () => Promise.all(slots.map((slot) => slot.close())),
  };
};

export type Apps = Awaited<ReturnType<typeof startApps>>;
