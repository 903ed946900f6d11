import { z } from 'zod';

/** "00:10:00", "1.00:00:00" (days first), "00:00:02.5" as milliseconds. */
const TimeSpan = z.string().transform((text, context) => {
  const [, days, hours, minutes, seconds] = /^(?:(\d+)\.)?(\d\d):(\d\d):(\d\d(?:\.\d+)?)$/.exec(text) ?? [];
  if (hours === undefined) {
    context.addIssue({ code: 'custom', message: `"${text}" is no time span (hh:mm:ss)` });
    return z.NEVER;
  }
  return (((Number(days ?? 0) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
});

/** The parts of host.json that the local host obeys, with Functions' own defaults (host.json reference for Functions 2.x and later). */
export const HostJson = z.object({
  version: z.literal('2.0'),
  functionTimeout: TimeSpan.prefault('00:30:00'),
  extensions: z
    .object({
      http: z.object({ routePrefix: z.string().default('api') }).prefault({}),
      queues: z
        .object({
          batchSize: z.int().min(1).max(32).default(16),
          newBatchThreshold: z.int().min(0).optional(),
          maxPollingInterval: TimeSpan.prefault('00:01:00'),
          visibilityTimeout: TimeSpan.prefault('00:00:00'),
          maxDequeueCount: z.int().min(1).default(5),
          messageEncoding: z.enum(['base64', 'none']).default('base64'),
        })
        .prefault({}),
    })
    .prefault({}),
});
export type HostJson = z.infer<typeof HostJson>;
export type QueueSettings = HostJson['extensions']['queues'];

/** Parses host.json. @throws Error that names every wrong value */
export const parseHostJson = (text: string): HostJson => {
  const result = HostJson.safeParse(JSON.parse(text));
  if (!result.success) throw new Error(`host.json: ${z.prettifyError(result.error)}`);
  return result.data;
};
