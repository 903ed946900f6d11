import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Most memory that a process has held so far, in MB (Linux: VmHWM; elsewhere what it holds now); undefined when it has gone. */
const readPeakMb = (pid: number): number | undefined => {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) / 1024;
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
  } catch {
    return undefined;
  }
};

const LOOK_EVERY_MS = 500;

/** Watches the memory of a process that may be replaced by another one. */
export const watchMemory = (pidNow: () => number | undefined) => {
  let peakMb = 0;
  const look = (): void => {
    const pid = pidNow();
    if (pid !== undefined) peakMb = Math.max(peakMb, readPeakMb(pid) ?? 0);
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return {
    peakMb: (): number => {
      look();
      return Math.round(peakMb);
    },
    stop: (): void => clearInterval(timer),
  };
};
