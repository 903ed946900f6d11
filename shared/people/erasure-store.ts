import { ConflictError, NotFoundError } from '../errors';
import type { EraseId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { Erasure } from './erasure';

/** Longest a lease with an end can be. */
const LEASE_SECONDS = 60;
const RENEW_MS = 15_000;

const openName = (id: EraseId) => `open/${id}.json`;
const doneName = (id: EraseId) => `done/${id}.json`;

/**
 * Erasures in the container `people`: those at work hold the address and are changed under their blob's lease, those done hold none.
 */
export const createErasureStore = ({ blobs }: { blobs: Blobs }) => {
  const read = async (name: string, { signal }: { signal: AbortSignal }): Promise<Erasure | undefined> => {
    const blob = await blobs.find(name, { signal });
    return blob ? Erasure.parse(JSON.parse(blob.body.toString('utf8'))) : undefined;
  };
  const json = { contentType: 'application/json' };

  return {
    create: (erasure: Erasure, { signal }: { signal: AbortSignal }) =>
      blobs.write(openName(erasure.id), JSON.stringify(erasure), { signal, ifNoneMatch: '*', ...json }),

    find: async (id: EraseId, { signal }: { signal: AbortSignal }): Promise<Erasure | undefined> =>
      (await read(doneName(id), { signal })) ?? (await read(openName(id), { signal })) ?? read(doneName(id), { signal }),

    /** Names of those at work; the oldest is not always the first. */
    readOpen: async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<string> {
      for await (const { name } of blobs.list('open/', { signal })) yield name;
    },

    /**
     * Takes an erasure, so that one worker at a time goes on with it; renewed until `release`.
     * @returns undefined while somebody else has it, or when it is done
     */
    tryTake: async (name: string, { signal }: { signal: AbortSignal }) => {
      const lease = await blobs.tryLease(name, { seconds: LEASE_SECONDS, signal });
      if (!lease) return undefined;
      const lost = new AbortController();
      const held = AbortSignal.any([signal, lost.signal]);
      const timer = setInterval(() => {
        lease.renew({ signal: held }).catch(() => lost.abort(new DOMException('The erasure is held by somebody else.', 'AbortError')));
      }, RENEW_MS);
      const release = async (): Promise<void> => {
        clearInterval(timer);
        await lease.release({ signal }).catch((error: unknown) => {
          // ended and so removed, or lost
          if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
        });
      };
      let erasure: Erasure | undefined;
      try {
        erasure = await read(name, { signal: held });
      } finally {
        if (!erasure) await release();
      }
      if (!erasure) return undefined;
      return {
        erasure,
        /** aborted when the lease is lost */
        signal: held,
        save: async (next: Erasure): Promise<void> => {
          await blobs.write(name, JSON.stringify(next), { signal: held, leaseId: lease.id, ...json });
        },
        /** Writes it without the address, then removes the one with it; a worker that dies in between is followed by one that repeats this. */
        end: async ({ email: _, ...done }: Erasure): Promise<void> => {
          await blobs.write(doneName(done.id), JSON.stringify(done), { signal: held, ...json });
          await blobs.remove(name, { signal: held, leaseId: lease.id });
        },
        release,
      };
    },
  };
};

export type ErasureStore = ReturnType<typeof createErasureStore>;
