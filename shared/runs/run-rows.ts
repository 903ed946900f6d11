import { ConflictError, NotFoundError } from '../errors';
import type { Rows } from '../platform/tables';
import { hasEnded } from './run';
import type { Run } from './run';
import { ACTIVE, ALL, partitionsOf } from './run-store';
import type { RunStore } from './run-store';

export const sameRun = (one: Run, other: Run): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Holds the rows of runs to their documents, which are the truth (failures.md row 38). */
export const createRunRows = ({ store, rows }: { store: Pick<RunStore, 'find' | 'removeRun'>; rows: Rows<typeof Run> }) => {
  /**
   * The run as its document says; its rows are made to agree. Rows are read before the document and replaced by version, so a
   * change meanwhile wins; that of a run that goes on is its runner's own affair. A run without a document is gone, and so are
   * its rows then.
   * @param row the run as one of its rows says, or its document
   * @param addMissing also writes a row that is not there
   * @returns undefined when the run is gone
   */
  const truthOf = async (
    row: Run,
    { addMissing = false, signal }: { addMissing?: boolean; signal: AbortSignal },
  ): Promise<Run | undefined> => {
    const { id } = row;
    const partitions = [ACTIVE, ...partitionsOf(row)];
    const seen = new Map(
      await Promise.all(partitions.map(async (partition) => [partition, await rows.find({ partition, row: id }, { signal })] as const)),
    );
    const run = (await store.find(id, { signal }))?.document.run;
    if (!run) {
      await store.removeRun(row, { signal });
      return undefined;
    }
    const attempt = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        // somebody else was faster
        if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
      }
    };
    const wanted = hasEnded(run.state) ? partitionsOf(run) : [ACTIVE];
    const ofExport = seen.get(run.exportId);
    // written by an earlier version, which knew neither the other rows nor the columns by which this one is found; it comes first, so
    // that whoever dies half-way leaves the sign that something is missing
    if (addMissing && ofExport && wanted.some((partition) => !seen.get(partition)))
      await attempt(rows.replace({ partition: run.exportId, row: id }, run, { ifMatch: ofExport.etag, signal }));
    for (const partition of wanted) {
      const key = { partition, row: id };
      // the row that was at hand may have named another state than the one it ended with
      const known = seen.has(partition) ? seen.get(partition) : await rows.find(key, { signal });
      if (known && hasEnded(run.state) && !sameRun(known.value, run))
        await attempt(rows.replace(key, run, { ifMatch: known.etag, signal }));
      else if (!known && addMissing) await attempt(rows.insert(key, run, { signal }));
    }
    if (hasEnded(run.state) && seen.get(ACTIVE)) await rows.remove({ partition: ACTIVE, row: id }, { signal });
    return run;
  };

  return {
    truthOf,

    /** For readers of one run: repairs its rows when the one of all says something else than its document. One storage call as a rule. */
    check: async (run: Run, { signal }: { signal: AbortSignal }): Promise<void> => {
      if (!hasEnded(run.state)) return;
      const stored = await rows.find({ partition: ALL, row: run.id }, { signal });
      if (stored && !sameRun(stored.value, run)) await truthOf(run, { signal });
    },
  };
};

export type RunRows = ReturnType<typeof createRunRows>;
