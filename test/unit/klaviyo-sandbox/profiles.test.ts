import { aProfile, aSandbox } from './harness';

const world = () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const { post, call, get } = klaviyo;
  const make = (email: unknown, attributes: object = {}) => post('/api/profiles', { data: aProfile(email, attributes) });
  const upsert = (data: object) => post('/api/profile-import', { data });
  const patch = (id: string, data: unknown) => call('PATCH', `/api/profiles/${id}`, { json: { data } });
  const emails = (query: string) =>
    get(`/api/profiles${query}`).document.data.map(({ attributes }: { attributes: { email: string } }) => attributes.email.split('@')[0]);
  return { ...klaviyo, make, upsert, patch, emails };
};
const threePeople = () => {
  const klaviyo = world();
  for (const name of ['carl', 'anna', 'bert']) {
    klaviyo.make(`${name}@example.com`, { external_id: `x-${name}` });
    klaviyo.wait(60_000);
  }
  klaviyo.upsert(aProfile('carl@example.com', { title: 'Dr' }));
  return klaviyo;
};

describe('profiles', () => {
  it.each([
    ['', ['carl', 'anna', 'bert']],
    ['?sort=created', ['carl', 'anna', 'bert']],
    ['?sort=-created', ['bert', 'anna', 'carl']],
    ['?sort=id', ['carl', 'anna', 'bert']],
    ['?sort=-id', ['bert', 'anna', 'carl']],
    ['?sort=email', ['anna', 'bert', 'carl']],
    ['?sort=-email', ['carl', 'bert', 'anna']],
    ['?sort=updated', ['anna', 'bert', 'carl']],
    ['?sort=-updated', ['carl', 'bert', 'anna']],
    ['?filter=greater-than(created,2026-11-23T10:00:30Z)', ['anna', 'bert']],
    ['?filter=less-than(created,2026-11-23T10:00:30Z)', ['carl']],
    ['?filter=greater-than(updated,2026-11-23T10:02:30Z)', ['carl']],
    ['?filter=any(external_id,["x-bert","x-anna","x-nobody"])', ['anna', 'bert']],
    ['?filter=equals(external_id,"x-bert"),less-than(created,2026-11-23T10:00:30Z)', []],
    ['?filter=any(email,["bert@example.com","BERT@example.com"])', ['bert']],
    ['?filter=any(email,["anna@example.com","bert@example.com"])&sort=-email', ['bert', 'anna']],
    ['?filter=equals(_kx,"x")', []],
    ['?page[size]=2', ['carl', 'anna']],
    ['?page[size]=2&sort=email', ['anna', 'bert']],
    ['?page[size]=1&filter=any(email,["anna@example.com","bert@example.com"])', ['anna']],
  ])('4.27 come as %s asks', (query, expected) => {
    expect(threePeople().emails(query)).toEqual(expected);
  });

  it.each(['?page[size]=2', '?page[size]=2&sort=-email', '?page[size]=1&filter=any(email,["anna@example.com","bert@example.com"])'])(
    '4.28 come page by page with %s, and end',
    (query) => {
      const { get } = threePeople();
      const second = get(get(`/api/profiles${query}`).document.links.next!.replace('http://sandbox.test', '')).document;
      expect([second.data.length, second.links.next]).toEqual([1, null]);
      expect(get('/api/profiles?page[size]=3').document.links.next).toBeNull();
      expect(get('/api/profiles?page[size]=3&sort=email').document.links.next).toBeNull();
    },
  );

  it('4.33 are found by id and by phone number', () => {
    const { make, get } = world();
    const { id } = make('a@example.com', { phone_number: '+15005550006' }).document.data as { id: string };
    for (const filter of [`equals(id,"${id}")`, 'equals(phone_number,"%2B15005550006")'])
      expect(get(`/api/profiles?filter=${filter}`).document.data).toMatchObject([{ id }]);
    expect(get('/api/profiles?filter=equals(phone_number,"%2B15005550007")').document.data).toEqual([]);
    expect(get(`/api/profiles/${id}`).document.data.id).toBe(id);
    for (const other of [id.slice(0, 25), `${id}0`, id.replace(/^0/, '1'), id.toLowerCase(), 'U'.repeat(26)])
      expect([other, get(`/api/profiles/${other}`).status]).toEqual([other, 404]);
  });

  it('4.34 are made once: who has the same e-mail address, phone number or external id is a conflict', () => {
    const { make, sandbox } = world();
    const { id } = make('a@example.com', { phone_number: '+15005550006', external_id: 'c-1' }).document.data as { id: string };
    for (const answer of [
      make('A@example.com'),
      make('b@example.com', { phone_number: '+15005550006' }),
      make('b@example.com', { external_id: 'c-1' }),
    ])
      expect(answer).toMatchObject({
        status: 409,
        document: {
          errors: [
            {
              ...{ status: 409, code: 'duplicate_profile', title: 'Conflict.', source: { pointer: '/data/attributes' } },
              detail: 'A profile already exists with one of these identifiers.',
              meta: { duplicate_profile_id: id },
            },
          ],
        },
      });
    expect(sandbox.state.accounts.get('SANDBX')!.profiles.count()).toBe(1);
    expect(make('b@example.com', { phone_number: '+15005550007', external_id: 'c-2' }).status).toBe(201);
  });

  it('4.34 of two people are no single one: that is a conflict as well', () => {
    const { make, upsert } = world();
    make('a@example.com');
    const { id } = make('b@example.com', { phone_number: '+15005550006' }).document.data as { id: string };
    expect(upsert(aProfile('a@example.com', { phone_number: '+15005550006' }))).toMatchObject({
      status: 409,
      document: { errors: [{ meta: { duplicate_profile_id: id } }] },
    });
  });

  it.each([
    [{}, '/data'],
    [{ data: { type: 'person', attributes: {} } }, '/data/type'],
    [{ data: { type: 'profile' } }, '/data/attributes'],
    [{ data: { type: 'profile', attributes: { first_name: 'Ada' } } }, '/data/attributes'],
    [{ data: { ...aProfile('a@example.com'), id: 7 } }, '/data/id'],
    [{ data: aProfile('a@example.com', { phone_number: '+1' }) }, '/data/attributes/phone_number'],
    [{ data: { ...aProfile('a@example.com'), meta: 'x' } }, '/data/meta'],
    [{ data: { ...aProfile('a@example.com'), meta: { patch_properties: [] } } }, '/data/meta'],
  ])('4.34 are not made of %j', (json, pointer) => {
    const { post } = world();
    for (const url of ['/api/profiles', '/api/profile-import'])
      expect(post(url, json)).toMatchObject({ status: 400, document: { errors: [{ code: 'invalid', source: { pointer } }] } });
  });

  it('4.34 are held to E.164 one by one, whatever the switch for jobs says', () => {
    const { post } = aSandbox({ rules: 'lenient', limits: false });
    expect(post('/api/profiles', { data: aProfile('a@example.com', { phone_number: '+1' }) }).status).toBe(400);
  });

  it('4.34 are changed by id: what is null is cleared, what is left out stays', () => {
    const { make, patch, get } = world();
    const { id } = make('a@example.com', {
      ...{
        first_name: 'Ada',
        title: 'Dr',
        external_id: 'c-1',
        location: { city: 'Paris', zip: '1' },
        properties: { tier: 'gold', old: 1 },
      },
    }).document.data as { id: string };
    const changes = { title: null, external_id: null, location: { city: null }, properties: { old: null, tier: 'silver' } };
    const { status, document } = patch(id, { type: 'profile', id, attributes: changes });
    expect(status).toBe(200);
    expect(document.data.attributes).toMatchObject({ first_name: 'Ada', title: null, external_id: null, properties: { tier: 'silver' } });
    expect(document.data.attributes.properties).not.toHaveProperty('old');
    expect(document.data.attributes.location).toMatchObject({ city: null, zip: '1' });
    expect(get('/api/profiles?filter=equals(external_id,"c-1")').document.data).toEqual([]);
    expect(patch(id, { type: 'profile', id, attributes: { email: 'new@example.com' } }).document.data.attributes.email).toBe(
      'new@example.com',
    );
    expect(get('/api/profiles?filter=any(email,["a@example.com","new@example.com"])').document.data).toHaveLength(1);
  });

  it('4.34 keep their id: one that is not of the path is refused, an unknown one is 404', () => {
    const { make, patch, upsert } = world();
    const { id } = make('a@example.com').document.data as { id: string };
    expect(patch(id, { type: 'profile', id: 'other', attributes: {} })).toMatchObject({
      status: 400,
      document: { errors: [{ detail: 'The id must match the one of the path.', source: { pointer: '/data/id' } }] },
    });
    const unknown = { ...aProfile('b@example.com'), id: '01M85D775K27550DY2ABWHMHX6' };
    expect(upsert(unknown)).toMatchObject({
      status: 404,
      document: { errors: [{ detail: 'A profile with id 01M85D775K27550DY2ABWHMHX6 does not exist.' }] },
    });
    expect(patch(unknown.id, unknown)).toMatchObject({
      status: 404,
      document: { errors: [{ detail: 'A profile with id 01M85D775K27550DY2ABWHMHX6 does not exist.' }] },
    });
    expect(upsert({ ...aProfile('c@example.com'), id })).toMatchObject({ status: 200, document: { data: { id } } });
  });

  it('4.34 say when they were changed only if something was', () => {
    const { upsert, wait } = world();
    const stampOf = (data: object) => (upsert(data).document.data.attributes.updated as string).slice(0, 19);
    const first = stampOf(aProfile('a@example.com', { title: 'Dr' }));
    wait(60_000);
    expect(stampOf(aProfile('a@example.com', { title: 'Dr' }))).toBe(first);
    expect(stampOf(aProfile('a@example.com', { title: 'Prof' }))).toBe('2026-11-23T10:01:00');
  });

  it.each([
    [{}, 400, '/data/type'],
    [{ data: { type: 'profile-merge', id: 'x' } }, 400, '/data/relationships/profiles/data'],
    [
      { data: { type: 'profile-merge', id: 'x', relationships: { profiles: { data: [{}, {}] } } } },
      400,
      '/data/relationships/profiles/data',
    ],
    [{ data: { type: 'profile-merge', id: 'x', relationships: { profiles: { data: [{ id: 'y' }] } } } }, 404, '/data/'],
  ])('4.38 are not merged by %j', (json, status, pointer) => {
    expect(world().post('/api/profile-merge', json)).toMatchObject({ status, document: { errors: [{ status, source: { pointer } }] } });
  });

  it('4.38 take over the lists when they are merged, and the source’s addresses are free again', () => {
    const { make, post, members, emails, get } = world();
    const [a, b] = ['a', 'b'].map((name) => make(`${name}@example.com`, { external_id: name }).document.data.id as string) as [
      string,
      string,
    ];
    post('/api/lists/LIST5K/relationships/profiles', { data: [{ type: 'profile', id: b }] });
    const sources = { profiles: { data: [{ type: 'profile', id: b }] } };
    expect(post('/api/profile-merge', { data: { type: 'profile-merge', id: a, relationships: sources } })).toMatchObject({
      status: 202,
      document: { data: { type: 'profile-merge', id: a, relationships: { profiles: { data: [{ type: 'profile', id: a }] } } } },
    });
    expect([members(), emails('')]).toEqual([['a@example.com'], ['a']]);
    expect(emails('?sort=email')).toEqual(['a']);
    expect(get('/api/profiles?filter=any(external_id,["a","b"])').document.data).toHaveLength(1);
    expect(make('b@example.com', { external_id: 'b' }).status).toBe(201);
  });
});
