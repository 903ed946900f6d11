import { randomBytes } from 'node:crypto';
import type { Caller } from '../caller';
import { ConflictError, InvalidInputError, NotFoundError, UpstreamError } from '../errors';
import { newConnectionId } from '../ids';
import type { ConnectionId, ExportId } from '../ids';
import { getAccount } from '../klaviyo/accounts';
import type { KlaviyoAccount } from '../klaviyo/accounts';
import type { Klaviyo, KlaviyoClient } from '../klaviyo/client';
import { readLists } from '../klaviyo/lists';
import type { KlaviyoList } from '../klaviyo/lists';
import { createPacedGate } from '../klaviyo/paced-gate';
import type { Pacing } from '../klaviyo/pacing';
import type { Secrets } from '../platform/secrets';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import { CONSENT_VERSION, SharedConnection } from './connection';
import type { Connection, ConnectionChange, NewConnection } from './connection';
import type { ConnectionStore } from './connection-store';
import { sameName } from './connection-store';

/** One line of the checklist. `ok` is null where no harmless call can tell. */
export interface ConnectionCheck {
  readonly check: string;
  readonly ok: boolean | null;
  readonly detail: string;
}

type Options = { signal: AbortSignal };

/** Undoing must not be cut short by the deadline that made it necessary. */
const UNDO_MS = 15_000;

const isShared = (connection: Connection): boolean => connection.access === 'administratorsAndContributors';

const notFound = (): NotFoundError => new NotFoundError({ code: 'connection_unknown', message: 'There is no such connection.' });

const keyMissing = (cause: unknown): ConflictError =>
  new ConflictError({
    code: 'secret_missing',
    message: 'The API key of this connection is no longer in Key Vault; restore the secret there, or enter a key in the connection.',
    cause,
  });

/** Who may use a connection for exports (customer-insights.md §1.3). */
export const mayUse = (caller: Caller, connection: Connection): boolean =>
  caller.role === 'Administrator' || (caller.role === 'Contributor' && isShared(connection));

/** Contributors see no more than they need to choose one. */
const viewFor = (caller: Caller, connection: Connection): Connection | SharedConnection =>
  caller.role === 'Administrator' ? connection : SharedConnection.parse(connection);

/**
 * Connections: where a Klaviyo account is reached, with which key, and by whom. The key lies in Key Vault alone.
 * @param dependents the exports that use a connection
 */
