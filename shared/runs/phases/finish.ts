import { NotFoundError } from '../../errors';
import { recount } from '../accounting';
import type { ExportActivities } from '../export-activity';
import { foldFailed, foldSuccessful } from '../fold';
import type { Rejections } from '../fold';
import { MemberTable, UnreadableStateError, markOf } from '../member-state';
import type { RowReports } from '../row-report';
import type { RunDocument } from '../run';
import type { Phase, Slice } from '../slice';
import type { Staging } from '../staging';
import type { StateStore } from '../state-store';

/** Klaviyo keeps a job's state and errors for seven days (klaviyo.md §2). */
const JOB_KEPT_MS = 7 * 86_400_000;

/** Every ending passes here: the state takes over what is true now, warnings are said, staged data goes, the export is free again. */
export const createFinish =
  ({
    staging,
    reports,
    states,
    activities,
    release,
  }: {
    staging: Staging;
    reports: RowReports;
    states: StateStore;
    activities: ExportActivities;
    /** clears the export's active run and starts what waits for that */
    release: (document: RunDocument, options: { signal: AbortSignal }) => Promise<void>;
  }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run } = document;
    recount(document);
    decideEnding(document);
    const state = document.ending!.state;

    const activity = await activities.get(run.exportId, { signal });
    // a repeated finish: the state was taken over before the last runner died
    const done = activity.lastRunId === run.id;
    const posted = document.staged?.batches.some(({ postedAt }) => postedAt !== undefined) ?? false;
    const complete = state === 'successful' && !run.dryRun && document.staged !== undefined && run.counts.read > 0;
    if (!done) {
      const generation = document.stateGeneration + 1;
      const folded = complete || posted;
      if (folded) {
        try {
          await fold(slice, { staging, reports, states, complete, generation });
        } catch (error) {
          if (!(error instanceof NotFoundError || error instanceof UnreadableStateError)) throw error;
          // a generation without a state is one that cannot be read: the next run sends everything and removes nobody
          slice.warn('state_lost', 'The data prepared for this run was no longer there at its end; the next run sends everything again.');
        }
      }
      await activities.update(
        run.exportId,
        (current) => ({
          ...current,
          lastRunId: run.id,
          ...(folded ? { stateGeneration: generation } : {}),
          ...(complete ? { servedDigest: document.staged!.servedDigest } : {}),
        }),
        { signal },
      );
    }

    sayWarnings(slice);
    await staging.removeAll(run.id, { signal });
    if (document.phaseAt) {
      run.phases.finish = Math.round(Math.max(0, slice.now().getTime() - Date.parse(document.phaseAt))) / 1_000;
    }
    run.state = state;
    run.endedAt = slice.now().toISOString();
    await slice.save();
    await release(document, { signal });
    return { end: state };
  };

/** Klaviyo refusing every row is a failure, not a success with warnings (users-ask C26). */
const decideEnding = (document: RunDocument): void => {
  const { run } = document;
  document.ending ??= { state: 'successful' };
  const { sent, accepted, open, unchanged } = run.counts;
  if (document.ending.state === 'successful' && sent > 0 && accepted === 0 && open === 0 && unchanged === 0) {
    document.ending = { state: 'failed' };
    run.error = {
      code: 'all_rejected',
      message: 'Klaviyo refused every row, so nobody was added; the rejected rows say why.',
      ...(document.staged?.batches[0]?.requestId ? { requestId: document.staged.batches[0].requestId } : {}),
    };
  }
};

const sayWarnings = ({ document: { run }, warn }: Slice): void => {
  const { invalid, rejected, open } = run.counts;
  const number = (value: number) => value.toLocaleString('en');
  if (invalid > 0)
    warn('rows_invalid', `${number(invalid)} rows were left out, as they have no usable e-mail address; the report names them.`);
  if (rejected > 0) warn('rows_rejected', `Klaviyo refused ${number(rejected)} rows; the report names them with Klaviyo’s reason.`);
  if (open > 0) warn('rows_open', `Klaviyo has not said what became of ${number(open)} rows; the next run looks again.`);
};

const fold = async (
  { document, signal, now }: Slice,
  {
    staging,
    reports,
    states,
    complete,
    generation,
  }: { staging: Staging; reports: RowReports; states: StateStore; complete: boolean; generation: number },
): Promise<void> => {
  const { run, staged, stateGeneration } = document;
  const { batches, attempt } = staged!;
  const { header, table } = await staging.readMembers(run.id, attempt, { signal });
  const stillOpen = batches
    .filter(({ jobId, outcome }) => jobId !== undefined && (outcome === undefined || outcome === 'open'))
    .map(({ jobId, number }) => ({
      jobId: jobId!,
      mark: markOf(run.number, number),
      expiresAt: new Date(now().getTime() + JOB_KEPT_MS).toISOString(),
    }));
  const openJobs = [...header.openJobs, ...stillOpen];
  if (complete) {
    const folded = foldSuccessful(table, batches, await readRejections(document, { staging, reports, signal }));
    await states.write({ ...header, generation, openJobs }, folded, { signal });
    return;
  }
  const old = await states.load(run.exportId, stateGeneration, { signal });
  const comparable =
    old.kind === 'loaded' &&
    old.header.accountId === header.accountId &&
    old.header.listId === header.listId &&
    old.header.hashKeyId === header.hashKeyId &&
    old.header.normaliser === header.normaliser;
  const folded = foldFailed(comparable ? old.table : new MemberTable(table.size), table, batches);
  // the old header keeps its mapping and its last full send: this run did not get through
  const kept = comparable ? { ...old.header, runId: run.id, runNumber: run.number } : { ...header, fullAt: undefined };
  await states.write({ ...kept, generation, openJobs }, folded, { signal });
};

const readRejections = async (
  { run, staged }: RunDocument,
  { staging, reports, signal }: { staging: Staging; reports: RowReports; signal: AbortSignal },
): Promise<Rejections> => {
  const records = new Set<number>();
  const uncertain = new Set<number>();
  for (const { number, failedRows = 0, outcome } of staged!.batches) {
    if (failedRows === 0 || outcome !== 'complete') continue;
    const rows = await staging.readRows(run.id, staged!.attempt, number, { signal });
    const before = records.size;
    for await (const { row } of reports.readRejected(run.id, number, { signal })) if (row !== undefined) records.add(rows[row]!.record);
    if (records.size - before < failedRows) uncertain.add(number);
  }
  return { records, uncertain };
};
