import type { Limits } from './rate-windows';
import * as query from './query-rules';

export type Endpoint = {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path template: its own rate bucket per account (documented). */
  readonly path: string;
  readonly limits: Limits;
  readonly scopes: readonly string[];
  readonly query: query.QueryRules;
  readonly hasBody: boolean;
};

const S: Limits = { burst: 3, steady: 60 };
const M: Limits = { burst: 10, steady: 150 };
const L: Limits = { burst: 75, steady: 750 };
const XS: Limits = { burst: 1, steady: 15 };
const [AR, LR, LW, PR, PW, SW, SR] = [
  'accounts:read',
  'lists:read',
  'lists:write',
  'profiles:read',
  'profiles:write',
  'subscriptions:write',
  'subscriptions:read',
] as const;

const endpoint = (
  name: string,
  call: string,
  limits: Limits,
  scopes: readonly string[],
  rules: query.QueryRules = query.NO_QUERY,
): Endpoint => {
  const [method, path] = call.split(' ') as [Endpoint['method'], string];
  const hasBody = method === 'POST' || method === 'PATCH' || (method === 'DELETE' && path.includes('/relationships/'));
  return { name, method, path, limits, scopes, query: rules, hasBody };
};

const JOBS = '/api/profile-bulk-import-jobs';
const LIST = '/api/lists/{id}';

/** Every endpoint of klaviyo.md section 1 with its limits and scopes (documented: `x-klaviyo-ratelimit`, `x-klaviyo-scopes`). */
export const ENDPOINTS: readonly Endpoint[] = [
  endpoint('getAccounts', 'GET /api/accounts', XS, [AR], query.ACCOUNT_QUERY),
  endpoint('getAccount', 'GET /api/accounts/{id}', XS, [AR], query.ACCOUNT_QUERY),
  endpoint('getLists', 'GET /api/lists', L, [LR], query.LISTS_QUERY),
  endpoint('getList', `GET ${LIST}`, L, [LR], query.LIST_QUERY),
  endpoint('createList', 'POST /api/lists', { ...M, daily: 150 }, [LW]),
  endpoint('updateList', `PATCH ${LIST}`, M, [LW]),
  endpoint('deleteList', `DELETE ${LIST}`, M, [LW]),
  endpoint('createJob', `POST ${JOBS}`, M, [LW, PW], query.NEW_JOB_QUERY),
  endpoint('getJobs', `GET ${JOBS}`, M, [LR, PR], query.JOBS_QUERY),
  endpoint('getJob', `GET ${JOBS}/{id}`, M, [LR, PR], query.JOB_QUERY),
  endpoint('getJobErrors', `GET ${JOBS}/{id}/import-errors`, M, [PR], query.JOB_ERRORS_QUERY),
  endpoint('getJobProfiles', `GET ${JOBS}/{id}/profiles`, M, [PR], query.JOB_PROFILES_QUERY),
  endpoint('getJobProfileIds', `GET ${JOBS}/{id}/relationships/profiles`, M, [PR], query.PAGE_QUERY),
  endpoint('getJobLists', `GET ${JOBS}/{id}/lists`, M, [LR], query.JOB_LISTS_QUERY),
  endpoint('getJobListIds', `GET ${JOBS}/{id}/relationships/lists`, M, [LR]),
  endpoint('addMembers', `POST ${LIST}/relationships/profiles`, M, [LW, PW]),
  endpoint('removeMembers', `DELETE ${LIST}/relationships/profiles`, M, [LW, PW]),
  endpoint('getMembers', `GET ${LIST}/profiles`, L, [LR, PR], query.MEMBERS_QUERY),
  endpoint('getMemberIds', `GET ${LIST}/relationships/profiles`, L, [LR, PR], query.MEMBER_IDS_QUERY),
  endpoint('getProfiles', 'GET /api/profiles', L, [PR], query.PROFILES_QUERY),
  endpoint('getProfile', 'GET /api/profiles/{id}', L, [PR], query.PROFILE_QUERY),
  endpoint('getProfileLists', 'GET /api/profiles/{id}/lists', S, [LR, PR], query.JOB_LISTS_QUERY),
  endpoint('createProfile', 'POST /api/profiles', L, [PW]),
  endpoint('updateProfile', 'PATCH /api/profiles/{id}', L, [PW]),
  endpoint('importProfile', 'POST /api/profile-import', L, [PW]),
  endpoint('mergeProfiles', 'POST /api/profile-merge', M, [PW]),
  endpoint('subscribe', 'POST /api/profile-subscription-bulk-create-jobs', L, [LW, PW, SW]),
  endpoint('unsubscribe', 'POST /api/profile-subscription-bulk-delete-jobs', L, [LW, PW, SW]),
  endpoint('suppress', 'POST /api/profile-suppression-bulk-create-jobs', L, [PW, SW]),
  endpoint('getSuppressJobs', 'GET /api/profile-suppression-bulk-create-jobs', L, [SR]),
  endpoint('unsuppress', 'POST /api/profile-suppression-bulk-delete-jobs', L, [SW]),
  endpoint('getUnsuppressJobs', 'GET /api/profile-suppression-bulk-delete-jobs', L, [SR]),
  endpoint('requestDeletion', 'POST /api/data-privacy-deletion-jobs', S, ['data-privacy:write']),
  endpoint('createExportJob', 'POST /api/profile-bulk-export-jobs', M, [LR, PR, 'segments:read']),
  endpoint('getExportJob', 'GET /api/profile-bulk-export-jobs/{id}', M, [LR, PR, 'segments:read']),
  endpoint('downloadExport', 'GET /api/profile-bulk-export-jobs/{id}/download', S, [LR, PR, 'segments:read']),
];

/** Every scope an endpoint above asks for. */
export const ALL_SCOPES: readonly string[] = [...new Set(ENDPOINTS.flatMap(({ scopes }) => scopes))];

const patterns = ENDPOINTS.map((known) => ({
  known,
  pattern: new RegExp(`^${known.path.replaceAll('{id}', '([^/]+)')}/?$`), // with or without a trailing slash (observed)
}));

export type Match = { readonly endpoint: Endpoint; readonly id: string } | { readonly wrongMethod: boolean };

/** Finds the endpoint of a call, or says whether only its method is wrong (4.6). */
export const matchEndpoint = (method: string, path: string): Match => {
  let wrongMethod = false;
  for (const { known, pattern } of patterns) {
    const found = pattern.exec(path);
    if (found && known.method === method) return { endpoint: known, id: decode(found[1] ?? '') };
    if (found) wrongMethod = true;
  }
  return { wrongMethod };
};

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

/** Limits of one call: some additional fields and includes lower the bucket (4.9, documented). */
export const limitsOf = ({ name, limits }: Endpoint, params: URLSearchParams): { readonly limits: Limits; readonly bucket: string } => {
  const additional = params.get('additional-fields[profile]') ?? '';
  if (name === 'getList' && params.has('additional-fields[list]')) return { limits: XS, bucket: '+profile_count' };
  if (['getMembers', 'getProfiles'].includes(name) && additional.includes('predictive_analytics'))
    return { limits: M, bucket: '+predictive_analytics' };
  if (name === 'getProfile' && /lists|segments/.test(params.get('include') ?? '')) return { limits: XS, bucket: '+include' };
  return { limits, bucket: '' };
};
