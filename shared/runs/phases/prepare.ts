import { LimitError } from '../../errors';
import type { ExportActivity } from '../../exports/export';
import { mappedFields } from '../../exports/mapping';
import type { RunId } from '../../ids';
import { endpoints } from '../../klaviyo/endpoints';
import { LOOKUP_SIZE, REMOVE_SIZE } from '../../klaviyo/list-members';
import { leastSeconds } from '../../klaviyo/budget';
import type { SegmentSource, SourceSnapshot } from '../../segments/segment-source';
import { recount } from '../accounting';
import { hashMember, keyText } from '../member-key';
import type { HashKey } from '../member-key';
import { PRESENT, SEEN } from '../member-state';
import type { StateHeader } from '../member-state';
import type { ExportActivities } from '../export-activity';
import { beginWith, checkFollowUp, newHeader, stillOpen } from '../prepare/begin';
import type { Beginning } from '../prepare/begin';
import { mappingDigestOf, servedDigestOf } from '../prepare/digests';
import { AddressesMismatch, stagePeople, stageSample } from '../prepare/stage-people';
import { beginSpool, createSpooledSource, sourceTooSlow, spoolSource } from '../prepare/spool';
import { stageRows } from '../prepare/stage-rows';
import type { StagedRows } from '../prepare/stage-rows';
import type { ReportedRow, RowReports } from '../row-report';
import { noCounts } from '../run';
import type { RunStore } from '../run-store';
import type { Phase, PhaseResult, Slice } from '../slice';
import type { Staging } from '../staging';
import type { LoadedState, StateStore } from '../state-store';

/** A snapshot that is not whole is waited for this long. */
const MAX_WAIT_FOR_SNAPSHOT_MS = 3_600_000;
const LOOK_AGAIN_MS = 60_000;
/** Prepare is not cut by the slice's time, only shortly before the function's own end (design §2). */
const MAX_PREPARE_MS = 540_000;
/** To make the member table as large as it will be; too few and it grows, too many and 6 bytes each lie idle. */
const USUAL_ROW_BYTES = 200;

