import type { Caller } from '../caller';
import { ConflictError, InvalidInputError, NotFoundError } from '../errors';
import { newConnectionId } from '../new-ids';
import type { ConnectionId, ExportId } from '../ids';
import type { KlaviyoAccount } from '../klaviyo/accounts';
import type { Klaviyo, KlaviyoClient } from '../klaviyo/client';
import { endpoints } from '../klaviyo/endpoints';
import { findListsNamed, readLists } from '../klaviyo/lists';
import type { KlaviyoList } from '../klaviyo/lists';
import { createPacedGate } from '../klaviyo/paced-gate';
import type { Pacing } from '../klaviyo/pacing';
import { isOurSecret, newSecretName } from '../platform/our-secrets';
import type { Secrets } from '../platform/secrets';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import { runChecklist } from './checklist';
import type { Checklist, ConnectionCheck } from './checklist';
import { CHANGE_SETTLES_MS, isBeingRemoved, isGettingKey } from './connection';
import type { Connection, ConnectionChange, NewConnection } from './connection';
import { asApiKey } from './connection-keys';
import type { ConnectionKeys } from './connection-keys';
import { findingOf, isOfTheVault } from './connection-status';
import { nameTaken } from './connection-store';
import type { ConnectionStore, Noted } from './connection-store';
import { SharedConnection, pageOfConnections, viewOf } from './connection-view';
import type { CheckedConnection, ConnectionQuery, ConnectionView } from './connection-view';
import { CONSENT_VERSION, requireCurrentConsent } from './consent';

type Options = { signal: AbortSignal };
type AsCaller = { caller: Caller } & Options;

/** Undoing must not be cut short by the deadline that made it necessary. */
const UNDO_MS = 15_000;
/** How long somebody who reads a connection, or all of them, waits for Key Vault. */
const LOOK_MS = 3_000;
const LOOK_AT_SEVERAL_MS = 1_500;
const MAX_LOOKS = 5;
const FEW_A_SECOND = 10;
const MAX_SAME = 10;
/** By then every call that has noted a secret is over, what it undoes included. */
const SECRET_SETTLES_MS = 2 * CHANGE_SETTLES_MS;

const isShared = (connection: Connection): boolean => connection.access === 'administratorsAndContributors';

const notFound = (): NotFoundError => new NotFoundError({ code: 'connection_unknown', message: 'There is no such connection.' });

/** Who may use a connection for exports (customer-insights.md §1.3). */
export const mayUse = (caller: Caller, connection: Connection): boolean =>
  caller.role === 'Administrator' || (caller.role === 'Contributor' && isShared(connection));

/** @returns the version that the change must name. @throws ConflictError changed_meanwhile, connection_being_removed, key_being_changed */
const requireChangeable = (stored: Stored<Connection>, ifMatch: string, now: Date): string => {
  // a removal that was refused has written the row and changed nothing
  const etag = stored.value.sameAs?.includes(ifMatch) ? stored.etag : requireVersion(stored, ifMatch, 'The connection');
  if (isGettingKey(stored.value, now)) {
    throw new ConflictError({
      code: 'key_being_changed',
      message: 'Somebody is changing the key of this connection at this moment; look again in a minute.',
    });
  }
  if (!isBeingRemoved(stored.value, now)) return etag;
  throw new ConflictError({
    code: 'connection_being_removed',
    message: 'Somebody is removing this connection at this moment; look again in a minute.',
  });
};

/** This version and those that say the same, for a row that is written back as it was. */
const versionsOf = ({ value, etag }: Stored<Connection>): string[] => [...(value.sameAs ?? []), etag].slice(-MAX_SAME);

/** Does something, and takes back what was done before it when it fails. */
const orUndo = async <T>(work: () => Promise<T>, undo: (options: Options) => Promise<void>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    await undo({ signal: AbortSignal.timeout(UNDO_MS) }).catch(() => undefined); // the first error says more
    throw error;
  }
};

