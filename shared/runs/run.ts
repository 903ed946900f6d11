import { z } from 'zod';
import { ConnectionId, ExportId, ListId, RunId, Traceparent } from '../ids';
import { TriggerKind } from '../exports/export';
import { Mapping } from '../exports/mapping';

export const RunPhase = z.enum(['prepare', 'gate', 'canary', 'submit', 'settle', 'remove', 'verify', 'finish']);
export type RunPhase = z.infer<typeof RunPhase>;

export const RunState = z.enum(['queued', 'refreshing', 'successful', 'failed', 'skipped', 'canceled']);
export type RunState = z.infer<typeof RunState>;
export const hasEnded = (state: RunState): boolean => state !== 'queued' && state !== 'refreshing';

const count = z.int().min(0).default(0);

/**
 * Each row read ends in exactly one of invalid, duplicates, unchanged, sent, unsent; each row sent in exactly one of accepted,
 * rejected, open (design, "Accounting"). The others stand outside these sums.
 */
export const RunCounts = z
  .object({
    read: count,
    invalid: count,
    duplicates: count,
    unchanged: count,
    sent: count,
    unsent: count,
    accepted: count,
    rejected: count,
    open: count,
    removed: count,
    held: count,
    expected: count,
    found: count,
    /** rows kept whose phone number was left out, as it is none */
    phonesDropped: count,
  })
  .meta({ id: 'RunCounts' });
export type RunCounts = z.infer<typeof RunCounts>;
export const noCounts = (): RunCounts => RunCounts.parse({});

/** What is known before the first byte leaves. */
export const RunPlan = z
  .object({
    /** distinct valid addresses over all segments */
    members: count,
    new: count,
    changed: count,
    unchanged: count,
    leavers: count,
    unknownToKlaviyo: z.int().min(0).optional(),
    /** the removals would be held, or are */
    held: z.boolean().default(false),
    jobs: count,
    bytes: count,
    /** least time the published limits allow for the import calls, in seconds */
    minSeconds: z.number().min(0).default(0),
  })
  .meta({ id: 'RunPlan' });
export type RunPlan = z.infer<typeof RunPlan>;

/** The same sums as RunCounts, for the rows of one segment. Failed rows that Klaviyo did not name count for a segment of their job. */
export const SegmentCounts = z
  .object({
    name: z.string(),
    read: count,
    invalid: count,
    invalidByReason: z.record(z.string(), z.int()).default({}),
    duplicates: count,
    unchanged: count,
    sent: count,
    unsent: count,
    accepted: count,
    rejected: count,
    open: count,
    refreshedAt: z.iso.datetime({ offset: true }).optional(),
  })
  .meta({ id: 'SegmentCounts' });
export type SegmentCounts = z.infer<typeof SegmentCounts>;

export const RunError = z.object({ code: z.string(), message: z.string(), requestId: z.string().optional() }).meta({ id: 'RunError' });
export type RunError = z.infer<typeof RunError>;

/** What everybody may see of a run. */
export const Run = z
  .object({
    id: RunId,
    exportId: ExportId,
    number: z.int().min(0),
    state: RunState,
    phase: RunPhase,
    dryRun: z.boolean(),
    full: z.boolean(),
    /** `byId`: object id of the person or application, where one asked for it */
    trigger: z.object({ kind: TriggerKind, by: z.string(), byId: z.string().optional() }),
    /** the run whose rejected rows this one sends again */
    retryOf: RunId.optional(),
    /** the run whose held removals this one carries out */
    approves: z.object({ runId: RunId, upTo: z.int().min(1) }).optional(),
    /** what became of the held removals */
    heldState: z.enum(['waiting', 'approved', 'dismissed']).optional(),
    snapshotId: z.string().optional(),
    refreshedAt: z.string().optional(),
    counts: RunCounts,
    invalidByReason: z.record(z.string(), z.int()).default({}),
    /** by Klaviyo's code; the sum is counts.rejected, but for runs of earlier versions, which did not count them */
    rejectedByReason: z.record(z.string(), z.int()).default({}),
    segments: z.array(SegmentCounts).default([]),
    plan: RunPlan.optional(),
    /** seconds per phase, waits included */
    phases: z.partialRecord(RunPhase, z.number()).default({}),
    warnings: z.array(z.object({ code: z.string(), message: z.string() })).default([]),
    jobs: z.object({ total: count, submitted: count, ended: count }).default({ total: 0, submitted: 0, ended: 0 }),
    throttled: count,
    servedRevision: z.string().optional(),
    submittedAt: z.iso.datetime(),
    startedAt: z.iso.datetime().optional(),
    endedAt: z.iso.datetime().optional(),
    error: RunError.optional(),
  })
  .meta({ id: 'Run' });
