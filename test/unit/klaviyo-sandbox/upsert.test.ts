import { isEmail, isPhone } from '../../../infra/local/klaviyo/identifiers';
import { createKeyIndex } from '../../../infra/local/klaviyo/key-index';
import { createMembership } from '../../../infra/local/klaviyo/membership';
import { createProfileStore } from '../../../infra/local/klaviyo/profile-store';
import { upsertProfile, type ProfileRow } from '../../../infra/local/klaviyo/upsert';

const AT = Date.parse('2026-11-23T10:00:00Z');
const world = () => {
  const store = createProfileStore(7);
  const put = (attributes: ProfileRow['attributes'], meta?: unknown, nulls: 'ignore' | 'clear' = 'ignore') =>
    upsertProfile(store, { attributes, meta }, { atMs: AT, nulls, badPhone: 'refuse' });
  return { store, put };
};

describe('an upsert', () => {
  it('4.18 patches properties as meta says', () => {
    const { store, put } = world();
    const attributes = { email: 'a@example.com' };
    put({ ...attributes, properties: { tags: ['x'], one: 1, list: [{ a: 1 }, { b: 2 }], gone: true } });
    put(attributes, {
      patch_properties: { append: { tags: 'y', one: [2], fresh: ['z'] }, unappend: { list: [{ a: 1 }], nothing: ['x'] }, unset: 'gone' },
    });
    expect(store.attributes(0)['properties']).toEqual({ tags: ['x', 'y'], one: [1, 2], fresh: ['z'], list: [{ b: 2 }], nothing: [] });
    for (const meta of [
      {},
      { patch_properties: null },
      { patch_properties: { append: null, unset: null } },
      { patch_properties: { unset: [] } },
    ])
      put(attributes, meta);
    expect(store.attributes(0)['properties']).toMatchObject({ tags: ['x', 'y'], list: [{ b: 2 }] });
  });

  it('4.18 lays new values over old ones, deep only in location and properties', () => {
    const { store, put } = world();
    put({ email: 'a@example.com', location: { city: 'Paris', zip: '1' }, properties: { deep: { a: 1 }, kept: 1 }, first_name: 'Ada' });
    put({
      email: 'a@example.com',
      location: { city: 'Rome' },
      properties: { deep: { b: 2 }, kept: null },
      first_name: undefined,
      _kx: 'k',
    });
    expect(store.attributes(0)).toEqual({
      ...{ location: { city: 'Rome', zip: '1' }, properties: { deep: { b: 2 }, kept: 1 }, first_name: 'Ada' },
    });
  });

  it('4.21 moves identifiers: the old ones find nobody any more', () => {
    const { store, put } = world();
    put({ email: 'a@example.com', phone_number: '+15005550006', external_id: 'c-1' });
    put({ email: 'a@example.com', phone_number: '+15005550007', external_id: 'c-2' });
    expect([store.byPhone('+15005550006'), store.byPhone('+15005550007')]).toEqual([-1, 0]);
    expect([store.byExternalId('c-1'), store.byExternalId('c-2')]).toEqual([-1, 0]);
    put({ external_id: 'c-2', email: 'B@example.com' });
    expect([store.byEmail('a@example.com'), store.byEmail('b@EXAMPLE.com'), store.emailOf(0)]).toEqual([-1, 0, 'b@example.com']);
    put({ email: 'b@example.com', phone_number: null }, undefined, 'clear');
    expect(store.byPhone('+15005550007')).toBe(-1);
  });

  it('4.21 of two people says which of them is in the way', () => {
    const { put, store } = world();
    put({ email: 'a@example.com' });
    put({ email: 'b@example.com', external_id: 'c-1' });
    expect(put({ email: 'a@example.com', external_id: 'c-1' })).toEqual({
      error: 'A profile already exists with one of these identifiers.',
      duplicateOf: 1,
    });
    expect(put({ email: '', external_id: 'c-1' })).toEqual({ row: 1, created: false });
    expect(store.count()).toBe(2);
  });

  it('takes texts that grow and shrink, and keeps those of others', () => {
    const { store, put } = world();
    for (let row = 0; row < 50; row += 1) put({ email: `p${row}@example.com`, title: 'x'.repeat(row) });
    for (const length of [400, 3, 90]) {
      put({ email: 'p7@example.com', title: 'ä'.repeat(length) });
      expect(store.attributes(7)).toEqual({ title: 'ä'.repeat(length) });
      expect(store.attributes(8)).toEqual({ title: 'x'.repeat(8) });
    }
  });
});

