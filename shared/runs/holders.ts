import type { ConnectionStore } from '../connections/connection-store';
import { NotFoundError } from '../errors';
import type { ExportStore } from '../exports/export-store';
import type { ExportId } from '../ids';
import type { ExportActivities } from './export-activity';
import { keyText, memberKey } from './member-key';
import { SENT, WATCHED, batchOf } from './member-state';
import type { MemberTable, StateHeader } from './member-state';
import { hasEnded } from './run';
import type { FrozenConfig } from './run';
import type { RunStore } from './run-store';
import type { Staging } from './staging';
import type { StateStore } from './state-store';

/** What cannot be read might hold everybody: then nobody is removed (failures.md row 18). */
export class HoldersUnknown extends Error {}
/** Another export is bringing some of the people to the list at this moment; whether it holds them is known when its jobs have ended. */
export class HoldersUndecided extends Error {}

const KEY_BYTES = 12;

export const keyBytes = (table: MemberTable, records: readonly number[]): Uint8Array => {
  const keys = new Uint32Array(records.length * 3);
  for (const [index, record] of records.entries()) {
    table.loadKey(record);
    keys.set([memberKey.a, memberKey.b, memberKey.c], index * 3);
  }
  return new Uint8Array(keys.buffer);
};

/** Records of a table whose keys lie in `bytes`. */
export const recordsOf = (table: MemberTable, bytes: Buffer): number[] => {
  const records: number[] = [];
  for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES) {
    const [a, b, c] = [0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset)) as [number, number, number];
    Object.assign(memberKey, { a, b, c });
    const record = table.find();
    if (record >= 0) records.push(record);
  }
  return records;
};

const releasedKeys = (bytes: Buffer): Set<string> => {
  const keys = new Set<string>();
  for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES) {
    keys.add([0, 4, 8].map((offset) => bytes.readUInt32LE(at + offset)).join(','));
  }
  return keys;
};

interface Stores {
  readonly states: StateStore;
  readonly staging: Staging;
  readonly activities: ExportActivities;
  readonly exportStore: Pick<ExportStore, 'find' | 'readAll'>;
  readonly connectionStore: Pick<ConnectionStore, 'find'>;
  readonly store: Pick<RunStore, 'find'>;
}

/** So often is another export read again that changed while it was read. */
const MAX_READS = 5;

/**
 * The exports that may hold people of a list: by their settings, by the list of their newest state, by that of their active run.
 * @throws HoldersUnknown when one of all exports cannot be read: it might go to this list
 */
const findOthers = async (
  { exportId, config }: { exportId: ExportId; config: FrozenConfig },
  { activities, exportStore, connectionStore, store, signal }: Stores & { signal: AbortSignal },
): Promise<Set<ExportId>> => {
  const isOurs = (list: { accountId?: string; listId: string } | undefined): boolean =>
    list?.listId === config.listId && list.accountId === config.accountId;
  const others = new Set<ExportId>();
  const known = new Set<ExportId>();
  const accounts = new Map<string, string | undefined>();
  const unreadable = (id: ExportId): void => void (unknown = id);
  let unknown: ExportId | undefined;
  for await (const { value } of exportStore.readAll({ signal, unreadable })) {
    known.add(value.id);
    if (value.id === exportId || value.listId !== config.listId || value.connectionId === undefined) continue;
    if (!accounts.has(value.connectionId)) {
      accounts.set(value.connectionId, (await connectionStore.find(value.connectionId, { signal }))?.value.accountId);
    }
    if (isOurs({ accountId: accounts.get(value.connectionId), listId: value.listId })) others.add(value.id);
  }
  const requireAllKnown = (): void => {
    if (unknown !== undefined) throw new HoldersUnknown(unknown);
  };
  requireAllKnown();
  for await (const { exportId: other, activity } of activities.readAll({ signal, unreadable })) {
    if (other === exportId || others.has(other)) continue;
    // one that was removed holds nobody any more, once its last run has ended; what is left of it goes with the next tick
    if (!known.has(other) && !activity.activeRunId && !(await exportStore.find(other, { signal }))) continue;
    // settings may have changed since its run began, which goes on with those it began with
    if (
      isOurs(activity.stateList) ||
      (activity.activeRunId && isOurs((await store.find(activity.activeRunId, { signal }))?.document.config))
    )
      others.add(other);
  }
  requireAllKnown();
  return others;
};

