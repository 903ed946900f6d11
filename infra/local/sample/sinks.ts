import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import type { ContainerClient } from '@azure/storage-blob';

/** Where the files of a sample go. */
export interface SampleSink {
  /** @param name path with slashes; what lies there is replaced */
  write(name: string, chunks: Iterable<Buffer> | AsyncIterable<Buffer>, options: { readonly signal: AbortSignal }): Promise<void>;
}

/** Writes below a local folder. */
export const createFolderSink = (folder: string): SampleSink => ({
  write: async (name, chunks, { signal }) => {
    const file = path.join(folder, ...name.split('/'));
    await mkdir(path.dirname(file), { recursive: true });
    await using handle = await open(file, 'w');
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      await handle.writeFile(chunk);
    }
  },
});

const blockBytes = 4 * 1024 * 1024;
const blocksAtOnce = 3;

/** Writes into a blob container, which has to exist. */
export const createContainerSink = (container: ContainerClient): SampleSink => ({
  write: async (name, chunks, { signal }) => {
    const type = name.endsWith('.json') ? 'application/json' : 'text/csv';
    const source = Readable.from(chunks, { objectMode: false });
    await container
      .getBlockBlobClient(name)
      .uploadStream(source, blockBytes, blocksAtOnce, { abortSignal: signal, blobHTTPHeaders: { blobContentType: type } });
  },
});
