import { z } from 'zod';

const Reason = z.object({ code: z.string(), message: z.string().describe('what it means and what to do') });

/** One row of the source, and what an export would make of it. */
export const PreviewRow = z
  .object({
    segment: z.string(),
    /** '' where the segment has no such field */
    customerId: z.string(),
    /** the field of the address as the source holds it */
    email: z.string(),
    /** the mapped fields as the source holds them, long ones cut */
    source: z.record(z.string(), z.string()),
    outcome: z.enum(['sent', 'leftOut']),
    /** why the whole row is left out */
    reason: Reason.optional(),
    /** mapped fields that are not sent, the row otherwise is; by JSON pointer into the request */
    leftOut: z.array(Reason.extend({ pointer: z.string(), field: z.string() })),
    /** what would be posted to Klaviyo; absent where the row is left out */
    profile: z.object({ type: z.literal('profile'), attributes: z.record(z.string(), z.unknown()) }).optional(),
  })
  .meta({ id: 'PreviewRow' });
export type PreviewRow = z.infer<typeof PreviewRow>;
