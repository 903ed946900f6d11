import { withRoom } from './columns';

/** The members of one list in the order in which they joined; 16 bytes a member plus 4 bytes a profile of the account. */
export const createMembership = () => {
  let count = 0;
  let length = 0;
  let rows = new Int32Array(1024); // a member's row, or ~row once they have left: positions never move, so cursors stay valid
  let joined = new Float64Array(1024);
  let places = new Int32Array(1024); // by row: position + 1, 0 = no member

  return {
    count: (): number => count,
    /** Number of positions, left members included. */
    length: (): number => length,
    has: (row: number): boolean => (places[row] ?? 0) > 0,
    /** Row at a position, or -1 when that member has left. */
    rowAt: (position: number): number => (rows[position]! < 0 ? -1 : rows[position]!),
    joinedAt: (row: number): number => joined[places[row]! - 1]!,
    positionOf: (row: number): number => (places[row] ?? 0) - 1,
    /** @returns false when the profile is a member already: its joined time is kept (4.22, observed) */
    join: (row: number, atMs: number): boolean => {
      places = withRoom(places, row + 1);
      if (places[row]! > 0) return false;
      rows = withRoom(rows, length + 1);
      joined = withRoom(joined, length + 1);
      rows[length] = row;
      joined[length] = length === 0 ? atMs : Math.max(atMs, joined[length - 1]!); // never backwards, so that ranges can be searched
      length += 1;
      places[row] = length;
      count += 1;
      return true;
    },
    leave: (row: number): boolean => {
      const place = places[row] ?? 0;
      if (place <= 0) return false;
      rows[place - 1] = ~row;
      places[row] = 0;
      count -= 1;
      return true;
    },
    /** Positions `from` to `from + count` as bytes, for a snapshot. */
    dump: (from: number, count: number): Buffer =>
      Buffer.concat([
        Buffer.from(joined.buffer, joined.byteOffset + from * 8, count * 8),
        Buffer.from(rows.buffer, rows.byteOffset + from * 4, count * 4),
      ]),
    /** Takes positions back that were dumped, at the end. */
    load: (bytes: Buffer, entries: number): void => {
      rows = withRoom(rows, length + entries);
      joined = withRoom(joined, length + entries);
      for (let at = 0; at < entries; at += 1) {
        const row = bytes.readInt32LE(entries * 8 + at * 4);
        rows[length] = row;
        joined[length] = bytes.readDoubleLE(at * 8);
        length += 1;
        if (row < 0) continue;
        places = withRoom(places, row + 1);
        places[row] = length;
        count += 1;
      }
    },
    /** First position whose member joined at or after the given instant. */
    firstAtOrAfter: (atMs: number): number => {
      let low = 0;
      let high = length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (joined[middle]! < atMs) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
};
export type Membership = ReturnType<typeof createMembership>;
