import { aProfile, aSandbox, people } from './harness';

const REL = '/api/lists/LIST5K/relationships/profiles';
const refs = (ids: readonly unknown[]) => ({ data: ids.map((id) => ({ type: 'profile', id })) });
const withPeople = (count: number, options = {}) => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false, ...options });
  klaviyo.importProfiles(people(count), []);
  const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
  return { ...klaviyo, profiles, ids: Array.from({ length: count }, (_, row) => profiles.idOf(row)) };
};

describe('list relationships', () => {
  it('4.31 answers 204 with zero bytes and no Content-Type, also for one who is no member', () => {
    const { call, ids, members } = withPeople(3);
    for (const method of ['POST', 'POST', 'DELETE', 'DELETE']) {
      const answer = call(method, REL, { json: refs(ids) });
      expect(answer).toMatchObject({ status: 204, text: '' });
      expect(answer.headers).not.toHaveProperty('Content-Type');
      expect(members()).toHaveLength(method === 'POST' ? 3 : 0);
    }
  });

  it.each([
    [{ data: [] }, '/data'],
    [{}, '/data'],
    [refs(Array(1001).fill('x')), '/data'],
    [{ data: [{ type: 'person', id: 'x' }] }, '/data/0/type'],
    [{ data: [{ type: 'profile' }] }, '/data/0/id'],
  ])('4.31 refuses a body of the wrong form (%#)', (json, pointer) => {
    for (const method of ['POST', 'DELETE'])
      expect(aSandbox().call(method, REL, { json })).toMatchObject({ status: 400, document: { errors: [{ source: { pointer } }] } });
  });

  it('4.31 takes 1,000 ids', () => {
    const { post, ids, members } = withPeople(1000);
    expect(post(REL, refs(ids)).status).toBe(204);
    expect(members()).toHaveLength(1000);
  });

  it('4.31 answers 404 to an unknown list and, unless lenient, to an unknown profile', () => {
    const { post, ids, members } = withPeople(2);
    expect(post(REL.replace('LIST5K', 'NOPE01'), refs(ids)).document.errors[0]!.detail).toBe('A list with id `NOPE01` does not exist.');
    const unknown = `${ids[0]!.slice(0, 25)}${ids[0]!.endsWith('0') ? '1' : '0'}`;
    const { status, document } = post(REL, refs([ids[1], unknown]));
    expect([status, document.errors[0]!.detail, members()]).toEqual([404, `A profile with id ${unknown} does not exist.`, []]);
    const lenient = withPeople(2, { rules: 'lenient' });
    expect(lenient.post(REL, refs([lenient.ids[1], unknown])).status).toBe(204);
    expect(lenient.members()).toEqual([lenient.profiles.emailOf(1)]);
  });

  it('4.32 never takes an e-mail address in place of an id', () => {
    const { post, members } = withPeople(1);
    expect(post(REL, refs(['person0@example.com'])).status).toBe(404);
    expect(members()).toEqual([]);
  });
});

