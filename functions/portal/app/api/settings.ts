import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { SystemSchedule } from '../../../../shared/schedules/schedule';
import type { Limits } from '../../../../shared/settings/limits';
import type { NotificationSettings, SavedNotificationSettings } from '../../../../shared/settings/notification-settings';
import { ApiError, get, request } from './client';
import type { Answer } from './client';
import { pollWhile } from './polling';

/** What an administrator sets as a whole, as it is read. */
export interface Settings {
  readonly schedule: SystemSchedule;
  readonly limits: Limits;
  readonly notifications: SavedNotificationSettings;
}
/** The same as it is sent. */
export interface SentSettings {
  readonly schedule: SystemSchedule;
  readonly limits: Limits;
  readonly notifications: NotificationSettings;
}

export const settingsKey = (name: keyof Settings) => ['settings', name] as const;

/** How channels fare changes by itself; who edits them meanwhile loses nothing by it. */
const CHANNELS_EVERY_MS = 15_000;

/** One of the settings, with the version that a change has to name. */
export const useSetting = <N extends keyof Settings>(name: N) =>
  useQuery({
    queryKey: settingsKey(name),
    queryFn: ({ signal }) => request<Settings[N]>('GET', `/settings/${name}`, { signal }),
    refetchOnWindowFocus: false, // somebody may be typing
    refetchInterval: pollWhile<Answer<Settings[N]>>(() => (name === 'notifications' ? CHANNELS_EVERY_MS : undefined)),
  });

/** Replaces a setting. Where somebody else has saved meanwhile, theirs is read before the refusal is told. */
export const useSetSetting = <N extends keyof Settings>(name: N) => {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ value, etag }: { value: SentSettings[N]; etag: string }) =>
      request<Settings[N]>('PUT', `/settings/${name}`, { body: value, ifMatch: etag }),
    onSuccess: (answer) => {
      client.setQueryData(settingsKey(name), answer);
      void client.invalidateQueries({ queryKey: ['next-runs'] });
      void client.invalidateQueries({ queryKey: ['exports'] });
    },
    onError: async (error) => {
      if (error instanceof ApiError && error.status === 412) await client.refetchQueries({ queryKey: settingsKey(name) });
    },
  });
};

export interface Health {
  readonly status: 'healthy' | 'failing';
  readonly version: string;
  readonly revision: string;
  readonly revisionRetiresAt: string;
  readonly storage: 'reachable' | 'unreachable';
}
export const useHealth = () => useQuery({ queryKey: ['health'], queryFn: ({ signal }) => get<Health>('/health', { signal }) });
