import { gzipSync } from 'node:zlib';
import { aProfile, aSandbox, anImport, JOBS, people } from './harness';

const P = '/data/attributes/profiles';
const ROW = `${P}/data/0`;
const REL = '/api/lists/LIST5K/relationships/profiles';
const rows = (...profiles: unknown[]) => anImport(profiles);

describe('the words of a refusal', () => {
  it.each<[string, unknown, string, string]>([
    ['4.10', {}, '/data', "'data' is a required field."],
    ['4.10', { data: { type: 'profile' } }, '/data/type', "Resource type must be 'profile-bulk-import-job'."],
    ['4.10', { data: { type: 'profile-bulk-import-job' } }, P, "'profiles' must be {data: [...]}."],
    ['4.11', rows(), `${P}/data`, 'At least one profile is required.'],
    ['4.11', rows(...people(10_001)), `${P}/data`, 'No more than 10000 profiles can be imported in one job.'],
    ['4.14', rows({ type: 'person' }), `${ROW}/type`, "Resource type must be 'profile'."],
    ['4.14', rows('x'), `${ROW}/type`, "Resource type must be 'profile'."],
    ['4.14', rows({ type: 'profile' }), `${ROW}/attributes`, "'attributes' is a required field."],
    ['4.14', rows({ ...aProfile('a@example.com'), id: 7 }), `${ROW}/id`, 'Not a valid string.'],
    ['4.14', rows(aProfile('a@example.com', { title: 7 })), `${ROW}/attributes/title`, 'Not a valid string.'],
    ['4.14', rows(aProfile('a@example.com', { location: [] })), `${ROW}/attributes/location`, 'Location must be an object.'],
    [
      '4.14',
      rows(aProfile('a@example.com', { location: { moon: 1 } })),
      `${ROW}/attributes/location/moon`,
      "'moon' is not a valid field for the resource 'profile'.",
    ],
    ['4.14', rows(aProfile('a@example.com', { location: { city: true } })), `${ROW}/attributes/location/city`, 'Not a valid string.'],
    ['4.14', rows(aProfile('a@example.com', { properties: 'x' })), `${ROW}/attributes/properties`, 'Properties must be an object.'],
    ['4.14', rows({ ...aProfile('a@example.com'), meta: 1 }), `${ROW}/meta`, 'Not a valid meta object.'],
    ['4.14', rows({ ...aProfile('a@example.com'), meta: { patch_properties: 'x' } }), `${ROW}/meta`, 'Not a valid meta object.'],
    ['4.14', rows({ ...aProfile('a@example.com'), meta: { patch_identifiers: [1] } }), `${ROW}/meta`, 'Not a valid meta object.'],
    [
      '4.15',
      rows(aProfile('a@example.com', { phone_number: '1' })),
      `${ROW}/attributes/phone_number`,
      'Invalid phone number format (E.164 is expected).',
    ],
    [
      '4.15',
      rows(aProfile(undefined)),
      `${ROW}/attributes`,
      'One or more of the following identifiers are required: email, phone_number, external_id, id.',
    ],
  ])('%s of an import (%#)', (_, json, pointer, detail) => {
    expect(aSandbox().post(JOBS, json)).toMatchObject({
      status: 400,
      document: { errors: [{ code: 'invalid', title: 'Invalid input.', detail, source: { pointer } }] },
    });
  });

  it.each([
    ['an id alone', { type: 'profile', id: '01M85D775K27550DY2ABWHMHX6', attributes: {} }],
    ['_kx alone', { type: 'profile', attributes: { _kx: 'k' } }],
    ['an external id alone', { type: 'profile', attributes: { external_id: 'c' } }],
    ['null where nothing is known', aProfile('a@example.com', { title: null, location: null, properties: null })],
    ['numbers and null as places', aProfile('a@example.com', { location: { latitude: 51.5, city: null, zip: '1' } })],
    ['an id that is null', { ...aProfile('a@example.com'), id: null }],
    ['empty meta', { ...aProfile('a@example.com'), meta: null }],
    ['meta of nothing', { ...aProfile('a@example.com'), meta: { patch_properties: null, patch_identifiers: null } }],
  ])('4.14 4.15 is not spoken to %s', (_, profile) => {
    expect(aSandbox().post(JOBS, rows(profile)).status).toBe(202);
  });

  it('4.15 is one sentence for an empty address, not two', () => {
    for (const attributes of [{ email: '' }, { phone_number: '' }])
      expect(aSandbox().post(JOBS, rows({ type: 'profile', attributes })).document.errors).toHaveLength(1);
  });

  it.each([
    [{ data: [] }, '/data', 'At least one profile is required.'],
    [{ data: Array(1001).fill({}) }, '/data', 'No more than 1000 profiles are allowed.'],
    [{ data: [{ type: 'list', id: 'x' }] }, '/data/0/type', "Resource type must be 'profile'."],
    [{ data: ['x'] }, '/data/0/type', "Resource type must be 'profile'."],
    [{ data: [{ type: 'profile', id: 7 }] }, '/data/0/id', "'id' is a required field."],
  ])('4.31 of a list’s relationships (%#)', (json, pointer, detail) => {
    expect(aSandbox().post(REL, json)).toMatchObject({ status: 400, document: { errors: [{ detail, source: { pointer } }] } });
  });

  it('4.3 names every scope that is missing', () => {
    const { sandbox, now, post } = aSandbox();
    sandbox.addAccount({ id: 'SANDBX', keys: [{ key: 'pk_nothing', scopes: [] }] }, now());
    expect(post(JOBS, rows(...people(1)), { key: 'pk_nothing' }).document.errors).toMatchObject([
      {
        ...{ status: 403, code: 'permission_denied', title: 'You do not have permission to perform this action.' },
        ...{ detail: 'Your API key is missing required scopes: lists:write, profiles:write', source: { pointer: '/data/' } },
      },
    ]);
  });

  it('4.5 4.6 4.7 says what it does not take, and where', () => {
    const { call, get } = aSandbox({ limits: false });
    const post = (headers: Record<string, string>, body = Buffer.from('{}')) => call('POST', JOBS, { body, headers }).document.errors[0];
    const media = { status: 415, code: 'unsupported_media_type', title: 'Unsupported media type.', source: { pointer: '/data' } };
    expect(post({ 'content-type': 'text/csv' })).toMatchObject({ ...media, detail: 'Unsupported media type "text/csv" in request.' });
    expect(post({ 'content-encoding': 'br' })).toMatchObject({ ...media, detail: 'Unsupported content encoding "br".' });
    expect(post({ 'content-type': ' Application/JSON ; charset=utf-8', 'content-encoding': ' GZIP ' }, gzipSync('{}'))!.status).toBe(400);
    expect(post({ 'content-encoding': 'gzip' }, Buffer.from('no gzip'))).toMatchObject({ status: 400, detail: 'JSON parse error' });
    expect(post({ 'content-encoding': 'identity' }, Buffer.alloc(5_000_001, 0x20))).toMatchObject({
      ...{ status: 413, code: 'payload_too_large', title: 'Payload too large.', source: { pointer: '/data' } },
      detail: 'The request body exceeds the limit of 5000000 bytes.',
    });
    expect(call('PUT', '/api/lists').document.errors[0]).toMatchObject({
      status: 405,
      title: 'Method not allowed.',
      source: { pointer: '/data/' },
    });
    expect(call('GET', '/oauth/token').headers['Content-Type']).toBe('text/plain');
    for (const key of ['pk_sandbox_full x', 'x pk_sandbox_full']) expect(get('/api/lists', { key }).status).toBe(401);
    for (const authorization of ['x Klaviyo-API-Key pk_sandbox_full', 'Bearer undefined', 'Bearer '])
      expect(get('/api/lists', { headers: { authorization } }).status).toBe(401);
  });

  it('4.7 4.24 is a page where the edge speaks', () => {
    const { call } = aSandbox({ rules: { tooLargeAs: 'html' } });
    const page = call('POST', JOBS, { body: Buffer.alloc(5_000_001, 0x20) });
    expect(page.headers).toMatchObject({ Server: 'cloudflare', 'CF-RAY': '8f00000000000000-AMS' });
    expect(page.text).toContain('<title>413 Request Entity Too Large</title>');
    expect(page.text).toContain('<h1>413 Request Entity Too Large</h1>');
    expect(call('POST', JOBS, { body: Buffer.from('x') }).document.errors[0]!.status).toBe(400);
  });

  it('4.24 of the fault plan', () => {
    const { importProfiles, sandbox } = aSandbox({ limits: false });
    const said = (fault: Parameters<typeof sandbox.faults.add>[0]['fault'], sent = {}) => {
      sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault });
      const { headers, document } = importProfiles(people(2), ['LIST5K'], sent);
      return { ...document.errors[0]!, retryAfter: headers['Retry-After'] };
    };
    expect(said({ kind: 'rate_limited' })).toMatchObject({
      detail: 'Request was throttled. Expected available in 1 second.',
      retryAfter: '1',
    });
    for (const [kind, status] of [
      ['error_500', 500],
      ['error_503', 503],
    ] as const)
      expect(said({ kind })).toMatchObject({
        ...{ status, code: 'error', title: 'A server error occurred.', detail: 'A server error occurred.', source: { pointer: '/data/' } },
      });
    expect(said({ kind: 'plan_limit' })).toMatchObject({
      ...{ title: 'Forbidden.', detail: 'Your account has reached the profile limit of its plan.', source: { pointer: '/data' } },
    });
    expect(said({ kind: 'bad_row_admission', emails: ['person1@example.com'] })).toMatchObject({
      ...{ detail: 'Invalid email address', source: { pointer: `${P}/data/1/attributes/email` } },
    });
    expect(said({ kind: 'unsupported_encoding' }, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({
      ...{ status: 415, code: 'unsupported_media_type', title: 'Unsupported media type.', source: { pointer: '/data' } },
      detail: 'Unsupported content encoding "gzip".',
    });
    sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: { kind: 'revision_fell_forward' } });
    expect(importProfiles(people(1)).headers['X-Klaviyo-API-Revision']).toBe('2026-10-15');
  });
});

