import { ENDPOINTS } from '../../../infra/local/klaviyo/endpoints';
import { aProfile, aSandbox, JOBS } from './harness';

/** Calls, calls a second / a minute (/ a day), scopes: written from klaviyo.md section 1 and not from the code. */
const CALLS = `
GET /api/accounts | 1/15 | accounts:read
GET /api/accounts/{id} | 1/15 | accounts:read
GET /api/lists | 75/750 | lists:read
GET /api/lists/{id} | 75/750 | lists:read
POST /api/lists | 10/150/150 | lists:write
PATCH /api/lists/{id} | 10/150 | lists:write
DELETE /api/lists/{id} | 10/150 | lists:write
POST /api/profile-bulk-import-jobs | 10/150 | lists:write profiles:write
GET /api/profile-bulk-import-jobs | 10/150 | lists:read profiles:read
GET /api/profile-bulk-import-jobs/{id} | 10/150 | lists:read profiles:read
GET /api/profile-bulk-import-jobs/{id}/import-errors | 10/150 | profiles:read
GET /api/profile-bulk-import-jobs/{id}/profiles | 10/150 | profiles:read
GET /api/profile-bulk-import-jobs/{id}/relationships/profiles | 10/150 | profiles:read
GET /api/profile-bulk-import-jobs/{id}/lists | 10/150 | lists:read
GET /api/profile-bulk-import-jobs/{id}/relationships/lists | 10/150 | lists:read
POST /api/lists/{id}/relationships/profiles | 10/150 | lists:write profiles:write
DELETE /api/lists/{id}/relationships/profiles | 10/150 | lists:write profiles:write
GET /api/lists/{id}/profiles | 75/750 | lists:read profiles:read
GET /api/lists/{id}/relationships/profiles | 75/750 | lists:read profiles:read
GET /api/profiles | 75/750 | profiles:read
GET /api/profiles/{id} | 75/750 | profiles:read
GET /api/profiles/{id}/lists | 3/60 | lists:read profiles:read
POST /api/profiles | 75/750 | profiles:write
PATCH /api/profiles/{id} | 75/750 | profiles:write
POST /api/profile-import | 75/750 | profiles:write
POST /api/profile-merge | 10/150 | profiles:write
POST /api/profile-subscription-bulk-create-jobs | 75/750 | lists:write profiles:write subscriptions:write
POST /api/profile-subscription-bulk-delete-jobs | 75/750 | lists:write profiles:write subscriptions:write
POST /api/profile-suppression-bulk-create-jobs | 75/750 | profiles:write subscriptions:write
GET /api/profile-suppression-bulk-create-jobs | 75/750 | subscriptions:read
POST /api/profile-suppression-bulk-delete-jobs | 75/750 | subscriptions:write
GET /api/profile-suppression-bulk-delete-jobs | 75/750 | subscriptions:read
POST /api/data-privacy-deletion-jobs | 3/60 | data-privacy:write
POST /api/profile-bulk-export-jobs | 10/150 | lists:read profiles:read segments:read
GET /api/profile-bulk-export-jobs/{id} | 10/150 | lists:read profiles:read segments:read
GET /api/profile-bulk-export-jobs/{id}/download | 3/60 | lists:read profiles:read segments:read
`;

const JOB_FIELDS = 'completed_at,completed_count,created_at,expires_at,failed_count,id,started_at,status,total_count';
const LIST_FIELDS = 'created,id,name,opt_in_process,updated';
const FLOW_FIELDS = 'archived,created,id,name,status,trigger_type,updated';
const PLACE = 'location,location.city,location.ip,predictive_analytics,predictive_analytics.total_clv';
const PROFILE_FIELDS = `created,email,external_id,first_name,id,image,last_event_date,last_name,locale,${PLACE},organization,phone_number,properties,subscriptions,subscriptions.sms,title,updated`;
const RANGES = ['greater-or-equal', 'greater-than', 'less-or-equal', 'less-than'].map((range) => `${range}(joined_group_at,2026-01-01)`);
const BY_ADDRESS = ['email', 'phone_number', 'push_token'].flatMap((name) => [`equals(${name},"x")`, `any(${name},["x"])`]);
const MEMBER_FILTERS = [...BY_ADDRESS, 'equals(_kx,"x")', ...RANGES];
const bothWays = (...names: string[]) => names.flatMap((name) => [name, `-${name}`]);

