import { z } from 'zod';
import { EraseId, ExportId, RunId } from '../ids';
import { Run } from '../runs/run';
import { PersonAddress } from './person-trace';

export const EraseRequest = z
  .strictObject({
    email: PersonAddress,
    /** also off every list that an export feeds or has fed last; nobody is unsubscribed, no profile deleted */
    removeFromLists: z.boolean().default(false),
  })
  .meta({ id: 'EraseRequest' });
export type EraseRequest = z.infer<typeof EraseRequest>;

const count = z.int().min(0).default(0);

/** What was done and said so: a step that died in between is repeated, finds nothing, and counts nothing. */
export const ErasureCounts = z
  .object({
    /** member states that the person was taken out of */
    states: count,
    /** states that could not be read, and were removed whole: the next run of the export sends everything */
    statesRemoved: count,
    runsStopped: count,
    reports: count,
    reportRows: count,
    /** runs whose left-over staged data was removed */
    stagedRuns: count,
    lists: count,
  })
  .meta({ id: 'ErasureCounts' });
export type ErasureCounts = z.infer<typeof ErasureCounts>;

export const ErasedList = z
  .object({
    accountId: z.string(),
    listId: z.string(),
    state: z.enum(['waiting', 'removed', 'notOnList', 'failed']),
    /** what is waited for, or why the person could not be taken off */
    reason: z.string().optional(),
  })
  .meta({ id: 'ErasedList' });
export type ErasedList = z.infer<typeof ErasedList>;

/** Where the person stood in the source when all else was done: the next run of these exports brings them back. */
export const StillInSource = z
  .object({
    segment: z.string(),
    /** absent where the segment cannot be read; `reason` says why */
    stillInSource: z.boolean().optional(),
    reason: z.string().optional(),
    exportIds: z.array(ExportId),
  })
  .meta({ id: 'StillInSource' });
export type StillInSource = z.infer<typeof StillInSource>;

/** How far an erasure is; holds no address. */
export const ErasureView = z
  .object({
    id: EraseId,
    state: z.enum(['waiting', 'working', 'done']),
    requestedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().optional(),
    by: z.string(),
    byName: z.string(),
    /** keyed hash of the address, as in the activity log */
    person: z.string(),
    removeFromLists: z.boolean(),
    counts: ErasureCounts,
    /** exports that are not done yet, and the run whose end is waited for */
    waitingFor: z.array(z.object({ exportId: ExportId, runId: RunId.optional() })),
    lists: z.array(ErasedList),
    segments: z.array(StillInSource),
  })
  .meta({ id: 'ErasureView' });
export type ErasureView = z.infer<typeof ErasureView>;

/** A job that may still put the person back on a list; or any of the account since an instant, where one got no answer. */
const WaitingList = ErasedList.extend({ jobIds: z.array(z.string()).default([]), doubtSince: z.iso.datetime().optional() });

/** An erasure as it lies in storage: the address is in it only as long as there is work to do. */
export const Erasure = ErasureView.extend({
  version: z.literal(1),
  email: z.string().optional(),
  /** exports whose state is done */
  doneExports: z.array(ExportId).default([]),
  /** runs that were stopped, as they were: what they were to do is done afterwards */
  stopped: z.array(Run.pick({ id: true, exportId: true })).default([]),
  lists: z.array(WaitingList),
  /** the steps behind the states, in this order */
  reportsAfter: z.string().default(''),
  reportsDone: z.boolean().default(false),
  stagedDone: z.boolean().default(false),
});
export type Erasure = z.infer<typeof Erasure>;

export const viewOf = (erasure: Erasure): ErasureView => ErasureView.parse(erasure);
