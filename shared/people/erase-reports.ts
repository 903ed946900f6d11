import type { RunId } from '../ids';
import type { ReportedRow, RowReports } from '../runs/row-report';
import { hasEnded } from '../runs/run';
import type { RunStore } from '../runs/run-store';
import { isSameAddress } from './address';
import type { Address } from './address';

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** A row as it is to be without a person: gone when it is theirs, without the address where Klaviyo's words about another row name it. */
export const rowWithout = (address: Address): ((row: ReportedRow) => ReportedRow | undefined) => {
  // ann@example.com is not named where joann@example.com is
  const named = new RegExp(`(?<![\\w.+%=-])${escaped(address.text)}(?![\\w-]|\\.[\\w])`, 'gi');
  return (row) => {
    if (isSameAddress(address, row.email)) return undefined;
    const detail = row.detail?.replaceAll(named, '(address)');
    return detail === row.detail ? row : { ...row, detail };
  };
};

/**
 * Takes a person out of the reports of all runs, in the order of their names.
 * @param after name of the last report that was done
 * @param onDone told after each report; false stops
 * @returns whether all are done
 */
export const eraseFromReports = async (
  address: Address,
  {
    after,
    onDone,
    reports,
    runStore,
    signal,
  }: {
    after: string;
    onDone: (name: string, rows: number) => Promise<boolean>;
    reports: RowReports;
    runStore: Pick<RunStore, 'find'>;
    signal: AbortSignal;
  },
): Promise<boolean> => {
  const change = rowWithout(address);
  let looked: { runId: RunId; writing: boolean } | undefined;
  for await (const { name, runId } of reports.readNames({ after, signal })) {
    if (looked?.runId !== runId) {
      const document = (await runStore.find(runId, { signal }))?.document;
      // a run that began meanwhile is still writing what it left out; it reads the source as it is now
      looked = { runId, writing: document !== undefined && !hasEnded(document.run.state) && document.staged === undefined };
    }
    const rows = looked.writing ? 0 : await reports.rewrite(name, address.text, change, { signal });
    if (!(await onDone(name, rows))) return false;
  }
  return true;
};
