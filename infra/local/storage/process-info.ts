import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Says who a process is, or undefined when there is none (Linux: /proc, elsewhere: ps). */
export const describeProcess = (pid: number): { parentPid: number; command: string } | undefined => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    if (/^State:\s+Z/m.test(status)) return undefined; // ended, only its parent has not looked yet
    return { parentPid: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]), command };
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    const line = execFileSync('ps', ['-ww', '-o', 'ppid=,command=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const [, parentPid, command] = /^(\d+)\s+(.*)$/s.exec(line) ?? [];
    return command === undefined ? undefined : { parentPid: Number(parentPid), command };
  } catch {
    return undefined;
  }
};

/** Tells whether a process with this id still runs. */
export const isAlive = (pid: number): boolean => describeProcess(pid) !== undefined;
