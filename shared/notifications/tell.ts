import type { ActivityRecorder } from '../activity/activity';
import { ConflictError, NotFoundError } from '../errors';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { StoredChannel } from '../settings/notification-settings';
import { mapConcurrent } from '../streams/map-concurrent';
import { isBroken } from './decide';
import { NotificationMessage } from './message';
import type { MessageType } from './message';
import { MAX_CHANGES } from './notification-store';
import type { NotificationStore, Remembered } from './notification-store';
import { noteOf, outcomeOf } from './outcome';
import type { Outcome } from './outcome';
import type { Send, Sent } from './send';
import { LOG } from './state';
import type { DeliveryNote, Outgoing, State } from './state';

/** Nothing new is begun after this; an attempt that is under way ends by its own time-out. */
const BEGIN_MS = 25_000;
/** Messages of one channel that one tick sends. */
const MAX_A_TICK = 5;

const STAGES: Readonly<Record<MessageType, string | undefined>> = {
  'condition.opened': 'first',
  'condition.recovered': 'recovered',
  digest: 'digest',
  test: undefined,
};

type Options = { signal: AbortSignal };

/** One attempt, as it went. */
interface Attempt {
  readonly outgoing: Outgoing;
  readonly sent: Sent;
  readonly outcome: Outcome;
  readonly at: string;
}

/**
 * Sends what waits: channels side by side, each in its order, so that a receiver that hangs holds up nobody else. The log is told first,
 * as it is what remains where there is no channel.
 */