export type Run = z.infer<typeof Run>;

/** The export's settings as they were when the run began: a change in the middle does not reach it. */
export const FrozenConfig = z.object({
  exportName: z.string(),
  connectionId: ConnectionId,
  accountId: z.string(),
  listId: ListId,
  segments: z.array(z.string()).min(1),
  mapping: Mapping,
  membership: z.enum(['add', 'mirror']),
  maxProfiles: z.int(),
  canaryRows: z.int().default(100),
  resyncDays: z.int().default(7),
  maxInvalidShare: z.number().default(0.2),
  guardCount: z.int().default(500),
  guardShare: z.number().default(0.1),
});
export type FrozenConfig = z.infer<typeof FrozenConfig>;

const ImportJobRecord = z.object({
  id: z.string(),
  failed: z.int().default(0),
  outcome: z.enum(['complete', 'cancelled', 'open']).optional(),
});

/** One import job to be: a staged body, sent as it lies. */
export const StagedBatch = z.object({
  /** 1, 2, … in the order of sending */
  number: z.int().min(1),
  rows: z.int().min(1),
  /** its rows by segment, in the order of the run's segments; absent where there is one */
  segments: z.array(z.int()).optional(),
  /** of the staged blob, as sent */
  bytes: z.int().min(1),
  /** ISO instant, written before the first post: from here on a job may exist that we do not know of */
  postedAt: z.iso.datetime().optional(),
  /** its jobs: one as a rule; several where Klaviyo refused the whole and parts of it were posted */
  jobs: z.array(ImportJobRecord).default([]),
  /** rows taken out because Klaviyo's admission refused them */
  stripped: z.int().min(0).default(0),
  /** every row of it was posted or stripped; what came back is on record */
  posted: z.boolean().default(false),
  /** open: its job had not ended by the deadline */
  outcome: z.enum(['complete', 'cancelled', 'open']).optional(),
  /** rows that are not there because Klaviyo refused them, before or after the admission */
  failedRows: z.int().optional(),
  /** those of them that Klaviyo named, by segment; absent where there is one */
  failedBySegment: z.array(z.int()).optional(),
  /** rows that failed after the admission, by Klaviyo's code, as far as it said */
  failedByCode: z.record(z.string(), z.int()).optional(),
  requestId: z.string().optional(),
});
export type StagedBatch = z.infer<typeof StagedBatch>;

