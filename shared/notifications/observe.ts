import type { Connection } from '../connections/connection';
import { statusOfCode } from '../connections/connection-status';
import type { ConnectionNote, ConnectionStatus } from '../connections/connection-status';
import { ExportActivity } from '../exports/export';
import type { Export } from '../exports/export';
import type { ConnectionId, ExportId } from '../ids';
import { retiresAt, retiresSoon } from '../klaviyo/endpoints';
import type { SystemRefresh } from '../schedules/schedule';
import { NotificationKind } from '../settings/notification-settings';
import type { StoredChannel, StoredNotifications } from '../settings/notification-settings';
import { dueSince, systemOccurrence } from './due-since';
import type { Fate } from './follow';
import type { Subject } from './message';
import { isBroken } from './state';
import type { Condition, State } from './state';

/** What is stored of exports, runs and connections, as one look found it. */
export interface Seen {
  readonly exports: readonly Export[];
  /** what the runner keeps for each */
  readonly activities: ReadonlyMap<ExportId, ExportActivity>;
  /** exports of which something cannot be read: nothing is known of them */
  readonly unreadable: ReadonlySet<string>;
  readonly connections: readonly { readonly connection: Connection; readonly note: ConnectionNote | undefined }[];
  /** rows of connections, or of their notes, that cannot be read: nothing is known of them */
  readonly unreadableConnections: ReadonlySet<string>;
  /** undefined: it cannot be read, so that nobody knows what is due */
  readonly refresh: SystemRefresh | undefined;
}

/** One thing that is not as it should be. */
export interface Observation {
  readonly kind: NotificationKind;
  readonly subject: Subject;
  readonly since: string;
  /** another one means that it happened anew */
  readonly token: string;
  readonly code?: string;
  readonly figures?: Readonly<Record<string, number>>;
}

/** So few rows say nothing about their share. */
const LEAST_ROWS = 50;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A finding is noted when it is made, and the run ends soon after: what a run says counts where nobody noted it. */
const NOTE_LAG_MS = 10 * MINUTE_MS;
/** What the state keeps of a name, of which there may be many. */
const MAX_NAME = 80;

const NEVER_RAN = ExportActivity.parse({});

const shortened = (text: string): string => {
  const name = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
};

const ofExport = ({ id, name }: Export): Subject => ({ type: 'export', id, name: shortened(name) });
const ofConnection = ({ id, displayName }: Connection): Subject => ({ type: 'connection', id, name: shortened(displayName) });

/** Nothing starts a paused or detached export, so nothing can be missed of it. */
const isWatched = ({ connectionId, paused }: Export): boolean => connectionId !== undefined && !paused;

const KIND_OF_STATUS: Readonly<Record<ConnectionStatus, NotificationKind | undefined>> = {
  connected: undefined,
  keyRefused: 'key_refused',
  scopeMissing: 'key_refused',
  accountChanged: 'key_refused',
  secretMissing: 'secret_missing',
  secretDisabled: 'secret_missing',
  secretInvalid: 'secret_missing',
  vaultRefused: 'secret_missing',
};

/** Channels of which nothing is taken any more, from what was tried: told to the others, and to the log. Pure. */
export const ofChannels = (channels: readonly Pick<StoredChannel, 'id' | 'name' | 'secretName'>[], state: State): Observation[] =>
  channels
    .filter((channel) => isBroken(channel, state))
    .map(({ id, name, secretName }) => {
      const { at, since = at, code } = state.channels[id]!.delivery!;
      const subject: Subject = { type: 'app', id, name: shortened(name) };
      return { kind: 'channel_broken', subject, since, token: secretName, ...(code === undefined ? {} : { code }) };
    });

/** What one export's rows say. */
const ofOneExport = (
  segmentExport: Export,
  activity: ExportActivity,
  {
    rejectedShare,
    isKnownConnection,
    ...due
  }: {
    rejectedShare: number;
    isKnownConnection: (id: ConnectionId) => boolean;
    refresh: SystemRefresh | undefined;
    system: Date | undefined;
    lateMs: number;
    now: Date;
  },
): Observation[] => {
  const found: Observation[] = [];
  const subject = ofExport(segmentExport);
  const see = (kind: NotificationKind, rest: Omit<Observation, 'kind' | 'subject'>): void => void found.push({ kind, subject, ...rest });
  const { last, lastSkip } = activity;
  if (last !== undefined) {
    const of = { since: last.endedAt, token: last.runId };
    const code = last.error?.code;
    // what its connection says is told once, of that, however many exports use it
    const isOfConnection = code !== undefined && statusOfCode(code) !== undefined && isKnownConnection(segmentExport.connectionId!);
    if (last.state === 'failed' && !isOfConnection) see('run_failed', { ...of, ...(code === undefined ? {} : { code }) });
    if (last.held > 0) see('removals_held', { ...of, figures: { held: last.held } });
    const { rejected, accepted = 0 } = last;
    const sent = accepted + rejected;
    const share = sent === 0 ? 0 : rejected / sent;
    if (last.state === 'successful' && last.accepted !== undefined && sent >= LEAST_ROWS && share > rejectedShare)
      see('rejected_share', { ...of, figures: { rejected, sent, share: Math.round(share * 10_000) / 10_000 } });
  }
  if (lastSkip !== undefined) see('source_stale', { since: lastSkip.at, token: lastSkip.runId, code: lastSkip.code });
  const { refresh } = due;
  const since = refresh && dueSince(segmentExport, activity, { ...due, refresh });
  if (since !== undefined) {
    const minutes = Math.floor((due.now.getTime() - since.getTime()) / MINUTE_MS);
    see('did_not_start', { since: since.toISOString(), token: since.toISOString(), figures: { minutes } });
  }
  return found;
};

