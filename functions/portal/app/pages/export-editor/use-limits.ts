import { useQuery } from '@tanstack/react-query';
import type { Limits } from '../../../../../shared/settings/limits';
import { request } from '../../api/client';

/** What holds for exports that have no limits of their own; the key is that of the settings. */
export const useLimits = () =>
  useQuery({
    queryKey: ['settings', 'limits'],
    queryFn: ({ signal }) => request<Limits>('GET', '/settings/limits', { signal }),
    refetchOnWindowFocus: false,
  });
