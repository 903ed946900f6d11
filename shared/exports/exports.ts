import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Caller } from '../caller';
import type { Connection } from '../connections/connection';
import type { ConnectionStore } from '../connections/connection-store';
import { mayUse } from '../connections/connections';
import type { Connections } from '../connections/connections';
import { ConflictError, InvalidInputError, NotAllowedError, NotFoundError } from '../errors';
import { newExportId } from '../new-ids';
import type { ExportId, ListId } from '../ids';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import { defaultSystemSchedule, withSchedule } from '../schedules/schedule';
import type { SystemSchedule } from '../schedules/schedule';
import { mapConcurrent } from '../streams/map-concurrent';
import { Export } from './export';
import type { ExportActivity, ExportChange, ListToCreate, NewExport } from './export';
import { ExportWarning } from './export-checks';
import type { ExportChecks } from './export-checks';
import type { ExportDirectory } from './export-directory';
import { draftOf } from './export-draft';
import type { ExportDraft } from './export-draft';
import { createExportList } from './export-list';
import type { ExportPage, ExportQuery } from './export-list';
import type { ExportStore } from './export-store';
import { ExportSettings, permissionFor, settingsFor, viewFor } from './export-view';
import type { ExportEntry, ExportPermission, ExportView } from './export-view';
import { createNextRunAt } from './next-run-at';
import { requireStartable } from './startable';

/** What saving answers with: the export, and what to think about. */
export const SavedExport = ExportSettings.extend({
  warnings: z.array(ExportWarning),
  /** with createList: whether the list was made; false: Klaviyo had one of this name, which is taken with whoever is on it */
  listCreated: z.boolean().optional(),
}).meta({ id: 'SavedExport' });
export type SavedExport = z.infer<typeof SavedExport>;

/** A change that was made: what its caller sees, and the export before and after it, for the activity log. */
export interface Changed<View> extends Stored<View> {
  readonly before: Export;
  readonly after: Export;
}

/** What a call has done although it fails in the end. */
export interface Done {
  readonly before?: Export;
  readonly after?: Export;
  /** a list was made in Klaviyo for this export, which was not saved */
  readonly listFor?: Export;
}
/** Puts on record what was done before an error leaves. */
type AndRecord = { readonly record?: ((done: Done) => Promise<void>) | undefined };

/** What became of one of several exports. */
export interface Detached {
  readonly exportId: ExportId;
  /** the row, where it was changed; with an error beside it, the run goes on for now */
  readonly changed?: Done;
  readonly error?: unknown;
}

/** What exports need of their runs. */
export interface RunsOfExport {
  /** Once the export's row has gone: stops the active run, sweeps state and reports. Never fails. */
  removeOf(exportId: ExportId, options: { signal: AbortSignal }): Promise<void>;
  /** Asks the active run to stop, also one that is about to begin; none is no error. @returns what the runner keeps */
  stopOf(exportId: ExportId, options: { reason: 'detached'; by: string; signal: AbortSignal }): Promise<ExportActivity>;
}

type Options = { signal: AbortSignal };

/** What the runner keeps for each export. */
export interface ActivitiesOfExport {
  get(exportId: ExportId, options: Options): Promise<ExportActivity>;
  /** @param change returns undefined to leave the row as it is */
  update(exportId: ExportId, change: (current: ExportActivity) => ExportActivity | undefined, options: Options): Promise<ExportActivity>;
}
type AsCaller = { caller: Caller } & Options;

/** Others who change the same export at the same moment; each attempt begins with what they wrote. */
const MAX_ATTEMPTS = 20;
const AT_ONCE = 8;
const UNDO_MS = 15_000;

type Change = { readonly [Name in keyof Export]?: Export[Name] | null };

