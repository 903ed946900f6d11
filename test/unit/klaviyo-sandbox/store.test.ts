import { createBytePool } from '../../../infra/local/klaviyo/byte-pool';
import { isEmail } from '../../../infra/local/klaviyo/identifiers';
import { createUuid, profileIdOf, rowClaimedBy } from '../../../infra/local/klaviyo/ids';
import { createKeyIndex } from '../../../infra/local/klaviyo/key-index';
import { createMembership } from '../../../infra/local/klaviyo/membership';
import { createProfileStore } from '../../../infra/local/klaviyo/profile-store';
import { createRandom } from '../../../infra/local/klaviyo/random';
import { upsertProfile, type ProfileRow } from '../../../infra/local/klaviyo/upsert';
import { aProfile, aSandbox } from './harness';

const AT = Date.parse('2026-11-23T10:00:00Z');
const SEED = 7;
const world = () => {
  const store = createProfileStore(SEED);
  const put = (attributes: ProfileRow['attributes'], meta?: unknown, atMs = AT) =>
    upsertProfile(store, { attributes, meta }, { atMs, nulls: 'ignore', badPhone: 'refuse' });
  return { store, put };
};

describe('the profiles of an account', () => {
  it('come back from their bytes, those that are gone as gone', () => {
    const { store, put } = world();
    put({ email: 'ada@example.com', first_name: 'Ädä', phone_number: '+15005550006' });
    put({ phone_number: '+15005550007' }, undefined, AT + 1_000);
    put({ email: 'gone@example.com', title: 'Dr' });
    put({ email: 'bert@example.com' });
    put({ email: 'ada@example.com', title: 'Dr' }, undefined, AT + 2_000);
    store.remove(2);
    put({ email: 'gone@example.com' }, undefined, AT + 3_000); // the address is free again
    put({ email: 'lost@example.com' });
    store.remove(5);
    store.setConsent(3, 'UNSUBSCRIBED');
    store.setSuppressed(3, true);
    const again = createProfileStore(SEED);
    again.load(store.dump(0, 2), 2);
    again.load(store.dump(2, 4), 4);
    const seen = ({ ...of }: typeof store) => ({
      counts: [of.count(), of.length()],
      rows: [0, 1, 2, 3, 4, 5].map((row) => [of.idOf(row), of.createdAt(row), of.updatedAt(row), of.isGone(row), of.attributes(row)]),
      emails: [0, 1, 3, 4].map((row) => of.emailOf(row)),
      found: ['ada', 'bert', 'gone', 'lost'].map((name) => of.byEmail(`${name}@example.com`)),
      consent: [of.consentOf(3), of.isSuppressed(3), of.consentOf(0), of.isSuppressed(0)],
    });
    expect(seen(again)).toEqual(seen(store));
    expect(seen(again)).toMatchObject({ counts: [4, 6], found: [0, 3, 4, -1], consent: ['UNSUBSCRIBED', true, 'NEVER_SUBSCRIBED', false] });
    expect([again.rowOf(store.idOf(2)), again.rowOf(store.idOf(4))]).toEqual([-1, 4]);
  });

  it('4.38 free every identifier of who is gone, and leave those of others', () => {
    const { store, put } = world();
    put({ email: 'a@example.com', phone_number: '+15005550006', external_id: 'c-1' });
    put({ email: 'b@example.com', phone_number: '+15005550007', external_id: 'c-2' });
    put({ external_id: 'c-3' });
    store.remove(0);
    store.remove(2);
    expect([store.byEmail('a@example.com'), store.byPhone('+15005550006'), store.byExternalId('c-1'), store.byExternalId('c-3')]).toEqual([
      -1, -1, -1, -1,
    ]);
    expect([store.byEmail('b@example.com'), store.byPhone('+15005550007'), store.byExternalId('c-2')]).toEqual([1, 1, 1]);
    expect([store.count(), store.length(), put({ phone_number: '+15005550006' })]).toEqual([1, 3, { row: 3, created: true }]);
    expect(Object.fromEntries(store.keys('phone_number'))).toEqual({ '+15005550007': 1, '+15005550006': 3 });
    expect(Object.fromEntries(store.keys('external_id'))).toEqual({ 'c-2': 1 });
  });

  it('4.31 are never found by an id that was not given out', () => {
    const { store, put } = world();
    put({ email: 'a@example.com' });
    expect([store.rowOf(profileIdOf(0, AT, SEED)), store.rowOf(profileIdOf(0, AT + 1, SEED))]).toEqual([0, -1]);
    expect([1, 2, 5_000].map((row) => store.rowOf(profileIdOf(row, 0, SEED)))).toEqual([-1, -1, -1]); // rows that are not there yet
  });

  it('4.22 keep suppression and consent apart', () => {
    const { store, put } = world();
    put({ email: 'a@example.com' });
    store.setConsent(0, 'SUBSCRIBED');
    store.setSuppressed(0, true);
    expect([store.consentOf(0), store.isSuppressed(0)]).toEqual(['SUBSCRIBED', true]);
    store.setSuppressed(0, false);
    expect([store.consentOf(0), store.isSuppressed(0)]).toEqual(['SUBSCRIBED', false]);
  });

  it('4.21 know one person by several identifiers at once, and an empty one is none', () => {
    const { store, put } = world();
    const known = { email: 'a@example.com', phone_number: '+15005550006', external_id: 'c-1' };
    put(known);
    expect(put({ ...known, title: 'Dr' })).toEqual({ row: 0, created: false });
    expect(put({ email: '', external_id: 'c-1' })).toEqual({ row: 0, created: false });
    expect([store.emailOf(0), store.count()]).toEqual(['a@example.com', 1]);
  });

  it('4.18 lose each of several values that are taken off a property, and gain none of null', () => {
    const { store, put } = world();
    put({ email: 'a@example.com', properties: { tags: ['x', 'y', 'z'], kept: 1 } });
    put({ email: 'a@example.com' }, { patch_properties: { unappend: { tags: ['x', 'y'] }, append: { kept: null } } });
    expect(store.attributes(0)['properties']).toEqual({ tags: ['z'], kept: [1] });
  });

  it('4.20 have ids of their own in each account, with endings of their own', () => {
    const { post, sandbox, now } = aSandbox();
    sandbox.addAccount({ id: 'OTHERX', keys: [{ key: 'pk_other' }] }, now());
    const idOf = (key: string) => post('/api/profiles', { data: aProfile('a@example.com') }, { key }).document.data.id as string;
    expect(idOf('pk_other')).not.toBe(idOf('pk_sandbox_full'));
    expect(new Set(Array.from({ length: 200 }, (_, row) => profileIdOf(row, AT, SEED).slice(24))).size).toBeGreaterThan(100);
  });
});

