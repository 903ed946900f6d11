import { aProfile, aSandbox, JOBS, people } from './harness';

/** Whole answers, as they were recorded (klaviyo.md sections 1 and 2): a name that is misspelt here would mislead every client. */
const AT = 'http://sandbox.test/api';
const STAMP = expect.stringMatching(/^2026-11-23T10:0\d:\d\d(\.\d{6})?\+00:00$/) as unknown;
const linksOf = (path: string, name: string) => ({
  links: { self: `${AT}${path}/relationships/${name}/`, related: `${AT}${path}/${name}/` },
});

const withOne = () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const full = aProfile('Ada@Example.com', {
    ...{ phone_number: '+15005550006', external_id: 'c-1', first_name: 'Ada', last_name: 'Lovelace', organization: 'O', locale: 'en-GB' },
    ...{ title: 'Countess', image: 'https://example.com/a.png', location: { city: 'London', zip: 'W1', latitude: 51.5 } },
    properties: { tier: 'gold' },
  });
  const { id: job } = klaviyo.importProfiles([full]).document.data as { id: string };
  const { id } = klaviyo.get('/api/profiles').document.data[0] as { id: string };
  return { ...klaviyo, job, id };
};
const profile = (id: string, more: object = {}) => ({
  ...{ type: 'profile', id, links: { self: `${AT}/profiles/${id}/` } },
  attributes: {
    ...{ email: 'ada@example.com', phone_number: '+15005550006', external_id: 'c-1', first_name: 'Ada', last_name: 'Lovelace' },
    ...{ organization: 'O', locale: 'en-GB', title: 'Countess', image: 'https://example.com/a.png' },
    ...{ created: STAMP, updated: STAMP, last_event_date: null, anonymous_id: null, properties: { tier: 'gold' } },
    location: {
      ...{ address1: null, address2: null, city: 'London', country: null, latitude: 51.5, longitude: null, region: null, zip: 'W1' },
      ...{ timezone: null, ip: null },
    },
    ...more,
  },
  relationships: { lists: linksOf(`/profiles/${id}`, 'lists'), segments: linksOf(`/profiles/${id}`, 'segments') },
});
const META = { agent_hints: { next_steps: [] } };

