import { z } from 'zod';
import { ChannelId, ConnectionId, ExportId, ListId, RunId } from '../ids';
import { ExportSchedule, SavedSchedule } from '../schedules/schedule';
import { Mapping } from './mapping';
import { RECENT_RUNS, RecentRun } from './recent-run';

const SegmentName = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .regex(/^[^/\\\p{Cc}]+$/u, 'expected the output table name of a segment');

/** What a person may say of an export. Defaults make stored rows of earlier versions parse. */
const editable = {
  name: z.string().trim().min(1).max(200),
  connectionId: ConnectionId,
  listId: ListId,
  segments: z
    .array(SegmentName)
    .min(1)
    .max(50)
    .refine((names) => new Set(names).size === names.length, 'expected each segment once'),
  mapping: Mapping,
  membership: z.enum(['add', 'mirror']).default('add'),
  schedule: ExportSchedule.default({ kind: 'system' }),
  /**
   * Most distinct valid addresses over all segments; the app setting MAX_PROFILES_PER_EXPORT bounds it. This and the other limits:
   * where an export has none of its own, that of `/settings/limits` holds.
   */
  maxProfiles: z.int().min(1).max(100_000_000).optional(),
  /** rows of the small first job of a first load; 0 = none */
  canaryRows: z.int().min(0).max(1_000).default(100),
  /** days after which everything is sent again, changed or not */
  resyncDays: z.int().min(1).max(365).optional(),
  /** share of invalid rows above which nothing is sent, 0 to 1 */
  maxInvalidShare: z.number().min(0).max(1).optional(),
  /** removals above this count and this share are held, until somebody approves them (mirror only) */
  guardCount: z.int().min(0).max(100_000_000).optional(),
  guardShare: z.number().min(0).max(1).optional(),
  /** channels of the scope `chosen` that are told of this export, beside those that are told of all */
  notify: z
    .strictObject({
      channelIds: z
        .array(ChannelId)
        .max(10)
        .refine((ids) => new Set(ids).size === ids.length, 'expected each channel once'),
    })
    .optional(),
};

/** A list that is to be made in Klaviyo unless there is one of this name. */
export const ListToCreate = z
  .strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(200)
      .regex(/^\P{Cc}+$/u, 'expected a name without control characters'),
  })
  .meta({ id: 'ListToCreate' });
export type ListToCreate = z.infer<typeof ListToCreate>;

export const NewExport = z
  .strictObject({ ...editable, listId: ListId.optional(), createList: ListToCreate.optional() })
  .refine(({ listId, createList }) => (listId === undefined) !== (createList === undefined), {
    path: ['listId'],
    message: 'expected either listId or createList',
  })
  .meta({ id: 'NewExport' });
export type NewExport = z.infer<typeof NewExport>;

/** A change names only what changes (RFC 7396): no defaults here, or an absent field would be reset. null clears a limit, or `notify`. */
export const ExportChange = z
  .strictObject({
    name: editable.name.optional(),
    connectionId: editable.connectionId.optional(),
    listId: editable.listId.optional(),
    createList: ListToCreate.optional(),
    segments: editable.segments.optional(),
    mapping: editable.mapping.optional(),
    membership: z.enum(['add', 'mirror']).optional(),
    schedule: ExportSchedule.optional(),
    maxProfiles: editable.maxProfiles.nullable(),
    canaryRows: editable.canaryRows.unwrap().optional(),
    resyncDays: editable.resyncDays.nullable(),
    maxInvalidShare: editable.maxInvalidShare.nullable(),
    guardCount: editable.guardCount.nullable(),
    guardShare: editable.guardShare.nullable(),
    notify: editable.notify.nullable(),
  })
  .refine(({ listId, createList }) => listId === undefined || createList === undefined, {
    path: ['listId'],
    message: 'expected listId or createList, not both',
  })
  .meta({ id: 'ExportChange' });
export type ExportChange = z.infer<typeof ExportChange>;

/** A stored export. `connectionId` is absent while it is detached. */
export const Export = z
  .object({
    ...editable,
    id: ExportId,
    connectionId: ConnectionId.optional(),
    schedule: SavedSchedule.default({ kind: 'system' }),
    /** while the schedule is off: the one that comes back when it is turned on */
    scheduleBefore: SavedSchedule.optional(),
    /** the list's name when it was last looked at */
    listName: z.string().optional(),
    /** nothing starts a paused export; a run that is under way goes on */
    paused: z.boolean().default(false),
    pausedAt: z.iso.datetime().optional(),
    pausedBy: z.string().optional(),
    /** when schedule, connection or pause last changed: occurrences at or before it are not its own */
    scheduleSetAt: z.iso.datetime().optional(),
    createdAt: z.iso.datetime(),
    /** object id; the name beside it is what it was then */
    createdBy: z.string(),
    createdByName: z.string().optional(),
    updatedAt: z.iso.datetime(),
    updatedBy: z.string(),
    updatedByName: z.string().optional(),
  })
  .meta({ id: 'Export' });
export type Export = z.infer<typeof Export>;

