import { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { startAzurite } from '../../infra/local/storage/azurite';
import type { Azurite } from '../../infra/local/storage/azurite';
import { createDraftTable } from '../../shared/platform/draft-table';
import { createRows, createTransaction } from '../../shared/platform/tables';

/** A draft must answer as the table itself would: each rule is played on both, from the same beginning. */
const { signal } = new AbortController();
let azurite: Azurite;
let stored: TableClient;
const Thing = z.object({ text: z.string() });
const rowsOf = (table: TableClient) => createRows({ table, schema: Thing, what: 'The thing' });
const key = (row: string, partition = 'p') => ({ partition, row });

beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.close());

let count = 0;
beforeEach(async () => {
  stored = TableClient.fromConnectionString(azurite.connectionString, `things${(count += 1)}`, { allowInsecureConnection: true });
  await stored.createTable();
  const rows = rowsOf(stored);
  for (const row of ['b', 'd', 'f']) await rows.insert(key(row), { text: row }, { signal });
  await rows.insert(key('b', 'other'), { text: 'other' }, { signal });
});

type Rows = ReturnType<typeof rowsOf>;
const textsOf = async (rows: Rows, range: { from?: string; below?: string } = {}, partition = 'p'): Promise<string[]> => {
  const texts: string[] = [];
  for await (const { row, value } of rows.list(partition, { signal, ...range })) texts.push(`${row}=${value.text}`);
  return texts;
};
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: { code?: string; message?: string }) => error.code ?? error.message ?? '',
  );

/** What one does, and what is seen of it afterwards. */
const play = async (table: TableClient): Promise<unknown[]> => {
  const rows = rowsOf(table);
  const transact = createTransaction({ table, what: 'The thing' });
  const b = (await rows.find(key('b'), { signal }))!;
  const inserted = await rows.insert(key('c'), { text: 'new' }, { signal });
  return [
    await codeOf(rows.insert(key('b'), { text: 'again' }, { signal })),
    await codeOf(rows.insert(key('c'), { text: 'again' }, { signal })),
    await codeOf(rows.replace(key('b'), { text: 'B' }, { ifMatch: b.etag, signal })),
    await codeOf(rows.replace(key('b'), { text: 'lost' }, { ifMatch: b.etag, signal })),
    await codeOf(rows.replace(key('c'), { text: 'C' }, { ifMatch: inserted.etag, signal })),
    await codeOf(rows.replace(key('x'), { text: 'nowhere' }, { ifMatch: b.etag, signal })),
    await codeOf(rows.put(key('a'), { text: 'put' }, { signal })),
    await codeOf(rows.remove(key('d'), { signal })),
    await codeOf(rows.remove(key('d'), { signal })),
    await codeOf(rows.replace(key('d'), { text: 'gone' }, { ifMatch: '*', signal })),
    (await rows.find(key('d'), { signal })) ?? 'none',
    (await rows.find(key('c'), { signal }))?.value,
    await textsOf(rows),
    await textsOf(rows, { from: 'b', below: 'f' }),
    await textsOf(rows, {}, 'other'),
    await codeOf(rows.insert(key('d'), { text: 'back' }, { signal })),
    await codeOf(
      transact(
        'p',
        [
          { kind: 'insert', row: 'g', value: { text: 'g' } },
          { kind: 'remove', row: 'f' },
        ],
        { signal },
      ),
    ),
    await textsOf(rows),
    // all or none
    await codeOf(
      transact(
        'p',
        [
          { kind: 'remove', row: 'g' },
          { kind: 'insert', row: 'h', value: { text: 'h' } },
          { kind: 'insert', row: 'a', value: { text: 'taken' } },
        ],
        { signal },
      ),
    ),
    await textsOf(rows),
  ];
};

it('answers as the table would, and leaves the table as it was', async () => {
  const draft = createDraftTable(stored);
  const drafted = await play(draft);
  expect(await textsOf(rowsOf(stored))).toEqual(['b=b', 'd=d', 'f=f']);
  expect(drafted).toEqual(await play(stored));
});

it('shows what others store meanwhile, where nothing was written over it', async () => {
  const draft = rowsOf(createDraftTable(stored));
  await draft.remove(key('b'), { signal });
  await rowsOf(stored).insert(key('c'), { text: 'theirs' }, { signal });
  expect(await textsOf(draft)).toEqual(['c=theirs', 'd=d', 'f=f']);
});

it('has no more than what is done to rows', () => {
  expect(() => createDraftTable(stored).deleteTable()).toThrow('A draft of a table has no deleteTable.');
});
