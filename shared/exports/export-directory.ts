import type { TableClient } from '@azure/data-tables';
import type { ConnectionStore } from '../connections/connection-store';
import type { ConnectionId } from '../ids';
import { createMirror } from '../platform/mirror';
import type { Stored } from '../platform/tables';
import type { Log } from '../platform/telemetry';
import { ExportActivity } from './export';
import type { Export } from './export';
import type { ExportStore } from './export-store';
import type { ExportEntry } from './export-view';

/** The partition of the table `exports` where the runner keeps what it knows of each export. */
const RUNNER = 'runner';
const noActivity: ExportActivity = ExportActivity.parse({});
const NO_CONNECTION = { connection: undefined, connectionStatus: undefined };

/** An entry with the version of its row. */
export type VersionedEntry = ExportEntry & { readonly etag: string };

/**
 * Every export with its connection and its runner's row, for lists: three queries by partition key (exports, runner, connections), of
 * which the first two bring only what has changed since the last time.
 */
export const createExportDirectory = ({
  table,
  store,
  connectionStore,
  log = () => undefined,
  monotonicMs = () => performance.now(),
}: {
  table: TableClient;
  store: Pick<ExportStore, 'readMirror'>;
  connectionStore: Pick<ConnectionStore, 'readNoted'>;
  log?: Log;
  monotonicMs?: () => number;
}) => {
  const runner = createMirror<ExportActivity>({
    table,
    partition: RUNNER,
    parse: (document) => ExportActivity.parse(document),
    what: 'The exports',
    log,
    monotonicMs,
  });
  return {
    /** @throws UpstreamError when storage does not answer */
    read: async ({ signal }: { signal: AbortSignal }): Promise<VersionedEntry[]> => {
      const readConnections = async () => {
        const known = new Map<ConnectionId, Pick<ExportEntry, 'connection' | 'connectionStatus'>>();
        for await (const { connection, note } of connectionStore.readNoted({ signal })) {
          known.set(connection.value.id, { connection: connection.value, connectionStatus: note?.status });
        }
        return known;
      };
      const [exports, activities, connections]: [
        ReadonlyMap<string, Stored<Export>>,
        ReadonlyMap<string, Stored<ExportActivity>>,
        Awaited<ReturnType<typeof readConnections>>,
      ] = await Promise.all([store.readMirror({ signal }), runner.read({ signal }), readConnections()]);
      return [...exports.values()].map(({ value: segmentExport, etag }) => ({
        segmentExport,
        etag,
        ...((segmentExport.connectionId && connections.get(segmentExport.connectionId)) || NO_CONNECTION),
        activity: activities.get(segmentExport.id)?.value ?? noActivity,
      }));
    },
  };
};

export type ExportDirectory = ReturnType<typeof createExportDirectory>;
