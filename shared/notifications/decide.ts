import type { StoredChannel } from '../settings/notification-settings';
import { follow } from './follow';
import type { Fate } from './follow';
import { MAX_DIGEST_ITEMS, MAX_ITEMS } from './message';
import type { MessageType } from './message';
import type { Observation } from './observe';
import { LOG, freshChannel, isBroken, isOpen, keyOf } from './state';
import type { ChannelState, Condition, Outgoing, State } from './state';
import { itemOf, messageOf } from './told';

const HOUR_MS = 60 * 60_000;
/** Messages that a channel is sent within an hour; what is over that is summed up in the next one. */
export const MAX_AN_HOUR = 20;
/** Messages that wait for a receiver that does not take them; more are summed up when it does again. */
export const MAX_WAITING = 10;
/** The log is told more of them at once, as each is a line of its own. */
const MAX_LOG_ITEMS = 100;

/** Everything that a decision depends on. */
export interface Look {
  readonly state: State;
  readonly observations: readonly Observation[];
  readonly fateOf: (condition: Condition) => Fate;
  readonly channels: readonly Pick<StoredChannel, 'id' | 'name' | 'scope' | 'kinds' | 'secretName'>[];
  /** channels of the scope `chosen` that are to hear of a subject */
  readonly chosenFor: (subject: Condition['subject']) => ReadonlySet<string>;
  /** the newest digest that is due, if any since `state.digestedUntil` */
  readonly digestDue: Date | undefined;
  /** messages that wait, by channel */
  readonly waiting: ReadonlyMap<string, number>;
  /** host name of the app, where it is known */
  readonly app: string | undefined;
  readonly now: Date;
  readonly newId: () => string;
}

/** What is to be written; the same state where nothing has happened. */
export interface Decision {
  readonly state: State;
  readonly messages: readonly Outgoing[];
}

/** Clocks of instances differ by less; what lies further ahead was written by one that was wrong. */
const AHEAD_MS = 10 * 60_000;
export const isAhead = (instant: string, now: Date): boolean => Date.parse(instant) - now.getTime() > AHEAD_MS;

const without = (list: readonly string[], one: string): string[] => list.filter((other) => other !== one);
const withAlso = (list: readonly string[], one: string): string[] => (list.includes(one) ? [...list] : [...list, one]);

/**
 * The life of conditions: first told at once, then by the digest alone, then their end, each channel each of it once; a condition that
 * comes back within an hour is told once it has lasted one, or by the digest. Everything that is seen anew in one look comes as one message. Pure: state and what
 * is seen → state and messages, to be written together.
 */
export const decide = (look: Look): Decision => {
  const { state, observations, fateOf, channels, chosenFor, digestDue, waiting, app, now, newId } = look;
  const at = now.toISOString();
  const known = new Set<string>([LOG, ...channels.map(({ id }) => id)]);
  const usable = channels.filter((channel) => !isBroken(channel, state));
  const reachable = new Set<string>([LOG, ...usable.map(({ id }) => id)]);
  const audienceOf = ({ kind, subject }: Pick<Condition, 'kind' | 'subject'>): string[] => {
    const chosen = chosenFor(subject);
    const mine = usable.filter(({ id, scope, kinds }) => (scope === 'all' || chosen.has(id)) && (kinds?.includes(kind) ?? true));
    return [LOG, ...mine.map(({ id }) => id)];
  };
  const followed = follow(state.conditions, observations, { fateOf, audienceOf, known, reachable, now });
  const conditions = [...followed.conditions];
  let { changed } = followed;

  // --- who is told of it now
  const channelStates: Record<string, ChannelState> = {};
  for (const [id, one] of Object.entries(state.channels)) {
    if (known.has(id)) channelStates[id] = one;
    else changed = true;
  }
  const messages: Outgoing[] = [];
  const toldNow = new Set<string>();
  const justTold = (channelId: string, condition: Condition): boolean => toldNow.has(`${channelId} ${keyOf(condition)}`);

  const tell = (channelId: string): void => {
    const before = channelStates[channelId] ?? freshChannel;
    const sentAt = before.sentAt.filter((one) => now.getTime() - Date.parse(one) < HOUR_MS);
    const hasRoom = (): boolean =>
      channelId === LOG ||
      (sentAt.length < MAX_AN_HOUR &&
        (waiting.get(channelId) ?? 0) + messages.filter((one) => one.channelId === channelId).length < MAX_WAITING);
    const write = (type: MessageType, about: readonly Condition[]): void => {
      const most = channelId === LOG ? MAX_LOG_ITEMS : type === 'digest' ? MAX_DIGEST_ITEMS : MAX_ITEMS;
      const items = about.slice(0, most).map((condition) => itemOf(condition, { app }));
      const message = messageOf({ type, timestamp: at, items, more: about.length - items.length }, { app });
      messages.push({ id: newId(), channelId: channelId as Outgoing['channelId'], createdAt: at, attempts: 0, nextAt: at, message });
      if (channelId !== LOG) sentAt.push(at);
      changed = true;
    };
    const update = (which: readonly Condition[], change: (condition: Condition) => Condition): void => {
      const chosen = new Set(which);
      for (const [index, condition] of conditions.entries()) if (chosen.has(condition)) conditions[index] = change(condition);
    };

    const news = conditions.filter((condition) => isOpen(condition) && condition.owed.includes(channelId));
    if (news.length > 0 && hasRoom()) {
      write('condition.opened', news);
      for (const condition of news) toldNow.add(`${channelId} ${keyOf(condition)}`);
      update(news, (one) => ({ ...one, owed: without(one.owed, channelId), told: withAlso(one.told, channelId), toldAt: at }));
    }
    const over = conditions.filter((condition) => !isOpen(condition) && condition.owed.includes(channelId));
    if (over.length > 0 && hasRoom()) {
      write('condition.recovered', over);
      update(over, (one) => ({ ...one, owed: without(one.owed, channelId) }));
    }
    let digestOwed = before.digestOwed || digestDue !== undefined;
    if (digestOwed && hasRoom()) {
      digestOwed = false;
      const open = conditions.filter(
        (condition) =>
          isOpen(condition) &&
          !justTold(channelId, condition) &&
          (condition.told.includes(channelId) || condition.owed.includes(channelId) || audienceOf(condition).includes(channelId)),
      );
      if (open.length > 0) {
        write('digest', open);
        update(open, (one) => ({
          ...one,
          quiet: false,
          owed: without(one.owed, channelId),
          told: withAlso(one.told, channelId),
          toldAt: at,
        }));
      }
    }
    if (digestOwed !== before.digestOwed) changed = true;
    if (sentAt.length > 0 || digestOwed || before.delivery !== undefined) channelStates[channelId] = { ...before, sentAt, digestOwed };
    else delete channelStates[channelId];
  };
  for (const channelId of [LOG, ...usable.map(({ id }) => id)]) tell(channelId);

  const { digestedUntil: before } = state;
  const digestedBefore = before !== undefined && isAhead(before, now) ? at : before;
  const digestedUntil = digestDue?.toISOString() ?? digestedBefore ?? (changed ? at : undefined);
  if (digestedUntil !== state.digestedUntil) changed = true;
  if (!changed) return { state, messages: [] };
  return {
    state: { version: 1, conditions, channels: channelStates, ...(digestedUntil === undefined ? {} : { digestedUntil }) },
    messages,
  };
};
