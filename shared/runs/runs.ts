import { isDeepStrictEqual } from 'node:util';
import { ConflictError, LimitError, NotFoundError, UpstreamError, isDomainError } from '../errors';
import type { Connection } from '../connections/connection';
import type { ConnectionStore } from '../connections/connection-store';
import type { ExportStore } from '../exports/export-store';
import { isClaimed } from '../exports/export';
import type { Export, ExportActivity, TriggerKind } from '../exports/export';
import { requireStartable } from '../exports/startable';
import { instantOfRunId } from '../ids';
import { newRunId } from '../new-ids';
import type { ExportId, RunId } from '../ids';
import type { Queue } from '../platform/queues';
import type { Rows } from '../platform/tables';
import { errorFields } from '../platform/telemetry';
import type { Log, Telemetry } from '../platform/telemetry';
import type { SegmentSource } from '../segments/segment-source';
import { limitsFor } from '../settings/limits';
import type { Limits } from '../settings/limits';
import { withEnded, withoutActive, withRecent } from './export-activity';
import type { ExportActivities, SeenActivity } from './export-activity';
import { servedDigestOf } from './prepare/digests';
import { hasEnded, messageOf, noCounts } from './run';
import type { Run, RunDocument, RunMessage } from './run';
import type { Occurrence } from './occurrence';
import type { ReportedRow, RowReports, RowStage } from './row-report';
import { jobsOf } from './run-jobs';
import type { RunJobs } from './run-jobs';
import type { RunHistory } from './run-history';
import type { RunRows } from './run-rows';
import { ACTIVE } from './run-store';
import type { FoundRun, RunStore, StopRequest } from './run-store';
import type { Staging } from './staging';

export interface StartRun {
  readonly exportId: ExportId;
  /** `byId`: object id of whoever asked for it, where that is a person or an application */
  readonly trigger: { readonly kind: TriggerKind; readonly by: string; readonly byId?: string | undefined };
  readonly full: boolean;
  readonly dryRun: boolean;
  /** look for everybody afterwards, not for a sample */
  readonly verifyAll?: boolean;
  /** with dryRun: ask Klaviyo how many of the new people it does not know yet */
  readonly countUnknown?: boolean;
  /** the run whose rejected rows are sent again */
  readonly retryOf?: RunId;
  /** the run whose held removals are carried out, and how many at most */
  readonly approves?: { readonly runId: RunId; readonly upTo: number };
  /** makes a repeat harmless: an export runs once per key */
  readonly requestKey?: string;
  /** this is what was kept on the export for the end of its run: whoever starts it takes it off there, in the same write */
  readonly kept?: boolean;
}

export interface StartedRun {
  readonly run: Run;
  /** false: it was under way before, or this key had started it */
  readonly created: boolean;
  /** this very request, by its key, was answered before */
  readonly repeated?: true;
}

/** An export and its connection, as somebody has just read them. */
export interface KnownExport {
  readonly segmentExport: Export;
  readonly connection?: Connection | undefined;
}

/** A run whose lease is free and whose time to wake is this long past stands still. */
const STANDSTILL_MS = 60_000;
/** A run that was announced on its export, but has no document after this long, lost its starter. */
const UNBORN_MS = 60_000;
/** A row of a run that goes on, and that no export calls its own, is looked at after this long: its starter may be about to say so. */
const UNCLAIMED_MS = 120_000;
/** Others who write the same run's document at the same moment. */
const MAX_ATTEMPTS = 5;
/** Reports are kept for a day at least. */
const LEAST_REPORT_MS = 86_400_000;

const startedWith = ({ trigger, full, dryRun, verifyAll, countUnknown, retryOf, approves }: StartRun, at: string) => ({
  trigger: { ...trigger },
  full,
  dryRun,
  ...(verifyAll ? { verifyAll } : {}),
  ...(countUnknown ? { countUnknown } : {}),
  ...(retryOf ? { retryOf } : {}),
  ...(approves ? { approves: { ...approves } } : {}),
  at,
});

const runActive = (runId: RunId) =>
  new ConflictError({
    code: 'run_active',
    message: 'A run of this export is under way; wait until it has ended.',
    details: { runId },
  });

const nothingHeld = () => new ConflictError({ code: 'nothing_held', message: 'This run holds no removals that wait for somebody.' });

const notStarted = (exportId: ExportId) =>
  new NotFoundError({ code: 'export_unknown', message: `There is no export ${exportId}; it may have been removed.` });

