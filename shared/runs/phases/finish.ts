import { NotFoundError } from '../../errors';
import { recount } from '../accounting';
import { createEmailLog, readEmailBatches, readEmails } from '../email-log';
import type { ExportActivities } from '../export-activity';
import { foldFailed, foldSuccessful } from '../fold';
import type { Folded, Rejections } from '../fold';
import { recordsOf } from '../holders';
import { MemberTable, UnreadableStateError, markOf } from '../member-state';
import type { StateHeader } from '../member-state';
import type { RowReports } from '../row-report';
import type { RunDocument } from '../run';
import type { Phase, Slice } from '../slice';
import type { Staging } from '../staging';
import type { StateStore } from '../state-store';

/** Klaviyo keeps a job's state and errors for seven days (klaviyo.md §2). */
const JOB_KEPT_MS = 7 * 86_400_000;
/** A post without an answer is admitted within minutes or never; so long is it remembered (failures.md row 7). */
const DOUBT_MS = 86_400_000;

interface Parts {
  readonly staging: Staging;
  readonly reports: RowReports;
  readonly states: StateStore;
  readonly activities: ExportActivities;
  /** clears the export's active run and starts what waits for that */
  readonly release: (document: RunDocument, options: { signal: AbortSignal }) => Promise<void>;
}

/** Every ending passes here: the state takes over what is true now, warnings are said, staged data goes, the export is free again. */
export const createFinish =
  ({ staging, reports, states, activities, release }: Parts): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run } = document;
    recount(document);
    decideEnding(document);
    const state = document.ending!.state;

    const activity = await activities.get(run.exportId, { signal });
    // a repeated finish: the state was taken over before the last runner died
    const done = activity.lastRunId === run.id;
    // a run that its export does not call its own (any more) leaves alone what the active one has noted
    const isActive = activity.activeRunId === run.id;
    const hasMembers = document.staged !== undefined && !document.staged.nothingNew;
    const released = isActive && hasMembers && (await states.readReleased(run.exportId, { signal })).length > 0;
    const touched =
      released ||
      (document.staged?.batches.some(({ postedAt }) => postedAt !== undefined) ?? false) ||
      (document.remove?.attempted ?? 0) > 0;
    const complete =
      state === 'successful' && !run.dryRun && document.staged !== undefined && (run.counts.read > 0 || run.approves !== undefined);
    const folds = (complete && !document.staged!.nothingNew) || touched;
    if (!done) {
      const generation = document.stateGeneration + 1;
      if (folds) {
        try {
          await fold(slice, { staging, reports, states, complete, generation });
        } catch (error) {
          if (!(error instanceof NotFoundError || error instanceof UnreadableStateError)) throw error;
          // a generation without a state is one that cannot be read: the next run sends everything and removes nobody
          slice.warn('state_lost', 'The data prepared for this run was no longer there at its end; the next run sends everything again.');
        }
      }
      const at = slice.now().toISOString();
      const { accountId, listId } = document.config;
      await activities.update(
        run.exportId,
        (current) => ({
          ...current,
          // a run that did nothing leaves the one before it the last one, with what it holds and what was rejected in it
          ...(run.dryRun || state === 'skipped' ? {} : { lastRunId: run.id }),
          ...(folds ? { stateGeneration: generation, stateList: { accountId, listId } } : {}),
          ...(complete && !run.retryOf && !run.approves
            ? {
                fullNext: false,
                servedRefreshedAt: run.refreshedAt,
                servedDigest: leavesWork(document) ? undefined : document.staged!.servedDigest,
              }
            : {}),
          ...(complete && mustSendAllNext(document, current.fullForcedAt, slice.now()) ? { fullNext: true, fullForcedAt: at } : {}),
        }),
        { signal },
      );
    }

    sayStopped(document);
    sayWarnings(slice);
    if (isActive) await states.removeReleased(run.exportId, { signal });
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

/**
 * The last way out, when finish itself cannot get through: the run ends as failed, and its export's state counts as unreadable from now
 * on, so that the next run sends everything and removes nobody.
 */
