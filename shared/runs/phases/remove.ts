import type { ConnectionStore } from '../../connections/connection-store';
import { ConflictError, UpstreamError } from '../../errors';
import type { ExportStore } from '../../exports/export-store';
import type { KlaviyoClient } from '../../klaviyo/client';
import { readJobs } from '../../klaviyo/import-jobs';
import { LOOKUP_SIZE, REMOVE_SIZE, lookUp, lookUpByRelationship, removeMembers } from '../../klaviyo/list-members';
import type { BlobLease } from '../../platform/blobs';
import { readEmails } from '../email-log';
import type { ExportActivities } from '../export-activity';
import { HoldersUndecided, HoldersUnknown, findHeldByOthers, keyBytes, recordsOf } from '../holders';
import type { MemberTable, StateHeader } from '../member-state';
import type { Phase, PhaseResult, Slice } from '../slice';
import type { RunStore } from '../run-store';
import type { Staging } from '../staging';
import type { StateStore } from '../state-store';

const LOOK_AGAIN_MS = 10_000;
/** Other exports finish with a list within minutes; whoever waits longer lets the removals be. */
const MAX_WAIT_MS = 30 * 60_000;
/** Look-ups under way at a time per endpoint. */
const LOOKUPS_AT_ONCE = 4;
const MAX_LISTED_JOBS = 1_000;
const CLOCK_SKEW_MS = 10 * 60_000;

interface Leaver {
  readonly record: number;
  readonly email: string;
}

/**
 * Mirror exports: takes the people off the list that have left the segments. Only people this export has sent, only under the list's
 * lock, only ids whose address was asked for, never those that another export holds, and only while no job may exist that could put
 * them back unseen. Any doubt = remove none; they stay leavers of the next run.
 */
export const createRemove =
  (parts: {
    staging: Staging;
    states: StateStore;
    activities: ExportActivities;
    exportStore: Pick<ExportStore, 'find' | 'readAll'>;
    connectionStore: Pick<ConnectionStore, 'find'>;
    store: Pick<RunStore, 'find'>;
  }): Phase =>
  async (slice): Promise<PhaseResult> => {
    const { document, signal } = slice;
    const { config, remove, run } = document;
    if (config.membership !== 'mirror' || !remove) return { next: 'verify' };
    const limit = remove.watched + (remove.held ? 0 : Math.min(remove.leavers, run.approves?.upTo ?? Infinity));
    if (remove.done >= limit) return { next: 'verify' };
    const client = await slice.klaviyo();

    if (document.staged?.batches.some(({ postedAt, outcome }) => postedAt !== undefined && (outcome === undefined || outcome === 'open')))
      return giveUp(slice, 'Klaviyo has not ended all jobs of this run');
    const doubt = await doubtAbout(slice, client);
    if (doubt === 'wait') return waitOrGiveUp(slice, 'another system or a lost answer may still be adding people to the list');
    const lock = await parts.states.tryLock(config.accountId, config.listId, { signal });
    if (!lock) return waitOrGiveUp(slice, 'another export was removing people from the list all the time');
    delete document.standsSince;
    try {
      return await removeLeavers(slice, { ...parts, client, lock, limit });
    } catch (error) {
      if (error instanceof HoldersUnknown) {
        return giveUp(slice, 'what another export to the same list has sent cannot be read');
      }
      if (error instanceof HoldersUndecided)
        return waitOrGiveUp(slice, 'another export was bringing some of them to the list all the time');
      if (error instanceof LockLost) return waitOrGiveUp(slice, 'another export took over the list while people were removed from it');
      if (error instanceof UpstreamError && error.code === 'filter_ignored') return giveUp(slice, error.message);
      throw error;
    } finally {
      await lock.release({ signal }).catch(() => undefined);
    }
  };

/** Somebody else may be looking at the list's plans by now: nothing may be removed by what we have seen. */
class LockLost extends Error {}

const giveUp = (slice: Slice, why: string): PhaseResult => {
  const { remove, run } = slice.document;
  const left = remove!.leavers - Math.max(0, remove!.done - remove!.watched);
  run.counts.held = left;
  slice.warn('removals_postponed', `${left.toLocaleString('en')} people who left were not removed, as ${why}; the next run looks again.`);
  return { next: 'verify' };
};

const waitOrGiveUp = (slice: Slice, why: string): PhaseResult => {
  const { remove } = slice.document;
  remove!.waitingSince ??= slice.now().toISOString();
  if (slice.now().getTime() - Date.parse(remove!.waitingSince) > MAX_WAIT_MS) return giveUp(slice, why);
  return { waitMs: LOOK_AGAIN_MS, stands: true };
};

/**
 * Whether a job that we do not know may put somebody back after the removal: our own that are still open, or, since our oldest post
 * without an answer, any unfinished one of the account (failures.md row 7).
 */
const doubtAbout = async ({ document, signal }: Slice, client: KlaviyoClient): Promise<'none' | 'wait'> => {
  const ours = new Set(document.staged?.batches.flatMap(({ jobs }) => jobs.map(({ id }) => id)));
  const [oldest] = [document.unansweredSince, document.doubtSince].filter((at) => at !== undefined).sort();
  if (oldest === undefined) return 'none';
  const since = Date.parse(oldest) - CLOCK_SKEW_MS;
  let listed = 0;
  for await (const job of readJobs(client, { signal })) {
    if (Date.parse(job.createdAt) < since) break;
    if ((listed += 1) > MAX_LISTED_JOBS) return 'wait';
    if (!ours.has(job.id) && job.status !== 'complete' && job.status !== 'cancelled') return 'wait';
  }
  return 'none';
};

