import { setTimeout as sleep } from 'node:timers/promises';
import type { ActivityRecorder } from '../activity/activity';
import type { Caller } from '../caller';
import type { Connections } from '../connections/connections';
import { NotFoundError } from '../errors';
import type { Export, ExportActivity } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import { RunId } from '../ids';
import { newEraseId } from '../new-ids';
import type { EraseId, ExportId } from '../ids';
import type { Blobs } from '../platform/blobs';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { ExportActivities } from '../runs/export-activity';
import type { HashKey } from '../runs/member-key';
import type { MemberTable, StateHeader } from '../runs/member-state';
import type { RowReports } from '../runs/row-report';
import { holdsSource } from '../runs/prepare/spool';
import { hasEnded } from '../runs/run';
import type { RunDocument } from '../runs/run';
import type { RunStore } from '../runs/run-store';
import type { Runs } from '../runs/runs';
import type { Staging } from '../runs/staging';
import type { StateStore } from '../runs/state-store';
import type { SegmentSource } from '../segments/segment-source';
import { loadMemberKey, personHash, toAddress } from './address';
import type { Address } from './address';
import { Erasure, ErasureCounts, viewOf } from './erasure';
import type { EraseRequest, ErasureView } from './erasure';
import type { ErasureStore } from './erasure-store';
import { eraseFromList } from './erase-lists';
import { eraseFromReports } from './erase-reports';
import { eraseFromState } from './erase-state';
import { fedLists, keyOfList } from './fed-lists';
import { findInSegment } from './find-in-source';

/** A claim outlasts some ticks: each renews it. Its holder dead, runs wait no longer than this. */
const CLAIM_MS = 5 * 60_000;
/** A tick begins nothing new after this: due runs must not wait for it. */
const WORK_MS = 20_000;
/** Runs notice within seconds that they are to stop. */
const LOOK_AGAIN_MS = 1_000;
/** A run that is still reading the source after this is stopped. */
const PREPARE_PATIENCE_MS = 60_000;
/** A list that cannot be reached for so long is given up, with the reason. */
const GIVE_UP_LIST_MS = 86_400_000;

type Options = { signal: AbortSignal };

