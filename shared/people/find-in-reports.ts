import type { ExportId } from '../ids';
import { reasonOf } from '../runs/row-reasons';
import type { RowReports } from '../runs/row-report';
import type { RunStore } from '../runs/run-store';
import { isSameAddress } from './address';
import type { Address } from './address';
import type { TracedReport } from './person-trace';

/** Runs of an export whose reports are looked through, the newest first. */
const LAST_RUNS = 10;
const MAX_TRACED_REPORTS = 100;

/** Rows of a person that did not get there in the last runs of an export, with the reason. */
export const findInReports = async (
  exportId: ExportId,
  address: Address,
  { reports, runStore, signal }: { reports: RowReports; runStore: Pick<RunStore, 'newestOfExport'>; signal: AbortSignal },
): Promise<TracedReport[]> => {
  const found: TracedReport[] = [];
  for (const run of await runStore.newestOfExport(exportId, { size: LAST_RUNS, signal })) {
    for await (const { stage, row } of reports.find(run.id, address.text, { signal })) {
      if (!isSameAddress(address, row.email)) continue;
      if (found.length === MAX_TRACED_REPORTS) return found;
      const { segment, customerId, code, detail } = row;
      const at = run.endedAt ?? run.submittedAt;
      found.push({ runId: run.id, at, stage, segment, customerId, code, ...(detail ? { detail } : {}), whatToDo: reasonOf(code) });
    }
  }
  return found;
};
