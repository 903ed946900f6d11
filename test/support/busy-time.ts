import { type AsyncLocalStorage, createHook, executionAsyncResource } from 'node:async_hooks';

/** Whoever's work the event loop does. */
export interface Busy {
  busyMs: number;
}

/** Milliseconds that the processor has worked on this thread: not those in which it worked for another program. */
export const threadMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};

/**
 * Tells for whom the event loop works: the processor's time for each callback, and of each continuation of a promise, is added to the work in whose
 * context it was made. What many works do on one loop at once is thereby told apart, which a clock around each of them cannot. The hooks
 * themselves take time, so what they find is rather too much than too little.
 */
export const createBusyTime = (context: AsyncLocalStorage<Busy>) => {
  const owners = new WeakMap<object, Busy>();
  const running: (Busy | undefined)[] = [];
  let sinceMs = 0;

  /** Ends a span: it belongs to whoever has been running. */
  const turn = (): void => {
    const nowMs = threadMs();
    const owner = running.at(-1);
    if (owner) owner.busyMs += nowMs - sinceMs;
    sinceMs = nowMs;
  };
  const hook = createHook({
    init: (_asyncId, _type, _triggerId, resource: object) => {
      const owner = context.getStore();
      if (owner) owners.set(resource, owner);
    },
    before: () => {
      turn();
      running.push(owners.get(executionAsyncResource()));
    },
    after: () => {
      turn();
      running.pop();
    },
  });
  return {
    start: (): void => void hook.enable(),
    stop: (): void => void hook.disable(),
    /** Begins a work: what it does at once is its own, too. */
    begin: <T>(owner: Busy, work: () => T): T => {
      turn();
      running.push(owner);
      try {
        return context.run(owner, work);
      } finally {
        turn();
        running.pop();
      }
    },
  };
};
