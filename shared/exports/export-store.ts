import type { TableClient } from '@azure/data-tables';
import type { ConnectionId, ExportId } from '../ids';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';
import { Export } from './export';

const PARTITION = 'export';
const rowOf = (id: ExportId) => ({ partition: PARTITION, row: id });

/** Rows of exports, all in one partition: lists and the minute timer read it page by page. */
export const createExportStore = ({ table }: { table: TableClient }) => {
  const rows = createRows({ table, schema: Export, what: 'The export' });
  const readAll = (options: { signal: AbortSignal }): AsyncIterable<Stored<Export>> => rows.list(PARTITION, options);

  return {
    find: (id: ExportId, options: { signal: AbortSignal }): Promise<Stored<Export> | undefined> => rows.find(rowOf(id), options),
    readAll,
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
    remove: (id: ExportId, options: { ifMatch: string; signal: AbortSignal }) => rows.remove(rowOf(id), options),
  };
};

export type ExportStore = ReturnType<typeof createExportStore>;
