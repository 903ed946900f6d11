import type { Call, Reply } from './call';
import { invalidAt, notFound, Refusal, type ErrorItem } from './errors';
import { inRange, instantOf, type Condition } from './filter';
import { listResource, META, pageLinks, profileResource } from './resources';
import { checkProfile, isObject, MAX_PROFILE_BYTES, TOO_LARGE } from './profile-check';
import type { ProfileStore } from './profile-store';
import type { ProfileRow } from './upsert';

const lookUps: Readonly<Record<string, (store: ProfileStore, value: string) => number>> = {
  id: (store, value) => store.rowOf(value),
  email: (store, value) => store.byEmail(value),
  phone_number: (store, value) => store.byPhone(value),
  external_id: (store, value) => store.byExternalId(value),
  _kx: () => -1,
};

const passes = (store: ProfileStore, row: number, conditions: readonly Condition[]): boolean =>
  conditions.every(({ operator, field, values }) => {
    const lookUp = lookUps[field];
    if (lookUp) return values.some((value) => lookUp(store, value) === row);
    return inRange(operator, field === 'created' ? store.createdAt(row) : store.updatedAt(row), instantOf(values[0]!));
  });

const sortedRows = (store: ProfileStore, rows: number[], sort: string): number[] => {
  const name = sort.replace('-', '');
  const keyOf = (row: number): string | number =>
    name === 'email' ? (store.emailOf(row) ?? '') : name === 'updated' ? store.updatedAt(row) : row; // ids and creation follow the row
  const way = sort.startsWith('-') ? -1 : 1;
  return rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -way : keyOf(a) > keyOf(b) ? way : a - b));
};

/** GET /api/profiles: unknown identifiers are simply absent (4.33, documented). */
export const getProfiles = (call: Call): Reply => {
  const { account, query, faults } = call;
  const store = account.profiles;
  const conditions = faults.find('filter_ignored') ? [] : query.conditions;
  const first = conditions.find(({ field }) => lookUps[field]);
  let rows: number[] = [];
  let next: number | undefined;
  if (first || query.sort) {
    const some = first
      ? [...new Set(first.values.map((value) => lookUps[first.field]!(store, value)))].filter((row) => row >= 0)
      : Array.from({ length: store.length() }, (_, row) => row).filter((row) => !store.isGone(row));
    const found = sortedRows(
      store,
      some.filter((row) => passes(store, row, conditions)),
      query.sort ?? 'created',
    );
    const end = query.after + query.size;
    rows = found.slice(query.after, end);
    next = end < found.length ? end : undefined;
  } else {
    for (let row = query.after; row < store.length() && next === undefined; row += 1) {
      if (store.isGone(row) || !passes(store, row, conditions)) continue;
      if (rows.length === query.size) next = row;
      else rows.push(row);
    }
  }
  return { status: 200, body: { data: rows.map((row) => profileResource(call, row)), links: pageLinks(call, next), meta: META } };
};

const rowOfPath = ({ account, id }: Call): number => {
  const row = account.profiles.rowOf(id);
  if (row < 0) throw new Refusal(notFound(`A profile with id ${id} does not exist.`)); // observed
  return row;
};

const oneProfile = (call: Call, row: number): object => ({
  data: profileResource(call, row),
  links: { self: `${call.origin}${call.url}` },
  meta: META,
});

const listsWith = ({ account }: Call, row: number) => [...account.lists.values()].filter(({ members }) => members.has(row));

/** GET /api/profiles/{id} */
export const getProfile = (call: Call): Reply => {
  const row = rowOfPath(call);
  const lists = call.query.include.includes('lists') ? { included: listsWith(call, row).map((list) => listResource(call, list)) } : {};
  return { status: 200, body: { ...oneProfile(call, row), ...lists } };
};

/** GET /api/profiles/{id}/lists */
export const getProfileLists = (call: Call): Reply => {
  const data = listsWith(call, rowOfPath(call)).map((list) => listResource(call, list));
  return { status: 200, body: { data, links: { self: `${call.origin}${call.url}`, next: null, prev: null } } };
};