/** Streams the source once: maps, checks, de-duplicates, compares with the last state, and stages what will be sent. */
export const createPrepare =
  ({
    source,
    staging,
    reports,
    states,
    activities,
    store,
    hashKey,
    useGzip,
    directMs = MAX_PREPARE_MS,
  }: {
    source: SegmentSource;
    staging: Staging;
    reports: RowReports;
    states: StateStore;
    activities: ExportActivities;
    store: Pick<RunStore, 'find'>;
    hashKey: (options: { signal: AbortSignal }) => Promise<HashKey>;
    useGzip: boolean;
    /** a source that takes longer is copied first, see `spoolSource` */
    directMs?: number;
  }): Phase =>
  async (slice) => {
    const { document, signal } = slice;
    const { run, config } = document;

    if (document.spool && document.spool.snapshot === undefined) {
      const spooled = await spoolSource(slice, { source, staging, mostMs: MAX_PREPARE_MS });
      if ('incomplete' in spooled) return waitForSnapshot(slice, spooled.incomplete);
      delete document.waitingSince; // a source that changes later is waited for anew
      return spooled;
    }
    const mayBeSpooled = document.spool === undefined && source.readSlowly !== undefined;
    const reading = document.spool ? createSpooledSource(document, { staging }) : source;
    const late = AbortSignal.timeout(mayBeSpooled ? directMs : MAX_PREPARE_MS);
    let snapshot: SourceSnapshot;
    try {
      snapshot = await reading.snapshot(config.segments, { signal: AbortSignal.any([signal, late]) });
    } catch (error) {
      if (signal.aborted || !late.aborted) throw error;
      if (mayBeSpooled) return beginSpool(slice);
      throw sourceTooSlow();
    }
    if (!snapshot.complete) return waitForSnapshot(slice, snapshot);
    delete document.waitingSince;
    delete document.standsSince;
    run.snapshotId = snapshot.id;
    run.refreshedAt = snapshot.refreshedAt;

    const activity = await activities.get(run.exportId, { signal });
    if (activity.activeRunId !== run.id) {
      // its starter came back after the export had been given to another run, or removed
      return { end: 'skipped', error: { code: 'not_active', message: 'Another run took this one’s place, so it did nothing.' } };
    }
    const refusal = await checkFollowUp(slice, activity, { store });
    if (refusal) return refusal;
    const servedDigest = servedDigestOf(snapshot.id, config);
    // who is in the segments may be the same, and yet what their profiles hold is new
    const stale = snapshot.identifies === 'members' ? undefined : staleness(slice, activity, servedDigest);
    if (stale) return stale;

    // a new folder for each attempt: run.json names the one that counts
    document.attempt += 1;
    delete document.staged;
    document.stateGeneration = activity.stateGeneration;
    run.counts = noCounts();
    run.invalidByReason = {};
    run.segments = [];
    await slice.save();
    staging.forgetMembers();
    await staging.removeBefore(run.id, document.attempt, { signal });

    const key = await hashKey({ signal });
    const loaded = await states.load(run.exportId, activity.stateGeneration, { signal });
    const types = mappedFields(config.mapping).map(
      (field) => snapshot.segments[0]?.fields.find(({ name }) => name === field)?.dataType ?? 'string',
    );
    const header = newHeader(slice, key, mappingDigestOf(config, types));
    const emailsThere = config.membership === 'mirror' && (await states.hasEmails(run.exportId, activity.stateGeneration, { signal }));
    const loadedOrNot: LoadedState = document.forgetsOld
      ? { kind: 'unreadable', reason: 'the addresses beside it are not those of its members' }
      : loaded;
    const expected = Math.min(config.maxProfiles, snapshot.segments.reduce((sum, { bytes }) => sum + bytes, 0) / USUAL_ROW_BYTES);
    const begun = beginWith(slice, loadedOrNot, header, { fullNext: activity.fullNext ?? false, emailsThere, expected });
    header.openJobs = await stillOpen(slice, header.openJobs);
    const only = run.retryOf ? await rejectedKeys(run.retryOf, { reports, key, signal }) : undefined;

    const mostMs = mayBeSpooled ? directMs : MAX_PREPARE_MS;
    let staged: StagedRows;
    try {
      staged = await stageRows({
        slice,
        source: reading,
        snapshot,
        staging,
        reports,
        key,
        header,
        useGzip,
        only,
        mostMs,
        looksAhead: mayBeSpooled,
        ...begun,
      });
    } catch (error) {
      if (error instanceof LimitError && error.code === 'source_too_slow' && mayBeSpooled) return beginSpool(slice);
      throw error;
    }
    const { bodies, ...people } = staged;
    const { table, keepsEmails: fromOld } = begun;
    const nothingNew = isNothingNew(slice, { begun, header, jobs: bodies.batches.length, ...people });
    // the last bodies are being compressed and stored meanwhile
    const [stored, written] = await Promise.allSettled([
      bodies.settled(),
      (async () => {
        await stageSample(slice, { staging, sample: people.sample });
        // the old state stays the newest one
        if (nothingNew) return { leavers: 0, watched: 0 };
        const named = await stagePeople(slice, { staging, states, generation: activity.stateGeneration, fromOld, table, key, ...people });
        await staging.writeMembers(run.id, document.attempt, header, table, { signal });
        return named;
      })(),
    ]);
    if (stored.status === 'rejected') throw stored.reason;
    if (written.status === 'rejected') {
      if (!(written.reason instanceof AddressesMismatch) || document.forgetsOld) throw written.reason;
      document.forgetsOld = true;
      return { waitMs: 0 };
    }
    const { leavers, watched } = written.value;
    const plan = run.plan!;
    plan.leavers = leavers;
    plan.minSeconds += removalSeconds(leavers);
    document.proven = header.proven;
    document.doubtSince = header.doubtSince;
    document.remove = {
      leavers,
      watched,
      members: people.oldMembers - watched,
      lately: header.removals.reduce((sum, { count }) => sum + count, 0),
      held: false,
      attempted: 0,
      done: 0,
      inDelete: 0,
    };
    document.staged = {
      attempt: document.attempt,
      batches: bodies.batches,
      heldBack: run.counts.unsent,
      heldBackBySegment: run.segments.map(({ unsent }) => unsent),
      gzip: useGzip,
      servedDigest,
      nothingNew,
    };
    recount(document);
    await slice.save();
    return { next: 'gate' };
  };

