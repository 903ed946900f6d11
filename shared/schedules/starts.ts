import { z } from 'zod';
import { ExportId, Traceparent } from '../ids';

/** Our own message in the queue `export-starts`: exports that somebody has chosen to run, to be started each once. Fields of a later version are left out. */
export const StartMessage = z.object({
  version: z.literal(1),
  trigger: z.object({ kind: z.literal('onDemand'), by: z.string(), byId: z.string().optional() }),
  /** the same in every delivery, so that no export is started twice */
  requestKey: z.string().min(1).max(200),
  exportIds: z.array(ExportId),
  traceparent: Traceparent,
});
export type StartMessage = z.infer<typeof StartMessage>;
