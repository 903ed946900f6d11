import type { Connection } from '../connections/connection';
import type { Connections } from '../connections/connections';
import { UpstreamError, isDomainError } from '../errors';
import type { ConnectionId } from '../ids';
import { getAccount } from '../klaviyo/accounts';
import type { KlaviyoClient } from '../klaviyo/client';
import { findJob, readJobs } from '../klaviyo/import-jobs';
import { findMembership, removeMembers } from '../klaviyo/list-members';
import type { StateStore } from '../runs/state-store';
import type { Address } from './address';
import type { Erasure } from './erasure';
import { connectionTo } from './fed-lists';

type WaitingList = Erasure['lists'][number];

const MAX_LISTED_JOBS = 1_000;
const CLOCK_SKEW_MS = 10 * 60_000;
/** One list must not keep the others waiting. */
const ONE_LIST_MS = 25_000;

const hasJobEnded = (status: string): boolean => status === 'complete' || status === 'cancelled';

/** Jobs that may still put the person on the list after they were taken off it. */
const openJobs = async (
  client: KlaviyoClient,
  { jobIds, doubtSince }: WaitingList,
  { signal }: { signal: AbortSignal },
): Promise<string[]> => {
  const open: string[] = [];
  for (const jobId of jobIds) {
    const job = await findJob(client, jobId, { signal });
    if (job && !hasJobEnded(job.status)) open.push(jobId);
  }
  if (doubtSince === undefined) return open;
  const since = Date.parse(doubtSince) - CLOCK_SKEW_MS;
  let listed = 0;
  for await (const job of readJobs(client, { signal })) {
    if (Date.parse(job.createdAt) < since || (listed += 1) > MAX_LISTED_JOBS) break;
    if (!hasJobEnded(job.status)) open.push(job.id);
  }
  return open;
};

/**
 * Takes a person off one list: looked up through the list itself, under the lock that removals of mirrors hold, and only once no job of
 * ours can put them back. Nobody is unsubscribed, no profile deleted.
 * @returns the list as it is now; `waiting` = try again later
 */
export const eraseFromList = async (
  list: WaitingList,
  address: Address,
  {
    connections,
    all,
    states,
    signal,
  }: {
    connections: Pick<Connections, 'clientOf'>;
    all: ReadonlyMap<ConnectionId, Connection>;
    states: Pick<StateStore, 'tryLock'>;
    signal: AbortSignal;
  },
): Promise<WaitingList> => {
  const { accountId, listId } = list;
  const failed = (reason: string): WaitingList => ({ ...list, state: 'failed', reason });
  const waiting = (reason: string): WaitingList => ({ ...list, state: 'waiting', reason });
  if (address.refusedAs !== undefined) return { ...list, state: 'notOnList' };
  const connection = connectionTo(accountId, all);
  if (!connection)
    return failed(`There is no connection to the Klaviyo account ${accountId} any more; take the person off the list there.`);
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(ONE_LIST_MS)]);
  try {
    const client = await connections.clientOf(connection, { signal: inTime });
    if ((await getAccount(client, { signal: inTime })).id !== accountId) {
      return failed('The API key now belongs to another Klaviyo account; take the person off the list by hand.');
    }
    const jobIds = await openJobs(client, list, { signal: inTime });
    if (jobIds.length > 0) return { ...waiting('Klaviyo still processes a job that may add the person to the list.'), jobIds };
    const lock = await states.tryLock(accountId, listId, { signal: inTime });
    if (!lock) return waiting('Another export is removing people from the list.');
    try {
      const member = await findMembership(client, listId, address.text, { signal: inTime });
      if (!member) return { accountId, listId, state: 'notOnList', jobIds: [] };
      await lock.renew({ signal: inTime });
      await removeMembers(client, listId, [member.profileId], { signal: inTime });
      return { accountId, listId, state: 'removed', jobIds: [] };
    } finally {
      await lock.release({ signal }).catch(() => undefined);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isDomainError(error) && !(error instanceof UpstreamError && error.retryable)) return failed(error.message);
    return waiting(isDomainError(error) ? error.message : 'Klaviyo did not answer in time; it is tried again.');
  }
};
