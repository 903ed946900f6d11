/**
 * Applies `fn` to every item, at most `concurrency` at a time, and yields the results in the order of the items. Reads ahead no
 * further than `concurrency` results that nobody has taken. When `fn` fails, or whoever reads stops, the calls still open see
 * their signal aborted and are waited for: nothing is left behind.
 */
export async function* mapConcurrent<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  fn: (item: T, options: { signal: AbortSignal }) => Promise<R>,
  { concurrency, signal }: { concurrency: number; signal: AbortSignal },
): AsyncGenerator<Awaited<R>, void, undefined> {
  if (!(concurrency >= 1)) throw new RangeError('concurrency must be at least 1');
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const open: Promise<R>[] = [];
  let reading: Promise<IteratorResult<T>> | undefined;
  let readAll = false;
  try {
    for (;;) {
      signal.throwIfAborted();
      if (!readAll && open.length < concurrency) reading ??= Promise.resolve(iterator.next());
      const head = open[0];
      if (reading === undefined && head === undefined) return;
      // A slow source must not hold back what is ready, nor a slow call the source.
      const ready: Promise<'item' | 'result'>[] = [];
      if (reading) ready.push(reading.then(() => 'item'));
      if (head) ready.push(head.then(() => 'result'));
      const first = await Promise.race(ready);
      if (first === 'result') {
        void open.shift(); // awaited as head
        yield await head!;
      } else {
        const next = await reading!;
        reading = undefined;
        if (next.done) readAll = true;
        else open.push(quiet(call(fn, next.value, either)));
      }
    }
  } finally {
    stop.abort();
    await Promise.allSettled([reading, ...open]);
    if (!readAll) await iterator.return?.();
  }
}

/** A call that throws before it returns a promise fails in its turn, too. */
const call = async <T, R>(fn: (item: T, options: { signal: AbortSignal }) => Promise<R>, item: T, signal: AbortSignal) =>
  fn(item, { signal });

/** A failure is reported when its turn comes; until then nobody waits for it. */
const quiet = <R>(promise: Promise<R>): Promise<R> => {
  promise.catch(() => undefined);
  return promise;
};
