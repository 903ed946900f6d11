import { z } from 'zod';
import { ChannelId } from '../ids';
import { Figures, Subject } from './message';

/** The app's own log, from which Azure sends e-mail: told like a channel, but nothing bounds it and nothing breaks it. */
export const LOG = 'log';

/** Something that is not as it should be, from the first look that saw it until its end has been told. */
export const Condition = z.object({
  kind: z.string(),
  subject: Subject,
  /** since when it is so */
  since: z.iso.datetime(),
  /** when a look first saw it */
  openedAt: z.iso.datetime(),
  /** when it last happened anew */
  seenAt: z.iso.datetime(),
  count: z.int().min(1).default(1),
  /** what of it was seen last, e.g. a run: another one counts up */
  token: z.string().default(''),
  code: z.string().optional(),
  figures: Figures.optional(),
  /** it came back soon after its end: told once it has lasted as long, or by the next digest */
  quiet: z.boolean().default(false),
  /** channels that are to be told that it is open (or, once it is over, that it is over) */
  owed: z.array(z.string()).default([]),
  /** channels that were told that it is open: they will be told its end */
  told: z.array(z.string()).default([]),
  toldAt: z.iso.datetime().optional(),
  recoveredAt: z.iso.datetime().optional(),
  how: z.enum(['resolved', 'paused', 'removed']).optional(),
});
export type Condition = z.infer<typeof Condition>;

/** What receivers of a channel answered lately. */
export const DeliveryNote = z.object({
  at: z.iso.datetime(),
  /** of the address that was tried, which is another one once somebody has changed it */
  secretName: z.string().optional(),
  ok: z.boolean(),
  status: z.int().optional(),
  code: z.string().optional(),
  /** since when it fails */
  since: z.iso.datetime().optional(),
  /** how often in a row the receiver was not found (404) */
  missed: z.object({ since: z.iso.datetime(), times: z.int().min(1) }).optional(),
  broken: z.boolean().default(false),
});
export type DeliveryNote = z.infer<typeof DeliveryNote>;

export const ChannelState = z.object({
  /** when messages of the last hour were written */
  sentAt: z.array(z.iso.datetime()).default([]),
  /** a digest that could not be written yet */
  digestOwed: z.boolean().default(false),
  delivery: DeliveryNote.optional(),
});
export type ChannelState = z.infer<typeof ChannelState>;

/** Of a channel that nothing is remembered of. */
export const freshChannel: ChannelState = ChannelState.parse({});

/** All that notifications remember, in one row: whatever is told is written down together with what it is told of. */
export const State = z.object({
  version: z.literal(1).default(1),
  conditions: z.array(Condition).default([]),
  channels: z.record(z.string(), ChannelState).default({}),
  /** digests up to here were sent, or there was nothing to tell */
  digestedUntil: z.iso.datetime().optional(),
});
export type State = z.infer<typeof State>;

export const emptyState: State = State.parse({});

export const keyOf = ({ kind, subject }: Pick<Condition, 'kind' | 'subject'>): string => `${kind} ${subject.type} ${subject.id ?? ''}`;

export const isOpen = ({ recoveredAt }: Pick<Condition, 'recoveredAt'>): boolean => recoveredAt === undefined;

/** Whether nothing is sent to a channel until somebody mends it: its receiver, at the address that it has now, is no more. */
export const isBroken = ({ id, secretName }: { readonly id: string; readonly secretName: string }, { channels }: State): boolean => {
  const note = channels[id]?.delivery;
  return note !== undefined && note.broken && note.secretName === secretName;
};

/** A message that waits to be sent, or to be sent again. */
export const Outgoing = z.object({
  /** webhook-id: the same at each attempt */
  id: z.string(),
  /** or the log */
  channelId: ChannelId.or(z.literal(LOG)),
  createdAt: z.iso.datetime(),
  /** of times that it was tried */
  attempts: z.int().min(0).default(0),
  nextAt: z.iso.datetime(),
  /** the message, as json channels get it; others get a card of it */
  message: z.unknown(),
});
export type Outgoing = z.infer<typeof Outgoing>;
