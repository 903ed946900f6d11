import { ConflictError } from '../../../shared/errors';
import { Export, ExportActivity } from '../../../shared/exports/export';
import { ChannelId, ConnectionId, ExportId } from '../../../shared/ids';
import { newRunId } from '../../../shared/new-ids';
import type { NotificationMessage } from '../../../shared/notifications/message';
import { MAX_CHANGES } from '../../../shared/notifications/notification-store';
import type { NotificationStore, Remembered } from '../../../shared/notifications/notification-store';
import type { Send, Sent } from '../../../shared/notifications/send';
import { LOG, emptyState } from '../../../shared/notifications/state';
import type { Outgoing, State } from '../../../shared/notifications/state';
import { createTell } from '../../../shared/notifications/tell';
import { createNotificationTick } from '../../../shared/notifications/tick';
import type { NotificationTick } from '../../../shared/notifications/tick';
import type { UnreadableRow } from '../../../shared/platform/tables';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';
import type { SystemRefresh } from '../../../shared/schedules/schedule';
import { defaultLimits } from '../../../shared/settings/limits';
import { StoredNotifications } from '../../../shared/settings/notification-settings';

/**
 * The whole tick over a storage in memory that does what a transaction does, and receivers that answer as the test says. A tick can die
 * at any of its calls, before or after the call was carried out.
 */

const START = Date.parse('2026-11-23T00:00:00.000Z');
const MINUTE_MS = 60_000;

export const exportId = (index: number): ExportId => ExportId.parse(`exp_${String(index).padStart(10, '0')}`);
export const channelId = (index: number): ChannelId => ChannelId.parse(`chn_${String(index).padStart(8, '0')}`);
export const connectionId = ConnectionId.parse('con_0000000000');

export const anExport = (index: number, more: Record<string, unknown> = {}): Export =>
  Export.parse({
    ...{ id: exportId(index), name: `Export ${index}`, connectionId, listId: 'LIST5K', segments: ['Loyal'], mapping: { email: 'EMail' } },
    ...{
      schedule: { kind: 'off' },
      createdAt: '2026-01-01T00:00:00.000Z',
      createdBy: 'a',
      updatedAt: '2026-01-01T00:00:00.000Z',
      updatedBy: 'a',
    },
    ...more,
  });

export const aChannel = (index: number, more: Record<string, unknown> = {}) => ({
  ...{ id: channelId(index), name: `Channel ${index}`, form: 'json', scope: 'all', host: 'hooks.example', secretName: `notify-${index}` },
  ...{ changedAt: '2026-01-01T00:00:00.000Z', ...more },
});

/** What a channel's receiver got. */
export interface Received {
  readonly atMs: number;
  readonly channelId: string;
  readonly id: string;
  readonly message: NotificationMessage;
}
export interface Logged {
  readonly event: string;
  readonly [field: string]: unknown;
}

class Died extends Error {}

