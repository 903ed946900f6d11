import { randomUUID } from 'node:crypto';
import { connectionOfRow } from '../connections/connection-store';
import type { ConnectionStore } from '../connections/connection-store';
import { ConflictError } from '../errors';
import type { SeenExports } from '../exports/seen-exports';
import { KLAVIYO_REVISION } from '../klaviyo/endpoints';
import { createUnreadableLog } from '../platform/tables';
import type { UnreadableRow } from '../platform/tables';
import type { Log } from '../platform/telemetry';
import { latestOccurrence } from '../schedules/due';
import type { Recurrence } from '../schedules/schedule';
import type { StoredNotifications } from '../settings/notification-settings';
import type { ReadSettings } from '../settings/settings';
import type { TickSettings } from '../settings/tick-settings';
import { decide, isAhead } from './decide';
import type { Subject } from './message';
import type { NotificationStore, Remembered } from './notification-store';
import { fateOf, observe, ofChannels } from './observe';
import type { Seen } from './observe';
import type { State } from './state';
import { LOG } from './state';
import type { Tell } from './tell';

type Options = { signal: AbortSignal };

/** The newest digest that is due; one whose zone is not known here waits for a version that knows it. */
const digestDueAt = (state: State, { digest, digestSetAt }: StoredNotifications, now: Date): Date | undefined => {
  const isPast = (one: string | undefined): boolean => one !== undefined && !isAhead(one, now);
  const after = [state.digestedUntil, digestSetAt].filter(isPast).sort().at(-1);
  if (state.digestedUntil === undefined || after === undefined) return undefined;
  try {
    const daily: Recurrence = { repeat: 'daily', days: [], daysOfMonth: [], times: [digest.time], timeZone: digest.timeZone };
    return latestOccurrence(daily, { after: new Date(after), until: now });
  } catch {
    return undefined;
  }
};

/** Channels that exports name, by what they are to hear of: the export, and the connection that it uses. */
const chosenIn = ({ exports: segmentExports }: Seen): ((subject: Subject) => ReadonlySet<string>) => {
  const chosen = new Map<string, Set<string>>();
  for (const { id, connectionId, notify } of segmentExports) {
    for (const subject of notify === undefined ? [] : [id, ...(connectionId === undefined ? [] : [connectionId])]) {
      const ids = chosen.get(subject) ?? new Set<string>();
      for (const channelId of notify!.channelIds) ids.add(channelId);
      chosen.set(subject, ids);
    }
  }
  const none: ReadonlySet<string> = new Set();
  return ({ id }) => chosen.get(id ?? '') ?? none;
};

/**
 * Each minute: looks at what is stored of exports, runs and connections, tells what has begun and what is over, and sends what waits.
 * Nothing is told by those whom it happens to, so no run fails for it and no crash between an ending and its message loses one. Where
 * nothing has happened this costs two storage calls, beside what the timer reads anyway.
 */
export const createNotificationTick = ({
  settings,
  connectionStore,
  store,
  readExports,
  tell,
  app,
  revision = KLAVIYO_REVISION,
  now,
  log,
}: {
  settings: Pick<TickSettings, 'take'>;
  connectionStore: Pick<ConnectionStore, 'readNoted'>;
  store: NotificationStore;
  /** where the timer has not done so */
  readExports: (options: Options) => Promise<SeenExports>;
  tell: Tell;
  /** host name of the app, where it is known */
  app: string | undefined;
  revision?: string;
  now: () => Date;
  log: Log;
}) => {
  const lookAt = async (seenExports: SeenExports, refresh: Seen['refresh'], { signal }: Options): Promise<Seen> => {
    const connections: Seen['connections'][number][] = [];
    const unreadableConnections = new Set<string>();
    const unreadable = ({ row }: UnreadableRow): void => void unreadableConnections.add(connectionOfRow(row));
    for await (const { connection, note } of connectionStore.readNoted({ signal, unreadable }))
      connections.push({ connection: connection.value, note });
    return {
      exports: seenExports.exports,
      activities: new Map(seenExports.activities.map(({ exportId, activity }) => [exportId, activity])),
      unreadable: seenExports.unreadable,
      connections,
      unreadableConnections,
      refresh,
    };
  };

  const decideOn = (remembered: Remembered, seen: Seen, notifications: StoredNotifications) => {
    const at = now();
    const { state, outbox } = remembered;
    const waiting = new Map<string, number>();
    for (const { channelId } of outbox) if (channelId !== LOG) waiting.set(channelId, (waiting.get(channelId) ?? 0) + 1);
    const observations = [...observe(seen, { settings: notifications, revision, now: at }), ...ofChannels(notifications.channels, state)];
    return decide({
      state,
      observations,
      fateOf: (condition) => {
        const { kind, subject } = condition;
        const isGone = kind === 'channel_broken' && !notifications.channels.some(({ id }) => id === subject.id);
        return isGone ? 'removed' : fateOf(condition, seen, observations);
      },
      channels: notifications.channels,
      chosenFor: chosenIn(seen),
      digestDue: digestDueAt(state, notifications, at),
      waiting,
      app,
      now: at,
      newId: () => `msg_${randomUUID()}`,
    });
  };

  const tellUnreadable = createUnreadableLog({ log, partition: 'notifications' });
  /** What cannot be read keeps only what depends on it from being told. */
  const refreshOf = ({ refresh }: Pick<ReadSettings, 'refresh'>): Seen['refresh'] => {
    try {
      return refresh().value;
    } catch {
      return undefined; // the timer's first part says so
    }
  };

  return {
    /**
     * @param seen what the timer has read already
     * @throws UpstreamError when storage does not answer: the next tick sees the same, and goes on
     */
    tick: async ({ seen: given, signal }: { seen?: SeenExports | undefined } & Options) => {
      const read = await settings.take({ signal });
      const { value: notifications } = read.notifications();
      let remembered = await store.read({ signal });
      if (!remembered.isReadable) {
        tellUnreadable({ row: 'state', etag: remembered.etag ?? '', error: new Error('Written by another version of the app.') });
        return { messageCount: 0, sentCount: 0, unsentCount: 0 };
      }
      const seen = await lookAt(given ?? (await readExports({ signal })), refreshOf(read), { signal });
      const { state, messages } = decideOn(remembered, seen, notifications);
      if (state !== remembered.state) {
        try {
          const etag = await store.commit(state, { etag: remembered.etag, added: messages, signal });
          remembered = { ...remembered, state, etag, outbox: [...remembered.outbox, ...messages] };
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
          // somebody else wrote: what was seen is seen again by the next tick, and messages that wait go out all the same
          log('notifications_elsewhere', {});
        }
      }
      return { messageCount: messages.length, ...(await tell(remembered, { channels: notifications.channels, signal })) };
    },
  };
};

export type NotificationTick = ReturnType<typeof createNotificationTick>;