describe('the shape', () => {
  it('4.29 of an account', () => {
    const { get } = aSandbox({ limits: false });
    const account = {
      ...{ type: 'account', id: 'SANDBX', links: { self: `${AT}/accounts/SANDBX/` } },
      attributes: {
        ...{
          test_account: true,
          industry: null,
          timezone: 'Etc/UTC',
          preferred_currency: 'USD',
          public_api_key: 'SANDBX',
          locale: 'en-US',
        },
        contact_information: {
          ...{ default_sender_name: 'Sandbox', default_sender_email: 'sender@example.com', website_url: 'https://example.com' },
          organization_name: 'Sandbox SANDBX',
          street_address: {
            ...{ address1: '1 Main Street', address2: '', city: 'Springfield', region: null, country: 'United States', zip: '00000' },
          },
        },
      },
    };
    expect(get('/api/accounts').document).toEqual({
      data: [account],
      links: { self: `${AT}/accounts`, next: null, prev: null },
      meta: META,
    });
    expect(get('/api/accounts/SANDBX').document).toEqual({ data: account, links: { self: `${AT}/accounts/SANDBX` } });
    expect(Object.keys(get('/api/accounts?fields[account]=timezone,contact_information.website_url').document.data[0].attributes)).toEqual([
      'contact_information',
      'timezone',
    ]);
    const { status, document } = get('/api/accounts/OTHERX');
    expect([status, document.errors[0]!.detail]).toEqual([404, 'Account with id OTHERX not found.']);
  });

  it('4.29 of a list, alone and on a page', () => {
    const { get } = aSandbox({ limits: false });
    const list = {
      ...{ type: 'list', id: 'LIST5K', links: { self: `${AT}/lists/LIST5K/` } },
      attributes: { name: 'Newsletter', created: STAMP, updated: STAMP, opt_in_process: 'single_opt_in' },
      relationships: {
        profiles: linksOf('/lists/LIST5K', 'profiles'),
        tags: linksOf('/lists/LIST5K', 'tags'),
        'flow-triggers': linksOf('/lists/LIST5K', 'flow-triggers'),
      },
    };
    expect(get('/api/lists/LIST5K').document).toEqual({ data: list, links: { self: `${AT}/lists/LIST5K` }, meta: META });
    expect(get('/api/lists?filter=equals(id,"LIST5K")').document).toEqual({
      data: [list],
      links: { self: `${AT}/lists?filter=equals(id,%22LIST5K%22)`, next: null, prev: null },
      meta: META,
    });
  });

  it('4.29 of a profile: alone, on a page, as a member, and with its subscriptions', () => {
    const { get, id } = withOne();
    const marketing = { can_receive_email_marketing: true, consent: 'NEVER_SUBSCRIBED', consent_timestamp: null, suppression: [] };
    expect(get(`/api/profiles/${id}`).document).toEqual({ data: profile(id), links: { self: `${AT}/profiles/${id}` }, meta: META });
    expect(get('/api/profiles?additional-fields[profile]=subscriptions').document.data).toEqual([
      profile(id, { subscriptions: { email: { marketing }, sms: null } }),
    ]);
    expect(get('/api/lists/LIST5K/profiles').document).toEqual({
      data: [profile(id, { joined_group_at: STAMP })],
      links: { self: `${AT}/lists/LIST5K/profiles`, next: null, prev: null },
      meta: META,
    });
    expect(get('/api/lists/LIST5K/relationships/profiles').document.data).toEqual([{ type: 'profile', id }]);
    expect(get('/api/lists/LIST5K/profiles?fields[profile]=location.city').document.data[0].attributes).toEqual({
      location: expect.objectContaining({ city: 'London' }),
    });
  });

  it('4.29 of a job that is complete, of its people and of its lists', () => {
    const { get, job, id } = withOne();
    const path = `/profile-bulk-import-jobs/${job}`;
    const resource = {
      ...{ type: 'profile-bulk-import-job', id: job, links: { self: `${AT}${path}/` } },
      attributes: {
        ...{ status: 'complete', total_count: 1, completed_count: 1, failed_count: 0 },
        ...{
          created_at: STAMP,
          started_at: STAMP,
          completed_at: STAMP,
          expires_at: expect.stringMatching(/^2026-11-30T10:00:00/) as unknown,
        },
      },
      relationships: {
        lists: { data: [{ type: 'list', id: 'LIST5K' }], ...linksOf(path, 'lists') },
        profiles: linksOf(path, 'profiles'),
        'import-errors': { links: { related: `${AT}${path}/import-errors/` } },
      },
    };
    expect(get(`${JOBS}/${job}`).document).toEqual({ data: resource, links: { self: `${AT}${path}` }, meta: META });
    expect(get(JOBS).document).toEqual({
      data: [resource],
      links: { self: `${AT}/profile-bulk-import-jobs`, next: null, prev: null },
      meta: META,
    });
    expect(get(`${JOBS}/${job}/profiles`).document.data).toEqual([profile(id)]);
    expect(get(`${JOBS}/${job}/relationships/profiles`).document.data).toEqual([{ type: 'profile', id }]);
    expect(get(`${JOBS}/${job}/lists`).document.data).toMatchObject([{ type: 'list', id: 'LIST5K', attributes: { name: 'Newsletter' } }]);
    expect(get(`${JOBS}/${job}/relationships/lists`).document).toEqual({
      data: [{ type: 'list', id: 'LIST5K' }],
      links: { self: `${AT}${path}/relationships/lists` },
    });
    expect(get(`/api/profiles/${id}/lists`).document).toMatchObject({
      data: [{ type: 'list', id: 'LIST5K' }],
      links: { self: `${AT}/profiles/${id}/lists`, next: null, prev: null },
    });
    expect(get(`/api/profiles/${id}?include=lists`).document.included).toMatchObject([{ type: 'list', id: 'LIST5K' }]);
    expect(get(`/api/profiles/${id}`).document).not.toHaveProperty('included');
    expect(get(`${JOBS}/${job}`).document).not.toHaveProperty('included');
  });

  it('4.28 of an import error', () => {
    const { get, sandbox, importProfiles } = aSandbox({ processing: 'instant' });
    sandbox.faults.add({ endpoint: `POST ${JOBS}`, fault: { kind: 'row_errors', emails: ['person1@example.com'] } });
    const { id } = importProfiles(people(3)).document.data;
    const url = `${JOBS}/${id}/import-errors`;
    expect(get(url).document.data).toEqual([
      {
        ...{ type: 'import-error', id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) },
        attributes: {
          ...{ code: 'invalid', title: 'Invalid input', detail: 'Refused by the fault plan.', source: { pointer: '/data' } },
          original_payload: { type: 'profile', attributes: { email: 'person1@example.com' } },
        },
      },
    ]);
    expect(get(`${url}?fields[import-error]=source.pointer,code`).document.data[0].attributes).toEqual({
      code: 'invalid',
      source: { pointer: '/data' },
    });
  });

  it('4.4 4.9 of what every answer says beside its body', () => {
    const { headers } = aSandbox().get('/api/lists');
    expect(headers).toEqual({
      ...{ 'Content-Type': 'application/vnd.api+json', CID: 'SANDBX', 'X-Klaviyo-API-Revision': '2026-07-15' },
      'X-Klaviyo-Req-Id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'CF-RAY': expect.stringMatching(/^[0-9a-f]{8}sandbox-AMS$/),
      ...{ 'RateLimit-Limit': '75, 75;w=1, 750;w=60', 'RateLimit-Remaining': '74', 'RateLimit-Reset': '1' },
    });
    const created = aSandbox().post('/api/lists', { data: { type: 'list', attributes: { name: 'New' } } });
    expect(created.headers['RateLimit-Limit']).toBe('10, 10;w=1, 150;w=60, 150;w=86400');
  });

  it('4.29 of a refusal: with an id, a status, and where links and meta are left out', () => {
    const { get } = aSandbox();
    expect(get('/api/lists?sort=x').document).toEqual({
      errors: [
        {
          ...{
            id: expect.stringMatching(/^[0-9a-f-]{36}$/),
            status: 400,
            code: 'invalid',
            title: 'Invalid input.',
            detail: expect.any(String),
          },
          ...{ source: { parameter: 'sort' }, links: {}, meta: {} },
        },
      ],
    });
    expect(get('/api/nothing').document.errors).toEqual([
      {
        ...{ id: expect.any(String), status: 404, code: 'not_found', title: 'Not found.', source: { pointer: '/data/' } },
        detail: 'The requested resource was not found.',
      },
    ]);
  });
});
