import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, isFree } from '../ports';
import { describeProcess, isAlive } from './process-info';

/** Azurite's published account; the key is no secret (Azurite README, "Default storage account"). */
const account = 'devstoreaccount1';
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/**
 * Runs Azurite and ends it, data saved, when our end of its standard input closes: the sign that we died. Azurite hears the first SIGTERM
 * alone (`once` in its azurite.js, 3.37.0); a second one while it saves would end it at once, and lose what it was saving. So a listener
 * that does nothing stays behind its own. It loads Application Insights even where it is told to send nothing, which is half of its start.
 */
const childScript =
  "const modules=require('node:module'),load=modules._load;" +
  "modules._load=function(name,...rest){return name==='applicationinsights'?{}:load.call(this,name,...rest)};" +
  "let kept;process.on('newListener',(event)=>{if(event==='SIGTERM'&&!kept){kept=true;process.on('SIGTERM',()=>{})}});" +
  "process.stdin.on('close',()=>{setTimeout(()=>process.exit(1),20000).unref();process.emit('SIGTERM')}).on('error',()=>{}).resume().unref();" +
  "process.stdout.on('error',()=>{});process.stderr.on('error',()=>{});require(process.argv[1])";

export interface AzuritePorts {
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

export interface AzuriteOptions {
  /** Data folder; without it everything is in memory and gone on close. */
  readonly location?: string;
  /** Ports on 127.0.0.1; 0 or nothing means a free one. */
  readonly ports?: Partial<AzuritePorts>;
  /** Ends Azurite when aborted. */
  readonly signal?: AbortSignal;
  /** How long it may take to listen; it takes 1-2 s on an idle machine. */
  readonly startTimeoutMs?: number;
  /** Gets each line that Azurite writes. */
  readonly onLog?: (line: string) => void;
}

export interface Azurite {
  readonly connectionString: string;
  readonly blobPort: number;
  readonly queuePort: number;
  readonly tablePort: number;
  readonly pid: number;
  /** Resolves when the process has ended, asked for or not, with a sentence that says how. */
  readonly exited: Promise<string>;
  /** Ends the process (SIGTERM, after 5 s SIGKILL) and waits until it is gone. */
  close(): Promise<void>;
}

/**
 * Starts Azurite (blobs, queues, tables) as a child process on 127.0.0.1 and waits until all three listen.
 * The child lives in a process group of its own, so that it can save its data when ours is killed: Azurite keeps
 * what was written in memory for up to 5 s (autosaveInterval of its Loki stores, 3.37.0).
 * @throws Error when a port is taken, the data folder is in use by a living process, or Azurite ends before it listens
 */
export const startAzurite = async ({
  location,
  ports = {},
  signal,
  startTimeoutMs = 30_000,
  onLog,
}: AzuriteOptions = {}): Promise<Azurite> => {
  signal?.throwIfAborted();
  const folder = location === undefined ? undefined : path.resolve(location);
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    await endLeftover(folder);
  }
  const wanted = { blob: ports.blob ?? 0, queue: ports.queue ?? 0, table: ports.table ?? 0 };
  const anyIsFree = Object.values(wanted).includes(0);
  // A free port can be taken by somebody else before Azurite has it: try again with others.
  for (let attempt = 1; ; attempt++) {
    const chosen = await choosePorts(wanted);
    try {
      return await launch(chosen, folder, { startTimeoutMs, signal, onLog });
    } catch (error) {
      if (!anyIsFree || attempt === 3 || !(error instanceof Error && /EADDRINUSE/.test(error.message))) throw error;
    }
  }
};

const azuriteMain = (): string => {
  try {
    return require.resolve('azurite/dist/src/azurite.js');
  } catch (cause) {
    throw new Error('Azurite, the storage of the local cloud, is not installed: run "npm ci", with development dependencies.', { cause });
  }
};

