import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import type { ConnectionId, ExportId } from '../ids';
import { MIRROR_MAX_IDLE_MS, createMirror } from '../platform/mirror';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';
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
 * @param monotonicMs a clock that never goes back
 */
export const createExportStore = ({
  table,
  now,
  monotonicMs = () => performance.now(),
}: {
  table: TableClient;
  now: () => Date;
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
    monotonicMs,
  });
  async function* readAll({ signal }: { signal: AbortSignal }): AsyncGenerator<Stored<Export>> {
    for await (const stored of rows.list(PARTITION, { signal })) if (present(stored)) yield stored;
  }

  return {
    find: async (id: ExportId, options: { signal: AbortSignal }): Promise<Stored<Export> | undefined> =>
      present(await rows.find(rowOf(id), options)),
    readAll,
    /** All exports by id, from memory and one query for what has changed. */
    readMirror: (options: { signal: AbortSignal }) => mirror.read(options),
    /** Exports that use a connection; reads the partition, one page per 1,000 exports. */
    byConnection: async function* (connectionId: ConnectionId, options: { signal: AbortSignal }): AsyncGenerator<Stored<Export>> {
      for await (const row of readAll(options)) if (row.value.connectionId === connectionId) yield row;
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
      for await (const { value, etag } of rows.list(PARTITION, { signal })) {
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
