import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { endLeftover } from './storage/azurite';
import { describeProcess } from './storage/process-info';

/** Tells a folder that we made from any other; without it nothing is ever deleted. */
const MARKER = '.local-cloud';

/** Azurite's databases and logs of a first run take some 40 MB; with less than this a run would end half-way. */
const LEAST_FREE_MB = 100;

/** What `DATA/cloud.json` says of the cloud that runs on the folder, or ran last. */
export interface CloudRecord {
  readonly pid: number;
  readonly ports: Readonly<Record<'blob' | 'queue' | 'table' | 'klaviyo', number>> & { readonly dataverse?: number };
  readonly api?: string;
  readonly klaviyo: string;
  readonly storage: string;
  readonly functionHostPid?: number;
}

const recordFile = (dataDir: string) => path.join(dataDir, 'cloud.json');

/** @returns undefined when there is none, or a crash left it half-written */
export const readRecord = (dataDir: string): CloudRecord | undefined => {
  try {
    return JSON.parse(readFileSync(recordFile(dataDir), 'utf8')) as CloudRecord;
  } catch {
    return undefined;
  }
};

export const writeRecord = (dataDir: string, record: CloudRecord): void => {
  const file = recordFile(dataDir);
  writeFileSync(`${file}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${file}.new`, file);
};

/** The process of another `npm start` on this folder, if it lives. */
const holderOf = (dataDir: string): number | undefined => {
  const pid = readRecord(dataDir)?.pid;
  if (pid === undefined || pid === process.pid) return undefined;
  return describeProcess(pid)?.command.includes(path.join('local', 'start')) ? pid : undefined;
};

const freeMbOf = (dataDir: string): number => {
  const { bavail, bsize } = statfsSync(dataDir);
  return Math.floor((bavail * bsize) / 2 ** 20);
};

/** Looks every second whether the disk has become full: the parts would try again for minutes before they gave up. */
export const watchDisk = (dataDir: string, onFull: (error: Error) => void): void => {
  const timer = setInterval(() => {
    if (!existsSync(dataDir) || freeMbOf(dataDir) > 0) return;
    clearInterval(timer);
    onFull(new Error(`The disk of the data folder ${dataDir} has become full.`));
  }, 1_000).unref();
};

/**
 * Makes the data folder, or takes the one that an earlier start left.
 * @param reset empties it first
 * @throws Error when it is somebody else's folder, or another start works on it
 */
export const openDataFolder = async (dataDir: string, { reset }: { reset: boolean }): Promise<void> => {
  const isOurs = existsSync(path.join(dataDir, MARKER));
  const isEmpty = !existsSync(dataDir) || readdirSync(dataDir).length === 0;
  if (!isOurs && !isEmpty) {
    throw new Error(`The folder ${dataDir} holds something that the local cloud did not make: choose another one with --data DIR.`);
  }
  const holder = holderOf(dataDir);
  if (holder !== undefined) {
    throw new Error(`The data folder ${dataDir} is in use by process ${holder}: end it first, or choose another one with --data DIR.`);
  }
  if (reset && isOurs) {
    await endLeftover(path.join(dataDir, 'azurite'));
    // The marker goes last: a reset that was cut short can be repeated.
    for (const name of readdirSync(dataDir).filter((one) => one !== MARKER)) {
      rmSync(path.join(dataDir, name), { recursive: true, force: true, maxRetries: 3 });
    }
  }
  mkdirSync(path.join(dataDir, 'logs'), { recursive: true });
  const freeMb = freeMbOf(dataDir);
  if (freeMb < LEAST_FREE_MB) {
    throw new Error(
      `The disk of the data folder ${dataDir} is full: ${freeMb} MB are free, and the local cloud needs ${LEAST_FREE_MB}. ` +
        'Make room, or choose another folder with --data DIR.',
    );
  }
  writeFileSync(path.join(dataDir, MARKER), 'Made by the local cloud (npm start), which may delete everything in this folder.\n');
};

export interface LogFile {
  readonly file: string;
  readonly write: (line: string) => void;
}

/** A part's log of this start; that of the start before stays beside it. Written at once, so that a kill loses no line. */
export const openLog = (dataDir: string, part: string): LogFile => {
  const file = path.join(dataDir, 'logs', `${part}.log`);
  if (existsSync(file)) renameSync(file, path.join(dataDir, 'logs', `${part}.previous.log`));
  const handle = openSync(file, 'a');
  let isLost = false;
  const write = (line: string): void => {
    try {
      writeSync(handle, `${new Date().toISOString()} ${line}\n`);
    } catch (error) {
      // A full disk ends the parts that need it, in their own words; what they say must not end us before they are closed.
      if (!isLost) console.error(`The log ${file} cannot be written: ${(error as Error).message}`);
      isLost = true;
    }
  };
  return { file, write };
};
