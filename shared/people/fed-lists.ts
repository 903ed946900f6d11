import type { Connection } from '../connections/connection';
import type { Connections } from '../connections/connections';
import type { Export, ExportActivity } from '../exports/export';
import type { ConnectionId } from '../ids';
import { findMembership } from '../klaviyo/list-members';
import { mapConcurrent } from '../streams/map-concurrent';
import type { Address } from './address';
import { unknownBecause } from './person-trace';
import type { TracedList } from './person-trace';

/** A list of an account. */
export interface FedList {
  readonly accountId: string;
  readonly listId: string;
}

export const keyOfList = ({ accountId, listId }: FedList): string => `${accountId} ${listId}`;

/** The list that an export feeds, and the one that its state speaks of, where that is another: people may still be on it. */
export const fedLists = (
  { connectionId, listId }: Pick<Export, 'connectionId' | 'listId'>,
  { stateList }: Pick<ExportActivity, 'stateList'>,
  connections: ReadonlyMap<ConnectionId, Connection>,
): FedList[] => {
  const accountId = connectionId === undefined ? undefined : connections.get(connectionId)?.accountId;
  const current = accountId === undefined ? [] : [{ accountId, listId }];
  const former = stateList && !current.some((list) => keyOfList(list) === keyOfList(stateList)) ? [stateList] : [];
  return [...current, ...former];
};

/** Klaviyo must not keep the rest of an answer waiting. */
const ASK_MS = 20_000;
const LISTS_AT_ONCE = 4;

/** A connection to an account: any will do, as a list is the account's. */
export const connectionTo = (accountId: string, connections: ReadonlyMap<ConnectionId, Connection>): Connection | undefined =>
  [...connections.values()].find((connection) => connection.accountId === accountId);

/** Asks Klaviyo whether a person is on some lists, each once; where it cannot be asked, the answer says why. */
export const findOnLists = async (
  lists: readonly FedList[],
  address: Address,
  {
    connections,
    all,
    signal,
  }: { connections: Pick<Connections, 'clientOf'>; all: ReadonlyMap<ConnectionId, Connection>; signal: AbortSignal },
): Promise<ReadonlyMap<string, TracedList>> => {
  const ask = async ({ accountId, listId }: FedList, options: { signal: AbortSignal }): Promise<TracedList> => {
    const list = { accountId, listId };
    if (address.refusedAs !== undefined) return { ...list, onList: false };
    const connection = connectionTo(accountId, all);
    if (!connection) {
      return {
        ...list,
        unknown: {
          code: 'connection_missing',
          message: `There is no connection to the Klaviyo account ${accountId} any more; look there by hand.`,
        },
      };
    }
    try {
      const inTime = AbortSignal.any([options.signal, AbortSignal.timeout(ASK_MS)]);
      const client = await connections.clientOf(connection, { signal: inTime });
      const member = await findMembership(client, listId, address.text, { signal: inTime });
      return { ...list, onList: member !== undefined, ...member };
    } catch (error) {
      signal.throwIfAborted();
      return { ...list, unknown: unknownBecause(error, { code: 'no_answer', message: 'Klaviyo did not answer in time; try again.' }) };
    }
  };
  const distinct = [...new Map(lists.map((list) => [keyOfList(list), list])).values()];
  const answers = new Map<string, TracedList>();
  for await (const answer of mapConcurrent(distinct, ask, { concurrency: LISTS_AT_ONCE, signal })) answers.set(keyOfList(answer), answer);
  return answers;
};
