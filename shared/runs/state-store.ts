import type { ExportId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { UnreadableStateError, decodeState, encodeState } from './member-state';
import type { MemberTable, StateHeader } from './member-state';

const name = (exportId: ExportId, generation: number) => `${exportId}/${String(generation).padStart(10, '0')}`;

/** Longest an Azure lease with an end can be. */
const MAX_LOCK_SECONDS = 60;

export type LoadedState =
  | { readonly kind: 'none' }
  /** there should be one, but it is missing, cut short, changed or of another version */
  | { readonly kind: 'unreadable'; readonly reason: string }
  | { readonly kind: 'loaded'; readonly header: StateHeader; readonly table: MemberTable };

/**
 * Member states in the container `state`: one blob per export and generation; the newest generation's number also stands in a table.
 * @param lockSeconds how long the lock of a list outlives whoever died with it; renewed before each call that it guards
 */
export const createStateStore = ({ blobs, lockSeconds = MAX_LOCK_SECONDS }: { blobs: Blobs; lockSeconds?: number }) => ({
  /** @param generation as the table knows it; 0 = the export never ended a run */
  load: async (exportId: ExportId, generation: number, { signal }: { signal: AbortSignal }): Promise<LoadedState> => {
    if (generation === 0) return { kind: 'none' };
    const blob = name(exportId, generation);
    if (!(await blobs.findProperties(blob, { signal }))) return { kind: 'unreadable', reason: 'it is missing' };
    const { stream } = await blobs.readOn(blob, { signal });
    try {
      const { header, table } = await decodeState(stream);
      if (header.generation !== generation || header.exportId !== exportId)
        return { kind: 'unreadable', reason: 'it belongs to another export or time' };
      return { kind: 'loaded', header, table };
    } catch (error) {
      if (error instanceof UnreadableStateError) return { kind: 'unreadable', reason: error.message };
      throw error;
    } finally {
      stream.destroy();
    }
  },

  /** Whether a mirror's addresses lie beside this generation. */
  hasEmails: async (exportId: ExportId, generation: number, { signal }: { signal: AbortSignal }): Promise<boolean> =>
    generation > 0 && (await blobs.findProperties(`${name(exportId, generation)}.emails`, { signal })) !== undefined,

  /** The addresses of a mirror's members as they lie (gzip), or undefined where there are none. */
  openEmails: async (exportId: ExportId, generation: number, { signal }: { signal: AbortSignal }) => {
    const blob = `${name(exportId, generation)}.emails`;
    if (generation === 0 || !(await blobs.findProperties(blob, { signal }))) return undefined;
    return (await blobs.readOn(blob, { signal })).stream;
  },

  writeEmails: (exportId: ExportId, generation: number, parts: AsyncIterable<Uint8Array>, { signal }: { signal: AbortSignal }) =>
    blobs.writeParts(`${name(exportId, generation)}.emails`, parts, { signal }),

  /** Members that an export gives up to another one of the same list, as keys of 12 bytes; others read its state less these. */
  writeReleased: (exportId: ExportId, keys: Uint8Array, { signal }: { signal: AbortSignal }) =>
    blobs.write(`${exportId}/released`, keys, { signal }),
  readReleased: async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<Buffer> =>
    (await blobs.find(`${exportId}/released`, { signal }))?.body ?? Buffer.alloc(0),
  removeReleased: (exportId: ExportId, { signal }: { signal: AbortSignal }) => blobs.remove(`${exportId}/released`, { signal }),

  /** The lock of a list: who removes people from it holds it. @returns undefined while somebody else does */
  tryLock: async (accountId: string, listId: string, { signal }: { signal: AbortSignal }) => {
    const lock = `locks/${accountId}-${listId}`;
    if (!(await blobs.findProperties(lock, { signal }))) {
      await blobs.write(lock, '', { signal, ifNoneMatch: '*' }).catch((error: unknown) => {
        if ((error as { code?: string }).code !== 'changed_meanwhile') throw error;
      });
    }
    return blobs.tryLease(lock, { seconds: Math.min(MAX_LOCK_SECONDS, lockSeconds), signal });
  },

  /** Writes a generation; writing the same one again leaves the same bytes. Older ones but the last are removed. */
  write: async (header: StateHeader, table: MemberTable, { signal }: { signal: AbortSignal }): Promise<void> => {
    const exportId = header.exportId as ExportId;
    await blobs.writeParts(name(exportId, header.generation), encodeState(header, table), { signal });
    for await (const blob of blobs.list(`${exportId}/`, { signal })) {
      if (blob.name < name(exportId, header.generation - 1)) await blobs.remove(blob.name, { signal });
    }
  },

  /**
   * Writes a generation that nobody has written yet, addresses first, so that a state without them never counts.
   * @throws ConflictError changed_meanwhile when there is one
   */
  writeNew: async (
    header: StateHeader,
    table: MemberTable,
    emails: AsyncIterable<Uint8Array> | undefined,
    { signal }: { signal: AbortSignal },
  ): Promise<void> => {
    const blob = name(header.exportId as ExportId, header.generation);
    if (emails) await blobs.writeParts(`${blob}.emails`, emails, { signal, ifNoneMatch: '*' });
    await blobs.writeParts(blob, encodeState(header, table), { signal, ifNoneMatch: '*' });
  },

  /**
   * Removes all generations but one (0: all of them). Newer ones, which a writer left that died before they counted, only as they were
   * when they were listed.
   * @returns how many blobs went
   * @throws ConflictError changed_meanwhile
   */
  removeOthers: async (exportId: ExportId, generation: number, { signal }: { signal: AbortSignal }): Promise<number> => {
    let removed = 0;
    const kept = name(exportId, generation);
    for await (const { name: blob, etag } of blobs.list(`${exportId}/`, { signal })) {
      if (!/\/\d{10}(\.emails)?$/.test(blob) || blob === kept || blob === `${kept}.emails`) continue;
      await blobs.remove(blob, { signal, ...(blob > kept ? { ifMatch: etag } : {}) });
      removed += 1;
    }
    return removed;
  },

  /** Removes the generations before one that counts: nobody reads them any more. */
  removeOlder: async (exportId: ExportId, generation: number, { signal }: { signal: AbortSignal }): Promise<void> => {
    for await (const { name: blob } of blobs.list(`${exportId}/`, { signal }))
      if (blob < name(exportId, generation)) await blobs.remove(blob, { signal });
  },

  removeAll: (exportId: ExportId, { signal }: { signal: AbortSignal }) => blobs.removeAll(`${exportId}/`, { signal }),
});

export type StateStore = ReturnType<typeof createStateStore>;
