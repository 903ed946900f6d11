import { servedRevision } from '../../../infra/local/klaviyo/revision';
import { checkOptions, DEFAULT_PROCESSING, OptionError, resolveProcessing } from '../../../infra/local/klaviyo/options';
import { aProfile, aSandbox, JOBS, people } from './harness';

const midnight = (day: string): number => Date.parse(`${day}T00:00:00Z`);

describe('a revision', () => {
  it.each([
    [undefined, 'revision header is required'],
    ['', 'revision header is required'],
    ['x2026-07-15', 'Invalid revision format. Use YYYY-MM-DD.'],
    ['2026-07-15x', 'Invalid revision format. Use YYYY-MM-DD.'],
    ['2026-07-15.pre1', 'Invalid revision format. Use YYYY-MM-DD.'],
    ['2026-02-30', 'Invalid revision format. Use YYYY-MM-DD.'],
  ])('4.4 of the form %j is refused in these words', (revision, detail) => {
    expect(aSandbox().get('/api/lists', { headers: { revision } }).document.errors).toMatchObject([
      { status: 400, code: 'invalid', title: 'Invalid input.', detail, source: { pointer: '/data/' } },
    ]);
  });

  it('4.4 that is retired is gone for who wants no other, in these words', () => {
    const headers = { revision: '2024-11-22', 'x-klaviyo-revision-fall-forward-opt-out': '1' };
    expect(aSandbox().get('/api/lists', { headers }).document.errors).toMatchObject([
      { status: 410, code: 'gone', title: 'Gone.', detail: 'Revision 2024-11-22 has been retired.', source: { pointer: '/data/' } },
    ]);
  });

  it.each([
    ['2026-11-23', '2026-11-23', '2026-07-15'], // the day of today is no day of the future
    ['2024-12-01', '2026-11-23', '2025-01-15'], // older than the oldest one there is, but not two years old
    ['2025-01-15', '2027-01-14', '2025-01-15'],
    ['2026-07-15', '2029-01-01', '2026-07-15'], // the newest one that the sandbox speaks outlives its time
  ])('4.4 %s, asked for on %s without falling forward, is served as %s', (asked, today, served) => {
    expect(servedRevision(asked, { optOut: true, nowMs: midnight(today), missing: 'refuse' })).toBe(served);
  });

  it('4.4 is retired two years to the day', () => {
    const asked = (day: string, optOut: boolean) => servedRevision('2025-01-15', { optOut, nowMs: midnight(day), missing: 'refuse' });
    expect(() => asked('2027-01-15', true)).toThrow('Revision 2025-01-15 has been retired.');
    expect(asked('2027-01-15', false)).toBe('2025-04-15');
    expect(() => servedRevision('2026-11-24', { optOut: false, nowMs: midnight('2026-11-23'), missing: 'refuse' })).toThrow(
      'Unable to specify a future revision date',
    );
  });
});

describe('the windows', () => {
  const statuses = (urls: readonly string[], given = aSandbox()) => urls.map((url) => given.get(url).status);
  const times = (count: number, url: string) => Array<string>(count).fill(url);

  it('4.9 of profiles with predictive analytics are 10 a second, beside those without', () => {
    const klaviyo = aSandbox();
    const asked = statuses(times(11, '/api/profiles?additional-fields[profile]=predictive_analytics'), klaviyo);
    expect(asked).toEqual([...Array<number>(10).fill(200), 429]);
    expect(statuses(times(11, '/api/profiles'), klaviyo)).toEqual(Array<number>(11).fill(200));
  });

  it.each(['lists', 'segments'])('4.9 of a profile with its %s are one a second, beside those without', (include) => {
    const klaviyo = aSandbox();
    const { id } = klaviyo.post('/api/profiles', { data: aProfile('a@example.com') }).document.data as { id: string };
    expect(statuses(times(2, `/api/profiles/${id}?include=${include}`), klaviyo)).toEqual([200, 429]);
    expect(statuses([...times(2, `/api/profiles/${id}`), `/api/profiles/${id}?include=push-tokens`], klaviyo)).toEqual([200, 200, 200]);
  });

  it('4.9 tell how many whole seconds are left of the second: in its middle none', () => {
    const { get, wait } = aSandbox();
    expect(get('/api/lists').headers['RateLimit-Reset']).toBe('1');
    wait(400);
    expect(get('/api/lists').headers['RateLimit-Reset']).toBe('0');
  });
});

