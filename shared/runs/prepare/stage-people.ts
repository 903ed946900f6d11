import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createEmailLog, readEmailBatches } from '../email-log';
import { hashMember } from '../member-key';
import type { HashKey } from '../member-key';
import { PRESENT, SEEN, WATCHED } from '../member-state';
import type { MemberTable } from '../member-state';
import type { Slice } from '../slice';
import type { Staging } from '../staging';
import type { StateStore } from '../state-store';
import type { StagedRows } from './stage-rows';

const compress = promisify(gzip);

/** The addresses beside a state are not those of its members: nobody may be removed by them. */
export class AddressesMismatch extends Error {}

/** Lines and records go together by their place alone: before anybody is removed by a line, it must hash to its record. */
const isAddressOf = (table: MemberTable, record: number, email: string, key: HashKey): boolean => {
  const bytes = Buffer.from(email, 'latin1');
  hashMember(bytes, 0, bytes.length, key);
  return table.isKeyOf(record);
};

async function* joined(...parts: readonly AsyncIterable<Uint8Array>[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part;
}

/** Stages the people to look for at the end. */
export const stageSample = async (
  { document: { run, attempt }, signal }: Slice,
  { staging, sample }: { staging: Staging } & Pick<StagedRows, 'sample'>,
): Promise<void> => {
  await staging.writeParts(run.id, attempt, 'sample', [await compress(sample.map((line) => `${line}\n`).join(''))], { signal });
};

/**
 * Stages who may have to be named later: a mirror's addresses and leavers. Those removed before under doubt come first among the leavers: they are looked for again, and count for no guard (failures.md row 7).
 * @param fromOld whether the old state's addresses come first
 * @throws AddressesMismatch when these are not those of the old members
 */
export const stagePeople = async (
  { document, signal }: Slice,
  {
    staging,
    states,
    generation,
    fromOld,
    table,
    oldMembers,
    openMarks,
    emails,
    key,
  }: {
    staging: Staging;
    states: StateStore;
    generation: number;
    fromOld: boolean;
    table: MemberTable;
    key: HashKey;
  } & Pick<StagedRows, 'oldMembers' | 'openMarks' | 'emails'>,
): Promise<{ leavers: number; watched: number }> => {
  const { run, attempt } = document;
  if (!emails) return { leavers: 0, watched: 0 };
  const openOld = () => (fromOld ? states.openEmails(run.exportId, generation, { signal }) : Promise.resolve(undefined));
  const old = await openOld();
  await staging.writeParts(run.id, attempt, 'emails', old ? joined(old, emails.parts()) : emails.parts(), { signal });

  const [watchedLog, leaversLog] = [createEmailLog(), createEmailLog()];
  let leavers = 0;
  let watched = 0;
  const again = run.retryOf ? undefined : await openOld();
  if (again) {
    let record = 0;
    for await (const batch of readEmailBatches(again)) {
      for (const email of batch) {
        const flags = record < oldMembers ? table.flags(record) : SEEN;
        if ((flags & (SEEN | PRESENT)) === 0 && !openMarks.has(table.mark(record))) {
          if (!isAddressOf(table, record, email, key)) throw new AddressesMismatch();
          const isWatched = (flags & WATCHED) !== 0;
          (isWatched ? watchedLog : leaversLog).addText(`${record}\t${email}`);
          if (isWatched) watched += 1;
          else leavers += 1;
        }
        record += 1;
      }
    }
    if (record !== oldMembers) throw new AddressesMismatch();
  }
  await staging.writeParts(run.id, attempt, 'leavers', joined(watchedLog.parts(), leaversLog.parts()), { signal });
  return { leavers, watched };
};
