import type { Call, Reply } from './call';
import { invalidAt, Refusal } from './errors';
import { inRange, instantOf } from './filter';
import { createShortId } from './ids';
import { listOf } from './member-handlers';
import { isObject } from './profile-check';
import { listResource, META, pageLinks } from './resources';
import type { List } from './state';

const sortKeys: Readonly<Record<string, (list: List) => string | number>> = {
  created: ({ createdAt }) => createdAt,
  updated: ({ updatedAt }) => updatedAt,
  id: ({ id }) => id,
  name: ({ name }) => name,
};

/** GET /api/lists: pages of 10 at most (documented). */
export const getLists = (call: Call): Reply => {
  const { account, query } = call;
  const found = [...account.lists.values()].filter((list) =>
    query.conditions.every(({ operator, field, values }) => {
      const value = sortKeys[field]!(list);
      return typeof value === 'number' ? inRange(operator, value, instantOf(values[0]!)) : values.includes(value);
    }),
  );
  const sort = query.sort ?? 'created';
  const keyOf = sortKeys[sort.replace('-', '')]!;
  found.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0) * (sort.startsWith('-') ? -1 : 1));
  const end = query.after + query.size;
  const data = found.slice(query.after, end).map((list) => listResource(call, list));
  return { status: 200, body: { data, links: pageLinks(call, end < found.length ? end : undefined), meta: META } };
};

const oneList = (call: Call, list: List): object => ({
  data: listResource(call, list),
  links: { self: `${call.origin}${call.url}` },
  meta: META,
});

/** GET /api/lists/{id} */
export const getList = (call: Call): Reply => ({ status: 200, body: oneList(call, listOf(call)) });

const nameOf = (json: unknown): { readonly name: string; readonly optIn: List['optIn'] } => {
  const data = isObject(json) ? json['data'] : undefined;
  if (!isObject(data)) throw new Refusal(invalidAt('/data', "'data' is a required field."));
  if (data['type'] !== 'list') throw new Refusal(invalidAt('/data/type', "Resource type must be 'list'."));
  const attributes = isObject(data['attributes']) ? data['attributes'] : {};
  const { name, opt_in_process: optIn } = attributes;
  if (typeof name !== 'string' || name === '') throw new Refusal(invalidAt('/data/attributes/name', "'name' is a required field."));
  if (optIn !== undefined && optIn !== null && optIn !== 'single_opt_in' && optIn !== 'double_opt_in')
    throw new Refusal(invalidAt('/data/attributes/opt_in_process', 'Not a valid choice.'));
  return { name, optIn: optIn ?? 'double_opt_in' }; // Klaviyo's own default for new lists (assumed)
};

/** POST /api/lists: 201, and 150 a day at most (4.37). */
export const createList = (call: Call): Reply => {
  const { account, random, nowMs } = call;
  const { name, optIn } = nameOf(call.json);
  const id = createShortId(random);
  call.commit({ op: 'list', account: account.id, id, name, at: nowMs, optIn });
  return { status: 201, body: oneList(call, account.lists.get(id)!) };
};

/** PATCH /api/lists/{id}: only the name can change. */
export const updateList = (call: Call): Reply => {
  const list = listOf(call);
  const { name } = nameOf(call.json);
  call.commit({ op: 'rename', account: call.account.id, id: list.id, name, at: call.nowMs });
  return { status: 200, body: oneList(call, list) };
};

/** DELETE /api/lists/{id} */
export const deleteList = (call: Call): Reply => {
  call.commit({ op: 'unlist', account: call.account.id, id: listOf(call).id });
  return { status: 204 };
};
