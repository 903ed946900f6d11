import { TriggerKind } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import { RunId, instantOfRunId } from '../ids';
import type { ExportId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { RunState, hasEnded } from './run';
import type { Run } from './run';
import { sameRun } from './run-rows';
import type { RunRows } from './run-rows';
import { ACTIVE, ALL, partitionOfState, partitionOfTrigger, partitionsOf } from './run-store';
import type { RunStore } from './run-store';

/** A run this young is still being started, or removed: its parts do not fit together yet. */
const YOUNG_MS = 3_600_000;
/** Runs looked at in one step. */
const PAGE = 200;

/** Partitions beside `all` and those of exports. */
const indexPartitions = [
  ACTIVE,
  ...RunState.options.filter(hasEnded).map(partitionOfState),
  ...TriggerKind.options.map(partitionOfTrigger),
];
const sameAs = (run: Run, row: Run | undefined): boolean => row !== undefined && sameRun(run, row);

/** Where the walk stands; absent = at its beginning. */
export interface AuditPlace {
  /** storage's own word for the next page */
  readonly token: string;
  /** the last run looked at */
  readonly after: string;
}

/**
 * Walks through all runs, a page at a time, and makes their parts agree: the document, which is the truth, and the rows that lists read. Each crash that can part them is repaired earlier as a rule (on read, by the sweep); this finds the rest.
 */
export const createRunAudit = ({
  store,
  runRows,
  exportStore,
  removeEverythingOf,
  now,
  log,
}: {
  store: RunStore;
  runRows: Pick<RunRows, 'truthOf'>;
  exportStore: Pick<ExportStore, 'isThere'>;
  /** goes on with the removal of an export that is gone */
  removeEverythingOf: (exportId: ExportId, options: { signal: AbortSignal }) => Promise<unknown>;
  now: () => Date;
  log: Log;
}) => {
  /** What the document says is written into both rows; a run of an export that is gone, and what has no document, is removed. */
  const settle = async (runId: RunId, row: Run | undefined, { signal }: { signal: AbortSignal }): Promise<string> => {
    const found = await store.find(runId, { signal });
    const run = found?.document.run ?? row;
    if (!run) {
      await store.removeFolder(runId, { signal });
      return 'leftovers_removed';
    }
    if (found && (await exportStore.isThere(run.exportId, { signal }))) {
      await runRows.truthOf(run, { addMissing: true, signal });
      return 'rows_repaired';
    }
    if (found && !hasEnded(run.state)) {
      await removeEverythingOf(run.exportId, { signal });
      if (found.leased) return 'still_held';
    }
    await store.removeRun(run, { signal });
    return 'run_removed';
  };

  /** One page. @returns where to go on; undefined at the end */
  return async (place: AuditPlace | undefined, { signal }: { signal: AbortSignal }): Promise<AuditPlace | undefined> => {
    const { names, token } = await store.folders({ size: PAGE, token: place?.token, signal });
    const last = names.at(-1);
    // ! comes before everything that an id can hold
    const range = {
      ...(place === undefined ? {} : { from: `${place.after}!` }),
      ...(token === undefined || last === undefined ? {} : { below: `${last}!` }),
    };
    /** what each partition says of the runs of this page */
    const seen = new Map<string, Map<string, Run>>();
    const look = async (partition: string): Promise<Map<string, Run>> => {
      const found = new Map<string, Run>();
      for await (const { row, value } of store.readRows(partition, { ...range, signal })) found.set(row, value);
      seen.set(partition, found);
      return found;
    };
    const all = await look(ALL);
    for (const partition of indexPartitions) await look(partition);
    for (const exportId of new Set([...seen.values()].flatMap((rows) => [...rows.values()].map((run) => run.exportId))))
      await look(exportId);
    const rowsOf = (name: string): Run[] => [...seen.values()].flatMap((rows) => rows.get(name) ?? []);
    /** Whether the run has ended, and has all its rows, which say the same, and no other ones. */
    const isSettled = (name: string): boolean => {
      const run = all.get(name);
      if (!run || !hasEnded(run.state)) return false;
      const partitions = partitionsOf(run);
      return rowsOf(name).length === partitions.length && partitions.every((partition) => sameAs(run, seen.get(partition)?.get(name)));
    };
    const exportsThere = new Map<ExportId, boolean>();
    const isThere = async (exportId: ExportId): Promise<boolean> => {
      const known = exportsThere.get(exportId) ?? (await exportStore.isThere(exportId, { signal }));
      exportsThere.set(exportId, known);
      return known;
    };

    const folders = new Set(names);
    for (const name of new Set([...names, ...[...seen.values()].flatMap((rows) => [...rows.keys()])])) {
      const runId = RunId.safeParse(name);
      if (!runId.success || now().getTime() - instantOfRunId(runId.data).getTime() < YOUNG_MS) continue;
      if (folders.has(name) && isSettled(name) && (await isThere(all.get(name)!.exportId))) continue;
      // an ended one says where all the others lie
      const row = rowsOf(name).find(({ state }) => hasEnded(state)) ?? rowsOf(name)[0];
      try {
        const done = await settle(runId.data, row, { signal });
        log('run_audited', { runId: name, done });
      } catch (error) {
        signal.throwIfAborted();
        log('run_audit_failed', { runId: name, ...errorFields(error) });
      }
    }
    return token === undefined || last === undefined ? undefined : { token, after: last };
  };
};

export type RunAudit = ReturnType<typeof createRunAudit>;
