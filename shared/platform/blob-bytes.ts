import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSASPermissions, RestError, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { ContainerClient } from '@azure/storage-blob';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';

/** Received and not yet asked for, per blob: above it the connection is told to wait. */
const MAX_WAITING_BYTES = 512 * 1024;
const ANSWER_TIMEOUT_MS = 30_000;
/** Nothing comes for so long: the connection is given up. Time that the reader takes for itself does not count. */
const MAX_SILENCE_MS = 60_000;
const MAX_ATTEMPTS = 4;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const SAS_LIFE_MS = 3_600_000;
const CONNECTIONS = 32;
/** Sent beside a token; a signature in the address carries its own. */
const STORAGE_VERSION = '2021-12-02';
/** Smaller ones may lie in a pool that others use, too. */
const LEAST_RELEASED_BYTES = 16 * 1024;

export interface OpenedBytes {
  readonly etag: string;
  /** of the whole range asked for */
  readonly bytes: number;
  /** server's clock, ISO instant */
  readonly modifiedAt: string;
  /** The bytes as they come. Each part belongs to whoever asked for it; ends with an error when the connection breaks off. */
  readonly parts: AsyncIterableIterator<Buffer>;
  /** Ends the connection when the parts have not all come; safe to call at any time. */
  close(): void;
}

/**
 * Gives the memory of a part back at once, whoever still holds it sees no bytes. A segment of a million rows comes in 2,800 parts of
 * memory outside the JavaScript heap; left to the garbage collector they make it go over the whole heap every 30 MB, which took longer
 * than receiving them (measured: 0.29 s CPU of 0.42 s).
 */
export const releasePart = ({ buffer, byteLength }: Uint8Array): void => {
  if (byteLength >= LEAST_RELEASED_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
};

const passes = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/**
 * Reads the bytes of blobs past the SDK's streams, which cost three times as much CPU: for data that grows with a segment. Whoever reads
 * takes a connection that broke off up again, under the ETag that `open` told.
 * @param firstPauseMs before what passes is tried again; doubled each time
 */
export const createBlobBytes = (container: ContainerClient, { firstPauseMs = FIRST_PAUSE_MS }: { firstPauseMs?: number } = {}) => {
  let agent: Agent | undefined;
  const agentOf = (): Agent =>
    (agent ??= new Agent({ connections: CONNECTIONS, headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: MAX_SILENCE_MS }));

  /** Address and headers that storage takes from whoever the container's client is. */
  const signed = async (name: string, { signal }: { signal: AbortSignal }): Promise<{ url: URL; headers: Record<string, string> }> => {
    const blob = container.getBlobClient(name);
    const { credential } = blob;
    if (credential instanceof StorageSharedKeyCredential) {
      const expiresOn = new Date(Date.now() + SAS_LIFE_MS);
      return { url: new URL(await blob.generateSasUrl({ permissions: BlobSASPermissions.parse('r'), expiresOn })), headers: {} };
    }
    const url = new URL(blob.url);
    if (!('getToken' in credential)) return { url, headers: {} }; // a signature in the address
    const token = await credential.getToken('https://storage.azure.com/.default', { abortSignal: signal });
    if (!token) throw new RestError('no token for storage', { statusCode: 401 });
    return { url, headers: { authorization: `Bearer ${token.token}`, 'x-ms-version': STORAGE_VERSION } };
  };

  const openOnce = async (
    name: string,
    { ifMatch, offset, signal }: { ifMatch?: string | undefined; offset: number; signal: AbortSignal },
  ): Promise<OpenedBytes> => {
    const { url, headers } = await signed(name, { signal });
    return receive(agentOf(), {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers: {
        ...headers,
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...(offset === 0 ? {} : { range: `bytes=${offset}-` }),
      },
      signal,
    });
  };

  return {
    /**
     * @param offset of the first byte
     * @throws RestError as the SDK does; what passes is tried again, as often as the SDK does it
     */
    open: async (
      name: string,
      { ifMatch, offset = 0, signal }: { ifMatch?: string | undefined; offset?: number; signal: AbortSignal },
    ): Promise<OpenedBytes> => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await openOnce(name, { ifMatch, offset, signal });
        } catch (error) {
          signal.throwIfAborted();
          const status = error instanceof RestError ? error.statusCode : undefined;
          if (attempt === MAX_ATTEMPTS || (status !== undefined && !passes(status))) throw error;
          await sleep(Math.min(LONGEST_PAUSE_MS, firstPauseMs * 2 ** (attempt - 1)), undefined, { signal });
        }
      }
    },
  };
};

const headerOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);

/** One answer as an iterator over its body, which slows the connection to its reader's pace. */
const receive = (agent: Agent, { signal, ...request }: Dispatcher.DispatchOptions & { signal: AbortSignal }): Promise<OpenedBytes> =>
  new Promise((resolve, reject) => {
    const waiting: Buffer[] = [];
    let waitingBytes = 0;
    let isOver = false;
    let failure: Error | undefined;
    let wake: (() => void) | undefined;
    let connection: Dispatcher.DispatchController | undefined;

    const stop = (reason: Error): void => {
      if (isOver) return;
      connection?.abort(reason);
    };
    const onAbort = (): void => {
      const reason = signal.reason instanceof Error ? signal.reason : new Error('stopped');
      reject(reason); // whoever still waits for a connection need not wait for it any longer
      stop(reason);
    };
    const end = (error?: Error): void => {
      isOver = true;
      failure = error;
      signal.removeEventListener('abort', onAbort);
      wake?.();
    };

    const parts: AsyncIterableIterator<Buffer> = {
      [Symbol.asyncIterator]: () => parts,
      next: async () => {
        for (;;) {
          const part = waiting.shift();
          if (part !== undefined) {
            waitingBytes -= part.length;
            if (connection?.paused === true && waitingBytes < MAX_WAITING_BYTES / 2) connection.resume();
            return { done: false, value: part };
          }
          if (failure !== undefined) throw failure;
          if (isOver) return { done: true, value: undefined };
          await new Promise<void>((resolveWake) => {
            wake = resolveWake;
          });
          wake = undefined;
        }
      },
      return: async () => {
        stop(new Error('nobody reads on'));
        waiting.length = 0;
        return { done: true, value: undefined };
      },
    };

    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    agent.dispatch(request, {
      onRequestStart: (controller) => {
        connection = controller;
        if (signal.aborted) onAbort();
      },
      onResponseStart: (controller, status, headers) => {
        if (status === 200 || status === 206) {
          resolve({
            etag: headerOf(headers.etag) ?? '',
            bytes: Number(headerOf(headers['content-length']) ?? 0),
            modifiedAt: new Date(headerOf(headers['last-modified']) ?? 0).toISOString(),
            parts,
            close: () => void parts.return!(),
          });
          return;
        }
        const code = headerOf(headers['x-ms-error-code']);
        const error = new RestError(`storage answered ${status}`, { statusCode: status, ...(code === undefined ? {} : { code }) });
        reject(error);
        controller.abort(error);
      },
      onResponseData: (controller, part) => {
        waiting.push(part);
        waitingBytes += part.length;
        if (waitingBytes >= MAX_WAITING_BYTES) controller.pause();
        wake?.();
      },
      onResponseEnd: () => end(),
      onResponseError: (_controller, error) => {
        reject(new RestError(error.message, { code: RestError.REQUEST_SEND_ERROR }));
        end(error);
      },
    });
  });

export type BlobBytes = ReturnType<typeof createBlobBytes>;
