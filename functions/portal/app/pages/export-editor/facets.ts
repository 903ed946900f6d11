import { attributes, limitNames, scheduleOf } from './form';
import type { Attribute, ExportForm, LimitName } from './form';

/**
 * One thing that can differ between two versions of an export and can be taken over by itself: a segment, a mapped attribute, a limit.
 * The part behind the colon names which.
 */
export type Facet =
  | 'name'
  | 'connection'
  | 'list'
  | 'membership'
  | 'schedule'
  | `segment:${string}`
  | `attribute:${Attribute}`
  | `property:${string}`
  | `limit:${LimitName}`
  | `channel:${string}`;

/** What each facet holds, as comparable text; one that is absent holds nothing. In the order in which they are shown. */
export const facetsOf = (form: ExportForm): ReadonlyMap<Facet, string> => {
  const facets = new Map<Facet, string>();
  const put = (facet: Facet, value: string | undefined): void => {
    if (value !== undefined && value !== '') facets.set(facet, value);
  };
  put('name', form.name);
  put('connection', form.connectionId);
  put('list', form.listMode === 'create' ? `+${form.newListName}` : form.listId.trim());
  for (const segment of form.segments) put(`segment:${segment}`, segment);
  for (const attribute of attributes) put(`attribute:${attribute}`, form.fields[attribute]);
  for (const { field, name } of form.properties) put(`property:${name}`, field);
  put('membership', form.membership);
  put('schedule', JSON.stringify(scheduleOf(form)));
  for (const name of limitNames) put(`limit:${name}`, form.limits[name].trim());
  for (const channel of form.channelIds) put(`channel:${channel}`, channel);
  return facets;
};

/** A form with one facet as another form has it. */
export const withFacet = (form: ExportForm, facet: Facet, from: ExportForm): ExportForm => {
  if (facet === 'name') return { ...form, name: from.name };
  if (facet === 'connection') return { ...form, connectionId: from.connectionId };
  if (facet === 'list') {
    const { listMode, listId, listName, newListName } = from;
    return { ...form, listMode, listId, listName, newListName };
  }
  if (facet === 'membership') return { ...form, membership: from.membership };
  if (facet === 'schedule') return { ...form, scheduleKind: from.scheduleKind, recurrence: from.recurrence };
  const which = facet.slice(facet.indexOf(':') + 1);
  if (facet.startsWith('segment:')) {
    const others = form.segments.filter((name) => name !== which);
    return { ...form, segments: from.segments.includes(which) ? [...others, which] : others };
  }
  if (facet.startsWith('channel:')) {
    const others = form.channelIds.filter((id) => id !== which);
    return { ...form, channelIds: from.channelIds.includes(which) ? [...others, which] : others };
  }
  if (facet.startsWith('attribute:')) {
    const attribute = which as Attribute;
    return { ...form, fields: { ...form.fields, [attribute]: from.fields[attribute] ?? '' } };
  }
  if (facet.startsWith('limit:')) {
    const limit = which as LimitName;
    return { ...form, limits: { ...form.limits, [limit]: from.limits[limit] } };
  }
  const theirs = from.properties.filter(({ name }) => name === which);
  return { ...form, properties: [...form.properties.filter(({ name }) => name !== which), ...theirs] };
};

export interface Difference {
  readonly facet: Facet;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What differs, in the order of the form. */
export const differencesOf = (before: ExportForm, after: ExportForm): readonly Difference[] => {
  const [old, now] = [facetsOf(before), facetsOf(after)];
  return [...new Set([...now.keys(), ...old.keys()])]
    .filter((facet) => old.get(facet) !== now.get(facet))
    .map((facet) => ({ facet, before: old.get(facet), after: now.get(facet) }));
};

export interface Meeting {
  readonly facet: Facet;
  readonly base: string | undefined;
  readonly mine: string | undefined;
  readonly theirs: string | undefined;
  /** both of us changed it, to different values */
  readonly conflict: boolean;
}

/** What somebody else has changed since `base` was read, beside what I have made of it. Where both did the same there is nothing to say. */
export const meetingsOf = (base: ExportForm, mine: ExportForm, theirs: ExportForm): readonly Meeting[] => {
  const [old, own] = [facetsOf(base), facetsOf(mine)];
  return differencesOf(base, theirs)
    .filter(({ facet, after }) => own.get(facet) !== after)
    .map(({ facet, after }) => ({
      facet,
      base: old.get(facet),
      mine: own.get(facet),
      theirs: after,
      conflict: own.get(facet) !== old.get(facet),
    }));
};

/** My form, with what I take over of theirs. */
export const merged = (mine: ExportForm, theirs: ExportForm, taken: readonly Facet[]): ExportForm =>
  taken.reduce((form, facet) => withFacet(form, facet, theirs), mine);
