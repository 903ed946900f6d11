/** One call as it is planned, before anything is sent. */
export interface PlannedCall {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** with its ids filled in, without query */
  readonly path: string;
  readonly body?: unknown;
}

/** What a live check may touch. */
export interface Reach {
  readonly listId: string;
  /** false: a dry run, which changes nothing */
  readonly write: boolean;
  /** whether an address was made by this check */
  readonly isOurAddress: (email: string) => boolean;
  /** whether an id belongs to a profile that this check made, or to nobody */
  readonly isOurProfile: (id: string) => boolean;
}

interface ImportBody {
  data?: {
    attributes?: { profiles?: { data?: { id?: unknown; attributes?: { email?: unknown }; meta?: unknown }[] } };
    relationships?: { lists?: { data?: { id?: unknown }[] } };
  };
}
interface MergeBody {
  data?: { id?: unknown; relationships?: { profiles?: { data?: { id?: unknown }[] } } };
}

const JOBS = '/api/profile-bulk-import-jobs';
const isText = (value: unknown): value is string => typeof value === 'string';

const refuseImport = ({ data }: ImportBody, { listId, isOurAddress }: Reach): string | undefined => {
  const lists = data?.relationships?.lists?.data ?? [];
  if (lists.length !== 1 || lists[0]?.id !== listId) return 'an import must go to the named list and to no other';
  const profiles = data?.attributes?.profiles?.data ?? [];
  const isOurs = profiles.every(({ id, meta, attributes }) => {
    return id === undefined && meta === undefined && isText(attributes?.email) && isOurAddress(attributes.email);
  });
  return isOurs ? undefined : 'an import may hold people only that this check makes up';
};
const refuseMerge = ({ data }: MergeBody, { isOurProfile }: Reach): string | undefined => {
  const ids = [data?.id, ...(data?.relationships?.profiles?.data ?? []).map(({ id }) => id)];
  return ids.length === 2 && ids.every((id) => isText(id) && isOurProfile(id)) ? undefined : 'only people of this check may be merged';
};
const refuseRemoval = (body: { data?: { id?: unknown }[] }, { isOurProfile }: Reach): string | undefined =>
  (body.data ?? []).every(({ id }) => isText(id) && isOurProfile(id)) ? undefined : 'only people of this check may be taken off the list';

/** Why a call must not be made, or undefined. What is not named here is refused: the check can reach nothing else of an account. */
export const whyRefused = ({ method, path, body }: PlannedCall, reach: Reach): string | undefined => {
  const [, , resource, id, ...rest] = path.split('/').map(decodeURIComponent);
  const call = `${method} ${resource}${id === undefined ? '' : '/{id}'}${rest.map((part) => `/${part}`).join('')}`;
  if (resource === 'lists' && id !== reach.listId) return `the list ${id ?? '(all)'} is not the one that was named`;
  if (method !== 'GET' && !reach.write) return 'a dry run changes nothing';
  switch (call) {
    case 'GET accounts':
    case 'GET lists/{id}':
    case 'GET lists/{id}/profiles':
    case 'GET profile-bulk-import-jobs':
    case 'GET profile-bulk-import-jobs/{id}':
    case 'GET profile-bulk-import-jobs/{id}/import-errors':
    case 'GET profiles':
      return undefined;
    case 'GET profiles/{id}':
      return reach.isOurProfile(id!) ? undefined : 'only people of this check may be looked at';
    case 'POST profile-bulk-import-jobs':
      return path === JOBS ? refuseImport(body as ImportBody, reach) : 'it is not one of the calls of this check';
    case 'POST profile-merge':
      return refuseMerge(body as MergeBody, reach);
    case 'DELETE lists/{id}/relationships/profiles':
      return refuseRemoval(body as { data?: { id?: unknown }[] }, reach);
    default:
      return 'it is not one of the calls of this check';
  }
};
