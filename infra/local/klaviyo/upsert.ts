import { isPhone } from './identifiers';
import { isObject } from './profile-check';
import type { Attributes, ProfileStore } from './profile-store';

export type ProfileRow = { readonly id?: string | null; readonly attributes: Attributes; readonly meta?: unknown };
export type UpsertOptions = {
  readonly atMs: number;
  /** 'ignore' in bulk (4.18, documented), 'clear' on the single-profile endpoints (4.34, documented). */
  readonly nulls: 'ignore' | 'clear';
  readonly badPhone: 'refuse' | 'drop';
};
export type UpsertResult = { readonly row: number; readonly created: boolean } | { readonly error: string; readonly duplicateOf?: number };

export const CONFLICT = 'A profile already exists with one of these identifiers.';

/** Lays new values over old ones; a name that is cleared is set to undefined, which JSON leaves out (deleting it would make the object slow). */
const merged = (before: Attributes | undefined, after: Attributes, nulls: 'ignore' | 'clear'): Attributes => {
  const result: Attributes = {};
  for (const name in before) result[name] = before[name];
  for (const name in after) {
    const value = after[name];
    if (value !== null) result[name] = value;
    else if (nulls === 'clear') result[name] = undefined;
  }
  return result;
};

const objectOf = (value: unknown): Attributes | undefined => (isObject(value) ? value : undefined);

/** `append`, `unappend` and `unset` of meta.patch_properties (documented in the published schema). */
const patchProperties = (properties: Attributes, meta: unknown): Attributes => {
  const patch = isObject(meta) && isObject(meta['patch_properties']) ? meta['patch_properties'] : {};
  const asList = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined || value === null ? [] : [value]);
  const result = { ...properties };
  for (const [name, value] of Object.entries(isObject(patch['append']) ? patch['append'] : {}))
    result[name] = [...asList(result[name]), ...asList(value)];
  for (const [name, value] of Object.entries(isObject(patch['unappend']) ? patch['unappend'] : {}))
    result[name] = asList(result[name]).filter((item) => !asList(value).some((other) => JSON.stringify(other) === JSON.stringify(item)));
  for (const name of asList(patch['unset'])) delete result[String(name)];
  return result;
};

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** Finds the rows a profile's identifiers point at, in the order id, e-mail, phone, external id (4.21). */
const matchesOf = (store: ProfileStore, id: unknown, attributes: Attributes): number[] => {
  const { email, phone_number: phone, external_id: external } = attributes;
  const found = [
    isText(id) ? store.rowOf(id) : -1,
    isText(email) ? store.byEmail(email) : -1,
    isText(phone) ? store.byPhone(phone) : -1,
    isText(external) ? store.byExternalId(external) : -1,
  ];
  return found.filter((row, at) => row >= 0 && found.indexOf(row) === at);
};

/** Creates or updates one profile: values that are there win, nothing is removed that was not asked for; consent is untouched (4.22). */
export const upsertProfile = (store: ProfileStore, { id, attributes: given, meta }: ProfileRow, options: UpsertOptions): UpsertResult => {
  let attributes = given;
  const phone = given['phone_number'];
  if (options.badPhone === 'drop' && isText(phone) && !isPhone(phone)) attributes = { ...given, phone_number: undefined };
  const matches = matchesOf(store, id, attributes);
  if (matches.length > 1) return { error: CONFLICT, duplicateOf: matches[1]! };
  if (isText(id) && store.rowOf(id) < 0) return { error: `A profile with id ${id} does not exist.` }; // assumed
  const created = matches.length === 0;
  const row = created ? store.add(options.atMs) : matches[0]!;
  const before = created ? {} : store.attributes(row);
  const after: Attributes = {};
  for (const name in before) after[name] = before[name];
  for (const name in attributes) {
    const value = attributes[name];
    if (name === 'email' || name === '_kx' || value === undefined) continue;
    if (value === null) {
      if (options.nulls === 'clear') after[name] = undefined;
    } else if (name === 'location' || name === 'properties')
      after[name] = merged(objectOf(before[name]), value as Attributes, options.nulls);
    else after[name] = value;
  }
  if (meta) after['properties'] = patchProperties(objectOf(after['properties']) ?? {}, meta);
  if (isText(attributes['email'])) store.setEmail(row, attributes['email']);
  if (after['phone_number'] !== before['phone_number']) store.setKey('phone_number', row, before['phone_number'], after['phone_number']);
  if (after['external_id'] !== before['external_id']) store.setKey('external_id', row, before['external_id'], after['external_id']);
  store.setJson(row, JSON.stringify(after), options.atMs);
  return { row, created };
};