/** What a connection's note says, or a run whose finding nobody could note. */
const ofOneConnection = (
  { connection, note }: Seen['connections'][number],
  failures: readonly NonNullable<ExportActivity['last']>[],
): Observation[] => {
  const checkedAt = note === undefined ? 0 : Date.parse(note.checkedAt);
  const unnoted = failures.find(({ endedAt }) => Date.parse(endedAt) - checkedAt > NOTE_LAG_MS);
  const isBad = note !== undefined && note.status !== 'connected';
  const status = isBad || unnoted === undefined ? (note?.status ?? 'connected') : statusOfCode(unnoted.error!.code)!;
  const kind = KIND_OF_STATUS[status];
  if (kind === undefined) return [];
  const since = isBad ? note.since : unnoted!.endedAt;
  return [{ kind, subject: ofConnection(connection), since, token: since, code: status }];
};

const ofRevision = (revision: string, now: Date): Observation[] => {
  if (!retiresSoon(revision, now)) return [];
  const days = Math.max(0, Math.ceil((Date.parse(`${retiresAt(revision)}T00:00:00Z`) - now.getTime()) / DAY_MS));
  return [
    {
      kind: 'revision_retires',
      subject: { type: 'app', id: revision, name: revision },
      since: now.toISOString(),
      token: '',
      figures: { days },
    },
  ];
};

/**
 * All that is not as it should be, from what is stored and the clock alone: nothing has to be said at the moment it happens, so nothing
 * that is said can be lost. Pure.
 * @param revision of Klaviyo's API that this app speaks
 */
export const observe = (
  seen: Seen,
  { settings, revision, now }: { settings: Pick<StoredNotifications, 'rejectedShare' | 'lateMinutes'>; revision: string; now: Date },
): readonly Observation[] => {
  const lateMs = settings.lateMinutes * MINUTE_MS;
  const system = seen.refresh && systemOccurrence(seen.refresh, new Date(now.getTime() - lateMs));
  const known = new Set<ConnectionId>(seen.connections.map(({ connection }) => connection.id));
  const failures = new Map<ConnectionId, NonNullable<ExportActivity['last']>[]>();
  const found: Observation[] = [];
  const context = { rejectedShare: settings.rejectedShare, isKnownConnection: (id: ConnectionId) => known.has(id), lateMs, system, now };
  for (const segmentExport of seen.exports) {
    const { id, connectionId } = segmentExport;
    if (!isWatched(segmentExport) || seen.unreadable.has(id)) continue;
    // one that has never run has no row, but may be due
    const activity = seen.activities.get(id) ?? NEVER_RAN;
    const { last } = activity;
    if (last?.state === 'failed' && last.error && statusOfCode(last.error.code) !== undefined)
      failures.set(connectionId!, [...(failures.get(connectionId!) ?? []), last]);
    found.push(...ofOneExport(segmentExport, activity, { ...context, refresh: seen.refresh }));
  }
  for (const one of seen.connections) found.push(...ofOneConnection(one, failures.get(one.connection.id) ?? []));
  return [...found, ...ofRevision(revision, now)];
};

/** Whether what is not seen any more is over for that: a run that failed otherwise says neither that it is nor that it is not. */
const isOver = (kind: string, { last }: ExportActivity, refresh: SystemRefresh | undefined): boolean => {
  if (kind === 'did_not_start') return refresh !== undefined;
  if (kind === 'run_failed' || kind === 'source_stale') return last?.state !== 'failed';
  if (kind !== 'rejected_share' || last === undefined) return true;
  const { state, accepted, rejected } = last;
  return state === 'successful' && accepted !== undefined && (rejected === 0 || accepted + rejected >= LEAST_ROWS);
};

/**
 * What became of a condition's subject, for one that is no longer seen; unknown also where it may be as it was, and only something else
 * is seen instead. Pure.
 */
export const fateOf = (
  { kind, subject: { type, id = '' } }: Pick<Condition, 'kind' | 'subject'>,
  seen: Seen,
  observations: readonly Pick<Observation, 'subject'>[],
): Fate => {
  // of a later version, which knows how to look at it
  const isKnown = NotificationKind.safeParse(kind).success;
  if (type === 'app') return isKnown ? 'there' : 'unknown';
  if (type === 'connection') {
    if (seen.unreadableConnections.has(id)) return 'unknown';
    if (!seen.connections.some(({ connection }) => connection.id === id)) return 'removed';
    // a key that cannot be read any more is accepted no more than before
    const isOpen = kind === 'key_refused' && observations.some(({ subject }) => subject.type === type && subject.id === id);
    return isKnown && !isOpen ? 'there' : 'unknown';
  }
  if (seen.unreadable.has(id)) return 'unknown';
  const segmentExport = seen.exports.find((one) => one.id === id);
  if (segmentExport === undefined) return 'removed';
  if (!isKnown) return 'unknown';
  if (!isWatched(segmentExport)) return 'paused';
  return isOver(kind, seen.activities.get(segmentExport.id) ?? NEVER_RAN, seen.refresh) ? 'there' : 'unknown';
};
