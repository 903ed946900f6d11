import type { TableClient } from '@azure/data-tables';
import { Export, ExportActivity } from '../../shared/exports/export';
import { createExportStore } from '../../shared/exports/export-store';
import { newExportId, newRunId } from '../../shared/new-ids';
import type { ConnectionId, ExportId, RunId } from '../../shared/ids';
import { createRows } from '../../shared/platform/tables';
import { createExportActivities } from '../../shared/runs/export-activity';
import { Run, RunDocument, noCounts } from '../../shared/runs/run';
import { createRunStore, runTable } from '../../shared/runs/run-store';
import type { Services } from '../../shared/services';
import { mapConcurrent } from '../../shared/streams/map-concurrent';

type Entity = { partitionKey: string; rowKey: string; document: string };

/** A table that only remembers what is written, so that the stores themselves say which rows there are. */
const capture = (table: TableClient) => {
  const entities: Entity[] = [];
  const write = async (entity: Entity) => {
    entities.push(entity);
    return { etag: '' };
  };
  const missing = async () => {
    throw Object.assign(new Error('nothing is stored yet'), { statusCode: 404 });
  };
  const methods: Partial<Record<PropertyKey, unknown>> = {
    createEntity: write,
    upsertEntity: write,
    updateEntity: write,
    getEntity: missing,
    deleteEntity: async () => ({}),
    submitTransaction: async (actions: [string, Entity][]) => entities.push(...actions.map(([, entity]) => entity)),
  };
  return { entities, table: new Proxy(table, { get: (target, name) => methods[name] ?? Reflect.get(target, name) }) };
};

/** Writes in transactions of a hundred, several at once. */
const flush = async (table: TableClient, entities: readonly Entity[], signal: AbortSignal): Promise<void> => {
  const batches: Entity[][] = [];
  const open = new Map<string, Entity[]>();
  for (const entity of entities) {
    let batch = open.get(entity.partitionKey);
    if (batch === undefined || batch.length === 100) {
      batch = [];
      open.set(entity.partitionKey, batch);
      batches.push(batch);
    }
    batch.push(entity);
  }
  const send = (batch: Entity[]) => table.submitTransaction(batch.map((entity) => ['create', { ...entity }]));
  for await (const _ of mapConcurrent(batches, send, { concurrency: 8, signal })) void _;
};

const MINUTE_MS = 60_000;
const TRIGGERS = ['schedule', 'onDemand', 'request', 'event'] as const;

export interface Seeded {
  readonly exportIds: readonly ExportId[];
  /** the newest run of each export, in the same order; some with a document */
  readonly runIds: readonly RunId[];
}

/**
 * Exports and their run history, straight into the tables, as the app's own stores lay them out: a thousand exports with a hundred
 * thousand runs in about a minute.
 * @param documents how many of the newest runs have a document, too, so that they can be read one by one
 */
export const seedTables = async (
  { tables, containers, now }: Pick<Services, 'tables' | 'containers' | 'now'>,
  {
    exports: exportCount,
    runsPerExport,
    connectionId,
    documents,
    signal,
  }: { exports: number; runsPerExport: number; connectionId: ConnectionId; documents: number; signal: AbortSignal },
): Promise<Seeded> => {
  const exportsTable = capture(tables.exports);
  const runsTable = capture(tables.runs);
  const exportStore = createExportStore({ table: exportsTable.table, now });
  const activities = createExportActivities({
    rows: createRows({ table: exportsTable.table, schema: ExportActivity, what: 'The export' }),
  });
  const runStore = createRunStore({ blobs: containers.runs, rows: runTable(runsTable.table) });

  const newest = now().getTime() - 5 * MINUTE_MS;
  const at = new Date(newest).toISOString();
  const exportIds: ExportId[] = [];
  const runIds: RunId[] = [];
  for (let index = 0; index < exportCount; index += 1) {
    const id = newExportId();
    exportIds.push(id);
    const segmentExport = Export.parse({
      id,
      name: `Newsletter ${String((index * 7919) % exportCount).padStart(4, '0')}`,
      connectionId,
      listId: 'LIST5K',
      listName: 'Readers',
      segments: [index % 3 === 0 ? 'NewCustomers' : 'Loyal'],
      mapping: {
        email: 'EMail',
        firstName: 'FirstName',
        lastName: 'LastName',
        properties: [{ field: 'LoyaltyTier', name: 'loyalty_tier' }],
      },
      schedule: { kind: 'off' },
      createdAt: at,
      createdBy: 'seed',
      updatedAt: at,
      updatedBy: 'seed',
    });
    await exportStore.insert(segmentExport, { signal });
    let last: Run | undefined;
    for (let number = 1; number <= runsPerExport; number += 1) {
      const submitted = newest - ((runsPerExport - number) * exportCount + index) * MINUTE_MS;
      const failed = (index + number) % 20 === 0;
      const counts = { ...noCounts(), read: 5_000, invalid: 40, duplicates: 60, unchanged: 4_800, sent: 100, accepted: 100 };
      const end = new Date(submitted + MINUTE_MS).toISOString();
      last = Run.parse({
        id: newRunId(new Date(submitted)),
        exportId: id,
        number,
        state: failed ? 'failed' : 'successful',
        phase: 'finish',
        dryRun: false,
        full: false,
        trigger: { kind: TRIGGERS[(index + number) % TRIGGERS.length], by: 'seed' },
        counts,
        submittedAt: new Date(submitted).toISOString(),
        startedAt: new Date(submitted).toISOString(),
        endedAt: end,
        phases: { prepare: 1.2, gate: 0, submit: 3.4, settle: 10, verify: 1 },
        ...(failed ? { error: { code: 'key_refused', message: 'Klaviyo refused the API key.' } } : {}),
      });
      await runStore.project(last, { signal });
    }
    if (last === undefined) continue;
    const { id: lastRunId, state, trigger, endedAt } = last;
    runIds.push(lastRunId);
    const told = { runId: lastRunId, number: runsPerExport, state, trigger: trigger.kind, endedAt };
    await activities.update(id, (current) => ExportActivity.parse({ ...current, lastRunNumber: runsPerExport, lastRunId, last: told }), {
      signal,
    });
    if (index < documents) {
      const { name: exportName, listId, segments, mapping, membership } = segmentExport;
      const config = { exportName, connectionId, accountId: 'SANDBX', listId, segments, mapping, membership, maxProfiles: 1_000_000 };
      const document = RunDocument.parse({ version: 1, run: last, config, turn: 5, starts: 0, attempt: 1 });
      await runStore.create(document, { signal });
    }
  }
  await flush(tables.exports, exportsTable.entities, signal);
  await flush(tables.runs, runsTable.entities, signal);
  return { exportIds, runIds };
};
