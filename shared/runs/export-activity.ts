import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError } from '../errors';
import { ExportActivity } from '../exports/export';
import { ExportId } from '../ids';
import type { Rows } from '../platform/tables';

const PARTITION = 'runner';
const MAX_ATTEMPTS = 20;

/** What the runner keeps per export, apart from what people edit: the active run, the run number, the newest generation of the state. */
export const createExportActivities = ({ rows }: { rows: Rows<typeof ExportActivity> }) => ({
  get: async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<ExportActivity> =>
    (await rows.find({ partition: PARTITION, row: exportId }, { signal }))?.value ?? ExportActivity.parse({}),

  /**
   * Changes a row by version; `change` may be called several times. It returns undefined to leave the row as it is.
   * @returns the row as it is now
   */
  update: async (
    exportId: ExportId,
    change: (current: ExportActivity) => ExportActivity | undefined,
    { signal }: { signal: AbortSignal },
  ): Promise<ExportActivity> => {
    const key = { partition: PARTITION, row: exportId };
    for (let attempt = 1; ; attempt += 1) {
      const stored = await rows.find(key, { signal });
      const current = stored?.value ?? ExportActivity.parse({});
      const next = change(current);
      if (next === undefined) return current;
      try {
        if (stored) await rows.replace(key, next, { ifMatch: stored.etag, signal });
        else await rows.insert(key, next, { signal });
        return next;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
        await sleep(5 + Math.random() * 20 * attempt, undefined, { signal });
      }
    }
  },

  remove: (exportId: ExportId, { signal }: { signal: AbortSignal }) => rows.remove({ partition: PARTITION, row: exportId }, { signal }),

  readAll: async function* ({ signal }: { signal: AbortSignal }): AsyncGenerator<{ exportId: ExportId; activity: ExportActivity }> {
    for await (const { row, value } of rows.list(PARTITION, { signal })) yield { exportId: ExportId.parse(row), activity: value };
  },
});

export type ExportActivities = ReturnType<typeof createExportActivities>;