/** `runs/{runId}/run.json`: changed only by the holder of its lease. */
export const RunDocument = z.object({
  version: z.literal(1),
  run: Run,
  config: FrozenConfig,
  /** the trace that all slices of the run belong to, whoever works on them: that of the request it was started by */
  traceparent: Traceparent,
  /** the newest turn that was begun; a message whose turn is not above it is surplus */
  turn: z.int().min(0),
  /** slices begun since the last hand-over; five without one fail the run */
  starts: z.int().min(0),
  wakeAt: z.iso.datetime().optional(),
  /** when the current phase began */
  phaseAt: z.iso.datetime().optional(),
  /** counts up with each beginning of prepare; staged data of earlier attempts does not count */
  attempt: z.int().min(0),
  /** a source too slow for one slice: what of it lies in the staged data, and the snapshot once all of it does */
  spool: z
    .object({
      pieces: z.array(z.string()),
      rows: z.int().min(0),
      /** beginnings anew, as the source had changed */
      restarts: z.int().min(0),
      snapshot: z.string().optional(),
    })
    .optional(),
  /** made by prepare: where the staged data lies and how long and what it is */
  staged: z
    .object({
      attempt: z.int().min(1),
      batches: z.array(StagedBatch),
      /** whether the bodies lie compressed */
      gzip: z.boolean(),
      /** rows never to be posted by this run: over the cap, or waiting for an older job */
      heldBack: z.int().min(0),
      heldBackBySegment: z.array(z.int()).default([]),
      /** digest of snapshot, connection, list, segments and mapping */
      servedDigest: z.string(),
      /** the member state stays as it is; no members are staged */
      nothingNew: z.boolean().default(false),
    })
    .optional(),
  /** rows that somebody asked for beside the usual */
  verifyAll: z.boolean().default(false),
  countUnknown: z.boolean().default(false),
  /** posts that got no answer, or were under way when a runner died: a job that we do not know may exist since then */
  unansweredSince: z.iso.datetime().optional(),
  /** the same of earlier runs, as the state they left says */
  doubtSince: z.iso.datetime().optional(),
  /** how often the canary's people were looked for */
  canaryLooks: z.int().min(0).default(0),
  /** the canary's people were seen on the list */
  proven: z.boolean().default(false),
  verifyLooks: z.int().min(0).default(0),
  /** leavers: how many there are, whether they may be removed, and how many of them, in order, are dealt with */
  remove: z
    .object({
      leavers: z.int().min(0),
      /** removed by an earlier run under doubt, and looked for once more; they come first */
      watched: z.int().min(0).default(0),
      /** members before this run, and removals of the last seven days: what the guard measures */
      members: z.int().min(0).default(0),
      lately: z.int().min(0).default(0),
      held: z.boolean(),
      /** looked up and noted; their delete may have gone out */
      attempted: z.int().min(0),
      done: z.int().min(0),
      /** people named in the delete that is under way, so that a crash does not lose their count */
      inDelete: z.int().min(0).default(0),
      waitingSince: z.iso.datetime().optional(),
    })
    .optional(),
  settle: z.object({ pollAfterMs: z.int(), deadlineAt: z.iso.datetime() }).optional(),
  /** the state the run began with */
  stateGeneration: z.int().min(0).default(0),
  /** waits in a row for what can pass; each good step sets it back */
  /** bodies go out uncompressed, as Klaviyo refused a compressed one */
  sendPlain: z.boolean().default(false),
  troubles: z.int().min(0).default(0),
  /** since when the source's snapshot is not whole */
  waitingSince: z.iso.datetime().optional(),
  /** version of the secret whose account was checked */
  keyVersion: z.string().optional(),
  /** the addresses beside the old state are not those of its members: prepare begins as if there were no state */
  forgetsOld: z.boolean().default(false),
  /** since when it can do nothing but wait for something outside: a whole snapshot, somebody's lock, an answer after trouble */
  standsSince: z.iso.datetime().optional(),
  /** what its export's row was told of it; undefined = queued, as its starter wrote */
  shownAs: z.enum(['running', 'waiting']).optional(),
  /** the run that carries out the removals that this one held */
  approvedBy: RunId.optional(),
  /** who had the run stopped, and why */
  stoppedBy: z.object({ reason: z.enum(['canceled', 'removed', 'detached', 'erased']), by: z.string() }).optional(),
  /** how the run is to end; finish carries it out */
  ending: z.object({ state: z.enum(['successful', 'failed', 'skipped', 'canceled']) }).optional(),
});
export type RunDocument = z.infer<typeof RunDocument>;

/**
 * "Advance this run." The next turn's message is also the dead man's switch (design §2). Fields of a later version are left out, as old and new
 * read one queue during a deployment; for the same reason nothing is added here that run.json can carry, e.g. the trace.
 */
export const RunMessage = z.object({ exportId: ExportId, runId: RunId, turn: z.int().min(1) });
export type RunMessage = z.infer<typeof RunMessage>;

/** The message that brings a run to a turn. */
export const messageOf = ({ run: { id: runId, exportId } }: Pick<RunDocument, 'run'>, turn: number): RunMessage => ({
  exportId,
  runId,
  turn,
});

export const RunRequest = z
  .strictObject({
    /** send everything, changed or not */
    full: z.boolean().default(false),
    /** read, check and plan, but send nothing */
    dryRun: z.boolean().default(false),
    /** look for everybody on the list afterwards, not for a sample */
    verifyAll: z.boolean().default(false),
    /** with dryRun: ask Klaviyo how many of the new people it does not know yet */
    countUnknown: z.boolean().default(false),
  })
  .meta({ id: 'RunRequest' });
export type RunRequest = z.infer<typeof RunRequest>;
