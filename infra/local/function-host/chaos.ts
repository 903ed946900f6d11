import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { hash, hashText } from '../sample/random';
import type { Log } from './app';

const Share = z.number().min(0).max(1);

/** How often what the real host is known to do happens here, as shares of all deliveries, and how long it takes, in milliseconds. */
export const ChaosSettings = z.strictObject({
  /** Done, but not deleted: the message comes back when its ten minutes are over (azure-functions-host#10759: up to 10 of 500 a day). */
  notDeleted: Share.default(0.02),
  /** Fetched, then left lying without a call (azure-functions-host#10373). */
  waits: Share.default(0.005),
  /** The whole process stands still, renewals included. */
  stalls: Share.default(0.002),
  /** The process ends with all that runs in it, and what ran is given back at once. */
  restarts: Share.default(0.002),
  /** Five failures within moments, without a call, into the poison queue (azure-sdk-for-net#32635). */
  poisons: Share.default(0.001),
  waitMs: z.number().int().min(1_000).default(600_000),
  stallMs: z.number().int().min(1).default(90_000),
});
export type ChaosSettings = z.infer<typeof ChaosSettings>;

export type Fate = 'fine' | 'notDeleted' | 'waits' | 'stalls' | 'restarts' | 'poisons';
const misfortunes = ['notDeleted', 'waits', 'stalls', 'restarts', 'poisons'] as const;

/** The exit code of a host process whose worker restarts by chance: start it again (sysexits has no such code, 75 is "try again"). */
export const WORKER_RESTART_CODE = 75;

const LONGEST_DELAY_MS = 1_000;

/**
 * What happens to a function's nth delivery: the same for the same seed, whatever the message's id and however many run beside it.
 * @param delivery 1 for the first message that the function is given
 */
export const fateOf = (seed: number, settings: ChaosSettings, functionName: string, delivery: number): Fate => {
  let left = hash(seed, hashText(functionName), delivery) / 2 ** 32;
  for (const misfortune of misfortunes) {
    if (left < settings[misfortune]) return misfortune;
    left -= settings[misfortune];
  }
  return 'fine';
};

/**
 * Reads "notDeleted=0.5,waitMs=2000".
 * @throws Error that names what is wrong
 */
export const parseChaosSettings = (text: string | undefined): ChaosSettings => {
  const pairs = (text ?? '').split(',').filter((pair) => pair.trim() !== '');
  const result = ChaosSettings.safeParse(
    Object.fromEntries(pairs.map((pair) => pair.split('=').map((part) => part.trim()) as [string, string]).map(([a, b]) => [a, Number(b)])),
  );
  if (!result.success) throw new Error(`The chaos settings "${text}" are wrong: ${z.prettifyError(result.error)}`);
  return result.data;
};

/** Reads a seed. @throws Error where it is no whole number */
export const parseChaosSeed = (text: string): number => {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`The chaos seed "${text}" is no whole number`);
  return Number(text);
};

export interface Chaos {
  readonly settings: ChaosSettings;
  /** Decides about a delivery, counts it and logs what is not fine. */
  meet(functionName: string, message: { readonly messageId: string; readonly dequeueCount: number }): Fate;
  /** Has a message that runs now: `release` gives it back should the worker restart meanwhile. @returns call it when the message is done */
  running(release: () => Promise<unknown>): () => void;
  /** Stands still, or restarts, at a moment within the next second. */
  strike(fate: Fate, functionName: string): void;
  /** The host is up: what was to strike may strike now. */
  begin(): void;
}

/**
 * The bad luck of a function host.
 * @param dataDir where the deliveries are counted, so that a restarted process goes on with the next one; without it it begins anew
 * @param restart ends this process
 */
export const createChaos = ({
  seed,
  settings,
  dataDir,
  log,
  restart,
  stall = standStill,
}: {
  seed: number;
  settings: ChaosSettings;
  dataDir: string | undefined;
  log: Log;
  restart: () => void;
  stall?: (ms: number) => void;
}): Chaos => {
  const file = dataDir === undefined ? undefined : path.join(dataDir, 'chaos.json');
  const counts = readCounts(file, seed);
  const doomed = new Set<string>();
  const releases = new Set<() => Promise<unknown>>();
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));

  const restartNow = async (): Promise<void> => {
    await Promise.allSettled([...releases].map((release) => release()));
    restart();
  };
  return {
    settings,
    meet: (functionName, { messageId, dequeueCount }) => {
      if (doomed.has(messageId)) return 'poisons';
      const delivery = (counts[functionName] ?? 0) + 1;
      counts[functionName] = delivery;
      writeCounts(file, seed, counts);
      const fate = fateOf(seed, settings, functionName, delivery);
      if (fate === 'poisons') doomed.add(messageId);
      if (fate !== 'fine') {
        log('warning', 'chaos', `${fate}: message ${messageId} of ${functionName}, delivery ${delivery} (its ${dequeueCount}. time)`);
      }
      return fate;
    },
    running: (release) => {
      releases.add(release);
      return () => void releases.delete(release);
    },
    strike: (fate, functionName) => {
      if (fate !== 'stalls' && fate !== 'restarts') return;
      const delayMs = hash(seed, hashText(functionName), counts[functionName] ?? 0, 1) % LONGEST_DELAY_MS;
      void begun.then(() =>
        setTimeout(() => {
          if (fate === 'stalls') {
            log('warning', 'chaos', `the process stands still for ${settings.stallMs} ms`);
            return stall(settings.stallMs);
          }
          log('warning', 'chaos', `the worker restarts, ${releases.size} messages with it`);
          void restartNow();
        }, delayMs).unref(),
      );
    },
    begin: () => begin(),
  };
};

/** As a machine that is taken away for a while: no timer, no socket, nothing moves. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

const Counts = z.object({ seed: z.number(), deliveries: z.record(z.string(), z.number()) });

const readCounts = (file: string | undefined, seed: number): Record<string, number> => {
  if (file === undefined) return {};
  try {
    const kept = Counts.parse(JSON.parse(readFileSync(file, 'utf8')));
    return kept.seed === seed ? kept.deliveries : {};
  } catch {
    return {}; // none yet
  }
};

const writeCounts = (file: string | undefined, seed: number, deliveries: Record<string, number>): void => {
  if (file === undefined) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify({ seed, deliveries }));
  renameSync(`${file}.new`, file);
};