const launch = async (
  ports: AzuritePorts,
  folder: string | undefined,
  { startTimeoutMs, signal, onLog }: { startTimeoutMs: number } & Pick<AzuriteOptions, 'signal' | 'onLog'>,
): Promise<Azurite> => {
  const args = ['blob', 'queue', 'table'].flatMap((service) => [
    `--${service}Host`,
    '127.0.0.1',
    `--${service}Port`,
    String(ports[service as keyof AzuritePorts]),
  ]);
  const storage = folder === undefined ? ['--inMemoryPersistence'] : ['--location', folder];
  const child = spawn(process.execPath, ['-e', childScript, azuriteMain(), ...args, '--silent', '--disableTelemetry', ...storage], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const output = lastLines(child, onLog);
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`Azurite did not start: ${error.message}`));
    child.once('close', (code, killedBy) =>
      resolve(`Azurite ended (${killedBy ?? `code ${code}`}): ${output.text() || 'it said nothing'}`),
    );
  });
  if (folder !== undefined && child.pid !== undefined) {
    writeFileSync(pidFile(folder), JSON.stringify({ pid: child.pid, parentPid: process.pid }));
  }
  const close = async (): Promise<void> => {
    child.kill('SIGTERM');
    const gone = await Promise.race([exited.then(() => true), sleep(5_000, false, { ref: false })]);
    if (!gone) child.kill('SIGKILL');
    await exited;
    signal?.removeEventListener('abort', onAbort);
    if (folder !== undefined) rmSync(pidFile(folder), { force: true });
  };
  const onAbort = (): void => void close();
  const timer = new AbortController();
  const outcome = await Promise.race([
    output.listening.then(() => undefined),
    exited,
    sleep(startTimeoutMs, `Azurite did not listen within ${startTimeoutMs} ms: ${output.text()}`, { signal: timer.signal }).catch(() => ''),
    ...(signal ? [aborted(signal, timer.signal)] : []),
  ]);
  timer.abort();
  if (outcome !== undefined) {
    await close();
    signal?.throwIfAborted();
    throw new Error(outcome);
  }
  signal?.addEventListener('abort', onAbort, { once: true });
  // Neither the child nor its pipes may keep a program alive that has nothing else to do.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref?: () => void }).unref?.();
  return {
    connectionString: connectionStringFor(ports),
    blobPort: ports.blob,
    queuePort: ports.queue,
    tablePort: ports.table,
    pid: child.pid!,
    exited,
    close,
  };
};

const aborted = (signal: AbortSignal, done: AbortSignal): Promise<string> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve('aborted'), { once: true, signal: done }));

const connectionStringFor = ({ blob, queue, table }: AzuritePorts): string =>
  [
    'DefaultEndpointsProtocol=http',
    `AccountName=${account}`,
    `AccountKey=${accountKey}`,
    `BlobEndpoint=http://127.0.0.1:${blob}/${account}`,
    `QueueEndpoint=http://127.0.0.1:${queue}/${account}`,
    `TableEndpoint=http://127.0.0.1:${table}/${account}`,
  ].join(';') + ';';

const lastLines = (child: ChildProcess, onLog?: (line: string) => void): { text: () => string; listening: Promise<void> } => {
  const lines: string[] = [];
  let listeners = 0;
  const listening = new Promise<void>((resolve) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        onLog?.(line);
        lines.push(line);
        if (lines.length > 20) lines.shift();
        if (/successfully listen/.test(line) && ++listeners === 3) resolve();
      });
    }
  });
  child.stdin!.on('error', () => undefined);
  const text = (): string => lines.filter((line) => !/is starting at|successfully listen/.test(line)).join(' ');
  return { text, listening };
};

/** @returns the ports wanted, and three that differ @throws Error when one that was asked for is taken */
const choosePorts = async (wanted: AzuritePorts): Promise<AzuritePorts> => {
  const chosen = { ...wanted };
  const given = new Set<number>(Object.values(wanted));
  for (const service of ['blob', 'queue', 'table'] as const) {
    if (wanted[service] === 0) {
      while (given.has(chosen[service])) chosen[service] = await freePort();
      given.add(chosen[service]);
    } else if (!(await isFree(wanted[service]))) {
      throw new Error(
        `Port ${wanted[service]} for Azurite's ${service} service is taken: end the program that uses it, or choose another port`,
      );
    }
  }
  return chosen;
};

const pidFile = (folder: string): string => path.join(folder, 'azurite.pid.json');

/** Ends an Azurite of ours that outlived its parent; one whose parent lives is somebody's, and refused. */
export const endLeftover = async (folder: string): Promise<void> => {
  let record: { pid: number; parentPid: number };
  try {
    record = JSON.parse(readFileSync(pidFile(folder), 'utf8')) as typeof record;
  } catch {
    return; // no file, or one that a crash left half-written: nobody to end
  }
  const isOurs = (): boolean => {
    const found = describeProcess(record.pid);
    return found !== undefined && found.command.includes('azurite') && found.command.includes(folder);
  };
  if (isOurs()) {
    const parentLives = (): boolean => describeProcess(record.pid)?.parentPid === record.parentPid && record.parentPid !== 1;
    for (let waitedMs = 0; parentLives() && waitedMs < 1_000; waitedMs += 50) await sleep(50); // it may be dying right now
    if (parentLives()) {
      throw new Error(`The data folder ${folder} is in use by process ${record.parentPid}: end it first, or choose another folder`);
    }
    process.kill(record.pid, 'SIGTERM');
    for (let waitedMs = 0; isAlive(record.pid) && waitedMs < 20_000; waitedMs += 50) await sleep(50);
    if (isOurs()) process.kill(record.pid, 'SIGKILL');
    for (let waitedMs = 0; isAlive(record.pid) && waitedMs < 2_000; waitedMs += 50) await sleep(50);
  }
  rmSync(pidFile(folder), { force: true });
};
