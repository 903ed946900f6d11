import { AsyncLocalStorage } from 'node:async_hooks';
import diagnostics from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { createBusyTime } from './busy-time';

/** One call to another service, from its making until its answer has been read; milliseconds of performance.now(). */
export interface OutsideCall {
  /** method and address without host; query parameters stay */
  readonly name: string;
  readonly host: string;
  readonly fromMs: number;
  toMs?: number;
}

/** What somebody's work has asked of others. */
export interface Metered<T> {
  readonly result: T;
  readonly fromMs: number;
  readonly toMs: number;
  readonly calls: readonly OutsideCall[];
  /** what the event loop did for it; 0 unless `busyTime` was started */
  readonly busyMs: number;
}

interface Work {
  readonly calls: OutsideCall[];
  busyMs: number;
}

/** What undici says of a request, as far as it is read here. */
interface UndiciRequest {
  readonly origin?: string | URL;
  readonly method?: string;
  readonly path?: string;
}

/**
 * Tells each call to another service to the work that made it, also where fifty works go on at once: node's own channels for
 * `node:http` (storage, vault) and undici's (Klaviyo) say when a request is made, in the context of whoever made it. Nothing of the
 * app is touched.
 */
export const createOutsideCalls = () => {
  const context = new AsyncLocalStorage<Work>();
  const busyTime = createBusyTime(context);
  const ofUndici = new WeakMap<object, OutsideCall>();

  const created = (message: unknown): void => {
    const { request } = message as { request: ClientRequest };
    const calls = context.getStore()?.calls;
    if (calls === undefined) return;
    const host = String(request.getHeader('host') ?? request.host);
    const call: OutsideCall = { name: `${request.method} ${request.path}`, host, fromMs: performance.now() };
    calls.push(call);
    request.once('close', () => (call.toMs ??= performance.now()));
  };
  const undiciCreated = (message: unknown): void => {
    const { request } = message as { request: UndiciRequest };
    const calls = context.getStore()?.calls;
    if (calls === undefined) return;
    const host = new URL(String(request.origin ?? 'http://unknown')).host;
    const call: OutsideCall = { name: `${request.method} ${request.path}`, host, fromMs: performance.now() };
    calls.push(call);
    ofUndici.set(request, call);
  };
  const undiciEnded = (message: unknown): void => {
    const call = ofUndici.get((message as { request: object }).request);
    if (call) call.toMs ??= performance.now();
  };
  const listeners = [
    ['http.client.request.created', created],
    ['undici:request:create', undiciCreated],
    ['undici:request:trailers', undiciEnded],
    ['undici:request:error', undiciEnded],
  ] as const;
  for (const [channel, listener] of listeners) diagnostics.subscribe(channel, listener);

  return {
    /** Does something and tells which calls it made, those of the promises it waits for included. */
    metered: async <T>(work: () => Promise<T>): Promise<Metered<T>> => {
      const owner: Work = { calls: [], busyMs: 0 };
      const fromMs = performance.now();
      const result = await busyTime.begin(owner, work);
      return { result, fromMs, toMs: performance.now(), ...owner };
    },
    busyTime,
    close: (): void => {
      for (const [channel, listener] of listeners) diagnostics.unsubscribe(channel, listener);
    },
  };
};

/** Time of `metered` in which at least one call was open: calls at once count once. */
export const waitedMs = ({ fromMs, toMs, calls }: Pick<Metered<unknown>, 'fromMs' | 'toMs' | 'calls'>): number => {
  let waited = 0;
  let until = fromMs;
  for (const call of [...calls].sort((one, other) => one.fromMs - other.fromMs)) {
    const end = Math.min(call.toMs ?? toMs, toMs);
    const begin = Math.max(call.fromMs, until);
    if (end <= begin) continue;
    waited += end - begin;
    until = end;
  }
  return waited;
};
