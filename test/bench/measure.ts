import { readFileSync } from 'node:fs';

/**
 * Peak resident memory of this process. `maxRSS` of getrusage(2) may still be that of the process that started us (Linux keeps it across
 * exec), VmHWM is ours alone.
 */
export const peakRssMb = (): number => {
  const { maxRSS } = process.resourceUsage();
  try {
    const own = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return Math.min(maxRSS, Number(own ?? maxRSS)) / 1024;
  } catch {
    return maxRSS / 1024;
  }
};

export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
