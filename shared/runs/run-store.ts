import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import type { TriggerKind } from '../exports/export';
import type { ExportId, RunId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { createRows } from '../platform/tables';
import type { RowRange, Rows } from '../platform/tables';
import { Run, RunDocument, RunState, hasEnded } from './run';

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

/** A document of a newer version is left as it is: that version alone knows what it means. */
const parseDocument = (runId: RunId, text: string): RunDocument => {
  try {
    return RunDocument.parse(JSON.parse(text));
  } catch (cause) {
    throw new ConflictError({
      code: 'run_unreadable',
      message: `The run ${runId} cannot be read: a newer version of this app wrote it, and its export starts nothing until that version is installed again.`,
      cause,
    });
  }
};

const documentName = (runId: RunId) => `${runId}/run.json`;
const stopName = (runId: RunId) => `${runId}/stop.json`;

/**
 * The rows of a run (table `runs`, row key = run id, so newest first): which partition serves which list.
 * - While it goes on it has one row, in `active`: lists put these before, or between, the ended ones; a crash leaves no other row that lies.
 * - Once it has ended, one row in each of: `all` (no filter, or by time alone), its export's id (runs of an export; state and trigger are
 *   chosen by columns there), `state-failed` and its like, `trigger-event` and its like.
 * Earlier versions wrote rows of running runs into `all` and the export's partition; they are replaced when the run ends.
 */
export const ALL = 'all';
export const ACTIVE = 'active';
export const partitionOfState = (state: RunState): string => `state-${state}`;
export const partitionOfTrigger = (kind: TriggerKind): string => `trigger-${kind}`;
const endedStates = RunState.options.filter(hasEnded);

/** Where the rows of an ended run lie; the export's row last, as wherever rows are removed. */
export const partitionsOf = ({ exportId, state, trigger }: Pick<Run, 'exportId' | 'state' | 'trigger'>): string[] => [
  ALL,
  partitionOfState(state),
  partitionOfTrigger(trigger.kind),
  exportId,
];

/** What the table service can choose rows of runs by, beside their keys. */
export const columnsOf = ({ exportId, state, trigger }: Run) => ({ exportId, state, trigger: trigger.kind });

/** The table `runs`, as every reader and writer of it needs it. */
export const runTable = (table: TableClient) => createRows({ table, schema: Run, what: 'The run', columns: columnsOf });

type Range = RowRange & { signal: AbortSignal };

/** Run documents (container `runs`), changed only under their blob's lease, and their projection for lists. */
export const createRunStore = ({ blobs, rows }: { blobs: Blobs; rows: Rows<typeof Run> }) => ({
  /** @throws ConflictError run_unreadable */
  find: async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<FoundRun | undefined> => {
    const blob = await blobs.find(documentName(runId), { signal });
    if (!blob) return undefined;
    return {
      document: parseDocument(runId, blob.body.toString('utf8')),
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

  /** Tells the lists what the document says. */
  project: async (run: Run, { signal }: { signal: AbortSignal }): Promise<void> => {
    if (!hasEnded(run.state)) {
      await rows.put({ partition: ACTIVE, row: run.id }, run, { signal });
      return;
    }
    await Promise.all(partitionsOf(run).map((partition) => rows.put({ partition, row: run.id }, run, { signal })));
    // only now: whoever dies before leaves a row that the sweep looks at
    await rows.remove({ partition: ACTIVE, row: run.id }, { signal });
  },

  page: (partition: string, options: Range & { size: number; token?: string }) => rows.page(partition, options),
  /** Rows of one partition, see above. */
  readRows: (partition: string, range: Range) => rows.list(partition, range),
  /** Runs of an export, newest first; one that goes on is among them. */
  readOfExport: async function* (exportId: ExportId, { signal }: { signal: AbortSignal }): AsyncGenerator<{ row: string; value: Run }> {
    const active = new Set<string>();
    for await (const one of rows.list(ACTIVE, { where: { exportId }, signal })) {
      active.add(one.row);
      yield one;
    }
    for await (const one of rows.list(exportId, { signal })) if (!active.has(one.row)) yield one;
  },

  /** The newest runs of an export, newest first; one that goes on is among them. */
  newestOfExport: async (exportId: ExportId, { size, signal }: { size: number; signal: AbortSignal }): Promise<Run[]> => {
    const [active, ended] = await Promise.all([
      rows.page(ACTIVE, { where: { exportId }, size, signal }),
      rows.page(exportId, { size, signal }),
    ]);
    // an ended row is the newer one
    const byId = new Map([...active.rows, ...ended.rows].map(({ row, value }) => [row, value]));
    return [...byId]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .slice(0, size)
      .map(([, run]) => run);
  },

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
  removeRun: async (run: Pick<Run, 'id' | 'exportId' | 'state' | 'trigger'>, { signal }: { signal: AbortSignal }): Promise<void> => {
    await blobs.removeAll(`${run.id}/`, { signal });
    // a row of a run that went on does not say how it ended
    const others = hasEnded(run.state) ? [] : endedStates.map(partitionOfState);
    for (const partition of [ACTIVE, ...others, ...partitionsOf(run)]) await rows.remove({ partition, row: run.id }, { signal });
  },
});

export type RunStore = ReturnType<typeof createRunStore>;
