import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError, UpstreamError } from '../errors';
import { ExportId } from '../ids';
import type { ConnectionId } from '../ids';
import { MIRROR_MAX_IDLE_MS, createMirror } from '../platform/mirror';
import { createRows, createUnreadableLog } from '../platform/tables';
import type { Stored } from '../platform/tables';
import type { Log } from '../platform/telemetry';
import { Export } from './export';

const PARTITION = 'export';
const rowOf = (id: ExportId) => ({ partition: PARTITION, row: id });
/** Longer than anybody remembers a row without looking. */
const REMEMBERED_MS = 24 * MIRROR_MAX_IDLE_MS;

/**
 * A row as it is stored. One that has been removed stays for a day and says so, as others remember exports and only ask what has
 * changed. It keeps the form of an export that never runs, so that an earlier version of the app can read it, too.
 */
const Row = Export.extend({ removedAt: z.iso.datetime().optional() });
type Row = z.infer<typeof Row>;

const removedRow = (id: ExportId, at: Date): Row => {
  const removedAt = at.toISOString();
  const nothing = { name: '(removed)', listId: 'removed', segments: ['-'], mapping: { email: '-' }, schedule: { kind: 'off' } };
  return Row.parse({ ...nothing, id, createdAt: removedAt, createdBy: '', updatedAt: removedAt, updatedBy: '', removedAt });
};

const present = (stored: Stored<Row> | undefined): Stored<Export> | undefined =>
  stored === undefined || stored.value.removedAt !== undefined ? undefined : stored;

/**
 * Rows of exports, all in one partition: the minute timer reads it page by page, lists ask for what has changed.
 * @param log is told of exports that cannot be read
 * @param monotonicMs a clock that never goes back
 */
export const createExportStore = ({
  table,
  now,
  log = () => undefined,
  monotonicMs = () => performance.now(),
}: {
  table: TableClient;
  now: () => Date;
  log?: Log;
  monotonicMs?: () => number;
}) => {
  const rows = createRows({ table, schema: Row, what: 'The export' });
  const mirror = createMirror<Export>({
    table,
    partition: PARTITION,
    parse: (document) => {
      const row = Row.parse(document);
      return row.removedAt === undefined ? row : undefined;
    },
    what: 'The exports',
    log,
    monotonicMs,
  });
  const tellUnreadable = createUnreadableLog({ log, partition: PARTITION });
  async function* readAll({
    signal,
    unreadable,
  }: {
    signal: AbortSignal;
    unreadable?: (id: ExportId) => void;
  }): AsyncGenerator<Stored<Export>> {
    const tell = (row: Parameters<typeof tellUnreadable>[0]): void => {
      tellUnreadable(row);
      unreadable?.(ExportId.parse(row.row));
    };
    const options = { signal, ...(unreadable ? { unreadable: tell } : {}) };
    for await (const stored of rows.list(PARTITION, options)) if (present(stored)) yield stored;
  }
  const readWhole = async (options: { signal: AbortSignal }): Promise<ReadonlyMap<string, Stored<Export>>> => {
    const all = await mirror.read(options);
    const [row] = mirror.unreadable();
    if (row === undefined) return all;
    throw new UpstreamError('storage', {
      code: 'export_unreadable',
      message: `The export ${row} cannot be read, as a newer version of this app saved it; install that version.`,
      retryable: false,
    });
  };

  return {
    find: async (id: ExportId, options: { signal: AbortSignal }): Promise<Stored<Export> | undefined> =>
      present(await rows.find(rowOf(id), options)),
    /** Whether there is such an export, readable or not. */
    isThere: async (id: ExportId, options: { signal: AbortSignal }): Promise<boolean> => {
      try {
        return present(await rows.find(rowOf(id), options)) !== undefined;
      } catch (error) {
        if (error instanceof z.ZodError || error instanceof SyntaxError) return true;
        throw error;
      }
    },
    /**
     * All exports, by queries of the partition.
     * @param unreadable is given those that cannot be read, so that one of them stops none of the others; without it they are an error,
     * for whoever must not overlook any
     */
    readAll,
    /** All exports by id, from memory and one query for what has changed; those that cannot be read are left out. */
    readMirror: (options: { signal: AbortSignal }) => mirror.read(options),
    /** The same for whoever must not overlook any. @throws UpstreamError export_unreadable */
    readWhole,
    /** Exports that use a connection, as they are from now on, at the cost of `readWhole`. @throws UpstreamError export_unreadable */
    byConnection: async function* (connectionId: ConnectionId, options: { signal: AbortSignal }): AsyncGenerator<Stored<Export>> {
      for (const stored of (await readWhole(options)).values()) if (stored.value.connectionId === connectionId) yield stored;
    },
    insert: (segmentExport: Export, options: { signal: AbortSignal }) => rows.insert(rowOf(segmentExport.id), segmentExport, options),
    replace: (segmentExport: Export, options: { ifMatch: string; signal: AbortSignal }) =>
      rows.replace(rowOf(segmentExport.id), segmentExport, options),
    /** Replaces up to 100 exports, all or none. @throws ConflictError, NotFoundError as replace, for any of them */
    replaceAll: (changes: readonly { readonly value: Export; readonly ifMatch: string }[], options: { signal: AbortSignal }) =>
      rows.replaceAll(
        changes.map(({ value, ifMatch }) => ({ key: rowOf(value.id), value, ifMatch })),
        options,
      ),
    /** @throws ConflictError when it is no longer the version of `ifMatch` */
    remove: async (id: ExportId, { ifMatch, signal }: { ifMatch: string; signal: AbortSignal }): Promise<void> => {
      await rows.replace(rowOf(id), removedRow(id, now()), { ifMatch, signal });
    },
    /** Deletes what says of exports that they were removed, once nobody can remember them. @returns how many */
    clearRemoved: async ({ signal }: { signal: AbortSignal }): Promise<number> => {
      let cleared = 0;
      for await (const { value, etag } of rows.list(PARTITION, { signal, unreadable: tellUnreadable })) {
        if (value.removedAt === undefined || now().getTime() - Date.parse(value.removedAt) < REMEMBERED_MS) continue;
        try {
          await rows.remove(rowOf(value.id), { ifMatch: etag, signal });
          cleared += 1;
        } catch (error) {
          // another instance clears at the same time
          if (!(error instanceof ConflictError)) throw error;
        }
      }
      return cleared;
    },
  };
};

export type ExportStore = ReturnType<typeof createExportStore>;