/** What can be done with runs: start, look at, stop; and the sweep that finds those that stand still. */
export const createRuns = ({
  store,
  runRows,
  history,
  activities,
  occurrences,
  exportStore,
  connectionStore,
  queue,
  reports,
  staging,
  source,
  settings,
  maxProfiles,
  now,
  telemetry,
  log,
}: {
  store: RunStore;
  runRows: RunRows;
  history: RunHistory;
  activities: ExportActivities;
  occurrences: Rows<typeof Occurrence>;
  exportStore: Pick<ExportStore, 'find' | 'readMirror'>;
  connectionStore: Pick<ConnectionStore, 'find'>;
  queue: Queue<RunMessage>;
  reports: RowReports;
  staging: Staging;
  source: Pick<SegmentSource, 'snapshot'>;
  settings: { getLimits: (options: { signal: AbortSignal }) => Promise<{ readonly value: Limits }> };
  /** upper bound of every export's cap */
  maxProfiles: number;
  now: () => Date;
  telemetry: Pick<Telemetry, 'span' | 'traceparent'>;
  log: Log;
}) => {
  const findExport = async (exportId: ExportId, { signal }: { signal: AbortSignal }): Promise<Export> => {
    const stored = await exportStore.find(exportId, { signal });
    if (!stored) throw notStarted(exportId);
    return stored.value;
  };

  /** The run's document, made from the export as it is now. */
  const documentOf = async (
    segmentExport: Export,
    { runId, number, request, submittedAt }: { runId: RunId; number: number; request: Omit<StartRun, 'exportId'>; submittedAt: string },
    { known, signal }: { known?: Connection | undefined; signal: AbortSignal },
  ): Promise<RunDocument> => {
    requireStartable(segmentExport);
    const { connectionId } = segmentExport;
    const read = async (): Promise<Connection | undefined> =>
      connectionId === undefined ? undefined : (await connectionStore.find(connectionId, { signal }))?.value;
    const [connection, { value: limits }] = await Promise.all([
      known?.id === connectionId ? known : read(),
      settings.getLimits({ signal }),
    ]);
    if (!connection) {
      throw new ConflictError({
        code: 'export_detached',
        message: 'The connection of this export is gone, so it cannot run; choose another connection for it first.',
      });
    }
    const traceparent = telemetry.traceparent();
    return {
      version: 1,
      ...(traceparent === undefined ? {} : { traceparent }),
      run: {
        id: runId,
        exportId: segmentExport.id,
        number,
        state: 'queued',
        phase: 'prepare',
        dryRun: request.dryRun,
        full: request.full,
        trigger: { ...request.trigger },
        ...(request.retryOf ? { retryOf: request.retryOf } : {}),
        ...(request.approves ? { approves: request.approves } : {}),
        counts: noCounts(),
        invalidByReason: {},
        rejectedByReason: {},
        segments: [],
        phases: {},
        warnings: [],
        jobs: { total: 0, submitted: 0, ended: 0 },
        throttled: 0,
        submittedAt,
      },
      config: {
        exportName: segmentExport.name,
        connectionId: connection.id,
        accountId: connection.accountId,
        listId: segmentExport.listId,
        segments: segmentExport.segments,
        mapping: segmentExport.mapping,
        membership: segmentExport.membership,
        canaryRows: segmentExport.canaryRows,
        ...limitsFor(segmentExport, limits, { maxProfiles }),
      },
      turn: 0,
      starts: 0,
      attempt: 0,
      stateGeneration: 0,
      sendPlain: false,
      forgetsOld: false,
      verifyAll: request.verifyAll ?? false,
      countUnknown: request.countUnknown ?? false,
      canaryLooks: 0,
      verifyLooks: 0,
      proven: false,
      troubles: 0,
    };
  };

  /** Document → list row → message; each step can be repeated by whoever finds the run half made. */
  const give = async (document: RunDocument, { signal }: { signal: AbortSignal }): Promise<void> => {
    const { run } = document;
    try {
      await store.create(document, { signal });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
    await store.project(run, { signal });
    await queue.send(messageOf(document, 1), { signal });
  };

  const findRun = async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<RunDocument | undefined> =>
    (await store.find(runId, { signal }))?.document;

  const getDocument = async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<RunDocument> => {
    const document = await findRun(runId, { signal });
    if (!document)
      throw new NotFoundError({ code: 'run_unknown', message: `There is no run ${runId}; its history may have been cleared.` });
    return document;
  };

  /** A run that was announced, but will not be: its export is free again. */
  const letGo = (exportId: ExportId, runId: RunId, { signal }: { signal: AbortSignal }) =>
    activities.update(exportId, (current) => (current.activeRunId === runId ? withoutActive(current) : undefined), { signal });

  /** Whether a request asks for nothing that the active run does not do anyway. */
  const isCovered = (request: StartRun, active: Run): boolean =>
    active.dryRun === request.dryRun &&
    (active.full || !request.full) &&
    !request.verifyAll &&
    !request.countUnknown &&
    // a refresh may have come since the active run read its source
    (request.trigger.kind === 'onDemand' || request.trigger.kind === 'request' || active.state === 'queued');

  /** @param requestKey of a request that nothing has answered yet */
  const keepForLater = (
    current: ExportActivity,
    { trigger, full, dryRun, verifyAll, countUnknown }: Pick<StartRun, 'trigger' | 'full' | 'dryRun' | 'verifyAll' | 'countUnknown'>,
    requestKey?: string,
  ): ExportActivity => ({
    ...current,
    pending: {
      at: current.pending?.at ?? now().toISOString(),
      requestKey: current.pending?.requestKey ?? requestKey,
      full: full || (current.pending?.full ?? false),
      // a dry run never absorbs a real one
      dryRun: dryRun && (current.pending?.dryRun ?? true),
      verifyAll: verifyAll || current.pending?.verifyAll || undefined,
      countUnknown: countUnknown || current.pending?.countUnknown || undefined,
      trigger: trigger.kind === 'retry' || trigger.kind === 'approval' ? 'onDemand' : trigger.kind,
      by: trigger.by,
      byId: trigger.byId,
    },
  });

  /**
   * A request that meets a claim: people are told to come back; schedules, events and messages wait on the export until it is free.
   * @returns whether it waits; else the claim has gone meanwhile
   */
  const waitForClaim = async (request: StartRun, { signal }: { signal: AbortSignal }): Promise<boolean> => {
    const { exportId, trigger, requestKey } = request;
    if (trigger.kind !== 'schedule' && trigger.kind !== 'event' && trigger.kind !== 'request') {
      throw new ConflictError({
        code: 'export_claimed',
        message: 'A person is being erased from the data of this export; start the run again in a few minutes.',
      });
    }
    const kept = await activities.update(
      exportId,
      (current) => (isClaimed(current, now()) ? keepForLater(current, request, requestKey) : undefined),
      { signal },
    );
    if (!isClaimed(kept, now())) return false;
    log('run_kept_for_later', { exportId, trigger: trigger.kind });
    const waiting = kept.pending?.requestKey;
    if (requestKey === undefined || waiting === undefined || waiting === requestKey) return true;
    // another request waits already: its run answers this one, too
    const [mine, first] = [
      await occurrences.find({ partition: exportId, row: requestKey }, { signal }),
      await occurrences.find({ partition: exportId, row: waiting }, { signal }),
    ];
    if (mine && first)
      await occurrences.put({ partition: exportId, row: requestKey }, { ...mine.value, answeredBy: first.value.runId }, { signal });
    return true;
  };

  /**
   * Writes into a run's document what becomes of the removals it holds: the word that comes first counts, and the run that carries them out
   * is named, so that only it may say so again. That run begins afterwards; its starter, or the sweep in its place, asks here first.
   * @throws ConflictError nothing_held when somebody else was faster
   */
  const markHeld = async (
    runId: RunId,
    word: { readonly approvedBy: RunId } | 'dismissed',
    { signal }: { signal: AbortSignal },
  ): Promise<Run> => {
    for (let attempt = 1; ; attempt += 1) {
      const found = await store.find(runId, { signal });
      const run = found?.document.run;
      if (word !== 'dismissed' && run?.heldState === 'approved' && found!.document.approvedBy === word.approvedBy) return run;
      if (!run || run.heldState !== 'waiting') throw nothingHeld();
      run.heldState = word === 'dismissed' ? word : 'approved';
      if (word !== 'dismissed') found.document.approvedBy = word.approvedBy;
      try {
        await store.amend(found.document, { etag: found.etag, signal });
        return run;
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  };

  /** Tells the lists that nobody has to say a word about held removals any more. It is so already: what fails here is repaired later. */
  const showSettled = async (run: Run, { signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await store.project(run, { signal });
      await activities.update(
        run.exportId,
        (current) =>
          current.last?.runId === run.id && current.last.held > 0 ? { ...current, last: { ...current.last, held: 0 } } : undefined,
        { signal },
      );
    } catch (error) {
      log('held_state_not_shown', { runId: run.id, ...errorFields(error) });
    }
  };

  /** @param known the export and its connection as the caller has just read them, to see whether it may run */
  const startUntraced = async (request: StartRun, { known, signal }: { known?: KnownExport; signal: AbortSignal }): Promise<StartedRun> => {
    const { exportId, requestKey } = request;
    const segmentExport = known?.segmentExport ?? (await findExport(exportId, { signal }));
    const at = now();
    const submittedAt = at.toISOString();
    let runId = newRunId(at);
    const isFollowUp = request.trigger.kind === 'retry' || request.trigger.kind === 'approval';
    const [draft, first] = await Promise.all([
      documentOf(segmentExport, { runId, number: 0, request, submittedAt }, { known: known?.connection, signal }),
      activities.read(exportId, { signal }),
    ]);
    let seen: SeenActivity | undefined = first;

    if (requestKey !== undefined) {
      // the row comes first: whoever finds it there completes or answers with its run
      const key = { partition: exportId, row: requestKey };
      const earlier = await occurrences.find(key, { signal });
      if (earlier) {
        const known = await findRun(earlier.value.runId, { signal });
        if (known) return { run: known.run, created: false, repeated: true };
        if (earlier.value.answeredBy) {
          const answer = await findRun(earlier.value.answeredBy, { signal });
          if (answer) return { run: answer.run, created: false, repeated: true };
        }
        runId = earlier.value.runId;
      } else {
        try {
          await occurrences.insert(key, { runId, at: submittedAt }, { signal });
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
          return startUntraced(request, { ...(known ? { known } : {}), signal });
        }
      }
    }

    /** Whoever repeats the request gets the same answer. */
    const keepAnswer = async (answeredBy: RunId): Promise<void> => {
      if (requestKey === undefined) return;
      await occurrences.put({ partition: exportId, row: requestKey }, { runId, at: submittedAt, answeredBy }, { signal });
    };

    for (;;) {
      const last: SeenActivity = seen ?? (await activities.read(exportId, { signal }));
      seen = undefined;
      const before = last.value;
      if (isClaimed(before, now())) {
        if (await waitForClaim(request, { signal })) return { run: { ...draft.run, id: runId }, created: false };
        continue;
      }
      // read once: between two reads its starter may have made the document
      const other = before.activeRunId ? await findRun(before.activeRunId, { signal }) : undefined;
      const active = other && !hasEnded(other.run.state) ? other.run : undefined;
      if (active && active.id !== runId) {
        if (isFollowUp) throw runActive(active.id);
        if (!request.kept && !isCovered(request, active)) {
          const { activeRunId } = await activities.update(
            exportId,
            (current) => (current.activeRunId === active.id ? keepForLater(current, request) : undefined),
            { signal },
          );
          // it ended meanwhile, and nobody would look for what is kept
          if (activeRunId !== active.id) continue;
        }
        await keepAnswer(active.id);
        return { run: active, created: false };
      }
      const unborn = before.activeRunId !== undefined && before.starting !== undefined && other === undefined;
      if (unborn && before.activeRunId !== runId && now().getTime() - Date.parse(before.starting!.at) < UNBORN_MS) {
        // somebody is starting a run at this very moment
        if (isFollowUp) throw runActive(before.activeRunId!);
        await keepAnswer(before.activeRunId!);
        return {
          run: (
            await documentOf(
              segmentExport,
              { runId: before.activeRunId!, number: before.lastRunNumber, request: before.starting!, submittedAt: before.starting!.at },
              { signal },
            )
          ).run,
          created: false,
        };
      }
      const taken = await activities.update(
        exportId,
        (current) =>
          current.activeRunId === before.activeRunId && !isClaimed(current, now()) && (!request.kept || current.pending !== undefined)
            ? {
                // its runner died before it could say how it had ended
                ...(other && other.run.id !== runId ? withRecent(withEnded(current, other.run), other.run) : current),
                ...(request.kept ? { pending: undefined } : {}),
                activeRunId: runId,
                activeState: 'queued',
                lastRunNumber: current.activeRunId === runId ? current.lastRunNumber : current.lastRunNumber + 1,
                starting: startedWith(request, submittedAt),
              }
            : undefined,
        { seen: last, signal },
      );
      if (taken.activeRunId !== runId) {
        if (request.kept && taken.pending === undefined) throw new ConflictError({ code: 'nothing_kept', message: 'Somebody was faster.' });
        continue;
      }
      let held: Run | undefined;
      let document: RunDocument = { ...draft, run: { ...draft.run, id: runId, number: taken.lastRunNumber } };
      try {
        // whoever removes, detaches or changes an export does so before this look, or after its run has begun
        const asItIs = await findExport(exportId, { signal });
        requireStartable(asItIs);
        if (!isDeepStrictEqual(asItIs, segmentExport)) {
          const born = { runId, number: taken.lastRunNumber, request, submittedAt };
          document = await documentOf(asItIs, born, { known: known?.connection, signal });
        }
        if (request.approves) held = await markHeld(request.approves.runId, { approvedBy: runId }, { signal });
      } catch (error) {
        if (isDomainError(error) && !(error instanceof UpstreamError)) await letGo(exportId, runId, { signal });
        throw error;
      }
      await give(document, { signal });
      if (held) await showSettled(held, { signal });
      log('run_submitted', { runId, exportId, trigger: request.trigger.kind, dryRun: request.dryRun, full: request.full });
      return { run: document.run, created: true };
    }
  };

  /**
   * The run's trace begins here, and its slices are beside one another in it. What was kept is started by whoever ends the run before it:
   * a trace of its own, linked to that one, as both would otherwise grow with every run that follows.
   */
  const start = (request: StartRun, options: { known?: KnownExport; signal: AbortSignal }): Promise<StartedRun> =>
    telemetry.span(
      'start run',
      {
        kind: 'producer',
        ...(request.kept ? { parent: 'new' } : {}),
        attributes: { 'export.id': request.exportId, 'run.trigger': request.trigger.kind },
        fields: { exportId: request.exportId },
      },
      async (span) => {
        const started = await startUntraced(request, options);
        span.set({ 'run.id': started.run.id });
        return started;
      },
    );

  /** Starts what was kept on an export until nothing stands in its way. What can pass is tried again by the sweep. */
  const startKept = async (exportId: ExportId, activity: ExportActivity, { signal }: { signal: AbortSignal }): Promise<void> => {
    const { pending } = activity;
    if (!pending || isClaimed(activity, now())) return;
    const { trigger: kind, by, byId, requestKey, ...options } = pending;
    try {
      const request = { exportId, trigger: { kind, by, byId }, ...options, ...(requestKey ? { requestKey } : {}), kept: true };
      if ((await start(request, { signal })).created || requestKey === undefined) return;
      // its run was made before: it waits no longer
      await activities.update(
        exportId,
        (current) =>
          current.activeRunId === undefined && current.pending?.requestKey === requestKey ? { ...current, pending: undefined } : undefined,
        { signal },
      );
    } catch (error) {
      signal.throwIfAborted();
      const { code } = error as { code?: string };
      if (code === 'nothing_kept') return;
      log('pending_run_not_started', { exportId, ...errorFields(error) });
      // detached or paused meanwhile: what waited is not made up for
      if (code === 'export_detached' || code === 'export_paused' || code === 'export_unknown')
        await activities.update(exportId, (current) => (current.pending ? { ...current, pending: undefined } : undefined), { signal });
    }
  };

  /** Clears the active run of an export and starts what waited for its end. */
  const release = async ({ run }: RunDocument, { signal }: { signal: AbortSignal }): Promise<void> => {
    // while the export still points to it: the sweep looks at no other run, and its row would say "refreshing" for ever
    await store.project(run, { signal });
    const activity = await activities.update(
      run.exportId,
      (current) => (current.activeRunId === run.id ? withoutActive(withRecent(withEnded(current, run), run)) : undefined),
      { signal },
    );
    if (activity.activeRunId === undefined) await startKept(run.exportId, activity, { signal });
  };

  /** The run, when its held removals or rejected rows may be acted on: the export's last finished real run. */
  const lastRealRun = async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<RunDocument> => {
    const document = await getDocument(runId, { signal });
    const { run } = document;
    const activity = await activities.get(run.exportId, { signal });
    if (!hasEnded(run.state) || run.dryRun || activity.lastRunId !== runId) {
      throw new ConflictError({
        code: 'not_last_run',
        message: 'Only the last finished run of an export can be followed up; open that one.',
      });
    }
    return document;
  };

  const heldRun = async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<RunDocument> => {
    const document = await lastRealRun(runId, { signal });
    if (document.run.counts.held === 0 || document.run.heldState !== 'waiting') throw nothingHeld();
    return document;
  };

  const requestStop = async (
    runId: RunId,
    request: Omit<StopRequest, 'at'>,
    { permit, signal }: { permit?: (run: Run) => Promise<unknown>; signal: AbortSignal },
  ): Promise<RunDocument> => {
    const document = await getDocument(runId, { signal });
    await permit?.(document.run);
    if (hasEnded(document.run.state)) return document;
    await store.requestStop(runId, { ...request, at: now().toISOString() }, { signal });
    await queue.send(messageOf(document, document.turn + 1), { signal });
    return document;
  };

  /** Whoever detached the export of a run died, or failed, before the run could be told. */
  const stopDetached = async (document: RunDocument, { signal }: { signal: AbortSignal }): Promise<void> => {
    const { id, exportId } = document.run;
    if (await store.findStop(id, { signal })) return;
    // as it is now: a run of a new connection must not be stopped for the old one
    const stored = await exportStore.find(exportId, { signal });
    if (!stored || stored.value.connectionId !== undefined) return;
    const { updatedByName: by = stored.value.updatedBy } = stored.value;
    await store.requestStop(id, { reason: 'detached', by, at: now().toISOString() }, { signal });
    await queue.send(messageOf(document, document.turn + 1), { signal });
    log('run_of_detached_stopped', { exportId, runId: id });
  };

  /** Looks at one export's active run: ended or unborn ones are cleared or completed, those that stand still are woken. */
  const sweepOne = async (
    exportId: ExportId,
    activity: ExportActivity,
    { isDetached, signal }: { isDetached: (exportId: ExportId) => Promise<boolean>; signal: AbortSignal },
  ): Promise<void> => {
    const { activeRunId, starting } = activity;
    // whoever ended the last run died before the next one
    if (!activeRunId) return startKept(exportId, activity, { signal });
    let found: FoundRun | undefined;
    try {
      found = await store.find(activeRunId, { signal });
    } catch (error) {
      if ((error as { code?: string }).code !== 'run_unreadable') throw error;
      if (activity.unreadableRun !== activeRunId) {
        await activities.update(
          exportId,
          (current) => (current.activeRunId === activeRunId ? { ...current, unreadableRun: activeRunId } : undefined),
          { signal },
        );
      }
      log('run_unreadable', { exportId, runId: activeRunId });
      return;
    }
    if (activity.unreadableRun !== undefined)
      await activities.update(exportId, (current) => ({ ...current, unreadableRun: undefined }), { signal });
    if (!found) {
      if (starting && now().getTime() - Date.parse(starting.at) < UNBORN_MS) return;
      const segmentExport = await exportStore.find(exportId, { signal });
      // nobody left word how it was to begin, or the export has gone, lost its connection or been paused meanwhile
      if (!segmentExport?.value.connectionId || segmentExport.value.paused || !starting) {
        await letGo(exportId, activeRunId, { signal });
        return;
      }
      const born = { runId: activeRunId, number: activity.lastRunNumber, request: starting, submittedAt: starting.at };
      const document = await documentOf(segmentExport.value, born, { signal });
      let held: Run | undefined;
      try {
        if (starting.approves) held = await markHeld(starting.approves.runId, { approvedBy: activeRunId }, { signal });
      } catch (error) {
        if ((error as { code?: string }).code !== 'nothing_held') throw error;
        // they were dismissed, or are no longer there
        await letGo(exportId, activeRunId, { signal });
        return;
      }
      await give(document, { signal });
      if (held) await showSettled(held, { signal });
      log('run_completed_by_sweep', { exportId, runId: activeRunId });
      return;
    }
    const { document, leased, modifiedAt } = found;
    if (hasEnded(document.run.state)) {
      if (leased) return; // its runner is about to let go itself
      await staging.removeAll(activeRunId, { signal });
      await release(document, { signal });
      return;
    }
    if (await isDetached(exportId)) await stopDetached(document, { signal });
    // whoever holds it tells how far it is
    if (leased) return;
    // a word that was under way when its runner died
    const shownAs = document.shownAs ?? 'queued';
    if (activity.activeState !== shownAs) await activities.show(exportId, { runId: activeRunId, as: shownAs, signal });
    const restedSince = Math.max(Date.parse(document.wakeAt ?? modifiedAt), Date.parse(modifiedAt));
    if (now().getTime() - restedSince <= STANDSTILL_MS) return;
    await queue.send(messageOf(document, document.turn + 1), { signal });
    log('run_woken', { exportId, runId: activeRunId, turn: document.turn + 1 });
  };

  /** Whether a run once had a report that was cleared by age: there were such rows, and nothing names them any more. */
  const reportIsGone = async (
    { id, counts, endedAt, heldState }: Run,
    stage: RowStage,
    { signal }: { signal: AbortSignal },
  ): Promise<boolean> => {
    const had = stage === 'held' ? heldState !== undefined : counts[stage] > 0;
    const old = endedAt !== undefined && now().getTime() - Date.parse(endedAt) > LEAST_REPORT_MS;
    return had && old && !(await reports.has(id, stage, { signal }));
  };
  const reportGone = () =>
    new NotFoundError({
      code: 'report_gone',
      message: 'The rows of this run are no longer kept; run the export again to see them (/settings/limits says how long they stay).',
    });

  return {
    /**
     * Starts a run, or answers with the one that is active or that this key started before.
     * @throws NotFoundError export_unknown; ConflictError export_detached, run_active
     */
    start,
    release,

    /** @throws NotFoundError run_unknown */
    get: async (runId: RunId, options: { signal: AbortSignal }): Promise<Run> => {
      const { run } = await getDocument(runId, options);
      await runRows.check(run, options);
      return run;
    },

    /** Which export a run belongs to. @throws NotFoundError run_unknown */
    exportIdOf: async (runId: RunId, options: { signal: AbortSignal }): Promise<ExportId> =>
      (await getDocument(runId, options)).run.exportId,

    /** The import jobs of a run, as far as there are any yet. @throws NotFoundError run_unknown */
    jobs: async (runId: RunId, options: { signal: AbortSignal }): Promise<RunJobs> => jobsOf(await getDocument(runId, options)),

    /** A page of runs, newest first. @throws InvalidInputError token_invalid, time_reversed */
    list: history.page,

    /**
     * Asks a run to stop; it does so before its next batch. What Klaviyo has accepted by then cannot be recalled.
     * @param permit is asked before anything is done, and throws when whoever wants this may not
     * @throws NotFoundError run_unknown; ConflictError run_ended
     */
    cancel: async (
      runId: RunId,
      { by, permit, signal }: { by: string; permit?: (run: Run) => Promise<unknown>; signal: AbortSignal },
    ): Promise<Run> => {
      const { run } = await requestStop(runId, { reason: 'canceled', by }, { ...(permit ? { permit } : {}), signal });
      if (hasEnded(run.state))
        throw new ConflictError({ code: 'run_ended', message: 'The run has ended already; there is nothing to cancel.' });
      return run;
    },

    /**
     * Carries out held removals, at most `upTo` of them: a new run that sends nothing.
     * @throws ConflictError nothing_held, not_last_run, changed_since, run_active; LimitError above_held
     */
    approveRemovals: async (
      runId: RunId,
      { upTo, by, byId, signal }: { upTo: number; by: string; byId?: string; signal: AbortSignal },
    ): Promise<Run> => {
      const { run, config, staged } = await heldRun(runId, { signal });
      if (upTo > run.counts.held) {
        throw new LimitError({
          code: 'above_held',
          message: `The run holds ${run.counts.held} removals; approve at most that many.`,
          pointer: '/upTo',
        });
      }
      const segmentExport = await findExport(run.exportId, { signal });
      const request = { trigger: { kind: 'approval', by, byId }, full: false, dryRun: false, approves: { runId, upTo } } as const;
      const draft = await documentOf(segmentExport, { runId, number: 0, request, submittedAt: now().toISOString() }, { signal });
      const snapshot = await source.snapshot(config.segments, { signal });
      if (staged?.servedDigest !== servedDigestOf(snapshot.id, draft.config)) {
        throw new ConflictError({
          code: 'changed_since',
          message:
            'The segments, the list or the settings have changed since these removals were held; run the export and look at the new number.',
        });
      }
      return (await start({ exportId: run.exportId, ...request }, { known: { segmentExport }, signal })).run;
    },

    /** Leaves the held people on the list; the next run finds them again. @throws ConflictError nothing_held, not_last_run */
    dismissRemovals: async (runId: RunId, { signal }: { signal: AbortSignal }): Promise<Run> => {
      await heldRun(runId, { signal });
      const run = await markHeld(runId, 'dismissed', { signal });
      await showSettled(run, { signal });
      return run;
    },

    /**
     * Sends the rows that Klaviyo refused again, read anew from the source.
     * @throws ConflictError not_last_run, nothing_rejected, run_active; NotFoundError report_gone
     */
    retryRejected: async (
      runId: RunId,
      { by, byId, requestKey, signal }: { by: string; byId?: string; requestKey?: string; signal: AbortSignal },
    ): Promise<Run> => {
      const { run } = await lastRealRun(runId, { signal });
      if (run.counts.rejected === 0) {
        throw new ConflictError({
          code: 'nothing_rejected',
          message: 'Klaviyo refused no row of this run; there is nothing to send again.',
        });
      }
      if (await reportIsGone(run, 'rejected', { signal })) throw reportGone();
      const request: StartRun = {
        exportId: run.exportId,
        trigger: { kind: 'retry', by, byId },
        full: false,
        dryRun: false,
        retryOf: runId,
        ...(requestKey === undefined ? {} : { requestKey }),
      };
      return (await start(request, { signal })).run;
    },

    /** Some of the rows that did not get there; see row-report.ts. @throws NotFoundError run_unknown, report_gone */
    lookAtRows: async (
      runId: RunId,
      {
        stage,
        signal,
        ...wanted
      }: { stage: RowStage; email?: string | undefined; code?: string | undefined; size: number; signal: AbortSignal },
    ): Promise<{ rows: ReportedRow[]; more: boolean }> => {
      const { run } = await getDocument(runId, { signal });
      if (await reportIsGone(run, stage, { signal })) throw reportGone();
      return reports.look(runId, stage, { ...wanted, signal });
    },

    /** The rows that did not get there, as CSV. @throws NotFoundError run_unknown, report_gone */
    rows: async function* (runId: RunId, stage: RowStage, { signal }: { signal: AbortSignal }): AsyncGenerator<string> {
      const { run } = await getDocument(runId, { signal });
      if (await reportIsGone(run, stage, { signal })) throw reportGone();
      yield* reports.readCsv(runId, stage, { signal });
    },

    /**
     * Claims an export, so that no run of it begins; renews a claim of the same holder.
     * @returns the export's row, or undefined while somebody else claims it
     */
    claim: async (
      exportId: ExportId,
      { by, forMs, signal }: { by: string; forMs: number; signal: AbortSignal },
    ): Promise<ExportActivity | undefined> => {
      const until = new Date(now().getTime() + forMs).toISOString();
      const claimed = await activities.update(
        exportId,
        (current) => {
          // no run, no state; and a row that has been removed must not come back
          if (current.lastRunNumber === 0 || (isClaimed(current, now()) && current.claim?.by !== by)) return undefined;
          return { ...current, claim: { by, until } };
        },
        { signal },
      );
      return claimed.claim?.by === by ? claimed : undefined;
    },

    /** Gives a claimed export back, and starts what waited for that, or was interrupted for it. */
    unclaim: async (
      exportId: ExportId,
      { by, interrupted, signal }: { by: string; interrupted?: Run; signal: AbortSignal },
    ): Promise<void> => {
      // a retry or an approval belongs to a state that is no longer: whoever asked for it sees that it was stopped
      const again = interrupted && !interrupted.retryOf && !interrupted.approves ? await findRun(interrupted.id, { signal }) : undefined;
      const freed = await activities.update(
        exportId,
        (current) => {
          if (current.claim?.by !== by) return undefined;
          const unclaimed = { ...current, claim: undefined };
          return again
            ? keepForLater(unclaimed, { ...again.run, verifyAll: again.verifyAll, countUnknown: again.countUnknown })
            : unclaimed;
        },
        { signal },
      );
      if (freed.activeRunId === undefined) await startKept(exportId, freed, { signal });
    },

    /**
     * Asks the active run of an export to stop, also one that is about to begin: then the word waits for it. None is no error.
     * @returns what the runner keeps for the export
     */
    stopOf: async (
      exportId: ExportId,
      { reason, by, signal }: { reason: StopRequest['reason']; by: string; signal: AbortSignal },
    ): Promise<ExportActivity> => {
      const activity = await activities.get(exportId, { signal });
      const { activeRunId } = activity;
      if (activeRunId === undefined) return activity;
      const known = await findRun(activeRunId, { signal });
      if (known && hasEnded(known.run.state)) return activity;
      await store.requestStop(activeRunId, { reason, by, at: now().toISOString() }, { signal });
      // one that has no document yet gets its first message from whoever starts it
      if (known) await queue.send(messageOf(known, known.turn + 1), { signal });
      return activity;
    },

    /** Asks a run to stop because a person is being erased; one that has ended is no error. @returns the run as it is now */
    stopToErase: async (runId: RunId, { by, signal }: { by: string; signal: AbortSignal }): Promise<Run> =>
      (await requestStop(runId, { reason: 'erased', by }, { signal })).run,

    /** Wakes runs that stand still and clears what crashes left; called each minute. */
    sweep: async ({ signal }: { signal: AbortSignal }): Promise<void> => {
      const active = new Set<string>();
      // one query for all, and only where something runs
      let known: ReturnType<typeof exportStore.readMirror> | undefined;
      const isDetached = async (exportId: ExportId): Promise<boolean> => {
        const segmentExport = (await (known ??= exportStore.readMirror({ signal }))).get(exportId)?.value;
        return segmentExport !== undefined && segmentExport.connectionId === undefined;
      };
      for await (const { exportId, activity } of activities.readAll({ signal, unreadable: () => undefined })) {
        if (activity.activeRunId !== undefined) active.add(activity.activeRunId);
        try {
          await sweepOne(exportId, activity, { isDetached, signal });
        } catch (error) {
          signal.throwIfAborted();
          log('sweep_failed', { exportId, ...errorFields(error) });
        }
      }
      // rows that say "refreshing" and whose run nobody would look at any more: their runner died between two of its last writes
      for await (const { row, value } of store.readRows(ACTIVE, { signal })) {
        if (active.has(row) || now().getTime() - instantOfRunId(value.id).getTime() < UNCLAIMED_MS) continue;
        try {
          await runRows.truthOf(value, { signal });
        } catch (error) {
          signal.throwIfAborted();
          log('sweep_failed', { runId: row, ...errorFields(error) });
        }
      }
    },
  };
};

export type Runs = ReturnType<typeof createRuns>;
