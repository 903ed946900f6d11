import { compareList } from '../../crash/checks';
import type { Kind } from '../../crash/checks';
import { countsOf, peopleOf, rowsOf } from '../../crash/people';
import type { MatrixList } from '../../crash/scene';

const segment = { name: 'Some', prefix: 's', size: 60, first: 0, step: 10, width: 0, bad: 4 };
const mirror: MatrixList = {
  id: 'LIST',
  account: 'ACC',
  refuses: 's',
  exports: [{ name: 'mirror', membership: 'mirror', segments: [segment] }],
};
const add: MatrixList = { id: 'LIST', account: 'ACC', exports: [{ name: 'add', membership: 'add', segments: [segment] }] };

const found = (list: MatrixList, members: Iterable<string>): Partial<Record<Kind, number>> => {
  const kinds: Partial<Record<Kind, number>> = {};
  const report = (kind: Kind, _what: string, count: number) => void (kinds[kind] = count);
  compareList(list, 2, new Map([...members].map((email, index) => [`id${index}`, email])), { report });
  return kinds;
};

describe('the truth about a segment', () => {
  it('has leavers, joiners, bad addresses and the same address twice', () => {
    const [before, after] = [peopleOf([segment], 1), peopleOf([segment], 2)];
    expect(before.has('s10@people.example') && !after.has('s10@people.example')).toBe(true);
    expect(!before.has('s79@people.example') && after.has('s79@people.example')).toBe(true);
    const { read, invalid, duplicates } = countsOf([segment], 2);
    expect({ invalid, people: read - invalid - duplicates }).toEqual({ invalid: 4, people: after.size });
    expect(duplicates).toBeGreaterThan(0);
    expect(rowsOf(segment, 2).length).toBe(read);
  });

  it('finds one who is missing and one who should have gone', () => {
    const exact = [...peopleOf([segment], 2)].filter((person) => ![7, 13].includes(Number(/\d+/.exec(person)![0]) % 31));
    expect(found(mirror, exact)).toEqual({});
    expect(found(mirror, exact.slice(1))).toEqual({ lost: 1 });
    expect(found(mirror, [...exact, 's10@people.example'])).toEqual({ leftBehind: 1 });
  });

  it('keeps those on the list whom an add export brought on an earlier day, and nobody else', () => {
    const ever = new Set([...peopleOf([segment], 1), ...peopleOf([segment], 2)]);
    expect(found(add, ever)).toEqual({});
    expect(found(add, [...ever, 'stranger@people.example'])).toEqual({ leftBehind: 1 });
    expect(found(add, peopleOf([segment], 2))).toEqual({ lost: ever.size - peopleOf([segment], 2).size });
  });
});
