import { useQuery } from '@tanstack/react-query';
import type { z } from 'zod';
import type { ConnectionCheck } from '../../../../shared/connections/checklist';
import type { ConnectionView, SharedConnection } from '../../../../shared/connections/connection-view';
import type { Consent } from '../../../../shared/connections/consent';
import { get, getAll, request } from './client';

/** A connection as the caller sees it: a contributor learns no more than id, name and type of a shared one. */
export type ConnectionForCaller = SharedConnection & Partial<ConnectionView>;
export type Check = z.infer<typeof ConnectionCheck>;

export const connectionKeys = {
  all: ['connections'] as const,
  one: (id: string) => ['connections', id] as const,
};

export const useConnections = () =>
  useQuery({
    queryKey: connectionKeys.all,
    queryFn: ({ signal }) => getAll<ConnectionForCaller>('/connections', { query: { size: 200 }, signal }),
  });

/** One connection with the version that a change has to name. */
export const useConnection = (id: string) =>
  useQuery({
    queryKey: connectionKeys.one(id),
    queryFn: ({ signal }) => request<ConnectionForCaller>('GET', `/connections/${id}`, { signal }),
  });

/** The statement to agree to; it changes with a new version of the app only. */
export const useConsent = () =>
  useQuery({ queryKey: ['consent'], queryFn: ({ signal }) => get<Consent>('/consent', { signal }), staleTime: Infinity });

/** How many exports use a connection. */
export const useExportsOf = (connectionId: string) =>
  useQuery({
    queryKey: ['exports', 'of-connection', connectionId],
    queryFn: async ({ signal }) => (await get<{ total: number }>('/exports', { query: { connectionId, size: 1 }, signal })).total,
    staleTime: 30_000,
  });

export interface KlaviyoList {
  readonly id: string;
  readonly name: string;
  readonly optInProcess?: string;
}

/** All lists of a connection's Klaviyo account, by name. */
export const useLists = (connectionId: string) =>
  useQuery({
    queryKey: [...connectionKeys.one(connectionId), 'lists'],
    enabled: connectionId !== '',
    staleTime: 60_000,
    queryFn: async ({ signal }) => (await get<{ value: KlaviyoList[] }>(`/connections/${connectionId}/lists`, { signal })).value,
  });
