import type { ExportActivity } from '../../exports/export';
import { findJob } from '../../klaviyo/import-jobs';
import { NORMALISER_VERSION } from '../member-key';
import type { HashKey } from '../member-key';
import { MemberTable } from '../member-state';
import type { StateHeader } from '../member-state';
import type { RunStore } from '../run-store';
import { servedDigestOf } from './digests';
import type { PhaseResult, Slice } from '../slice';
import type { LoadedState } from '../state-store';

/** Removals of this long count together against the guard, so that a list cannot bleed under it. */
const REMOVALS_COUNT_MS = 7 * 86_400_000;
/** The header of the state that this run will leave. */
export const newHeader = ({ document: { run, config, stateGeneration } }: Slice, key: HashKey, mappingDigest: string): StateHeader => ({
  version: 1,
  exportId: run.exportId,
  generation: stateGeneration + 1,
  count: 0,
  accountId: config.accountId,
  listId: config.listId,
  membership: config.membership,
  mappingDigest,
  hashKeyId: key.id,
  normaliser: NORMALISER_VERSION,
  runId: run.id,
  runNumber: run.number,
  proven: false,
  openJobs: [],
  removals: [],
});

export interface Beginning {
  readonly table: MemberTable;
  readonly sendAll: boolean;
  /** the state it goes on from, if there is one */
  readonly old?: StateHeader;
  /** whether the addresses of the old members go on with them */
  readonly keepsEmails: boolean;
}

/**
 * With which members a run begins, and whether it sends everything; completes the header from the old one.
 * @param expected about how many members there will be, where nobody is known yet
 */
export const beginWith = (
  slice: Slice,
  loaded: LoadedState,
  header: StateHeader,
  { fullNext, emailsThere, expected }: { fullNext: boolean; emailsThere: boolean; expected: number },
): Beginning => {
  const { run, config } = slice.document;
  const fromNothing = (): Beginning => {
    header.fullAt = slice.now().toISOString();
    return { table: new MemberTable(expected), sendAll: true, keepsEmails: false };
  };
  if (loaded.kind === 'none') return fromNothing();
  if (loaded.kind === 'unreadable') {
    slice.warn(
      'state_unreadable',
      `What earlier runs sent cannot be read (${loaded.reason}), so everything is sent and nobody is removed.`,
    );
    return fromNothing();
  }
  const old = loaded.header;
  if (old.accountId !== header.accountId || old.listId !== header.listId) {
    slice.warn(
      'list_changed',
      `${old.count.toLocaleString('en')} people sent to the former list stay on it; remove them in Klaviyo if they should not.`,
    );
    return fromNothing();
  }
  if (old.hashKeyId !== header.hashKeyId || old.normaliser !== header.normaliser) {
    slice.warn('state_key_changed', 'What earlier runs sent was written with another key, so everything is sent and nobody is removed.');
    return fromNothing();
  }
  if (header.membership === 'mirror' && (old.membership !== 'mirror' || !emailsThere)) {
    // a hash cannot be turned back into an address: whoever left before is not known by name
    if (old.membership === 'mirror')
      slice.warn('state_unreadable', 'The addresses of earlier runs are missing, so everything is sent and nobody is removed.');
    return { ...fromNothing(), sendAll: true };
  }
  header.openJobs = old.openJobs.filter(({ expiresAt }) => Date.parse(expiresAt) > slice.now().getTime());
  header.removals = old.removals.filter(({ at }) => slice.now().getTime() - Date.parse(at) < REMOVALS_COUNT_MS);
  header.proven = old.proven && old.mappingDigest === header.mappingDigest;
  header.fullAt = old.fullAt;
  if (old.doubtUntil !== undefined && slice.now().getTime() < Date.parse(old.doubtUntil)) {
    header.doubtSince = old.doubtSince;
    header.doubtUntil = old.doubtUntil;
  }
  const keepsEmails = header.membership === 'mirror';
  if (run.retryOf || run.approves) return { table: loaded.table, sendAll: false, old, keepsEmails };
  const due = old.fullAt === undefined || slice.now().getTime() - Date.parse(old.fullAt) > config.resyncDays * 86_400_000;
  const sendAll = run.full || due || fullNext || old.mappingDigest !== header.mappingDigest || old.membership !== header.membership;
  if (sendAll) header.fullAt = slice.now().toISOString();
  return { table: loaded.table, sendAll, old, keepsEmails };
};

/** So many jobs of earlier runs are asked for; more than these are left to the next run. */
const MAX_ASKED = 20;

/** Jobs of earlier runs that had not ended by their deadline: those that have meanwhile no longer keep their rows back. */
export const stillOpen = async (slice: Slice, openJobs: StateHeader['openJobs']): Promise<StateHeader['openJobs']> => {
  if (openJobs.length === 0) return openJobs;
  const client = await slice.klaviyo();
  const left = openJobs.slice(MAX_ASKED);
  for (const open of openJobs.slice(0, MAX_ASKED)) {
    const job = await findJob(client, open.jobId, { signal: slice.signal });
    if (job !== undefined && job.status !== 'complete' && job.status !== 'cancelled') left.push(open);
  }
  return left;
};

/** Approved removals and retried rows belong to one run of one snapshot and list; anything newer makes them void. */
export const checkFollowUp = async (
  { document, signal }: Slice,
  activity: ExportActivity,
  { store }: { store: Pick<RunStore, 'find'> },
): Promise<PhaseResult | undefined> => {
  const { run, config } = document;
  const earlier = run.approves?.runId ?? run.retryOf;
  if (!earlier) return undefined;
  const found = await store.find(earlier, { signal });
  const same =
    found !== undefined &&
    found.document.config.listId === config.listId &&
    found.document.config.accountId === config.accountId &&
    activity.lastRunId === earlier &&
    // whoever approved saw the leavers of this snapshot under these settings: another mapping has others (failures.md row 28)
    (run.retryOf !== undefined || found.document.staged?.servedDigest === servedDigestOf(run.snapshotId ?? '', config));
  if (same) return undefined;
  const message = run.retryOf
    ? 'The export has run or changed since, so these rows cannot be sent again by themselves; run the export.'
    : 'The segments, the list or the export have changed since the removals were held, so they were not carried out; run the export and look again.';
  return { end: 'failed', error: { code: 'changed_since', message } };
};