/** Path, parameter, values that are taken: from the published document, revision 2026-07-15. */
const PARAMETERS: readonly (readonly [string, string, readonly string[]])[] = [
  ['/api/accounts', 'fields[account]', ['contact_information,contact_information.street_address.zip,id,industry,locale']],
  ['/api/accounts', 'fields[account]', ['preferred_currency,public_api_key,test_account,timezone']],
  ['/api/lists', 'fields[list]', [LIST_FIELDS]],
  ['/api/lists', 'fields[flow]', [FLOW_FIELDS]],
  ['/api/lists', 'fields[tag]', ['id,name']],
  ['/api/lists', 'include', ['flow-triggers,tags']],
  ['/api/lists', 'sort', bothWays('created', 'id', 'name', 'updated')],
  ['/api/lists', 'filter', ['any(name,["x"])', 'equals(name,"x")', 'any(id,["x"])', 'equals(id,"x")']],
  ['/api/lists', 'filter', ['greater-than(created,2026-01-01)', 'greater-than(updated,2026-01-01)']],
  ['/api/lists/LIST5K', 'additional-fields[list]', ['profile_count']],
  ['/api/lists/LIST5K', 'fields[list]', [`${LIST_FIELDS},profile_count`]],
  ['/api/lists/LIST5K', 'fields[flow]', [FLOW_FIELDS]],
  ['/api/lists/LIST5K', 'fields[tag]', ['id,name']],
  ['/api/lists/LIST5K', 'include', ['flow-triggers,tags']],
  [JOBS, 'fields[profile-bulk-import-job]', [JOB_FIELDS]],
  [JOBS, 'filter', ['any(status,["queued","processing","complete"])', 'equals(status,"complete")']],
  [JOBS, 'sort', bothWays('created_at')],
  [`${JOBS}/<job>`, 'fields[profile-bulk-import-job]', [JOB_FIELDS]],
  [`${JOBS}/<job>`, 'fields[list]', [LIST_FIELDS]],
  [`${JOBS}/<job>`, 'include', ['lists']],
  [`${JOBS}/<job>/import-errors`, 'fields[import-error]', ['code,detail,id,original_payload,source,source.pointer,title']],
  [`${JOBS}/<job>/profiles`, 'fields[profile]', [PROFILE_FIELDS]],
  [`${JOBS}/<job>/profiles`, 'additional-fields[profile]', ['subscriptions,predictive_analytics']],
  [`${JOBS}/<job>/lists`, 'fields[list]', [LIST_FIELDS]],
  ['/api/lists/LIST5K/profiles', 'fields[profile]', [`${PROFILE_FIELDS},joined_group_at`]],
  ['/api/lists/LIST5K/profiles', 'additional-fields[profile]', ['subscriptions,predictive_analytics']],
  ['/api/lists/LIST5K/profiles', 'filter', MEMBER_FILTERS],
  ['/api/lists/LIST5K/profiles', 'sort', bothWays('joined_group_at')],
  ['/api/lists/LIST5K/relationships/profiles', 'filter', MEMBER_FILTERS],
  ['/api/lists/LIST5K/relationships/profiles', 'sort', bothWays('joined_group_at')],
  ['/api/profiles', 'fields[profile]', [PROFILE_FIELDS]],
  ['/api/profiles', 'additional-fields[profile]', ['subscriptions,predictive_analytics']],
  ['/api/profiles', 'include', ['conversations,push-tokens']],
  [
    '/api/profiles',
    'filter',
    ['id', 'email', 'phone_number', 'external_id'].flatMap((name) => [`any(${name},["x"])`, `equals(${name},"x")`]),
  ],
  [
    '/api/profiles',
    'filter',
    ['created', 'updated'].flatMap((name) => [`greater-than(${name},2026-01-01)`, `less-than(${name},2026-01-01)`]),
  ],
  ['/api/profiles', 'filter', ['equals(_kx,"x")']],
  ['/api/profiles', 'sort', bothWays('created', 'email', 'id', 'updated')],
  ['/api/profiles/<profile>', 'fields[profile]', [PROFILE_FIELDS]],
  ['/api/profiles/<profile>', 'fields[list]', [LIST_FIELDS]],
  ['/api/profiles/<profile>', 'fields[segment]', ['id,name']],
  ['/api/profiles/<profile>', 'additional-fields[profile]', ['subscriptions,predictive_analytics']],
  ['/api/profiles/<profile>', 'include', ['conversations,lists,push-tokens,segments']],
  ['/api/profiles/<profile>/lists', 'fields[list]', [LIST_FIELDS]],
];
const PAGED = [JOBS, `${JOBS}/<job>/import-errors`, `${JOBS}/<job>/profiles`, `${JOBS}/<job>/relationships/profiles`];
const PAGED_PEOPLE = ['/api/lists/LIST5K/profiles', '/api/lists/LIST5K/relationships/profiles', '/api/profiles'];

