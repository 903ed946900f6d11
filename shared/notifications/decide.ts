import type { StoredChannel } from '../settings/notification-settings';
import { MAX_DIGEST_ITEMS, MAX_ITEMS } from './message';
import type { MessageType, NotificationMessage } from './message';
import type { Observation } from './observe';
import { LOG, isOpen, keyOf } from './state';
import type { ChannelState, Condition, Outgoing, State } from './state';
import { itemOf, pageOf } from './told';

/** What came back within this after its end is no news: the next digest tells it. */
const COMES_BACK_MS = 60 * 60_000;
const HOUR_MS = 60 * 60_000;
/** Messages that a channel is sent within an hour; what is over that is summed up in the next one. */
export const MAX_AN_HOUR = 20;
/** Messages that wait for a receiver that does not take them; more are summed up when it does again. */
export const MAX_WAITING = 10;
/** Conditions that are remembered at a time, as they stand in one row; so many at once are one trouble, and are told as such. */
export const MAX_CONDITIONS = 400;
/** The log is told more of them at once, as each is a line of its own. */
const MAX_LOG_ITEMS = 100;

/** Everything that a decision depends on. */
export interface Look {
  readonly state: State;
  readonly observations: readonly Observation[];
  /** what became of the subject of a condition that is no longer seen */
  readonly fateOf: (condition: Condition) => 'there' | 'paused' | 'removed' | 'unknown';
  readonly channels: readonly Pick<StoredChannel, 'id' | 'name' | 'scope' | 'kinds' | 'changedAt'>[];
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

/** Whether nothing is sent to a channel until somebody mends it. */
export const isBroken = ({ id, changedAt }: Pick<StoredChannel, 'id' | 'changedAt'>, { channels }: State): boolean => {
  const note = channels[id]?.delivery;
  return note !== undefined && note.broken && note.at >= changedAt;
};

const without = (list: readonly string[], one: string): string[] => list.filter((other) => other !== one);
const withAlso = (list: readonly string[], one: string): string[] => (list.includes(one) ? [...list] : [...list, one]);

/**
 * The life of conditions: first told at once, then by the digest alone, then their end, each channel each of it once; a condition that
 * comes back within an hour is told by the digest. Everything that is seen anew in one look comes as one message. Pure: state and what
 * is seen → state and messages, to be written together.
 */
export const decide = (look: Look): Decision => {
  const { state, observations, fateOf, channels, chosenFor, digestDue, waiting, app, now, newId } = look;
  const at = now.toISOString();
  const known = new Set<string>([LOG, ...channels.map(({ id }) => id)]);
  const usable = channels.filter((channel) => !isBroken(channel, state));
  // nothing is kept for a channel that takes nothing: once it is mended, the digest tells what is still open
  const reachable = new Set<string>([LOG, ...usable.map(({ id }) => id)]);
  let changed = false;

  const audienceOf = ({ kind, subject }: Pick<Condition, 'kind' | 'subject'>): string[] => {
    const chosen = chosenFor(subject);
    const mine = usable.filter(({ id, scope, kinds }) => (scope === 'all' || chosen.has(id)) && (kinds?.includes(kind) ?? true));
    return [LOG, ...mine.map(({ id }) => id)];
  };
  const opened = ({ token, figures, ...seen }: Observation, before?: Condition): Condition => {
    const isBack = before !== undefined && now.getTime() - Date.parse(before.recoveredAt!) < COMES_BACK_MS;
    // whoever has not heard of its end still takes it for open
    const told = before?.owed ?? [];
    return {
      ...seen,
      token,
      ...(figures === undefined ? {} : { figures: { ...figures } }),
      openedAt: at,
      seenAt: at,
      count: 1,
      quiet: isBack,
      owed: isBack ? [] : audienceOf(seen).filter((id) => !told.includes(id)),
      told,
    };
  };

  // --- what is open, has come back or is over
  const seen = new Map(observations.map((one) => [keyOf(one), one]));
  const conditions: Condition[] = [];
  for (const before of state.conditions) {
    const key = keyOf(before);
    const observation = seen.get(key);
    seen.delete(key);
    const kept = { ...before, owed: before.owed.filter((id) => reachable.has(id)), told: before.told.filter((id) => known.has(id)) };
    if (kept.owed.length !== before.owed.length || kept.told.length !== before.told.length) changed = true;
    if (isOpen(before)) {
      if (observation !== undefined) {
        const isAnew = observation.token !== before.token;
        if (isAnew) changed = true;
        const { token, code, figures, subject } = observation;
        // figures go on all the time, so they alone are no reason to write
        conditions.push({
          ...kept,
          subject,
          ...{ token, code },
          figures: figures && { ...figures },
          ...(isAnew ? { seenAt: at, count: before.count + 1 } : {}),
        });
        continue;
      }
      const fate = fateOf(before);
      if (fate === 'unknown') {
        conditions.push(kept);
        continue;
      }
      changed = true;
      // who was not told that it is open need not be told that it is over
      conditions.push({
        ...kept,
        recoveredAt: at,
        how: fate === 'there' ? 'resolved' : fate,
        owed: kept.told.filter((id) => reachable.has(id)),
        told: [],
      });
    } else if (observation !== undefined) {
      changed = true;
      conditions.push(opened(observation, kept));
    } else if (kept.owed.length > 0 || now.getTime() - Date.parse(before.recoveredAt!) < COMES_BACK_MS) conditions.push(kept);
    else changed = true;
  }
  // whoever is over and was told is remembered only so that it does not come back as news
  const spare = conditions.filter((condition) => !isOpen(condition) && condition.owed.length === 0);
  for (const observation of seen.values()) {
    const left = conditions.length < MAX_CONDITIONS ? undefined : spare.shift();
    if (left !== undefined) conditions.splice(conditions.indexOf(left), 1);
    if (conditions.length >= MAX_CONDITIONS) break;
    changed = true;
    conditions.push(opened(observation));
  }

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
    const before = channelStates[channelId] ?? { sentAt: [], digestOwed: false };
    const sentAt = before.sentAt.filter((one) => now.getTime() - Date.parse(one) < HOUR_MS);
    const hasRoom = (): boolean =>
      channelId === LOG ||
      (sentAt.length < MAX_AN_HOUR &&
        (waiting.get(channelId) ?? 0) + messages.filter((one) => one.channelId === channelId).length < MAX_WAITING);
    const write = (type: MessageType, about: readonly Condition[]): void => {
      const most = channelId === LOG ? MAX_LOG_ITEMS : type === 'digest' ? MAX_DIGEST_ITEMS : MAX_ITEMS;
      const items = about.slice(0, most).map((condition) => itemOf(condition, { app }));
      const link = pageOf(app);
      const message: NotificationMessage = {
        ...{ version: 1, type, timestamp: at },
        ...(app === undefined ? {} : { app }),
        items,
        more: about.length - items.length,
        ...(link === undefined ? {} : { link }),
      };
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

  const digestedUntil = digestDue?.toISOString() ?? state.digestedUntil ?? (changed ? at : undefined);
  if (digestedUntil !== state.digestedUntil) changed = true;
  if (!changed) return { state, messages: [] };
  return {
    state: { version: 1, conditions, channels: channelStates, ...(digestedUntil === undefined ? {} : { digestedUntil }) },
    messages,
  };
};
