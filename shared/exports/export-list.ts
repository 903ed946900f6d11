import { z } from 'zod';
import type { Caller } from '../caller';
import { InvalidInputError } from '../errors';
import { ConnectionId, ExportId } from '../ids';
import { ExportHealth, ExportState } from './export-status';
import type { ExportStatus } from './export-status';
import { connectionFor, ExportPermission, ExportView, permissionFor, statusOf, viewFor } from './export-view';
import type { ConnectionOfExport, ExportEntry } from './export-view';
import { RecentRun } from './recent-run';

export const ExportSort = z.enum([
  'name',
  'connection',
  'type',
  'updatedAt',
  'refreshedAt',
  'lastRunAt',
  'nextRunAt',
  'members',
  'health',
  'activity',
  'schedule',
]);
export type ExportSort = z.infer<typeof ExportSort>;

/** What a list of exports may be asked (customer-insights.md E6, E8). */
export const ExportQuery = z
  .strictObject({
    /** in the export's name, its connection's name or type; case and accents aside */
    search: z.string().trim().min(1).max(200).optional(),
    sort: ExportSort.default('name'),
    order: z.enum(['asc', 'desc']).default('asc'),
    size: z.coerce.number().int().min(1).max(200).default(50),
    /** from nextLink */
    token: z.string().min(1).max(4_000).optional(),
    /** that contain this segment … */
    segment: z.string().min(1).max(200).optional(),
    /** … or do not */
    withoutSegment: z.string().min(1).max(200).optional(),
    /** of one connection; `none`: the detached ones */
    connectionId: z.union([z.literal('none'), ConnectionId]).optional(),
    /** `unhealthy`: whatever is not healthy */
    health: z.enum([...ExportHealth.options, 'unhealthy']).optional(),
    /** `active`: queued, running or waiting */
    activity: z.enum([...ExportState.options, 'active']).optional(),
    permission: ExportPermission.optional(),
    /** object id of whoever made the export */
    createdBy: z.string().min(1).max(200).optional(),
  })
  .meta({ id: 'ExportQuery' });
export type ExportQuery = z.infer<typeof ExportQuery>;

/** An export in a list: also what its last runs did, and when it runs by itself next. */
export const ListedExport = ExportView.extend({
  /** distinct usable addresses of its segments, as the last run that counted them found; absent before */
  members: z.int().min(0).optional(),
  /** the oldest first */
  recentRuns: z.array(RecentRun),
  /** absent where nothing runs it by itself */
  nextRunAt: z.iso.datetime().optional(),
}).meta({ id: 'ListedExport' });
export type ListedExport = z.infer<typeof ListedExport>;

/** All exports in figures, whatever was searched or filtered. */
export const ExportSummary = z
  .object({
    total: z.int().min(0),
    healthy: z.int().min(0),
    attention: z.int().min(0),
    failing: z.int().min(0),
    /** queued, running or waiting */
    active: z.int().min(0),
    /** those that run by themselves and that the caller may edit: what `POST /exports/run-all` runs */
    scheduled: z.int().min(0),
    /** those that run by themselves next, and how many do at that instant; absent where none does */
    nextDue: z.object({ at: z.iso.datetime(), exportId: ExportId, name: z.string(), count: z.int().min(1) }).optional(),
  })
  .meta({ id: 'ExportSummary' });
export type ExportSummary = z.infer<typeof ExportSummary>;

export interface ExportPage {
  readonly value: ListedExport[];
  /** of all pages */
  readonly total: number;
  readonly summary: ExportSummary;
  /** brings the next page */
  readonly token?: string;
}

/** Where a page ended, as its last export was then: one that is added, changed or removed meanwhile moves no other. */
const Position = z.object({ sort: ExportSort, order: z.enum(['asc', 'desc']), key: z.string(), name: z.string(), id: ExportId });
type Position = z.infer<typeof Position>;

const positionOf = ({ id, name }: ExportEntry['segmentExport'], at: Pick<Position, 'sort' | 'order' | 'key'>): Position => ({
  ...at,
  name,
  id,
});
const writeToken = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url');
const readToken = (token: string, { sort, order }: Pick<ExportQuery, 'sort' | 'order'>): Position => {
  let position: Position | undefined;
  try {
    position = Position.parse(JSON.parse(Buffer.from(token, 'base64url').toString('utf8')));
  } catch {
    // no token of ours
  }
  if (position?.sort === sort && position.order === order) return position;
  throw new InvalidInputError({
    code: 'token_invalid',
    message: 'This token does not belong to this list and its order; follow nextLink as it was given, or begin anew without a token.',
    pointer: '?token',
  });
};

