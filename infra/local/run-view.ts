import { z } from 'zod';

/** The parts of the API's answers that `npm start` reads. */
const count = z.number().default(0);

export const RunView = z.object({
  id: z.string(),
  state: z.string(),
  phase: z.string(),
  counts: z.object({
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
    phonesDropped: count,
  }),
  invalidByReason: z.record(z.string(), z.number()).default({}),
  phases: z.record(z.string(), z.number()).default({}),
  jobs: z.object({ total: count, submitted: count, ended: count }),
  warnings: z.array(z.object({ code: z.string(), message: z.string() })).default([]),
  throttled: count,
  submittedAt: z.string(),
  endedAt: z.string().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type RunView = z.infer<typeof RunView>;

export const hasEnded = ({ state }: Pick<RunView, 'state'>): boolean => state !== 'queued' && state !== 'refreshing';

/** From the request to the end, in seconds; to now while it runs. */
export const secondsOf = ({ submittedAt, endedAt }: RunView, now: Date): number =>
  Math.round((endedAt === undefined ? now.getTime() : Date.parse(endedAt)) - Date.parse(submittedAt)) / 1_000;
