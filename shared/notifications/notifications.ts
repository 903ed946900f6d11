import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Caller } from '../caller';
import { ConflictError, InvalidInputError } from '../errors';
import type { ChannelId } from '../ids';
import type { Stored } from '../platform/tables';
import type {
  ChannelDelivery,
  NotificationSettings,
  SavedNotificationSettings,
  StoredChannel,
  StoredNotifications,
} from '../settings/notification-settings';
import type { Channels } from './channels';
import { NotificationItem } from './message';
import type { NotificationStore, Remembered } from './notification-store';
import { noteOf } from './outcome';
import type { Send, Sent } from './send';
import { LOG, freshChannel, isOpen } from './state';
import type { Condition, State } from './state';
import { itemOf, messageOf } from './told';

/** Something that is not as it should be at the moment. */
export const OpenCondition = NotificationItem.omit({ until: true, how: true, link: true })
  .extend({
    /** when it was noticed */
    openedAt: z.iso.datetime(),
    /** when it last happened anew */
    seenAt: z.iso.datetime(),
    /** when somebody was last told; absent while nobody was, e.g. as it came back within an hour: it is told once it has lasted one, or by the digest */
    toldAt: z.iso.datetime().optional(),
    /** channels that were told */
    channelIds: z.array(z.string()),
  })
  .meta({ id: 'OpenCondition' });
export type OpenCondition = z.infer<typeof OpenCondition>;

/** What a receiver said to a test message. */
export const ChannelTest = z
  .object({
    delivered: z.boolean(),
    /** of the receiver's answer, where there was one; nothing else of it is read */
    status: z.int().optional(),
    code: z.string().optional(),
    detail: z.string(),
  })
  .meta({ id: 'ChannelTest' });
export type ChannelTest = z.infer<typeof ChannelTest>;

type Options = { signal: AbortSignal };

/** The timer writes twice a minute at most. */
const NOTE_TRIES = 4;

const SAYS: Readonly<Record<string, string>> = {
  timeout: 'The receiver did not answer within ten seconds.',
  no_answer: 'The receiver cannot be reached; look whether the address is right.',
  address_refused: 'The address leads into a private network, so that nothing is sent there.',
  redirected: 'The receiver sends elsewhere, which is not followed; give the address that it leads to.',
  gone: 'There is no such receiver (any more); give its new address.',
  throttled: 'The receiver takes no more messages just now.',
  refused: 'The receiver refused the message; look whether the form of the channel is right.',
  failing: 'The receiver has trouble of its own.',
};

const resultOf = (sent: Sent): ChannelTest => {
  if (sent.ok) return { delivered: true, status: sent.status, detail: `The receiver took the message (status ${sent.status}).` };
  const { status, code } = sent;
  const says = SAYS[code] ?? 'The address of this channel cannot be read from Key Vault; give it anew.';
  return {
    delivered: false,
    ...(status === undefined ? {} : { status }),
    code,
    detail: status === undefined ? says : `${says} (Status ${status}.)`,
  };
};

/** How a channel fared since its address or secret last changed. */
export const deliveryOf = (
  { id, secretName }: { readonly id: string; readonly secretName: string },
  { state, outbox }: Pick<Remembered, 'state' | 'outbox'>,
): ChannelDelivery => {
  const waiting = outbox.filter(({ channelId }) => channelId === id).length;
  const note = state.channels[id]?.delivery;
  if (note?.secretName !== secretName) return { state: 'new', waiting };
  const { ok, broken, at, since, status, code } = note;
  return {
    state: broken ? 'broken' : ok ? 'working' : 'failing',
    at,
    ...(since === undefined ? {} : { since }),
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    waiting,
  };
};

/** With what came of a test; one that gets through mends a broken channel. */
const withTest = (state: State, id: ChannelId, sent: Sent, tried: { at: string; secretName: string }): State => {
  const before = state.channels[id];
  // somebody looks at it, so that it is not given up for what a test finds; nor is it mended by that
  const wasBroken = before?.delivery?.secretName === tried.secretName && before.delivery.broken;
  const delivery = { ...noteOf(before?.delivery, sent, tried), broken: !sent.ok && wasBroken };
  return { ...state, channels: { ...state.channels, [id]: { ...freshChannel, ...before, delivery } } };
};

