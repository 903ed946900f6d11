import type { Call } from './call';
import { cursorOf } from './query';
import type { Attributes } from './profile-store';
import { JOB_LIFE_MS, type Job, type List } from './state';

/** Attributes in the order Klaviyo writes them; what is not known is null (observed). */
const PLAIN = ['phone_number', 'external_id', 'first_name', 'last_name', 'organization', 'locale', 'title', 'image'] as const;
const PLACE = ['address1', 'address2', 'city', 'country', 'latitude', 'longitude', 'region', 'zip', 'timezone', 'ip'] as const;

const only = (attributes: Attributes, fields: readonly string[] | undefined): Attributes => {
  if (!fields) return attributes;
  const roots = new Set(fields.map((field) => field.split('.')[0]));
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => roots.has(name)));
};

const link = ({ origin }: Call, path: string): { self: string; related: string } => {
  const parts = path.split('/');
  const last = parts.pop()!;
  return { self: `${origin}${parts.join('/')}/relationships/${last}/`, related: `${origin}${path}/` };
};

/** A profile; `subscriptions` only when asked for. */
export const profileResource = (call: Call, row: number, joinedAtMs?: number): object => {
  const { profiles } = call.account;
  const known = profiles.attributes(row);
  const id = profiles.idOf(row);
  const attributes: Attributes = { email: profiles.emailOf(row) ?? null };
  for (const name of PLAIN) attributes[name] = known[name] ?? null;
  attributes['created'] = call.stamp(profiles.createdAt(row));
  attributes['updated'] = call.stamp(profiles.updatedAt(row));
  attributes['last_event_date'] = null;
  const place = (known['location'] ?? {}) as Attributes;
  attributes['location'] = Object.fromEntries(PLACE.map((name) => [name, place[name] ?? null]));
  attributes['properties'] = known['properties'] ?? {};
  attributes['anonymous_id'] = null; // not in the published schema, seen in answers (4.29)
  if (joinedAtMs !== undefined) attributes['joined_group_at'] = call.stamp(joinedAtMs);
  if (call.query.additional.includes('subscriptions')) attributes['subscriptions'] = subscriptions(call, row);
  const paths = `/api/profiles/${id}`;
  return {
    ...{ type: 'profile', id, attributes: only(attributes, call.query.fieldsOf('profile')) },
    relationships: { lists: { links: link(call, `${paths}/lists`) }, segments: { links: link(call, `${paths}/segments`) } },
    links: { self: `${call.origin}${paths}/` },
  };
};

const subscriptions = ({ account: { profiles } }: Call, row: number): object => {
  const consent = profiles.consentOf(row);
  const suppressed = profiles.isSuppressed(row);
  const marketing = {
    can_receive_email_marketing: !suppressed && consent !== 'UNSUBSCRIBED',
    consent,
    consent_timestamp: null,
    suppression: [],
  };
  return { email: { marketing }, sms: null };
};

/** A list; `profile_count` only when asked for (4.30). */
export const listResource = (call: Call, list: List): object => {
  const { name, createdAt, updatedAt, optIn, id } = list;
  const attributes: Attributes = { name, created: call.stamp(createdAt), updated: call.stamp(updatedAt), opt_in_process: optIn };
  if (call.query.additional.includes('profile_count')) attributes['profile_count'] = list.members.count();
  const paths = `/api/lists/${id}`;
  return {
    ...{ type: 'list', id, attributes: only(attributes, call.query.fieldsOf('list')) },
    relationships: {
      profiles: { links: link(call, `${paths}/profiles`) },
      tags: { links: link(call, `${paths}/tags`) },
      'flow-triggers': { links: link(call, `${paths}/flow-triggers`) },
    },
    links: { self: `${call.origin}${paths}/` },
  };
};

/** An import job (observed shape: REC bulk_import_profiles.202). */
export const jobResource = (call: Call, job: Job): object => {
  const paths = `/api/profile-bulk-import-jobs/${job.id}`;
  const attributes: Attributes = {
    ...{ status: job.status, created_at: call.stamp(job.createdAt), total_count: job.total },
    ...{ completed_count: job.completed, failed_count: job.errors.length },
    completed_at: job.completedAt === null ? null : call.stamp(job.completedAt),
    expires_at: call.stamp(job.createdAt + JOB_LIFE_MS),
    started_at: job.startedAt === null ? null : call.stamp(job.startedAt),
  };
  return {
    ...{ type: 'profile-bulk-import-job', id: job.id },
    attributes: only(attributes, call.query.fieldsOf('profile-bulk-import-job')),
    relationships: {
      lists: { data: job.lists.map((id) => ({ type: 'list', id })), links: link(call, `${paths}/lists`) },
      profiles: { links: link(call, `${paths}/profiles`) },
      'import-errors': { links: { related: `${call.origin}${paths}/import-errors/` } },
    },
    links: { self: `${call.origin}${paths}/` },
  };
};

/** Links of a page: `next` is absolute, and null at the end (4.28, observed). */
export const pageLinks = ({ origin, url }: Call, nextPosition: number | undefined): object => {
  const self = new URL(url, origin).href;
  if (nextPosition === undefined) return { self, next: null, prev: null };
  const next = new URL(self);
  next.searchParams.set('page[cursor]', cursorOf(nextPosition));
  return { self, next: next.href, prev: null };
};

/** Not asked for by anybody, allowed by the schema since 2026-07-15 (4.29). */
export const META = { agent_hints: { next_steps: [] as string[] } };
