import { z } from 'zod';
import { ChannelId } from '../ids';
import { TimeOfDay } from '../schedules/schedule';
import { TimeZone } from '../schedules/time-zone';

/** What administrators and marketers are told of; a kind that is in use is never renamed. */
export const NotificationKind = z
  .enum([
    /** a run ended as failed: nothing tries it again but the next run */
    'run_failed',
    /** removals wait for somebody's word */
    'removals_held',
    /** Klaviyo refused a larger share of the rows than `rejectedShare` */
    'rejected_share',
    /** a run is due since `lateMinutes` and has not begun */
    'did_not_start',
    /** a run of the schedule or an event did nothing, as the segments were half written or older than what was brought before */
    'source_stale',
    /** Klaviyo does not accept the key of a connection */
    'key_refused',
    /** the key of a connection cannot be read from Key Vault */
    'secret_missing',
    /** the revision of Klaviyo's API that this version of the app speaks retires within half a year */
    'revision_retires',
    /** the receiver of a channel is no more, so that nothing is sent there: told to the other channels */
    'channel_broken',
  ])
  .meta({ id: 'NotificationKind' });
export type NotificationKind = z.infer<typeof NotificationKind>;

/** json: signed, for programs; teams, slack: a card or message for people */
export const ChannelForm = z.enum(['json', 'teams', 'slack']);
export type ChannelForm = z.infer<typeof ChannelForm>;

const ChannelScope = z.enum(['all', 'chosen']);
const isOnce = (values: readonly unknown[]): boolean => new Set(values).size === values.length;

/** Names differ when they differ in more than case: a configuration document knows channels by name. */
export const channelNameKey = (name: string): string => name.normalize('NFKC').toLowerCase();

export const MAX_CHANNELS = 10;

/** A channel keeps what a later version had it hear of; others are refused when it is saved. */
const LaterKind = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/);

const ofChannel = {
  name: z.string().trim().min(1).max(80),
  form: ChannelForm,
  /** all: every notification of its kinds; chosen: those of exports that name it, of their connections, and none of the app as a whole */
  scope: ChannelScope.default('all'),
  /** left out: all kinds, also those of later versions */
  kinds: z
    .array(z.union([NotificationKind, LaterKind]))
    .min(1)
    .max(40)
    .refine(isOnce, 'expected each kind once')
    .optional(),
};

const ofAll = {
  /** when a digest of what is still open is sent, each day, by the clock on the wall */
  digest: z.strictObject({ time: TimeOfDay, timeZone: TimeZone }).default({ time: '08:00', timeZone: 'UTC' }),
  /** share of refused rows above which that is told, 0 to 1, where at least 50 rows were sent */
  rejectedShare: z.number().min(0).max(1).default(0.05),
  /** minutes after which a run that is due and has not begun is told */
  lateMinutes: z.int().min(5).max(1_440).default(15),
};

/** A channel as somebody sends it. */
export const ChannelInput = z
  .strictObject({
    /** left out: a new channel */
    id: ChannelId.optional(),
    ...ofChannel,
    /** https address that messages are posted to; a secret, which is never shown again. Needed for a new channel; replaces the one before */
    url: z.string().trim().min(1).max(2_000).optional(),
    /** makes another signing secret (form json); both sign for a day */
    newSecret: z.literal(true).optional(),
  })
  .meta({ id: 'ChannelInput' });
export type ChannelInput = z.infer<typeof ChannelInput>;

/** What an administrator sends: the channels as they are to be, one that is left out goes; a field left out takes its default. */
export const NotificationSettings = z
  .strictObject({ channels: z.array(ChannelInput).max(MAX_CHANNELS).default([]), ...ofAll })
  .superRefine(({ channels }, context) => {
    for (const [index, { id, name, form, newSecret }] of channels.entries()) {
      const earlier = channels.slice(0, index);
      const issue = (field: string, message: string) => context.addIssue({ code: 'custom', path: ['channels', index, field], message });
      if (earlier.some((other) => channelNameKey(other.name) === channelNameKey(name))) issue('name', 'expected each name once');
      if (id !== undefined && earlier.some((other) => other.id === id)) issue('id', 'expected each channel once');
      if (newSecret && form !== 'json') issue('newSecret', 'expected a channel of the form json: only such messages are signed');
    }
  })
  .meta({ id: 'NotificationSettings' });
export type NotificationSettings = z.infer<typeof NotificationSettings>;

/** A channel as it is stored: its address and signing secret lie in Key Vault under `secretName`, a random name. */
export const StoredChannel = z.object({
  id: ChannelId,
  ...ofChannel,
  // a kind of a later version is kept and tells nothing here
  kinds: z.array(z.string()).optional(),
  /** of the address, and its port where it is not the usual one: who only knows that cannot post */
  host: z.string(),
  secretName: z.string(),
  /** when the signing secret was made; absent where messages are not signed */
  secretMadeAt: z.iso.datetime().optional(),
  /** when address or secret last changed: what receivers answered before that no longer counts */
  changedAt: z.iso.datetime(),
});
export type StoredChannel = z.infer<typeof StoredChannel>;

/** As stored: another version may know more of it; a zone that this machine does not know must not stop the others. */
export const StoredNotifications = z.object({
  channels: z.array(StoredChannel).default([]),
  digest: z.object({ time: TimeOfDay, timeZone: z.string() }).default({ time: '08:00', timeZone: 'UTC' }),
  rejectedShare: ofAll.rejectedShare,
  lateMinutes: ofAll.lateMinutes,
  /** since when the digest is as it is */
  digestSetAt: z.iso.datetime().optional(),
});
export type StoredNotifications = z.infer<typeof StoredNotifications>;

export const defaultNotifications: StoredNotifications = StoredNotifications.parse({});

/** How a channel fared lately. */
export const ChannelDelivery = z
  .object({
    /** new: nothing was sent yet; failing: it is tried again; broken: nothing is sent until its address changes or a test gets through */
    state: z.enum(['new', 'working', 'failing', 'broken']),
    /** of the last attempt */
    at: z.iso.datetime().optional(),
    /** since when it fails */
    since: z.iso.datetime().optional(),
    /** what the receiver answered, or why nothing came back: timeout, no_answer, address_refused, redirected, url_missing, … */
    status: z.int().optional(),
    code: z.string().optional(),
    /** messages that wait to be sent (again) */
    waiting: z.int().min(0),
  })
  .meta({ id: 'ChannelDelivery' });
export type ChannelDelivery = z.infer<typeof ChannelDelivery>;

/** A channel as it is shown: never its address. */
export const Channel = StoredChannel.omit({ secretName: true })
  .extend({
    /** shown to administrators alone, as some receivers put what lets one post into the name of the host */
    host: z.string().optional(),
    delivery: ChannelDelivery,
    /** whsec_…, shown once: in the answer to the call that made it */
    signingSecret: z.string().optional(),
  })
  .meta({ id: 'Channel' });
export type Channel = z.infer<typeof Channel>;

export const SavedNotificationSettings = z
  .object({ channels: z.array(Channel), ...ofAll, digest: z.object({ time: TimeOfDay, timeZone: z.string() }) })
  .meta({ id: 'SavedNotificationSettings' });
export type SavedNotificationSettings = z.infer<typeof SavedNotificationSettings>;
