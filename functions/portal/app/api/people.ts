import { useQuery } from '@tanstack/react-query';
import type { ErasureView } from '../../../../shared/people/erasure';
import type { PersonTrace } from '../../../../shared/people/person-trace';
import { get, request } from './client';
import { pollMs, pollWhile } from './polling';

/**
 * Where one person is. Nothing of it is kept beside what is shown: it is personal data.
 * @throws ApiError, OfflineError
 */
export const tracePerson = async (email: string): Promise<PersonTrace> =>
  (await request<PersonTrace>('POST', '/people/trace', { body: { email } })).body;

/** @param key the same for each try of one click @throws ApiError, OfflineError */
export const erasePerson = async (body: { email: string; removeFromLists: boolean }, key: string): Promise<ErasureView> =>
  (await request<ErasureView>('POST', '/people/erase', { body, idempotencyKey: key })).body;

/** How far an erasure is; asked for again by itself until it is done. It holds no address. */
export const useErasure = (id: string) =>
  useQuery({
    queryKey: ['erasures', id],
    queryFn: ({ signal }) => get<ErasureView>(`/people/erase/${id}`, { signal }),
    refetchInterval: pollWhile(({ state, requestedAt }: ErasureView) =>
      state === 'done' ? undefined : pollMs(Date.now() - Date.parse(requestedAt)),
    ),
  });
