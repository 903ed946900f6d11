import { z } from 'zod';
import { ConnectionId, ExportId, RunId } from '../ids';
import type { ActivityKind } from './kinds';

/** Small facts beside the ids, e.g. how many removals were approved. Never what a profile holds. */
const Details = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
/** Fields of a configuration by name, without secrets; a value that is too long is a string that ends with a mark. */
const Fields = z.record(z.string(), z.unknown());

/**
 * One thing that happened, for administrators. Never holds personal data of profiles: ids, codes, configuration and sentences of ours
 * only, not what a message or a request said.
 */
export const ActivityEntry = z
  .object({
    /** what happened, snake_case, e.g. message_refused; later versions know more kinds */
    kind: z.string().min(1),
    at: z.iso.datetime(),
    /** one sentence */
    reason: z.string().max(2_000).optional(),
    /** who did it: object id of a person or application, or the name of a part of the app */
    by: z.string().optional(),
    /** display name of whoever did it */
    byName: z.string().optional(),
    /** whether that is an application */
    application: z.boolean().optional(),
    /** address the request came from, as the platform's front end saw it: that of a proxy where one stands before the app */
    clientAddress: z.string().max(45).optional(),
    /** keyed hash of the address of the person it was about, never the address */
    person: z
      .string()
      .regex(/^[0-9a-f]{24}$/)
      .optional(),
    connectionId: ConnectionId.optional(),
    exportId: ExportId.optional(),
    runId: RunId.optional(),
    /** name that the export or connection had then */
    name: z.string().max(200).optional(),
    details: Details.optional(),
    /** the fields that changed, as they were … */
    before: Fields.optional(),
    /** … and as they became */
    after: Fields.optional(),
    /** for messages: where they came from and what the queue calls them */
    queue: z.string().optional(),
    messageId: z.string().optional(),
  })
  .meta({ id: 'ActivityEntry' });
export type ActivityEntry = z.infer<typeof ActivityEntry>;

/** An entry as it is read: ids sort newest first. */
export const LoggedActivity = ActivityEntry.extend({ id: z.string() }).meta({ id: 'LoggedActivity' });
export type LoggedActivity = z.infer<typeof LoggedActivity>;

/** An entry about to be written. */
export type NewActivityEntry = Readonly<Omit<ActivityEntry, 'kind'>> & { readonly kind: ActivityKind };

/** What a route's handler says of what it did; who, when and from where come from the request. `kind` only where it differs. */
export type ActivityDetails = Partial<
  Omit<NewActivityEntry, 'at' | 'by' | 'byName' | 'application' | 'clientAddress' | 'queue' | 'messageId'>
>;
