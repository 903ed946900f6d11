import type { ExportStore } from '../exports/export-store';
import { RunId, instantOfRunId } from '../ids';
import type { ExportId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { hasEnded } from './run';
import type { Run } from './run';
import type { RunRows } from './run-rows';
import type { RunStore } from './run-store';

/** A run this young is still being started, or removed: its parts do not fit together yet. */
const YOUNG_MS = 3_600_000;
/** Runs looked at in one step. */
const PAGE = 200;

/** Where the walk stands; absent = at its beginning. */
export interface AuditPlace {
  /** storage's own word for the next page */
  readonly token: string;
  /** the last run looked at */
  readonly after: string;
}

/**
 * Walks through all runs, a page at a time, and makes their three parts agree: the document, which is the truth, the row of its export
 * and the row of all. Each crash that can part them is repaired earlier as a rule (on read, by the sweep); this finds the rest.
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
  exportStore: Pick<ExportStore, 'find'>;
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
    if (found && (await exportStore.find(run.exportId, { signal }))) {
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
    const rows = new Map<string, Run>();
    for await (const { row, value } of store.readAll({ ...range, signal })) rows.set(row, value);
    const ofExports = new Map<string, Run>();
    for (const exportId of new Set([...rows.values()].map((run) => run.exportId))) {
      for await (const { row, value } of store.readOfExport(exportId, { ...range, signal })) ofExports.set(row, value);
    }
    const exportsThere = new Map<ExportId, boolean>();
    const isThere = async (exportId: ExportId): Promise<boolean> => {
      const known = exportsThere.get(exportId) ?? (await exportStore.find(exportId, { signal })) !== undefined;
      exportsThere.set(exportId, known);
      return known;
    };

    const folders = new Set(names);
    for (const name of new Set([...names, ...rows.keys(), ...ofExports.keys()])) {
      const runId = RunId.safeParse(name);
      if (!runId.success || now().getTime() - instantOfRunId(runId.data).getTime() < YOUNG_MS) continue;
      const [row, ofExport] = [rows.get(name), ofExports.get(name)];
      const same = row && ofExport && JSON.stringify(row) === JSON.stringify(ofExport);
      if (folders.has(name) && same && hasEnded(row.state) && (await isThere(row.exportId))) continue;
      try {
        const done = await settle(runId.data, row ?? ofExport, { signal });
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
