import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Caller } from '../caller';
import type { Connection } from '../connections/connection';
import { mayUse } from '../connections/connections';
import type { Connections } from '../connections/connections';
import { ConflictError, InvalidInputError, LimitError, NotAllowedError, NotFoundError } from '../errors';
import { newExportId } from '../ids';
import type { ExportId, ListId } from '../ids';
import { findList } from '../klaviyo/lists';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import { withSchedule } from '../schedules/schedule';
import type { SegmentSource } from '../segments/segment-source';
import { Export } from './export';
import type { ExportChange, NewExport } from './export';
import type { ExportStore } from './export-store';
import type { Mapping } from './mapping';

export const ExportPermission = z.enum(['edit', 'view']);
export type ExportPermission = z.infer<typeof ExportPermission>;

/** An export as its caller sees it (customer-insights.md R1: "Your permissions"). */
export const ExportView = Export.extend({ permission: ExportPermission }).meta({ id: 'ExportView' });
export type ExportView = z.infer<typeof ExportView>;

/** What the removal of an export needs of the runs, once its row has gone: stop the active one, sweep state and reports. */
export interface RunsOfExport {
  removeOf(exportId: ExportId, options: { signal: AbortSignal }): Promise<void>;
}

type Options = { signal: AbortSignal };
type AsCaller = { caller: Caller } & Options;

/** Contributor rights come from the connection: without one only an administrator edits (customer-insights.md R2, R3). */
const permissionFor = (caller: Caller, connection: Connection | undefined): ExportPermission => {
  if (caller.role === 'Administrator') return 'edit';
  return connection !== undefined && mayUse(caller, connection) ? 'edit' : 'view';
};

/** Every mapped field with its pointer into the export. */
const pointersOf = ({ location, properties, ...core }: Mapping): { pointer: string; field: string }[] => {
  const named = (prefix: string, fields: Readonly<Record<string, string | undefined>>) =>
    Object.entries(fields).flatMap(([name, field]) => (field === undefined ? [] : [{ pointer: `/mapping/${prefix}${name}`, field }]));
  return [
    ...named('', core),
    ...named('location/', location ?? {}),
    ...(properties ?? []).map(({ field }, index) => ({ pointer: `/mapping/properties/${index}/field`, field })),
  ];
};

/** An export with a change at the first level; null clears a limit. */
const withChange = (current: Export, change: ExportChange, at: string): Export => {
  const merged: Record<string, unknown> = { ...current };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  if (change.schedule) Object.assign(merged, withSchedule(current, change.schedule));
  const next = Export.parse(merged);
  const rescheduled = next.connectionId !== current.connectionId || !isDeepStrictEqual(next.schedule, current.schedule);
  return rescheduled ? { ...next, scheduleSetAt: at } : next;
};

/**
 * Exports: which segments go to which list, and when. What is saved has been held against Klaviyo and the source; saving never runs
 * anything (customer-insights.md E3).
 * @param maxProfiles upper bound of every export's cap
 */
