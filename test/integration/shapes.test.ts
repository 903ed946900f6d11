import { BlobServiceClient } from '@azure/storage-blob';
import { columns } from '../../infra/local/sample/columns';
import { sampleFolder, writeSample } from '../../infra/local/sample/sample';
import { createContainerSink } from '../../infra/local/sample/sinks';
import { shapes } from '../../infra/local/sample/shapes';
import { type Azurite, startAzurite } from '../../infra/local/storage/azurite';
import { createBlobs } from '../../shared/platform/blobs';
import { createCdmFolderSource } from '../../shared/segments/cdm-folder/cdm-folder-source';
import { fieldText } from '../../shared/segments/row-chunks';

/** Every shape of the sample maker, written into a container and read by the source: the same customers each time. */
const { signal } = new AbortController();
const names = columns.map(({ name }) => name);
let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite();
});
afterAll(() => azurite.close());

const read = async (shape: string) => {
  const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient(`shape-${shape}`);
  await container.create();
  const { manifest } = await writeSample(
    {
      ...{ segments: [{ name: 'Loyal', rows: 1_200, partitions: 3 }], seed: 7, refreshedAt: new Date('2026-08-18T02:33:00Z') },
      containerUrl: container.url,
      sink: createContainerSink(container),
      ...shapes[shape]!.options,
    },
    { signal },
  );
  const source = createCdmFolderSource({
    ...{ blobs: createBlobs(container), containerUrl: container.url, folder: sampleFolder, quietSeconds: 0 },
    now: () => new Date(),
  });
  const snapshot = await source.snapshot(['Loyal'], { signal });
  expect(snapshot).toMatchObject({ complete: true, refreshedAt: '2026-08-18T02:33:00.000Z' });
  const rows: string[][] = [];
  for await (const chunk of source.readRows({ snapshot, segment: 'Loyal', fields: names, signal }))
    for (let row = 0; row < chunk.rowCount; row += 1) rows.push(names.map((_, field) => fieldText(chunk, row, field)));
  // files are read side by side: the rows of each come in their order, and those of several in one that their sizes decide
  rows.sort(([one = ''], [other = '']) => (one < other ? -1 : one > other ? 1 : 0));
  return { rows, counts: manifest.segments.Loyal!, fields: snapshot.segments[0]!.fields };
};

let plain: Awaited<ReturnType<typeof read>>['rows'];
beforeAll(async () => {
  ({ rows: plain } = await read('plain'));
  expect(plain).toHaveLength(1_200);
  expect(plain.flat().some((value) => value.includes('\n'))).toBe(true);
});

it.each(Object.keys(shapes).filter((name) => !['plain', 'repeated', 'quote-none'].includes(name)))(
  '%s holds the same rows',
  async (shape) => {
    expect((await read(shape)).rows).toEqual(plain);
  },
);

it('quote-none holds the same rows, but for what cannot be written without quotes', async () => {
  expect((await read('quote-none')).rows).toEqual(plain.map((row) => row.map((value) => value.replaceAll(/[\r\n|]/g, ' '))));
});

it('repeated holds the same customers, some several times, and counts them so', async () => {
  const { rows, counts, fields } = await read('repeated');
  expect(fields.map(({ name }) => name)).toContain('LastProduct');
  expect(rows).toHaveLength(counts.rows);
  expect(counts.rows).toBeGreaterThan(1_500);
  const once = [...new Map(rows.map((row) => [row[0], row])).values()];
  expect(once).toEqual(plain);
});