/** As people sort: case and accents aside first, numbers by their value. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' });
/** Collation is slow, ties and ASCII aside; equal strings are the common case in columns of few values. */
const collate = (one: string, other: string): number => (one === other ? 0 : collator.compare(one, other));
const byCode = (one: string, other: string): number => (one === other ? 0 : one < other ? -1 : 1);

const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/\p{Mn}/gu, '')
    .toLowerCase();

/** Worst first where that is what somebody looks for. */
const HEALTH_RANK: Readonly<Record<ExportStatus['health'], string>> = { failing: '0', attention: '1', healthy: '2' };
const ACTIVITY_RANK: Readonly<Record<ExportStatus['activity'], string>> = {
  running: '0',
  waiting: '1',
  queued: '2',
  idle: '3',
  paused: '4',
};
const SCHEDULE_RANK: Readonly<Record<ExportView['schedule']['kind'], string>> = { system: '0', custom: '1', off: '2' };

type NextRunAt = (segmentExport: ExportEntry['segmentExport']) => string | undefined;
/** Behind every instant: what never comes. */
const NEVER = '~';

/** What an export is sorted by, before its name; what the caller may not see and what is not there yet comes first. */
const keyOf = (sort: ExportSort, entry: ExportEntry, seen: ConnectionOfExport | undefined, nextRunAt: NextRunAt): string => {
  const { segmentExport } = entry;
  switch (sort) {
    case 'name':
      return '';
    case 'connection':
      return seen?.displayName ?? '';
    case 'type':
      return seen?.type ?? '';
    case 'updatedAt':
      return segmentExport.updatedAt;
    case 'schedule':
      return SCHEDULE_RANK[segmentExport.schedule.kind];
    case 'refreshedAt':
      return statusOf(entry).refreshedAt ?? '';
    case 'lastRunAt':
      return statusOf(entry).lastRun?.endedAt ?? '';
    case 'nextRunAt':
      return nextRunAt(segmentExport) ?? NEVER;
    case 'members':
      return entry.activity.members === undefined ? '' : String(entry.activity.members).padStart(12, '0');
    case 'health':
      return HEALTH_RANK[statusOf(entry).health];
    case 'activity':
      return ACTIVITY_RANK[statusOf(entry).activity];
  }
};

const isActive = (activity: ExportStatus['activity']): boolean => activity !== 'idle' && activity !== 'paused';

const summaryOf = (entries: readonly ExportEntry[], caller: Caller, nextRunAt: NextRunAt): ExportSummary => {
  const summary = { total: entries.length, healthy: 0, attention: 0, failing: 0, active: 0, scheduled: 0 };
  let nextDue: ExportSummary['nextDue'];
  for (const entry of entries) {
    const { health, activity } = statusOf(entry);
    summary[health] += 1;
    if (isActive(activity)) summary.active += 1;
    const { id: exportId, name } = entry.segmentExport;
    const at = nextRunAt(entry.segmentExport);
    if (at !== undefined && permissionFor(caller, entry.connection) === 'edit') summary.scheduled += 1;
    if (at === undefined || (nextDue !== undefined && at > nextDue.at)) continue;
    nextDue = nextDue?.at === at ? { ...nextDue, count: nextDue.count + 1 } : { at, exportId, name, count: 1 };
  }
  return { ...summary, ...(nextDue ? { nextDue } : {}) };
};

/** Numbers in the order of names: two of few names that many exports share are compared once. */
const ranksOf = (names: Iterable<string>): ReadonlyMap<string, number> =>
  new Map([...new Set(names)].sort(collate).map((name, rank) => [name, rank]));

const listed = (caller: Caller, entry: ExportEntry, nextRunAt: NextRunAt): ListedExport => {
  const { members, recent } = entry.activity;
  const at = nextRunAt(entry.segmentExport);
  return {
    ...viewFor(caller, entry),
    ...(members === undefined ? {} : { members }),
    recentRuns: recent,
    ...(at === undefined ? {} : { nextRunAt: at }),
  };
};

/**
 * Search, order and pages over all exports, in memory. Names are folded once per version of an export, and the order by name is kept
 * from one call to the next: only what has changed is sorted in anew.
 */