export const createWorld = ({
  channels = [aChannel(1)],
  answer = () => ({ ok: true, status: 204 }),
  ...settings
}: {
  channels?: readonly object[];
  /** of a receiver; default: it takes everything */
  answer?: (channelId: string, atMs: number) => Sent;
  digest?: { time: string; timeZone: string };
} & Record<string, unknown> = {}) => {
  let nowMs = START;
  const now = (): Date => new Date(nowMs);
  const received: Received[] = [];
  const logged: Logged[] = [];
  const recorded: unknown[] = [];

  let stored: { state: State; etag: string } | undefined;
  let outbox: Outgoing[] = [];
  let version = 0;
  let lost = 0;
  let isReadable = true;
  let logItems = 0;
  let mayRepeat = 0;
  /** somebody writes just before the tick writes what it has sent */
  let meanwhile: ((state: State) => State) | undefined;
  /** calls until this tick dies, and whether the last one is still carried out */
  let dies: { left: number; after: boolean } | undefined;
  let isDead = false;
  /** the time of the tick is over at this call, which is still carried out */
  let ends: { left: number; controller: AbortController } | undefined;
  /** A tick that dies hears nothing any more; a signal that is aborted ends what listens to it. */
  const call = <T>(work: () => T, signal?: AbortSignal): T => {
    if (isDead) throw new Died();
    signal?.throwIfAborted();
    if (ends !== undefined && (ends.left -= 1) === 0) ends.controller.abort(new DOMException('The app ends.', 'AbortError'));
    if (dies !== undefined && (dies.left -= 1) <= 0) {
      isDead = true;
      if (dies.after) work();
      throw new Died();
    }
    return work();
  };
  let calls = 0;
  let monotonic = 0;
  let attemptMs = 0;
  let ticking: NotificationTick | undefined;

  const store: NotificationStore = {
    read: async ({ signal }): Promise<Remembered> =>
      call(() => {
        calls += 1;
        return structuredClone({ state: stored?.state ?? emptyState, isReadable, etag: stored?.etag, outbox });
      }, signal),
    commit: async (state, { etag, added = [], changed = [], removed = [], signal }) =>
      call(() => {
        calls += 1;
        if (added.length + changed.length + removed.length >= MAX_CHANGES) throw new Error('too many changes for one transaction');
        if (meanwhile !== undefined && changed.length + removed.length > 0) {
          const write = meanwhile;
          meanwhile = undefined;
          stored = { state: write(structuredClone(stored?.state ?? emptyState)), etag: `"${(version += 1)}"` };
        }
        if (etag !== stored?.etag) throw new ConflictError({ code: 'changed_meanwhile', message: 'changed' });
        stored = { state: structuredClone(state), etag: `"${(version += 1)}"` };
        const gone = new Set(removed.map(({ id }) => id));
        for (const { id, channelId: to } of removed) if (to !== LOG && !received.some((one) => one.id === id)) lost += 1;
        const next = new Map(changed.map((one) => [one.id, one]));
        outbox = [...outbox.filter(({ id }) => !gone.has(id)).map((one) => next.get(one.id) ?? one), ...structuredClone(added)].sort(
          (one, other) => (`${one.channelId}${one.createdAt}${one.id}` < `${other.channelId}${other.createdAt}${other.id}` ? -1 : 1),
        );
        for (const { channelId: to, message } of added)
          if (to === LOG) logItems += (message as NotificationMessage).items.length + ((message as NotificationMessage).more > 0 ? 1 : 0);
        return stored.etag;
      }, signal),
  };
  const send: Send = async (channel, { id, message }, { signal }) =>
    call(() => {
      const channelOf = (channel as { id?: string }).id!;
      const sent = answer(channelOf, nowMs);
      monotonic += attemptMs;
      if (sent.ok) received.push({ atMs: nowMs, channelId: channelOf, id, message });
      return sent;
    }, signal);

  const world = {
    exports: [] as Export[],
    activities: new Map<ExportId, ExportActivity>(),
    unreadable: new Set<string>(),
    unreadableRows: [] as string[],
    connections: [] as { connection: unknown; note: unknown }[],
    notifications: StoredNotifications.parse({ channels, ...settings }),
    refresh: defaultSystemSchedule as SystemRefresh | 'unreadable',
    received,
    logged,
    recorded,
    now,
    state: (): State => stored?.state ?? emptyState,
    outbox: (): readonly Outgoing[] => outbox,
    calls: (): number => calls,
    /** messages that went without having been taken */
    lost: (): number => lost,
    /** lines that the log was to be told, and how many of them may have come once more, as a tick died over them */
    logItems: () => ({ items: logItems, mayRepeat }),
    /** What another version wrote, or can no longer be read. */
    setState: (change: (state: State) => State): void =>
      void (stored = { state: change(structuredClone(stored?.state ?? emptyState)), etag: `"${(version += 1)}"` }),
    setOutbox: (next: readonly Outgoing[]): void => void (outbox = structuredClone([...next])),
    setReadable: (is: boolean): void => void (isReadable = is),
    /** Somebody writes just before the next tick writes what it has sent. */
    meanwhile: (change: (state: State) => State): void => void (meanwhile = change),
    /** So long does each attempt take from now on, by the clock that measures the tick. */
    slow: (ms: number): void => void (attemptMs = ms),

    /** The export's last run ended so. */
    ended: (index: number, last: Record<string, unknown> = {}): void => {
      const endedAt = now().toISOString();
      const run = {
        runId: newRunId(now()),
        number: 1,
        state: 'successful',
        trigger: 'schedule',
        endedAt,
        read: 100,
        accepted: 100,
        ...last,
      };
      world.activities.set(exportId(index), ExportActivity.parse({ last: run }));
    },
    fails: (index: number, code = 'list_unknown'): void => world.ended(index, { state: 'failed', error: { code, message: 'It failed.' } }),

    /** Time passes; then one tick. @param death the tick dies at so many calls to storage or receivers */
    tick: async ({
      minutes = 1,
      death,
      end,
    }: {
      minutes?: number;
      death?: { left: number; after: boolean };
      /** the time of the tick is over at this call */
      end?: number;
    } = {}): Promise<void> => {
      nowMs += minutes * MINUTE_MS;
      dies = death && { ...death };
      isDead = false;
      const controller = new AbortController();
      ends = end === undefined ? undefined : { left: end, controller };
      try {
        await (ticking ??= createNotificationTick({
          settings: {
            take: async () => ({
              refresh: () => {
                if (world.refresh === 'unreadable') throw new Error('The schedule cannot be read.');
                return { value: world.refresh, etag: '"0"' };
              },
              limits: () => ({ value: defaultLimits, etag: '"0"' }),
              notifications: () => ({ value: world.notifications, etag: '"0"' }),
            }),
          },
          connectionStore: {
            readNoted: async function* ({ unreadable }: { unreadable?: (row: UnreadableRow) => void }) {
              for (const row of world.unreadableRows) unreadable?.({ row, etag: '"0"', error: new Error('unreadable') });
              for (const { connection, note } of world.connections) yield { connection: { value: connection, etag: '"0"' }, note } as never;
            },
          },
          store,
          readExports: async () => ({
            exports: world.exports,
            activities: [...world.activities].map(([id, activity]) => ({ exportId: id, activity })),
            unreadable: world.unreadable,
          }),
          tell: createTell({
            store,
            send,
            activity: { record: async (entries) => void recorded.push(...[entries].flat()) },
            now,
            monotonicMs: () => monotonic,
            log: (event, fields) => void logged.push({ event, ...fields }),
          }),
          app: undefined,
          revision: '2026-07-15',
          now,
          log: (event, fields) => void logged.push({ event, ...fields }),
        })).tick({ signal: controller.signal });
      } catch (error) {
        if (!(error instanceof Died || controller.signal.aborted)) throw error;
      }
      // one that died may have told the log what it could not write down
      if (isDead)
        for (const { channelId: to, message } of outbox)
          if (to === LOG) mayRepeat += (message as NotificationMessage).items.length + ((message as NotificationMessage).more > 0 ? 1 : 0);
    },

    /** What a channel got, in words: the type and what it names. */
    words: (index: number): string[] =>
      received
        .filter((one) => one.channelId === channelId(index))
        .map(({ message: { type, items, more } }) =>
          [
            type.replace('condition.', ''),
            ...items.map(({ kind, subject }) => `${kind}/${subject.name}`),
            ...(more > 0 ? [`+${more}`] : []),
          ].join(' '),
        ),
  };
  return world;
};

export type World = ReturnType<typeof createWorld>;

export const refused: Sent = { ok: false, status: 500, code: 'failing', isGone: false };
