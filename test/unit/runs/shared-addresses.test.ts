import * as fc from 'fast-check';
import { createSharedAddresses } from '../../../shared/runs/prepare/shared-addresses';
import type { Candidate } from '../../../shared/runs/prepare/shared-addresses';

const candidate = fc.record({
  known: fc.boolean(),
  segment: fc.nat({ max: 2 }),
  customerId: fc.constantFrom('', 'c1', 'c2', 'c3'),
  profile: fc.constantFrom('a', 'b', 'ab').map((text) => Buffer.from(text)),
  emailLength: fc.constant(1),
  phoneDropped: fc.boolean(),
});
const said = ({ known, customerId, profile, segment }: Candidate) => [known, customerId, Buffer.from(profile).toString(), segment];
const winnerOf = (rows: readonly Candidate[]) => {
  const shared = createSharedAddresses();
  const losers = rows.map((row) => shared.add(7, row)).filter((loser) => loser !== undefined);
  return { winner: [...shared.winners()][0]!, losers };
};

describe('row 30: an address that several customers share', () => {
  it('has the same winner in whatever order its rows are read', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 6 }), fc.integer(), (rows, seed) => {
        const shuffled = [...rows]
          .map((row, index) => ({ row, key: (Math.imul(seed ^ index, 0x9e3779b1) ^ (index << 7)) >>> 0 }))
          .sort((one, other) => one.key - other.key)
          .map(({ row }) => row);
        expect(said(winnerOf(shuffled).winner)).toEqual(said(winnerOf(rows).winner));
      }),
      { numRuns: 500 },
    );
  });

  it('counts each row but the winner once as a loser', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 6 }), (rows) => {
        const { winner, losers } = winnerOf(rows);
        expect(losers).toHaveLength(rows.length - 1);
        expect(winner.shared).toBe(rows.length > 1);
      }),
      { numRuns: 200 },
    );
  });

  it.each<[string, Partial<Candidate>, Partial<Candidate>]>([
    ['the values that Klaviyo has', { known: true, customerId: 'c9' }, { known: false, customerId: 'c1' }],
    ['the smaller CustomerId', { customerId: 'c1' }, { customerId: 'c2' }],
    ['the smaller JSON of one customer', { profile: Buffer.from('a') }, { profile: Buffer.from('b') }],
    ['the segment named first', { segment: 0 }, { segment: 1 }],
  ])('goes to %s', (_, winner, loser) => {
    const row = { known: false, segment: 0, customerId: 'c', profile: Buffer.from('x'), emailLength: 1, phoneDropped: false };
    const rows = [
      { ...row, ...loser },
      { ...row, ...winner },
    ];
    expect(said(winnerOf(rows).winner)).toEqual(said(rows[1]!));
  });

  it('takes the first row read when there is no room to keep more', () => {
    const shared = createSharedAddresses({ maxKeptBytes: 1 });
    expect(shared.hasRoom(1)).toBe(true);
    const row = { known: false, segment: 0, customerId: 'c', profile: Buffer.from('x'), emailLength: 1, phoneDropped: false };
    shared.add(1, row);
    expect([shared.hasRoom(1), shared.hasRoom(2)]).toEqual([true, false]);
  });
});
