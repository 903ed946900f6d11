import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerClient } from '@azure/storage-blob';
import { readRecord } from '../../infra/local/data-folder';
import { isFree } from '../../infra/local/ports';
import { hasEnded } from '../../infra/local/run-view';
import { type LocalSegment, readManifest, SOURCE_CONTAINER } from '../../infra/local/segments';
import { endLeftover } from '../../infra/local/storage/azurite';
import { isAlive } from '../../infra/local/storage/process-info';

/** Also where we run compiled, out of dist. */
const root = path.resolve(__dirname, '../..').replace(/[\\/]dist$/, '');
const STAYS_UP = 'The local cloud stays up';
const ORDERLY_MS = 15_000;

/** Ends a process group when the test's own process has gone, however it went. */
const WATCHDOG = "process.stdin.resume().on('close', () => { try { process.kill(-process.argv[1], 'SIGKILL') } catch {} process.exit() })";

export interface ShownRun {
  readonly id: string;
  readonly exportId: string;
  readonly state: string;
  readonly phase: string;
  readonly trigger: { readonly kind: string };
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Looks again and again until there is something to see; whoever does not answer is asked again.
 * @throws Error when there is nothing for too long
 */
export const until = async <T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  { seconds = 90, everyMs = 100 }: { seconds?: number; everyMs?: number } = {},
): Promise<T> => {
  const end = Date.now() + seconds * 1_000;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error; // not there yet
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`, { cause: last });
    await sleep(everyMs);
  }
};

/** A data folder of the local cloud, and the `npm start` processes that a test runs on it, each the head of a process group of its own. */
export const createStartedCloud = ({ environment = {} }: { environment?: Readonly<Record<string, string>> } = {}) => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'started-cloud-'));
  const children: ChildProcess[] = [];
  const recorded = () => {
    const record = readRecord(dataDir);
    if (record === undefined) throw new Error(`There is no cloud.json in ${dataDir} yet.`);
    return record;
  };
  const azuritePid = (): number =>
    (JSON.parse(readFileSync(path.join(dataDir, 'azurite', 'azurite.pid.json'), 'utf8')) as { pid: number }).pid;
  const runById = async (id: string): Promise<ShownRun> => (await (await fetch(`${recorded().api}/runs/${id}`)).json()) as ShownRun;

  return {
    dataDir,
    recorded,
    runById,
    /** Runs `npm start` with arguments; its set-up has been done by whoever runs the tests. */
    start: (...args: string[]) => {
      const command = [path.join(root, 'dist/infra/local/start.js'), '--data', dataDir, '--port', '0', ...args];
      const env = { ...process.env, ...environment };
      const child = spawn(process.execPath, command, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      const pid = child.pid!;
      children.push(child);
      const watchdog = spawn(process.execPath, ['-e', WATCHDOG, String(pid)], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
      const ended = new Promise<{ code: number | null; output: string; lastLine: string }>((resolve) =>
        child.once('close', (code) => {
          watchdog.kill('SIGKILL');
          resolve({ code, output, lastLine: output.trimEnd().split('\n').at(-1) ?? '' });
        }),
      );
      return {
        pid,
        ended,
        /** Resolves with what it has said when the first run has ended and the cloud stays up. @throws Error when it ends instead */
        staysUp: async (): Promise<string> => {
          await until('the cloud that stays up', () => (output.includes(STAYS_UP) || child.exitCode !== null ? true : undefined), {
            seconds: 150,
          });
          if (!output.includes(STAYS_UP)) throw new Error(`npm start ended with ${child.exitCode}:\n${output}`);
          return output;
        },
      };
    },
    /** The run of this cloud's only export, once it has come to one of these phases. */
    runIn: (phases: readonly string[]): Promise<ShownRun> =>
      until(
        `a run in ${phases.join(' or ')}`,
        async () => {
          const list = (await (await fetch(`${recorded().api}/runs?size=1`)).json()) as { value: ShownRun[] };
          const run = list.value[0] && (await runById(list.value[0].id));
          if (run && hasEnded(run)) throw new Error(`The run has ended (${run.state}) without being seen there.`);
          return run?.state === 'refreshing' && phases.includes(run.phase) ? run : undefined;
        },
        { everyMs: 20 },
      ),
    members: async (listId: string): Promise<string[]> => membersOf(recorded().klaviyo, listId),
    slowKlaviyo: async (rowsPerSecond: number): Promise<void> => {
      await until('the sandbox', async () => {
        const body = JSON.stringify({ processing: { rowsPerSecond } });
        const answer = await fetch(`${recorded().klaviyo}/_sandbox/options`, { method: 'POST', body });
        return answer.ok ? true : undefined;
      });
    },
    truthOf: (segment: string) => readManifest(dataDir).segments[segment]!,
    /** Every address that stands in the partitions of a segment, good and bad, in lower case. */
    addressesOf: async ({ name }: Pick<LocalSegment, 'name'>): Promise<ReadonlySet<string>> => {
      const container = new ContainerClient(recorded().storage, SOURCE_CONTAINER);
      const addresses = new Set<string>();
      for await (const blob of container.listBlobsFlat()) {
        if (!blob.name.includes(name) || !blob.name.endsWith('.csv')) continue;
        const text = (await container.getBlockBlobClient(blob.name).downloadToBuffer()).toString('utf8').toLowerCase();
        for (const [address] of text.matchAll(/[^\s",;]+@[^\s",;]+/g)) addresses.add(address);
      }
      return addresses;
    },
    /** Which processes and ports the cloud holds now; `gone` resolves when none of them is left. */
    holdings: () => {
      const { pid, functionHostPid, ports, api } = recorded();
      const pids = [pid, functionHostPid, azuritePid()].filter((one) => one !== undefined);
      const held = [...Object.values(ports), ...(api === undefined ? [] : [Number(new URL(api).port)])];
      return {
        pids,
        ports: held,
        gone: () =>
          until(
            'nobody left',
            async () => {
              const living = pids.filter(isAlive);
              const taken = (await Promise.all(held.map(async (port) => ((await isFree(port)) ? [] : [port])))).flat();
              if (living.length + taken.length > 0) throw new Error(`processes ${living.join(', ')}; ports ${taken.join(', ')}`);
              return true;
            },
            { seconds: 30 },
          ),
      };
    },
    /** Ends what still runs, in order where that works, and deletes the folder. */
    close: async (): Promise<void> => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = new Promise((resolve) => child.once('close', () => resolve(true)));
        child.kill('SIGTERM');
        if (await Promise.race([gone, sleep(ORDERLY_MS, false, { ref: false })])) continue;
        process.kill(-child.pid!, 'SIGKILL');
        await gone;
      }
      await endLeftover(path.join(dataDir, 'azurite'));
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
};

export type StartedCloud = ReturnType<typeof createStartedCloud>;

/** The addresses on a list, as the sandbox itself holds them. */
export const membersOf = async (klaviyo: string, listId: string): Promise<string[]> => {
  const answer = await fetch(`${klaviyo}/_sandbox/accounts/SANDBX/lists/${listId}/members`);
  const lines = (await answer.text()).split('\n').filter((line) => line !== '');
  return lines.map((line) => (JSON.parse(line) as { email: string }).email).sort();
};
