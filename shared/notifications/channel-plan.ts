import { ConflictError, NotFoundError } from '../errors';
import { newChannelId } from '../new-ids';
import type { ChannelInput, StoredChannel } from '../settings/notification-settings';
import type { ChannelSecret, ChannelSecrets } from './channel-secrets';
import { newSigningSecret } from './signature';

/** A signing secret that was replaced signs for so long beside the new one. */
const CHANGE_OVER_MS = 24 * 3_600_000;

/** A channel as it will be, and the secret that has to be made for it. */
export interface PlannedChannel {
  readonly channel: StoredChannel;
  readonly secret?: ChannelSecret;
  /** a signing secret that nobody knows yet */
  readonly made?: string;
  /** of the channel before: no longer its own */
  readonly left?: string;
}

/** undefined: somebody removed or changed it in the vault. */
const findOld = async (
  name: string,
  { secrets, signal }: { secrets: Pick<ChannelSecrets, 'get'>; signal: AbortSignal },
): Promise<ChannelSecret | undefined> => {
  try {
    return await secrets.get(name, { signal });
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof ConflictError) return undefined;
    throw error;
  }
};

/**
 * What has to be made for a channel that is to be as somebody says; the vault is asked only where something of the old secret goes on.
 * @param before the channel as it is; undefined for a new one
 * @throws ConflictError secret_missing; UpstreamError when the vault does not answer
 */
export const planChannel = async (
  { id, url, newSecret, ...rest }: ChannelInput,
  before: StoredChannel | undefined,
  { secrets, now, signal }: { secrets: Pick<ChannelSecrets, 'get' | 'newName'>; now: () => Date; signal: AbortSignal },
): Promise<PlannedChannel> => {
  const at = now().toISOString();
  const isSigned = rest.form === 'json';
  const wasSigned = before?.secretMadeAt !== undefined;
  const renews = isSigned && (!wasSigned || newSecret === true);
  if (before !== undefined && url === undefined && !renews) {
    // kinds that are left out are all kinds
    const { secretMadeAt, kinds: _, ...kept } = before;
    return { channel: { ...kept, ...rest, ...(isSigned && secretMadeAt ? { secretMadeAt } : {}) } };
  }
  const isOldUsed = before !== undefined && (url === undefined || (isSigned && wasSigned));
  const old = isOldUsed ? await findOld(before.secretName, { secrets, signal }) : undefined;
  const address = url ?? old?.url;
  if (address === undefined) {
    throw new ConflictError({
      code: 'secret_missing',
      message: `The address of the channel “${rest.name}” is no longer in Key Vault; give it anew.`,
    });
  }
  const kept = renews ? undefined : old?.signingSecret;
  const made = isSigned && kept === undefined ? newSigningSecret() : undefined;
  const secret: ChannelSecret = { url: address };
  if (isSigned) secret.signingSecret = kept ?? made;
  if (kept !== undefined && old?.before !== undefined) secret.before = old.before;
  if (made !== undefined && old?.signingSecret !== undefined) {
    const until = new Date(Date.parse(at) + CHANGE_OVER_MS).toISOString();
    secret.before = { signingSecret: old.signingSecret, until };
  }
  const channel: StoredChannel = {
    ...rest,
    id: id ?? newChannelId(),
    host: new URL(address).host,
    secretName: secrets.newName(),
    ...(isSigned ? { secretMadeAt: made === undefined ? before!.secretMadeAt! : at } : {}),
    changedAt: at,
  };
  return { channel, secret, ...(made === undefined ? {} : { made }), ...(before ? { left: before.secretName } : {}) };
};
