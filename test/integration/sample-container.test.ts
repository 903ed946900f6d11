import { BlobServiceClient } from '@azure/storage-blob';
import { sampleFolder, writeSample } from '../../infra/local/sample/sample';
import { createContainerSink } from '../../infra/local/sample/sinks';
import { type Azurite, startAzurite } from '../../infra/local/storage/azurite';
import { createMemorySink } from '../unit/sample/memory-sink';

const { signal } = new AbortController();
const sample = { segments: [{ name: 'Loyal', rows: 60_000, partitions: 2 }], seed: 1, refreshedAt: new Date('2026-08-18T02:33:00Z') };

describe('a sample in a blob container', () => {
  let azurite: Azurite;
  beforeAll(async () => {
    azurite = await startAzurite();
  });
  afterAll(() => azurite.close());

  it('has the same names and bytes as anywhere else', async () => {
    const container = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('sample-container');
    await container.create();
    await writeSample({ ...sample, sink: createContainerSink(container) }, { signal });
    const { files, sink } = createMemorySink();
    await writeSample({ ...sample, sink }, { signal });
    for (const [name, content] of files) {
      const blob = await container.getBlobClient(name).downloadToBuffer();
      expect(`${name}: ${blob.equals(content)}`).toBe(`${name}: true`);
    }
    expect(files.has(`${sampleFolder}/model.json`)).toBe(true);
  });
});
