import type { TableClient } from '@azure/data-tables';
import { ConflictError } from '../errors';
import { createRows } from '../platform/tables';
import type { Stored } from '../platform/tables';
import { SystemSchedule, defaultSystemSchedule } from '../schedules/schedule';

const scheduleKey = { partition: 'settings', row: 'schedule' };
/** Version of a setting that nobody has stored yet. */
export const DEFAULT_ETAG = '"0"';

/** What administrators decide for the whole app. */
export const createSettings = ({ table }: { table: TableClient }) => {
  const schedules = createRows({ table, schema: SystemSchedule, what: 'The system schedule' });

  return {
    /** The system refresh; off until somebody turns it on. */
    getSchedule: async ({ signal }: { signal: AbortSignal }): Promise<Stored<SystemSchedule>> =>
      (await schedules.find(scheduleKey, { signal })) ?? { value: defaultSystemSchedule, etag: DEFAULT_ETAG },

    /** @throws ConflictError changed_meanwhile when it is no longer the version of `ifMatch` */
    setSchedule: async (
      schedule: SystemSchedule,
      { ifMatch, signal }: { ifMatch: string; signal: AbortSignal },
    ): Promise<Stored<SystemSchedule>> => {
      const current = await schedules.find(scheduleKey, { signal });
      if ((current?.etag ?? DEFAULT_ETAG) !== ifMatch) {
        throw new ConflictError({ code: 'changed_meanwhile', message: 'The system schedule was changed meanwhile; read it again.' });
      }
      return current === undefined
        ? schedules.insert(scheduleKey, schedule, { signal })
        : schedules.replace(scheduleKey, schedule, { ifMatch: current.etag, signal });
    },
  };
};

export type Settings = ReturnType<typeof createSettings>;
