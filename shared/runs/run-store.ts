import { z } from 'zod';
import type { ExportId, RunId } from '../ids';
import type { Blobs } from '../platform/blobs';
import type { Rows } from '../platform/tables';
import { type Run, RunDocument } from './run';

/** Why a run is to stop, and who said so; written once. */
export const StopRequest = z.object({
  reason: z.enum(['canceled', 'removed', 'detached', 'erased']),
  by: z.string(),
  at: z.iso.datetime(),
});
export type StopRequest = z.infer<typeof StopRequest>;

export interface FoundRun {
  readonly document: RunDocument;
  readonly etag: string;
  readonly leased: boolean;
  /** server's clock */
  readonly modifiedAt: string;
}

const documentName = (runId: RunId) => `${runId}/run.json`;
const stopName = (runId: RunId) => `${runId}/stop.json`;
export const ALL = 'all';

/**
 * Run documents (container `runs`), changed only under their blob's lease, and their projection for lists (table `runs`): one row per
 * export and one for all exports, newest first, as run ids sort so.
 */
export const createRunStore = ({ blobs, rows }: { blobs: Blobs; rows: Rows<typeof Run> }) => ({
  find: async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<FoundRun | undefined> => {
    const blob = await blobs.find(documentName(runId), { signal });
    if (!blob) return undefined;
    return {
      document: RunDocument.parse(JSON.parse(blob.body.toString('utf8'))),
      etag: blob.etag,
      leased: blob.leaseState === 'leased',
      modifiedAt: blob.modifiedAt,
    };
  },

  /** @throws ConflictError when the run has a document already */
  create: (document: RunDocument, { signal }: { signal: AbortSignal }) =>
    blobs.write(documentName(document.run.id), JSON.stringify(document), { signal, ifNoneMatch: '*', contentType: 'application/json' }),

  tryLease: (runId: RunId, options: { seconds: number; etag: string; signal: AbortSignal }) =>
    blobs.tryLease(documentName(runId), { seconds: options.seconds, ifMatch: options.etag, signal: options.signal }),

  /** @throws ConflictError when the lease is no longer ours */
  save: (document: RunDocument, { leaseId, signal }: { leaseId: string; signal: AbortSignal }) =>
    blobs.write(documentName(document.run.id), JSON.stringify(document), { signal, leaseId, contentType: 'application/json' }),

  /** Changes the document of a run that has ended, by version. @throws ConflictError when somebody else did */
  amend: (document: RunDocument, { etag, signal }: { etag: string; signal: AbortSignal }) =>
    blobs.write(documentName(document.run.id), JSON.stringify(document), { signal, ifMatch: etag, contentType: 'application/json' }),

  project: async (run: Run, { signal }: { signal: AbortSignal }): Promise<void> => {
    await Promise.all([
      rows.put({ partition: run.exportId, row: run.id }, run, { signal }),
      rows.put({ partition: ALL, row: run.id }, run, { signal }),
    ]);
  },

  pageOfExport: (exportId: ExportId, options: { size: number; token?: string; signal: AbortSignal }) => rows.page(exportId, options),
  page: (options: { size: number; token?: string; signal: AbortSignal }) => rows.page(ALL, options),
  readOfExport: (exportId: ExportId, range: { from?: string; below?: string; signal: AbortSignal }) => rows.list(exportId, range),
  readAll: (range: { from?: string; below?: string; signal: AbortSignal }) => rows.list(ALL, range),

  /** Names of the folders of runs that have a document or reports, a page at a time. */
  folders: (options: { size: number; token?: string; signal: AbortSignal }) => blobs.folders(options),
  removeFolder: (runId: RunId, { signal }: { signal: AbortSignal }) => blobs.removeAll(`${runId}/`, { signal }),

  /** @returns false when somebody had said so before */
  requestStop: async (runId: RunId, request: StopRequest, { signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await blobs.write(stopName(runId), JSON.stringify(request), { signal, ifNoneMatch: '*', contentType: 'application/json' });
    } catch (error) {
      if ((error as { code?: string }).code !== 'changed_meanwhile') throw error;
    }
  },

  findStop: async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<StopRequest | undefined> => {
    const blob = await blobs.find(stopName(runId), { signal });
    return blob ? StopRequest.parse(JSON.parse(blob.body.toString('utf8'))) : undefined;
  },

  /** Removes document, reports and rows; the export's row goes last, so that whoever goes through them comes back after a crash. */
  removeRun: async (run: { id: RunId; exportId: ExportId }, { signal }: { signal: AbortSignal }): Promise<void> => {
    await blobs.removeAll(`${run.id}/`, { signal });
    await rows.remove({ partition: ALL, row: run.id }, { signal });
    await rows.remove({ partition: run.exportId, row: run.id }, { signal });
  },
});

export type RunStore = ReturnType<typeof createRunStore>;