describe('what Klaviyo has published', () => {
  it('4.3 4.9 is known of every call: its rates and its scopes', () => {
    const known = ENDPOINTS.map(
      ({ method, path, limits: { burst, steady, daily }, scopes }) =>
        `${method} ${path} | ${burst}/${steady}${daily === undefined ? '' : `/${daily}`} | ${scopes.join(' ')}`,
    );
    expect(known).toEqual(CALLS.trim().split('\n'));
  });

  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const job = klaviyo.importProfiles([aProfile('a@example.com')]).document.data.id as string;
  const profile = klaviyo.get('/api/profiles').document.data[0].id as string;
  const statusOf = (path: string, parameter: string, value: string): number => {
    const at = path.replace('<job>', job).replace('<profile>', profile);
    return klaviyo.get(`${at}?${parameter}=${value}`).status;
  };

  it.each(PARAMETERS)('4.27 %s takes %s=%j, and no other value of it', (path, parameter, values) => {
    for (const value of values) expect([value, statusOf(path, parameter, value)]).toEqual([value, 200]);
    expect(statusOf(path, parameter, 'colour')).toBe(400);
    expect(statusOf(path, parameter, '')).toBe(400);
  });

  it.each([...PAGED, ...PAGED_PEOPLE])('4.26 %s takes pages of 1 to 100', (path) => {
    const statuses = [0, 1, 100, 101, '1.5', ''].map((size) => statusOf(path, 'page[size]', String(size)));
    expect(statuses).toEqual([400, 200, 200, 400, 400, 400]);
  });

  it.each(['/api/accounts', '/api/lists/LIST5K', `${JOBS}/<job>`, '/api/profiles/<profile>', `${JOBS}/<job>/lists`])(
    '4.27 %s takes no page, no filter, no sort and nothing that is unknown',
    (path) => {
      for (const parameter of ['page[size]', 'page[cursor]', 'filter', 'sort', 'colour', 'fields[colour]', 'additional-fields[colour]'])
        expect([parameter, statusOf(path, parameter, '1')]).toEqual([parameter, 400]);
    },
  );

  it.each([
    ['equals(email,"x",1)', "'equals' takes a field and one value."],
    ['equals(email,["x"])', "'equals' was given the wrong kind of value for email."],
    ['any(email,"x")', "'any' was given the wrong kind of value for email."],
    ['contains(email,"x")', "'contains' is not an allowed filter operator for email.  Allowed operators are any, equals"],
    ['equals(colour,"red")', "'colour' is not a filterable field for this resource."],
    ['any(email,[])', "'any' takes 1 to 100 values, not 0."],
    ['equals(email,x y)', "Invalid filter provided: 'x y' is not a value."],
    ['equals(email,"x"', 'Invalid filter provided: brackets or quotes do not match.'],
    ['equals(email,"x)', 'Invalid filter provided: brackets or quotes do not match.'],
    ['equals(email,"x"))', 'Invalid filter provided: brackets do not match.'],
    ['email', 'Invalid filter provided.'],
    ['greater-than(created,soon)', "'soon' is not a valid datetime."],
  ])('4.27 refuses the filter %s with a reason', (filter, detail) => {
    expect(klaviyo.get(`/api/profiles?filter=${filter}`).document.errors).toMatchObject([
      { status: 400, code: 'invalid', title: 'Invalid input.', detail, source: { parameter: 'filter' } },
    ]);
  });

  it.each([
    [`equals(email,'a@example.com')`, 1],
    ['equals(email,"a@example.com"),greater-than(created,2026-01-01T00:00:00Z)', 1],
    ['and(equals(email,"a@example.com"),less-than(created,2026-01-01T00:00:00Z))', 0],
    ['any(email,["b,(c)@example.com", "a@example.com"])', 1],
  ])('4.33 finds by the filter %s', (filter, count) => {
    expect(klaviyo.get(`/api/profiles?filter=${filter}`).document.data).toHaveLength(count);
  });

  it.each([
    [
      'sort=colour',
      "'colour' is not an allowed sort parameter for this resource. Allowed: created, -created, email, -email, id, -id, updated, -updated.",
    ],
    ['include=profiless', "'profiless' is not an allowed include parameter for this resource. Allowed: conversations, push-tokens."],
    ['colour=red', "'colour' is not an allowed query parameter for this resource."],
    ['page[size]=101', 'Page size must be an integer between 1 and 100.'],
    ['page[cursor]=abc', 'Invalid page cursor.'],
  ])('4.27 says what is wrong with %s', (query, detail) => {
    expect(klaviyo.get(`/api/profiles?${query}`).document.errors[0]!.detail).toBe(detail);
  });
});
