import { setTimeout as sleep } from 'node:timers/promises';
import { mapConcurrent } from '../../../shared/streams/map-concurrent';

const never = new AbortController().signal;
const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

describe('mapConcurrent', () => {
  it('keeps the order of the items, whoever is ready first', async () => {
    const waits = [15, 1, 10, 0, 5];
    const results = mapConcurrent(waits, async (ms) => (await sleep(ms), ms), { concurrency: 3, signal: never });
    expect(await collect(results)).toEqual(waits);
  });

  it.each([1, 4, 100])('has at most %i calls open', async (concurrency) => {
    let open = 0;
    let most = 0;
    const items = Array.from({ length: 40 }, (_, index) => index);
    const work = async (item: number): Promise<number> => {
      most = Math.max(most, ++open);
      await sleep(1);
      open--;
      return item;
    };
    expect(await collect(mapConcurrent(items, work, { concurrency, signal: never }))).toEqual(items);
    expect(most).toBe(Math.min(concurrency, items.length));
  });

  it('gives what is ready while a slow source has nothing more yet', async () => {
    let release = (): void => undefined;
    const source = (async function* () {
      yield 1;
      await new Promise<void>((resolve) => (release = resolve));
      yield 2;
    })();
    const results = mapConcurrent(source, async (item) => item, { concurrency: 8, signal: never });
    expect((await results.next()).value).toBe(1);
    release();
    expect((await results.next()).value).toBe(2);
    expect((await results.next()).done).toBe(true);
  });

  it('fails in the turn of the call that failed, after the results before it, and aborts the others', async () => {
    const aborted: number[] = [];
    const results = mapConcurrent(
      [0, 1, 2],
      async (item, { signal }) => {
        if (item === 1) throw new Error('one');
        if (item === 2) {
          await sleep(60_000, undefined, { signal }).catch(() => aborted.push(item));
        }
        return item;
      },
      { concurrency: 3, signal: never },
    );
    expect((await results.next()).value).toBe(0);
    await expect(results.next()).rejects.toThrow('one');
    expect(aborted).toEqual([2]);
  });

  it('stops the source and the open calls when nobody reads on', async () => {
    let returned = false;
    const aborted: number[] = [];
    const source = (async function* () {
      try {
        for (let item = 0; ; item++) yield item;
      } finally {
        returned = true;
      }
    })();
    const work = async (item: number, { signal }: { signal: AbortSignal }): Promise<number> => {
      if (item > 0) await sleep(60_000, undefined, { signal }).catch(() => aborted.push(item));
      return item;
    };
    for await (const item of mapConcurrent(source, work, { concurrency: 3, signal: never })) {
      expect(item).toBe(0);
      break;
    }
    expect(returned).toBe(true);
    expect(aborted.length).toBeGreaterThan(0);
  });

  it('ends with the reason of its signal', async () => {
    const abort = new AbortController();
    const results = mapConcurrent([1, 2, 3], (item, { signal }) => sleep(item === 1 ? 0 : 60_000, item, { signal }), {
      concurrency: 2,
      signal: abort.signal,
    });
    expect((await results.next()).value).toBe(1);
    abort.abort(new Error('the app ends'));
    await expect(results.next()).rejects.toThrow();
  });

  it('reports the failure of a source', async () => {
    const source = (async function* () {
      yield 1;
      throw new Error('page 2 failed');
    })();
    await expect(collect(mapConcurrent(source, async (item) => item, { concurrency: 2, signal: never }))).rejects.toThrow('page 2 failed');
  });

  it('gives nothing for nothing', async () => {
    expect(await collect(mapConcurrent([], async () => 1, { concurrency: 2, signal: never }))).toEqual([]);
  });
});