export const createGiveUp =
  ({ staging, activities, release }: Pick<Parts, 'staging' | 'activities' | 'release'>): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run } = document;
    await activities.update(
      run.exportId,
      (current) =>
        current.lastRunId === run.id
          ? undefined
          : { ...current, lastRunId: run.id, stateGeneration: Math.max(current.stateGeneration, document.stateGeneration) + 1 },
      { signal },
    );
    run.state = 'failed';
    run.error ??= { code: 'gave_up', message: 'The run could not be brought to its end; look for memory or time limits in the app’s log.' };
    run.endedAt = slice.now().toISOString();
    await slice.save();
    await staging.removeAll(run.id, { signal });
    await release(document, { signal });
    return { end: 'failed' };
  };

/** Whether the next run has something to do although the source stays as it is: then that of the clock must not be skipped. */
const leavesWork = ({ run, staged }: RunDocument): boolean =>
  run.counts.open > 0 ||
  run.warnings.some(({ code }) => code === 'removals_postponed' || code === 'gap') ||
  (staged?.batches.some(({ outcome }) => outcome === 'cancelled') ?? false);

/** A gap above 1 % makes the next run a full one, but only once per re-sync interval: some gaps never close. */
const mustSendAllNext = ({ run, config }: RunDocument, forcedAt: string | undefined, now: Date): boolean =>
  run.warnings.some(({ code }) => code === 'gap') &&
  (forcedAt === undefined || now.getTime() - Date.parse(forcedAt) > config.resyncDays * 86_400_000);

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

const whyStopped = {
  canceled: 'was cancelled',
  removed: 'was stopped, as its export is being removed',
  detached: 'was stopped, as its export was taken off its connection',
  erased: 'was stopped, as a person is being erased',
} as const;

/** What a run that was stopped had done by then: Klaviyo cannot give back what it has taken (customer-insights.md X11). */
const sayStopped = ({ run, stoppedBy }: RunDocument): void => {
  if (!stoppedBy || run.error) return;
  const { sent, accepted, removed } = run.counts;
  const number = (value: number) => value.toLocaleString('en');
  const did =
    sent + removed === 0
      ? 'before anything was sent'
      : `after ${number(sent)} rows had been sent (${number(accepted)} of them are known to have arrived) and ${number(removed)} people removed; Klaviyo keeps what it has taken, and the next run knows of it`;
  run.error = { code: stoppedBy.reason, message: `The run ${whyStopped[stoppedBy.reason]} by ${stoppedBy.by}, ${did}.` };
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
  slice: Slice,
  {
    staging,
    reports,
    states,
    complete,
    generation,
  }: { staging: Staging; reports: RowReports; states: StateStore; complete: boolean; generation: number },
): Promise<void> => {
  const { document, signal, now } = slice;
  const { run, staged, stateGeneration, remove } = document;
  const { batches, attempt } = staged!;
  const { header, table } = await staging.takeMembers(run.id, attempt, { signal });
  const stillOpen = batches.flatMap(({ jobs, number, outcome }) =>
    (outcome === undefined || outcome === 'open' ? jobs : [])
      .filter((job) => job.outcome === undefined || job.outcome === 'open')
      .map(({ id }) => ({ jobId: id, mark: markOf(run.number, number), expiresAt: new Date(now().getTime() + JOB_KEPT_MS).toISOString() })),
  );
  const openJobs = [...header.openJobs, ...stillOpen];
  const doubts = doubtsOf(document, header, now());
  const released = await states.readReleased(run.exportId, { signal });
  const releasedOf = (of: MemberTable): number[] => recordsOf(of, released);
  const removals =
    !run.approves && run.counts.removed > 0
      ? [...header.removals, { at: now().toISOString(), count: run.counts.removed }]
      : header.removals;

  if (complete) {
    const gone = await leaverRecords(slice, staging, remove?.done ?? 0);
    // their delete may have gone out, or another export may have removed them because we released them
    const maybeGone = new Set([...(await leaverRecords(slice, staging, remove?.attempted ?? 0)), ...releasedOf(table)]);
    const rejections = await readRejections(document, { staging, reports, signal });
    const folded = foldSuccessful(table, batches, rejections, gone, { watch: doubts.doubtSince !== undefined, maybeGone });
    const left: StateHeader = { ...header, ...doubts, generation, openJobs, removals, proven: document.proven };
    await write(slice, { staging, states, folded, header: left });
    return;
  }
  const old = await states.load(run.exportId, stateGeneration, { signal });
  const comparable =
    old.kind === 'loaded' &&
    old.header.accountId === header.accountId &&
    old.header.listId === header.listId &&
    old.header.membership === header.membership &&
    old.header.hashKeyId === header.hashKeyId &&
    old.header.normaliser === header.normaliser &&
    // without its addresses, or with those of others, what the old state holds cannot be named
    (header.membership !== 'mirror' || (!document.forgetsOld && (await states.hasEmails(run.exportId, stateGeneration, { signal }))));
  const before = comparable ? old.table : new MemberTable(table.size);
  const maybeGone = new Set([...(await leaverRecords(slice, staging, remove?.attempted ?? 0)), ...releasedOf(before)]);
  const folded = foldFailed(before, table, batches, maybeGone);
  // the old header keeps its mapping and its last full send: this run did not get through
  const kept: StateHeader = comparable
    ? { ...old.header, runId: run.id, runNumber: run.number }
    : { ...header, fullAt: undefined, proven: document.proven };
  await write(slice, { staging, states, folded, header: { ...kept, ...doubts, generation, openJobs, removals } });
};