describe('a query', () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const { id: job } = klaviyo.importProfiles([aProfile('a@example.com', { phone_number: '+15005550006' })]).document.data as { id: string };
  const detailOf = (url: string) => {
    const { status, document } = klaviyo.get(url.replace('<job>', job));
    return [status, document.errors?.[0]?.detail, document.errors?.[0]?.source.parameter];
  };
  const PROFILE_NAMES =
    'created, email, external_id, first_name, id, image, last_event_date, last_name, locale, location, organization, phone_number, predictive_analytics, properties, subscriptions, title, updated';

  it.each([
    ['/api/profiles', 'fields[profile]', 'emailx', 'fields', PROFILE_NAMES],
    ['/api/profiles', 'fields[profile]', 'emai', 'fields', PROFILE_NAMES],
    ['/api/profiles', 'additional-fields[profile]', 'colour', 'additional-fields', 'subscriptions, predictive_analytics'],
    ['/api/lists/LIST5K', 'additional-fields[list]', 'colour', 'additional-fields', 'profile_count'],
  ])('4.27 of %s by %s=%s is refused with the names that there are', (path, parameter, value, kind, names) => {
    expect(detailOf(`${path}?${parameter}=${value}`)).toEqual([
      400,
      `'${value}' is not an allowed ${kind} parameter for this resource. Allowed: ${names}.`,
      parameter,
    ]);
  });

  it.each([
    ['/api/profiles', 'xfields[profile]', 'email'],
    ['/api/profiles', 'fields[profile]x', 'email'],
    ['/api/profiles', 'colour[profile]', 'email'],
    ['/api/profiles', 'colour[size]', '3'],
    ['/api/profiles', '[profile]', 'email'],
    ['/api/profiles', 'Page[size]', '3'],
    ['/api/lists/LIST5K', 'colour[list]', 'profile_count'],
    [`${JOBS}/<job>/relationships/profiles`, 'fields[profile]', 'id'],
    [`${JOBS}/<job>/relationships/profiles`, 'additional-fields[profile]', 'subscriptions'],
  ])('4.27 of %s by a parameter of the name %s is refused', (path, parameter, value) => {
    expect(detailOf(`${path}?${parameter}=${value}`)).toEqual([
      400,
      `'${parameter}' is not an allowed query parameter for this resource.`,
      parameter,
    ]);
  });

  it('4.27 4.30 gets no additional field by naming it among the fields', () => {
    const fields = (url: string) => Object.keys(klaviyo.get(url).document.data[0].attributes);
    expect(fields('/api/profiles?fields[profile]=email,subscriptions')).toEqual(['email']);
    expect(fields('/api/profiles?fields[profile]=email,subscriptions&additional-fields[profile]=subscriptions')).toEqual([
      'email',
      'subscriptions',
    ]);
    expect(fields('/api/lists?fields[list]=name')).toEqual(['name']);
    const { attributes } = klaviyo.get('/api/lists/LIST5K?fields[list]=name,profile_count').document.data;
    expect(Object.keys(attributes)).toEqual(['name']);
  });

  it('4.27 of a new job gives only the fields asked for', () => {
    const { post } = aSandbox();
    const made = (query: string) =>
      post(`${JOBS}${query}`, {
        data: { type: 'profile-bulk-import-job', attributes: { profiles: { data: people(1) } } },
      });
    expect(made('?fields[profile-bulk-import-job]=status').document.data.attributes).toEqual({ status: 'queued' });
    expect(made('?fields[profile-bulk-import-job]=colour').status).toBe(400);
    expect(made('?fields[list]=name').status).toBe(400);
  });

  it('4.28 goes on past the ninth entry', () => {
    const { sandbox, get, now } = aSandbox({ limits: false });
    sandbox.addAccount({ id: 'SANDBX', lists: Array.from({ length: 10 }, (_, at) => ({ name: `List ${at}` })) }, now());
    const { links } = get('/api/lists?page[size]=10').document;
    expect(get(links.next!.replace('http://sandbox.test', '')).document.data).toHaveLength(3);
    expect(get('/api/lists?page[size]=10&filter=greater-than(created,2020-01-01T00:00:00Z)').document.data).toHaveLength(10);
  });

  it.each(['next::position::01', 'next::position::1x', 'xnext::position::1', 'next::position::', 'next::position::-1'])(
    '4.28 takes no cursor that it has not given out: %s',
    (text) => {
      const cursor = Buffer.from(text).toString('base64url');
      expect(detailOf(`/api/profiles?page[cursor]=${cursor}`)).toEqual([400, 'Invalid page cursor.', 'page[cursor]']);
    },
  );

  it.each([
    ['equals(email,x"a@example.com")', `Invalid filter provided: 'x"a@example.com"' is not a value.`],
    ['equals(email,"a@example.com"x)', `Invalid filter provided: '"a@example.com"x' is not a value.`],
    ["equals(email,x'a@example.com')", `Invalid filter provided: 'x'a@example.com'' is not a value.`],
    ["equals(email,'a@example.com'x)", `Invalid filter provided: ''a@example.com'x' is not a value.`],
    [`equals(email,${'a b '.repeat(30)})`, `Invalid filter provided: '${'a b '.repeat(15)}' is not a value.`],
    ['equals(email,"a@example.com")x', 'Invalid filter provided.'],
    ['Xequals(email,"a@example.com")', 'Invalid filter provided.'],
    ['any(email,x["a@example.com"])', "'any' was given the wrong kind of value for email."],
    ['any(email,["a@example.com"]x)', "'any' was given the wrong kind of value for email."],
    ['any(email,[ ])', "'any' takes 1 to 100 values, not 0."],
    ['', 'Invalid filter provided.'],
  ])('4.27 by the filter %s is refused with its reason', (filter, detail) => {
    expect(detailOf(`/api/profiles?filter=${filter}`)).toEqual([400, detail, 'filter']);
  });

  it.each([
    [`equals(email,'b,c@example.com')`, 0],
    [`any(email,['b,(c)@example.com','a@example.com'])`, 1],
    ['equals(email,"")', 0],
    ['equals(email,"a@example.com"),equals(phone_number,"%2B15005550006")', 1],
    ['equals(email,"a@example.com"),equals(phone_number,"%2B15005550007")', 0],
  ])('4.33 finds by the filter %s', (filter, count) => {
    expect(klaviyo.get(`/api/profiles?filter=${filter}`).document.data).toHaveLength(count);
  });
});

