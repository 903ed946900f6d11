import type { Call, Reply } from './call';
import { invalidAt, notFound, Refusal } from './errors';
import { inRange, instantOf, type Condition } from './filter';
import { isObject } from './profile-check';
import { META, pageLinks, profileResource } from './resources';
import type { List } from './state';

/** Most ids in one call of a list's relationships (documented). */
export const MAX_RELATIONSHIPS = 1000;

/** The list of the path; the words are observed (4.30). */
export const listOf = ({ account, id }: Call): List => {
  const list = account.lists.get(id);
  if (!list) throw new Refusal(notFound(`A list with id \`${id}\` does not exist.`));
  return list;
};

const lookUp = ({ account: { profiles } }: Call, { field, values }: Condition): number[] => {
  if (field === 'email') return values.map((value) => profiles.byEmail(value));
  if (field === 'phone_number') return values.map((value) => profiles.byPhone(value));
  return []; // push tokens and _kx are not kept
};

/** Rows of the members a filter names, in the order in which they joined. */
const named = (call: Call, list: List): number[] | undefined => {
  const identifiers = call.query.conditions.filter(({ field }) => field !== 'joined_group_at');
  if (identifiers.length === 0) return undefined;
  const sets = identifiers.map((condition) => new Set(lookUp(call, condition)));
  const rows = [...sets[0]!].filter((row) => list.members.has(row) && sets.every((set) => set.has(row)));
  return rows.sort((a, b) => list.members.positionOf(a) - list.members.positionOf(b));
};

type Page = { readonly rows: readonly number[]; readonly next: number | undefined };

const pageOfMembers = (call: Call, list: List): Page => {
  const { members } = list;
  const { query } = call;
  const ignored = call.faults.find('filter_ignored') !== undefined;
  const ranges = ignored ? [] : query.conditions.filter(({ field }) => field === 'joined_group_at');
  const passes = (row: number): boolean =>
    ranges.every(({ operator, values }) => inRange(operator, members.joinedAt(row), instantOf(values[0]!)));
  const rows = ignored ? undefined : named(call, list);
  const descending = query.sort === '-joined_group_at';
  if (rows) {
    const all = rows.filter(passes);
    if (descending) all.reverse();
    const end = query.after + query.size;
    return { rows: all.slice(query.after, end), next: end < all.length ? end : undefined };
  }
  let [low, high] = [0, members.length()];
  for (const { operator, values } of ranges) {
    const bound = instantOf(values[0]!);
    if (operator.startsWith('greater')) low = Math.max(low, members.firstAtOrAfter(bound));
    else high = Math.min(high, members.firstAtOrAfter(bound + 1));
  }
  const found: number[] = [];
  // A cursor is the position after (ascending) or of (descending) the last member shown: positions never move.
  if (descending) {
    for (let at = (query.after === 0 ? high : Math.min(high, query.after - 1)) - 1; at >= low; at -= 1) {
      const row = members.rowAt(at);
      if (row < 0 || !passes(row)) continue;
      if (found.length === query.size) return { rows: found, next: members.positionOf(found.at(-1)!) + 1 };
      found.push(row);
    }
    return { rows: found, next: undefined };
  }
  for (let at = Math.max(low, query.after); at < high; at += 1) {
    const row = members.rowAt(at);
    if (row < 0 || !passes(row)) continue;
    if (found.length === query.size) return { rows: found, next: members.positionOf(found.at(-1)!) + 1 };
    found.push(row);
  }
  return { rows: found, next: undefined };
};

const withStrangers = (call: Call, list: List, rows: readonly number[]): readonly number[] => {
  const fault = call.faults.find('strangers_in_page');
  if (!fault) return rows;
  const strangers: number[] = [];
  const { profiles } = call.account;
  for (let row = 0; row < profiles.length() && strangers.length < (fault.strangers ?? 1); row += 1)
    if (!list.members.has(row) && !profiles.isGone(row)) strangers.push(row);
  return [...rows, ...strangers];
};

/** GET /api/lists/{id}/profiles and .../relationships/profiles: current members only. */
export const getMembers = (call: Call): Reply => {
  const list = listOf(call);
  const { rows, next } = pageOfMembers(call, list);
  const idsOnly = call.endpoint.name === 'getMemberIds';
  const data = withStrangers(call, list, rows).map((row) =>
    idsOnly
      ? { type: 'profile', id: call.account.profiles.idOf(row) }
      : profileResource(call, row, list.members.has(row) ? list.members.joinedAt(row) : call.nowMs),
  );
  return { status: 200, body: { data, links: pageLinks(call, next), meta: META } };
};

/** POST and DELETE /api/lists/{id}/relationships/profiles: 204 without a byte; consent stays as it is (4.31). */
export const changeMembers = (call: Call): Reply => {
  const list = listOf(call);
  const { json, account, rules, nowMs } = call;
  const data = isObject(json) ? json['data'] : undefined;
  if (!Array.isArray(data) || data.length === 0) throw new Refusal(invalidAt('/data', 'At least one profile is required.')); // assumed
  if (data.length > MAX_RELATIONSHIPS) throw new Refusal(invalidAt('/data', `No more than ${MAX_RELATIONSHIPS} profiles are allowed.`)); // documented limit
  const wrong = data.findIndex((item: unknown) => !isObject(item) || item['type'] !== 'profile');
  if (wrong >= 0) throw new Refusal(invalidAt(`/data/${wrong}/type`, "Resource type must be 'profile'."));
  const unnamed = data.findIndex((item: { id?: unknown }) => typeof item.id !== 'string');
  if (unnamed >= 0) throw new Refusal(invalidAt(`/data/${unnamed}/id`, "'id' is a required field."));
  const rows: number[] = [];
  for (const { id } of data as { id: string }[]) {
    const row = account.profiles.rowOf(id); // an e-mail address is no id and never a match (4.32)
    if (row >= 0) rows.push(row);
    else if (rules.unknownIds === 'refuse') throw new Refusal(notFound(`A profile with id ${id} does not exist.`));
  }
  const op = call.endpoint.method === 'POST' ? 'join' : 'leave';
  call.commit({ op, account: account.id, list: list.id, rows, at: nowMs });
  return { status: 204 };
};
