import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { SeenRows } from '../../../../shared/preview/row-look';
import type { RowStage } from '../../../../shared/runs/row-report';
import type { Run } from '../../../../shared/runs/run';
import type { RunJobs } from '../../../../shared/runs/run-jobs';
import { download, get, request } from './client';
import { exportKeys } from './exports';
import { pollMs, pollWhile } from './polling';

export const runKeys = {
  all: ['runs'] as const,
  one: (id: string) => ['runs', id] as const,
  jobs: (id: string) => ['runs', id, 'jobs'] as const,
  rows: (id: string) => ['runs', id, 'rows'] as const,
};

/** How soon to look again at a run: undefined when it has ended. */
const movingMs = ({ endedAt, startedAt, submittedAt }: Pick<Run, 'endedAt' | 'startedAt' | 'submittedAt'>): number | undefined =>
  endedAt === undefined ? pollMs(Date.now() - Date.parse(startedAt ?? submittedAt)) : undefined;

/** One run; asked for again by itself until it has ended. */
export const useRun = (id: string) =>
  useQuery({
    queryKey: runKeys.one(id),
    queryFn: ({ signal }) => get<Run>(`/runs/${id}`, { signal }),
    refetchInterval: pollWhile(movingMs),
  });

/** The import jobs of a run, at most about 1,000; asked for again while it goes on, half as often as the run. */
export const useRunJobs = (id: string) =>
  useQuery({
    queryKey: runKeys.jobs(id),
    queryFn: ({ signal }) => get<RunJobs>(`/runs/${id}/jobs`, { signal }),
    refetchInterval: pollWhile((jobs: RunJobs) => {
      const ms = movingMs(jobs);
      return ms === undefined ? undefined : 2 * ms;
    }),
  });

export interface RowQuestion {
  readonly stage: RowStage;
  readonly email?: string;
  readonly code?: string;
  readonly size?: number;
  /** unmasked; who looked is recorded */
  readonly reveal?: boolean;
}

/** Some rows of a run that were left out, refused or held. Not kept once nobody looks: they are personal data. */
export const useRows = (id: string, question: RowQuestion, { enabled = true }: { enabled?: boolean } = {}) =>
  useQuery({
    queryKey: [...runKeys.rows(id), question],
    enabled,
    queryFn: async ({ signal }) => (await request<SeenRows>('POST', `/runs/${id}/rows/look`, { body: question, signal })).body,
    staleTime: Infinity,
    gcTime: question.reveal === true || question.email !== undefined ? 0 : 60_000,
  });

/** Saves all rows of a stage as CSV; recorded. */
export const downloadRows = (id: string, stage: RowStage) => download(`/runs/${id}/rows`, `${id}-${stage}.csv`, { query: { stage } });

/**
 * What can be done with a run; each makes what shows it be read again.
 * @throws ApiError, OfflineError by each of them
 */
export const useRunActions = () => {
  const client = useQueryClient();
  const done = async <T>(work: Promise<{ readonly body: T }>): Promise<T> => {
    try {
      return (await work).body;
    } finally {
      void client.invalidateQueries({ queryKey: runKeys.all });
      void client.invalidateQueries({ queryKey: exportKeys.all });
    }
  };
  return {
    cancel: (id: string) => done(request<Run & { notice: string }>('POST', `/runs/${id}/cancel`)),
    retryRejected: (id: string, key: string) => done(request<Run>('POST', `/runs/${id}/retry-rejected`, { idempotencyKey: key })),
    approveRemovals: (id: string, upTo: number, key: string) =>
      done(request<Run>('POST', `/runs/${id}/approve-removals`, { body: { upTo }, idempotencyKey: key })),
    dismissRemovals: (id: string) => done(request<Run>('POST', `/runs/${id}/dismiss-removals`)),
  };
};
