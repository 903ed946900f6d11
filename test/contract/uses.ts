import { z } from 'zod';
import { KlaviyoErrors } from '../../shared/klaviyo/answers';
import { endpoints } from '../../shared/klaviyo/endpoints';
import {
  AccountsAnswer,
  ImportErrorsAnswer,
  ImportJobAnswer,
  ImportJobsAnswer,
  ListAnswer,
  ListsAnswer,
  ProfilesAnswer,
} from '../../shared/klaviyo/schemas';
import { nameOf } from './document';
import type { Json } from './document';
import { describedFields } from './fields';

/** What this app uses of Klaviyo's API. What it reads comes from its own schemas; what it sends is held against the traffic of whole runs. */
export interface Uses {
  readonly operations: readonly string[];
  /** fields of request bodies by operation; `*` at the end stands for anything below */
  readonly sent: Readonly<Record<string, readonly string[]>>;
  /** parameters of the query by operation */
  readonly query: Readonly<Record<string, readonly string[]>>;
  /** `field operator kind` by operation */
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** fields of answers by operation */
  readonly read: Readonly<Record<string, readonly string[]>>;
  /** fields of error documents, of every operation */
  readonly readOfErrors: readonly string[];
}

const readBy = (schema: z.ZodType): readonly string[] => {
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json;
  const document = { info: { version: '' }, paths: {}, components: { schemas: {} } };
  return [...describedFields(document, root).keys()];
};

const PROFILE = 'data.attributes.profiles.data[]';
const RELATED_LIST = ['data.relationships', 'data.relationships.lists', 'data.relationships.lists.data'];

export const USES: Uses = {
  operations: Object.values(endpoints).map(({ method, path }) => nameOf(method, path)),
  sent: {
    'POST /api/profile-bulk-import-jobs': [
      ...['data', 'data.type', 'data.attributes', 'data.attributes.profiles', 'data.attributes.profiles.data'],
      ...[...RELATED_LIST, 'data.relationships.lists.data[].type', 'data.relationships.lists.data[].id'],
      ...[`${PROFILE}.type`, `${PROFILE}.attributes`],
      ...['email', 'phone_number', 'external_id', 'first_name', 'last_name', 'organization', 'locale', 'title', 'image', 'location'].map(
        (name) => `${PROFILE}.attributes.${name}`,
      ),
      ...['address1', 'address2', 'city', 'country', 'region', 'zip'].map((name) => `${PROFILE}.attributes.location.${name}`),
      ...[`${PROFILE}.attributes.properties`, `${PROFILE}.attributes.properties.*`],
    ],
    'DELETE /api/lists/{id}/relationships/profiles': ['data', 'data[].type', 'data[].id'],
    'POST /api/lists': ['data', 'data.type', 'data.attributes', 'data.attributes.name'],
  },
  query: {
    'GET /api/lists': ['page[size]', 'page[cursor]', 'filter', 'sort'],
    'GET /api/lists/{id}/profiles': ['filter', 'fields[profile]', 'page[size]', 'page[cursor]'],
    'GET /api/lists/{id}/relationships/profiles': ['filter', 'page[size]', 'page[cursor]'],
    'GET /api/profiles': ['filter', 'fields[profile]', 'page[size]', 'page[cursor]'],
    'GET /api/profile-bulk-import-jobs': ['sort', 'page[size]', 'page[cursor]'],
    'GET /api/profile-bulk-import-jobs/{id}/import-errors': ['page[size]', 'page[cursor]'],
  },
  filters: {
    'GET /api/lists': ['name any list'],
    'GET /api/lists/{id}/profiles': ['email any list'],
    'GET /api/lists/{id}/relationships/profiles': ['email any list'],
    'GET /api/profiles': ['email any list', 'id any list'],
  },
  read: {
    'GET /api/accounts': readBy(AccountsAnswer),
    'GET /api/lists': readBy(ListsAnswer),
    'POST /api/lists': readBy(ListAnswer),
    'GET /api/lists/{id}': readBy(ListAnswer),
    'GET /api/lists/{id}/profiles': readBy(ProfilesAnswer),
    'GET /api/lists/{id}/relationships/profiles': readBy(ProfilesAnswer).filter((field) => !field.startsWith('data[].attributes')),
    // since when somebody is on a list is told by the list's own members only
    'GET /api/profiles': readBy(ProfilesAnswer).filter((field) => !field.endsWith('.joined_group_at')),
    'GET /api/profile-bulk-import-jobs': readBy(ImportJobsAnswer),
    'POST /api/profile-bulk-import-jobs': readBy(ImportJobAnswer),
    'GET /api/profile-bulk-import-jobs/{id}': readBy(ImportJobAnswer),
    'GET /api/profile-bulk-import-jobs/{id}/import-errors': readBy(ImportErrorsAnswer),
  },
  readOfErrors: readBy(KlaviyoErrors),
};

/** Whether a field is among those; an entry that ends in `*` stands for everything below. */
export const isAmong = (fields: readonly string[] | undefined, field: string): boolean =>
  (fields ?? []).some((known) => known === field || (known.endsWith('*') && field.startsWith(known.slice(0, -1))));
