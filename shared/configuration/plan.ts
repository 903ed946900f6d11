import type { ActivityDetails } from '../activity/entry';
import type { Caller } from '../caller';
import type { Connection, ConnectionChange } from '../connections/connection';
import { nameKey } from '../connections/connection-store';
import { ConflictError } from '../errors';
import type { Export, ExportChange } from '../exports/export';
import type { ChannelId, ConnectionId, ExportId } from '../ids';
import type { Stored } from '../platform/tables';
import type { SystemSchedule } from '../schedules/schedule';
import type { Limits } from '../settings/limits';
import { channelNameKey } from '../settings/notification-settings';
import { channelNames, compare, configuredConnection, configuredExport, configuredNotifications, sharedNames } from './current';
import type { Current } from './current';
import type { Configuration, ConfiguredConnection, ConfiguredExport, ConfiguredNotifications, PlanItem, PlanProblem } from './document';
import type { Target } from './target';

/** What a step works on: the deployment itself, or a draft of it. */
export interface StepContext {
  readonly target: Target;
  /** connections by the key of their name; a step that makes one adds it */
  readonly connectionIds: Map<string, ConnectionId>;
  /** channels by the key of their name; the step that makes them adds them */
  readonly channelIds: Map<string, ChannelId>;
  readonly caller: Caller;
  readonly signal: AbortSignal;
  /** says what was done, as soon as it is done: it is told in the activity log, also when the rest of the step fails */
  readonly tell: (done: ActivityDetails) => void;
}

/** One change. Steps of one stage do not depend on one another, except where the stage goes one by one. */
export interface Step {
  readonly stage: Stage;
  readonly action: 'created' | 'changed' | 'deleted';
  readonly item: PlanItem;
  readonly pointer: string;
  readonly run: (context: StepContext) => Promise<void>;
}

/** In this order: an export needs its connection, and a connection goes after its exports. */
export const STAGES = ['settings', 'connections', 'exports', 'exportsRemoved', 'connectionsRemoved'] as const;
export type Stage = (typeof STAGES)[number];

export interface Plan {
  readonly steps: readonly Step[];
  readonly notInDocument: readonly PlanItem[];
  readonly unchanged: number;
  readonly problems: readonly PlanProblem[];
}

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The fields that differ, before and after; undefined: none. */
const difference = (before: object, after: object, fields: readonly string[]): Pick<PlanItem, 'before' | 'after'> | undefined => {
  const [was, is] = [before as Record<string, unknown>, after as Record<string, unknown>];
  const differing = fields.filter((field) => !same(was[field], is[field]));
  if (differing.length === 0) return undefined;
  const pick = (values: Record<string, unknown>) =>
    Object.fromEntries(differing.filter((field) => values[field] !== undefined).map((field) => [field, values[field]]));
  return { before: pick(was), after: pick(is) };
};

/** A change clears them with null. */
const clearable = ['maxProfiles', 'resyncDays', 'maxInvalidShare', 'guardCount', 'guardShare', 'notify'] as const;
const CONNECTION_FIELDS = ['displayName', 'access', 'secretName', 'secret'];
/** `listName` is for readers, `id` says which one is meant. */
const EXPORT_FIELDS = [
  ...['name', 'connection', 'listId', 'segments', 'mapping', 'membership', 'schedule', 'paused', 'canaryRows'],
  ...clearable,
];

const keyOfName = (displayName: string): string => nameKey({ type: 'klaviyo', displayName });

/** The connection that an export is to have. @throws ConflictError connection_not_made where its own step could not make it */
const idOf = ({ connectionIds }: StepContext, displayName: string): ConnectionId => {
  const id = connectionIds.get(keyOfName(displayName));
  if (id !== undefined) return id;
  throw new ConflictError({
    code: 'connection_not_made',
    message: `The connection “${displayName}” of this export cannot be made; see there.`,
    pointer: '/connectionId',
  });
};

