import { ConflictError, NotFoundError } from '../errors';
import type { ConnectionId } from '../ids';
import { getAccount } from '../klaviyo/accounts';
import type { KlaviyoClient } from '../klaviyo/client';
import type { Secrets } from '../platform/secrets';
import { ApiKey } from './connection';
import type { Connection } from './connection';
import { findingOf, isOfTheVault } from './connection-status';
import type { ConnectionNote, Finding } from './connection-status';
import type { ConnectionStore } from './connection-store';

/** Noting what was found must not hold up what finds it. */
const NOTE_MS = 5_000;
/** The same finding is written again after this, so that one sees that it still holds. */
const SAME_AGAIN_MS = 5 * 60_000;

type Options = { signal: AbortSignal };
export interface ReadKey {
  readonly apiKey: string;
  readonly version: string;
}

const missing = (cause: unknown): ConflictError =>
  new ConflictError({
    code: 'secret_missing',
    message: 'The API key of this connection is no longer in Key Vault; restore the secret there, or enter a key in the connection.',
    cause,
  });

/**
 * What a secret holds, if that may be an API key. Any other secret of the vault stays inside: its value would be sent to Klaviyo.
 * @throws ConflictError secret_invalid
 */
export const asApiKey = (value: string): string => {
  const parsed = ApiKey.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ConflictError({
    code: 'secret_invalid',
    message: 'The secret of this connection holds no private Klaviyo API key, which begins with pk_; put one there.',
  });
};

const accountChanged = (accountId: string): Finding => ({
  status: 'accountChanged',
  detail: `The secret of this connection now holds a key of another Klaviyo account (${accountId}); put the key of the old account back, or make a connection of its own for the new one.`,
});

/**
 * Keys of connections, read from Key Vault whenever they are used, and what is found out by that: a note beside the connection says
 * whether secret and key are all right, and since when they are not. It is written when that changes, by whoever meets it first, and
 * is over with the next one who finds them all right (customer-insights.md K6, K8).
 */
export const createConnectionKeys = ({
  store,
  secrets,
  now,
}: {
  store: Pick<ConnectionStore, 'findNote' | 'putNote'>;
  secrets: Pick<Secrets, 'get'>;
  now: () => Date;
}) => {
  /** accounts of secret versions that this process knows of */
  const accounts = new Map<string, string>();

  /** Never throws: a note that is not written is written by the next one. */
  const change = async (
    id: ConnectionId,
    known: ConnectionNote | undefined,
    next: (before: ConnectionNote | undefined) => ConnectionNote | undefined,
  ): Promise<ConnectionNote | undefined> => {
    const signal = AbortSignal.timeout(NOTE_MS);
    try {
      const before = known ?? (await store.findNote(id, { signal }));
      const after = next(before);
      if (after === undefined) return before;
      await store.putNote(id, after, { signal });
      return after;
    } catch {
      return known;
    }
  };

  const noteFinding = (id: ConnectionId, finding: Finding, known?: ConnectionNote) =>
    change(id, known, (before) => {
      const at = now();
      const isSame = before?.status === finding.status;
      if (isSame && before.detail === finding.detail && at.getTime() - Date.parse(before.checkedAt) < SAME_AGAIN_MS) return undefined;
      return {
        kind: 'note',
        ...(before?.key ? { key: before.key } : {}),
        ...finding,
        since: isSame ? before.since : at.toISOString(),
        checkedAt: at.toISOString(),
      };
    });

  const noteGood = (id: ConnectionId, known?: ConnectionNote, key?: ConnectionNote['key']) =>
    change(id, known, (before) => {
      const at = now().toISOString();
      const kept = key ?? before?.key;
      return {
        kind: 'note',
        ...(kept ? { key: kept } : {}),
        status: 'connected',
        detail: '',
        since: before?.status === 'connected' ? before.since : at,
        checkedAt: at,
      };
    });

  /**
   * The key as it is now.
   * @param note what was last found out, where the caller has it: only then is a note of trouble with the secret cleared
   * @throws ConflictError secret_missing, secret_invalid; UpstreamError secret_disabled, vault_refused, vault_unavailable
   */
  const read = async (
    { id, secretName }: Pick<Connection, 'id' | 'secretName'>,
    { note, signal }: { note?: ConnectionNote } & Options,
  ): Promise<ReadKey> => {
    try {
      const { value, version } = await secrets.get(secretName, { signal });
      const apiKey = asApiKey(value);
      if (note && isOfTheVault(note.status)) await noteGood(id, note);
      return { apiKey, version };
    } catch (error) {
      const known = error instanceof NotFoundError ? missing(error) : error;
      const finding = findingOf(known);
      if (finding) await noteFinding(id, finding, note);
      throw known;
    }
  };

  return {
    read,
    noteFinding,
    noteGood,

    /**
     * Looks whether the secret is there, for somebody who waits: what the vault does not tell in time stays as it was.
     * @returns the note as it is now
     */
    look: async (
      { id, secretName }: Pick<Connection, 'id' | 'secretName'>,
      note: ConnectionNote | undefined,
      { timeoutMs, signal, write = true }: { timeoutMs: number; write?: boolean } & Options,
    ): Promise<ConnectionNote | undefined> => {
      const silent = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      try {
        const { value } = await secrets.get(secretName, { signal: silent });
        asApiKey(value);
        if (!note || !isOfTheVault(note.status)) return note;
        if (write) return await noteGood(id, note);
        const at = now().toISOString();
        return { ...note, status: 'connected', detail: '', since: at, checkedAt: at };
      } catch (error) {
        signal.throwIfAborted();
        const finding = findingOf(error instanceof NotFoundError ? missing(error) : error);
        return finding && write ? noteFinding(id, finding, note) : note;
      }
    },

    /** The same client; what Klaviyo says of the key is noted, and a note of it ends with a call that goes well. */
    watch: (id: ConnectionId, client: KlaviyoClient, note?: ConnectionNote): KlaviyoClient => {
      let known = note;
      return {
        send: async (endpoint, request) => {
          try {
            const answer = await client.send(endpoint, request);
            const isOver = known?.status === 'keyRefused' || (known?.status === 'scopeMissing' && known.endpoint === endpoint);
            if (isOver) known = await noteGood(id, known);
            return answer;
          } catch (error) {
            const finding = findingOf(error);
            if (finding) known = await noteFinding(id, finding, known);
            throw error;
          }
        },
      };
    },

    /** Klaviyo is asked once per version of a secret, by whichever instance meets it first: an account allows 15 such calls a minute. */
    accountOf: async (
      connection: Pick<Connection, 'id' | 'secretName' | 'accountId'>,
      { version, note, client, signal }: { version: string; note: ConnectionNote | undefined; client: KlaviyoClient } & Options,
    ): Promise<string> => {
      const { id, secretName } = connection;
      const known = accounts.get(`${secretName} ${version}`) ?? (note?.key?.version === version ? note.key.accountId : undefined);
      const accountId = known ?? (await getAccount(client, { signal })).id;
      accounts.set(`${secretName} ${version}`, accountId);
      if (accountId !== connection.accountId) await noteFinding(id, accountChanged(accountId), note);
      else if (known === undefined || note?.status === 'accountChanged') await noteGood(id, note, { version, accountId });
      return accountId;
    },
  };
};

export type ConnectionKeys = ReturnType<typeof createConnectionKeys>;
