import type { Export } from '../exports/export';
import { mappedFields } from '../exports/mapping';
import { hashPayload, payloadHash } from '../runs/member-key';
import type { HashKey } from '../runs/member-key';
import { mappingDigestOf } from '../runs/prepare/digests';
import { winsOver } from '../runs/prepare/shared-addresses';
import type { Candidate } from '../runs/prepare/shared-addresses';
import type { FoundRow } from './find-in-source';
import type { TracedRow } from './person-trace';

/** What the state knows of an address that several customers share. */
export interface SharedAddress {
  /** whether Klaviyo has the values with this hash */
  readonly isKnown: (low: number, high: number) => boolean;
}

/**
 * Rows of an export in the order in which a run reads them, with the one that the next run takes: the first that is not refused, or, where
 * an earlier run has found the address to be shared, the winner by the rule of prepare.
 * @param shared undefined where the state does not say so
 */
export const withWinner = (
  rows: readonly FoundRow[],
  { mapping, segments }: Pick<Export, 'mapping' | 'segments'>,
  { shared, types, key }: { shared: SharedAddress | undefined; types: ReadonlyMap<string, string>; key: HashKey },
): TracedRow[] => {
  const digest = mappingDigestOf(
    { mapping },
    mappedFields(mapping).map((field) => types.get(field) ?? 'string'),
  );
  const seedLow = parseInt(digest.slice(0, 8), 16) ^ key.words[4]!;
  const seedHigh = parseInt(digest.slice(8, 16), 16) ^ key.words[5]!;
  const candidateOf = ({ row, attributes }: FoundRow): Candidate => {
    hashPayload(attributes!, 0, attributes!.length, seedLow, seedHigh);
    return {
      known: shared!.isKnown(payloadHash.low, payloadHash.high),
      segment: segments.indexOf(row.segment),
      customerId: row.customerId,
      profile: attributes!,
      emailLength: 0,
      phoneDropped: row.phoneDropped,
    };
  };
  let winner: FoundRow | undefined;
  for (const row of rows) {
    if (row.attributes === undefined) continue;
    if (winner === undefined || (shared && winsOver(candidateOf(row), candidateOf(winner)))) winner = row;
  }
  return rows.map((found) => (found === winner ? { ...found.row, wins: true } : found.row));
};