describe('the members of a list', () => {
  const world = () => {
    const klaviyo = aSandbox({ processing: 'instant', limits: false });
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      klaviyo.importProfiles([aProfile(`${name}@example.com`, { phone_number: `+1500555000${name.charCodeAt(0) % 10}` })]);
      klaviyo.wait(60_000);
    }
    klaviyo.importProfiles([aProfile('x@example.com')], []);
    const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
    const idOf = (name: string) => profiles.idOf(profiles.byEmail(`${name}@example.com`));
    klaviyo.call('DELETE', REL, { json: { data: [{ type: 'profile', id: idOf('c') }] } });
    const names = (query: string): string =>
      klaviyo
        .get(`/api/lists/LIST5K/profiles${query}`)
        .document.data.map(({ attributes }: { attributes: { email: string } }) => attributes.email[0])
        .join('');
    return { ...klaviyo, names, idOf };
  };
  const ALL = 'any(email,["e@example.com","x@example.com","c@example.com","a@example.com","nobody@example.com","d@example.com"])';

  it.each([
    ['', 'abde'],
    ['?sort=joined_group_at', 'abde'],
    ['?sort=-joined_group_at', 'edba'],
    [`?filter=${ALL}`, 'ade'],
    [`?filter=${ALL}&sort=-joined_group_at`, 'eda'],
    [`?filter=${ALL}&page[size]=2`, 'ad'],
    [`?filter=${ALL},equals(email,"d@example.com")`, 'd'],
    [`?filter=${ALL},greater-than(joined_group_at,2026-11-23T10:01:00Z)`, 'de'],
    ['?filter=equals(phone_number,"%2B15005550007")', 'a'],
    ['?filter=equals(push_token,"t")', ''],
    ['?filter=greater-than(joined_group_at,2026-11-23T10:01:00Z)', 'de'],
    ['?filter=greater-or-equal(joined_group_at,2026-11-23T10:01:00Z)', 'bde'],
    ['?filter=less-than(joined_group_at,2026-11-23T10:03:00Z)', 'ab'],
    ['?filter=less-or-equal(joined_group_at,2026-11-23T10:03:00Z)', 'abd'],
    ['?filter=less-or-equal(joined_group_at,2026-11-23T10:03:00Z)&sort=-joined_group_at', 'dba'],
    ['?filter=greater-than(joined_group_at,2026-11-23T10:00:00Z),less-than(joined_group_at,2026-11-23T10:04:00Z)', 'bd'],
  ])('4.30 come as %s asks', (query, expected) => {
    expect(world().names(query)).toBe(expected);
  });

  it.each(['?page[size]=3', '?page[size]=3&sort=-joined_group_at', `?filter=${ALL}&page[size]=2`])(
    '4.28 come page by page with %s',
    (query) => {
      const { get, names } = world();
      const { next } = get(`/api/lists/LIST5K/profiles${query}`).document.links;
      const rest = next!.replace('http://sandbox.test/api/lists/LIST5K/profiles', '');
      expect(names(rest)).toHaveLength(1);
      expect(get(`/api/lists/LIST5K/profiles${rest}`).document.links.next).toBeNull();
      expect(get('/api/lists/LIST5K/profiles?page[size]=4').document.links.next).toBeNull();
      expect(get('/api/lists/LIST5K/profiles?page[size]=4&sort=-joined_group_at').document.links.next).toBeNull();
    },
  );

  it('4.24 have strangers among them only when told, and no more than told', () => {
    const { names, sandbox } = world();
    const add = (strangers?: number) =>
      sandbox.faults.add({
        endpoint: 'GET /api/lists/{id}/profiles',
        fault: { kind: 'strangers_in_page', ...(strangers && { strangers }) },
      });
    add();
    expect(names('')).toBe('abdec');
    add(9);
    expect(names('')).toBe('abdecx');
    expect(names('')).toBe('abde');
  });
});

