import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { ExportView } from '../../../../shared/exports/export-view';
import type { Run } from '../../../../shared/runs/run';
import type { NextRuns } from '../../../../shared/schedules/next-runs';
import { getAll, request } from './client';
import { pollWhile } from './polling';

export const exportKeys = {
  all: ['exports'] as const,
  one: (id: string) => ['exports', id] as const,
  runs: (id: string) => ['exports', id, 'runs'] as const,
  next: (id: string) => ['exports', id, 'next'] as const,
};

/** An export that runs, or is about to, is asked for again every so often. */
const MOVES_EVERY_MS = 3_000;
const moves = ({ activity }: ExportView): boolean => activity === 'running' || activity === 'queued' || activity === 'waiting';

/** One export with the version that a change has to name. Asked for again by itself while something of it runs. */
export const useExport = (id: string, { enabled = true }: { enabled?: boolean } = {}) =>
  useQuery({
    queryKey: exportKeys.one(id),
    enabled,
    queryFn: async ({ signal }) => {
      const { body, etag } = await request<ExportView>('GET', `/exports/${id}`, { signal });
      return { value: body, etag };
    },
    refetchInterval: pollWhile(({ value }: { value: ExportView }) => (moves(value) ? MOVES_EVERY_MS : undefined)),
  });

/** The next runs by the clock of an export as it is saved, and why there are none. */
export const useNextRuns = (exportId: string, count = 5) =>
  useQuery({
    queryKey: [...exportKeys.next(exportId), count],
    queryFn: async ({ signal }) => (await request<NextRuns>('POST', '/schedules/next', { body: { exportId, count }, signal })).body,
    staleTime: 60_000,
  });

/** Most runs that a page of an export looks back upon. */
export const RUNS_SHOWN = 200;

/** The newest runs of an export, newest first; those that move are asked for again. */
export const useRunsOfExport = (id: string) =>
  useQuery({
    queryKey: exportKeys.runs(id),
    queryFn: ({ signal }) => getAll<Run>(`/exports/${id}/runs`, { query: { size: RUNS_SHOWN }, limit: RUNS_SHOWN, signal }),
    refetchInterval: pollWhile((runs: readonly Run[]) => (runs.some(({ endedAt }) => endedAt === undefined) ? MOVES_EVERY_MS : undefined)),
  });

export interface StartOptions {
  readonly full?: boolean;
  readonly dryRun?: boolean;
  readonly verifyAll?: boolean;
  readonly countUnknown?: boolean;
}

/** Wraps an action on exports, so that the lists that show them are read again after it. */
export const useRefreshAfter = (): (<T>(work: Promise<T>) => Promise<T>) => {
  const client = useQueryClient();
  return async (work) => {
    try {
      return await work;
    } finally {
      // also after a refusal: what is shown was not what is
      void client.invalidateQueries({ queryKey: exportKeys.all });
      void client.invalidateQueries({ queryKey: ['runs'] });
    }
  };
};

/**
 * What can be done with an export beside editing it; each makes the lists that show it be read again.
 * @throws ApiError, OfflineError by each of them
 */
export const useExportActions = () => {
  const done = useRefreshAfter();
  const post = (id: string, what: 'pause' | 'resume' | 'detach') => done(request<ExportView>('POST', `/exports/${id}/${what}`));
  return {
    /** @param key the same for each try of one click */
    start: async (id: string, options: StartOptions, key: string): Promise<Run> =>
      (await done(request<Run>('POST', `/exports/${id}/run`, { body: options, idempotencyKey: key }))).body,
    pause: (id: string) => post(id, 'pause'),
    resume: (id: string) => post(id, 'resume'),
    detach: (id: string) => post(id, 'detach'),
    remove: (id: string) => done(request('DELETE', `/exports/${id}`, { ifMatch: '*' })),
  };
};