/** An export with a change at the first level; null clears a field. */
const withChange = (current: Export, change: Change, { at, caller }: { at: string; caller: Caller }): Export => {
  const merged: Record<string, unknown> = { ...current };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  if (change.schedule) Object.assign(merged, withSchedule(current, change.schedule));
  const next = Export.parse(merged);
  const rescheduled = (['connectionId', 'schedule', 'paused'] as const).some((name) => !isDeepStrictEqual(next[name], current[name]));
  return {
    ...next,
    ...(rescheduled ? { scheduleSetAt: at } : {}),
    updatedAt: at,
    updatedBy: caller.id,
    updatedByName: caller.name,
  };
};

const detachedFrom = (current: Export, by: { at: string; caller: Caller }): Export => withChange(current, { connectionId: null }, by);

const connectionGone = (outcome: string): InvalidInputError =>
  new InvalidInputError({
    code: 'connection_unknown',
    message: `The connection was removed at the same moment, so ${outcome}; choose another one.`,
    pointer: '/connectionId',
  });

/**
 * Exports: which segments go to which list, and when. What is saved has been held against Klaviyo and the source; saving never runs
 * anything (customer-insights.md E3).
 */
export const createExports = ({
  store,
  directory,
  activities,
  connectionStore,
  connections,
  checks,
  runs,
  systemSchedule,
  now,
}: {
  store: ExportStore;
  directory: ExportDirectory;
  activities: ActivitiesOfExport;
  connectionStore: Pick<ConnectionStore, 'findNoted'>;
  connections: Pick<Connections, 'find' | 'readAll' | 'isThere'>;
  checks: ExportChecks;
  runs: RunsOfExport;
  /** the system refresh, for when exports run next */
  systemSchedule: (options: Options) => Promise<SystemSchedule>;
  now: () => Date;
}) => {
  const exportList = createExportList();
  const nextRunAt = createNextRunAt();
  /** One that a newer version wrote keeps no list from being shown; nothing follows it in this version either. */
  const readableSystem = async (options: Options): Promise<SystemSchedule> => {
    try {
      return await systemSchedule(options);
    } catch (error) {
      if (error instanceof z.ZodError || error instanceof SyntaxError) return defaultSystemSchedule;
      throw error;
    }
  };
  const by = (caller: Caller) => ({ at: now().toISOString(), caller });

  const find = async (id: ExportId, { signal }: Options): Promise<Stored<Export>> => {
    const found = await store.find(id, { signal });
    if (!found) throw new NotFoundError({ code: 'export_unknown', message: 'There is no such export.' });
    return found;
  };
  type Used = Pick<ExportEntry, 'connection' | 'connectionStatus'>;
  const NONE: Used = { connection: undefined, connectionStatus: undefined };
  const usedBy = async ({ connectionId }: Export, options: Options): Promise<Used> => {
    const noted = connectionId === undefined ? undefined : await connectionStore.findNoted(connectionId, options);
    if (noted === undefined) return NONE;
    return { connection: noted.connection.value, connectionStatus: noted.note?.status };
  };

  /** What was stored stands, and so does its answer: by what is known already, it may lack a warning. */
  const warningsOf = (segmentExport: Export, { signal }: Options): Promise<ExportWarning[]> =>
    checks.warnings(segmentExport, { signal }).catch(() => []);

  /**
   * What follows upon a write, and fails: the write is taken back, and where it cannot be, put on record. Both have a time of their own.
   * @throws what `work` throws
   */
  const orUndo = async <T>(
    work: () => Promise<T>,
    { undo, done, record }: { undo?: (options: Options) => Promise<unknown>; done: Done } & AndRecord,
  ): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const undone =
        undo !== undefined &&
        (await undo({ signal: AbortSignal.timeout(UNDO_MS) }).then(
          () => true,
          () => false,
        ));
      if (!undone) await record?.(done).catch(() => undefined); // the first error says more
      throw error;
    }
  };

  const requireEditable = (caller: Caller, connection: Connection | undefined): void => {
    if (permissionFor(caller, connection) === 'edit') return;
    throw new NotAllowedError({
      code: 'export_view_only',
      message: 'You may look at this export but not change or run it; its connection is not shared with contributors.',
    });
  };
  /** @throws NotFoundError export_unknown; NotAllowedError export_view_only */
  const findEditable = async (id: ExportId, { caller, signal }: AsCaller) => {
    const stored = await find(id, { signal });
    const used = await usedBy(stored.value, { signal });
    requireEditable(caller, used.connection);
    return { stored, used };
  };

  /** @throws InvalidInputError connection_unknown, also for one the caller may not use (customer-insights.md R4) */
  const usableConnection = async (id: Connection['id'], { caller, signal }: AsCaller): Promise<Connection> => {
    const connection = await connections.find(id, { signal });
    if (connection !== undefined && mayUse(caller, connection)) return connection;
    throw new InvalidInputError({
      code: 'connection_unknown',
      message: 'There is no such connection that you may use; choose another one.',
      pointer: '/connectionId',
    });
  };

  /** The last of the checks: a list that it makes stays, whatever comes after. */
  const chooseList = async (
    connection: Connection,
    { listId, createList }: { listId?: ListId | undefined; createList?: ListToCreate | undefined },
    { signal }: Options,
  ): Promise<{ listId: ListId; listName: string; created: boolean }> =>
    createList === undefined
      ? { ...(await checks.list(connection, listId!, { signal })), created: false }
      : checks.createdList(connection, createList, { signal });

  /** An id that is taken was given by the same request, which then has been carried out already; or its export was removed since. */
  const insertOnce = async (segmentExport: Export, { signal }: Options): Promise<Stored<Export> & { isEarlier?: true }> => {
    try {
      return await store.insert(segmentExport, { signal });
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const earlier = await store.find(segmentExport.id, { signal });
      return earlier ? { ...earlier, isEarlier: true } : store.insert({ ...segmentExport, id: newExportId() }, { signal });
    }
  };

  /** A connection can go while an export that uses it is being saved: it is looked for once more, and what was saved is taken back. */
  const insert = async (segmentExport: Export, { signal, record }: Options & AndRecord): Promise<Stored<Export>> => {
    const stored = await insertOnce(segmentExport, { signal });
    if (stored.isEarlier) return stored;
    await orUndo(
      async () => {
        if (!(await connections.isThere(segmentExport.connectionId!, { signal }))) throw connectionGone('nothing was saved');
      },
      {
        undo: (options) => store.remove(stored.value.id, { ifMatch: stored.etag, ...options }),
        done: { after: stored.value },
        record,
      },
    );
    return stored;
  };

  /** The same for one that was moved to another connection. */
  const requireStillThere = async (
    { before, saved }: { before: Export; saved: Stored<Export> },
    { caller, signal, record }: AsCaller & AndRecord,
  ): Promise<void> => {
    const undo = async (options: Options): Promise<void> => {
      const { etag } = await store.replace(before, { ifMatch: saved.etag, ...options });
      // the one before may have gone meanwhile, too
      if (before.connectionId === undefined || (await connections.isThere(before.connectionId, options))) return;
      await store.replace(detachedFrom(before, by(caller)), { ifMatch: etag, ...options });
    };
    const there = await orUndo(() => connections.isThere(saved.value.connectionId!, { signal }), {
      undo,
      done: { before, after: saved.value },
      record,
    });
    if (there) return;
    const detached = detachedFrom(saved.value, by(caller));
    // not back to the old one, which may have gone meanwhile, too
    await store.replace(detached, { ifMatch: saved.etag, signal: AbortSignal.timeout(UNDO_MS) });
    await record?.({ before, after: detached }).catch(() => undefined);
    throw connectionGone('this export has none now');
  };

  /** Changes an export whatever version it has, as what is done does not depend on anything else that was changed. */
  const change = async (
    first: Stored<Export>,
    make: (current: Export) => Export | undefined,
    { signal, again }: { again: () => Promise<Stored<Export>> } & Options,
  ): Promise<{ before: Export; stored: Stored<Export> }> => {
    let current = first;
    for (let attempt = 1; ; attempt += 1) {
      const next = make(current.value);
      if (next === undefined) return { before: current.value, stored: current };
      try {
        return { before: current.value, stored: await store.replace(next, { ifMatch: current.etag, signal }) };
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === MAX_ATTEMPTS) throw error;
        current = await again();
      }
    }
  };

  const setPaused = async (
    id: ExportId,
    paused: boolean,
    { caller, signal, record }: AsCaller & AndRecord,
  ): Promise<Changed<ExportView>> => {
    // read before anything is done, so that nothing can fail after it
    const [{ stored: first, used }, known] = await Promise.all([
      findEditable(id, { caller, signal }),
      paused ? undefined : activities.get(id, { signal }),
    ]);
    const made = (current: Export): Export | undefined => {
      if (current.paused === paused) return undefined;
      const { at } = by(caller);
      const said = paused ? { pausedAt: at, pausedBy: caller.id } : { pausedAt: null, pausedBy: null };
      return withChange(current, { paused, ...said }, { at, caller });
    };
    const again = async () => (await findEditable(id, { caller, signal })).stored;
    const { before, stored } = await change(first, made, { again, signal });
    // what waits for the end of its run is not made up for after the pause, either
    const forget = (current: ExportActivity) => (current.pending ? { ...current, pending: undefined } : undefined);
    const work = () => activities.update(id, forget, { signal });
    const activity = known ?? (await orUndo(work, { done: { before, after: stored.value }, record }));
    const value = viewFor(caller, { segmentExport: stored.value, ...used, activity });
    return { value, etag: stored.etag, before, after: stored.value };
  };

  const detachFound = async (first: Stored<Export>, { caller, signal, record }: AsCaller & AndRecord): Promise<Changed<ExportView>> => {
    const { id } = first.value;
    const made = (current: Export): Export | undefined =>
      current.connectionId === undefined ? undefined : detachedFrom(current, by(caller));
    const again = async () => (await findEditable(id, { caller, signal })).stored;
    const { before, stored } = await change(first, made, { again, signal });
    // after the row, so that none can begin unseen; asked again after a failure, this is done again, too
    const activity = await orUndo(() => runs.stopOf(id, { reason: 'detached', by: caller.name, signal }), {
      done: { before, after: stored.value },
      record,
    });
    return { value: viewFor(caller, { segmentExport: stored.value, ...NONE, activity }), etag: stored.etag, before, after: stored.value };
  };

  return {
    /**
     * Saves a new export.
     * @param requestKey names the request: made again, it answers with the export that it made before
     * @throws InvalidInputError connection_unknown, list_unknown, segment_unknown, field_unknown, scope_missing; LimitError cap_too_high;
     * UpstreamError when Klaviyo or the source cannot be asked: nothing unchecked is stored
     */
    create: async (
      input: NewExport,
      { caller, requestKey, signal, record }: { requestKey?: string } & AsCaller & AndRecord,
    ): Promise<Omit<Changed<SavedExport>, 'before'> & { listCreated: boolean }> => {
      checks.cap(input.maxProfiles);
      const connection = await usableConnection(input.connectionId, { caller, signal });
      await checks.channels(input, { signal });
      await checks.fields(input, { signal });
      const { createList, ...fields } = input;
      const { created: listCreated, ...list } = await chooseList(connection, { listId: input.listId, createList }, { signal });
      const { at } = by(caller);
      const draft: Export = {
        ...fields,
        ...list,
        id: newExportId(requestKey),
        paused: false,
        scheduleSetAt: at,
        createdAt: at,
        createdBy: caller.id,
        createdByName: caller.name,
        updatedAt: at,
        updatedBy: caller.id,
        updatedByName: caller.name,
      };
      const { value: segmentExport, etag } = await orUndo(() => insert(draft, { signal, record }), {
        done: { listFor: draft },
        record: listCreated ? record : undefined,
      });
      const value = {
        ...settingsFor(caller, { segmentExport, connection }),
        ...(createList === undefined ? {} : { listCreated }),
        warnings: await warningsOf(segmentExport, { signal }),
      };
      return { value, etag, after: segmentExport, listCreated };
    },

    /** @throws NotFoundError export_unknown */
    get: async (id: ExportId, { caller, signal }: AsCaller): Promise<Stored<ExportView>> => {
      const [{ value, etag }, activity] = await Promise.all([find(id, { signal }), activities.get(id, { signal })]);
      return { value: viewFor(caller, { segmentExport: value, ...(await usedBy(value, { signal })), activity }), etag };
    },

    /** One page of all exports, searched, sorted and filtered. @throws InvalidInputError token_invalid */
    list: async (query: ExportQuery, { caller, signal }: AsCaller): Promise<ExportPage> => {
      const [entries, system] = await Promise.all([directory.read({ signal }), readableSystem({ signal })]);
      const at = now();
      return exportList.page(entries, query, caller, (segmentExport) => nextRunAt(segmentExport, { system, now: at }));
    },

    /**
     * Changes the fields that are named (RFC 7396 at the first level; mapping and schedule are replaced whole; null clears a limit).
     * Only what changes is held against Klaviyo and the source again.
     * @throws as create; NotAllowedError export_view_only; ConflictError changed_meanwhile, export_detached
     */
    update: async (
      id: ExportId,
      { createList, ...fields }: ExportChange,
      { ifMatch, caller, signal, record }: { ifMatch: string } & AsCaller & AndRecord,
    ): Promise<Changed<SavedExport> & { listCreated: boolean }> => {
      const stored = await find(id, { signal });
      const current = stored.value;
      const moved = fields.connectionId !== undefined && fields.connectionId !== current.connectionId;
      // who may edit anything learns of a stale version at once; others learn first that they may not
      if (permissionFor(caller, undefined) === 'edit') requireVersion(stored, ifMatch, 'The export');
      // an administrator may edit whatever the connection is that it is taken off
      const before = moved && caller.role === 'Administrator' ? undefined : (await usedBy(current, { signal })).connection;
      requireEditable(caller, before);
      const etag = requireVersion(stored, ifMatch, 'The export');
      checks.cap(fields.maxProfiles);
      const wanted = withChange(current, fields, by(caller));
      const connection =
        moved && wanted.connectionId !== undefined ? await usableConnection(wanted.connectionId, { caller, signal }) : before;
      const checked = !isDeepStrictEqual([wanted.segments, wanted.mapping], [current.segments, current.mapping]);
      // those it had before may have been removed since: they are no reason to refuse another change
      if (!isDeepStrictEqual(wanted.notify, current.notify)) await checks.channels(wanted, { signal });
      if (checked) await checks.fields(wanted, { signal });
      const listChanges = createList !== undefined || wanted.listId !== current.listId;
      if (listChanges && connection === undefined) {
        throw new ConflictError({
          code: 'export_detached',
          message: 'Without a connection the list cannot be looked up; choose a connection together with the list.',
          pointer: createList === undefined ? '/listId' : '/createList',
        });
      }
      const { created: listCreated = false, ...list } =
        connection !== undefined && (moved || listChanges)
          ? await chooseList(connection, { listId: wanted.listId, createList }, { signal })
          : {};
      const next: Export = { ...wanted, ...list };
      const save = async (): Promise<Stored<Export>> => {
        const stored = await store.replace(next, { ifMatch: etag, signal });
        if (moved) await requireStillThere({ before: current, saved: stored }, { caller, signal, record });
        return stored;
      };
      const saved = await orUndo(save, { done: { listFor: next }, record: listCreated ? record : undefined });
      const value = settingsFor(caller, { segmentExport: next, connection });
      const counted = ({ segments, mapping, maxProfiles }: Export) => [segments, mapping.email, maxProfiles];
      const mayExceed = !isDeepStrictEqual(counted(next), counted(current));
      return {
        value: {
          ...value,
          ...(createList === undefined ? {} : { listCreated }),
          warnings: mayExceed ? await warningsOf(next, { signal }) : [],
        },
        etag: saved.etag,
        before: current,
        after: next,
        listCreated,
      };
    },

    /**
     * Removes the export, stops its active run, and removes state, reports and history; what is on the list stays there. The row goes
     * first: from then on nothing starts the export, and the timer completes what is not done here.
     * @returns the export that was
     */
    remove: async (id: ExportId, { ifMatch, caller, signal }: { ifMatch: string } & AsCaller): Promise<Export> => {
      const { stored } = await findEditable(id, { caller, signal });
      const etag = requireVersion(stored, ifMatch, 'The export');
      await store.remove(id, { ifMatch: etag, signal });
      await runs.removeOf(id, { signal });
      return stored.value;
    },

    /** The values of a new export like this one, under a name that is free; nothing is stored (customer-insights.md E5). */
    duplicate: async (id: ExportId, { caller, signal }: AsCaller): Promise<ExportDraft> => {
      const entries = await directory.read({ signal });
      const entry = entries.find(({ segmentExport }) => segmentExport.id === id);
      if (entry === undefined) throw new NotFoundError({ code: 'export_unknown', message: 'There is no such export.' });
      requireEditable(caller, entry.connection);
      return draftOf(
        entry.segmentExport,
        entries.map(({ segmentExport }) => segmentExport.name),
      );
    },

    /** Nothing starts the export any more; a run that is under way goes on. Paused already: as it is. */
    pause: (id: ExportId, options: AsCaller & AndRecord): Promise<Changed<ExportView>> => setPaused(id, true, options),
    /** The export starts again with what falls due from now on; nothing is caught up. */
    resume: (id: ExportId, options: AsCaller & AndRecord): Promise<Changed<ExportView>> => setPaused(id, false, options),

    /**
     * Takes the export off its connection and asks its active run to stop. Everything else is kept: with another connection it goes on
     * (customer-insights.md D2, D3). Detached already: only a run that still goes on is stopped.
     */
    detach: async (id: ExportId, { caller, signal, record }: AsCaller & AndRecord): Promise<Changed<ExportView>> =>
      detachFound((await findEditable(id, { caller, signal })).stored, { caller, signal, record }),

    /** Several at once, each for itself: one that cannot be detached keeps no other from it (customer-insights.md D4). */
    detachAll: async (ids: readonly ExportId[], { caller, signal }: AsCaller): Promise<Detached[]> => {
      const entries = new Map((await directory.read({ signal })).map((entry) => [entry.segmentExport.id, entry]));
      const detachOne = async (exportId: ExportId, options: Options): Promise<Detached> => {
        let changed: Done | undefined;
        const record = async (done: Done): Promise<void> => void (changed = done);
        try {
          const entry = entries.get(exportId);
          if (entry === undefined) throw new NotFoundError({ code: 'export_unknown', message: 'There is no such export.' });
          requireEditable(caller, entry.connection);
          return { exportId, changed: await detachFound({ value: entry.segmentExport, etag: entry.etag }, { caller, record, ...options }) };
        } catch (error) {
          return { exportId, error, ...(changed ? { changed } : {}) };
        }
      };
      const done = new Map<ExportId, Detached>();
      // not cut short by the deadline: what was done is told, and the others fail for themselves
      const all = mapConcurrent(new Set(ids), (id) => detachOne(id, { signal }), {
        concurrency: AT_ONCE,
        signal: new AbortController().signal,
      });
      for await (const one of all) done.set(one.exportId, one);
      return [...new Set(ids)].map((id) => done.get(id)!);
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

    /** As requireEdit, and a run of it may begin (customer-insights.md D3). @throws ConflictError export_detached, export_paused */
    requireRunnable: async (
      id: ExportId,
      { caller, signal }: AsCaller,
    ): Promise<{ segmentExport: Export; connection: Connection | undefined }> => {
      const { stored, used } = await findEditable(id, { caller, signal });
      requireStartable(stored.value);
      return { segmentExport: stored.value, connection: used.connection };
    },
  };
};

export type SegmentExports = ReturnType<typeof createExports>;