export const createConnections = ({
  store,
  secrets,
  klaviyo,
  pacing,
  dependents,
  now,
}: {
  store: ConnectionStore;
  secrets: Secrets;
  klaviyo: Pick<Klaviyo, 'client'>;
  pacing: Pacing;
  dependents: (id: ConnectionId, options: Options) => AsyncIterable<{ readonly id: ExportId; readonly name: string }>;
  now: () => Date;
}) => {
  const find = async (id: ConnectionId, { signal }: Options): Promise<Stored<Connection>> => {
    const found = await store.find(id, { signal });
    if (!found) throw notFound();
    return found;
  };

  /**
   * The account behind a key that somebody has just given.
   * @throws InvalidInputError key_refused, scope_missing; UpstreamError when Klaviyo cannot say
   */
  const checkKey = async (apiKey: string, pointer: string, { signal }: Options): Promise<KlaviyoAccount> => {
    try {
      return await getAccount(klaviyo.client({ apiKey }), { signal });
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      if (error.code === 'key_refused') {
        throw new InvalidInputError({
          code: 'key_refused',
          message: 'Klaviyo refused this API key; copy a private key from Klaviyo’s settings (Account > API keys).',
          pointer,
          cause: error,
        });
      }
      if (error.code === 'scope_missing') {
        throw new InvalidInputError({
          code: 'scope_missing',
          message: `This API key lacks a scope that is needed, accounts:read for one. ${error.message}`,
          pointer,
          cause: error,
        });
      }
      throw error;
    }
  };

  const readGivenSecret = async (secretName: string, { signal }: Options): Promise<string> => {
    try {
      return (await secrets.get(secretName, { signal })).value.trim();
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      throw new InvalidInputError({
        code: 'secret_unknown',
        message: 'Key Vault holds no secret of this name; make it there first.',
        pointer: '/secretName',
        cause: error,
      });
    }
  };

  /** A client with the connection's key, which is read afresh each time, at the account's pace. @throws ConflictError secret_missing */
  const clientOf = async (connection: Connection, { signal }: Options): Promise<KlaviyoClient> => {
    try {
      const { value } = await secrets.get(connection.secretName, { signal });
      return klaviyo.client({ apiKey: value.trim(), gate: createPacedGate(pacing, connection.accountId) });
    } catch (error) {
      throw error instanceof NotFoundError ? keyMissing(error) : error;
    }
  };

  /** Does something, and takes back what was done before it when it fails. */
  const orUndo = async <T>(work: () => Promise<T>, undo: (options: Options) => Promise<void>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await undo({ signal: AbortSignal.timeout(UNDO_MS) }).catch(() => undefined); // the first error says more
      throw error;
    }
  };

  const check = async (name: string, work: () => Promise<string>): Promise<ConnectionCheck> => {
    try {
      return { check: name, ok: true, detail: await work() };
    } catch (error) {
      // what can pass says nothing about the key
      if (error instanceof UpstreamError && !error.retryable) return { check: name, ok: false, detail: error.message };
      if (error instanceof ConflictError) return { check: name, ok: false, detail: error.message };
      throw error;
    }
  };

  return {
    clientOf,

    /**
     * Makes a connection: key checked first, then secret, then row; nothing stays behind when a step fails.
     * @throws InvalidInputError key_refused, scope_missing, secret_unknown; ConflictError name_taken
     */
    create: async (input: NewConnection, { caller, signal }: { caller: Caller } & Options): Promise<Stored<Connection>> => {
      const apiKey = input.apiKey ?? (await readGivenSecret(input.secretName!, { signal }));
      const account = await checkKey(apiKey, input.apiKey === undefined ? '/secretName' : '/apiKey', { signal });
      const at = now().toISOString();
      const ownsSecret = input.secretName === undefined;
      const connection: Connection = {
        id: newConnectionId(),
        displayName: input.displayName,
        type: input.type,
        access: input.access,
        secretName: input.secretName ?? `klaviyo-${randomBytes(16).toString('hex')}`,
        ownsSecret,
        accountId: account.id,
        accountName: account.name,
        testAccount: account.testAccount,
        agreedAt: at,
        agreedBy: caller.id,
        agreedByName: caller.name,
        consentVersion: CONSENT_VERSION,
        createdAt: at,
        updatedAt: at,
        exportUser: caller.id,
      };
      await store.claimName(connection, { signal });
      return orUndo(
        async () => {
          const secret = ownsSecret ? await secrets.set(connection.secretName, apiKey, { signal }) : undefined;
          const stored = await store.insert(connection, { signal });
          // Klaviyo has just said whose key this is; without the note the first run asks again
          if (secret) await store.putCheckedKey(connection.id, { ...secret, accountId: account.id }, { signal }).catch(() => undefined);
          return stored;
        },
        async (options) => {
          if (await store.find(connection.id, options)) return; // the row was written, only its answer was lost
          if (ownsSecret) await secrets.remove(connection.secretName, options);
          await store.releaseName(connection, options);
        },
      );
    },

    /** Whole for administrators; others see shared ones only. @throws NotFoundError connection_unknown */
    get: async (id: ConnectionId, { caller, signal }: { caller: Caller } & Options): Promise<Stored<Connection | SharedConnection>> => {
      const { value, etag } = await find(id, { signal });
      if (!mayUse(caller, value)) throw notFound(); // that there is one is nobody else's business
      return { value: viewFor(caller, value), etag };
    },

    /** Those the caller may use, by display name. */
    list: async ({ caller, signal }: { caller: Caller } & Options): Promise<(Connection | SharedConnection)[]> => {
      const connections: (Connection | SharedConnection)[] = [];
      for await (const { value } of store.readAll({ signal })) if (mayUse(caller, value)) connections.push(viewFor(caller, value));
      return connections.sort((one, other) => one.displayName.localeCompare(other.displayName));
    },

    /** Every connection by id, for those who decide about exports. */
    readAll: async ({ signal }: Options): Promise<ReadonlyMap<ConnectionId, Connection>> => {
      const connections = new Map<ConnectionId, Connection>();
      for await (const { value } of store.readAll({ signal })) connections.set(value.id, value);
      return connections;
    },

    find: async (id: ConnectionId, { signal }: Options): Promise<Connection | undefined> => (await store.find(id, { signal }))?.value,

    /**
     * Changes name, access or key. A new key must belong to the same account, as exports name its lists.
     * @throws InvalidInputError key_refused, scope_missing, account_differs; ConflictError changed_meanwhile, name_taken, secret_given
     */
    update: async (
      id: ConnectionId,
      change: ConnectionChange,
      { ifMatch, signal }: { ifMatch: string } & Options,
    ): Promise<Stored<Connection> & { readonly before: Connection }> => {
      const current = await find(id, { signal });
      const etag = requireVersion(current, ifMatch, 'The connection');
      const { apiKey, ...rest } = change;
      let account: Pick<Connection, 'accountName' | 'testAccount'> = current.value;
      if (apiKey !== undefined) {
        if (!current.value.ownsSecret) {
          throw new ConflictError({
            code: 'secret_given',
            message: 'The key of this connection is a secret of yours; change it in Key Vault.',
            pointer: '/apiKey',
          });
        }
        const { id: accountId, name, testAccount } = await checkKey(apiKey, '/apiKey', { signal });
        if (accountId !== current.value.accountId) {
          throw new InvalidInputError({
            code: 'account_differs',
            message: `This key belongs to another Klaviyo account (${name}); make a connection of its own for it.`,
            pointer: '/apiKey',
          });
        }
        account = { accountName: name, testAccount };
      }
      const next: Connection = {
        ...current.value,
        ...rest,
        accountName: account.accountName,
        testAccount: account.testAccount,
        updatedAt: now().toISOString(),
      };
      const renamed = !sameName(current.value, next);
      if (renamed) await store.claimName(next, { signal });
      const stored = await orUndo(
        () => store.replace(next, { ifMatch: etag, signal }),
        async (options) => {
          const found = await store.find(id, options);
          if (renamed && !(found && sameName(found.value, next))) await store.releaseName(next, options);
        },
      );
      // after the row, so that of two changes at once only the winner's key is kept
      if (apiKey !== undefined) await secrets.set(next.secretName, apiKey, { signal });
      if (renamed) await store.releaseName(current.value, { signal });
      return { ...stored, before: current.value };
    },

    /**
     * Removes a connection and the secret that we made for it.
     * @returns what it was
     * @throws ConflictError connection_in_use with the exports that depend on it
     */
    remove: async (id: ConnectionId, { ifMatch, signal }: { ifMatch: string } & Options): Promise<Connection> => {
      const current = await find(id, { signal });
      const etag = requireVersion(current, ifMatch, 'The connection');
      const exports: { id: ExportId; name: string }[] = [];
      for await (const { id: exportId, name } of dependents(id, { signal })) exports.push({ id: exportId, name });
      if (exports.length > 0) {
        throw new ConflictError({
          code: 'connection_in_use',
          message: `${exports.length === 1 ? 'One export uses' : `${exports.length} exports use`} this connection; remove or detach ${exports.length === 1 ? 'it' : 'them'} first.`,
          details: { exports },
        });
      }
      // secret first: asked again after a failure, the rest follows; the other way round a living key would stay behind unseen
      if (current.value.ownsSecret) await secrets.remove(current.value.secretName, { signal });
      await store.remove(id, { ifMatch: etag, signal });
      await store.releaseName(current.value, { signal });
      return current.value;
    },

    /**
     * Checks the key against everything an export needs, by calls that change nothing.
     * @throws UpstreamError when Klaviyo or the vault cannot be reached
     */
    test: async (id: ConnectionId, { signal }: Options): Promise<readonly ConnectionCheck[]> => {
      const { value: connection } = await find(id, { signal });
      let client: KlaviyoClient | undefined;
      const secret = await check('secret', async () => {
        client = await clientOf(connection, { signal });
        return 'The API key is in Key Vault.';
      });
      if (client === undefined) return [secret];
      const reader = client;
      const account = await check('account', async () => {
        const found = await getAccount(reader, { signal });
        if (found.id === connection.accountId) return `${found.name} (${found.id})${found.testAccount ? ', a test account' : ''}`;
        throw new ConflictError({
          code: 'account_differs',
          message: `The key belongs to another account, ${found.name} (${found.id}), than when the connection was made.`,
        });
      });
      return [
        secret,
        account,
        await check('lists:read', async () => {
          await reader.send('lists', { query: { 'page[size]': '1' }, signal });
          return 'Lists can be read.';
        }),
        await check('profiles:read', async () => {
          await reader.send('profiles', { query: { 'page[size]': '1', 'fields[profile]': 'created' }, signal });
          return 'Profiles can be read.';
        }),
        // Klaviyo has no call that proves a writing scope without writing; the first run's small job does (design, canary)
        ...['lists:write', 'profiles:write'].map((scope) => ({ check: scope, ok: null, detail: 'Shown by the first run only.' })),
      ];
    },

    /** All lists of the account, by name. @throws NotFoundError connection_unknown; ConflictError secret_missing; UpstreamError */
    lists: async (id: ConnectionId, { caller, signal }: { caller: Caller } & Options): Promise<readonly KlaviyoList[]> => {
      const { value: connection } = await find(id, { signal });
      if (!mayUse(caller, connection)) throw notFound();
      const lists: KlaviyoList[] = [];
      for await (const list of readLists(await clientOf(connection, { signal }), { signal })) lists.push(list);
      return lists.sort((one, other) => one.name.localeCompare(other.name));
    },
  };
};

export type Connections = ReturnType<typeof createConnections>;
