import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BlobLeaseClient, ContainerClient } from '@azure/storage-blob';
import { RestError } from '@azure/storage-blob';
import { ConflictError, NotFoundError, UpstreamError } from '../errors';
import { createBlobBytes } from './blob-bytes';
import type { OpenedBytes } from './blob-bytes';

export interface BlobProperties {
  readonly etag: string;
  readonly bytes: number;
  /** server's clock, ISO instant */
  readonly modifiedAt: string;
  /** available, leased, expired, breaking or broken */
  readonly leaseState: string;
  /** small facts that its writer put beside it; absent where there are none */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface BlobContent extends BlobProperties {
  readonly body: Buffer;
}

interface Conditions {
  ifMatch?: string;
  /** '*' = create only */
  ifNoneMatch?: '*';
  leaseId?: string;
}

const azureConditions = ({ ifMatch, ifNoneMatch, leaseId }: Conditions) => ({
  ...(ifMatch === undefined ? {} : { ifMatch }),
  ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
  ...(leaseId === undefined ? {} : { leaseId }),
});

/** Storage's answers to a failed condition, a held lease or an existing blob (codes, as messages differ between Azure and Azurite). */
const CONFLICTS = new Set([
  'ConditionNotMet',
  'BlobAlreadyExists',
  'LeaseAlreadyPresent',
  'LeaseIdMissing',
  'LeaseIdMismatchWithBlobOperation',
  'LeaseIdMismatchWithLeaseOperation',
  'LeaseNotPresentWithBlobOperation',
  'LeaseNotPresentWithLeaseOperation',
  'LeaseLost',
  'LeaseIsBreakingAndCannotBeAcquired',
  'InvalidBlobOrBlock',
]);
const GONE = new Set(['BlobNotFound', 'ContainerNotFound', 'ResourceNotFound']);

/** Turns what the storage SDK throws into one of our six errors; never carries blob names, as they may hold a segment's name. */
export const storageError = (error: unknown, what: string): Error => {
  if (!(error instanceof RestError) && !(error instanceof Error && error.name === 'RestError')) return error as Error;
  const rest = error as RestError;
  const code = rest.code ?? '';
  const requestId = rest.response?.headers.get('x-ms-request-id') ?? undefined;
  if (rest.statusCode === 404 || GONE.has(code))
    return new NotFoundError({ code: 'not_found', message: `${what} does not exist.`, cause: error });
  if (rest.statusCode === 412 || CONFLICTS.has(code)) {
    return new ConflictError({ code: 'changed_meanwhile', message: `${what} was changed by somebody else meanwhile.`, cause: error });
  }
  return new UpstreamError('storage', {
    code: rest.statusCode === 403 || rest.statusCode === 401 ? 'storage_refused' : 'storage_unavailable',
    message: `Azure Storage did not carry out a call for ${what} (${code || rest.statusCode || 'no answer'}).`,
    status: rest.statusCode,
    requestId,
    retryable: rest.statusCode === undefined || rest.statusCode >= 500 || rest.statusCode === 408 || rest.statusCode === 429,
    cause: error,
  });
};

/** Size of the blocks of large blobs. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** A block that is filled grows from this fourfold, to BLOCK_BYTES. */
const FIRST_BLOCK_BYTES = BLOCK_BYTES / 4 ** 3;

const REMOVALS_AT_ONCE = 16;

/** So often is a download taken up again that breaks off in one place. */
const MAX_DROPS_IN_ONE_PLACE = 5;

const brokenOff = (cause: unknown): UpstreamError =>
  new UpstreamError('storage', {
    code: 'storage_unavailable',
    message: `The connection to Azure Storage broke off ${MAX_DROPS_IN_ONE_PLACE + 1} times in the same place.`,
    retryable: true,
    cause,
  });

/** A pause before a download that broke off more than once in the same place is taken up again. */
const pauseAfter = async (drops: number, { signal }: { signal: AbortSignal }): Promise<void> => {
  if (drops > 1) await sleep(50 * 2 ** drops, undefined, { signal });
};

/** One container, with our errors. Everything waits on `signal`. */
export const createBlobs = (container: ContainerClient) => {
  const blobBytes = createBlobBytes(container);
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storageError(error, what);
    }
  };
  const toProperties = (
    answer: { etag?: string; contentLength?: number; lastModified?: Date; leaseState?: string },
    metadata?: Record<string, string>,
  ): BlobProperties => ({
    etag: answer.etag ?? '',
    bytes: answer.contentLength ?? 0,
    modifiedAt: (answer.lastModified ?? new Date(0)).toISOString(),
    leaseState: answer.leaseState ?? 'available',
    ...(metadata && Object.keys(metadata).length > 0 ? { metadata } : {}),
  });

  return {
    /** Creates the container when it is missing. */
    ensure: ({ signal }: { signal: AbortSignal }) => attempt('the container', () => container.createIfNotExists({ abortSignal: signal })),

    exists: ({ signal }: { signal: AbortSignal }) => attempt('the container', () => container.exists({ abortSignal: signal })),

    findProperties: async (name: string, { signal }: { signal: AbortSignal }): Promise<BlobProperties | undefined> => {
      try {
        const answer = await container.getBlobClient(name).getProperties({ abortSignal: signal });
        return toProperties(answer, answer.metadata);
      } catch (error) {
        const known = storageError(error, 'The blob');
        if (known instanceof NotFoundError) return undefined;
        throw known;
      }
    },

    /** The whole blob or a range of it, or undefined where there is none. Meant for documents, not for data that grows with a segment. */
    find: async (
      name: string,
      { signal, offset = 0, bytes, ...conditions }: { signal: AbortSignal; offset?: number; bytes?: number } & Conditions,
    ): Promise<BlobContent | undefined> => {
      for (let drops = 1; ; drops += 1) {
        try {
          const answer = await container
            .getBlobClient(name)
            .download(offset, bytes, { abortSignal: signal, conditions: azureConditions(conditions) });
          try {
            const parts: Buffer[] = [];
            for await (const part of answer.readableStreamBody as AsyncIterable<Buffer>) parts.push(part);
            const body = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
            if (body.length !== answer.contentLength) throw new Error('the blob ended early');
            return { ...toProperties(answer, answer.metadata), body };
          } catch (error) {
            signal.throwIfAborted();
            // the SDK's own retry does not see a reset connection, it reports AbortError (azure-sdk-for-js#32268, seen with 12.33.0)
            if (drops > MAX_DROPS_IN_ONE_PLACE) throw brokenOff(error);
          }
        } catch (error) {
          const known = storageError(error, 'The blob');
          if (known instanceof NotFoundError) return undefined;
          throw known;
        }
        await pauseAfter(drops, { signal });
      }
    },

    /**
     * A stream over a byte range, on one connection: whoever reads more than a little takes `readOn`, or takes it up again himself.
     * @throws ConflictError changed_meanwhile when the blob no longer has `ifMatch`; NotFoundError
     */
    read: async (
      name: string,
      { signal, ifMatch, offset = 0, bytes }: { signal: AbortSignal; ifMatch?: string; offset?: number; bytes?: number },
    ): Promise<BlobProperties & { stream: Readable }> =>
      attempt('The blob', async () => {
        const answer = await container.getBlobClient(name).download(offset, bytes, {
          abortSignal: signal,
          conditions: azureConditions({ ifMatch }),
        });
        const stream = answer.readableStreamBody as Readable;
        // a stream that nobody reads yet may break off, too, and an error that nobody hears would end the process; its reader hears it still
        stream.on('error', () => undefined);
        return { ...toProperties(answer, answer.metadata), stream };
      }),

    /**
     * The bytes of a blob on one connection, at the least cost: for a source's files. Whoever reads takes up what breaks off.
     * @throws ConflictError changed_meanwhile when the blob no longer has `ifMatch`; NotFoundError
     */
    openBytes: (name: string, options: { ifMatch?: string; offset?: number; signal: AbortSignal }): Promise<OpenedBytes> =>
      attempt('The blob', () => blobBytes.open(name, options)),

    /**
     * A stream over a whole blob that grows with a segment; where the connection drops, it is taken up under the same ETag.
     * @throws NotFoundError; its stream ends with ConflictError when the blob was written again meanwhile, UpstreamError storage_unavailable
     */
    readOn: async function (name: string, { signal }: { signal: AbortSignal }): Promise<BlobProperties & { stream: Readable }> {
      const opened = await this.read(name, { signal });
      let current = opened.stream;
      const openAgain = (offset: number) => this.read(name, { signal, ifMatch: opened.etag, offset });
      async function* parts(): AsyncGenerator<Buffer> {
        let received = 0;
        let receivedAtDrop = -1;
        let drops = 0;
        for (;;) {
          let cause: unknown;
          try {
            for await (const part of current as AsyncIterable<Buffer>) {
              received += part.length;
              yield part;
            }
          } catch (error) {
            signal.throwIfAborted();
            cause = error;
          }
          if (received >= opened.bytes) return;
          drops = received > receivedAtDrop ? 1 : drops + 1;
          receivedAtDrop = received;
          if (drops > MAX_DROPS_IN_ONE_PLACE) throw brokenOff(cause);
          await pauseAfter(drops, { signal });
          current = (await openAgain(received)).stream;
        }
      }
      const stream = Readable.from(parts(), { objectMode: false });
      stream.on('error', () => undefined); // as above
      // whoever reads may stop in the middle, or never begin; the connection would stay
      stream.once('close', () => current.destroy());
      return { ...opened, stream };
    },

    /** Writes a whole blob in one call. @throws ConflictError when a condition does not hold */
    write: async (
      name: string,
      body: Uint8Array | string,
      { signal, contentType, ...conditions }: { signal: AbortSignal; contentType?: string } & Conditions,
    ): Promise<{ etag: string }> =>
      attempt('The blob', async () => {
        const data = typeof body === 'string' ? Buffer.from(body) : body;
        const answer = await container.getBlockBlobClient(name).upload(data, data.byteLength, {
          abortSignal: signal,
          conditions: azureConditions(conditions),
          ...(contentType ? { blobHTTPHeaders: { blobContentType: contentType } } : {}),
        });
        return { etag: answer.etag ?? '' };
      }),

    /** The same from parts that lie apart; they are not copied together. */
    writeJoined: async (
      name: string,
      parts: readonly Uint8Array[],
      { signal, ...conditions }: { signal: AbortSignal } & Conditions,
    ): Promise<void> =>
      attempt('The blob', async () => {
        const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
        await container.getBlockBlobClient(name).upload(() => Readable.from(parts, { objectMode: false }), bytes, {
          abortSignal: signal,
          conditions: azureConditions(conditions),
        });
      }),

    /**
     * Writes a blob of any size from parts, block by block; nobody sees it before the last one is there.
     * @param metadata small facts beside it, printable ASCII, names as in C; they come with every look at it and with `listWithMetadata`
     */
    writeParts: async (
      name: string,
      parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
      { signal, metadata, ...conditions }: { signal: AbortSignal; metadata?: Record<string, string> } & Conditions,
    ): Promise<{ etag: string }> =>
      attempt('The blob', async () => {
        const blob = container.getBlockBlobClient(name);
        const ids: string[] = [];
        // two blocks in turn: one is filled while the other one is stored; most blobs need a small part of the first
        let block = Buffer.allocUnsafeSlow(FIRST_BLOCK_BYTES);
        let other: typeof block | undefined;
        let filled = 0;
        let storing: Promise<unknown> = Promise.resolve();
        const stage = async (): Promise<void> => {
          await storing;
          const id = Buffer.from(String(ids.length).padStart(8, '0')).toString('base64');
          ids.push(id);
          storing = blob.stageBlock(id, block.subarray(0, filled), filled, { abortSignal: signal });
          // its failure is told by whoever awaits it, and must not end the process before that
          storing.catch(() => undefined);
        };
        for await (const part of parts) {
          for (let from = 0; from < part.length;) {
            if (filled === BLOCK_BYTES) {
              await stage();
              [block, other] = [other ?? Buffer.allocUnsafeSlow(BLOCK_BYTES), block];
              filled = 0;
            } else if (filled === block.length) {
              const larger = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, block.length * 4));
              larger.set(block);
              block = larger;
            }
            const some = part.subarray(from, from + block.length - filled);
            block.set(some, filled);
            filled += some.length;
            from += some.length;
          }
        }
        if (filled > 0) await stage();
        await storing;
        const answer = await blob.commitBlockList(ids, {
          abortSignal: signal,
          conditions: azureConditions(conditions),
          ...(metadata ? { metadata } : {}),
        });
        return { etag: answer.etag ?? '' };
      }),

    /**
     * Writes a blob whose length is known from parts, in one call.
     * @param open begins the parts, again for each attempt
     */
    writeStream: async (
      name: string,
      open: () => AsyncIterable<Uint8Array>,
      bytes: number,
      { signal, ...conditions }: { signal: AbortSignal } & Conditions,
    ): Promise<{ etag: string }> =>
      attempt('The blob', async () => {
        const answer = await container.getBlockBlobClient(name).upload(() => Readable.from(open()), bytes, {
          abortSignal: signal,
          conditions: azureConditions(conditions),
        });
        return { etag: answer.etag ?? '' };
      }),

    /**
     * Adds to an append blob that ends at `at`, making it when it is missing; an append is atomic. When its answer was lost, the SDK's second
     * try meets the first one's bytes: they are not added twice.
     * @throws ConflictError when somebody else has added to it
     */
    append: async (name: string, body: Uint8Array | string, { at, signal }: { at: number; signal: AbortSignal }): Promise<void> =>
      attempt('The blob', async () => {
        const blob = container.getAppendBlobClient(name);
        const data = typeof body === 'string' ? Buffer.from(body) : body;
        const add = async (): Promise<void> => {
          try {
            await blob.appendBlock(data, data.byteLength, { abortSignal: signal, conditions: { appendPosition: at } });
          } catch (error) {
            if ((error as RestError).statusCode !== 412) throw error;
            const { contentLength } = await blob.getProperties({ abortSignal: signal });
            if (contentLength !== at + data.byteLength) throw error;
          }
        };
        try {
          await add();
        } catch (error) {
          if ((error as RestError).statusCode !== 404) throw error;
          await blob.createIfNotExists({ abortSignal: signal });
          await add();
        }
      }),

    /** Removes a blob; one that is gone already is no error. */
    remove: async (name: string, { signal, ...conditions }: { signal: AbortSignal } & Conditions): Promise<void> => {
      await attempt('The blob', () =>
        container.getBlobClient(name).deleteIfExists({ abortSignal: signal, conditions: azureConditions(conditions) }),
      );
    },

    /** Names below a prefix, in ascending order, with their size, ETag and the server's time of the last change. */
    list: async function* (prefix: string, { signal }: { signal: AbortSignal }): AsyncGenerator<BlobProperties & { name: string }> {
      try {
        for await (const item of container.listBlobsFlat({ prefix, abortSignal: signal })) {
          yield { name: item.name, ...toProperties(item.properties) };
        }
      } catch (error) {
        throw storageError(error, 'The container');
      }
    },

    /** As `list`, with what lies beside each blob. */
    listWithMetadata: async function* (
      prefix: string,
      { signal }: { signal: AbortSignal },
    ): AsyncGenerator<BlobProperties & { name: string }> {
      try {
        for await (const item of container.listBlobsFlat({ prefix, includeMetadata: true, abortSignal: signal })) {
          yield { name: item.name, ...toProperties(item.properties, item.metadata) };
        }
      } catch (error) {
        throw storageError(error, 'The container');
      }
    },

    /**
     * Names of the folders at the container's top, in ascending order, a page at a time.
     * @param size at most 5,000
     */
    folders: async ({ size, token, signal }: { size: number; token?: string; signal: AbortSignal }) =>
      attempt('The container', async (): Promise<{ names: readonly string[]; token?: string }> => {
        const pages = container
          .listBlobsByHierarchy('/', { abortSignal: signal })
          .byPage({ maxPageSize: size, ...(token === undefined ? {} : { continuationToken: token }) });
        for await (const { segment, continuationToken } of pages) {
          const names = (segment.blobPrefixes ?? []).map(({ name }) => name.slice(0, -1));
          return { names, ...(continuationToken ? { token: continuationToken } : {}) };
        }
        return { names: [] };
      }),

    /** Removes everything below a prefix, some at a time. @returns how many blobs there were */
    removeAll: async function (prefix: string, { signal }: { signal: AbortSignal }): Promise<number> {
      const under = new Set<Promise<void>>();
      const failures: unknown[] = [];
      let removed = 0;
      try {
        for await (const item of this.list(prefix, { signal })) {
          if (under.size >= REMOVALS_AT_ONCE) await Promise.race(under);
          if (failures.length > 0) break;
          // heard at once: a removal that fails while the next page is asked for would end the process
          const work = this.remove(item.name, { signal })
            .catch((error: unknown) => void failures.push(error))
            .finally(() => under.delete(work));
          under.add(work);
          removed += 1;
        }
      } finally {
        await Promise.all(under);
      }
      if (failures.length > 0) throw failures[0] as Error;
      return removed;
    },

    /**
     * Takes the lease of an existing blob.
     * @param seconds 15 to 60 (Azure's bounds)
     * @returns undefined when somebody else holds it, or when the blob is no longer the one of `ifMatch`
     */
    tryLease: async (name: string, { seconds, ifMatch, signal }: { seconds: number; ifMatch?: string; signal: AbortSignal }) => {
      const lease: BlobLeaseClient = container.getBlobClient(name).getBlobLeaseClient();
      try {
        await lease.acquireLease(seconds, { abortSignal: signal, conditions: azureConditions({ ifMatch }) });
      } catch (error) {
        const known = storageError(error, 'The blob');
        if (known instanceof ConflictError || known instanceof NotFoundError) return undefined;
        throw known;
      }
      return {
        id: lease.leaseId,
        /** @throws ConflictError when the lease is lost */
        renew: (options: { signal: AbortSignal }) => attempt('The lease', () => lease.renewLease({ abortSignal: options.signal })),
        release: (options: { signal: AbortSignal }) => attempt('The lease', () => lease.releaseLease({ abortSignal: options.signal })),
      };
    },
  };
};

export type Blobs = ReturnType<typeof createBlobs>;
export type BlobLease = NonNullable<Awaited<ReturnType<Blobs['tryLease']>>>;