export const createExportList = () => {
  const folded = new WeakMap<object, string>();
  const foldedName = (segmentExport: ExportEntry['segmentExport']): string => {
    const known = folded.get(segmentExport);
    if (known !== undefined) return known;
    const made = fold(segmentExport.name);
    folded.set(segmentExport, made);
    return made;
  };

  /** id → name, in the order of names; and id → place in it */
  let ordered: { readonly id: ExportId; readonly name: string }[] = [];
  let places = new Map<ExportId, number>();
  const compareNames = (one: { name: string; id: string }, other: { name: string; id: string }): number =>
    collate(one.name, other.name) || byCode(one.id, other.id);
  const placesOf = (entries: readonly ExportEntry[]): ReadonlyMap<ExportId, number> => {
    const names = new Map(entries.map(({ segmentExport: { id, name } }) => [id, name]));
    const kept = ordered.filter(({ id, name }) => names.get(id) === name);
    if (kept.length === ordered.length && kept.length === names.size) return places;
    const keptIds = new Set(kept.map(({ id }) => id));
    const added = [...names].flatMap(([id, name]) => (keptIds.has(id) ? [] : [{ id, name }]));
    if (added.length * 8 < kept.length) {
      for (const one of added)
        kept.splice(
          firstAfter(kept, (other) => compareNames(other, one)),
          0,
          one,
        );
      ordered = kept;
    } else {
      ordered = [...kept, ...added].sort(compareNames);
    }
    places = new Map(ordered.map(({ id }, place) => [id, place]));
    return places;
  };

  return {
    /** @param nextRunAt when an export runs by itself next */
    page: (entries: readonly ExportEntry[], query: ExportQuery, caller: Caller, nextRunAt: NextRunAt = () => undefined): ExportPage => {
      const { search, sort, order, size, token, segment, withoutSegment, connectionId, health, activity, permission, createdBy } = query;
      const from = token === undefined ? undefined : readToken(token, { sort, order });
      const place = placesOf(entries);
      const wanted = search === undefined ? undefined : fold(search);
      const foldedTexts = new Map<string, string>();
      const foldOnce = (text: string): string => {
        const known = foldedTexts.get(text) ?? fold(text);
        foldedTexts.set(text, known);
        return known;
      };
      const isFound = (entry: ExportEntry, seen: ConnectionOfExport | undefined): boolean => {
        const { segmentExport, connection } = entry;
        if (segment !== undefined && !segmentExport.segments.includes(segment)) return false;
        if (withoutSegment !== undefined && segmentExport.segments.includes(withoutSegment)) return false;
        if (permission !== undefined && permissionFor(caller, connection) !== permission) return false;
        if (connectionId !== undefined && (connectionId === 'none' ? seen !== undefined : seen?.id !== connectionId)) return false;
        if (createdBy !== undefined && segmentExport.createdBy !== createdBy) return false;
        if (wanted !== undefined) {
          const texts = [foldedName(segmentExport), ...[seen?.displayName, seen?.type].flatMap((text) => (text ? [foldOnce(text)] : []))];
          if (!texts.some((text) => text.includes(wanted))) return false;
        }
        if (health === undefined && activity === undefined) return true;
        const status = statusOf(entry);
        const isOfHealth = health === undefined || (health === 'unhealthy' ? status.health !== 'healthy' : status.health === health);
        return isOfHealth && (activity === undefined || (activity === 'active' ? isActive(status.activity) : status.activity === activity));
      };
      const found = entries.flatMap((entry) => {
        const seen = connectionFor(caller, entry.segmentExport, entry.connection);
        return isFound(entry, seen) ? [{ entry, key: keyOf(sort, entry, seen, nextRunAt) }] : [];
      });

      const sign = order === 'asc' ? 1 : -1;
      const ranks = sort === 'connection' ? ranksOf(found.map(({ key }) => key)) : undefined;
      const compareFound = (one: string, other: string): number => (ranks ? ranks.get(one)! - ranks.get(other)! : byCode(one, other));
      const placeOf = ({ segmentExport }: ExportEntry): number => place.get(segmentExport.id)!;
      found.sort((one, other) => sign * (compareFound(one.key, other.key) || placeOf(one.entry) - placeOf(other.entry)));

      const compareKeys = sort === 'connection' ? collate : byCode;
      const isAfter = ({ entry, key }: (typeof found)[number], position: Position): number =>
        sign * (compareKeys(key, position.key) || compareNames(entry.segmentExport, position));
      const begin = from === undefined ? 0 : firstAfter(found, (one) => isAfter(one, from));
      const page = found.slice(begin, begin + size);
      const last = begin + size < found.length ? page.at(-1) : undefined;
      return {
        value: page.map(({ entry }) => listed(caller, entry, nextRunAt)),
        total: found.length,
        summary: summaryOf(entries, caller, nextRunAt),
        ...(last === undefined ? {} : { token: writeToken(positionOf(last.entry.segmentExport, { sort, order, key: last.key })) }),
      };
    },
  };
};

/** Place of the first of a sorted list that `compare` puts after something. */
const firstAfter = <T>(sorted: readonly T[], compare: (one: T) => number): number => {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(sorted[middle]!) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
};

export type ExportList = ReturnType<typeof createExportList>;