/** A key as it was given, and whose it is. */
interface GivenKey {
  readonly apiKey: string;
  /** of a secret that exists already */
  readonly version?: string;
  readonly account: KlaviyoAccount;
  readonly checks: readonly ConnectionCheck[];
}

/**
 * Connections: where a Klaviyo account is reached, with which key, and by whom. The key lies in Key Vault alone.
 * @param dependents the exports that use a connection
 */
export const createConnections = ({
  store,
  keys,
  secrets,
  klaviyo,
  pacing,
  dependents,
  now,
}: {
  store: ConnectionStore;
  keys: ConnectionKeys;
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
  const findNoted = async (id: ConnectionId, { signal }: Options): Promise<Noted> => {
    const found = await store.findNoted(id, { signal });
    if (!found) throw notFound();
    return found;
  };

  const clientFor = (apiKey: string, accountId: string): KlaviyoClient =>
    klaviyo.client({ apiKey, gate: createPacedGate(pacing, accountId) });
  /** For one call of each kind: it takes its turn only where turns are few, as each costs a call to storage. */
  const checkingClient = (apiKey: string, accountId: string): KlaviyoClient => {
    const gate = createPacedGate(pacing, accountId);
    const pace: typeof gate.pace = (endpoint, options) =>
      endpoints[endpoint].burst > FEW_A_SECOND ? Promise.resolve() : gate.pace(endpoint, options);
    return klaviyo.client({ apiKey, gate: { ...gate, pace } });
  };

  /** The key of a secret that somebody names. @throws InvalidInputError secret_unknown, secret_ours, secret_invalid; UpstreamError */
  const readGivenSecret = async (secretName: string, { signal }: Options): Promise<{ apiKey: string; version: string }> => {
    const refuse = (code: string, message: string, cause?: unknown) =>
      new InvalidInputError({ code, message, pointer: '/secretName', cause });
    if (isOurSecret(secretName))
      throw refuse('secret_ours', 'Secrets of this name are made and deleted by this app; name one of your own.');
    try {
      const { value, version } = await secrets.get(secretName, { signal });
      return { apiKey: asApiKey(value), version };
    } catch (error) {
      if (error instanceof NotFoundError)
        throw refuse('secret_unknown', 'Key Vault holds no secret of this name; make it there first.', error);
      if (error instanceof ConflictError)
        throw refuse('secret_invalid', 'This secret holds no private Klaviyo API key, which begins with pk_; name another one.');
      throw error;
    }
  };

  /** @throws InvalidInputError key_refused, scope_missing (details: missingScopes, checks) */
  const requireAll = ({ account, checks, missingScopes, refusal }: Checklist, pointer: string): KlaviyoAccount => {
    if (account && refusal === undefined) return account;
    if (missingScopes.length > 0) {
      const names = new Intl.ListFormat('en').format(missingScopes);
      const [are, them] = missingScopes.length === 1 ? ['scope', 'it'] : ['scopes', 'them'];
      throw new InvalidInputError({
        code: 'scope_missing',
        message: `This API key lacks the ${are} ${names}; make a key in Klaviyo that has ${them}, as scopes are chosen when a key is made.`,
        pointer,
        cause: refusal,
        details: { missingScopes, checks },
      });
    }
    throw new InvalidInputError({
      code: 'key_refused',
      message: 'Klaviyo refused this API key; copy a private key from Klaviyo’s settings (Account > API keys).',
      pointer,
      cause: refusal,
      details: { checks },
    });
  };

  /**
   * A key that somebody types, or names by its secret, held against all an export needs.
   * @throws InvalidInputError as readGivenSecret and requireAll; UpstreamError when Klaviyo or the vault cannot say
   */
  const checkGiven = async (
    { apiKey: typed, secretName }: Pick<NewConnection, 'apiKey' | 'secretName'>,
    { signal }: Options,
  ): Promise<GivenKey | undefined> => {
    if (typed === undefined && secretName === undefined) return undefined;
    const given = typed === undefined ? await readGivenSecret(secretName!, { signal }) : { apiKey: typed };
    // out of turn: nobody knows yet whose calls these few are
    const list = await runChecklist(klaviyo.client({ apiKey: given.apiKey }), { signal });
    return { ...given, account: requireAll(list, typed === undefined ? '/secretName' : '/apiKey'), checks: list.checks };
  };

  /** A client with the connection's key, which is read afresh each time, at the account's pace. @throws ConflictError secret_missing */
  const clientOf = async (connection: Connection, { signal }: Options): Promise<KlaviyoClient> => {
    const { apiKey } = await keys.read(connection, { signal });
    return keys.watch(connection.id, clientFor(apiKey, connection.accountId));
  };

  const agreedBy = (caller: Caller, { at, named }: { at: string; named: string | undefined }) => ({
    agreedAt: at,
    agreedBy: caller.id,
    agreedByName: caller.name,
    consentVersion: CONSENT_VERSION,
    consentVersionNamed: named !== undefined,
  });
  const updatedBy = (caller: Caller, at: string) => ({ updatedAt: at, updatedBy: caller.id, updatedByName: caller.name });

  const removeSecret = async (secretName: string, options: Options): Promise<void> => {
    await secrets.remove(secretName, options);
    await store.forgetSecret(secretName, options);
  };

  /**
   * Puts a new key where the old one lies, and takes the mark off the row. A name that the vault still keeps for a deleted secret is left,
   * and the row told.
   */
  const putKey = async (
    { value: marked, etag: ifMatch }: Stored<Connection>,
    apiKey: string,
    { signal }: Options,
  ): Promise<{ stored: Stored<Connection>; version: string }> => {
    const { keyChanging: _, ...connection } = marked;
    let set: { version: string };
    try {
      set = await secrets.set(connection.secretName, apiKey, { signal });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const moved: Connection = { ...connection, secretName: newSecretName('klaviyo') };
      return orUndo(
        async () => {
          await store.noteSecret(moved.secretName, now(), { signal });
          const { version } = await secrets.set(moved.secretName, apiKey, { signal });
          return { stored: await store.replace(moved, { before: marked, ifMatch, brings: moved.secretName, signal }), version };
        },
        (options) => removeSecret(moved.secretName, options),
      );
    }
    return { stored: await store.replace(connection, { before: marked, ifMatch, signal }), ...set };
  };

  return {
    clientOf,

    /**
     * Makes a connection: key checked first, then secret, then row; nothing stays behind when a step fails.
     * @param requestKey names the request: made again, it answers with the connection that it made before
     * @throws InvalidInputError key_refused, scope_missing, secret_unknown, secret_invalid, secret_ours; ConflictError name_taken,
     * consent_outdated
     */
    create: async (
      input: NewConnection,
      { caller, requestKey, signal }: { requestKey?: string } & AsCaller,
    ): Promise<Stored<CheckedConnection>> => {
      requireCurrentConsent(input.consentVersion);
      const id = newConnectionId(requestKey);
      const { own, isTaken } = await store.findNamed(id, input, { signal });
      if (own) {
        const { checks } = (await checkGiven(input, { signal }))!;
        return { value: { ...viewOf(own, now()), checks: [...checks] }, etag: own.connection.etag };
      }
      if (isTaken) throw nameTaken(input);
      const { apiKey, version, account, checks } = (await checkGiven(input, { signal }))!;
      const at = now().toISOString();
      const ownsSecret = input.secretName === undefined;
      const connection: Connection = {
        id,
        displayName: input.displayName,
        type: input.type,
        access: input.access,
        secretName: input.secretName ?? newSecretName('klaviyo'),
        ownsSecret,
        accountId: account.id,
        accountName: account.name,
        testAccount: account.testAccount,
        ...agreedBy(caller, { at, named: input.consentVersion }),
        createdAt: at,
        ...updatedBy(caller, at),
        exportUser: caller.id,
        exportUserName: caller.name,
      };
      const stored = await orUndo(
        async () => {
          if (ownsSecret) await store.noteSecret(connection.secretName, now(), { signal });
          const secret = ownsSecret ? await secrets.set(connection.secretName, apiKey, { signal }) : { version: version! };
          // Klaviyo has just said whose key this is; without the note the first run asks again
          const brings = ownsSecret ? connection.secretName : undefined;
          return store.insert(connection, { key: { ...secret, accountId: account.id }, brings, signal });
        },
        async (options) => {
          if (await store.find(connection.id, options)) return; // the row was written, only its answer was lost
          if (ownsSecret) await removeSecret(connection.secretName, options);
        },
      );
      return { value: { ...viewOf({ connection: stored, note: undefined }, now()), checks: [...checks] }, etag: stored.etag };
    },

    /** Whole for administrators, with a look at its secret; others see shared ones only. @throws NotFoundError connection_unknown */
    get: async (id: ConnectionId, { caller, signal }: AsCaller): Promise<Stored<ConnectionView | SharedConnection>> => {
      const { connection, note } = await findNoted(id, { signal });
      if (!mayUse(caller, connection.value)) throw notFound(); // that there is one is nobody else's business
      const { etag } = connection;
      if (caller.role !== 'Administrator') return { value: SharedConnection.parse(connection.value), etag };
      const seen = await keys.look(connection.value, note, { timeoutMs: LOOK_MS, signal });
      return { value: viewOf({ connection, note: seen }, now()), etag };
    },

    /**
     * Those the caller may use, with what was last found out about them. One query; only where a secret was gone is the vault asked
     * whether it has come back.
     */
    list: async (
      query: ConnectionQuery,
      { caller, signal }: AsCaller,
    ): Promise<{ value: readonly (ConnectionView | SharedConnection)[]; token?: string }> => {
      const known: Noted[] = [];
      for await (const noted of store.readNoted({ signal })) if (mayUse(caller, noted.connection.value)) known.push(noted);
      if (caller.role !== 'Administrator') {
        return pageOfConnections(
          known.map(({ connection: { value } }) => SharedConnection.parse(value)),
          query,
        );
      }
      const page = pageOfConnections(
        known.map((noted) => viewOf(noted, now())),
        query,
      );
      const shown = new Map(known.map((noted) => [noted.connection.value.id, noted]));
      const doubtful = page.value.filter(({ status }) => isOfTheVault(status)).slice(0, MAX_LOOKS);
      const looks = doubtful.map(async ({ id }): Promise<[ConnectionId, ConnectionView]> => {
        const { connection, note } = shown.get(id)!;
        const seen = await keys.look(connection.value, note, { timeoutMs: LOOK_AT_SEVERAL_MS, write: false, signal });
        return [id, viewOf({ connection, note: seen }, now())];
      });
      const looked = new Map(await Promise.all(looks));
      return { ...page, value: page.value.map((view) => looked.get(view.id) ?? view) };
    },

    /** Every connection by id, for those who decide about exports. */
    readAll: async ({ signal }: Options): Promise<ReadonlyMap<ConnectionId, Connection>> => {
      const connections = new Map<ConnectionId, Connection>();
      for await (const { connection } of store.readNoted({ signal })) connections.set(connection.value.id, connection.value);
      return connections;
    },

    find: async (id: ConnectionId, { signal }: Options): Promise<Connection | undefined> => (await store.find(id, { signal }))?.value,

    /**
     * Whether an export may have this connection. Who has just stored one asks this: a removal marks the connection before it looks for
     * exports, so that of the two at least one sees the other. False: it is gone, or going; take the export back.
     */
    isThere: async (id: ConnectionId, { signal }: Options): Promise<boolean> => {
      const found = await store.find(id, { signal });
      return found !== undefined && !isBeingRemoved(found.value, now());
    },

    /**
     * Changes name, access or key, or agrees anew. A new key must belong to the same account, as exports name its lists; it counts for
     * running exports from their next slice on.
     * @throws InvalidInputError as create, and account_differs; ConflictError changed_meanwhile, name_taken, secret_given,
     * consent_outdated, connection_being_removed, key_being_changed
     */
    update: async (
      id: ConnectionId,
      change: ConnectionChange,
      { ifMatch, caller, signal }: { ifMatch: string } & AsCaller,
    ): Promise<Stored<ConnectionView & { checks?: ConnectionCheck[] }> & { before: Connection }> => {
      const { displayName } = change;
      // the look for the name reads the connection, too
      const named = displayName === undefined ? undefined : await store.findNamed(id, { type: 'klaviyo', displayName }, { signal });
      const found = named ? named.own : await store.findNoted(id, { signal });
      if (!found) throw notFound();
      const { connection: current, note } = found;
      const before = current.value;
      const etag = requireChangeable(current, ifMatch, now());
      if (named?.isTaken) throw nameTaken({ displayName: displayName! });
      const { apiKey, secretName, agreed, consentVersion, ...rest } = change;
      if (agreed) requireCurrentConsent(consentVersion);
      if (apiKey !== undefined && !before.ownsSecret) {
        throw new ConflictError({
          code: 'secret_given',
          message:
            'The key of this connection is a secret of yours: change it in Key Vault. There is no way back to a typed key; make another connection for that, and remove this one.',
          pointer: '/apiKey',
        });
      }
      const given = await checkGiven({ apiKey, secretName }, { signal });
      if (given && given.account.id !== before.accountId) {
        throw new InvalidInputError({
          code: 'account_differs',
          message: `This key belongs to another Klaviyo account (${given.account.name}); make a connection of its own for it.`,
          pointer: apiKey === undefined ? '/secretName' : '/apiKey',
        });
      }
      const at = now().toISOString();
      const { removing: _removing, keyChanging: _keyChanging, sameAs: _sameAs, ...kept } = before;
      const next: Connection = {
        ...kept,
        ...rest,
        ...(secretName === undefined ? {} : { secretName, ownsSecret: false }),
        ...(given ? { accountName: given.account.name, testAccount: given.account.testAccount } : {}),
        ...(agreed ? agreedBy(caller, { at, named: consentVersion }) : {}),
        ...updatedBy(caller, at),
      };
      const marked: Connection = apiKey === undefined ? next : { ...next, keyChanging: { at } };
      const left = secretName !== undefined && before.ownsSecret ? before.secretName : undefined;
      const leaves = left === undefined ? {} : { leaves: { secretName: left, at: now() } };
      let stored = await store.replace(marked, { before, ifMatch: etag, ...leaves, signal });
      let version = given?.version;
      // after the row, so that of two changes at once only the winner's key is kept
      await orUndo(
        async () => {
          if (apiKey !== undefined) ({ stored, version } = await putKey(stored, apiKey, { signal }));
          if (left !== undefined) await secrets.remove(left, { signal });
        },
        async (options) => {
          const back = { ...kept, sameAs: versionsOf(current) };
          await store.replace(back, { before: stored.value, ifMatch: stored.etag, brings: left, ...options });
        },
      );
      if (left !== undefined) await store.forgetSecret(left, { signal }).catch(() => undefined); // the sweep does it
      const checked = given && version !== undefined ? { version, accountId: given.account.id } : undefined;
      const noted = checked ? await keys.noteGood(id, note, checked) : note;
      const view = viewOf({ connection: stored, note: noted }, now());
      return { value: { ...view, ...(given ? { checks: [...given.checks] } : {}) }, etag: stored.etag, before };
    },

    /**
     * Removes a connection and the secret that we made for it.
     * @returns what it was
     * @throws ConflictError connection_in_use with the exports that depend on it; changed_meanwhile, connection_being_removed
     */
    remove: async (id: ConnectionId, { ifMatch, signal }: { ifMatch: string } & Options): Promise<Connection> => {
      const current = await find(id, { signal });
      const etag = requireChangeable(current, ifMatch, now());
      const { removing: _removing, keyChanging: _keyChanging, sameAs: _sameAs, ...before } = current.value;
      // the mark first: an export that is stored from here on sees it, one that was stored before is seen here
      const marked = await store.replace({ ...before, removing: { at: now().toISOString() } }, { before, ifMatch: etag, signal });
      await orUndo(
        async () => {
          const using: { id: ExportId; name: string }[] = [];
          for await (const { id: exportId, name } of dependents(id, { signal })) using.push({ id: exportId, name });
          if (using.length > 0) {
            const [use, them] = using.length === 1 ? ['One export uses', 'it'] : [`${using.length} exports use`, 'them'];
            throw new ConflictError({
              code: 'connection_in_use',
              message: `${use} this connection; remove or detach ${them} first.`,
              details: { exports: using },
            });
          }
          // secret first: asked again after a failure, the rest follows; the other way round a living key would stay behind unseen
          if (before.ownsSecret) await secrets.remove(before.secretName, { signal });
          await store.remove(marked.value, { signal });
        },
        async (options) => {
          await store.replace({ ...before, sameAs: versionsOf(current) }, { before, ifMatch: marked.etag, ...options });
        },
      );
      return before;
    },

    /**
     * Checks the key against everything an export needs, by calls that change nothing, and notes what was found.
     * @throws UpstreamError when Klaviyo or the vault cannot be reached
     */
    test: async (id: ConnectionId, { signal }: Options): Promise<readonly ConnectionCheck[]> => {
      const { connection, note } = await findNoted(id, { signal });
      let key;
      try {
        key = await keys.read(connection.value, { note, signal });
      } catch (error) {
        if (findingOf(error) === undefined) throw error;
        return [{ check: 'secret', ok: false, detail: (error as Error).message }];
      }
      const secret: ConnectionCheck = { check: 'secret', ok: true, detail: 'The API key is in Key Vault.' };
      const { accountId } = connection.value;
      const list = await runChecklist(checkingClient(key.apiKey, accountId), { signal });
      if (list.account !== undefined && list.account.id !== accountId) {
        const { name, id: other } = list.account;
        const detail = `The key belongs to another account, ${name} (${other}), than when the connection was made.`;
        await keys.noteFinding(id, { status: 'accountChanged', detail }, note);
        return [secret, ...list.checks.map((one) => (one.check === 'account' ? { ...one, ok: false, detail } : one))];
      }
      const finding = findingOf(list.refusal);
      if (finding) await keys.noteFinding(id, { ...finding, endpoint: undefined }, note);
      else await keys.noteGood(id, note, { version: key.version, accountId });
      return [secret, ...list.checks];
    },

    /** Removes secrets of ours that a crash has left without a connection. @returns how many notes of such there were */
    sweepSecrets: async ({ signal }: Options): Promise<number> => {
      const settled = new Date(now().getTime() - SECRET_SETTLES_MS).toISOString();
      const left: string[] = [];
      for await (const { secretName, at } of store.readSecretNotes({ signal })) if (at < settled) left.push(secretName);
      if (left.length === 0) return 0;
      const used = new Set<string>();
      for await (const { value } of store.readAll({ signal })) used.add(value.secretName.toLowerCase());
      for (const secretName of left) {
        if (!used.has(secretName.toLowerCase())) await secrets.remove(secretName, { signal });
        await store.forgetSecret(secretName, { signal });
      }
      return left.length;
    },

    /**
     * Lists of the account, by name; `search` finds a part of the name on all pages, `name` exactly this name by one call.
     * @throws NotFoundError connection_unknown; ConflictError secret_missing; UpstreamError
     */
    lists: async (
      id: ConnectionId,
      { search, name, caller, signal }: { search?: string; name?: string } & AsCaller,
    ): Promise<readonly KlaviyoList[]> => {
      const { value: connection } = await find(id, { signal });
      if (!mayUse(caller, connection)) throw notFound();
      const client = await clientOf(connection, { signal });
      const lists: KlaviyoList[] = [];
      if (name === undefined) for await (const list of readLists(client, { signal })) lists.push(list);
      else lists.push(...(await findListsNamed(client, name, { signal })));
      const wanted = (search ?? '').toLowerCase();
      return lists.filter((list) => list.name.toLowerCase().includes(wanted)).sort((one, other) => one.name.localeCompare(other.name));
    },
  };
};

export type Connections = ReturnType<typeof createConnections>;