/** The profile of a single-profile request; the phone is held to E.164 whatever the switch for jobs says (4.34). */
const profileOf = ({ json }: Call): ProfileRow => {
  const data = isObject(json) ? json['data'] : undefined;
  if (!isObject(data)) throw new Refusal(invalidAt('/data', "'data' is a required field."));
  const errors: ErrorItem[] = [];
  checkProfile(data, '/data', 'refuse', errors);
  if (errors.length > 0) throw new Refusal(...errors);
  if (Buffer.byteLength(JSON.stringify(data)) > MAX_PROFILE_BYTES) throw new Refusal(invalidAt('/data', TOO_LARGE)); // 4.34, status assumed
  return { id: data['id'] as string | null, attributes: data['attributes'] as ProfileRow['attributes'], meta: data['meta'] };
};

const conflict = (id: string): ErrorItem => ({
  ...{ status: 409, code: 'duplicate_profile', title: 'Conflict.', source: { pointer: '/data/attributes' } },
  detail: 'A profile already exists with one of these identifiers.',
  meta: { duplicate_profile_id: id },
});

const existing = ({ account: { profiles } }: Call, { attributes }: ProfileRow): number =>
  Math.max(
    ...(['email', 'phone_number', 'external_id'] as const).map((name) => {
      const value = attributes[name];
      return typeof value === 'string' ? lookUps[name]!(profiles, value) : -1;
    }),
  );

const save = (call: Call, profile: ProfileRow, nulls: 'ignore' | 'clear' = 'clear') => {
  const { account, nowMs } = call;
  const result = call.commit({ op: 'upsert', account: account.id, profile, at: nowMs, nulls, badPhone: 'refuse' })!;
  if (!('error' in result)) return result;
  if (result.duplicateOf === undefined) throw new Refusal(notFound(result.error));
  throw new Refusal(conflict(account.profiles.idOf(result.duplicateOf)));
};

/** POST /api/profiles: 201, or 409 with the id of the profile that is there already (4.34, observed). */
export const createProfile = (call: Call): Reply => {
  const profile = profileOf(call);
  const row = existing(call, profile);
  if (row >= 0) throw new Refusal(conflict(call.account.profiles.idOf(row)));
  return { status: 201, body: oneProfile(call, save(call, profile).row) };
};

/** PATCH /api/profiles/{id}: null clears (4.34, documented). */
export const updateProfile = (call: Call): Reply => {
  const profile = profileOf(call);
  const row = rowOfPath(call);
  if (profile.id !== call.id) throw new Refusal(invalidAt('/data/id', 'The id must match the one of the path.')); // assumed
  save(call, profile);
  return { status: 200, body: oneProfile(call, row) };
};

/** POST /api/profile-import: 201 created or 200 updated (4.34, documented). */
export const importProfile = (call: Call): Reply => {
  const result = save(call, profileOf(call));
  return { status: result.created ? 201 : 200, body: oneProfile(call, result.row) };
};

/** POST /api/profile-merge: 202, and the source is gone afterwards (4.38, observed). */
export const mergeProfiles = (call: Call): Reply => {
  const { account, json } = call;
  const data = isObject(json) && isObject(json['data']) ? json['data'] : {};
  if (data['type'] !== 'profile-merge') throw new Refusal(invalidAt('/data/type', "Resource type must be 'profile-merge'."));
  const relationships =
    isObject(data['relationships']) && isObject(data['relationships']['profiles']) ? data['relationships']['profiles'] : {};
  const sources = Array.isArray(relationships['data']) ? (relationships['data'] as { id?: unknown }[]) : [];
  if (sources.length !== 1) throw new Refusal(invalidAt('/data/relationships/profiles/data', 'Exactly one source profile is required.'));
  const ids = [String(data['id']), String(sources[0]!.id)];
  const [target, source] = ids.map((id) => account.profiles.rowOf(id)) as [number, number];
  for (const [at, row] of [target, source].entries())
    if (row < 0) throw new Refusal(notFound(`A profile with id ${ids[at]} does not exist.`));
  for (const list of listsWith(call, source))
    call.commit({ op: 'join', account: account.id, list: list.id, rows: [target], at: call.nowMs });
  call.commit({ op: 'remove', account: account.id, row: source });
  return {
    status: 202,
    body: { data: { type: 'profile-merge', id: ids[0], relationships: { profiles: { data: [{ type: 'profile', id: ids[0] }] } } } },
  };
};