const readLeavers = async ({ document, signal }: Slice, staging: Staging, limit: number): Promise<Leaver[]> => {
  const leavers: Leaver[] = [];
  for await (const line of readEmails(await staging.open(document.run.id, document.staged!.attempt, 'leavers', { signal }))) {
    if (leavers.length === limit) break;
    const tab = line.indexOf('\t');
    leavers.push({ record: Number(line.slice(0, tab)), email: line.slice(tab + 1) });
  }
  return leavers;
};

const removeLeavers = async (
  slice: Slice,
  {
    staging,
    states,
    client,
    lock,
    limit,
    ...others
  }: {
    staging: Staging;
    states: StateStore;
    activities: ExportActivities;
    exportStore: Pick<ExportStore, 'find' | 'readAll'>;
    connectionStore: Pick<ConnectionStore, 'find'>;
    store: Pick<RunStore, 'find'>;
    client: KlaviyoClient;
    lock: BlobLease;
    limit: number;
  },
): Promise<PhaseResult> => {
  const { document, signal } = slice;
  const { run, config, staged } = document;
  const remove = document.remove!;
  const leavers = await readLeavers(slice, staging, limit);
  const { header, table } = await staging.readMembers(run.id, staged!.attempt, { signal });
  const heldByOthers = await releaseHeld(slice, { ...others, staging, states, header, table, leavers });
  delete remove.waitingSince;

  const renew = async (): Promise<void> => {
    try {
      await lock.renew({ signal });
    } catch (error) {
      throw error instanceof ConflictError ? new LockLost() : error;
    }
  };
  while (remove.done < leavers.length) {
    if (slice.stopRequested()) return { waitMs: 0 };
    if (slice.timeIsUp()) return { waitMs: 0 };
    await renew();
    const chunk = leavers.slice(remove.done, remove.done + REMOVE_SIZE);
    // noted before the delete: whoever folds a broken run must not take these for "unchanged" (failures.md row 14)
    remove.attempted = remove.done + chunk.length;
    await slice.save();
    const ours = chunk.filter(({ record }) => !heldByOthers.has(record));
    const ids = await idsOf(
      client,
      ours.map(({ email }) => email),
      { listId: config.listId, signal },
    );
    // those that were there when a runner died in this chunk and are not any more: its delete got through
    run.counts.removed += Math.max(0, remove.inDelete - ids.length);
    remove.inDelete = ids.length;
    if (ids.length > 0) {
      await slice.save();
      run.counts.removed += await removeMembers(client, config.listId, ids, { signal, beforeEach: renew });
    }
    remove.inDelete = 0;
    remove.done = remove.attempted;
    await slice.save();
  }
  return { next: 'verify' };
};

/** Those that another export holds are given up to it: noted under the lock, then left out of our state at the end (failures.md row 17). */
const releaseHeld = async (
  { document, signal }: Slice,
  {
    staging,
    states,
    header,
    table,
    leavers,
    ...others
  }: {
    staging: Staging;
    states: StateStore;
    activities: ExportActivities;
    exportStore: Pick<ExportStore, 'find' | 'readAll'>;
    connectionStore: Pick<ConnectionStore, 'find'>;
    store: Pick<RunStore, 'find'>;
    header: StateHeader;
    table: MemberTable;
    leavers: readonly Leaver[];
  },
): Promise<ReadonlySet<number>> => {
  const { run, config } = document;
  const records = leavers.map(({ record }) => record);
  const held = await findHeldByOthers(
    { exportId: run.exportId, config, header, table, leavers: records },
    { states, staging, ...others, signal },
  );
  if (held.size > 0) {
    // those of an earlier slice may have been removed by whom they were given up to
    const before = recordsOf(table, await states.readReleased(run.exportId, { signal }));
    await states.writeReleased(run.exportId, keyBytes(table, [...new Set([...before, ...held])]), { signal });
  }
  return held;
};

/** Klaviyo's ids of those that are on the list now, asked for in three buckets of the account at the same time. */
const idsOf = async (
  client: KlaviyoClient,
  emails: readonly string[],
  { listId, signal }: { listId: string; signal: AbortSignal },
): Promise<string[]> => {
  const ids: string[] = [];
  const questions: string[][] = [];
  for (let at = 0; at < emails.length; at += LOOKUP_SIZE) questions.push(emails.slice(at, at + LOOKUP_SIZE));
  const ask = async (find: (question: readonly string[]) => Promise<Map<string, string>>): Promise<void> => {
    try {
      for (let question = questions.pop(); question !== undefined; question = questions.pop()) ids.push(...(await find(question)).values());
    } catch (error) {
      // the others must not go on asking after the slice has handed over
      questions.length = 0;
      throw error;
    }
  };
  const ways = [
    (question: readonly string[]) => lookUp(client, 'listProfiles', question, { listId, signal }),
    (question: readonly string[]) => lookUpByRelationship(client, question, { listId, signal }),
  ];
  const asked = await Promise.allSettled(ways.flatMap((way) => Array.from({ length: LOOKUPS_AT_ONCE }, () => ask(way))));
  for (const one of asked) if (one.status === 'rejected') throw one.reason;
  return ids;
};