export const createTell = ({
  store,
  send,
  activity,
  now,
  monotonicMs,
  log,
}: {
  store: Pick<NotificationStore, 'read' | 'commit'>;
  send: Send;
  activity: ActivityRecorder;
  now: () => Date;
  monotonicMs: () => number;
  log: Log;
}) => {
  const toLog = ({ message }: Outgoing): void => {
    const parsed = NotificationMessage.safeParse(message);
    if (!parsed.success) return;
    const { type, items, more } = parsed.data;
    const stage = STAGES[type];
    for (const { kind, subject, sentence } of items) {
      const of = subject.type === 'app' ? {} : { [subject.type === 'export' ? 'exportId' : 'connectionId']: subject.id };
      log('notification', { kind, stage, ...of, name: subject.name, sentence });
    }
    if (more > 0) log('notification', { kind: 'more', stage, sentence: `… and ${more.toLocaleString('en')} more.` });
  };

  const sendOne = async (channel: StoredChannel, outgoing: Outgoing, { signal }: Options): Promise<Attempt> => {
    const message = NotificationMessage.safeParse(outgoing.message);
    const sent: Sent = message.success
      ? await send(channel, { id: outgoing.id, message: message.data }, { signal })
      : { ok: true, status: 0 }; // a message that a newer version wrote and this one cannot read is dropped
    return { outgoing, sent, outcome: outcomeOf(outgoing, sent, now()), at: now().toISOString() };
  };

  /** In order: one that has to wait holds up those behind it, so that a receiver in trouble is asked once a time. */
  const sendThoseOf = async (
    { channel, waiting }: { channel: StoredChannel; waiting: readonly Outgoing[] },
    { signal, until }: { until: number } & Options,
  ): Promise<readonly Attempt[]> => {
    const attempts: Attempt[] = [];
    for (const outgoing of waiting.slice(0, MAX_A_TICK)) {
      if (outgoing.nextAt > now().toISOString() || monotonicMs() >= until) break;
      try {
        attempts.push(await sendOne(channel, outgoing, { signal }));
      } catch (error) {
        if (!signal.aborted) log('notification_not_sent', { channelId: channel.id, ...errorFields(error) });
        break; // the next tick goes on
      }
      const { kind } = attempts.at(-1)!.outcome;
      if (kind === 'again' || kind === 'broken') break;
    }
    return attempts;
  };

  const withNotes = (state: State, notes: ReadonlyMap<string, readonly Attempt[]>): State => {
    const channels = { ...state.channels };
    for (const [id, attempts] of notes) {
      let delivery: DeliveryNote | undefined = channels[id]?.delivery;
      for (const { sent, at } of attempts) delivery = noteOf(delivery, sent, at);
      channels[id] = { sentAt: [], digestOwed: false, ...channels[id], ...(delivery ? { delivery } : {}) };
    }
    return { ...state, channels };
  };

  const recordGivenUp = async (names: ReadonlyMap<string, string>, attempts: readonly Attempt[], { signal }: Options): Promise<void> => {
    const lost = attempts.filter(({ outcome: { kind } }) => kind === 'givenUp' || kind === 'broken');
    if (lost.length === 0) return;
    const entries = lost.map(({ outgoing: { channelId, attempts: tried }, sent, outcome, at }) => {
      const channel = names.get(channelId) ?? channelId;
      const answered: Record<string, string | number> = sent.ok
        ? {}
        : { code: sent.code, ...(sent.status === undefined ? {} : { status: sent.status }) };
      log('notification_given_up', { channelId, attempts: tried + 1, ...answered });
      const why =
        outcome.kind === 'broken' ? 'there is no such receiver any more, so that nothing more is sent there' : 'nobody took it for a day';
      return {
        ...{ kind: 'notification_given_up' as const, at, by: 'timer' },
        reason: `A message to the channel “${channel}” was given up: ${why}.`,
        details: { channel, attempts: tried + 1, ...answered },
      };
    });
    await activity.record(entries, { signal });
  };

  /**
   * Sends what is due and writes down what came of it.
   * @throws UpstreamError when storage does not answer: what was sent is then sent again, under the same id
   */
  return async (
    remembered: Remembered,
    { channels, signal }: { channels: readonly StoredChannel[] } & Options,
  ): Promise<{ sentCount: number; unsentCount: number }> => {
    const { outbox } = remembered;
    if (outbox.length === 0) return { sentCount: 0, unsentCount: 0 };
    const until = monotonicMs() + BEGIN_MS;
    const byChannel = new Map<string, Outgoing[]>();
    for (const outgoing of outbox) byChannel.set(outgoing.channelId, [...(byChannel.get(outgoing.channelId) ?? []), outgoing]);

    const done: Outgoing[] = byChannel.get(LOG) ?? [];
    for (const outgoing of done) toLog(outgoing);
    const work: { channel: StoredChannel; waiting: readonly Outgoing[] }[] = [];
    for (const [id, waiting] of byChannel) {
      if (id === LOG) continue;
      const channel = channels.find((one) => one.id === id);
      // a channel that has gone, or takes nothing any more
      if (channel === undefined || isBroken(channel, remembered.state)) done.push(...waiting);
      else work.push({ channel, waiting });
    }
    const notes = new Map<string, readonly Attempt[]>();
    const sendAll = async (one: (typeof work)[number]): Promise<void> => {
      const attempts = await sendThoseOf(one, { signal, until });
      if (attempts.length > 0) notes.set(one.channel.id, attempts);
    };
    // what has begun is waited for, and written down
    for await (const _ of mapConcurrent(work, sendAll, { concurrency: Math.max(1, work.length), signal: new AbortController().signal }));

    const attempts = [...notes.values()].flat();
    const again = attempts.flatMap(({ outcome }) => (outcome.kind === 'again' ? [outcome.next] : []));
    const over = [...done, ...attempts.flatMap(({ outcome, outgoing }) => (outcome.kind === 'again' ? [] : [outgoing]))];
    if (again.length + over.length > 0) {
      const write = async ({ state, etag, outbox: there }: Remembered): Promise<unknown> => {
        const ids = new Set(there.map(({ id }) => id));
        const changes = [...again.map((value) => ({ value, isOver: false })), ...over.map((value) => ({ value, isOver: true }))].filter(
          ({ value }) => ids.has(value.id),
        );
        // those that do not fit into one transaction come with the next tick, at worst twice
        const fitting = changes.slice(0, MAX_CHANGES - 1);
        return store.commit(withNotes(state, notes), {
          etag,
          changed: fitting.filter(({ isOver }) => !isOver).map(({ value }) => value),
          removed: fitting.filter(({ isOver }) => isOver).map(({ value }) => value),
          signal,
        });
      };
      try {
        await write(remembered);
      } catch (error) {
        if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
        await write(await store.read({ signal })); // a test of a channel, or another instance
      }
    }
    await recordGivenUp(new Map(channels.map(({ id, name }) => [id as string, name])), attempts, { signal }).catch((error: unknown) =>
      log('activity_not_recorded', { kind: 'notification_given_up', ...errorFields(error) }),
    );
    const sentCount = attempts.filter(({ sent }) => sent.ok).length;
    return { sentCount, unsentCount: attempts.length - sentCount };
  };
};

export type Tell = ReturnType<typeof createTell>;
