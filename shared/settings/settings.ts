import { isDeepStrictEqual } from 'node:util';
import type { TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { LimitError } from '../errors';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';
import { requireVersion } from '../platform/versions';
import { SystemRefresh, defaultSystemSchedule } from '../schedules/schedule';
import type { SystemSchedule } from '../schedules/schedule';
import { type Limits, StoredLimits, defaultLimits } from './limits';
import { StoredNotifications, defaultNotifications } from './notification-settings';

const PARTITION = 'settings';
/** Version of a setting that nobody has stored yet. */
export const DEFAULT_ETAG = '"0"';

/** One setting in a row of its own, by version from the first time on. */
const createSetting = <S extends z.ZodType>(
  table: TableClient,
  {
    row,
    schema,
    what,
    otherwise,
    complete = (value) => value,
  }: {
    row: string;
    schema: S;
    what: string;
    otherwise: z.output<S>;
    /** adds what is kept beside what was said */
    complete?: (value: z.output<S>, before: z.output<S>) => z.output<S>;
  },
) => {
  const rows = createRows({ table, schema, what });
  const key = { partition: PARTITION, row };
  return {
    get: async ({ signal }: { signal: AbortSignal }): Promise<Stored<z.output<S>>> =>
      (await rows.find(key, { signal })) ?? { value: otherwise, etag: DEFAULT_ETAG },

    /** From a row that was read together with others. */
    of: (stored: Stored<unknown> | undefined): Stored<z.output<S>> =>
      stored === undefined ? { value: otherwise, etag: DEFAULT_ETAG } : { value: schema.parse(stored.value), etag: stored.etag },

    /** @returns what is set now, and what was before */
    set: async (
      value: z.output<S>,
      { ifMatch, signal }: { ifMatch: string; signal: AbortSignal },
    ): Promise<Stored<z.output<S>> & { readonly before: z.output<S> }> => {
      const current = await rows.find(key, { signal });
      requireVersion(current ?? { etag: DEFAULT_ETAG }, ifMatch, what);
      const before = current?.value ?? otherwise;
      const next = complete(value, before);
      const stored =
        current === undefined ? await rows.insert(key, next, { signal }) : await rows.replace(key, next, { ifMatch: current.etag, signal });
      return { ...stored, before };
    },
  };
};

/** Settings as one query found them. */
export interface ReadSettings {
  /** the system refresh with the instant from which on it is as it is */
  readonly refresh: () => Stored<SystemRefresh>;
  readonly limits: () => Stored<Limits>;
  readonly notifications: () => Stored<StoredNotifications>;
}

const withoutSetAt = ({ setAt: _, ...schedule }: SystemRefresh): SystemSchedule => schedule;

/**
 * What administrators decide for the whole app.
 * @param maxProfiles upper bound of every cap
 */
export const createSettings = ({ table, maxProfiles, now }: { table: TableClient; maxProfiles: number; now: () => Date }) => {
  const schedule = createSetting(table, {
    row: 'schedule',
    schema: SystemRefresh,
    what: 'The system schedule',
    otherwise: defaultSystemSchedule,
    // saved as it is, it keeps what has fallen due and was not yet looked at
    complete: (value: SystemRefresh, before: SystemRefresh) => ({
      ...value,
      setAt: isDeepStrictEqual(withoutSetAt(value), withoutSetAt(before)) ? before.setAt : now().toISOString(),
    }),
  });
  const limits = createSetting(table, { row: 'limits', schema: StoredLimits, what: 'The limits', otherwise: defaultLimits });

  const notifications = createSetting(table, {
    row: 'notifications',
    schema: StoredNotifications,
    what: 'The notification settings',
    otherwise: defaultNotifications,
  });

  const all = createRows({ table, schema: z.unknown(), what: 'The settings' });
  const readAll = async ({ signal }: { signal: AbortSignal }): Promise<ReadSettings> => {
    const found = new Map<string, Stored<unknown>>();
    // in between lie at most a few rows that others keep
    for await (const stored of all.list(PARTITION, { signal, from: 'limits', below: 'schedule!' })) found.set(stored.row, stored);
    return {
      refresh: () => schedule.of(found.get('schedule')),
      limits: () => limits.of(found.get('limits')),
      notifications: () => notifications.of(found.get('notifications')),
    };
  };

  return {
    /** All of them by one query, each parsed when it is asked for: one that a newer version wrote keeps nobody from the others. */
    readAll,
    /** All of them, by one query. */
    getAll: async (options: {
      signal: AbortSignal;
    }): Promise<{
      readonly schedule: Stored<SystemSchedule>;
      readonly limits: Stored<Limits>;
      readonly notifications: Stored<StoredNotifications>;
    }> => {
      const found = await readAll(options);
      const { value, etag } = found.refresh();
      return { schedule: { value: withoutSetAt(value), etag }, limits: found.limits(), notifications: found.notifications() };
    },

    /** The system refresh; off until somebody turns it on. */
    getSchedule: async (options: { signal: AbortSignal }): Promise<Stored<SystemSchedule>> => {
      const { value, etag } = await schedule.get(options);
      return { value: withoutSetAt(value), etag };
    },
    /** The same, with the instant from which on it is as it is. */
    getRefresh: (options: { signal: AbortSignal }): Promise<Stored<SystemRefresh>> => schedule.get(options),
    /** @throws ConflictError changed_meanwhile when it is no longer the version of `ifMatch` */
    setSchedule: async (value: SystemSchedule, options: { ifMatch: string; signal: AbortSignal }) => {
      const { value: stored, before, etag } = await schedule.set(value, options);
      return { value: withoutSetAt(stored), before: withoutSetAt(before), etag };
    },

    /** Whom notifications go to, and what they tell of; channels name their secrets, so this is for the app itself. */
    getNotifications: (options: { signal: AbortSignal }): Promise<Stored<StoredNotifications>> => notifications.get(options),
    /** @throws ConflictError changed_meanwhile when it is no longer the version of `ifMatch`; LimitError too_large */
    setNotifications: (value: StoredNotifications, options: { ifMatch: string; signal: AbortSignal }) => notifications.set(value, options),

    /** What exports are held to that have no limits of their own, and how long things are kept. */
    getLimits: (options: { signal: AbortSignal }): Promise<Stored<Limits>> => limits.get(options),
    /** @throws LimitError cap_too_high; ConflictError changed_meanwhile when it is no longer the version of `ifMatch` */
    setLimits: async (value: Limits, options: { ifMatch: string; signal: AbortSignal }) => {
      if ((value.maxProfiles ?? 0) > maxProfiles) {
        throw new LimitError({
          code: 'cap_too_high',
          message: `This app exports at most ${maxProfiles.toLocaleString('en')} profiles at a time; choose a maxProfiles up to that, or leave it out.`,
          pointer: '/maxProfiles',
        });
      }
      return limits.set(value, options);
    },
  };
};

export type Settings = ReturnType<typeof createSettings>;
