import { createHmac, randomUUID } from 'node:crypto';
import { ConflictError, InvalidInputError, LimitError } from '../errors';
import type { IdempotencyStore, KeyRow, KeptAnswer } from './idempotency-store';

/** How long a key is remembered. */
export const KEY_KEPT_MS = 24 * 60 * 60_000;
/**
 * A call is over after this, however it went: the platform ends it at 230 s, ours ends at 220 s and then undoes for 15 s at most. A key
 * that is still at work by then belonged to a call that died, and counts as free.
 */
export const KEY_WORKING_MS = 240_000;
/** After this an expired key is cleared away; the hour keeps it apart from a call that takes the key anew just now. */
const SWEEP_AFTER_MS = 60 * 60_000;
const MAX_KEY_CHARACTERS = 255;
const MAX_ATTEMPTS = 4;

/** A string of RFC 9651, in quotes and with \" and \\ for those two … */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/;
/** … or, as most clients send it, the bare characters. */
const BARE = /^[\x21\x23-\x2b\x2d-\x7e]+$/;

/**
 * The caller's own name for this one request.
 * @throws InvalidInputError idempotency_key_malformed
 * @see IETF draft-ietf-httpapi-idempotency-key-header-07, section 2.1: a structured header of one string
 */
export const readIdempotencyKey = (headers: { get(name: string): string | null }): string | undefined => {
  const value = headers.get('idempotency-key');
  if (value === null) return undefined;
  const key = QUOTED.exec(value.trim())?.[1]?.replaceAll(/\\(.)/g, '$1') ?? BARE.exec(value.trim())?.[0];
  if (key !== undefined && key.length <= MAX_KEY_CHARACTERS) return key;
  throw new InvalidInputError({
    code: 'idempotency_key_malformed',
    message: `Idempotency-Key must be one string of 1 to ${MAX_KEY_CHARACTERS} visible ASCII characters, best a UUID of its own for each request.`,
    pointer: 'Idempotency-Key',
  });
};

/** The same value always gives the same text, whatever the order of its fields. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );

/** One request that its caller has named. */
export interface NamedRequest {
  readonly key: string;
  /** object id: another caller's key of the same name is another key */
  readonly callerId: string;
  /** method and address */
  readonly target: string;
  /** as understood: {} and its defaults spelt out are the same request */
  readonly input: unknown;
}

const isAtWork = ({ answer, answerLeftOut, failed }: KeyRow): boolean => answer === undefined && !answerLeftOut && !failed;

const inUse = (): ConflictError =>
  new ConflictError({
    code: 'idempotency_key_in_use',
    message: 'The first request with this Idempotency-Key is still at work; ask again in a moment to get its answer.',
  });

/**
 * Does what is asked for under one Idempotency-Key once: who asks again within a day gets the first answer. An attempt that fails leaves
 * the key free; so does one whose process died, after `KEY_WORKING_MS`. What it may have done by then is found by the work's id, which the
 * next attempt of the same request is given, too. Two storage calls: one before, one after.
 * Neither key nor body is stored: both enter as HMACs under a secret of the deployment, so that nobody who reads the table can try
 * guessable keys, API keys or addresses against it.
 * @param secret from Key Vault, read once a process
 */
export const createIdempotency = ({
  store,
  secret,
  now,
}: {
  store: IdempotencyStore;
  secret: (options: { signal: AbortSignal }) => Promise<Uint8Array>;
  now: () => Date;
}) => {
  /** @returns the row that is ours now, or the answer that is there already */
  const claim = async (
    { key, callerId, target, input }: NamedRequest,
    { signal }: { signal: AbortSignal },
  ): Promise<{ mine: KeyRow } | { answer: KeptAnswer }> => {
    const known = await secret({ signal });
    const digest = (...parts: readonly string[]): string => createHmac('sha256', known).update(JSON.stringify(parts)).digest('hex');
    const at = now();
    const wanted = {
      id: digest('idempotency-key', callerId, key),
      workId: randomUUID(),
      attempt: randomUUID(),
      fingerprint: digest('idempotent-request', callerId, key, target, canonical(input)),
      startedAt: at.toISOString(),
      expiresAt: new Date(at.getTime() + KEY_KEPT_MS).toISOString(),
      answerLeftOut: false,
      failed: false,
    };
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const inserted = await store.insert(wanted, { signal });
      if (inserted !== undefined) return { mine: inserted };
      const found = await store.find(wanted.id, { signal });
      if (found === undefined) continue; // its holder has just given it back
      if (found.attempt === wanted.attempt) return { mine: found }; // ours, only the answer was lost
      const isOver = Date.parse(found.expiresAt) <= at.getTime();
      const isDead = isAtWork(found) && at.getTime() - Date.parse(found.startedAt) >= KEY_WORKING_MS;
      if (isOver || isDead || found.failed) {
        const isSame = !isOver && found.fingerprint === wanted.fingerprint;
        const workId = (isSame ? found.workId : undefined) ?? wanted.workId;
        const taken = await store.replace({ ...wanted, workId, etag: found.etag }, { signal });
        if (taken !== undefined) return { mine: taken };
        throw inUse(); // another repetition was quicker
      }
      if (found.fingerprint !== wanted.fingerprint) {
        throw new LimitError({
          code: 'idempotency_key_reused',
          message:
            'This Idempotency-Key belongs to another request of yours, with another address or body; use a new key for each request.',
        });
      }
      if (found.answerLeftOut) {
        throw new ConflictError({
          code: 'idempotency_answer_lost',
          message: 'This was done already, but its answer was too large to be kept; read what it made instead.',
        });
      }
      if (found.answer === undefined) throw inUse();
      return { answer: found.answer };
    }
    throw inUse();
  };

  return {
    /**
     * @param work what to do, with its answer; when it throws, the key is free again. What it makes should bear `workId`: the same request,
     * made again after a failure or a crash, is given the same one, and so finds what is there
     * @throws ConflictError idempotency_key_in_use (409); LimitError idempotency_key_reused (422); whatever `work` throws
     */
    once: async (
      request: NamedRequest,
      work: (workId: string) => Promise<KeptAnswer>,
      { signal }: { signal: AbortSignal },
    ): Promise<{ answer: KeptAnswer; replayed: boolean }> => {
      const claimed = await claim(request, { signal });
      if ('answer' in claimed) return { answer: claimed.answer, replayed: true };
      // past the call's own deadline, too: what was done must be remembered
      const afterwards = { signal: AbortSignal.timeout(10_000) };
      let answer: KeptAnswer;
      try {
        answer = await work(claimed.mine.workId ?? claimed.mine.attempt);
      } catch (error) {
        await store.replace({ ...claimed.mine, failed: true }, afterwards).catch(() => undefined); // it ends by itself, and the first error says more
        throw error;
      }
      // it has been done: that is the truth, whether or not it could be noted
      await store.replace({ ...claimed.mine, answer }, afterwards).catch(() => undefined);
      return { answer, replayed: false };
    },

    /** Clears away keys that have expired, at most some hundreds a call. */
    sweep: ({ signal }: { signal: AbortSignal }): Promise<number> =>
      store.removeExpired(new Date(now().getTime() - KEY_KEPT_MS - SWEEP_AFTER_MS), { signal }),
  };
};

export type Idempotency = ReturnType<typeof createIdempotency>;