export const createExports = ({
  store,
  connections,
  source,
  runs,
  maxProfiles,
  now,
}: {
  store: ExportStore;
  connections: Pick<Connections, 'find' | 'readAll' | 'clientOf'>;
  source: Pick<SegmentSource, 'describeSegment'>;
  runs: RunsOfExport;
  maxProfiles: number;
  now: () => Date;
}) => {
  const find = async (id: ExportId, { signal }: Options): Promise<Stored<Export>> => {
    const found = await store.find(id, { signal });
    if (!found) throw new NotFoundError({ code: 'export_unknown', message: 'There is no such export.' });
    return found;
  };
  const connectionOf = async ({ connectionId }: Export, options: Options): Promise<Connection | undefined> =>
    connectionId === undefined ? undefined : connections.find(connectionId, options);

  const view = (caller: Caller, stored: Stored<Export>, connection: Connection | undefined): Stored<ExportView> => ({
    value: { ...stored.value, permission: permissionFor(caller, connection) },
    etag: stored.etag,
  });

  /** @throws NotFoundError export_unknown; NotAllowedError export_view_only */
  const findEditable = async (id: ExportId, { caller, signal }: AsCaller) => {
    const stored = await find(id, { signal });
    const connection = await connectionOf(stored.value, { signal });
    if (permissionFor(caller, connection) === 'view') {
      throw new NotAllowedError({
        code: 'export_view_only',
        message: 'You may look at this export but not change or run it; its connection is not shared with contributors.',
      });
    }
    return { stored, connection };
  };

  /** @throws InvalidInputError connection_unknown, also for one the caller may not use */
  const usableConnection = async (id: Connection['id'], { caller, signal }: AsCaller): Promise<Connection> => {
    const connection = await connections.find(id, { signal });
    if (connection !== undefined && mayUse(caller, connection)) return connection;
    throw new InvalidInputError({
      code: 'connection_unknown',
      message: 'There is no such connection that you may use; choose another one.',
      pointer: '/connectionId',
    });
  };

  const checkList = async (connection: Connection, listId: ListId, { signal }: Options): Promise<void> => {
    const client = await connections.clientOf(connection, { signal });
    if (await findList(client, listId, { signal })) return;
    throw new InvalidInputError({
      code: 'list_unknown',
      message: `Klaviyo’s account ${connection.accountName} has no list with the id ${listId}; copy the id from the list’s settings in Klaviyo.`,
      pointer: '/listId',
    });
  };

  const checkFields = async ({ segments, mapping }: Pick<Export, 'segments' | 'mapping'>, { signal }: Options): Promise<void> => {
    const problems: { pointer: string; detail: string }[] = [];
    for (const [index, segment] of segments.entries()) {
      try {
        const { fields } = await source.describeSegment(segment, { signal });
        const names = new Set(fields.map(({ name }) => name));
        for (const { pointer, field } of pointersOf(mapping)) {
          if (names.has(field) || problems.some((problem) => problem.pointer === pointer)) continue;
          problems.push({ pointer, detail: `The segment ${segment} has no field ${field}.` });
        }
      } catch (error) {
        if (!(error instanceof NotFoundError)) throw error;
        problems.push({ pointer: `/segments/${index}`, detail: `The source has no segment ${segment}.` });
      }
    }
    const [first] = problems;
    if (!first) return;
    throw new InvalidInputError({
      code: problems.some(({ pointer }) => pointer.startsWith('/segments')) ? 'segment_unknown' : 'field_unknown',
      message: problems.length === 1 ? first.detail : `${problems.length} fields do not fit the source; see errors.`,
      problems,
    });
  };

  const checkCap = (wanted: number | undefined): void => {
    if (wanted === undefined || wanted <= maxProfiles) return;
    throw new LimitError({
      code: 'cap_too_high',
      message: `This app exports at most ${maxProfiles.toLocaleString('en')} profiles at a time; choose a maxProfiles up to that.`,
      pointer: '/maxProfiles',
    });
  };

  return {
    /**
     * Saves a new export.
     * @throws InvalidInputError connection_unknown, list_unknown, segment_unknown, field_unknown; LimitError cap_too_high;
     * UpstreamError when Klaviyo or the source cannot be asked: nothing unchecked is stored
     */
    create: async (input: NewExport, { caller, signal }: AsCaller): Promise<Stored<ExportView>> => {
      checkCap(input.maxProfiles);
      const connection = await usableConnection(input.connectionId, { caller, signal });
      await checkFields(input, { signal });
      await checkList(connection, input.listId, { signal });
      const at = now().toISOString();
      const segmentExport: Export = {
        ...input,
        id: newExportId(),
        paused: false,
        scheduleSetAt: at,
        createdAt: at,
        createdBy: caller.id,
        createdByName: caller.name,
        updatedAt: at,
        updatedBy: caller.id,
        updatedByName: caller.name,
      };
      return view(caller, await store.insert(segmentExport, { signal }), connection);
    },

    get: async (id: ExportId, { caller, signal }: AsCaller): Promise<Stored<ExportView>> => {
      const stored = await find(id, { signal });
      return view(caller, stored, await connectionOf(stored.value, { signal }));
    },

    /** All exports, by name, each with what the caller may do. */
    list: async ({ caller, signal }: AsCaller): Promise<ExportView[]> => {
      const known = await connections.readAll({ signal });
      const views: ExportView[] = [];
      for await (const stored of store.readAll({ signal })) {
        const { connectionId } = stored.value;
        views.push(view(caller, stored, connectionId === undefined ? undefined : known.get(connectionId)).value);
      }
      return views.sort((one, other) => one.name.localeCompare(other.name));
    },

    /**
     * Changes the fields that are named (RFC 7396 at the first level; mapping and schedule are replaced whole; null clears a limit).
     * Only what changes is held against Klaviyo and the source again.
     * @throws as create; NotAllowedError export_view_only; ConflictError changed_meanwhile
     */
    update: async (
      id: ExportId,
      change: ExportChange,
      { ifMatch, caller, signal }: { ifMatch: string } & AsCaller,
    ): Promise<Stored<ExportView> & { readonly before: Export }> => {
      const { stored, connection: before } = await findEditable(id, { caller, signal });
      const etag = requireVersion(stored, ifMatch, 'The export');
      checkCap(change.maxProfiles ?? undefined);
      const current = stored.value;
      const at = now().toISOString();
      const next = withChange(current, change, at);
      Object.assign(next, { updatedAt: at, updatedBy: caller.id, updatedByName: caller.name });
      const moved = next.connectionId !== current.connectionId;
      const connection = moved && next.connectionId !== undefined ? await usableConnection(next.connectionId, { caller, signal }) : before;
      if (change.segments !== undefined || change.mapping !== undefined) await checkFields(next, { signal });
      if (connection !== undefined && (moved || next.listId !== current.listId)) await checkList(connection, next.listId, { signal });
      return { ...view(caller, await store.replace(next, { ifMatch: etag, signal }), connection), before: stored.value };
    },

    /**
     * Removes the export, stops its active run, and removes state, reports and history; what is on the list stays there. The row goes
     * first: from then on nothing starts the export, and the timer completes what is not done here.
     * @returns what it was
     */
    remove: async (id: ExportId, { ifMatch, caller, signal }: { ifMatch: string } & AsCaller): Promise<Export> => {
      const { stored } = await findEditable(id, { caller, signal });
      const etag = requireVersion(stored, ifMatch, 'The export');
      await store.remove(id, { ifMatch: etag, signal });
      await runs.removeOf(id, { signal });
      return stored.value;
    },

    /** @throws NotFoundError export_unknown */
    requireExists: async (id: ExportId, { signal }: Options): Promise<void> => {
      await find(id, { signal });
    },

    /** What the caller may do with each export; reads the connections once, for an administrator nothing. */
    permissionsOf: async ({ caller, signal }: AsCaller): Promise<(segmentExport: Pick<Export, 'connectionId'>) => ExportPermission> => {
      if (caller.role === 'Administrator') return () => 'edit';
      const known = await connections.readAll({ signal });
      return ({ connectionId }) => permissionFor(caller, connectionId === undefined ? undefined : known.get(connectionId));
    },

    /** @throws NotAllowedError export_view_only; NotFoundError export_unknown */
    requireEdit: async (id: ExportId, { caller, signal }: AsCaller): Promise<Export> =>
      (await findEditable(id, { caller, signal })).stored.value,

    /** As requireEdit, and it must have a connection (customer-insights.md D3). @throws ConflictError export_detached */
    requireRunnable: async (id: ExportId, { caller, signal }: AsCaller): Promise<Export> => {
      const { stored, connection } = await findEditable(id, { caller, signal });
      if (connection !== undefined) return stored.value;
      throw new ConflictError({ code: 'export_detached', message: 'This export has no connection; choose one before it can run.' });
    },
  };
};

export type SegmentExports = ReturnType<typeof createExports>;
