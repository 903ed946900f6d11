import { createHash, randomUUID } from 'node:crypto';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { ConflictError, NotFoundError } from '../errors';
import { ConnectionId } from '../ids';
import { createRows, createTransaction, createUnreadableLog } from '../platform/tables';
import type { RowChange, Stored } from '../platform/tables';
import type { Log } from '../platform/telemetry';
import { Connection } from './connection';
import { ConnectionNote } from './connection-status';

/** One partition for all of it, so that a connection, its name and its note come and go in one transaction. */
const PARTITION = 'connection';

/**
 * A secret of ours that may lie in the vault without a connection: noted before it is made, and when its connection takes another one, so
 * that no crash leaves a living key that nobody lists.
 */
const SecretNote = z.object({ kind: z.literal('secret'), secretName: z.string(), at: z.iso.datetime() });

/** A name that is in use. */
const NameClaim = z.object({ kind: z.literal('name'), connectionId: ConnectionId });

type Named = Pick<Connection, 'type' | 'displayName'>;

/** Names differ when they differ in more than case; hashed, as a name may hold what a row key may not. */
export const nameKey = ({ type, displayName }: Named): string =>
  createHash('sha256')
    .update(`${type}\n${displayName.normalize('NFKC').toLowerCase()}`)
    .digest('hex');

const sameName = (one: Named, other: Named): boolean => nameKey(one) === nameKey(other);

/** Whose row, or whose note's row, it is. */
export const connectionOfRow = (row: string): string => row.split('~')[0]!;
/** `~` comes after all that an id may hold: a connection's note stands right behind it, and names behind all connections. */
const noteRow = (id: ConnectionId): string => `${id}~note`;
const nameRow = (connection: Named): string => `name_${nameKey(connection)}`;
const secretRow = (secretName: string): string => `secret_${secretName}`;
const SECRETS = { from: 'secret_', below: 'secret`' };
const CONNECTIONS = { from: 'con_', below: 'con`' };

export interface Noted {
  readonly connection: Stored<Connection>;
  /** undefined for a connection of an earlier version of the app */
  readonly note: ConnectionNote | undefined;
}

type Options = { signal: AbortSignal };

export const nameTaken = ({ displayName }: Pick<Connection, 'displayName'>, cause?: unknown): ConflictError =>
  new ConflictError({
    code: 'name_taken',
    message: `There is already a connection called “${displayName}”; choose another display name.`,
    pointer: '/displayName',
    cause,
  });