/** What made a run begin. */
export const TriggerKind = z.enum(['schedule', 'onDemand', 'request', 'event', 'retry', 'approval']);
export type TriggerKind = z.infer<typeof TriggerKind>;

const startedWith = {
  full: z.boolean(),
  dryRun: z.boolean(),
  /** look for everybody afterwards, not for a sample */
  verifyAll: z.boolean().optional(),
  /** ask Klaviyo in a dry run how many of the new people it does not know */
  countUnknown: z.boolean().optional(),
  /** the run whose rejected rows are sent again */
  retryOf: RunId.optional(),
  /** the run whose held removals are approved, and how many at most */
  approves: z.object({ runId: RunId, upTo: z.int().min(1) }).optional(),
};

/**
 * What the runner keeps for an export, in a row of its own: people edit the export while runs come and go, and neither may
 * overwrite the other.
 */
export const ExportActivity = z.object({
  /** the one active run; cleared when it has ended */
  activeRunId: RunId.optional(),
  /** how far the active run is, for lists; its document knows better, and the sweep compares both */
  activeState: z.enum(['queued', 'running', 'waiting']).optional(),
  /** the active run, when its document cannot be read: a newer version of the app wrote it */
  unreadableRun: RunId.optional(),
  /** the last ended run that tells how the export fares: no dry run, none that was cancelled, was skipped or had become void */
  last: z
    .object({
      runId: RunId,
      number: z.int().min(0),
      state: z.enum(['successful', 'failed']),
      trigger: TriggerKind,
      endedAt: z.iso.datetime(),
      /** codes of its warnings */
      warnings: z.array(z.string()).default([]),
      /** removals that wait for somebody's word */
      held: z.int().min(0).default(0),
      rejected: z.int().min(0).default(0),
      /** earlier versions did not note it */
      accepted: z.int().min(0).optional(),
      invalid: z.int().min(0).default(0),
      read: z.int().min(0).default(0),
      error: z.object({ code: z.string(), message: z.string() }).optional(),
    })
    .optional(),
  /** distinct usable addresses of all its segments, as the last run that counted them found (also a dry run) */
  members: z.int().min(0).optional(),
  /** the newest ended runs of any kind, the oldest first; earlier versions noted none */
  recent: z.array(RecentRun).max(RECENT_RUNS).default([]),
  /** the newest run since then that did nothing, for a reason that somebody should look at */
  lastSkip: z.object({ runId: RunId, at: z.iso.datetime(), code: z.string(), message: z.string() }).optional(),
  /** end of the last successful real run of the whole export (customer-insights.md X8) */
  refreshedAt: z.iso.datetime().optional(),
  /** what the active run was started with, until it has a document of its own: whoever finds it without one completes it */
  starting: z
    .object({
      trigger: z.object({ kind: TriggerKind, by: z.string(), byId: z.string().optional() }),
      ...startedWith,
      at: z.iso.datetime(),
    })
    .optional(),
  /** counts up by one a run; stands in the member state as the run that last carried a member */
  lastRunNumber: z.int().min(0).default(0),
  lastRunId: RunId.optional(),
  /** what is to start when the active run has ended; options of several requests merged */
  pending: z
    .object({
      full: z.boolean(),
      dryRun: z.boolean(),
      verifyAll: z.boolean().optional(),
      countUnknown: z.boolean().optional(),
      trigger: z.enum(['schedule', 'onDemand', 'request', 'event']),
      by: z.string(),
      byId: z.string().optional(),
      /** since when it waits; earlier versions did not note it */
      at: z.iso.datetime().optional(),
      /** of the request that began to wait, so that a repeat of it finds the run it made */
      requestKey: z.string().optional(),
    })
    .optional(),
  /**
   * Somebody is rewriting the export's state: until that is done, or the time is over (its holder died), no run begins. The state
   * itself is safe without it, as it is swapped only where no run is active.
   */
  claim: z.object({ by: z.string(), until: z.iso.datetime() }).optional(),
  /** newest generation of the member state; an older blob than this was restored from a backup */
  stateGeneration: z.int().min(0).default(0),
  /** the list that the newest state speaks of; others that feed the same list look at it before they remove anybody */
  stateList: z.object({ accountId: z.string(), listId: z.string() }).optional(),
  /** a gap was found: the next run sends everything; once per re-sync interval */
  fullNext: z.boolean().optional(),
  fullForcedAt: z.iso.datetime().optional(),
  /** snapshot, connection, list, segments and mapping of the last successful real run, as one digest */
  servedDigest: z.string().optional(),
  /** when the segments of that run had been refreshed; a scheduled run brings nothing older */
  servedRefreshedAt: z.string().optional(),
  /** when its history was last gone through for what is to go by age */
  retainedAt: z.iso.datetime().optional(),
  /** of runs submitted before this, no row report is left */
  reportsClearedBefore: z.iso.datetime().optional(),
});
export type ExportActivity = z.infer<typeof ExportActivity>;

/** Whether no run of the export may begin now. */
export const isClaimed = ({ claim }: Pick<ExportActivity, 'claim'>, now: Date): boolean =>
  claim !== undefined && Date.parse(claim.until) > now.getTime();
