import { aProfile, aSandbox } from './harness';

const world = () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const { post, call, get } = klaviyo;
  const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
  const make = (email: unknown, attributes: object = {}) =>
    post('/api/profiles', { data: aProfile(email, attributes) }).document.data.id as string;
  const patch = (id: string, data: unknown) => call('PATCH', `/api/profiles/${id}`, { json: { data } });
  const merge = (id: unknown, sources: unknown) =>
    post('/api/profile-merge', { data: { type: 'profile-merge', id, relationships: { profiles: { data: sources } } } });
  const emails = (query: string) =>
    get(`/api/profiles?${query}`).document.data.map(({ attributes }: { attributes: { email: string | null } }) => attributes.email?.[0]);
  return { ...klaviyo, profiles, make, patch, merge, emails };
};

describe('one profile', () => {
  it('4.34 that is changed needs its attributes, and its own id', () => {
    const { make, patch } = world();
    const id = make('a@example.com');
    expect(patch(id, { type: 'profile', id }).document.errors).toMatchObject([
      { status: 400, detail: "'attributes' is a required field.", source: { pointer: '/data/attributes' } },
    ]);
    expect(patch(id, { type: 'profile', attributes: { title: 'Dr' } }).status).toBe(400);
    expect(patch(id, { type: 'profile', attributes: { email: 'a@example.com' } }).document.errors[0]!.source.pointer).toBe('/data/id');
    expect(patch(id, undefined).document.errors[0]).toMatchObject({ detail: "'data' is a required field.", source: { pointer: '/data' } });
    expect(patch(id, { type: 'profile', id, attributes: {} }).status).toBe(200);
  });

  it('4.34 holds no more than 100,000 bytes, on each way in', () => {
    const { make, patch, post } = world();
    const id = make('a@example.com');
    const ofBytes = (bytes: number) => {
      const of = (pad: number) => ({ ...aProfile('a@example.com', { properties: { pad: 'x'.repeat(pad) } }), id });
      return of(bytes - JSON.stringify(of(0)).length);
    };
    const ways = [(data: object) => patch(id, data), (data: object) => post('/api/profile-import', { data })];
    for (const way of ways) {
      expect(way(ofBytes(100_000)).status).toBe(200);
      for (const bytes of [100_001, 4_300_000])
        expect(way(ofBytes(bytes)).document.errors).toMatchObject([
          { status: 400, code: 'invalid', detail: 'Profile exceeds the maximum size of 100KB.', source: { pointer: '/data' } },
        ]);
    }
    expect(post('/api/profiles', { data: ofBytes(100_001) }).status).toBe(400);
  });

  it('4.18 4.34 takes what is appended, taken off and unset, as a job does', () => {
    const { make, patch, post } = world();
    const id = make('a@example.com', { properties: { tags: ['x'], old: 1 } });
    const meta = { patch_properties: { append: { tags: 'y' }, unset: 'old' } };
    expect(patch(id, { type: 'profile', id, attributes: {}, meta }).document.data.attributes.properties).toEqual({ tags: ['x', 'y'] });
    const imported = post('/api/profile-import', {
      data: { ...aProfile('a@example.com'), meta: { patch_properties: { unappend: { tags: 'x' } } } },
    });
    expect(imported.document.data.attributes.properties).toEqual({ tags: ['y'] });
  });

  it('4.38 is merged only from one other, and both must be there', () => {
    const { make, merge, post } = world();
    const [a, b] = [make('a@example.com'), make('b@example.com')];
    const ref = (id: string) => ({ type: 'profile', id });
    expect(post('/api/profile-merge', { data: { type: 'profile' } }).document.errors[0]).toMatchObject({
      detail: "Resource type must be 'profile-merge'.",
    });
    for (const sources of [[], [ref(a), ref(b)], undefined])
      expect(merge(a, sources).document.errors[0]).toMatchObject({
        status: 400,
        detail: 'Exactly one source profile is required.',
        source: { pointer: '/data/relationships/profiles/data' },
      });
    expect(merge('nobody', [ref(b)]).document.errors[0]).toMatchObject({ status: 404, detail: 'A profile with id nobody does not exist.' });
    expect(merge(a, [ref('nobody')]).document.errors[0]).toMatchObject({ status: 404, detail: 'A profile with id nobody does not exist.' });
  });

  it('4.38 frees its phone number when it is merged away, and 404 is said to its id', () => {
    const { make, merge, get, profiles } = world();
    const [a, b] = [make('a@example.com'), make('b@example.com', { phone_number: '+15005550006' })];
    expect(merge(a, [{ type: 'profile', id: b }]).status).toBe(202);
    expect([get(`/api/profiles/${b}`).status, profiles.count()]).toEqual([404, 1]);
    expect(make('c@example.com', { phone_number: '+15005550006' })).toMatch(/^[0-9A-Z]{26}$/);
  });
});

