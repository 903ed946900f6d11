import { z } from 'zod';
import { RowStage } from '../runs/row-report';
import { isDomainError } from '../errors';
import { ConnectionId, ExportId, RunId } from '../ids';
import { RunState } from '../runs/run';

/** Longer ones than any valid address, too: rows with them stand in reports. */
export const PersonAddress = z.string().trim().min(1).max(1_000);

/** The address comes in the body, never in a URL, as those are logged by others. */
export const TraceRequest = z.strictObject({ email: PersonAddress }).meta({ id: 'TraceRequest' });
export type TraceRequest = z.infer<typeof TraceRequest>;

/** Why a part of the answer is not known. */
const Unknown = z.object({ code: z.string(), message: z.string() });

/** A row of the source with the address, as one export would treat it. */
export const TracedRow = z
  .object({
    segment: z.string(),
    customerId: z.string(),
    /** the row that is sent; the others are its duplicates */
    wins: z.boolean(),
    /** what would be sent: attributes of the Klaviyo profile; absent where the row is refused */
    profile: z.record(z.string(), z.unknown()).optional(),
    /** the phone number is left out, as it is none */
    phoneDropped: z.boolean(),
    /** why the row is refused, as in the report of invalid rows */
    refusedAs: z.string().optional(),
  })
  .meta({ id: 'TracedRow' });
export type TracedRow = z.infer<typeof TracedRow>;

export const TracedSegment = z
  .object({
    name: z.string(),
    /** rows with the address; absent where the segment cannot be read */
    rows: z.int().optional(),
    refreshedAt: z.string().optional(),
    /** false: it is being written at the moment */
    complete: z.boolean().optional(),
    unknown: Unknown.optional(),
  })
  .meta({ id: 'TracedSegment' });
export type TracedSegment = z.infer<typeof TracedSegment>;

/** What an export's member state says of the person. */
export const TracedState = z
  .object({
    /** absent where it cannot be told */
    known: z.boolean().optional(),
    unknown: Unknown.optional(),
    /** the run that last carried the person; its id and jobs are absent where its history is gone */
    runNumber: z.int().optional(),
    runId: RunId.optional(),
    at: z.string().optional(),
    batch: z.int().optional(),
    jobIds: z.array(z.string()).optional(),
    /** whether Klaviyo is known to have what was sent last; else the next run sends it again */
    sure: z.boolean().optional(),
    /** its job had not ended by the deadline: the next runs leave the person alone until it has */
    jobOpen: z.boolean().optional(),
  })
  .meta({ id: 'TracedState' });
export type TracedState = z.infer<typeof TracedState>;

/** A row of the person in the report of one of the last runs. */
export const TracedReport = z
  .object({
    runId: RunId,
    at: z.string(),
    stage: RowStage,
    segment: z.string(),
    customerId: z.string(),
    code: z.string(),
    /** Klaviyo's own words */
    detail: z.string().optional(),
    whatToDo: z.string(),
  })
  .meta({ id: 'TracedReport' });
export type TracedReport = z.infer<typeof TracedReport>;

/** One list of one account that the export feeds, or has fed last. */
export const TracedList = z
  .object({
    accountId: z.string(),
    listId: z.string(),
    /** absent where Klaviyo could not be asked */
    onList: z.boolean().optional(),
    profileId: z.string().optional(),
    /** when the person joined the list, as Klaviyo says it */
    joinedAt: z.string().optional(),
    unknown: Unknown.optional(),
  })
  .meta({ id: 'TracedList' });
export type TracedList = z.infer<typeof TracedList>;

export const TracedExport = z
  .object({
    id: ExportId,
    name: z.string(),
    connectionId: ConnectionId.optional(),
    membership: z.enum(['add', 'mirror']),
    segments: z.array(TracedSegment),
    /** at most 100, in the order in which a run reads them */
    rows: z.array(TracedRow),
    state: TracedState,
    /** a run that is under way may change all of this */
    activeRun: z.object({ id: RunId, state: RunState }).optional(),
    reports: z.array(TracedReport),
    lists: z.array(TracedList),
  })
  .meta({ id: 'TracedExport' });
export type TracedExport = z.infer<typeof TracedExport>;

export const PersonTrace = z
  .object({
    /** as a run writes it */
    email: z.string(),
    valid: z.boolean(),
    /** why it is not valid, and what to do */
    reason: Unknown.optional(),
    /** stands for the person in the activity log */
    person: z.string(),
    tracedAt: z.iso.datetime(),
    exports: z.array(TracedExport),
  })
  .meta({ id: 'PersonTrace' });
export type PersonTrace = z.infer<typeof PersonTrace>;

/** What the answer says where a part could not be read; errors that are none of ours keep their text to themselves. */
export const unknownBecause = (error: unknown, otherwise: z.infer<typeof Unknown>): z.infer<typeof Unknown> =>
  isDomainError(error) ? { code: error.code, message: error.message } : otherwise;
