import { addWarning, createSaver } from '../../../shared/runs/slice';
import { aDocument } from './a-document';

/** A store that is written by hand: each write waits until the test lets it end. */
const aStore = () => {
  const store = { content: 0, written: [] as number[], open: [] as { end: () => void; fail: (error: Error) => void }[] };
  const save = createSaver(() => {
    const content = store.content;
    return new Promise<void>((resolve, reject) => {
      store.open.push({ end: () => (store.written.push(content), resolve()), fail: reject });
    });
  });
  return { store, save };
};
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a saver', () => {
  it('writes at once when nothing is being written', async () => {
    const { store, save } = aStore();
    store.content = 1;
    const saved = save();
    store.open[0]!.end();
    await saved;
    expect(store.written).toEqual([1]);
  });

  it('lets all calls that come during a write share the next one, which holds what the last of them saw', async () => {
    const { store, save } = aStore();
    const done: string[] = [];
    store.content = 1;
    void save().then(() => done.push('first'));
    for (const content of [2, 3, 4]) {
      store.content = content;
      void save().then(() => done.push(`with ${content}`));
    }
    await settle();
    expect(store.open).toHaveLength(1);
    store.open[0]!.end();
    await settle();
    expect(done).toEqual(['first']);
    expect(store.open).toHaveLength(2);
    store.open[1]!.end();
    await settle();
    expect(store.written).toEqual([1, 4]);
    expect(done).toEqual(['first', 'with 2', 'with 3', 'with 4']);
  });

  it('never lets a call end before its content is written', async () => {
    const { store, save } = aStore();
    for (let round = 1; round <= 50; round += 1) {
      store.content = round;
      const mine = round;
      void save().then(() => {
        if (!store.written.some((content) => content >= mine)) throw new Error(`call ${mine} ended before its write`);
      });
      if (round % 3 === 0) store.open.at(-1)?.end();
      await settle();
    }
    while (store.open.length > 0) {
      store.open.shift()!.end();
      await settle();
    }
    expect(store.written.at(-1)).toBe(50);
  });

  it('tells of a failed write to those who shared it, and writes again for the next', async () => {
    const { store, save } = aStore();
    const failed = save();
    store.content = 2;
    const next = save();
    store.open[0]!.fail(new Error('away'));
    await expect(failed).rejects.toThrow('away');
    await settle();
    store.open[1]!.end();
    await next;
    expect(store.written).toEqual([2]);
  });
});

it('a warning is said once, in its newest words', () => {
  const document = aDocument();
  addWarning(document, 'rows_invalid', '1 row');
  addWarning(document, 'other', 'x');
  addWarning(document, 'rows_invalid', '2 rows');
  expect(document.run.warnings).toEqual([
    { code: 'other', message: 'x' },
    { code: 'rows_invalid', message: '2 rows' },
  ]);
});