/** The hold of a tick on one erasure. */
interface Work {
  readonly address: Address;
  readonly key: HashKey;
  /** as it is now; changed by each step, made durable by `save` */
  readonly erasure: Erasure;
  readonly save: () => Promise<void>;
  readonly timeIsUp: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * Takes people out of what this app keeps: a request lies in a container of our own until the minute timer has worked it off, step by
 * step. Every step can be repeated, so a tick that dies is followed by the next one.
 */
export const createErasures = ({
  store,
  source,
  exportStore,
  connections,
  activities,
  states,
  reports,
  staging,
  stagedBlobs,
  runStore,
  runs,
  figures,
  hashKey,
  activity: activityLog,
  now,
  monotonicMs,
  log,
}: {
  store: ErasureStore;
  source: SegmentSource;
  exportStore: Pick<ExportStore, 'find' | 'readAll'>;
  connections: Pick<Connections, 'clientOf' | 'readAll'>;
  activities: ExportActivities;
  states: StateStore;
  reports: RowReports;
  staging: Staging;
  stagedBlobs: Pick<Blobs, 'list'>;
  runStore: Pick<RunStore, 'find'>;
  runs: Pick<Runs, 'claim' | 'unclaim' | 'stopToErase'>;
  /** what was counted of segments: keyed hashes of all their people */
  figures: { forgetAll(options: Options): Promise<void> };
  hashKey: (options: Options) => Promise<HashKey>;
  activity: ActivityRecorder;
  now: () => Date;
  monotonicMs: () => number;
  log: Log;
}) => {
  /** Whether a run that has read the source prepared the person, or began with a state that holds them: that one stays for a while. */
  const carries = async (document: RunDocument, { address, key, signal }: Work): Promise<boolean> => {
    const { run, staged, stateGeneration } = document;
    if (!staged || holdsSource(document)) return true;
    if (address.refusedAs !== undefined) return false;
    const holds = ({ header, table }: { header: StateHeader; table: MemberTable }): boolean => {
      loadMemberKey(address, key);
      return header.hashKeyId !== key.id || table.find() >= 0;
    };
    try {
      if (holds(await staging.readMembers(run.id, staged.attempt, { signal }))) return true;
      const state = await states.load(run.exportId, stateGeneration, { signal });
      return state.kind === 'unreadable' || (state.kind === 'loaded' && holds(state));
    } catch {
      signal.throwIfAborted();
      return true;
    }
  };

  /** Which lists the person may be on, and which jobs of ours may still put them there. */
  const noteLists = async (exportId: ExportId, activity: ExportActivity, { erasure, signal }: Work): Promise<void> => {
    if (!erasure.removeFromLists) return;
    const stored = await exportStore.find(exportId, { signal });
    const fed = fedLists(stored?.value ?? { listId: '' as Export['listId'] }, activity, await connections.readAll({ signal }));
    const state = await states.load(exportId, activity.stateGeneration, { signal });
    const unanswered = state.kind === 'loaded' ? state.header.doubtSince : undefined;
    const jobIds = state.kind === 'loaded' ? state.header.openJobs.map(({ jobId }) => jobId) : [];
    for (const list of fed) {
      const known = erasure.lists.find((one) => keyOfList(one) === keyOfList(list));
      const doubtSince = [known?.doubtSince, unanswered].filter((at) => at !== undefined).sort()[0];
      const noted = { ...list, state: 'waiting' as const, jobIds: [...new Set([...(known?.jobIds ?? []), ...jobIds])], doubtSince };
      erasure.lists = [...erasure.lists.filter((one) => one !== known), noted];
    }
  };

  /** The export may run again; a run that was stopped for us begins anew. */
  const giveBack = async (exportId: ExportId, { erasure, signal }: Work): Promise<void> => {
    const stopped = erasure.stopped.findLast((one) => one.exportId === exportId);
    const run = stopped ? (await runStore.find(stopped.id, { signal }))?.document.run : undefined;
    await runs.unclaim(exportId, { by: erasure.id, ...(run?.state === 'canceled' ? { interrupted: run } : {}), signal });
  };

  /** @returns whether an active run is done with: it goes on, as it does not carry the person. Else it has to end first */
  const mayGoOn = async (document: RunDocument, exportId: ExportId, work: Work): Promise<boolean> => {
    const { erasure, signal } = work;
    const { run, staged } = document;
    if (hasEnded(run.state)) return false;
    const stopped = erasure.stopped.some(({ id }) => id === run.id);
    if (!stopped) {
      // as a rule it has read the source within seconds, and then it can be told whether it carries the person
      const began = Date.parse(run.startedAt ?? run.submittedAt);
      if (!staged && now().getTime() - began < PREPARE_PATIENCE_MS) return false;
      if (!(await carries(document, work))) return true;
    }
    // nothing may begin between its end and our next look
    if (!(await runs.claim(exportId, { by: erasure.id, forMs: CLAIM_MS, signal })) || stopped) return false;
    await runs.stopToErase(run.id, { by: erasure.byName, signal });
    erasure.stopped = [...erasure.stopped, { id: run.id, exportId }];
    erasure.counts.runsStopped += 1;
    await work.save();
    return false;
  };

  /** @returns the run that is waited for, '' while somebody else claims the export, or undefined: it is done */
  const eraseFromExport = async (exportId: ExportId, work: Work): Promise<RunId | '' | undefined> => {
    const { erasure, address, key, signal } = work;
    const by = erasure.id;
    const { activeRunId } = await activities.get(exportId, { signal });
    if (activeRunId) {
      const document = (await runStore.find(activeRunId, { signal }))?.document;
      // one that was announced only is given its document by the sweep, or forgotten
      if (!document || !(await mayGoOn(document, exportId, work))) return activeRunId;
    }
    const activity = activeRunId ? await activities.get(exportId, { signal }) : await runs.claim(exportId, { by, forMs: CLAIM_MS, signal });
    if (!activity) return '';
    if (activity.activeRunId !== activeRunId) return activity.activeRunId ?? '';
    await noteLists(exportId, activity, work);
    await work.save();
    // a run goes on that does not carry the person
    if (activeRunId) await states.removeOlder(exportId, activity.stateGeneration, { signal });
    else {
      const result = await eraseFromState(exportId, activity, address, { by, states, activities, key, signal });
      if (result === 'erased') erasure.counts.states += 1;
      if (result === 'removed') erasure.counts.statesRemoved += 1;
    }
    erasure.doneExports = [...erasure.doneExports, exportId];
    await work.save();
    await giveBack(exportId, work);
    return undefined;
  };

  const eraseFromExports = async (work: Work): Promise<boolean> => {
    const { erasure, signal } = work;
    for (;;) {
      const waitingFor: Erasure['waitingFor'] = [];
      for await (const { exportId, activity } of activities.readAll({ signal })) {
        if (activity.lastRunNumber === 0) continue;
        if (erasure.doneExports.includes(exportId)) {
          // a tick that died before it gave the export back
          if (activity.claim?.by === erasure.id) await giveBack(exportId, work);
          continue;
        }
        if (work.timeIsUp()) waitingFor.push({ exportId });
        else {
          const runId = await eraseFromExport(exportId, work).catch((error: unknown): '' => {
            signal.throwIfAborted();
            // one export must not keep the person in all others
            log('erasure_postponed', { eraseId: erasure.id, exportId, ...errorFields(error) });
            return '';
          });
          if (runId !== undefined) waitingFor.push({ exportId, ...(runId ? { runId } : {}) });
        }
      }
      erasure.waitingFor = waitingFor;
      await work.save();
      if (waitingFor.length === 0) return true;
      if (work.timeIsUp()) return false;
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    }
  };

  const eraseFromAllReports = async (work: Work): Promise<boolean> => {
    const { erasure, address, signal } = work;
    if (erasure.reportsDone) return true;
    const onDone = async (name: string, rows: number): Promise<boolean> => {
      erasure.reportsAfter = name;
      if (rows > 0) {
        erasure.counts.reports += 1;
        erasure.counts.reportRows += rows;
        await work.save();
      }
      return !work.timeIsUp();
    };
    const all = await eraseFromReports(address, { after: erasure.reportsAfter, onDone, reports, runStore, signal });
    erasure.reportsDone = all;
    await work.save();
    return all;
  };

  /** Staged data goes with its run's end; what a crash left goes now. */
  const eraseFromStaged = async (work: Work): Promise<void> => {
    const { erasure, signal } = work;
    if (erasure.stagedDone) return;
    const looked = new Set<string>();
    for await (const { name } of stagedBlobs.list('', { signal })) {
      const id = RunId.safeParse(name.split('/')[0]);
      if (!id.success || looked.has(id.data)) continue;
      looked.add(id.data);
      const document = (await runStore.find(id.data, { signal }))?.document;
      if (document && !hasEnded(document.run.state)) continue;
      await staging.removeAll(id.data, { signal });
      erasure.counts.stagedRuns += 1;
    }
    erasure.stagedDone = true;
    await work.save();
  };

  const eraseFromLists = async (work: Work): Promise<boolean> => {
    const { erasure, address, signal } = work;
    if (!erasure.lists.some(({ state }) => state === 'waiting')) return true;
    const all = await connections.readAll({ signal });
    const late = now().getTime() - Date.parse(erasure.requestedAt) > GIVE_UP_LIST_MS;
    for (const [index, list] of erasure.lists.entries()) {
      if (list.state !== 'waiting' || work.timeIsUp()) continue;
      const next = await eraseFromList(list, address, { connections, all, states, signal });
      if (next.state === 'removed') erasure.counts.lists += 1;
      erasure.lists[index] = late && next.state === 'waiting' ? { ...next, state: 'failed' } : next;
      await work.save();
    }
    return !erasure.lists.some(({ state }) => state === 'waiting');
  };

  /** Whether the person stands in the source: the next run would bring them back. */
  const lookAtSource = async (work: Work): Promise<boolean> => {
    const { erasure, address, signal } = work;
    const all: Export[] = [];
    for await (const { value } of exportStore.readAll({ signal })) all.push(value);
    for (const segment of new Set(all.flatMap(({ segments }) => segments))) {
      if (erasure.segments.some((one) => one.segment === segment)) continue;
      if (work.timeIsUp()) return false;
      const users = all.filter(({ segments }) => segments.includes(segment));
      const found = [...(await findInSegment(segment, users, { source, address, signal })).values()].map((one) => one.segment);
      const known = found.filter(({ rows }) => rows !== undefined);
      erasure.segments.push({
        segment,
        exportIds: users.map(({ id }) => id),
        ...(known.length > 0 ? { stillInSource: known.some(({ rows }) => rows! > 0) } : { reason: found[0]?.unknown?.message }),
      });
      await work.save();
    }
    return true;
  };

  const carryOut = async (work: Work): Promise<boolean> => {
    work.erasure.state = 'working';
    if (!(await eraseFromExports(work))) return false;
    if (!(await eraseFromAllReports(work))) return false;
    await eraseFromStaged(work);
    if (!(await eraseFromLists(work))) return false;
    if (!(await lookAtSource(work))) return false;
    await figures.forgetAll({ signal: work.signal });
    return true;
  };

  /** One tick's part of one erasure. */
  const goOn = async (name: string, { timeIsUp, signal }: { timeIsUp: () => boolean } & Options): Promise<void> => {
    const taken = await store.tryTake(name, { signal });
    if (!taken) return;
    const { erasure } = taken;
    try {
      const address = toAddress(erasure.email!);
      const key = await hashKey({ signal: taken.signal });
      const work: Work = { address, key, erasure, save: () => taken.save(erasure), timeIsUp, signal: taken.signal };
      if (!(await carryOut(work))) return;
      const at = now().toISOString();
      const { id, by, byName, person, counts } = erasure;
      await activityLog.record({ kind: 'person_erased', at, by, byName, person }, { signal: taken.signal });
      await taken.end({ ...erasure, state: 'done', endedAt: at });
      log('person_erased', { eraseId: id, ...counts });
    } finally {
      await taken.release();
    }
  };

  return {
    /**
     * Writes a request down; the timer does the work.
     * @param record puts it on record first
     * @throws UpstreamError when storage or Key Vault cannot be reached
     */
    request: async (
      { email, removeFromLists }: EraseRequest,
      { caller, record, signal }: { caller: Caller; record: (told: { readonly person: string }) => Promise<void> } & Options,
    ): Promise<ErasureView> => {
      const address = toAddress(email);
      const person = personHash(address, await hashKey({ signal }));
      const at = now().toISOString();
      const erasure: Erasure = Erasure.parse({
        ...{ version: 1, id: newEraseId(), email: address.text, person, removeFromLists, state: 'waiting' },
        ...{ requestedAt: at, by: caller.id, byName: caller.name, counts: ErasureCounts.parse({}) },
        ...{ waitingFor: [], lists: [], segments: [] },
      });
      await record({ person });
      await store.create(erasure, { signal });
      return viewOf(erasure);
    },

    /** How far an erasure is. @throws NotFoundError erasure_unknown */
    get: async (id: EraseId, { signal }: Options): Promise<ErasureView> => {
      const erasure = await store.find(id, { signal });
      if (!erasure) throw new NotFoundError({ code: 'erasure_unknown', message: 'There is no such erasure; ask for it again.' });
      return viewOf(erasure);
    },

    /** Goes on with every erasure, one after the other; begins nothing new after some seconds, as the timer has more to do. */
    tick: async ({ signal }: Options): Promise<void> => {
      const begun = monotonicMs();
      const timeIsUp = () => monotonicMs() - begun > WORK_MS;
      for await (const name of store.readOpen({ signal })) {
        if (timeIsUp()) return;
        try {
          await goOn(name, { timeIsUp, signal });
        } catch (error) {
          signal.throwIfAborted();
          log('erasure_broken', errorFields(error));
        }
      }
    },
  };
};

export type Erasures = ReturnType<typeof createErasures>;