describe('the sandbox itself', () => {
  it('makes accounts with ids of six capitals, and gives those that exist what they lack', () => {
    const { sandbox, now } = aSandbox({ defaultAccount: false });
    expect([...sandbox.state.accounts.keys()]).toEqual([]);
    const { id } = sandbox.addAccount({}, now());
    expect(id).toMatch(/^[A-Z0-9]{6}$/);
    const given = { id, keys: [{ key: 'k' }], lists: [{ id: 'L', name: 'One' }], apps: [{ id: 'app', secret: 's', redirects: [] }] };
    const account = sandbox.addAccount(given, now());
    account.lists.get('L')!.members.join(0, 1);
    sandbox.addAccount({ ...given, keys: [{ key: 'k', scopes: [] }], lists: [{ id: 'L', name: 'Two' }] }, now());
    expect([account.keys.get('k')!.size > 0, account.lists.get('L')!.name, account.lists.get('L')!.members.count()]).toEqual([
      true,
      'One',
      1,
    ]);
    expect([account.keys.size, account.lists.size, sandbox.state.clients.size]).toEqual([1, 1, 1]);
  });

  it('tells what it is set to, and takes what is changed while it runs', () => {
    const { sandbox, get, importProfiles, members } = aSandbox();
    expect(sandbox.settings()).toMatchObject({
      limits: true,
      latencyMs: 0,
      processing: { rowsPerSecond: 100_000 },
      rules: { badPhone: 'refuse' },
    });
    sandbox.setOptions({ limits: false, latencyMs: 5 });
    sandbox.setOptions({});
    expect(sandbox.settings()).toMatchObject({ limits: false, latencyMs: 5, processing: { rowsPerSecond: 100_000 } });
    expect([get('/api/accounts').status, get('/api/accounts').status]).toEqual([200, 200]);
    sandbox.setOptions({ processing: 'instant' });
    importProfiles(people(1));
    expect(members()).toHaveLength(1);
  });

  it('knows whether work is waiting, jobs or requests that arrive late', () => {
    const { sandbox, importProfiles, wait } = aSandbox();
    expect(sandbox.hasOpenJobs()).toBe(false);
    importProfiles(people(1));
    expect(sandbox.hasOpenJobs()).toBe(true);
    wait(1_000);
    expect(sandbox.hasOpenJobs()).toBe(false);
    for (const ms of [3_000, 2_000]) {
      sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: { kind: 'late_admission', ms } });
      importProfiles(people(1, ms));
    }
    expect(sandbox.hasOpenJobs()).toBe(true);
    wait(2_400);
    const account = sandbox.state.accounts.get('SANDBX')!;
    expect([account.jobs.size, account.profiles.count()]).toEqual([2, 2]);
    wait(2_000);
    expect([account.jobs.size, account.profiles.count(), sandbox.hasOpenJobs()]).toEqual([3, 3, false]);
  });

  it('4.9 tells how full each window is, and how full the fullest second of this minute was', () => {
    const { sandbox, get, now, wait } = aSandbox();
    for (let call = 0; call < 3; call += 1) get('/api/accounts');
    const seen = () => sandbox.windows(now()).map(({ windows }) => windows.map(({ seconds, ...counts }) => [seconds, counts]));
    expect(sandbox.windows(now())).toMatchObject([{ bucket: 'SANDBX GET /api/accounts' }]);
    expect(seen()).toEqual([
      [
        [1, { limit: 1, used: 1, refused: 2, mostThisMinute: 1 }],
        [60, { limit: 15, used: 1, refused: 2, mostThisMinute: 1 }],
      ],
    ]);
    wait(2_000);
    expect(seen()[0]![0]).toEqual([1, { limit: 1, used: 0, refused: 0, mostThisMinute: 1 }]);
    get('/api/accounts');
    expect(seen()[0]).toEqual([
      [1, { limit: 1, used: 1, refused: 0, mostThisMinute: 1 }],
      [60, { limit: 15, used: 2, refused: 2, mostThisMinute: 2 }],
    ]);
    wait(60_000);
    expect(seen()[0]![1]).toEqual([60, { limit: 15, used: 0, refused: 0, mostThisMinute: 0 }]);
  });

  it('writes down what was asked', () => {
    const { sandbox, get } = aSandbox();
    get('/api/lists/LIST5K?fields[list]=name');
    expect(sandbox.requests.entries()).toEqual([
      {
        ...{ at: '2026-11-23T10:00:00.000Z', account: 'SANDBX', method: 'GET', path: '/api/lists/{id}', status: 200, bytes: 0 },
        latencyMs: expect.any(Number),
      },
    ]);
  });
});
