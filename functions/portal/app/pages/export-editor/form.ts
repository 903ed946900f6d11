import type { Export } from '../../../../../shared/exports/export';
import type { MappedLocation, Mapping } from '../../../../../shared/exports/mapping';
import type { ExportSchedule, Recurrence } from '../../../../../shared/schedules/schedule';
import type { z } from 'zod';

type LocationPart = keyof z.infer<typeof MappedLocation>;
/** An attribute of a Klaviyo profile, as the JSON pointer below `/mapping` names it. */
export type Attribute = Exclude<keyof Mapping, 'location' | 'properties'> | `location/${LocationPart}`;

/** In the order in which they are shown; the e-mail alone is required. */
export const attributes: readonly Attribute[] = [
  'email',
  'firstName',
  'lastName',
  'phoneNumber',
  'organization',
  'title',
  'locale',
  'image',
  'externalId',
  'location/address1',
  'location/address2',
  'location/zip',
  'location/city',
  'location/region',
  'location/country',
];

/** Limits of an export that may be left to the administrators' ones; shares are shown as per cent. */
export const limitNames = ['maxProfiles', 'maxInvalidShare', 'guardCount', 'guardShare', 'resyncDays', 'canaryRows'] as const;
export type LimitName = (typeof limitNames)[number];
const shares: ReadonlySet<LimitName> = new Set<LimitName>(['maxInvalidShare', 'guardShare']);
/** What the API takes where nothing is said; the other limits are then the administrators'. */
const DEFAULT_CANARY_ROWS = 100;

export interface Property {
  readonly field: string;
  readonly name: string;
}

/** What is typed and chosen in the editor. Plain JSON, as it is kept as a draft; '' stands for nothing. */
export interface ExportForm {
  readonly name: string;
  readonly connectionId: string;
  readonly listMode: 'existing' | 'create';
  readonly listId: string;
  /** as it was called when it was chosen */
  readonly listName: string;
  readonly newListName: string;
  readonly segments: readonly string[];
  readonly fields: Readonly<Partial<Record<Attribute, string>>>;
  readonly properties: readonly Property[];
  readonly membership: 'add' | 'mirror';
  readonly scheduleKind: ExportSchedule['kind'];
  /** kept while another kind is chosen */
  readonly recurrence: Recurrence;
  readonly limits: Readonly<Record<LimitName, string>>;
  /** channels that are told of this export beside those that are told of all */
  readonly channelIds: readonly string[];
}

export const emptyForm = (recurrence: Recurrence): ExportForm => ({
  name: '',
  connectionId: '',
  listMode: 'existing',
  listId: '',
  listName: '',
  newListName: '',
  segments: [],
  fields: {},
  properties: [],
  membership: 'add',
  scheduleKind: 'system',
  recurrence,
  limits: { maxProfiles: '', maxInvalidShare: '', guardCount: '', guardShare: '', resyncDays: '', canaryRows: String(DEFAULT_CANARY_ROWS) },
  channelIds: [],
});

/** A share as per cent, without the noise of binary fractions. */
const percentOf = (share: number): number => Math.round(share * 1_000_000) / 10_000;

/** An export, or the values of one, as the form shows it. @param recurrence what stands there while the schedule is none of its own */
export const formOf = (
  value: Pick<Export, 'name' | 'listId' | 'segments' | 'mapping' | 'membership' | 'schedule' | 'notify' | LimitName> &
    Partial<Pick<Export, 'connectionId' | 'listName'>>,
  recurrence: Recurrence,
): ExportForm => {
  const { location, properties, ...core } = value.mapping;
  const located = Object.entries(location ?? {}).map(([part, field]) => [`location/${part}`, field] as const);
  const { kind, ...own } = { ...value.schedule };
  const limits = Object.fromEntries(
    limitNames.map((name) => {
      const number = value[name];
      return [name, number === undefined ? '' : String(shares.has(name) ? percentOf(number) : number)];
    }),
  ) as Record<LimitName, string>;
  return {
    ...emptyForm(kind === 'custom' ? (own as Recurrence) : recurrence),
    name: value.name,
    connectionId: value.connectionId ?? '',
    listId: value.listId,
    listName: value.listName ?? '',
    segments: value.segments,
    fields: Object.fromEntries([...Object.entries(core), ...located].filter(([, field]) => field !== undefined)),
    properties: properties ?? [],
    membership: value.membership,
    scheduleKind: kind,
    limits,
    channelIds: value.notify?.channelIds ?? [],
  };
};