describe('the members of a list', () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  for (const name of ['a', 'b', 'c']) {
    klaviyo.importProfiles([aProfile(`${name}@example.com`, { phone_number: `+1500555000${name.charCodeAt(0) % 10}` })]);
    klaviyo.wait(60_000);
  }
  const ALL = 'any(email,["c@example.com","a@example.com","b@example.com","x@example.com"])';
  const names = (query: string): string =>
    klaviyo
      .get(`/api/lists/LIST5K/profiles?${query}`)
      .document.data.map(({ attributes }: { attributes: { email: string } }) => attributes.email[0])
      .join('');

  it.each([
    [`filter=${ALL},greater-or-equal(joined_group_at,2026-11-23T10:01:00Z)`, 'bc'],
    [`filter=${ALL},greater-than(joined_group_at,2026-11-23T10:01:00Z)`, 'c'],
    [`filter=${ALL},less-or-equal(joined_group_at,2026-11-23T10:01:00Z)`, 'ab'],
    [`filter=${ALL},less-than(joined_group_at,2026-11-23T10:01:00Z)`, 'a'],
    ['filter=equals(push_token,"%2B15005550007")', ''],
  ])('4.30 come as %s asks', (query, expected) => {
    expect(names(query)).toBe(expected);
  });

  it('4.28 are all on one page that is just full', () => {
    expect(klaviyo.get(`/api/lists/LIST5K/profiles?page[size]=3&filter=${ALL}`).document.links.next).toBeNull();
    expect(klaviyo.get(`/api/lists/LIST5K/profiles?page[size]=2&filter=${ALL}`).document.links.next).not.toBeNull();
  });
});

describe('options while it runs', () => {
  it('take limits as true or false, and nothing else by that form', () => {
    expect(() => checkOptions({ latencyMs: true })).toThrow(OptionError);
    expect(() => checkOptions({ speed: true })).toThrow(OptionError);
    expect(() => checkOptions({ processing: { rowsPerSecond: '5' } })).toThrow(OptionError);
  });

  it('change one speed and keep the others', () => {
    const slow = { ...DEFAULT_PROCESSING, rowsPerSecond: 5 };
    expect(resolveProcessing({ startDelayMs: 1 }, slow)).toEqual({ ...slow, startDelayMs: 1 });
  });
});
