import { z } from 'zod';

/** Ids are ours, made in new-ids.ts, and safe in table keys, blob names and URLs. A browser can run this file. */
const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[0-9a-z]{8,40}$`), `expected an id that begins with ${prefix}_`);

export const ConnectionId = id('con').brand<'ConnectionId'>();
export type ConnectionId = z.infer<typeof ConnectionId>;
export const ExportId = id('exp').brand<'ExportId'>();
export type ExportId = z.infer<typeof ExportId>;
export const RunId = id('run').brand<'RunId'>();
export type RunId = z.infer<typeof RunId>;

export const EraseId = id('era').brand<'EraseId'>();
export type EraseId = z.infer<typeof EraseId>;

/** Of a channel that notifications go to. */
export const ChannelId = id('chn').brand<'ChannelId'>();
export type ChannelId = z.infer<typeof ChannelId>;

/** Klaviyo's list id: six characters today; longer ones are taken, too, as nothing promises the length. */
export const ListId = z
  .string()
  .regex(/^[0-9A-Za-z]{1,32}$/, 'expected a Klaviyo list id such as YafG4m')
  .brand<'ListId'>();
export type ListId = z.infer<typeof ListId>;

/**
 * W3C trace context of whoever asked for something. One that cannot be read is none: nobody is refused because of it.
 * @see w3.org/TR/trace-context, "traceparent"
 */
export const Traceparent = z
  .string()
  .regex(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
  .optional()
  .catch(undefined);

/** One more than the largest instant a run id can hold: 36^9 milliseconds (the year 5188). */
const END_OF_TIME = 36 ** 9;

/** The part of a run id that its instant makes; instants that no id can hold count as the nearest one. */
const timePart = (ms: number): string => (END_OF_TIME - 1 - Math.min(END_OF_TIME - 1, Math.max(0, ms))).toString(36).padStart(9, '0');

/** The smallest text that an id of a run submitted at this instant can be: newer runs sort before it, this one's and older ones from it on. */
export const firstRunIdAt = (at: Date): string => `run_${timePart(at.getTime())}`;

/** When a run was submitted, by its id. */
export const instantOfRunId = (runId: RunId): Date => new Date(END_OF_TIME - 1 - parseInt(runId.slice(4, 13), 36));
