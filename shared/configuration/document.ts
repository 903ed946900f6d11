import { z } from 'zod';
import { type Connection, NewConnection } from '../connections/connection';
import { Export, NewExport } from '../exports/export';
import { ExportId } from '../ids';
import { SavedSchedule, SavedSystemSchedule, SystemSchedule } from '../schedules/schedule';
import { Limits } from '../settings/limits';
import { ChannelInput, MAX_CHANNELS, NotificationSettings, StoredNotifications, channelNameKey } from '../settings/notification-settings';

const { displayName, type, access, secretName } = NewConnection.shape;

/** A connection as a document names it: by its display name, and never with a key. */
export const ConfiguredConnection = z
  .strictObject({
    displayName,
    type,
    access,
    /** the secret in the vault of each deployment that holds the key … */
    secretName,
    /** … or managed: the key was typed in, so a document can neither hold nor carry it */
    secret: z.literal('managed').optional(),
    /** needed where the connection is new: agreement to the statement about data leaving the compliance boundary; never given by a read */
    agreed: z.literal(true).optional(),
  })
  .refine((entry) => (entry.secretName === undefined) !== (entry.secret === undefined), {
    path: ['secretName'],
    message: 'expected either secretName or "secret": "managed"',
  })
  .meta({ id: 'ConfiguredConnection' });
export type ConfiguredConnection = z.infer<typeof ConfiguredConnection>;

const { name: channelName, form, scope, kinds, url } = ChannelInput.shape;

/** A channel as a document names it: by its name, and never with its address, which lies in the vault of each deployment. */
export const ConfiguredChannel = z
  .strictObject({
    name: channelName,
    form,
    scope,
    kinds,
    /** needed where the channel is new, e.g. put in by a pipeline; given for another one it replaces the address; never given by a read */
    url,
  })
  .meta({ id: 'ConfiguredChannel' });
export type ConfiguredChannel = z.infer<typeof ConfiguredChannel>;

const { digest, rejectedShare, lateMinutes } = NotificationSettings.shape;

export const ConfiguredNotifications = z
  .strictObject({
    channels: z
      .array(ConfiguredChannel)
      .max(MAX_CHANNELS)
      .refine(
        (channels) => new Set(channels.map((channel) => channelNameKey(channel.name))).size === channels.length,
        'expected each name once',
      )
      .default([]),
    digest,
    rejectedShare,
    lateMinutes,
  })
  .meta({ id: 'ConfiguredNotifications' });
export type ConfiguredNotifications = z.infer<typeof ConfiguredNotifications>;

/** As it is read: kinds of a later version and a zone that is not known here are shown as they are. */
const SavedConfiguredNotifications = ConfiguredNotifications.extend({
  channels: z.array(ConfiguredChannel.omit({ url: true }).extend({ kinds: z.array(z.string()).optional() })),
  digest: StoredNotifications.shape.digest,
}).meta({ id: 'SavedConfiguredNotifications' });

const { name, segments, mapping, membership, schedule, canaryRows } = NewExport.shape;
const { maxProfiles, resyncDays, maxInvalidShare, guardCount, guardShare } = NewExport.shape;

/** An export as a document names it: by its name, its connection by display name. */
export const ConfiguredExport = z
  .strictObject({
    name,
    /** only where several exports of this deployment share the name; tells which of them is meant, or renames one */
    id: ExportId.optional(),
    /** display name of the connection; left out: detached */
    connection: displayName.optional(),
    listId: Export.shape.listId,
    /** for whoever reads the document; nothing is done with it */
    listName: Export.shape.listName,
    segments,
    mapping,
    membership,
    schedule,
    paused: z.boolean().default(false),
    canaryRows,
    maxProfiles,
    resyncDays,
    maxInvalidShare,
    guardCount,
    guardShare,
    /** names of channels */
    notify: z.strictObject({ channels: z.array(channelName).max(10) }).optional(),
  })
  .meta({ id: 'ConfiguredExport' });
export type ConfiguredExport = z.infer<typeof ConfiguredExport>;

/** All that was set up, without secrets and without ids of a deployment, in an order that does not change: fit to be kept in Git. */
export const Configuration = z
  .strictObject({
    version: z.literal(1),
    /** a setting that is left out stays as it is */
    settings: z
      .strictObject({
        schedule: SystemSchedule.optional(),
        limits: Limits.optional(),
        notifications: ConfiguredNotifications.optional(),
      })
      .default({})
      .meta({ id: 'ConfigurationSettings' }),
    connections: z.array(ConfiguredConnection).max(1_000).default([]),
    exports: z.array(ConfiguredExport).max(10_000).default([]),
  })
  .meta({ id: 'Configuration' });
export type Configuration = z.infer<typeof Configuration>;

/** The same as it is read: a schedule that was saved is shown as it is, also where it would not be taken (any more). */
export const SavedConfiguration = Configuration.extend({
  settings: z
    .strictObject({ schedule: SavedSystemSchedule, limits: Limits, notifications: SavedConfiguredNotifications })
    .meta({ id: 'SavedConfigurationSettings' }),
  connections: z.array(ConfiguredConnection),
  exports: z.array(ConfiguredExport.extend({ schedule: SavedSchedule }).meta({ id: 'SavedConfiguredExport' })),
}).meta({ id: 'SavedConfiguration' });
export type SavedConfiguration = z.infer<typeof SavedConfiguration>;

const What = z.enum(['setting', 'connection', 'export']);
export type What = z.infer<typeof What>;

const Fields = z.record(z.string(), z.unknown());
const PlanItem = z
  .object({
    what: What,
    name: z.string(),
    /** the fields that differ, as they are; a field that is not there is left out */
    before: Fields.optional(),
    /** and as they become */
    after: Fields.optional(),
  })
  .meta({ id: 'ConfigurationPlanItem' });
export type PlanItem = z.infer<typeof PlanItem>;

export const PlanProblem = z
  .object({
    what: What,
    name: z.string(),
    /** JSON pointer into the document; empty for what the document does not name */
    pointer: z.string(),
    code: z.string(),
    detail: z.string(),
  })
  .meta({ id: 'ConfigurationPlanProblem' });
export type PlanProblem = z.infer<typeof PlanProblem>;

/** What a document changes. */
export const ConfigurationPlan = z
  .object({
    /** false: only looked at */
    applied: z.boolean(),
    created: z.array(PlanItem),
    changed: z.array(PlanItem),
    deleted: z.array(PlanItem),
    /** kept, though the document does not name them; prune=true deletes them */
    notInDocument: z.array(PlanItem.pick({ what: true, name: true }).meta({ id: 'ConfigurationPlanName' })),
    /** how many of those that the document names are as it says */
    unchanged: z.int(),
    /** what stands in the way; with any of them nothing is applied */
    problems: z.array(PlanProblem),
  })
  .meta({ id: 'ConfigurationPlan' });
export type ConfigurationPlan = z.infer<typeof ConfigurationPlan>;

/** Types of a connection, so that names are compared as the single route compares them. */
export type NamedConnection = Pick<Connection, 'type' | 'displayName'>;