/** Connections; beside each a note of what was last found out about it, and one row per name in use, which makes names unique. */
export const createConnectionStore = ({ table, log = () => undefined }: { table: TableClient; log?: Log }) => {
  const rows = createRows({ table, schema: Connection, what: 'The connection' });
  const claims = createRows({ table, schema: NameClaim, what: 'The display name' });
  const secretNotes = createRows({ table, schema: SecretNote, what: 'The note of the secret' });
  const notes = createRows({ table, schema: ConnectionNote, what: 'The note of the connection' });
  const either = createRows({ table, schema: z.union([Connection, ConnectionNote]), what: 'The connection' });
  const transact = createTransaction({ table, what: 'The connection' });

  const claim = (connection: Connection): RowChange => ({
    kind: 'insert',
    row: nameRow(connection),
    value: { kind: 'name', connectionId: connection.id },
  });
  const find = (id: ConnectionId, options: Options): Promise<Stored<Connection> | undefined> =>
    rows.find({ partition: PARTITION, row: id }, options);
  /** Storage may have done what was asked while its answer was lost; asked again by the client, it then finds a conflict with itself. */
  const isWritten = async ({ id, writeId }: Connection, options: Options): Promise<Stored<Connection> | undefined> => {
    const found = await find(id, options);
    return found && found.value.writeId === writeId ? found : undefined;
  };
  /** Of the same content as another write at the same instant, and yet not the same write. */
  const asOwnWrite = (connection: Connection): Connection => ({ ...connection, writeId: randomUUID() });

  const tellUnreadable = createUnreadableLog({ log, partition: PARTITION });
  async function* readNoted(
    options: Options & { unreadable?: typeof tellUnreadable },
    range: { from: string; below: string } = CONNECTIONS,
  ): AsyncGenerator<Noted> {
    let last: Stored<Connection> | undefined;
    for await (const { value, etag, row } of either.list(PARTITION, { ...options, ...range })) {
      if ('kind' in value) {
        // a note without its connection was written while that was removed
        if (last && row === noteRow(last.value.id)) {
          yield { connection: last, note: value };
          last = undefined;
        }
      } else {
        if (last) yield { connection: last, note: undefined };
        last = { value, etag };
      }
    }
    if (last) yield { connection: last, note: undefined };
  }

  return {
    find,

    /** One query. */
    findNoted: async (id: ConnectionId, options: Options): Promise<Noted | undefined> => {
      for await (const noted of readNoted(options, { from: id, below: `${id}~~` })) if (noted.connection.value.id === id) return noted;
      return undefined;
    },

    /**
     * All connections with their notes, by one query of their rows (1,000 rows a page); what cannot be read of them is left out.
     * @param unreadable is told of each row that is left out
     */
    readNoted: ({ signal, unreadable }: Options & { unreadable?: typeof tellUnreadable }): AsyncIterable<Noted> =>
      readNoted({
        signal,
        unreadable: (row) => {
          tellUnreadable(row);
          unreadable?.(row);
        },
      }),

    /** All connections; one that cannot be read is an error. */
    readAll: async function* ({ signal }: Options): AsyncGenerator<Stored<Connection>> {
      for await (const { connection } of readNoted({ signal })) yield connection;
    },

    /**
     * A first look, before anything is done for a name; the insertion decides. One query, through all connections, as an earlier version of
     * the app kept the names in use elsewhere.
     * @param type of klaviyo or what else there will be
     * @returns the connection of this id, and whether another one has the name
     */
    findNamed: async (
      id: ConnectionId,
      name: Named,
      options: Options,
    ): Promise<{ readonly own: Noted | undefined; readonly isTaken: boolean }> => {
      let own: Noted | undefined;
      let isTaken = false;
      for await (const noted of readNoted(options)) {
        const { value } = noted.connection;
        if (value.id === id) own = noted;
        else isTaken ||= sameName(value, name);
      }
      return { own, isTaken };
    },

    /** Says that a secret of this name may be in the vault from now on, or still. */
    noteSecret: async (secretName: string, at: Date, { signal }: Options): Promise<void> => {
      await secretNotes.put(
        { partition: PARTITION, row: secretRow(secretName) },
        { kind: 'secret', secretName, at: at.toISOString() },
        { signal },
      );
    },
    forgetSecret: (secretName: string, { signal }: Options): Promise<void> =>
      secretNotes.remove({ partition: PARTITION, row: secretRow(secretName) }, { signal }),
    /** All that is noted; there are hardly any. One query. */
    readSecretNotes: async function* (options: Options): AsyncGenerator<{ readonly secretName: string; readonly at: string }> {
      for await (const { value } of secretNotes.list(PARTITION, { ...options, ...SECRETS })) yield value;
    },

    /** @param brings a secret that was noted and is its own now @throws ConflictError name_taken; NotFoundError when that note is gone */
    insert: async (
      given: Connection,
      { key, brings, signal }: { key?: ConnectionNote['key']; brings?: string } & Options,
    ): Promise<Stored<Connection>> => {
      const connection = asOwnWrite(given);
      const note: ConnectionNote = {
        kind: 'note',
        ...(key ? { key } : {}),
        status: 'connected',
        detail: '',
        since: connection.createdAt,
        checkedAt: connection.createdAt,
      };
      try {
        const [etag] = await transact(
          PARTITION,
          [
            { kind: 'insert', row: connection.id, value: connection },
            claim(connection),
            { kind: 'insert', row: noteRow(connection.id), value: note },
            ...(brings === undefined ? [] : [{ kind: 'remove', row: secretRow(brings) } as const]),
          ],
          { signal },
        );
        return { value: connection, etag: etag! };
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        const written = await isWritten(connection, { signal });
        if (written) return written;
        throw nameTaken(connection, error);
      }
    },

    /**
     * Replaces a connection, and takes its new name in place of the old one when it is renamed.
     * @param leaves a secret of ours that is no longer its own, to be noted
     * @param brings a secret that was noted and is its own now
     * @throws ConflictError changed_meanwhile, name_taken; NotFoundError when it is gone
     */
    replace: async (
      given: Connection,
      {
        before,
        ifMatch,
        leaves,
        brings,
        signal,
      }: { before: Connection; ifMatch: string; leaves?: { secretName: string; at: Date }; brings?: string } & Options,
    ): Promise<Stored<Connection>> => {
      const next = asOwnWrite(given);
      const left = leaves && ({ kind: 'secret', secretName: leaves.secretName, at: leaves.at.toISOString() } as const);
      const replacement: readonly RowChange[] = [
        { kind: 'replace', row: next.id, value: next, ifMatch },
        ...(left ? [{ kind: 'insert', row: secretRow(left.secretName), value: left } as const] : []),
        ...(brings === undefined ? [] : [{ kind: 'remove', row: secretRow(brings) } as const]),
      ];
      const attempt = async (changes: readonly RowChange[]): Promise<Stored<Connection>> => {
        try {
          const [etag] = await transact(PARTITION, changes, { signal });
          return { value: next, etag: etag! };
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
          const written = await isWritten(next, { signal });
          if (written) return written;
          throw error.code === 'already_exists' ? nameTaken(next, error) : error;
        }
      };
      if (sameName(before, next)) return attempt(replacement);
      try {
        return await attempt([...replacement, claim(next), { kind: 'remove', row: nameRow(before) }]);
      } catch (error) {
        if (!(error instanceof NotFoundError) || !(await find(next.id, { signal }))) throw error;
        return attempt([...replacement, claim(next)]); // of an earlier version of the app, which kept names elsewhere
      }
    },

    /** Removes a connection with its name and note, whatever its version; one that is gone already is no error. */
    remove: async (connection: Connection, { signal }: Options): Promise<void> => {
      const all = [connection.id, noteRow(connection.id), nameRow(connection)];
      try {
        await transact(
          PARTITION,
          all.map((row) => ({ kind: 'remove', row })),
          { signal },
        );
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        const held = await claims.find({ partition: PARTITION, row: nameRow(connection) }, { signal });
        for (const row of held?.value.connectionId === connection.id ? all : all.slice(0, 2))
          await rows.remove({ partition: PARTITION, row }, { signal });
      }
    },

    findNote: async (id: ConnectionId, options: Options): Promise<ConnectionNote | undefined> =>
      (await notes.find({ partition: PARTITION, row: noteRow(id) }, options))?.value,

    /** The last word counts: what is lost by it is found out again. Does nothing for a connection that is gone. */
    putNote: async (id: ConnectionId, note: ConnectionNote, { signal }: Options): Promise<void> => {
      const key = { partition: PARTITION, row: noteRow(id) };
      try {
        await notes.replace(key, note, { ifMatch: '*', signal });
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        if (await find(id, { signal })) await notes.put(key, note, { signal });
      }
    },
  };
};

export type ConnectionStore = ReturnType<typeof createConnectionStore>;