describe('profiles', () => {
  const any = (emails: string[]) => `/api/profiles?filter=any(email,${JSON.stringify(emails)})`;

  it('4.33 finds up to 100 addresses without case and leaves unknown ones out', () => {
    const { get } = withPeople(100);
    const all = Array.from({ length: 100 }, (_, at) => `PERSON${at}@example.com`);
    expect(get(any(all)).document.data).toHaveLength(20);
    expect(get(`${any(all)}&page[size]=100`).document.data).toHaveLength(100);
    expect(get(any([...all, 'one@example.com'])).status).toBe(400);
    const found = get(`${any(['Person7@Example.com', 'nobody@example.com'])}&fields[profile]=email`).document.data;
    expect(found).toMatchObject([{ type: 'profile', attributes: { email: 'person7@example.com' } }]);
    expect(Object.keys(found[0].attributes)).toEqual(['email']);
  });

  it('4.34 answers 409 with the id of the profile that exists, 201 and 200 to profile-import, 404 to an unknown PATCH', () => {
    const { post, call, ids, profiles } = withPeople(1);
    const one = (email: string, attributes = {}) => ({ data: aProfile(email, attributes) });
    const again = post('/api/profiles', one('PERSON0@example.com'));
    expect(again).toMatchObject({
      status: 409,
      document: { errors: [{ code: 'duplicate_profile', meta: { duplicate_profile_id: ids[0] } }] },
    });
    expect(post('/api/profiles', one('new@example.com')).status).toBe(201);
    expect(post('/api/profile-import', one('newer@example.com')).status).toBe(201);
    const updated = post('/api/profile-import', one('newer@example.com', { first_name: 'Ada' }));
    expect([updated.status, updated.document.data.attributes.first_name]).toEqual([200, 'Ada']);
    const cleared = post('/api/profile-import', one('newer@example.com', { first_name: null }));
    expect(cleared.document.data.attributes.first_name).toBeNull();
    const patch = (id: string) =>
      call('PATCH', `/api/profiles/${id}`, { json: { data: { type: 'profile', id, attributes: { title: 'Dr' } } } });
    expect(patch(ids[0]!).document.data.attributes.title).toBe('Dr');
    expect(patch('01M85D775K27550DY2ABWHMHX6').status).toBe(404);
    expect(profiles.count()).toBe(3);
  });

  const subscription = (people: unknown[], listId: string, kind = 'create', more = {}) => ({
    data: {
      type: `profile-subscription-bulk-${kind}-job`,
      attributes: { profiles: { data: people }, ...more },
      relationships: { list: { data: { type: 'list', id: listId } } },
    },
  });
  const SUBSCRIPTIONS = { subscriptions: { email: { marketing: { consent: 'SUBSCRIBED' } } } };
  const SUBSCRIBE = '/api/profile-subscription-bulk-create-jobs';

  it('4.35 subscribes with an empty 202, but lets nobody join a double-opt-in list', () => {
    const { post, sandbox, now, members, profiles } = withPeople(1);
    sandbox.addAccount({ id: 'SANDBX', lists: [{ id: 'DOUBLE', name: 'Double', optIn: 'double_opt_in' }] }, now());
    expect(post(SUBSCRIBE, subscription([aProfile('person0@example.com', SUBSCRIPTIONS)], 'LIST5K'))).toMatchObject({
      status: 202,
      text: '',
    });
    expect([members(), profiles.consentOf(0)]).toEqual([['person0@example.com'], 'SUBSCRIBED']);
    expect(post(SUBSCRIBE, subscription([aProfile('person0@example.com', SUBSCRIPTIONS)], 'DOUBLE')).status).toBe(202);
    expect(members('DOUBLE')).toEqual([]);
  });

  it('4.35 refuses more than 1,000 profiles, missing subscriptions and extra attributes', () => {
    const { post } = withPeople(0, {});
    expect(post(SUBSCRIBE, subscription(Array(1001).fill(aProfile('a@example.com', SUBSCRIPTIONS)), 'LIST5K')).status).toBe(400);
    expect(post(SUBSCRIBE, subscription([aProfile('a@example.com')], 'LIST5K')).status).toBe(400);
    const extra = post(SUBSCRIBE, subscription([aProfile('a@example.com', { ...SUBSCRIPTIONS, properties: {} })], 'LIST5K'));
    expect(extra.document.errors[0]!.detail).toBe("'properties' is not a valid field for the resource 'profile'.");
  });

  it('4.36 unsubscribes everywhere whoever is not on the list', () => {
    const { post, profiles } = withPeople(1);
    const url = '/api/profile-subscription-bulk-delete-jobs';
    const one = aProfile(profiles.emailOf(0), SUBSCRIPTIONS);
    expect(post(url, subscription(Array(101).fill(one), 'LIST5K', 'delete')).status).toBe(400);
    expect(post(url, subscription([one], 'LIST5K', 'delete')).status).toBe(202);
    expect(profiles.consentOf(0)).toBe('UNSUBSCRIBED');
  });

  it('4.37 makes 150 lists a day and then names the seconds to the next', () => {
    const { post, wait } = aSandbox();
    for (let at = 0; at < 150; at += 1) {
      expect(post('/api/lists', { data: { type: 'list', attributes: { name: `List ${at}` } } }).status).toBe(201);
      if (at % 10 === 9) wait(6000);
    }
    const { status, headers } = post('/api/lists', { data: { type: 'list', attributes: { name: 'One more' } } });
    expect([status, headers['Retry-After']]).toEqual([429, String(14 * 3600 - 90)]);
  });

  it('4.38 merges with 202 and knows the source no more', () => {
    const { post, get, ids, call, members } = withPeople(2);
    call('POST', REL, { json: refs([ids[1]]) });
    const merge = { data: { type: 'profile-merge', id: ids[0], relationships: { profiles: { data: [{ type: 'profile', id: ids[1] }] } } } };
    expect(post('/api/profile-merge', merge).status).toBe(202);
    expect(get(`/api/profiles/${ids[1]!}`).status).toBe(404);
    expect(members()).toHaveLength(1);
    expect(post('/api/profile-merge', merge).status).toBe(404);
  });
});