describe('an id', () => {
  it('4.31 that is none claims no row', () => {
    const id = profileIdOf(5, AT, SEED);
    expect([id, id.slice(0, 25), `${id}0`, `${id.slice(0, 12)}U${id.slice(13)}`, ''].map((text) => rowClaimedBy(text, SEED))).toEqual([
      5, -1, -1, -1, -1,
    ]);
  });

  it('is a UUID of version 4 whose digits are all drawn', () => {
    const random = createRandom(3);
    const drawn = Array.from({ length: 200 }, () => createUuid(random));
    for (const uuid of drawn) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([new Set(drawn).size, new Set(drawn.map((uuid) => uuid[19])).size, new Set(drawn.map((uuid) => uuid[0])).size]).toEqual([
      200, 4, 16,
    ]);
  });
});

describe('a pool of bytes', () => {
  const BLOCK = 4 * 1024 * 1024;

  it('keeps texts side by side, and starts another block when one is full', () => {
    const pool = createBytePool();
    const texts = ['a'.repeat(BLOCK - 2), 'ä', 'b', 'c'.repeat(3), 'd'.repeat(BLOCK), 'e'];
    const positions = texts.map((text) => pool.add(text, Buffer.byteLength(text)));
    expect(positions).toEqual([0, BLOCK - 2, BLOCK, BLOCK + 1, 2 * BLOCK, 3 * BLOCK]);
    texts.forEach((text, at) => expect(pool.text(positions[at]!, Buffer.byteLength(text)) === text).toBe(true));
  });

  it('takes no text that is longer than a block', () => {
    expect(() => createBytePool().add('x', BLOCK + 1)).toThrow(new RangeError(`a text of ${BLOCK + 1} bytes does not fit a block`));
  });
});

describe('an index of keys', () => {
  it('tells two keys of the same hash apart', () => {
    const index = createKeyIndex();
    index.set('tzllubq@example.com', 1);
    expect(index.find('lwu62is@example.com')).toBe(-1);
    index.set('lwu62is@example.com', 2);
    expect([index.find('tzllubq@example.com'), index.find('lwu62is@example.com')]).toEqual([1, 2]);
    index.remove('tzllubq@example.com');
    expect([index.find('tzllubq@example.com'), index.find('lwu62is@example.com')]).toEqual([-1, 2]);
  });

  it('moves a key without doubling it, wherever it lies', () => {
    const index = createKeyIndex();
    const keys = Array.from({ length: 1_300 }, (_, at) => `key ${at}${'x'.repeat(at % 7)}`);
    const entries = keys.map((key, at) => index.set(key, at));
    expect(keys.map((key, at) => index.set(key, at + 10_000))).toEqual(entries);
    expect(new Map(index.entries())).toEqual(new Map(keys.map((key, at) => [key, at + 10_000])));
    for (const key of keys) index.remove(key);
    expect([...index.entries()]).toEqual([]);
    expect(keys.filter((key) => index.find(key) >= 0)).toEqual([]);
  });
});

describe('the members of a list', () => {
  it('4.22 are all there at every size, and come back from their bytes', () => {
    const members = createMembership();
    for (let row = 0; row < 2_600; row += 1) members.join(row, 1_000 + row);
    const again = createMembership();
    again.load(members.dump(0, 1_024), 1_024);
    again.load(members.dump(1_024, 1_576), 1_576);
    const places = Array.from({ length: 2_600 }, (_, row) => row);
    for (const held of [members, again])
      expect(places.filter((row) => held.rowAt(row) !== row || held.positionOf(row) !== row || held.joinedAt(row) !== 1_000 + row)).toEqual(
        [],
      );
  });
});

describe('an e-mail address', () => {
  it.each([
    ['example.com', false],
    ['@example.com', false],
    ['ada.lovelace@example.com', true],
  ])('4.15 %s: %s', (text, expected) => {
    expect(isEmail(text)).toBe(expected);
  });
});