describe('the index of keys', () => {
  it('finds what was put in, also after it has grown, and what was taken out no more', () => {
    const index = createKeyIndex();
    for (let row = 0; row < 5_000; row += 1) index.set(`key ${row}`, row);
    index.set('key 7', 70);
    for (let row = 0; row < 5_000; row += 3) index.remove(`key ${row}`);
    index.remove('nobody');
    const found = Array.from({ length: 5_000 }, (_, row) => index.find(`key ${row}`));
    expect(found).toEqual(found.map((_, row) => (row % 3 === 0 ? -1 : row === 7 ? 70 : row)));
    expect(index.find('key 5000')).toBe(-1);
    const entries = new Map(index.entries());
    expect([entries.size, entries.get('key 7'), entries.get('key 4'), entries.has('key 3')]).toEqual([3_333, 70, 4, false]);
    expect(index.keyOf(index.set('key 3', 3))).toBe('key 3');
    expect(index.find('key 3')).toBe(3);
  });
});

describe('a membership', () => {
  it('4.22 4.31 keeps the order and the time of joining, and forgets who leaves', () => {
    const members = createMembership();
    for (let row = 0; row < 3_000; row += 1) expect(members.join(row, 1_000 + Math.floor(row / 10))).toBe(true);
    expect(members.join(5, 9_999)).toBe(false);
    expect([members.leave(5), members.leave(5), members.leave(99_999)]).toEqual([true, false, false]);
    expect([members.count(), members.length(), members.has(5), members.has(6), members.has(99_999)]).toEqual([
      2_999,
      3_000,
      false,
      true,
      false,
    ]);
    expect([members.rowAt(5), members.rowAt(6), members.positionOf(6), members.positionOf(5)]).toEqual([-1, 6, 6, -1]);
    expect([members.joinedAt(6), members.joinedAt(2_999)]).toEqual([1_000, 1_299]);
    expect(members.join(5, 500)).toBe(true);
    expect([members.positionOf(5), members.joinedAt(5), members.count()]).toEqual([3_000, 1_299, 3_000]);
    expect([0, 1_000, 1_001, 1_299, 1_300].map((at) => members.firstAtOrAfter(at))).toEqual([0, 0, 10, 2_990, 3_001]);
  });

  it('comes back from its bytes', () => {
    const members = createMembership();
    for (let row = 0; row < 20; row += 1) members.join(row, row);
    members.leave(3);
    const again = createMembership();
    again.load(members.dump(0, 10), 10);
    again.load(members.dump(10, 10), 10);
    expect([again.count(), again.length(), again.rowAt(3), again.rowAt(4), again.joinedAt(19), again.has(3)]).toEqual([
      19,
      20,
      -1,
      4,
      19,
      false,
    ]);
  });
});

describe('an identifier', () => {
  it.each([
    ['a@example.com', true],
    ['a@b.co', true],
    ['a@b-c.example.co', true],
    ["!#$%&'*+/=?^_`{|}~-@example.com", true],
    ['a.b.c@example.com', true],
    ['a@example.c', false],
    ['a@example-.com', false],
    ['a@example.co-', false],
    ['a@.com', false],
    ['a@b@example.com', false],
    ['', false],
    ['@', false],
    ['a\n@example.com', false],
    ['a@example.com\n', false],
  ])('4.15 %j as an e-mail address: %s', (text, expected) => {
    expect(isEmail(text)).toBe(expected);
  });

  it.each([
    ['+1234567', true],
    ['+123456', false],
    ['+123456789012345', true],
    ['+1234567890123456', false],
    ['+0234567', false],
    ['1234567', false],
    ['+1234567x', false],
    ['x+1234567', false],
  ])('4.15 %j as a phone number: %s', (text, expected) => {
    expect(isPhone(text)).toBe(expected);
  });
});