describe('many profiles', () => {
  it('4.27 come in the order of their making where the sort makes no difference', () => {
    const { make, emails } = world();
    for (const name of ['c', 'a', 'b', 'd']) make(`${name}@example.com`);
    const asked = 'filter=any(email,["d@example.com","b@example.com","a@example.com","c@example.com"])';
    for (const sort of ['updated', '-updated']) {
      expect([sort, emails(`sort=${sort}`)]).toEqual([sort, ['c', 'a', 'b', 'd']]);
      expect([sort, emails(`${asked}&sort=${sort}`)]).toEqual([sort, ['c', 'a', 'b', 'd']]);
    }
  });

  it('4.27 come first without an e-mail address when they are sorted by it', () => {
    const { make, emails } = world();
    make('a@example.com');
    make(undefined, { phone_number: '+15005550006' });
    expect(emails('sort=email')).toEqual([undefined, 'a']);
    expect(emails('sort=-email')).toEqual(['a', undefined]);
  });

  it('4.33 answer to all of their identifiers or to none', () => {
    const { make, emails } = world();
    make('a@example.com', { external_id: 'c-1' });
    make('b@example.com', { external_id: 'c-2' });
    expect(emails('filter=equals(email,"a@example.com"),equals(external_id,"c-2")')).toEqual([]);
    expect(emails('filter=equals(email,"a@example.com"),equals(external_id,"c-1")')).toEqual(['a']);
  });

  it.each([
    ['SUBSCRIBED', false, true],
    ['SUBSCRIBED', true, false],
    ['UNSUBSCRIBED', false, false],
    ['NEVER_SUBSCRIBED', false, true],
  ] as const)('4.22 %s and suppressed %s: mail can be sent %s', (consent, suppressed, can) => {
    const { make, get, profiles } = world();
    const id = make('a@example.com');
    profiles.setConsent(0, consent);
    profiles.setSuppressed(0, suppressed);
    const { marketing } = get(`/api/profiles/${id}?additional-fields[profile]=subscriptions`).document.data.attributes.subscriptions.email;
    expect(marketing).toMatchObject({ consent, can_receive_email_marketing: can });
  });
});

describe('subscribing', () => {
  const subscribe = (klaviyo: ReturnType<typeof world>, attributes: object, more: object = {}) =>
    klaviyo.post('/api/profile-subscription-bulk-create-jobs', {
      data: {
        type: 'profile-subscription-bulk-create-job',
        attributes: { profiles: { data: [{ type: 'profile', attributes }] }, ...more },
      },
    });
  const subscriptions = (at?: unknown) => ({ email: { marketing: { consent: 'SUBSCRIBED', consented_at: at } } });

  it('4.35 takes no phone number that is not a text', () => {
    const { status, document } = subscribe(world(), { phone_number: ['+15005550006'], subscriptions: {} });
    expect([status, document.errors[0]!.source.pointer]).toEqual([400, '/data/attributes/profiles/data/0/attributes/phone_number']);
  });

  it('4.35 knows a person by the address first, whoever has the phone number', () => {
    const klaviyo = world();
    klaviyo.make('a@example.com');
    klaviyo.make('b@example.com', { phone_number: '+15005550006' });
    const given = { email: 'a@example.com', phone_number: '+15005550006', subscriptions: subscriptions() };
    expect(subscribe(klaviyo, given).status).toBe(202);
    expect([klaviyo.profiles.consentOf(0), klaviyo.profiles.consentOf(1), klaviyo.profiles.count()]).toEqual([
      'SUBSCRIBED',
      'NEVER_SUBSCRIBED',
      2,
    ]);
  });

  it.each([
    [5, 400],
    ['2026-11-23T10:00:00Z', 202],
    ['2026-11-23T10:00:01Z', 400],
  ])('4.35 takes the consent of history at %j with %d', (at, status) => {
    const given = { email: 'a@example.com', subscriptions: subscriptions(at) };
    expect(subscribe(world(), given, { historical_import: true }).status).toBe(status);
  });
});
