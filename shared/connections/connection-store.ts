import { createHash } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError } from '../errors';
import { ConnectionId } from '../ids';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';
import { Connection } from './connection';

/** A name that is in use, or about to be. */
const NameClaim = z.object({ connectionId: ConnectionId, at: z.iso.datetime() });

/** The account that a version of a connection's key was found to belong to. */
const CheckedKey = z.object({ version: z.string(), accountId: z.string() });
export type CheckedKey = z.infer<typeof CheckedKey>;

/** A claim whose connection does not exist was left by a crash once it is this old; younger ones may still be on their way. */
const CLAIM_SETTLES_MS = 5 * 60_000;

/** Names differ when they differ in more than case; hashed, as a name may hold what a row key may not. */
const nameKey = ({ type, displayName }: Pick<Connection, 'type' | 'displayName'>): string =>
  createHash('sha256')
    .update(`${type}\n${displayName.normalize('NFKC').toLowerCase()}`)
    .digest('hex');

export const sameName = (one: Pick<Connection, 'type' | 'displayName'>, other: Pick<Connection, 'type' | 'displayName'>): boolean =>
  nameKey(one) === nameKey(other);

const rowOf = (id: ConnectionId) => ({ partition: 'connection', row: id });
const keyOf = (id: ConnectionId) => ({ partition: 'key', row: id });
const claimOf = (connection: Pick<Connection, 'type' | 'displayName'>) => ({ partition: 'name', row: nameKey(connection) });

/** Rows of connections and, beside them, one row per name in use, as a table has no unique constraint but its key. */
export const createConnectionStore = ({ table, now }: { table: TableClient; now: () => Date }) => {
  const rows = createRows({ table, schema: Connection, what: 'The connection' });
  const claims = createRows({ table, schema: NameClaim, what: 'The display name' });
  const keys = createRows({ table, schema: CheckedKey, what: 'The checked key' });

  return {
    find: (id: ConnectionId, options: { signal: AbortSignal }): Promise<Stored<Connection> | undefined> => rows.find(rowOf(id), options),
    readAll: (options: { signal: AbortSignal }): AsyncIterable<Stored<Connection>> => rows.list('connection', options),
    insert: (connection: Connection, options: { signal: AbortSignal }) => rows.insert(rowOf(connection.id), connection, options),
    replace: (connection: Connection, options: { ifMatch: string; signal: AbortSignal }) =>
      rows.replace(rowOf(connection.id), connection, options),
    remove: async (id: ConnectionId, options: { ifMatch: string; signal: AbortSignal }): Promise<void> => {
      await rows.remove(rowOf(id), options);
      await keys.remove(keyOf(id), { signal: options.signal });
    },

    /** What was found when Klaviyo was last asked whose key this is; in a row of its own, as people edit the other one. */
    findCheckedKey: async (id: ConnectionId, options: { signal: AbortSignal }): Promise<CheckedKey | undefined> =>
      (await keys.find(keyOf(id), options))?.value,
    putCheckedKey: async (id: ConnectionId, key: CheckedKey, options: { signal: AbortSignal }): Promise<void> => {
      await keys.put(keyOf(id), key, options);
    },

    /**
     * Takes a display name for a connection.
     * @throws ConflictError name_taken
     */
    claimName: async (connection: Pick<Connection, 'id' | 'type' | 'displayName'>, { signal }: { signal: AbortSignal }): Promise<void> => {
      const taken = (cause?: unknown) =>
        new ConflictError({
          code: 'name_taken',
          message: `There is already a connection called “${connection.displayName}”; choose another display name.`,
          pointer: '/displayName',
          cause,
        });
      const claim = { connectionId: connection.id, at: now().toISOString() };
      try {
        await claims.insert(claimOf(connection), claim, { signal });
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        const found = await claims.find(claimOf(connection), { signal });
        if (found === undefined) throw taken(error);
        if (found.value.connectionId === connection.id) return;
        const holder = await rows.find(rowOf(found.value.connectionId), { signal });
        const settled = now().getTime() - Date.parse(found.value.at) > CLAIM_SETTLES_MS;
        if (!settled || (holder !== undefined && sameName(holder.value, connection))) throw taken(error);
        await claims.replace(claimOf(connection), claim, { ifMatch: found.etag, signal }).catch((lost: unknown) => {
          throw lost instanceof ConflictError ? taken(lost) : lost;
        });
      }
    },

    /** Gives a name back; one that somebody else holds meanwhile stays theirs. */
    releaseName: async (
      connection: Pick<Connection, 'id' | 'type' | 'displayName'>,
      { signal }: { signal: AbortSignal },
    ): Promise<void> => {
      const found = await claims.find(claimOf(connection), { signal });
      if (found?.value.connectionId !== connection.id) return;
      await claims.remove(claimOf(connection), { ifMatch: found.etag, signal });
    },
  };
};

export type ConnectionStore = ReturnType<typeof createConnectionStore>;
