import { z } from 'zod';
import { NotificationKind } from '../settings/notification-settings';

/** Whom or what a condition is about. */
export const Subject = z
  .object({
    type: z.enum(['export', 'connection', 'app']),
    id: z.string().optional(),
    /** as it was called when this was noticed; a long name is cut */
    name: z.string(),
  })
  .meta({ id: 'NotificationSubject' });
export type Subject = z.infer<typeof Subject>;

/** Numbers that belong to it: failed runs so far, rows refused, removals held, minutes late, days left … */
export const Figures = z.record(z.string(), z.number());

/** One condition, as a message tells it. Never holds anything of a profile: codes, names of exports and connections, numbers. */
export const NotificationItem = z
  .object({
    /** later versions know more kinds */
    kind: NotificationKind.or(z.string()),
    subject: Subject,
    /** since when it is so */
    since: z.iso.datetime(),
    /** condition.recovered: since when it is over … */
    until: z.iso.datetime().optional(),
    /** … and why: it is all right again, or nobody looks at it any more */
    how: z.enum(['resolved', 'paused', 'removed']).optional(),
    /** how often it happened, e.g. runs that failed since then */
    count: z.int().min(1),
    /** why, where there is a reason: the code of the run’s error or of the connection’s state */
    code: z.string().optional(),
    figures: Figures.optional(),
    /** one sentence in English that says what is the matter and what to do */
    sentence: z.string(),
    /** page of the portal, where its address is known */
    link: z.url().optional(),
  })
  .meta({ id: 'NotificationItem' });
export type NotificationItem = z.infer<typeof NotificationItem>;

export const MessageType = z.enum(['condition.opened', 'condition.recovered', 'digest', 'test']);
export type MessageType = z.infer<typeof MessageType>;

/** Items that a message names; of more it says how many. */
export const MAX_ITEMS = 10;
export const MAX_DIGEST_ITEMS = 20;

/**
 * What a channel of the form json is sent. The same message may come twice (same webhook-id); messages may overtake one another. Receivers
 * leave aside fields, kinds and types that they do not know.
 */
export const NotificationMessage = z
  .object({
    version: z.literal(1),
    type: MessageType,
    /** when it was written, which may be before it was sent */
    timestamp: z.iso.datetime(),
    /** which deployment speaks: its host name, where it is known */
    app: z.string().optional(),
    items: z.array(NotificationItem),
    /** how many more there are than `items` names */
    more: z.int().min(0),
    /** of the page that shows what is open, where its address is known */
    link: z.url().optional(),
  })
  .meta({ id: 'NotificationMessage' });
export type NotificationMessage = z.infer<typeof NotificationMessage>;

/** The contract with receivers of the form json. */
export const notificationWebhook = {
  summary: 'A notification, posted to the channels of the form json',
  description:
    'Signed as the Standard Webhooks specification says, with the channel’s signing secret: base64 behind `whsec_` is the key. Take the raw body, compute HMAC-SHA256 of `webhook-id.webhook-timestamp.body`, and compare it in constant time with each signature in the header; refuse a timestamp that is more than five minutes off. The same message may come again under the same id.',
  headers: {
    'webhook-id': 'Names the message, the same at each attempt',
    'webhook-timestamp': 'When this attempt was made, in seconds since 1970',
    'webhook-signature': 'v1,<base64>, separated by a space where two secrets sign, as one of them was renewed within a day',
  },
  body: NotificationMessage,
} as const;
