import type { ActivityRecorder } from '../activity/activity';
import { ConflictError, NotFoundError } from '../errors';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { StoredChannel } from '../settings/notification-settings';
import { mapConcurrent } from '../streams/map-concurrent';
import { NotificationMessage } from './message';
import type { MessageType } from './message';
import { MAX_CHANGES } from './notification-store';
import type { NotificationStore, Remembered } from './notification-store';
import { noteOf, outcomeOf } from './outcome';
import type { Outcome } from './outcome';
import type { Send, Sent } from './send';
import { LOG, freshChannel, isBroken } from './state';
import type { DeliveryNote, Outgoing, State } from './state';

/** Nothing new is begun after this; an attempt that is under way ends by its own time-out. */
const BEGIN_MS = 25_000;
/** Messages of one channel that one tick sends. */
export const MAX_A_TICK = 5;
/** What was done is written down also when the time of the tick is over, or the app ends: else it would be done once more. */
const WRITE_MS = 10_000;

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
  /** of the address that was tried */
  readonly secretName: string;
}

/**
 * Sends what waits: channels side by side, each in its order, so that a receiver that hangs holds up nobody else. The log is told first,
 * as it is what remains where there is no channel, and that is written down before anything is posted.
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

  const sendOne = async (
    channel: StoredChannel,
    outgoing: Outgoing,
    { before, signal }: { before: DeliveryNote | undefined } & Options,
  ): Promise<{ attempt: Attempt; note: DeliveryNote }> => {
    const { secretName } = channel;
    const message = NotificationMessage.safeParse(outgoing.message);
    const sent: Sent = message.success
      ? await send(channel, { id: outgoing.id, message: message.data }, { signal })
      : { ok: true, status: 0 }; // a message that a newer version wrote and this one cannot read is dropped
    const at = now();
    const note = noteOf(before, sent, { at: at.toISOString(), secretName });
    return { attempt: { outgoing, sent, outcome: outcomeOf(outgoing, sent, note, at), at: at.toISOString(), secretName }, note };
  };

  /** In order: one that has to wait holds up those behind it, so that a receiver in trouble is asked once a time. */
  const sendThoseOf = async (
    { channel, waiting, before }: { channel: StoredChannel; waiting: readonly Outgoing[]; before: DeliveryNote | undefined },
    { signal, until }: { until: number } & Options,
  ): Promise<readonly Attempt[]> => {
    const attempts: Attempt[] = [];
    let last = before;
    for (const outgoing of waiting.slice(0, MAX_A_TICK)) {
      if (outgoing.nextAt > now().toISOString() || monotonicMs() >= until) break;
      try {
        const { attempt, note } = await sendOne(channel, outgoing, { before: last, signal });
        attempts.push(attempt);
        last = note;
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
      for (const { sent, at, secretName } of attempts) delivery = noteOf(delivery, sent, { at, secretName });
      channels[id] = { ...freshChannel, ...channels[id], ...(delivery ? { delivery } : {}) };
    }
    return { ...state, channels };
  };

  const recordGivenUp = async (names: ReadonlyMap<string, string>, attempts: readonly Attempt[]): Promise<void> => {
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
    await activity.record(entries, { signal: AbortSignal.timeout(WRITE_MS) });
  };

  /** Again from what another instance, or a test of a channel, has written meanwhile. */
  const write = async (
    remembered: Remembered,
    changesOf: (there: Remembered) => Omit<Parameters<NotificationStore['commit']>[1], 'etag' | 'signal'> & { state: State },
  ): Promise<Remembered> => {
    const attempt = async (there: Remembered): Promise<Remembered> => {
      const { state, changed = [], removed = [] } = changesOf(there);
      const etag = await store.commit(state, { etag: there.etag, changed, removed, signal: AbortSignal.timeout(WRITE_MS) });
      const gone = new Set(removed.map(({ id }) => id));
      return { ...there, state, etag, outbox: there.outbox.filter(({ id }) => !gone.has(id)) };
    };
    try {
      return await attempt(remembered);
    } catch (error) {
      if (!(error instanceof ConflictError || error instanceof NotFoundError)) throw error;
      return attempt(await store.read({ signal: AbortSignal.timeout(WRITE_MS) }));
    }
  };

  /** The log is told; those that do not fit into one transaction come with the next tick. */
  const tellLog = async (remembered: Remembered): Promise<Remembered> => {
    const ofLog = remembered.outbox.filter(({ channelId }) => channelId === LOG).slice(0, MAX_CHANGES - 1);
    if (ofLog.length === 0) return remembered;
    for (const outgoing of ofLog) toLog(outgoing);
    const told = new Set(ofLog.map(({ id }) => id));
    return write(remembered, ({ state, outbox }) => ({ state, removed: outbox.filter(({ id }) => told.has(id)) }));
  };

  /**
   * Sends what is due and writes down what came of it.
   * @throws UpstreamError when storage does not answer: what was sent is then sent again, under the same id
   */
  return async (
    given: Remembered,
    { channels, signal }: { channels: readonly StoredChannel[] } & Options,
  ): Promise<{ sentCount: number; unsentCount: number }> => {
    if (given.outbox.length === 0) return { sentCount: 0, unsentCount: 0 };
    const until = monotonicMs() + BEGIN_MS;
    const remembered = await tellLog(given);
    const byChannel = new Map<string, Outgoing[]>();
    for (const outgoing of remembered.outbox)
      if (outgoing.channelId !== LOG) byChannel.set(outgoing.channelId, [...(byChannel.get(outgoing.channelId) ?? []), outgoing]);

    const done: Outgoing[] = [];
    const work: { channel: StoredChannel; waiting: readonly Outgoing[]; before: DeliveryNote | undefined }[] = [];
    for (const [id, waiting] of byChannel) {
      const channel = channels.find((one) => one.id === id);
      // a channel that has gone, or takes nothing any more
      if (channel === undefined || isBroken(channel, remembered.state)) done.push(...waiting);
      else work.push({ channel, waiting, before: remembered.state.channels[id]?.delivery });
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
    const over = [...attempts.flatMap(({ outcome, outgoing }) => (outcome.kind === 'again' ? [] : [outgoing])), ...done];
    if (again.length + over.length > 0) {
      const changes = [...again.map((value) => ({ value, isOver: false })), ...over.map((value) => ({ value, isOver: true }))];
      await write(remembered, ({ state, outbox }) => {
        const ids = new Set(outbox.map(({ id }) => id));
        // those that do not fit into one transaction were not sent, so that it is enough if they go with the next tick
        const fitting = changes.filter(({ value }) => ids.has(value.id)).slice(0, MAX_CHANGES - 1);
        return {
          state: withNotes(state, notes),
          changed: fitting.filter(({ isOver }) => !isOver).map(({ value }) => value),
          removed: fitting.filter(({ isOver }) => isOver).map(({ value }) => value),
        };
      });
    }
    await recordGivenUp(new Map(channels.map(({ id, name }) => [id as string, name])), attempts).catch((error: unknown) =>
      log('activity_not_recorded', { kind: 'notification_given_up', ...errorFields(error) }),
    );
    const sentCount = attempts.filter(({ sent }) => sent.ok).length;
    return { sentCount, unsentCount: attempts.length - sentCount };
  };
};

export type Tell = ReturnType<typeof createTell>;
