import { ContainerClient } from '@azure/storage-blob';
import { writeSample } from '../../infra/local/sample/sample';
import { createContainerSink, createFolderSink } from '../../infra/local/sample/sinks';
import { type DataTask, report, task } from './protocol';

/** Writes the sample: same seed, same bytes, in the container and as files. A program of its own, so that the bench itself stays small. */
const main = async (): Promise<void> => {
  const { connectionString, container: name, folder, segments, generation, refreshedAt } = task<DataTask>();
  const signal = AbortSignal.timeout(20 * 60_000);
  const container = new ContainerClient(connectionString, name);
  await container.createIfNotExists();
  const options = { segments, seed: 7, generation, refreshedAt: new Date(refreshedAt), containerUrl: container.url, wide: true };
  const { manifest } = await writeSample({ ...options, sink: createContainerSink(container) }, { signal });
  if (folder !== undefined) await writeSample({ ...options, sink: createFolderSink(folder) }, { signal });
  report(manifest.segments);
};

void main();
