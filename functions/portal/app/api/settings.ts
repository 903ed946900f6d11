import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { SystemSchedule } from '../../../../shared/schedules/schedule';
import type { Limits } from '../../../../shared/settings/limits';
import { get, request } from './client';

/** What an administrator sets as a whole, with its version. */
interface Settings {
  readonly schedule: SystemSchedule;
  readonly limits: Limits;
}

export const settingsKey = (name: keyof Settings) => ['settings', name] as const;

/** One of the settings, with the version that a change has to name. */
export const useSetting = <N extends keyof Settings>(name: N) =>
  useQuery({
    queryKey: settingsKey(name),
    queryFn: ({ signal }) => request<Settings[N]>('GET', `/settings/${name}`, { signal }),
    refetchOnWindowFocus: false, // somebody may be typing
  });

/** Replaces a setting. */
export const useSetSetting = <N extends keyof Settings>(name: N) => {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ value, etag }: { value: Settings[N]; etag: string }) =>
      request<Settings[N]>('PUT', `/settings/${name}`, { body: value, ifMatch: etag }),
    onSuccess: (answer) => {
      client.setQueryData(settingsKey(name), answer);
      void client.invalidateQueries({ queryKey: ['next-runs'] });
      void client.invalidateQueries({ queryKey: ['exports'] });
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
