import { z } from 'zod';
import { RunId } from '../ids';
import { Run } from './run';
import type { RunDocument, StagedBatch } from './run';

/** waiting: not posted. posting: some of it may have been. processing: Klaviyo has it all, and has not said how it ended. */
const JobState = z.enum(['waiting', 'posting', 'processing', 'complete', 'cancelled', 'open']);

/** One prepared batch and what became of it at Klaviyo; numbers and ids only. */
export const RunJob = z
  .object({
    /** 1, 2, … in the order of sending */
    batch: z.int().min(1),
    rows: z.int().min(1),
    state: JobState,
    /** Klaviyo's: one as a rule, several where parts were posted or a batch was sent again after a lost answer */
    jobs: z.array(z.object({ id: z.string(), outcome: z.enum(['complete', 'cancelled', 'open']).optional(), failedRows: z.int().min(0) })),
    /** refused by Klaviyo so far, before or after the admission */
    failedRows: z.int().min(0).optional(),
    /** of these, taken out because the admission refused them */
    strippedRows: z.int().min(0),
    /** Klaviyo's id of the request that posted it */
    requestId: z.string().optional(),
    postedAt: z.iso.datetime().optional(),
  })
  .meta({ id: 'RunJob' });
export type RunJob = z.infer<typeof RunJob>;

/** The jobs of a run, and when what happened. */
export const RunJobs = z
  .object({
    runId: RunId,
    ...Run.pick({ state: true, submittedAt: true, startedAt: true, endedAt: true, phases: true, throttled: true, servedRevision: true })
      .shape,
    value: z.array(RunJob),
  })
  .meta({ id: 'RunJobs' });
export type RunJobs = z.infer<typeof RunJobs>;

const stateOf = ({ outcome, posted, postedAt }: StagedBatch): z.infer<typeof JobState> =>
  outcome ?? (posted ? 'processing' : postedAt === undefined ? 'waiting' : 'posting');

/** What a run's document knows of its jobs. */
export const jobsOf = ({ run, staged }: RunDocument): RunJobs => ({
  runId: run.id,
  state: run.state,
  submittedAt: run.submittedAt,
  startedAt: run.startedAt,
  endedAt: run.endedAt,
  phases: run.phases,
  throttled: run.throttled,
  servedRevision: run.servedRevision,
  value: (staged?.batches ?? []).map((batch) => ({
    batch: batch.number,
    rows: batch.rows,
    state: stateOf(batch),
    jobs: batch.jobs.map(({ id, outcome, failed }) => ({ id, ...(outcome ? { outcome } : {}), failedRows: failed })),
    failedRows: batch.failedRows,
    strippedRows: batch.stripped,
    requestId: batch.requestId,
    postedAt: batch.postedAt,
  })),
});
