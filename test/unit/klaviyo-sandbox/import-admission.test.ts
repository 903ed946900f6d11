import { aProfile, aSandbox, anImport, JOBS, people } from './harness';

const pointers = (answer: ReturnType<ReturnType<typeof aSandbox>['get']>) => answer.document.errors.map(({ source }) => source.pointer);
const P = '/data/attributes/profiles';

describe('import admission', () => {
  it.each([
    [{}, '/data'],
    [[], '/data'],
    [{ data: { type: 'profile' } }, '/data/type'],
    [{ data: { type: 'profile-bulk-import-job' } }, P],
    [{ data: { type: 'profile-bulk-import-job', attributes: { profiles: [] } } }, P],
    [{ data: { type: 'profile-bulk-import-job', attributes: { profiles: { data: {} } } } }, P],
  ])('4.10 refuses %j at %s', (json, pointer) => {
    const answer = aSandbox().post(JOBS, json);
    expect(answer.status).toBe(400);
    expect(answer.document.errors[0]).toMatchObject({ code: 'invalid', title: 'Invalid input.', source: { pointer } });
  });

  it.each([
    [0, 400],
    [10_000, 202],
    [10_001, 400],
  ])('4.11 answers a job of %d profiles with %d', (count, status) => {
    const answer = aSandbox().importProfiles(people(count));
    expect(answer.status).toBe(status);
    if (status === 400) expect(pointers(answer)).toEqual([`${P}/data`]);
  });

  it('4.12 makes the job but lets nobody join when relationships stand beside data', () => {
    const { post, wait, members, sandbox } = aSandbox();
    const { data } = anImport(people(3), []);
    const { status } = post(JOBS, { data, relationships: { lists: { data: [{ type: 'list', id: 'LIST5K' }] } } });
    wait(5000);
    expect([status, sandbox.state.accounts.get('SANDBX')!.profiles.count(), members()]).toEqual([202, 3, []]);
  });

  it.each([
    {},
    { data: { type: 'list', id: 'LIST5K' } },
    { data: [{ type: 'lists', id: 'LIST5K' }] },
    { data: [{ type: 'list' }] },
    'LIST5K',
  ])('4.13 refuses relationships.lists of the form %j', (lists) => {
    const { data } = anImport(people(1), []);
    expect(pointers(aSandbox().post(JOBS, { data: { ...data, relationships: { lists } } }))).toEqual(['/data/relationships/lists']);
  });

  it('4.13 refuses an unknown list with its id', () => {
    const answer = aSandbox().importProfiles(people(1), ['NOPE01']);
    expect(answer.document.errors).toMatchObject([{ status: 400, detail: 'List ID NOPE01 does not exist.', source: { pointer: '/data' } }]);
  });

  it('4.14 refuses another type and an unknown attribute', () => {
    const answer = aSandbox().importProfiles([
      { ...aProfile('a@example.com'), type: 'person' },
      aProfile('b@example.com', { nickname: 'B' }),
    ]);
    expect(pointers(answer)).toEqual([`${P}/data/0/type`, `${P}/data/1/attributes/nickname`]);
    expect(answer.document.errors[1]!.detail).toBe("'nickname' is not a valid field for the resource 'profile'.");
  });

  it('4.14 takes every attribute of the published schema', () => {
    const names = ['external_id', '_kx', 'first_name', 'last_name', 'organization', 'locale', 'title', 'image'];
    const places = ['address1', 'address2', 'city', 'country', 'latitude', 'longitude', 'region', 'zip', 'timezone', 'ip'];
    const texts = Object.fromEntries(names.map((name) => [name, 'x']));
    const location = Object.fromEntries(places.map((name) => [name, '1']));
    const full = aProfile('a@example.com', { ...texts, phone_number: '+15005550006', location, properties: { any: { thing: [1] } } });
    expect(aSandbox().importProfiles([full]).status).toBe(202);
  });

  it.each([
    ['attributes/first_name', { first_name: 7 }],
    ['attributes/location', { location: 'Paris' }],
    ['attributes/location/planet', { location: { planet: 'Earth' } }],
    ['attributes/location/city', { location: { city: {} } }],
    ['attributes/properties', { properties: [] }],
  ])('4.14 refuses a wrong value at %s', (pointer, attributes) => {
    expect(pointers(aSandbox().importProfiles([aProfile('a@example.com', attributes)]))).toEqual([`${P}/data/0/${pointer}`]);
  });

  it('4.15 refuses a profile without identifier at its attributes', () => {
    expect(pointers(aSandbox().importProfiles([{ type: 'profile', attributes: { first_name: 'Ada' } }]))).toEqual([
      `${P}/data/0/attributes`,
    ]);
    expect(pointers(aSandbox().importProfiles([{ type: 'profile' }]))).toEqual([`${P}/data/0/attributes`]);
  });

  it.each([
    ...[
      '',
      'a',
      'a@',
      '@example.com',
      'a@example',
      'a b@example.com',
      'a@b@example.com',
      'a,b@example.com',
      'a@example.com.',
      'a@example..com',
    ],
    ...[
      '.a@example.com',
      'a.@example.com',
      'a..b@example.com',
      ' a@example.com',
      'ä@example.com',
      'a@exämple.com',
      'a@-example.com',
      'a@example.1',
    ],
    ...[`${'a'.repeat(89)}@example.com`, 7, true],
  ])('4.15 refuses the e-mail address %p', (email) => {
    const answer = aSandbox().importProfiles([aProfile(email)]);
    expect(answer.document.errors).toMatchObject([
      { detail: 'Invalid email address', source: { pointer: `${P}/data/0/attributes/email` } },
    ]);
  });

  it.each(['a@example.com', "o'brien+tag@mail.example.co.uk", 'A.B@EXAMPLE.COM', `${'a'.repeat(88)}@example.com`, 'a@xn--exmple-cua.com'])(
    '4.15 takes the e-mail address %s',
    (email) => {
      expect(aSandbox().importProfiles([aProfile(email)]).status).toBe(202);
    },
  );

  it.each(['', '+1234', '5005550006', '+0123456789', '+1500555000612345', '+1 500 555 0006'])(
    '4.15 refuses the phone number %p',
    (phone) => {
      const answer = aSandbox().importProfiles([aProfile('a@example.com', { phone_number: phone })]);
      expect(pointers(answer)).toEqual([`${P}/data/0/attributes/phone_number`]);
    },
  );

  it('4.15 leaves a bad phone number out when switched to dropping', () => {
    const { importProfiles, wait, get, members } = aSandbox({ rules: { badPhone: 'drop' } });
    expect(importProfiles([aProfile('a@example.com', { phone_number: '+1234' })]).status).toBe(202);
    wait(5000);
    expect(members()).toEqual(['a@example.com']);
    expect(get('/api/profiles?filter=equals(email,"a@example.com")').document.data[0].attributes.phone_number).toBeNull();
  });

  it('4.16 admits all or nothing and names every offending row in one answer', () => {
    const { importProfiles, sandbox, wait } = aSandbox();
    const answer = importProfiles([...people(5), aProfile('bad'), ...people(3, 5), { type: 'profile', attributes: {} }], ['NOPE01']);
    expect(answer.status).toBe(400);
    expect(pointers(answer)).toEqual(['/data', `${P}/data/5/attributes/email`, `${P}/data/9/attributes`]);
    wait(10_000);
    const { jobs, profiles } = sandbox.state.accounts.get('SANDBX')!;
    expect([jobs.size, profiles.count()]).toEqual([0, 0]);
  });

  it('4.19 answers 202 with a queued job of the observed shape and shows no row yet', () => {
    const { importProfiles, members, get } = aSandbox();
    const { status, document } = importProfiles(people(3));
    expect(status).toBe(202);
    const job = `http://sandbox.test${JOBS}/${document.data.id}`;
    expect(document).toMatchObject({
      data: {
        type: 'profile-bulk-import-job',
        attributes: { status: 'queued', total_count: 3, completed_count: 0, failed_count: 0, completed_at: null, started_at: null },
        relationships: {
          lists: { data: [{ type: 'list', id: 'LIST5K' }], links: { self: `${job}/relationships/lists/`, related: `${job}/lists/` } },
          profiles: { links: { self: `${job}/relationships/profiles/`, related: `${job}/profiles/` } },
          'import-errors': { links: { related: `${job}/import-errors/` } },
        },
        links: { self: `${job}/` },
      },
      links: { self: `http://sandbox.test${JOBS}` },
    });
    const { created_at: created, expires_at: expires } = document.data.attributes;
    expect(Date.parse(expires) - Date.parse(created)).toBe(7 * 86_400_000);
    expect(document.data.id).toMatch(/^[\w-]{50,70}$/);
    expect(members()).toEqual([]);
    expect(get('/api/profiles').document.data).toEqual([]);
  });
});