/**
 * Which leavers another export holds on the list: those in its newest state less what it has released, and those that its active run is
 * sending. Between the reads a run may end, so all are read again until nothing has changed meanwhile.
 * @param leaversWhere the records of our leavers for whose key (in `memberKey`) the test holds
 * @throws HoldersUndecided; HoldersUnknown what cannot be read, or was written with another hash key, might hold everybody (failures.md
 * rows 18, 21)
 */
const findHeldBy = async (
  other: ExportId,
  { config, header, leaversWhere }: { config: FrozenConfig; header: StateHeader; leaversWhere: (holds: () => boolean) => number[] },
  { states, staging, activities, store, signal }: Stores & { signal: AbortSignal },
): Promise<ReadonlySet<number>> => {
  const requireSameKey = ({ hashKeyId, normaliser }: StateHeader): void => {
    if (hashKeyId !== header.hashKeyId || normaliser !== header.normaliser) throw new HoldersUnknown(other);
  };
  const isOurList = (list: { accountId: string; listId: string }): boolean =>
    list.accountId === config.accountId && list.listId === config.listId;
  for (let read = 1; read <= MAX_READS; read += 1) {
    const before = await activities.get(other, { signal });
    const run = before.activeRunId ? (await store.find(before.activeRunId, { signal }))?.document : undefined;
    const hasChanged = async (): Promise<boolean> => {
      const after = await activities.get(other, { signal });
      const endedMeanwhile = run !== undefined && hasEnded(run.run.state) && after.activeRunId !== undefined && read < MAX_READS;
      return after.stateGeneration !== before.stateGeneration || after.activeRunId !== before.activeRunId || endedMeanwhile;
    };

    const state = await states.load(other, before.stateGeneration, { signal });
    const released = releasedKeys(await states.readReleased(other, { signal }));
    const { staged } = run ?? {};
    let sent: number[] = [];
    let planned: number[] = [];
    if (run && staged && !hasEnded(run.run.state) && !run.run.dryRun && !staged.nothingNew && isOurList(run.config)) {
      let members: { header: StateHeader; table: MemberTable };
      try {
        members = await staging.readMembers(run.run.id, staged.attempt, { signal });
      } catch (error) {
        signal.throwIfAborted();
        if (await hasChanged()) continue;
        // its finish is about to end; dead in the middle of it, it is followed by another
        if (error instanceof NotFoundError) throw new HoldersUndecided(other, { cause: error });
        throw new HoldersUnknown(other, { cause: error });
      }
      requireSameKey(members.header);
      // at once: a run of this process changes its table when it finishes
      const isSent = (hasEndedJob: boolean): boolean => {
        const record = members.table.find();
        if (record < 0 || (members.table.flags(record) & SENT) === 0) return false;
        return (staged.batches[batchOf(members.table.mark(record)) - 1]?.outcome !== undefined) === hasEndedJob;
      };
      sent = leaversWhere(() => isSent(true));
      planned = leaversWhere(() => isSent(false));
    }
    if (await hasChanged()) continue;
    if (state.kind === 'unreadable') throw new HoldersUnknown(other);
    const held = new Set(sent);
    if (state.kind === 'loaded' && isOurList(state.header)) {
      requireSameKey(state.header);
      const holds = (): boolean => {
        const record = state.table.find();
        // whom it only watches it has removed or given up: were that holding, two exports could give one person up to each other
        return record >= 0 && (state.table.flags(record) & WATCHED) === 0 && !released.has(keyText());
      };
      for (const record of leaversWhere(holds)) held.add(record);
    }
    // given up to a run that never posts them, they would stay on the list with nobody to remove them
    if (planned.some((record) => !held.has(record))) throw new HoldersUndecided(other);
    return held;
  }
  throw new HoldersUnknown(other);
};

/**
 * Which of our leavers another export to the same list holds: in its state, less what it has released, or under way in its active run.
 * The same list = the same account and list, in its settings, in its state or in its active run. Asked under the list's lock.
 * @returns records of `table` that somebody else holds
 * @throws HoldersUnknown, HoldersUndecided
 */
export const findHeldByOthers = async (
  {
    exportId,
    config,
    header,
    table,
    leavers,
  }: { exportId: ExportId; config: FrozenConfig; header: StateHeader; table: MemberTable; leavers: readonly number[] },
  stores: Stores & { signal: AbortSignal },
): Promise<Set<number>> => {
  const leaversWhere = (holds: () => boolean): number[] =>
    leavers.filter((record) => {
      table.loadKey(record);
      return holds();
    });
  const held = new Set<number>();
  for (const other of await findOthers({ exportId, config }, stores)) {
    for (const record of await findHeldBy(other, { config, header, leaversWhere }, stores)) held.add(record);
  }
  return held;
};
