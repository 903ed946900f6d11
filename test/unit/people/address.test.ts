import { parseHashKey } from '../../../shared/runs/member-key';
import { isAddress, isSameAddress, personHash, toAddress } from '../../../shared/people/address';
import { rowWithout } from '../../../shared/people/erase-reports';
import { runNumberOf } from '../../../shared/people/find-in-state';
import { markOf } from '../../../shared/runs/member-state';

const key = parseHashKey(Buffer.alloc(32, 1).toString('base64'));

describe('an address', () => {
  it.each([
    ['  Ada@Example.COM\t', 'ada@example.com', undefined],
    ['Ada@@Example.com', 'ada@@example.com', 'email_invalid'],
    ['Jürgen@example.com', 'jürgen@example.com', 'email_invalid'],
    [`${'a'.repeat(100)}@example.com`, `${'a'.repeat(100)}@example.com`, 'email_too_long'],
    ['   ', '', 'email_missing'],
  ])('%j is normalised as a run does it', (given, text, refusedAs) => {
    const address = toAddress(given);
    expect([address.text, address.refusedAs]).toEqual([text, refusedAs]);
    expect(isSameAddress(address, `\r\n${given} `)).toBe(true);
  });

  it('is not another one', () => {
    const address = toAddress('ann@example.com');
    for (const other of ['joann@example.com', 'ann@example.com.au', 'ann@example.co', '', 'anm@example.com'])
      expect(isSameAddress(address, other)).toBe(false);
    const bytes = Buffer.from('x,ANN@example.com,y');
    expect(isAddress(address, bytes, 2, 17)).toBe(true);
    expect(isAddress(address, bytes, 2, 18)).toBe(false);
  });

  it('has a keyed hash that says nothing without the key', () => {
    const address = toAddress('ann@example.com');
    expect(personHash(address, key)).toMatch(/^[0-9a-f]{24}$/);
    expect(personHash(toAddress('Ann@Example.com'), key)).toBe(personHash(address, key));
    expect(personHash(address, parseHashKey(Buffer.alloc(32, 2).toString('base64')))).not.toBe(personHash(address, key));
  });
});

describe('a row of a report', () => {
  const change = rowWithout(toAddress('ann.b+c@example.com'));
  const row = (email: string, detail?: string) => ({ customerId: 'c', email, segment: 's', code: 'x', ...(detail ? { detail } : {}) });

  it('goes when it is the person’s', () => {
    expect(change(row(' Ann.B+c@example.COM'))).toBeUndefined();
  });

  it('stays when it is somebody else’s', () => {
    const other = row('joann.b+c@example.com', "'joann.b+c@example.com' and ann.b+c@example.com.au and annxb+c@example.com");
    expect(change(other)).toBe(other);
  });

  it('loses the address where Klaviyo’s words name it', () => {
    expect(change(row('', "Of 'Ann.B+c@example.com'. So ann.b+c@example.com."))).toEqual(row('', "Of '(address)'. So (address)."));
  });
});

it.each([
  [1, 1, 1],
  [7, 9, 7],
  [65_535, 65_536, 65_535],
  [65_536, 65_540, 65_536],
  [131_073, 131_080, 131_073],
  [3, 65_538, 3],
])('a mark of run %i read in a state of run %i names run %i', (marked, writtenBy, expected) => {
  expect(runNumberOf(markOf(marked, 12), writtenBy)).toBe(expected);
});