/** Names of connections are for administrators. */
const maySee = ({ role }: Caller, { subject }: Condition): boolean => subject.type !== 'connection' || role === 'Administrator';

/** What people do with notifications: set whom they go to, try it, look at what is open. */
export const createNotifications = ({
  channels,
  store,
  send,
  app,
  now,
}: {
  channels: Channels;
  store: NotificationStore;
  send: Send;
  /** host name of this app, where it is known */
  app: string | undefined;
  now: () => Date;
}) => {
  const viewOf = (
    { channels: stored, digest, rejectedShare, lateMinutes }: StoredNotifications,
    remembered: Pick<Remembered, 'state' | 'outbox'>,
    { made = new Map(), showsHosts = true }: { made?: ReadonlyMap<string, string>; showsHosts?: boolean } = {},
  ): SavedNotificationSettings => ({
    channels: stored.map(({ secretName, host, ...channel }) => {
      const signingSecret = made.get(channel.id);
      return {
        ...channel,
        ...(showsHosts ? { host } : {}),
        delivery: deliveryOf({ ...channel, secretName }, remembered),
        ...(signingSecret === undefined ? {} : { signingSecret }),
      };
    }),
    digest,
    rejectedShare,
    lateMinutes,
  });

  /** The timer may write at the same moment: a test that got through must not be lost for that, as it mends a channel. */
  const noteTest = async ({ id, secretName }: StoredChannel, sent: Sent, { signal }: Options): Promise<void> => {
    const at = now().toISOString();
    for (let left = NOTE_TRIES; left > 0; left -= 1) {
      const { state, etag, isReadable } = await store.read({ signal });
      if (!isReadable) return;
      try {
        await store.commit(withTest(state, id, sent, { at, secretName }), { etag, signal });
        return;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
      }
    }
  };

  return {
    /** Two storage calls. */
    getSettings: async ({ caller, signal }: { caller: Pick<Caller, 'role'> } & Options): Promise<Stored<SavedNotificationSettings>> => {
      const [{ value, etag }, remembered] = await Promise.all([channels.get({ signal }), store.read({ signal })]);
      return { value: viewOf(value, remembered, { showsHosts: caller.role === 'Administrator' }), etag };
    },

    /**
     * @returns what is set now, with the signing secrets that were made, which are shown this once; `before` and `after` without them
     * @throws as Channels.set
     */
    setSettings: async (wanted: NotificationSettings, options: { ifMatch: string } & Options) => {
      const { value, etag, before, made } = await channels.set(wanted, options);
      const remembered = await store.read(options);
      return { value: viewOf(value, remembered, { made }), etag, before: viewOf(before, remembered), after: viewOf(value, remembered) };
    },

    /** Sends a message to a channel now, whatever is known of it. @throws InvalidInputError channel_unknown */
    test: async (channelId: ChannelId, { signal }: Options): Promise<ChannelTest & { readonly name: string }> => {
      const { value } = await channels.get({ signal });
      const channel = value.channels.find(({ id }) => id === channelId);
      if (channel === undefined) {
        throw new InvalidInputError({
          code: 'channel_unknown',
          message: 'There is no such channel; it may have been removed.',
          pointer: '/channelId',
        });
      }
      const message = messageOf({ type: 'test', timestamp: now().toISOString(), items: [], more: 0 }, { app });
      const sent = await send(channel, { id: `msg_${randomUUID()}`, message }, { signal });
      await noteTest(channel, sent, { signal });
      return { ...resultOf(sent), name: channel.name };
    },

    /** What is open and may be seen, the newest first; one storage call. */
    listOpen: async ({ caller, signal }: { caller: Caller } & Options): Promise<readonly OpenCondition[]> => {
      const { state } = await store.read({ signal });
      const open = state.conditions.filter((condition) => isOpen(condition) && maySee(caller, condition));
      return open
        .sort((one, other) => (one.openedAt < other.openedAt ? 1 : -1))
        .map((condition) => {
          const { openedAt, seenAt, toldAt, told } = condition;
          const { link: _, ...item } = itemOf(condition, { app });
          return { ...item, openedAt, seenAt, ...(toldAt === undefined ? {} : { toldAt }), channelIds: told.filter((id) => id !== LOG) };
        });
    },
  };
};

export type Notifications = ReturnType<typeof createNotifications>;
