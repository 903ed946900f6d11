import { createHash } from 'node:crypto';
import type { Connection } from '../connections/connection';
import type { ConnectionStore } from '../connections/connection-store';
import type { Export } from '../exports/export';
import type { ExportStore } from '../exports/export-store';
import type { Stored } from '../platform/tables';
import { withoutRepetitions } from '../schedules/schedule';
import type { SystemSchedule } from '../schedules/schedule';
import type { Limits } from '../settings/limits';
import type { StoredNotifications } from '../settings/notification-settings';
import type { Settings } from '../settings/settings';
import { ConfiguredExport } from './document';
import type { Configuration, ConfiguredConnection, ConfiguredNotifications, SavedConfiguration } from './document';

/** What is set up here now, each with its version. */
export interface Current {
  readonly schedule: Stored<SystemSchedule>;
  readonly limits: Stored<Limits>;
  readonly notifications: Stored<StoredNotifications>;
  readonly connections: readonly Stored<Connection>[];
  readonly exports: readonly Stored<Export>[];
}

/** Reads all of it: three queries, each of one partition, as long as there are no more than a thousand connections. */
export const createReadCurrent =
  ({
    settings,
    connectionStore,
    exportStore,
  }: {
    settings: Pick<Settings, 'getAll'>;
    connectionStore: Pick<ConnectionStore, 'readAll'>;
    exportStore: Pick<ExportStore, 'readWhole'>;
  }) =>
  async ({ signal }: { signal: AbortSignal }): Promise<Current> => {
    const readConnections = async (): Promise<Stored<Connection>[]> => {
      const connections: Stored<Connection>[] = [];
      for await (const stored of connectionStore.readAll({ signal })) connections.push(stored);
      return connections;
    };
    const [allSettings, connections, segmentExports] = await Promise.all([
      settings.getAll({ signal }),
      readConnections(),
      exportStore.readWhole({ signal }),
    ]);
    const { schedule, limits, notifications } = allSettings;
    return {
      schedule: { ...schedule, value: withoutRepetitions(schedule.value) },
      limits,
      notifications,
      connections,
      exports: [...segmentExports.values()],
    };
  };

/** By code units: the same everywhere, whatever the language of the machine. */
export const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

export const configuredConnection = ({ displayName, type, access, ownsSecret, secretName }: Connection): ConfiguredConnection => ({
  displayName,
  type,
  access,
  ...(ownsSecret ? { secret: 'managed' } : { secretName }),
});

/** Channels by name, without addresses; what is stored may hold more than this version would take. */
export const configuredNotifications = ({
  channels,
  digest,
  rejectedShare,
  lateMinutes,
}: StoredNotifications): ConfiguredNotifications => ({
  channels: channels
    .map(({ name, form, scope, kinds }) => ({
      ...{ name, form, scope },
      ...(kinds === undefined ? {} : { kinds: kinds }),
    }))
    .sort((one, other) => compare(one.name, other.name)),
  digest,
  rejectedShare,
  lateMinutes,
});

/** Channels that are no longer there tell nobody anything. */
const configuredNotify = ({ notify }: Export, channels: ReadonlyMap<string, string>): ConfiguredExport['notify'] => {
  const names = (notify?.channelIds ?? []).flatMap((id) => channels.get(id) ?? []);
  return names.length === 0 ? undefined : { channels: names.sort(compare) };
};

/** Names of channels by id. */
export const channelNames = ({ notifications }: Pick<Current, 'notifications'>): ReadonlyMap<string, string> =>
  new Map(notifications.value.channels.map(({ id, name }) => [id, name]));

/** Without its id. An export whose connection is gone is as good as detached. @param channels names by id */
export const configuredExport = (
  segmentExport: Export,
  connection: Connection | undefined,
  channels: ReadonlyMap<string, string>,
): ConfiguredExport => {
  const known: Record<string, unknown> = {
    ...segmentExport,
    id: undefined,
    connection: connection?.displayName,
    schedule: withoutRepetitions(segmentExport.schedule),
    notify: configuredNotify(segmentExport, channels),
  };
  const fields = Object.keys(ConfiguredExport.shape).filter((field) => known[field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, known[field]])) as ConfiguredExport;
};

/** Names that several exports share, which alone do not say which is meant. */
export const sharedNames = (segmentExports: readonly Stored<Export>[]): ReadonlySet<string> => {
  const seen = new Set<string>();
  return new Set(segmentExports.flatMap(({ value: { name } }) => (seen.has(name) ? [name] : (seen.add(name), []))));
};

/** The whole as a document. */
export const toDocument = ({ schedule, limits, notifications, connections, exports: segmentExports }: Current): SavedConfiguration => {
  const channels = channelNames({ notifications });
  const byId = new Map(connections.map(({ value }) => [value.id, value]));
  const shared = sharedNames(segmentExports);
  return {
    version: 1,
    settings: { schedule: schedule.value, limits: limits.value, notifications: configuredNotifications(notifications.value) },
    connections: connections
      .map(({ value }) => configuredConnection(value))
      .sort((one, other) => compare(one.displayName, other.displayName)),
    exports: segmentExports
      .map(({ value }) => value)
      .sort((one, other) => compare(one.name, other.name) || compare(one.id, other.id))
      .map((value) => {
        const { name, ...rest } = configuredExport(value, value.connectionId && byId.get(value.connectionId), channels);
        return { name, ...(shared.has(name) ? { id: value.id } : {}), ...rest };
      }),
  };
};

/** Version of the whole: of what it says, so that it is the same wherever the same is set up. */
export const versionOf = (document: Configuration | SavedConfiguration): string =>
  `"${createHash('sha256').update(JSON.stringify(document)).digest('base64url').slice(0, 22)}"`;
