import type { Call, Reply } from './call';
import { invalidAt, notFound, Refusal, type ErrorItem } from './errors';
import { createJobId } from './ids';
import { checkProfile, isObject } from './profile-check';
import { jobResource, listResource, META, pageLinks, profileResource } from './resources';
import { JOB_LIFE_MS, type Job, type JobFaults } from './state';

/** Most profiles in one job (documented). */
export const MAX_JOB_PROFILES = 10_000;
const PROFILES = '/data/attributes/profiles';

type Admitted = { readonly profiles: readonly unknown[]; readonly lists: readonly string[] };

const checkLists = ({ account }: Call, data: { readonly [name: string]: unknown }, errors: ErrorItem[]): string[] => {
  const relationships = data['relationships'];
  if (relationships === undefined) return [];
  const lists = isObject(relationships) ? relationships['lists'] : undefined;
  if (isObject(relationships) && Object.keys(relationships).length === 0) return [];
  const entries = isObject(lists) ? lists['data'] : undefined;
  if (
    !Array.isArray(entries) ||
    !entries.every((entry) => isObject(entry) && entry['type'] === 'list' && typeof entry['id'] === 'string')
  ) {
    errors.push(invalidAt('/data/relationships/lists', "'lists' must be {data: [{type: 'list', id}]}.")); // 4.13, assumed
    return [];
  }
  const ids = (entries as { id: string }[]).map(({ id }) => id);
  for (const id of ids) if (!account.lists.has(id)) errors.push(invalidAt('/data', `List ID ${id} does not exist.`)); // 4.13, observed
  return ids;
};

/** Holds an import request against points 4.10 to 4.16; what stands beside `data` is passed over, so nobody joins a list named there (4.12, observed). */
const admit = (call: Call): Admitted => {
  const { json, rules, faults } = call;
  const data = isObject(json) ? json['data'] : undefined;
  if (!isObject(data)) throw new Refusal(invalidAt('/data', "'data' is a required field.")); // 4.10, assumed
  if (data['type'] !== 'profile-bulk-import-job')
    throw new Refusal(invalidAt('/data/type', "Resource type must be 'profile-bulk-import-job'."));
  const attributes = data['attributes'];
  const holder = isObject(attributes) ? attributes['profiles'] : undefined;
  const profiles = isObject(holder) ? holder['data'] : undefined;
  if (!Array.isArray(profiles)) throw new Refusal(invalidAt(PROFILES, "'profiles' must be {data: [...]}."));
  if (profiles.length === 0) throw new Refusal(invalidAt(`${PROFILES}/data`, 'At least one profile is required.')); // 4.11, assumed
  if (profiles.length > MAX_JOB_PROFILES)
    throw new Refusal(invalidAt(`${PROFILES}/data`, `No more than ${MAX_JOB_PROFILES} profiles can be imported in one job.`)); // 4.11, documented
  const errors: ErrorItem[] = [];
  const lists = checkLists(call, data, errors);
  const bad = faults.find('bad_row_admission');
  for (let at = 0; at < profiles.length; at += 1) {
    const before = errors.length;
    checkProfile(profiles[at], `${PROFILES}/data/${at}`, rules.badPhone, errors);
    if (!bad || errors.length > before) continue;
    const email = String((profiles[at] as { attributes: { email?: unknown } }).attributes.email).toLowerCase();
    if (bad.indexes?.includes(at) || bad.emails?.includes(email))
      errors.push(invalidAt(`${PROFILES}/data/${at}/attributes/email`, 'Invalid email address'));
  }
  if (errors.length > 0) throw new Refusal(...errors); // 4.16, observed: all or nothing, every offender listed
  return { profiles, lists };
};

/** How much longer a job takes that is delayed, in milliseconds, unless the fault says. */
const LATE_MS = 60_000;

const jobFaultsOf = ({ faults }: Call, total: number, atMs: number): JobFaults => {
  const stuck = faults.find('job_stuck');
  const cancelled = faults.find('job_cancelled');
  const late = faults.find('job_ends_late');
  const rowErrors = faults.find('row_errors');
  return {
    ...(stuck && { stuckAfter: stuck.afterRows ?? Math.floor(total / 2) }),
    ...(cancelled && { cancelAfter: cancelled.afterRows ?? Math.floor(total / 2) }),
    ...(late && { holdAfter: late.afterRows ?? Math.floor(total / 2), holdUntil: atMs + (late.ms ?? LATE_MS) }),
    ...(rowErrors && { rowErrors: { ...rowErrors, emails: rowErrors.emails?.map((email) => email.toLowerCase()) } }),
  };
};