/** The channels that an export is to name. @throws ConflictError channel_not_made where their own step could not make them */
const channelsOf = ({ channelIds }: StepContext, { channels }: NonNullable<ConfiguredExport['notify']>): NonNullable<Export['notify']> => ({
  channelIds: [...new Set(channels.map(channelNameKey))].map((key, index) => {
    const id = channelIds.get(key);
    if (id !== undefined) return id;
    throw new ConflictError({
      code: 'channel_not_made',
      message: 'A channel of this export cannot be made; see there.',
      pointer: `/notify/channelIds/${index}`,
    });
  }),
});

/**
 * What a document changes here, as steps that each call the operation of a single route; nothing is done yet, and nothing outside is asked.
 * Things are matched by name: connections as their names are unique, exports where just one has the name.
 * @param prune whether what the document does not name is removed
 */
export const planOf = (document: Configuration, current: Current, { prune }: { prune: boolean }): Plan => {
  const steps: Step[] = [];
  const problems: PlanProblem[] = [];
  const notInDocument: PlanItem[] = [];
  let unchanged = 0;

  // --- settings
  const setting = <T extends SystemSchedule | Limits>(
    name: 'schedule' | 'limits',
    wanted: T | undefined,
    stored: Stored<T>,
    set: (context: StepContext, value: T, ifMatch: string) => Promise<unknown>,
  ): void => {
    if (wanted === undefined) return;
    const differs = difference(stored.value, wanted, Object.keys({ ...stored.value, ...wanted }));
    if (differs === undefined) {
      unchanged += 1;
      return;
    }
    const item: PlanItem = { what: 'setting', name, ...differs };
    const kind = name === 'schedule' ? 'system_schedule_changed' : 'limits_changed';
    const run = async (context: StepContext): Promise<void> => {
      await set(context, wanted, stored.etag);
      context.tell({ kind, ...differs });
    };
    steps.push({ stage: 'settings', action: 'changed', item, pointer: `/settings/${name}`, run });
  };
  setting('schedule', document.settings.schedule, current.schedule, ({ target, signal }, value, ifMatch) =>
    target.settings.setSchedule(value, { ifMatch, signal }),
  );
  setting('limits', document.settings.limits, current.limits, ({ target, signal }, value, ifMatch) =>
    target.settings.setLimits(value, { ifMatch, signal }),
  );

  const notifications = document.settings.notifications;
  const storedChannels = new Map(current.notifications.value.channels.map((channel) => [channelNameKey(channel.name), channel]));
  /** Nobody sees a secret that a document had made, so that whoever reads the plan learns to renew it. */
  const makesSecret = ({ name, form }: ConfiguredNotifications['channels'][number]): boolean =>
    form === 'json' && storedChannels.get(channelNameKey(name))?.form !== 'json';
  /** An address that replaces another shows nowhere but by that. */
  const withoutUrls = ({ channels, ...rest }: ConfiguredNotifications) => ({
    channels: channels
      .map((channel) => {
        const { url, ...shown } = channel;
        return {
          ...shown,
          ...(url === undefined ? {} : { newUrl: true }),
          ...(makesSecret(channel)
            ? { signingSecret: 'made, and shown to nobody: renew it in the settings before its receiver can verify' }
            : {}),
        };
      })
      .sort((one, other) => compare(one.name, other.name)),
    ...rest,
  });
  const changeNotifications = (wanted: ConfiguredNotifications): void => {
    const differs = difference(configuredNotifications(current.notifications.value), withoutUrls(wanted), Object.keys(wanted));
    if (differs === undefined) {
      unchanged += 1;
      return;
    }
    const bare = wanted.channels.flatMap(({ name, url }, index) =>
      url === undefined && !storedChannels.has(channelNameKey(name)) ? [{ name, index }] : [],
    );
    for (const { name, index } of bare) {
      problems.push({
        what: 'setting',
        name: 'notifications',
        pointer: `/settings/notifications/channels/${index}/url`,
        code: 'channel_url_needed',
        detail: `There is no channel “${name}” here yet, and a document that was read carries no address: make it once by hand, or put its url in.`,
      });
    }
    if (bare.length > 0) return;
    const run = async ({ target, channelIds, signal, tell }: StepContext): Promise<void> => {
      const channels = wanted.channels.map((channel) => {
        const id = storedChannels.get(channelNameKey(channel.name))?.id;
        return { ...channel, ...(id === undefined ? {} : { id }) };
      });
      const { value } = await target.channels.set({ ...wanted, channels }, { ifMatch: current.notifications.etag, signal });
      for (const { name, id } of value.channels) channelIds.set(channelNameKey(name), id);
      tell({ kind: 'notifications_changed', ...differs });
    };
    const item: PlanItem = { what: 'setting', name: 'notifications', ...differs };
    steps.push({ stage: 'settings', action: 'changed', item, pointer: '/settings/notifications', run });
  };
  if (notifications !== undefined) changeNotifications(notifications);
  /** Those that there will be. */
  const channelKeys = new Set(
    notifications === undefined ? storedChannels.keys() : notifications.channels.map(({ name }) => channelNameKey(name)),
  );
  const namesOfChannels = channelNames(current);

  // --- connections
  const connections = new Map(current.connections.map((stored) => [nameKey(stored.value), stored]));
  const namedConnections = new Set<string>();

  const createConnection = (entry: ConfiguredConnection, pointer: string, problem: (code: string, detail: string) => void): void => {
    const { displayName, type, access, secretName, agreed } = entry;
    if (secretName === undefined) {
      return problem(
        'secret_needed',
        `There is no connection “${displayName}” here yet, and a document carries no key: connect it once by hand, or name the secretName of a secret in this deployment’s vault.`,
      );
    }
    if (agreed === undefined) {
      return problem(
        'agreement_needed',
        `The connection “${displayName}” is new here; read what leaves the compliance boundary, and say "agreed": true to make it.`,
      );
    }
    const item: PlanItem = { what: 'connection', name: displayName, after: { displayName, type, access, secretName } };
    const run = async ({ target, connectionIds, caller, signal, tell }: StepContext): Promise<void> => {
      const { value } = await target.connections.create({ displayName, type, access, secretName, agreed }, { caller, signal });
      connectionIds.set(nameKey(value), value.id);
      tell({ kind: 'connection_created', connectionId: value.id, name: displayName, after: item.after });
    };
    steps.push({ stage: 'connections', action: 'created', item, pointer, run });
  };

  const changeConnection = (
    entry: ConfiguredConnection,
    { value, etag }: Stored<Connection>,
    pointer: string,
    problem: (code: string, detail: string) => void,
  ): void => {
    const differs = difference(configuredConnection(value), entry, CONNECTION_FIELDS);
    if (differs === undefined) {
      unchanged += 1;
      return;
    }
    if (entry.secret === 'managed' && !value.ownsSecret) {
      return problem(
        'secret_given',
        `The connection “${value.displayName}” uses the secret ${value.secretName} of this vault and cannot go back to a key of its own; name that secret, or connect another one.`,
      );
    }
    const change: ConnectionChange = Object.fromEntries(Object.entries(differs.after ?? {}).filter(([field]) => field !== 'secret'));
    const item: PlanItem = { what: 'connection', name: entry.displayName, ...differs };
    const run = async ({ target, caller, signal, tell }: StepContext): Promise<void> => {
      await target.connections.update(value.id, change, { ifMatch: etag, caller, signal });
      tell({ kind: 'connection_changed', connectionId: value.id, name: entry.displayName, ...differs });
    };
    steps.push({ stage: 'connections', action: 'changed', item, pointer, run });
  };

  for (const [index, entry] of document.connections.entries()) {
    const pointer = `/connections/${index}`;
    const problem = (code: string, detail: string): void =>
      void problems.push({ what: 'connection', name: entry.displayName, pointer, code, detail });
    const key = nameKey(entry);
    if (namedConnections.has(key)) {
      problem('name_twice', `The document names the connection “${entry.displayName}” twice; leave one of them out.`);
      continue;
    }
    namedConnections.add(key);
    const stored = connections.get(key);
    if (stored) changeConnection(entry, stored, pointer, problem);
    else createConnection(entry, pointer, problem);
  }

  // --- exports
  const byId = new Map(current.exports.map((stored) => [stored.value.id, stored]));
  const byName = new Map(current.exports.map((stored) => [stored.value.name, stored]));
  const connectionById = new Map(current.connections.map(({ value }) => [value.id, value]));
  const shared = sharedNames(current.exports);
  const namedExports = new Set<ExportId>();
  const newNames = new Set<string>();

  const createExport = (entry: ConfiguredExport, pointer: string, problem: (code: string, detail: string, at?: string) => void): void => {
    const { id: _, connection, listName: __, paused, notify, ...rest } = entry;
    if (connection === undefined) {
      return problem('connection_needed', `The export “${entry.name}” is new here and needs a connection.`, '/connection');
    }
    if (newNames.has(entry.name)) {
      return problem(
        'name_ambiguous',
        `The document names two exports “${entry.name}” that do not exist here; give each a name of its own.`,
      );
    }
    newNames.add(entry.name);
    const told = notify === undefined ? {} : { notify };
    const item: PlanItem = { what: 'export', name: entry.name, after: { ...rest, ...told, connection, paused } };
    const run = async (context: StepContext): Promise<void> => {
      const { target, caller, signal, tell } = context;
      const connectionId = idOf(context, connection);
      const channels = notify === undefined ? {} : { notify: channelsOf(context, notify) };
      const { value } = await target.segmentExports.create({ ...rest, ...channels, connectionId }, { caller, signal });
      let isPaused = false;
      const record = async (): Promise<void> => void (isPaused = true);
      try {
        if (paused) await target.segmentExports.pause(value.id, { caller, signal, record });
        isPaused = paused;
      } finally {
        tell({ kind: 'export_created', exportId: value.id, connectionId, name: entry.name, after: { ...item.after, paused: isPaused } });
      }
    };
    steps.push({ stage: 'exports', action: 'created', item, pointer, run });
  };

  const asStored = ({ channels }: NonNullable<ConfiguredExport['notify']>): ConfiguredExport['notify'] => {
    const names = new Map(channels.map((one) => [channelNameKey(one), storedChannels.get(channelNameKey(one))?.name ?? one]));
    return names.size === 0 ? undefined : { channels: [...names.values()].sort(compare) };
  };
  const changeExport = (entry: ConfiguredExport, { value, etag }: Stored<Export>, pointer: string): void => {
    const before = configuredExport(value, value.connectionId && connectionById.get(value.connectionId), namesOfChannels);
    // in whatever order and case the names were written
    const wanted = { ...entry, ...(entry.notify === undefined ? {} : { notify: asStored(entry.notify) }) };
    const differs = difference(before, wanted, EXPORT_FIELDS);
    if (differs === undefined) {
      unchanged += 1;
      return;
    }
    const { connection, paused, notify, ...fields } = differs.after as Partial<ConfiguredExport>;
    const cleared = clearable.filter((field) => field in (differs.before ?? {}) && !(field in (differs.after ?? {})));
    const isDetached = entry.connection === undefined && before.connection !== undefined;
    const item: PlanItem = { what: 'export', name: entry.name, ...differs };
    const run = async (context: StepContext): Promise<void> => {
      const { target, caller, signal, tell } = context;
      const change: ExportChange = {
        ...fields,
        ...Object.fromEntries(cleared.map((field) => [field, null])),
        ...(notify === undefined ? {} : { notify: channelsOf(context, notify) }),
        ...(connection === undefined ? {} : { connectionId: idOf(context, connection) }),
      };
      const done: string[] = [];
      const attempt = async (names: readonly string[], work: () => Promise<unknown>): Promise<void> => {
        await work();
        done.push(...names);
      };
      try {
        // by version first: what somebody else has changed meanwhile is not overwritten
        if (Object.keys(change).length > 0) {
          const names = EXPORT_FIELDS.filter((name) => name !== 'paused' && !(name === 'connection' && isDetached));
          await attempt(names, () => target.segmentExports.update(value.id, change, { ifMatch: etag, caller, signal }));
        }
        if (isDetached) {
          const record = async (): Promise<void> => void done.push('connection');
          await attempt(['connection'], () => target.segmentExports.detach(value.id, { caller, signal, record }));
        }
        if (paused !== undefined) {
          const record = async (): Promise<void> => void done.push('paused');
          await attempt(['paused'], () => target.segmentExports[paused ? 'pause' : 'resume'](value.id, { caller, signal, record }));
        }
      } finally {
        const told = difference(before, wanted, done);
        if (told) tell({ kind: 'export_changed', exportId: value.id, name: entry.name, ...told });
      }
    };
    steps.push({ stage: 'exports', action: 'changed', item, pointer, run });
  };

  for (const [index, entry] of document.exports.entries()) {
    const pointer = `/exports/${index}`;
    const problem = (code: string, detail: string, at = ''): void =>
      void problems.push({ what: 'export', name: entry.name, pointer: `${pointer}${at}`, code, detail });
    if (entry.connection !== undefined) {
      const key = keyOfName(entry.connection);
      if (!namedConnections.has(key) && !connections.has(key)) {
        problem('connection_unknown', `There is no connection “${entry.connection}”, here or in the document.`, '/connection');
        continue;
      }
    }
    const unknown = (entry.notify?.channels ?? []).findIndex((one) => !channelKeys.has(channelNameKey(one)));
    if (unknown >= 0) {
      const called = entry.notify!.channels[unknown]!;
      problem('channel_unknown', `There will be no channel “${called}” here.`, `/notify/channels/${unknown}`);
      continue;
    }
    const stored = entry.id === undefined ? byName.get(entry.name) : byId.get(entry.id);
    if (entry.id === undefined && shared.has(entry.name)) {
      problem('name_ambiguous', `Several exports are called “${entry.name}”; say by id which is meant, or rename them.`);
    } else if (entry.id !== undefined && stored === undefined) {
      problem(
        'export_unknown',
        `There is no export ${entry.id} here. Ids belong to one deployment: give exports names of their own before a document goes to another.`,
        '/id',
      );
    } else if (stored === undefined) createExport(entry, pointer, problem);
    else if (namedExports.has(stored.value.id)) {
      problem('name_ambiguous', `The document names the export “${entry.name}” twice; leave one of them out.`);
    } else {
      namedExports.add(stored.value.id);
      changeExport(entry, stored, pointer);
    }
  }

  // --- what the document does not name
  const leftOut = (stage: Stage, item: PlanItem, run: Step['run']): void => {
    if (prune) steps.push({ stage, action: 'deleted', item, pointer: '', run });
    else notInDocument.push({ what: item.what, name: item.name });
  };
  for (const { value, etag } of [...current.exports].sort((one, other) => compare(one.value.name, other.value.name))) {
    if (namedExports.has(value.id)) continue;
    const before = configuredExport(value, value.connectionId && connectionById.get(value.connectionId), namesOfChannels);
    leftOut('exportsRemoved', { what: 'export', name: value.name, before }, async ({ target, caller, signal, tell }) => {
      await target.segmentExports.remove(value.id, { ifMatch: etag, caller, signal });
      tell({ kind: 'export_removed', exportId: value.id, name: value.name, before });
    });
  }
  const byDisplayName = [...current.connections].sort((one, other) => compare(one.value.displayName, other.value.displayName));
  for (const { value, etag } of byDisplayName) {
    if (namedConnections.has(nameKey(value))) continue;
    const before = configuredConnection(value);
    leftOut('connectionsRemoved', { what: 'connection', name: value.displayName, before }, async ({ target, signal, tell }) => {
      await target.connections.remove(value.id, { ifMatch: etag, signal });
      tell({ kind: 'connection_removed', connectionId: value.id, name: value.displayName, before });
    });
  }
  return { steps, notInDocument, unchanged, problems };
};
