import { UpstreamError, isDomainError } from '../errors';
import type { Webhooks } from '../platform/webhooks';
import type { StoredChannel } from '../settings/notification-settings';
import { bodyOf } from './cards';
import type { ChannelSecrets } from './channel-secrets';
import type { NotificationMessage } from './message';
import { signedHeaders } from './signature';

/** What became of one attempt. Of an answer nothing but the status is known. */
export type Sent =
  | { readonly ok: true; readonly status: number }
  | {
      readonly ok: false;
      readonly status?: number;
      /** timeout, no_answer, address_refused, redirected, gone, throttled, refused, failing; or why the vault kept the address */
      readonly code: string;
      readonly retryAfterMs?: number;
      /** the receiver says that it has gone for good: trying again is of no use */
      readonly isGone: boolean;
    };

/** All of one read of an address; the vault's client has no time-out of its own. */
const VAULT_TIMEOUT_MS = 10_000;

/** Statuses that say that nobody is there: not found, which may pass, and gone. */
const GONE = 410;
const NOBODY = [404, GONE];

/** What a status says of an attempt. Pure. */
export const codeOfStatus = (status: number): string | undefined => {
  if (status >= 200 && status < 300) return undefined;
  if (status >= 300 && status < 400) return 'redirected';
  if (NOBODY.includes(status)) return 'gone';
  if (status === 429) return 'throttled';
  return status >= 500 ? 'failing' : 'refused';
};

/** Posts a message to a channel, once. Never throws but for the signal of the caller. */
export const createSend =
  ({
    secrets,
    webhooks,
    now,
    vaultTimeoutMs = VAULT_TIMEOUT_MS,
  }: {
    secrets: Pick<ChannelSecrets, 'get'>;
    webhooks: Pick<Webhooks, 'post'>;
    now: () => Date;
    vaultTimeoutMs?: number;
  }) =>
  async (
    channel: Pick<StoredChannel, 'form' | 'secretName'>,
    { id, message }: { readonly id: string; readonly message: NotificationMessage },
    { signal }: { signal: AbortSignal },
  ): Promise<Sent> => {
    let secret;
    try {
      secret = await secrets.get(channel.secretName, { signal: AbortSignal.any([signal, AbortSignal.timeout(vaultTimeoutMs)]) });
    } catch (error) {
      signal.throwIfAborted();
      const retryAfterMs = error instanceof UpstreamError ? error.retryAfterMs : undefined;
      return {
        ok: false,
        code: isDomainError(error) ? error.code : 'vault_unavailable',
        isGone: false,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
    }
    const at = now();
    const body = bodyOf(channel.form, message);
    const { signingSecret, before } = secret;
    const keys = [signingSecret, before !== undefined && Date.parse(before.until) > at.getTime() ? before.signingSecret : undefined];
    const isSigned = channel.form === 'json';
    const headers = signedHeaders({ id, body, at }, isSigned ? keys.filter((key) => key !== undefined) : []);
    const answer = await webhooks.post(secret.url, { headers, body, signal });
    if (answer.kind === 'unanswered') return { ok: false, code: answer.code, isGone: false };
    const { status, retryAfterMs } = answer;
    const code = codeOfStatus(status);
    if (code === undefined) return { ok: true, status };
    return { ok: false, status, code, isGone: status === GONE, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  };

export type Send = ReturnType<typeof createSend>;
