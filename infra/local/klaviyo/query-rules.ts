/** What an endpoint takes in its query (documented: published schema, revision 2026-07-15). */
export type QueryRules = {
  /** Sparse fieldsets by resource; an entry that ends in `.` allows every name below it. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
  readonly additional?: Readonly<Record<string, readonly string[]>>;
  readonly include?: readonly string[];
  readonly sort?: readonly string[];
  /** Operators by field. */
  readonly filter?: Readonly<Record<string, readonly string[]>>;
  readonly page?: { readonly usual: number; readonly max: number };
};

const bothWays = (...names: string[]): string[] => names.flatMap((name) => [name, `-${name}`]);
const EQUAL = ['any', 'equals'];
const RANGE = ['greater-or-equal', 'greater-than', 'less-or-equal', 'less-than'];
const JOB_FIELDS = [
  'completed_at',
  'completed_count',
  'created_at',
  'expires_at',
  'failed_count',
  'id',
  'started_at',
  'status',
  'total_count',
];
const FLOW_FIELDS = ['archived', 'created', 'id', 'name', 'status', 'trigger_type', 'updated'];
const LIST_FIELDS = ['created', 'id', 'name', 'opt_in_process', 'updated'];
const PROFILE_FIELDS = [
  ...['created', 'email', 'external_id', 'first_name', 'id', 'image', 'last_event_date', 'last_name', 'locale', 'location', 'location.'],
  ...[
    'organization',
    'phone_number',
    'predictive_analytics',
    'predictive_analytics.',
    'properties',
    'subscriptions',
    'subscriptions.',
    'title',
    'updated',
  ],
];
const MEMBER_FILTER = { email: EQUAL, phone_number: EQUAL, push_token: EQUAL, _kx: ['equals'], joined_group_at: RANGE };
const PAGE_100 = { usual: 20, max: 100 };
const MORE_PROFILE = { profile: ['subscriptions', 'predictive_analytics'] };

export const NO_QUERY: QueryRules = {};
export const ACCOUNT_QUERY: QueryRules = {
  fields: {
    account: [
      'contact_information',
      'contact_information.',
      'id',
      'industry',
      'locale',
      'preferred_currency',
      'public_api_key',
      'test_account',
      'timezone',
    ],
  },
};
export const LISTS_QUERY: QueryRules = {
  fields: { list: LIST_FIELDS, flow: FLOW_FIELDS, tag: ['id', 'name'] },
  include: ['flow-triggers', 'tags'],
  sort: bothWays('created', 'id', 'name', 'updated'),
  filter: { name: EQUAL, id: EQUAL, created: ['greater-than'], updated: ['greater-than'] },
  page: { usual: 10, max: 10 },
};
export const LIST_QUERY: QueryRules = {
  fields: { list: [...LIST_FIELDS, 'profile_count'], flow: FLOW_FIELDS, tag: ['id', 'name'] },
  additional: { list: ['profile_count'] },
  include: ['flow-triggers', 'tags'],
};
export const NEW_JOB_QUERY: QueryRules = { fields: { 'profile-bulk-import-job': JOB_FIELDS } };
export const JOBS_QUERY: QueryRules = {
  fields: { 'profile-bulk-import-job': JOB_FIELDS },
  sort: bothWays('created_at'),
  filter: { status: EQUAL },
  page: PAGE_100,
};
export const JOB_QUERY: QueryRules = { fields: { 'profile-bulk-import-job': JOB_FIELDS, list: LIST_FIELDS }, include: ['lists'] };
export const JOB_ERRORS_QUERY: QueryRules = {
  fields: { 'import-error': ['code', 'detail', 'id', 'original_payload', 'source', 'source.pointer', 'title'] },
  page: PAGE_100,
};
export const JOB_PROFILES_QUERY: QueryRules = { fields: { profile: PROFILE_FIELDS }, additional: MORE_PROFILE, page: PAGE_100 };
export const PAGE_QUERY: QueryRules = { page: PAGE_100 };
export const JOB_LISTS_QUERY: QueryRules = { fields: { list: LIST_FIELDS } };
export const MEMBERS_QUERY: QueryRules = {
  fields: { profile: [...PROFILE_FIELDS, 'joined_group_at'] },
  additional: MORE_PROFILE,
  filter: MEMBER_FILTER,
  sort: bothWays('joined_group_at'),
  page: PAGE_100,
};
export const MEMBER_IDS_QUERY: QueryRules = { filter: MEMBER_FILTER, sort: bothWays('joined_group_at'), page: PAGE_100 };
export const PROFILES_QUERY: QueryRules = {
  fields: { profile: PROFILE_FIELDS },
  additional: MORE_PROFILE,
  include: ['conversations', 'push-tokens'],
  filter: {
    ...{ id: EQUAL, email: EQUAL, phone_number: EQUAL, external_id: EQUAL, _kx: ['equals'] },
    ...{ created: ['greater-than', 'less-than'], updated: ['greater-than', 'less-than'] },
  },
  sort: bothWays('created', 'email', 'id', 'updated'),
  page: PAGE_100,
};
export const PROFILE_QUERY: QueryRules = {
  fields: { profile: PROFILE_FIELDS, list: LIST_FIELDS, segment: ['id', 'name'] },
  additional: MORE_PROFILE,
  include: ['conversations', 'lists', 'push-tokens', 'segments'],
};