/** Whether the member state would be the same after this run as before: then it is not written again. */
const isNothingNew = (
  { document: { run, config } }: Slice,
  {
    begun: { table, sendAll, old },
    header,
    jobs,
    oldMembers,
    sharingChanged,
  }: { begun: Beginning; header: StateHeader; jobs: number } & Pick<StagedRows, 'oldMembers' | 'sharingChanged'>,
): boolean => {
  if (old === undefined || sendAll || jobs > 0 || sharingChanged || run.retryOf !== undefined || run.approves !== undefined) return false;
  if (old.openJobs.length > 0 || old.doubtSince !== header.doubtSince) return false;
  if (config.membership === 'add') return true;
  for (let record = 0; record < oldMembers; record += 1) if ((table.flags(record) & (SEEN | PRESENT)) === 0) return false;
  return true;
};

/** Least time of the look-ups (two ways at once) and removals of leavers; one runs into the other, so the slower of them. */
const removalSeconds = (leavers: number): number =>
  Math.max(
    leastSeconds(Math.ceil(leavers / LOOKUP_SIZE / 2), endpoints.listProfiles),
    leastSeconds(Math.ceil(leavers / REMOVE_SIZE), endpoints.listMembersRemove),
  );

/** Runs of the clock or of an event bring what is new; a snapshot that was served, or is older than that, is none (customer-insights.md §3.1 rule 4). */
const staleness = ({ document: { run } }: Slice, activity: ExportActivity, servedDigest: string): PhaseResult | undefined => {
  if ((run.trigger.kind !== 'schedule' && run.trigger.kind !== 'event') || run.full) return undefined;
  const skipped = (code: string, message: string): PhaseResult => ({ end: 'skipped', error: { code, message } });
  if (activity.servedDigest === servedDigest)
    return skipped('snapshot_served', 'The segments have not been refreshed since the last run, so there was nothing to bring.');
  const { servedRefreshedAt } = activity;
  if (servedRefreshedAt !== undefined && run.refreshedAt !== undefined && Date.parse(run.refreshedAt) < Date.parse(servedRefreshedAt)) {
    return skipped(
      'snapshot_older',
      `The segments are from ${run.refreshedAt}, older than those of the last run (${servedRefreshedAt}), so they were not brought; run the export by hand if that is right.`,
    );
  }
  return undefined;
};

const waitForSnapshot = async (slice: Slice, snapshot: SourceSnapshot) => {
  const { document } = slice;
  document.waitingSince ??= slice.now().toISOString();
  const reason = snapshot.reason ?? 'The segments are being written.';
  if (slice.now().getTime() - Date.parse(document.waitingSince) > MAX_WAIT_FOR_SNAPSHOT_MS) {
    return {
      end: 'skipped',
      error: { code: 'snapshot_incomplete', message: `The segments were not complete within an hour: ${reason}` },
    } as const;
  }
  slice.warn('waiting_for_source', `Waiting until the segments are complete: ${reason}`);
  await slice.save();
  return { waitMs: LOOK_AGAIN_MS, stands: true } as const;
};

/** Keys of the rows that Klaviyo refused in a run. */
const rejectedKeys = async (
  runId: RunId,
  { reports, key, signal }: { reports: RowReports; key: HashKey; signal: AbortSignal },
): Promise<Map<string, ReportedRow>> => {
  const keys = new Map<string, ReportedRow>();
  for await (const row of reports.readAllRejected(runId, { signal })) {
    if (row.email === '') continue;
    const bytes = Buffer.from(row.email.trim().toLowerCase());
    hashMember(bytes, 0, bytes.length, key);
    keys.set(keyText(), row);
  }
  return keys;
};