/** The mapping as the API takes it. */
export const mappingOf = ({ fields, properties }: Pick<ExportForm, 'fields' | 'properties'>): Record<string, unknown> => {
  const core: Record<string, unknown> = {};
  const location: Record<string, string> = {};
  for (const attribute of attributes) {
    const field = fields[attribute];
    if (field === undefined || field === '') continue;
    if (attribute.startsWith('location/')) location[attribute.slice('location/'.length)] = field;
    else core[attribute] = field;
  }
  return {
    ...core,
    ...(Object.keys(location).length > 0 ? { location } : {}),
    ...(properties.length > 0 ? { properties } : {}),
  };
};

export const scheduleOf = ({ scheduleKind, recurrence }: Pick<ExportForm, 'scheduleKind' | 'recurrence'>): ExportSchedule =>
  scheduleKind === 'custom' ? { kind: 'custom', ...recurrence } : { kind: scheduleKind };

/** What was typed as a number; text that is none stays NaN, which the schema refuses. @returns undefined for nothing */
export const limitOf = ({ limits }: Pick<ExportForm, 'limits'>, name: LimitName): number | undefined => {
  const text = limits[name].trim().replace(',', '.');
  if (text === '') return name === 'canaryRows' ? DEFAULT_CANARY_ROWS : undefined;
  return shares.has(name) ? Math.round(Number(text) * 10_000) / 1_000_000 : Number(text);
};

const listOf = ({ listMode, listId, newListName }: ExportForm): Record<string, unknown> =>
  listMode === 'create' ? { createList: { name: newListName } } : { listId: listId.trim() };

const notifyOf = ({ channelIds }: ExportForm): Record<string, unknown> | undefined =>
  channelIds.length === 0 ? undefined : { channelIds };

const without = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined && one !== ''));

/** The body of `POST /api/exports`. */
export const newExportOf = (form: ExportForm): Record<string, unknown> =>
  without({
    name: form.name,
    connectionId: form.connectionId,
    ...listOf(form),
    segments: form.segments,
    mapping: mappingOf(form),
    membership: form.membership,
    schedule: scheduleOf(form),
    ...Object.fromEntries(limitNames.map((name) => [name, limitOf(form, name)])),
    notify: notifyOf(form),
  });

const same = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The body of `PATCH /api/exports/{id}`: what differs from the export as it was read. {} when nothing does. */
export const changeOf = (before: ExportForm, after: ExportForm): Record<string, unknown> => {
  const change: Record<string, unknown> = {};
  if (after.name !== before.name) change.name = after.name;
  if (after.connectionId !== before.connectionId) change.connectionId = after.connectionId;
  if (!same(listOf(after), listOf(before))) Object.assign(change, listOf(after));
  if (!same(after.segments, before.segments)) change.segments = after.segments;
  if (!same(mappingOf(after), mappingOf(before))) change.mapping = mappingOf(after);
  if (after.membership !== before.membership) change.membership = after.membership;
  if (!same(scheduleOf(after), scheduleOf(before))) change.schedule = scheduleOf(after);
  for (const name of limitNames) {
    const limit = limitOf(after, name);
    if (same(limit, limitOf(before, name))) continue;
    change[name] = limit ?? null;
  }
  if (!same(notifyOf(after), notifyOf(before))) change.notify = notifyOf(after) ?? null;
  return change;
};

/** Whether there is anything to lose. */
export const isChanged = (before: ExportForm, after: ExportForm): boolean => Object.keys(changeOf(before, after)).length > 0;
