import type { TableClient } from '@azure/data-tables';
import { createConnectionKeys } from '../connections/connection-keys';
import { createConnectionStore } from '../connections/connection-store';
import { createConnections } from '../connections/connections';
import type { Connections } from '../connections/connections';
import { ExportActivity } from '../exports/export';
import { createExportChecks } from '../exports/export-checks';
import { createExportStore } from '../exports/export-store';
import { createExports } from '../exports/exports';
import type { SegmentExports } from '../exports/exports';
import type { KlaviyoClient } from '../klaviyo/client';
import { createChannels } from '../notifications/channels';
import type { Channels } from '../notifications/channels';
import { createDraftTable } from '../platform/draft-table';
import { createSettings } from '../settings/settings';
import type { Settings } from '../settings/settings';

/** The operations of the single routes, on the deployment itself or on a draft of it. */
export interface Target {
  readonly settings: Pick<Settings, 'setSchedule' | 'setLimits'>;
  readonly channels: Pick<Channels, 'set'>;
  readonly connections: Pick<Connections, 'create' | 'update' | 'remove'>;
  readonly segmentExports: Pick<SegmentExports, 'create' | 'update' | 'remove' | 'detach' | 'pause' | 'resume'>;
}

/** What the app builds its settings, connections and exports from. */
export interface Parts {
  readonly tables: Readonly<Record<'settings' | 'connections' | 'exports', TableClient>>;
  readonly settings: Omit<Parameters<typeof createSettings>[0], 'table'>;
  readonly channels: Omit<Parameters<typeof createChannels>[0], 'settings'>;
  readonly connections: Parameters<typeof createConnections>[0];
  readonly exports: Omit<Parameters<typeof createExports>[0], 'connections' | 'checks'>;
  readonly checks: Omit<Parameters<typeof createExportChecks>[0], 'connections'>;
}

const nothing = async (): Promise<void> => undefined;

/** Asks once for each key and remembers the answer. */
const once = <T>(ask: (key: string) => Promise<T>): ((key: string) => Promise<T>) => {
  const answers = new Map<string, Promise<T>>();
  return (key) => {
    const known = answers.get(key) ?? ask(key);
    answers.set(key, known);
    return known;
  };
};

/** Reads a list of Klaviyo's once, however many exports go to it and however often they are checked. */
const remembering = (client: KlaviyoClient, signal: AbortSignal): KlaviyoClient => {
  const list = once((id) => client.send('list', { id, signal }));
  const send: KlaviyoClient['send'] = (name, options) =>
    name === 'list' && options.id !== undefined && options.query === undefined ? list(options.id) : client.send(name, options);
  return { ...client, send };
};

/**
 * The deployment and a draft of it, for one call: the same operations over the same rules. In the draft nothing is stored, no secret
 * is written or deleted and no run is stopped; Klaviyo, vault and source are asked as ever. What the draft has asked of Klaviyo's
 * lists and of the source, the deployment does not ask again.
 */
export const createTargets = (parts: Parts, { signal }: { signal: AbortSignal }): { readonly draft: Target; readonly real: Target } => {
  const describe = once((segment) => parts.checks.source.describeSegment(segment, { signal }));
  const clients = new Map<string, Promise<KlaviyoClient>>();

  const over = ({
    channels: channelParts,
    connections: connectionParts,
    exports: exportParts,
    settings,
  }: Pick<Parts, 'channels' | 'connections' | 'exports'> & { settings: Settings }): Target => {
    const connections = createConnections(connectionParts);
    const clientOf: Connections['clientOf'] = (connection, options) => {
      const { secretName } = connection;
      const known = clients.get(secretName) ?? connections.clientOf(connection, options).then((client) => remembering(client, signal));
      clients.set(secretName, known);
      return known;
    };
    const checks = createExportChecks({
      ...parts.checks,
      settings,
      source: { describeSegment: (segment) => describe(segment) },
      connections: { clientOf },
    });
    const channels = createChannels({ ...channelParts, settings });
    return { settings, channels, connections, segmentExports: createExports({ ...exportParts, connections, checks }) };
  };

  const { now } = parts.settings;
  const drafts = {
    settings: createDraftTable(parts.tables.settings),
    connections: createDraftTable(parts.tables.connections),
    exports: createDraftTable(parts.tables.exports),
  };
  const exportStore = createExportStore({ table: drafts.exports, now });
  const store = createConnectionStore({ table: drafts.connections });
  const draft = over({
    settings: createSettings({ ...parts.settings, table: drafts.settings }),
    channels: {
      ...parts.channels,
      secrets: { ...parts.channels.secrets, note: nothing, set: async () => ({ version: 'draft' }), remove: nothing, forget: nothing },
    },
    connections: {
      ...parts.connections,
      store,
      keys: createConnectionKeys({ store, secrets: parts.connections.secrets, now }),
      secrets: { ...parts.connections.secrets, set: async () => ({ version: 'draft' }), remove: async () => undefined },
      dependents: async function* (id, options) {
        for await (const { value } of exportStore.byConnection(id, options)) yield value;
      },
    },
    exports: {
      ...parts.exports,
      store: exportStore,
      connectionStore: store,
      runs: { removeOf: async () => undefined, stopOf: async () => ExportActivity.parse({}) },
    },
  });
  const real = over({
    settings: createSettings({ ...parts.settings, table: parts.tables.settings }),
    channels: parts.channels,
    connections: parts.connections,
    exports: parts.exports,
  });
  return { draft, real };
};
