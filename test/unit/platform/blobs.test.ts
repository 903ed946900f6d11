import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerClient } from '@azure/storage-blob';
import { createBlobs } from '../../../shared/platform/blobs';

/** A container whose list comes page by page, and in which nothing can be removed. */
const refusing = (): ContainerClient => {
  const container = new ContainerClient('http://127.0.0.1:1/account/container');
  return Object.assign(container, {
    listBlobsFlat: async function* () {
      yield { name: 'run/1', properties: {} };
      yield { name: 'run/2', properties: {} };
      await sleep(20); // the next page
      yield { name: 'run/3', properties: {} };
    },
    getBlobClient: () => ({ deleteIfExists: () => Promise.reject(new Error('refused')) }),
  });
};

it('row 34: removals that fail while the next page is asked for are reported, and end no process', async () => {
  // a rejection that nobody hears would fail this test by itself
  await expect(createBlobs(refusing()).removeAll('run/', { signal: AbortSignal.timeout(5_000) })).rejects.toThrow('refused');
});
