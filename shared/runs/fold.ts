import { ADDED, LASTING, MemberTable, SEEN, SENT, SHARED, WATCHED, batchOf } from './member-state';
import type { StagedBatch } from './run';

/**
 * What a run leaves in the member state. The state is never surer than the truth: a payload hash stays only for rows whose job completed
 * without an error for them; everybody else who may be on the list is kept with an empty hash, so that the row is sent again.
 */

/** Records whose rows Klaviyo refused; batches are `uncertain` where it refused more than it named. */
export interface Rejections {
  readonly records: ReadonlySet<number>;
  readonly uncertain: ReadonlySet<number>;
}

type Fate = 'sure' | 'unsure' | 'never sent';

const fateOf = (batch: StagedBatch | undefined, record: number, { records, uncertain }: Rejections): Fate => {
  if (batch?.postedAt === undefined) return 'never sent';
  if (batch.outcome !== 'complete' || uncertain.has(batch.number) || records.has(record)) return 'unsure';
  return 'sure';
};

/** Calls `visit` for each record that this run carried, with what became of it. */
const eachSent = (
  prepared: MemberTable,
  batches: readonly StagedBatch[],
  rejections: Rejections,
  visit: (record: number, fate: Fate) => void,
): void => {
  for (let record = 0; record < prepared.size; record += 1) {
    if ((prepared.flags(record) & SENT) === 0) continue;
    visit(record, fateOf(batches[batchOf(prepared.mark(record)) - 1], record, rejections));
  }
};

/** A folded state, and which records of which table its members were, in order: a mirror's addresses follow them. */
export interface Folded {
  readonly table: MemberTable;
  readonly from: readonly { readonly source: 'prepared' | 'old'; readonly kept: Uint8Array }[];
}

/**
 * The state after a run that went through: the prepared members, surer or less sure by what became of their batches. People that the
 * source no longer has stay, but for those in `gone`: an add export has not removed them, so they are on the list.
 * @param gone records that were removed from the list, or given up to another export
 * @param maybeGone records that may not be on the list any more, though nobody saw them go
 * @param watch keep these for one more look: a post without an answer may still put them back (failures.md row 7)
 */
export const foldSuccessful = (
  prepared: MemberTable,
  batches: readonly StagedBatch[],
  rejections: Rejections,
  gone: ReadonlySet<number> = new Set(),
  { watch = false, maybeGone = new Set() }: { watch?: boolean; maybeGone?: ReadonlySet<number> } = {},
): Folded => {
  eachSent(prepared, batches, rejections, (record, fate) => {
    if (fate !== 'sure') prepared.setPayload(record, 0, 0);
    if (fate === 'never sent') prepared.setFlags(record, prepared.flags(record) & ~SENT);
  });
  const kept = new Uint8Array(prepared.size);
  let dropped = 0;
  for (let record = 0; record < prepared.size; record += 1) {
    const flags = prepared.flags(record);
    // added by this run, but never sent: nobody has heard of this person
    const isGone = gone.has(record);
    if (((flags & ADDED) !== 0 && (flags & SENT) === 0) || (isGone && !watch)) dropped += 1;
    else kept[record] = 1;
    if (isGone || ((flags & SEEN) === 0 && maybeGone.has(record))) prepared.setPayload(record, 0, 0);
    const stillWatched = (flags & SEEN) === 0 ? flags & WATCHED : 0;
    prepared.setFlags(record, (flags & SHARED) | (isGone ? WATCHED : stillWatched));
  }
  if (dropped === 0) return { table: prepared, from: [{ source: 'prepared', kept }] };
  const table = new MemberTable(prepared.size - dropped);
  for (let record = 0; record < prepared.size; record += 1) if (kept[record] === 1) table.copy(prepared, record);
  return { table, from: [{ source: 'prepared', kept }] };
};

/**
 * The state after a run that failed or was cancelled: the old members, and with an empty hash all whose batch was posted, or whose
 * removal may have gone out.
 * @param old changed and returned
 * @param maybeGone records of the old table
 */
export const foldFailed = (
  old: MemberTable,
  prepared: MemberTable,
  batches: readonly StagedBatch[],
  maybeGone: ReadonlySet<number> = new Set(),
): Folded => {
  const none: Rejections = { records: new Set(), uncertain: new Set() };
  const before = old.size;
  const kept = new Uint8Array(prepared.size);
  eachSent(prepared, batches, none, (record, fate) => {
    if (fate === 'never sent') return;
    prepared.loadKey(record);
    const size = old.size;
    const known = old.findOrAdd();
    if (old.size > size) kept[record] = 1;
    old.setPayload(known, 0, 0);
    old.setMark(known, prepared.mark(record));
    // sent again: back among the members
    old.setFlags(known, old.flags(known) & ~WATCHED);
  });
  for (const record of maybeGone) if (record < before) old.setPayload(record, 0, 0);
  for (let record = 0; record < old.size; record += 1) old.setFlags(record, old.flags(record) & LASTING);
  return {
    table: old,
    from: [
      { source: 'old', kept: new Uint8Array(before).fill(1) },
      { source: 'prepared', kept },
    ],
  };
};
