import type { Call, Reply } from './call';
import { invalidAt, notFound, Refusal, type ErrorItem } from './errors';
import { isEmail, isPhone } from './identifiers';
import { isObject } from './profile-check';
import type { List } from './state';

/** Most profiles in one call (documented). */
const MAX_SUBSCRIBED = 1000;
const MAX_UNSUBSCRIBED = 100;
const PROFILES = '/data/attributes/profiles/data';
const ALLOWED = ['email', 'phone_number', 'subscriptions', 'age_gated_date_of_birth'];

type Json = { readonly [name: string]: unknown };
const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((part, name) => (isObject(part) ? part[name] : undefined), value);

const profilesOf = (call: Call, type: string, most: number): Json[] => {
  if (at(call.json, 'data', 'type') !== type) throw new Refusal(invalidAt('/data/type', `Resource type must be '${type}'.`));
  const profiles = at(call.json, 'data', 'attributes', 'profiles', 'data');
  if (!Array.isArray(profiles) || profiles.length === 0) throw new Refusal(invalidAt(PROFILES, 'At least one profile is required.'));
  if (profiles.length > most) throw new Refusal(invalidAt(PROFILES, `No more than ${most} profiles are allowed.`));
  const errors: ErrorItem[] = [];
  for (const [index, profile] of profiles.entries()) {
    const attributes = at(profile, 'attributes');
    const pointer = `${PROFILES}/${index}/attributes`;
    if (!isObject(attributes)) errors.push(invalidAt(pointer, "'attributes' is a required field."));
    else {
      for (const name of Object.keys(attributes))
        if (!ALLOWED.includes(name))
          errors.push(invalidAt(`${pointer}/${name}`, `'${name}' is not a valid field for the resource 'profile'.`)); // observed
      if (!isObject(attributes['subscriptions']))
        errors.push(invalidAt(`${pointer}/subscriptions`, "'subscriptions' is a required field.")); // since 2025-01-15
      const { email, phone_number: phone } = attributes;
      if (email === undefined && phone === undefined) errors.push(invalidAt(pointer, 'One of email and phone_number is required.'));
      if (email !== undefined && !(typeof email === 'string' && isEmail(email)))
        errors.push(invalidAt(`${pointer}/email`, 'Invalid email address'));
      if (phone !== undefined && !(typeof phone === 'string' && isPhone(phone)))
        errors.push(invalidAt(`${pointer}/phone_number`, 'Invalid phone number format (E.164 is expected).'));
    }
  }
  if (errors.length > 0) throw new Refusal(...errors);
  return profiles.map((profile) => (profile as { attributes: Json }).attributes);
};

const listNamed = ({ account, json }: Call): List | undefined => {
  const id = at(json, 'data', 'relationships', 'list', 'data', 'id');
  if (id === undefined) return undefined;
  const name = typeof id === 'string' ? id : JSON.stringify(id);
  const list = account.lists.get(name);
  if (!list)
    throw new Refusal({
      ...notFound(`A list with id \`${name}\` does not exist.`),
      source: { pointer: '/data/relationships/list/data/id' },
    });
  return list;
};

const rowOf = (call: Call, attributes: Json): number => {
  const { account, nowMs } = call;
  const { email, phone_number: phone } = attributes;
  const known = typeof email === 'string' ? account.profiles.byEmail(email) : account.profiles.byPhone(String(phone));
  if (known >= 0) return known;
  const profile = { attributes: { email, phone_number: phone } };
  const result = call.commit({ op: 'upsert', account: account.id, profile, at: nowMs, nulls: 'ignore', badPhone: 'refuse' })!;
  return (result as { readonly row: number }).row; // who was not found by it has no other address: nothing can be in conflict
};

/** POST /api/profile-subscription-bulk-create-jobs: 202 with an empty body; on a double-opt-in list nobody joins (4.35, observed). */
export const subscribe = (call: Call): Reply => {
  const { account, nowMs } = call;
  const people = profilesOf(call, 'profile-subscription-bulk-create-job', MAX_SUBSCRIBED);
  const list = listNamed(call);
  const historical = at(call.json, 'data', 'attributes', 'historical_import') === true;
  if (historical)
    people.forEach((person, index) => {
      const consented = at(person, 'subscriptions', 'email', 'marketing', 'consented_at');
      if (typeof consented !== 'string' || !(Date.parse(consented) <= nowMs))
        throw new Refusal(
          invalidAt(`${PROFILES}/${index}/attributes/subscriptions`, 'historical_import needs a consented_at in the past.'),
        );
    });
  const rows = people.map((person) => rowOf(call, person));
  if (list?.optIn === 'double_opt_in' && !historical) return { status: 202 };
  call.commit({ op: 'consent', account: account.id, rows, consent: 'SUBSCRIBED' });
  if (list) call.commit({ op: 'join', account: account.id, list: list.id, rows, at: nowMs });
  return { status: 202 };
};

/** POST /api/profile-subscription-bulk-delete-jobs: those who are not on the list become unsubscribed everywhere (4.36, published schema). */
export const unsubscribe = (call: Call): Reply => {
  const { account, nowMs } = call;
  const people = profilesOf(call, 'profile-subscription-bulk-delete-job', MAX_UNSUBSCRIBED);
  const list = listNamed(call);
  const rows = people.map((person) => rowOf(call, person));
  const strangers = rows.filter((row) => !list?.members.has(row));
  if (list) call.commit({ op: 'leave', account: account.id, list: list.id, rows, at: nowMs });
  call.commit({ op: 'consent', account: account.id, rows: strangers, consent: 'UNSUBSCRIBED' });
  return { status: 202 };
};
