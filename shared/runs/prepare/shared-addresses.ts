/** Rows of shared addresses that are kept until the end take at most this much; beyond it the first row read wins. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** What a row takes beside its profile, about. */
const OBJECT_BYTES = 300;

export interface Candidate {
  /** Klaviyo has exactly these values */
  readonly known: boolean;
  readonly segment: number;
  readonly customerId: string;
  /** the profile's JSON from its head to its last attribute, closing braces left out */
  readonly profile: Uint8Array;
  readonly emailLength: number;
  readonly phoneDropped: boolean;
}

/**
 * Which of two rows with one address is sent: the one whose values Klaviyo has already; then that of the smaller CustomerId; of one customer's
 * rows the one whose JSON is smaller; then that of the segment named first. Whatever the order they are read in, the same one wins, and
 * nothing is sent as long as the winner stays as it is (failures.md row 30). Pure.
 */
export const winsOver = (one: Candidate, other: Candidate): boolean => {
  if (one.known !== other.known) return one.known;
  if (one.customerId !== other.customerId) return one.customerId < other.customerId;
  const order = Buffer.compare(one.profile, other.profile);
  return order === 0 ? one.segment < other.segment : order < 0;
};

/**
 * Addresses that several customers share, as earlier runs have found: their rows are kept until all are read, and then the winner goes on.
 * Only where an address is new does the row that is read first win; its values are those that Klaviyo has from then on.
 */
export const createSharedAddresses = ({ maxKeptBytes = MAX_KEPT_BYTES }: { maxKeptBytes?: number } = {}) => {
  const kept = new Map<number, { candidate: Candidate; rows: number }>();
  let bytes = 0;
  return {
    /** whether the rows of this record can be kept */
    hasRoom: (record: number): boolean => bytes < maxKeptBytes || kept.has(record),
    /** @returns the row that lost: the new one, the one before it, or undefined for a first one */
    add: (record: number, candidate: Candidate): Candidate | undefined => {
      const before = kept.get(record);
      if (!before) {
        kept.set(record, { candidate, rows: 1 });
        bytes += candidate.profile.length + OBJECT_BYTES;
        return undefined;
      }
      before.rows += 1;
      if (!winsOver(candidate, before.candidate)) return candidate;
      const loser = before.candidate;
      bytes += candidate.profile.length - loser.profile.length;
      before.candidate = candidate;
      return loser;
    },
    /** The winners; `shared` says whether there still were several rows. */
    *winners(): Generator<Candidate & { record: number; shared: boolean }> {
      for (const [record, { candidate, rows }] of kept) yield { ...candidate, record, shared: rows > 1 };
    },
  };
};
