import { setImmediate as nextTurn } from 'node:timers/promises';
import { EMAIL_MISSING, hashMember, memberKey, writeEmail } from '../runs/member-key';
import type { HashKey } from '../runs/member-key';
import type { SegmentSource, SourceSnapshot } from '../segments/segment-source';
import { createAddressSet } from './address-set';
import type { AddressSet } from './address-set';
import type { SegmentFigures } from './segment-figures';

/** So long are rows handled before others have their turn. */
const MAX_TURN_MS = 5;
/** An address is never written longer than this (member-key.ts). */
const ADDRESS_ROOM = 128;

export type SegmentCount = Pick<SegmentFigures, 'members' | 'exportable' | 'withoutEmail' | 'invalidEmail' | 'duplicates'>;

/**
 * Reads a segment once and counts whom an export could bring: the same check of the address and the same hash as a run's.
 * @param email field that holds the address; the segment must have it
 * @throws what the source throws while it is read; LimitError segment_too_large_to_count
 */
export const countSegment = async (
  source: Pick<SegmentSource, 'readRows'>,
  {
    snapshot,
    segment,
    email,
    key,
    signal,
  }: { snapshot: SourceSnapshot; segment: string; email: string; key: HashKey; signal: AbortSignal },
): Promise<{ counts: SegmentCount; set: AddressSet }> => {
  const set = createAddressSet();
  const address = new Uint8Array(ADDRESS_ROOM);
  let [members, withoutEmail, invalidEmail] = [0, 0, 0];
  let turnedAt = performance.now();
  for await (const { bytes, starts, ends, rowCount } of source.readRows({ snapshot, segment, fields: [email], signal })) {
    if (performance.now() - turnedAt > MAX_TURN_MS) {
      await nextTurn();
      signal.throwIfAborted();
      turnedAt = performance.now();
    }
    members += rowCount;
    for (let row = 0; row < rowCount; row += 1) {
      const length = writeEmail(bytes, starts[row]!, ends[row]!, address, 0);
      if (length < 0) {
        if (length === EMAIL_MISSING) withoutEmail += 1;
        else invalidEmail += 1;
        continue;
      }
      hashMember(address, 0, length, key);
      set.add(memberKey.a, memberKey.b);
    }
  }
  const exportable = await set.settle({ signal });
  const duplicates = members - withoutEmail - invalidEmail - exportable;
  return { counts: { members, exportable, withoutEmail, invalidEmail, duplicates }, set };
};
