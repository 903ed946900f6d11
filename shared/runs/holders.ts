import type { ConnectionStore } from '../connections/connection-store';
import type { ExportStore } from '../exports/export-store';
import type { ExportId } from '../ids';
import type { ExportActivities } from './export-activity';
import { keyText, memberKey } from './member-key';
import { SENT } from './member-state';
import type { MemberTable } from './member-state';
import { hasEnded } from './run';
import type { FrozenConfig } from './run';
import type { RunStore } from './run-store';
import type { Staging } from './staging';
import type { StateStore } from './state-store';

/** What cannot be read might hold everybody: then nobody is removed (failures.md row 18). */
export class HoldersUnknown extends Error {}

const KEY_BYTES = 16;

export const keyBytes = (table: MemberTable, records: readonly number[]): Uint8Array => {
  const keys = new Uint32Array(records.length * 4);
  for (const [index, record] of records.entries()) {
    table.loadKey(record);
    keys.set([memberKey.a, memberKey.b, memberKey.c, memberKey.d], index * 4);
  }
  return new Uint8Array(keys.buffer);
};

const releasedKeys = (bytes: Buffer): Set<string> => {
  const keys = new Set<string>();
  for (let at = 0; at + KEY_BYTES <= bytes.length; at += KEY_BYTES) {
    keys.add([0, 4, 8, 12].map((offset) => bytes.readUInt32LE(at + offset)).join(','));
  }
  return keys;
};

/**
 * Which of our leavers another export to the same list holds: in its state, less what it has released, or under way in its active run.
 * The same list = the same account and list, in its settings or in its state. Asked under the list's lock.
 * @returns records of `table` that somebody else holds
 * @throws HoldersUnknown
 */
export const findHeldByOthers = async (
  { exportId, config, table, leavers }: { exportId: ExportId; config: FrozenConfig; table: MemberTable; leavers: readonly number[] },
  {
    states,
    staging,
    activities,
    exportStore,
    connectionStore,
    store,
    signal,
  }: {
    states: StateStore;
    staging: Staging;
    activities: ExportActivities;
    exportStore: Pick<ExportStore, 'readAll'>;
    connectionStore: Pick<ConnectionStore, 'find'>;
    store: Pick<RunStore, 'find'>;
    signal: AbortSignal;
  },
): Promise<Set<number>> => {
  const others = new Set<ExportId>();
  const accounts = new Map<string, string | undefined>();
  for await (const { value } of exportStore.readAll({ signal })) {
    if (value.id === exportId || value.listId !== config.listId || value.connectionId === undefined) continue;
    if (!accounts.has(value.connectionId)) {
      accounts.set(value.connectionId, (await connectionStore.find(value.connectionId, { signal }))?.value.accountId);
    }
    if (accounts.get(value.connectionId) === config.accountId) others.add(value.id);
  }
  const active = new Map<ExportId, Awaited<ReturnType<ExportActivities['get']>>>();
  for await (const { exportId: other, activity } of activities.readAll({ signal })) {
    if (other === exportId) continue;
    if (activity.stateList?.accountId === config.accountId && activity.stateList.listId === config.listId) others.add(other);
    active.set(other, activity);
  }

  const held = new Set<number>();
  for (const other of others) {
    const activity = active.get(other);
    if (!activity) continue;
    const state = await states.load(other, activity.stateGeneration, { signal });
    if (state.kind === 'unreadable') throw new HoldersUnknown(other);
    if (state.kind === 'loaded' && state.header.accountId === config.accountId && state.header.listId === config.listId) {
      const released = releasedKeys(await states.readReleased(other, { signal }));
      for (const record of leavers) {
        table.loadKey(record);
        if (state.table.find() >= 0 && !released.has(keyText())) held.add(record);
      }
    }
    const run = activity.activeRunId ? await store.find(activity.activeRunId, { signal }) : undefined;
    const { staged, config: theirs } = run?.document ?? {};
    if (!run || hasEnded(run.document.run.state) || !staged || theirs?.listId !== config.listId || theirs.accountId !== config.accountId)
      continue;
    let members: MemberTable;
    try {
      members = (await staging.readMembers(run.document.run.id, staged.attempt, { signal })).table;
    } catch {
      throw new HoldersUnknown(other);
    }
    for (const record of leavers) {
      table.loadKey(record);
      const theirRecord = members.find();
      if (theirRecord >= 0 && (members.flags(theirRecord) & SENT) !== 0) held.add(record);
    }
  }
  return held;
};
