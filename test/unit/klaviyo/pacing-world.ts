import { ConflictError, UpstreamError } from '../../../shared/errors';
import { createRateWindows } from '../../../infra/local/klaviyo/rate-windows';
import { endpoints } from '../../../shared/klaviyo/endpoints';
import type { EndpointName } from '../../../shared/klaviyo/endpoints';
import { instantsOf } from '../../../shared/klaviyo/ledger';
import type { Ledger } from '../../../shared/klaviyo/ledger';
import { PaceWait, createPacing } from '../../../shared/klaviyo/pacing';
import type { LedgerKey, PacingStore } from '../../../shared/klaviyo/pacing-store';

/** A world with a time of its own: instances of the app, the table they share, and Klaviyo. Same seed, same course; no real clock. */

/** Server's clock at the beginning; instances know nothing of it. */
const EPOCH = 1_800_000_000_000;

/** The most instants that lie in any window of that length: a call at each end counts, but for the end of the window. */
export const mostIn = (given: readonly number[], windowMs: number): number => {
  const instants = [...given].sort((one, other) => one - other);
  let most = 0;
  let from = 0;
  for (let to = 0; to < instants.length; to += 1) {
    while (instants[to]! - instants[from]! >= windowMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
};

/** mulberry32 */
const createRandom = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

export interface WorldOptions {
  readonly seed?: number;
  /** longest way of a request to storage, and of its answer */
  readonly latencyMs?: number;
}

export const createWorld = ({ seed = 1, latencyMs = 10 }: WorldOptions = {}) => {
  const random = createRandom(seed);
  let now = 0;
  let number = 0;
  const timers = new Map<number, { at: number; go: () => void }>();
  const sleep = (ms: number, { signal }: { signal: AbortSignal }): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const id = (number += 1);
      const stop = (): void => {
        timers.delete(id);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', stop, { once: true });
      timers.set(id, {
        at: now + Math.max(0, ms),
        go: () => {
          signal.removeEventListener('abort', stop);
          resolve();
        },
      });
    });
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  /** Lets time pass until `done`. */
  const run = async (done: () => boolean, { untilMs = 3_600_000 }: { untilMs?: number } = {}): Promise<void> => {
    for (;;) {
      await settle();
      if (done()) return;
      let first: number | undefined;
      for (const [id, { at }] of timers) if (first === undefined || at < timers.get(first)!.at) first = id;
      if (first === undefined || timers.get(first)!.at > untilMs) throw new Error(`nothing ends this before ${untilMs} ms`);
      const { at, go } = timers.get(first)!;
      timers.delete(first);
      now = Math.max(now, at);
      go();
    }
  };

  // the table
  const rows = new Map<string, { ledger: Ledger; version: string; writtenMs: number }>();
  const never = new AbortController().signal;
  /** how many calls are reserved for an instant of the server's time, by account and endpoint */
  const reserved = new Map<string, Map<number, number>>();
  let versions = 0;
  let clockMs = 0;
  let trouble: 'refuses' | 'hangs' | undefined;
  const nameOf = ({ accountId, endpoint }: LedgerKey): string => `${accountId} ${endpoint}`;
  const serverMs = (): number => Math.floor(EPOCH + now);
  const way = async <T>(work: () => T, signal: AbortSignal): Promise<T> => {
    if (trouble === 'hangs') await sleep(3_600_000, { signal });
    await sleep(0.5 + random() * latencyMs, { signal: never });
    if (trouble !== undefined) {
      throw new UpstreamError('storage', { code: 'storage_unavailable', message: 'Storage is away.', retryable: true });
    }
    const result = work(); // carried out, whether or not anybody still waits for the answer
    await sleep(0.5 + random() * latencyMs, { signal });
    return result;
  };

  // Klaviyo, with its fixed windows on the whole second and minute of a clock of its own
  const windows = createRateWindows();
  let throttled = 0;
  /** @returns the seconds that a 429 asks for, or undefined */
  const klaviyo = (accountId: string, endpoint: EndpointName): number | undefined => {
    const verdict = windows.take(`${accountId} ${endpoint}`, endpoints[endpoint], EPOCH + 123_456 + now);
    if (verdict.allowed) return undefined;
    throttled += 1;
    return verdict.retryAfterSeconds;
  };

  interface Instance {
    /** when it really sent, in the server's time */
    readonly sent: number[];
    /** storage calls, by kind */
    readonly calls: { readonly at: number; readonly kind: 'find' | 'save' | 'conflict' | 'clock' }[];
    readonly logged: string[];
    readonly pacing: ReturnType<typeof createPacing>;
    /** Makes calls one after the other until so many were taken, coming back when it is told to. */
    readonly work: (options: {
      calls: number;
      endpoint?: EndpointName;
      accountId?: string;
      /** of a call to Klaviyo */
      answerMs?: number;
      pauseMs?: number;
    }) => Promise<void>;
    readonly crash: () => void;
  }

  /**
   * @param offsetMs its clock against the server's
   * @param lateMs how late its timers may be: a busy event loop
   */
  const instance = ({ offsetMs = 0, drift = 0, lateMs = 0 }: { offsetMs?: number; drift?: number; lateMs?: number } = {}): Instance => {
    const crashed = new AbortController();
    const sent: number[] = [];
    const calls: Instance['calls'] = [];
    const logged: string[] = [];
    const monotonicMs = (): number => offsetMs + now * (1 + drift);
    const wait = (ms: number, options: { signal: AbortSignal }): Promise<void> => sleep(ms + random() * lateMs, options);
    const store: PacingStore = {
      find: (key, { signal }) => {
        calls.push({ at: now, kind: 'find' });
        return way(() => rows.get(nameOf(key)), signal);
      },
      save: (key, ledger, { ifVersion, signal }) => {
        const call: Instance['calls'][number] = { at: now, kind: 'save' };
        calls.push(call);
        return way(() => {
          const name = nameOf(key);
          if (rows.get(name)?.version !== ifVersion) {
            calls[calls.indexOf(call)] = { at: call.at, kind: 'conflict' };
            throw new ConflictError({ code: 'changed_meanwhile', message: 'The row was changed.' });
          }
          const all = reserved.get(name) ?? new Map<number, number>();
          reserved.set(name, all);
          const inRow = new Map<number, number>();
          for (const instant of instantsOf(ledger)) {
            const at = Math.round((instant - EPOCH) * 1_000) / 1_000;
            inRow.set(at, (inRow.get(at) ?? 0) + 1);
          }
          for (const [at, count] of inRow) all.set(at, Math.max(count, all.get(at) ?? 0));
          rows.set(name, { ledger, version: String((versions += 1)), writtenMs: serverMs() });
          return String(versions);
        }, signal);
      },
      readClock: async ({ signal }) => {
        calls.push({ at: now, kind: 'clock' }, { at: now, kind: 'clock' });
        const sentMs = monotonicMs();
        await way(() => (clockMs = serverMs()), signal);
        const receivedMs = monotonicMs();
        await way(() => undefined, signal);
        return { sentMs, receivedMs, serverMs: clockMs };
      },
    };
    const pacing = createPacing({ store, monotonicMs, wait, random, log: (event) => void logged.push(event) });
    const work: Instance['work'] = async ({
      calls: wanted,
      endpoint = 'importJobsCreate',
      accountId = 'ACCT01',
      answerMs = 300,
      pauseMs = 0,
    }) => {
      const { signal } = crashed;
      for (let made = 0; made < wanted && !signal.aborted;) {
        try {
          await pacing.take(accountId, endpoint, { signal });
          sent.push(now);
          const onItsWayMs = answerMs * (0.05 + random() * 0.1);
          await sleep(onItsWayMs, { signal });
          const retryAfter = klaviyo(accountId, endpoint);
          if (retryAfter === undefined) {
            made += 1;
            await sleep(answerMs * (0.5 + random()) - onItsWayMs + pauseMs, { signal });
          } else {
            await pacing.throttled(accountId, endpoint, retryAfter * 1_000);
            await sleep(retryAfter * 1_000, { signal });
          }
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof PaceWait)) throw error;
          await sleep(error.waitMs, { signal }).catch(() => undefined);
        }
      }
    };
    return { sent, calls, logged, pacing, work, crash: () => crashed.abort(new Error('crashed')) };
  };

  return {
    instance,
    run,
    sleep: (ms: number): Promise<void> => sleep(ms, { signal: never }),
    now: (): number => now,
    /** Somebody else calls Klaviyo for the same account. */
    stranger: (accountId = 'ACCT01', endpoint: EndpointName = 'importJobsCreate') => klaviyo(accountId, endpoint),
    /** answers 429, those to strangers included */
    throttled: (): number => throttled,
    /** Runs work to its end. */
    finish: async <T>(work: Promise<T>, options?: { untilMs?: number }): Promise<T> => {
      let over = false;
      const ended = work.finally(() => (over = true));
      ended.catch(() => undefined);
      await run(() => over, options);
      return ended;
    },
    /** Instants of all calls ever reserved, in the server's time. */
    reserved: (accountId = 'ACCT01', endpoint: EndpointName = 'importJobsCreate'): number[] =>
      [...(reserved.get(nameOf({ accountId, endpoint })) ?? [])].flatMap(([at, count]) => new Array<number>(count).fill(at)),
    trouble: (kind: 'refuses' | 'hangs' | undefined): void => {
      trouble = kind;
    },
  };
};

export type World = ReturnType<typeof createWorld>;
