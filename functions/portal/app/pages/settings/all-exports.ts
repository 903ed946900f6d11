import { useQuery } from '@tanstack/react-query';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { getAll } from '../../api/client';

/** All exports, as their schedules are looked at together. */
export const useAllExports = () =>
  useQuery({
    queryKey: ['exports', 'all-of-them'],
    staleTime: 60_000,
    queryFn: ({ signal }) => getAll<ExportView>('/exports', { query: { size: 200 }, signal }),
  });