/** POST /api/profile-bulk-import-jobs: 202 and a queued job whose rows are not visible yet (4.19, observed); there is no idempotency key, so the same body makes a second job (4.23). */
export const createJob = (call: Call): Reply => {
  const { account, nowMs, processing, faults, random, rules, encoding } = call;
  const { profiles, lists } = admit(call);
  const total = profiles.length;
  const late = faults.find('late_admission');
  const lateMs = late ? (late.ms ?? 5000) : 0;
  const at = nowMs + lateMs;
  const id = createJobId(account.id, account.jobCount + 1, at, random);
  const delay = faults.find('job_delay');
  const readyAt = at + processing.startDelayMs + (delay ? (delay.ms ?? LATE_MS) : 0);
  const op = {
    op: 'job',
    account: account.id,
    id,
    at,
    readyAt,
    total,
    lists,
    faults: jobFaultsOf(call, total, at),
    encoding,
    order: Math.floor(random() * 0x1_0000_0000),
    badPhone: rules.badPhone,
  } as const;
  if (late) {
    call.commitLater(at, () => void call.commit(op, call.raw));
    return { status: 202 };
  }
  call.commit(op, call.raw);
  const job = account.jobs.get(id)!;
  const answered = { ...job, status: 'queued' as const, completed: 0, startedAt: null, completedAt: null, errors: [] };
  return {
    status: 202,
    body: { data: jobResource(call, answered), links: { self: `${call.origin}/api/profile-bulk-import-jobs` }, meta: META },
  };
};

/** Finds a job of this account that has not expired (4.25, observed; another account's job is as unknown, assumed). */
const jobOf = ({ account, id, nowMs }: Call): Job => {
  const job = account.jobs.get(id);
  if (!job || job.createdAt + JOB_LIFE_MS <= nowMs) throw new Refusal(notFound('Invalid job id'));
  return job;
};

const STATUSES = ['queued', 'processing', 'complete'];

/** GET /api/profile-bulk-import-jobs */
export const getJobs = (call: Call): Reply => {
  const { account, query, nowMs } = call;
  for (const { values } of query.conditions)
    for (const value of values)
      if (!STATUSES.includes(value))
        throw new Refusal({
          ...{ status: 400, code: 'invalid', title: 'Invalid input.', source: { parameter: 'filter' } },
          detail: `'${value}' is not a valid status. Choices are ${STATUSES.join(', ')}`, // 4.27, documented: cancelled is refused
        });
  const alive = [...account.jobs.values()].filter(
    (job) => job.createdAt + JOB_LIFE_MS > nowMs && query.conditions.every(({ values }) => values.includes(job.status)),
  );
  if (query.sort !== 'created_at') alive.reverse(); // newest first unless asked (assumed)
  // The cursor is the number of the last job shown, so that a job that ends between two pages neither repeats nor hides another.
  const rest =
    query.after === 0 ? alive : alive.filter(({ number }) => (query.sort === 'created_at' ? number > query.after : number < query.after));
  const page = rest.slice(0, query.size);
  const next = rest.length > query.size ? page.at(-1)!.number : undefined;
  return { status: 200, body: { data: page.map((job) => jobResource(call, job)), links: pageLinks(call, next), meta: META } };
};

/** GET /api/profile-bulk-import-jobs/{id} */
export const getJob = (call: Call): Reply => {
  const job = jobOf(call);
  const lists = job.lists.map((id) => call.account.lists.get(id)).filter((list) => list !== undefined);
  const included = call.query.include.includes('lists') ? { included: lists.map((list) => listResource(call, list)) } : {};
  return { status: 200, body: { data: jobResource(call, job), ...included, links: { self: `${call.origin}${call.url}` }, meta: META } };
};

const pageOf = <T>({ query }: Call, all: readonly T[]): { readonly page: readonly T[]; readonly next: number | undefined } => {
  const end = query.after + query.size;
  return { page: all.slice(query.after, end), next: end < all.length ? end : undefined };
};

/** GET /api/profile-bulk-import-jobs/{id}/import-errors */
export const getJobErrors = (call: Call): Reply => {
  const { page, next } = pageOf(call, jobOf(call).errors);
  const fields = call.query.fieldsOf('import-error');
  const data = page.map(({ id, code, title, detail, payload }) => {
    const all = { code, title, detail, source: { pointer: '/data' }, original_payload: payload };
    const attributes = fields
      ? Object.fromEntries(Object.entries(all).filter(([name]) => fields.some((field) => field.split('.')[0] === name)))
      : all;
    return { type: 'import-error', id, attributes };
  });
  return { status: 200, body: { data, links: pageLinks(call, next) } };
};

/** GET /api/profile-bulk-import-jobs/{id}/profiles and .../relationships/profiles */
export const getJobProfiles = (call: Call): Reply => {
  const job = jobOf(call);
  const { page, next } = pageOf(call, Array.from(job.profiles.subarray(0, job.completed)));
  const ids = call.endpoint.name === 'getJobProfileIds';
  const data = page.map((row) => (ids ? { type: 'profile', id: call.account.profiles.idOf(row) } : profileResource(call, row)));
  return { status: 200, body: { data, links: pageLinks(call, next) } };
};

/** GET /api/profile-bulk-import-jobs/{id}/lists and .../relationships/lists */
export const getJobLists = (call: Call): Reply => {
  const { lists } = jobOf(call);
  const known = lists.map((id) => call.account.lists.get(id)).filter((list) => list !== undefined);
  const data =
    call.endpoint.name === 'getJobListIds' ? lists.map((id) => ({ type: 'list', id })) : known.map((list) => listResource(call, list));
  return { status: 200, body: { data, links: { self: `${call.origin}${call.url}` } } };
};
