import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ExportActivity } from '../exports/export';
import type { ExportId } from '../ids';
import { createEmailLog, readEmailBatches } from '../runs/email-log';
import type { ExportActivities } from '../runs/export-activity';
import { NORMALISER_VERSION } from '../runs/member-key';
import type { HashKey } from '../runs/member-key';
import { MemberTable } from '../runs/member-state';
import type { StateHeader } from '../runs/member-state';
import type { StateStore } from '../runs/state-store';
import { isSameAddress, loadMemberKey } from './address';
import type { Address } from './address';

/** Records copied, or addresses read, before others have their turn: a few milliseconds. */
const RECORDS_AT_ONCE = 16_384;

/** Somebody else changed the export's row: nothing was lost, and the next tick looks again. */
export class StateMoved extends Error {}

interface Parts {
  readonly states: StateStore;
  readonly activities: ExportActivities;
  readonly key: HashKey;
  readonly signal: AbortSignal;
}

/** The place of the address in a mirror's log, -1 where it is not there; undefined when the log does not belong to the table. */
const placeInLog = async (
  exportId: ExportId,
  { generation }: StateHeader,
  table: MemberTable,
  address: Address,
  { states, signal }: Pick<Parts, 'states' | 'signal'>,
): Promise<number | undefined> => {
  const log = await states.openEmails(exportId, generation, { signal });
  if (!log) return undefined;
  let place = -1;
  let lines = 0;
  try {
    for await (const batch of readEmailBatches(log)) {
      const at = batch.findIndex((email) => isSameAddress(address, email));
      if (at >= 0) place = lines + at;
      lines += batch.length;
    }
  } catch {
    signal.throwIfAborted();
    return undefined; // damaged
  }
  return lines === table.size ? place : undefined;
};

const without = async (table: MemberTable, dropped: number): Promise<MemberTable> => {
  const kept = new MemberTable();
  for (let record = 0; record < table.size; record += 1) {
    if (record % RECORDS_AT_ONCE === 0) await nextTurn();
    if (record !== dropped) kept.copy(table, record);
  }
  return kept;
};

/** A mirror's addresses in the order of the records, but for one. */
async function* emailsWithout(
  exportId: ExportId,
  generation: number,
  dropped: number,
  { states, signal }: Pick<Parts, 'states' | 'signal'>,
): AsyncGenerator<Uint8Array> {
  const log = createEmailLog();
  let record = 0;
  for await (const batch of readEmailBatches((await states.openEmails(exportId, generation, { signal }))!)) {
    for (const email of batch) {
      if (record !== dropped) log.addText(email);
      record += 1;
    }
  }
  yield* log.parts();
}

/**
 * Takes a person out of an export's member state and its log of addresses. Asked under the export's claim and while no run of it is
 * active. The state that counts stays as it is until the next one lies there whole; then the number in the export's row is changed,
 * only where it is still the old one, the claim is still ours and no run has begun. A number is left out, so that a run which began
 * after the claim had run out would write another one than we do.
 * @returns `erased`: the person was in it. `removed`: it could not be read, so all of it went; the next run sends everything
 * @throws StateMoved; ConflictError
 */
export const eraseFromState = async (
  exportId: ExportId,
  { stateGeneration }: ExportActivity,
  address: Address,
  { by, states, activities, key, signal }: { by: string } & Parts,
): Promise<'absent' | 'erased' | 'removed'> => {
  // a run never takes such an address
  if (address.refusedAs !== undefined) return 'absent';
  // older generations, and newer ones that never counted, may hold the person, too
  await states.removeOthers(exportId, stateGeneration, { signal });
  const state = await states.load(exportId, stateGeneration, { signal });
  if (state.kind === 'none') return 'absent';
  if (state.kind === 'unreadable') return removeWhole(exportId, states, signal);
  const { header, table } = state;
  if (header.hashKeyId !== key.id || header.normaliser !== NORMALISER_VERSION) return removeWhole(exportId, states, signal);
  loadMemberKey(address, key);
  const record = table.find();
  if (header.membership === 'mirror') {
    const place = await placeInLog(exportId, header, table, address, { states, signal });
    if (place !== record) return removeWhole(exportId, states, signal);
  }
  if (record < 0) return 'absent';

  const generation = stateGeneration + 2;
  const emails = header.membership === 'mirror' ? emailsWithout(exportId, stateGeneration, record, { states, signal }) : undefined;
  await states.writeNew({ ...header, generation }, await without(table, record), emails, { signal });
  const swapped = await activities.update(
    exportId,
    (current) =>
      current.claim?.by === by && current.activeRunId === undefined && current.stateGeneration === stateGeneration
        ? { ...current, stateGeneration: generation }
        : undefined,
    { signal },
  );
  if (swapped.stateGeneration !== generation) throw new StateMoved(exportId);
  await states.removeOthers(exportId, generation, { signal });
  return 'erased';
};

/** A state that is not there counts as one that cannot be read. */
const removeWhole = async (exportId: ExportId, states: StateStore, signal: AbortSignal): Promise<'removed' | 'absent'> =>
  (await states.removeOthers(exportId, 0, { signal })) > 0 ? 'removed' : 'absent';
