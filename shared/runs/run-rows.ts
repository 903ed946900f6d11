import { ConflictError, NotFoundError } from '../errors';
import type { Rows } from '../platform/tables';
import { hasEnded } from './run';
import type { Run } from './run';
import { ALL } from './run-store';
import type { RunStore } from './run-store';

const same = (one: Run, other: Run): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Holds the rows of runs to their documents, which are the truth (failures.md row 38). */
export const createRunRows = ({ store, rows }: { store: Pick<RunStore, 'find'>; rows: Rows<typeof Run> }) => {
  /**
   * The run as its document says; its rows are made to agree. Rows are read before the document and replaced by version, so a
   * change meanwhile wins; those of a run that goes on are its runner's own affair. A run without a document is gone, and so are
   * its rows then.
   * @param addMissing also writes a row that is not there
   * @returns undefined when the run is gone
   */
  const truthOf = async (
    { id, exportId }: Pick<Run, 'id' | 'exportId'>,
    { addMissing = false, signal }: { addMissing?: boolean; signal: AbortSignal },
  ): Promise<Run | undefined> => {
    // the export's row last, as wherever rows are removed
    const keys = [ALL, exportId].map((partition) => ({ partition, row: id }));
    const stored = await Promise.all(keys.map((key) => rows.find(key, { signal })));
    const run = (await store.find(id, { signal }))?.document.run;
    for (const [index, key] of keys.entries()) {
      const row = stored[index];
      try {
        if (!run) await rows.remove(key, { signal });
        else if (row && hasEnded(run.state) && !same(row.value, run)) await rows.replace(key, run, { ifMatch: row.etag, signal });
        else if (!row && addMissing) await rows.insert(key, run, { signal });
      } catch (error) {
        if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
      }
    }
    return run;
  };

  return {
    truthOf,

    /** For readers of one run: repairs its rows when they say something else than its document. */
    check: async (run: Run, { signal }: { signal: AbortSignal }): Promise<void> => {
      if (!hasEnded(run.state)) return;
      const stored = await Promise.all([ALL, run.exportId].map((partition) => rows.find({ partition, row: run.id }, { signal })));
      if (stored.some((row) => row && !same(row.value, run))) await truthOf(run, { signal });
    },
  };
};

export type RunRows = ReturnType<typeof createRunRows>;
