import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = path.resolve(__dirname, '../..');

/** What `npm start` writes down of the cloud that runs on a data folder. */
interface CloudRecord {
  readonly api?: string;
  readonly klaviyo: string;
  readonly storage: string;
  readonly functionHostPid?: number;
}
export interface ShownRun {
  readonly id: string;
  readonly state: string;
  readonly phase: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** A data folder of the local cloud, and the `npm start` processes that a test runs on it, each the head of a process group of its own. */
export const createStartedCloud = () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'started-cloud-'));
  const children: ChildProcess[] = [];
  const record = (): CloudRecord | undefined => {
    const file = path.join(dataDir, 'cloud.json');
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CloudRecord) : undefined;
  };
  const until = async <T>(what: string, look: () => Promise<T | undefined> | T | undefined, seconds = 90): Promise<T> => {
    const end = Date.now() + seconds * 1_000;
    for (;;) {
      try {
        const found = await look();
        if (found !== undefined && found !== false) return found;
      } catch {
        // not there yet
      }
      if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
      await sleep(100);
    }
  };

  return {
    dataDir,
    record,
    until,
    /** Runs `npm start` with arguments; its set-up has been done by whoever runs the tests. */
    start: (...args: string[]) => {
      const child = spawn(process.execPath, [path.join(root, 'dist/infra/local/start.js'), '--data', dataDir, '--port', '0', ...args], {
        cwd: root,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      let output = '';
      child.stdout.on('data', (part: Buffer) => (output += part.toString()));
      child.stderr.on('data', (part: Buffer) => (output += part.toString()));
      const ended = new Promise<{ code: number | null; output: string; lastLine: string }>((resolve) =>
        child.once('close', (code) => resolve({ code, output, lastLine: output.trimEnd().split('\n').at(-1) ?? '' })),
      );
      return { pid: child.pid!, ended, output: () => output };
    },
    /** The newest run of any export, as the API shows it. */
    newestRun: async (): Promise<ShownRun | undefined> => {
      const api = record()?.api;
      if (api === undefined) return undefined;
      const list = (await (await fetch(`${api}/runs?size=1`)).json()) as { value: { id: string }[] };
      const id = list.value[0]?.id;
      return id === undefined ? undefined : ((await (await fetch(`${api}/runs/${id}`)).json()) as ShownRun);
    },
    members: async (listId: string): Promise<string[]> => {
      const text = await (await fetch(`${record()!.klaviyo}/_sandbox/accounts/SANDBX/lists/${listId}/members`)).text();
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { email: string }).email);
    },
    slowKlaviyo: (rowsPerSecond: number) =>
      fetch(`${record()!.klaviyo}/_sandbox/options`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ processing: { rowsPerSecond } }),
      }),
    manifest: () =>
      (
        JSON.parse(readFileSync(path.join(dataDir, 'sample/manifest.json'), 'utf8')) as {
          segments: Record<string, { rows: number; invalid: number; duplicates: number; distinctValid: number }>;
        }
      ).segments,
    close: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = new Promise((resolve) => child.once('close', resolve));
        process.kill(child.pid!, 'SIGTERM');
        await Promise.race([gone, sleep(15_000)]);
      }
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
};
