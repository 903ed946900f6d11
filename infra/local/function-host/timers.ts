import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { App, Log, RegisteredFunction } from './app';
import { nextOccurrence, parseNcrontab } from './ncrontab';
import { resolveSettings } from './settings';

export interface TimerListenerOptions {
  readonly entry: RegisteredFunction;
  readonly env: NodeJS.ProcessEnv;
  readonly invoke: App['invoke'];
  readonly log: Log;
  /** Folder for the schedule's status; without it nothing that was missed before the start is known. */
  readonly dataDir: string | undefined;
}

export interface TimerListener {
  /** Fires no more; resolves when a running invocation has ended. */
  stop(): Promise<void>;
  /** Runs the function now. */
  run(): Promise<unknown>;
}

interface Status {
  readonly last: Date;
  readonly next: Date;
}

const noDate = new Date('0001-01-01T00:00:00Z');

/**
 * Fires a timer function by its NCRONTAB schedule in UTC, never twice at once; what was missed while the host was away, or while the last
 * invocation took too long, is made up for by one invocation. Schedules faster than a minute have no memory.
 * @throws Error for a wrong schedule, and for runOnStartup, which starts the function at every scale-out on the platform
 * @see azure-webjobs-sdk-extensions: TimerListener.cs, StorageScheduleMonitor.cs
 */
export const startTimerListener = ({ entry, env, invoke, log, dataDir }: TimerListenerOptions): TimerListener => {
  if (entry.trigger.runOnStartup === true)
    throw new Error(`Function ${entry.name}: runOnStartup is not supported, it runs at every scale-out on Azure`);
  const schedule = parseNcrontab(resolveSettings(String(entry.trigger.schedule), env));
  const after = (at: Date): Date => nextOccurrence(schedule, at)!;
  const first = after(new Date(0));
  const isMonitored = entry.trigger.useMonitor !== false && after(first).getTime() - first.getTime() >= 60_000;
  const file = dataDir === undefined || !isMonitored ? undefined : path.join(dataDir, 'timers', `${entry.name}.json`);
  const stopping = new AbortController();
  const kept = readStatus(file);
  // Computed anew, not read: the schedule may be another one since.
  let status: Status = kept ? { last: kept.last, next: after(kept.last) } : { last: noDate, next: after(new Date()) };
  if (kept === undefined) writeStatus(file, { last: new Date(), next: status.next });

  const run = async (isPastDue: boolean): Promise<unknown> => {
    const scheduleStatus = isMonitored ? { Last: status.last, Next: status.next, LastUpdated: status.last } : null;
    const data = { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus: scheduleStatus, IsPastDue: isPastDue }) };
    return invoke(entry.name, { data, invocationId: randomUUID() });
  };

  const loop = async (): Promise<void> => {
    let isPastDue = status.next <= new Date();
    while (!stopping.signal.aborted) {
      // At most a day at a time: a timer's delay is a 32-bit number of milliseconds, and the machine may sleep.
      for (let leftMs = dueIn(status); leftMs > 0 && !stopping.signal.aborted; leftMs = dueIn(status)) {
        await sleep(Math.min(leftMs, 86_400_000), undefined, { signal: stopping.signal }).catch(() => undefined);
      }
      if (stopping.signal.aborted) return;
      const startedAt = new Date(Math.max(Date.now(), isPastDue ? 0 : status.next.getTime()));
      await run(isPastDue).catch(() => undefined); // logged by invoke; a failure changes nothing about the schedule
      isPastDue = false;
      status = { last: startedAt, next: after(startedAt) };
      writeStatus(file, status);
    }
  };
  const looping = loop().catch((error: unknown) => log('critical', entry.name, `The timer has stopped: ${String(error)}`));
  return {
    stop: async () => {
      stopping.abort();
      await looping;
    },
    run: () => run(false),
  };
};

const dueIn = ({ next }: Status): number => next.getTime() - Date.now();

const readStatus = (file: string | undefined): Pick<Status, 'last'> | undefined => {
  if (file === undefined) return undefined;
  try {
    const last = new Date((JSON.parse(readFileSync(file, 'utf8')) as { last: string }).last);
    return Number.isNaN(last.getTime()) ? undefined : { last };
  } catch {
    return undefined; // none yet, or cut short by a crash
  }
};

const writeStatus = (file: string | undefined, status: Status): void => {
  if (file === undefined) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(status));
  renameSync(`${file}.new`, file);
};
