import { z } from 'zod';
import { RunId } from '../ids';

/**
 * One row per export and due occurrence, event or request (insert-only): it carries the id of the run to be, so that whoever repeats
 * or completes the request finds the same run (design §3 "Queues").
 */
export const Occurrence = z.object({
  runId: RunId,
  at: z.iso.datetime(),
  /** the run that was active then, and answered in its place */
  answeredBy: RunId.optional(),
});
export type Occurrence = z.infer<typeof Occurrence>;