/** Posts that may have been admitted without our knowing: the oldest of this run and those before, and until when the newest one may be. */
const doubtsOf = (
  { staged, unansweredSince }: RunDocument,
  { doubtSince, doubtUntil }: StateHeader,
  now: Date,
): Pick<StateHeader, 'doubtSince' | 'doubtUntil'> => {
  const own = [unansweredSince, ...staged!.batches.map(({ posted, postedAt }) => (posted ? undefined : postedAt))].filter(
    (at) => at !== undefined,
  );
  if (own.length === 0) return { doubtSince, doubtUntil };
  const [oldest] = [...own, ...(doubtSince === undefined ? [] : [doubtSince])].sort();
  return { doubtSince: oldest, doubtUntil: new Date(now.getTime() + DOUBT_MS).toISOString() };
};

/** Writes a folded state and, for a mirror, the addresses of its members in the same order. */
const write = async (
  { document: { run, staged, stateGeneration }, signal }: Slice,
  { staging, states, folded, header }: { staging: Staging; states: StateStore; folded: Folded; header: StateHeader },
): Promise<void> => {
  if (header.membership === 'mirror') {
    const log = createEmailLog();
    for (const { source, kept } of folded.from) {
      const stream =
        source === 'prepared'
          ? await staging.open(run.id, staged!.attempt, 'emails', { signal })
          : await states.openEmails(run.exportId, stateGeneration, { signal });
      if (!stream) continue;
      let record = 0;
      for await (const batch of readEmailBatches(stream)) {
        for (const email of batch) {
          if (kept[record] === 1) log.addText(email);
          record += 1;
        }
      }
    }
    await states.writeEmails(run.exportId, header.generation, log.parts(), { signal });
  }
  await states.write(header, folded.table, { signal });
};

/** Records of the first `count` leavers, in the order in which they are dealt with. */
const leaverRecords = async ({ document: { run, staged }, signal }: Slice, staging: Staging, count: number): Promise<Set<number>> => {
  const records = new Set<number>();
  if (count === 0) return records;
  for await (const line of readEmails(await staging.open(run.id, staged!.attempt, 'leavers', { signal }))) {
    if (records.size === count) break;
    records.add(Number(line.slice(0, line.indexOf('\t'))));
  }
  return records;
};

const readRejections = async (
  { run, staged }: RunDocument,
  { staging, reports, signal }: { staging: Staging; reports: RowReports; signal: AbortSignal },
): Promise<Rejections> => {
  const records = new Set<number>();
  const uncertain = new Set<number>();
  for (const batch of staged!.batches) {
    const { number, failedRows = 0, outcome } = batch;
    if (failedRows === 0 || outcome !== 'complete') continue;
    const rows = await staging.readRows(run.id, staged!.attempt, batch, { signal });
    const before = records.size;
    for await (const { row } of reports.readRejected(run.id, number, { signal })) if (row !== undefined) records.add(rows[row]!.record);
    if (records.size - before < failedRows) uncertain.add(number);
  }
  return { records, uncertain };
};
