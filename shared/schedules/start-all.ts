import { ConflictError, isDomainError, UpstreamError } from '../errors';
import type { TriggerKind } from '../exports/export';
import type { ExportId, RunId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { mapConcurrent } from '../streams/map-concurrent';

/** What a run is asked with; a `requestKey` seen before answers with the run it made then. */
export interface StartRequest {
  readonly exportId: ExportId;
  readonly trigger: { readonly kind: TriggerKind; readonly by: string; readonly byId?: string | undefined };
  readonly full: boolean;
  readonly dryRun: boolean;
  readonly requestKey: string;
}

/** What a start answers with. */
export interface Started {
  readonly run: { readonly id: RunId };
  /** false: it was under way before */
  readonly created: boolean;
  /** this very request was answered before */
  readonly repeated?: true;
}

/** The part of `runs` that schedules and requests need. */
export interface RunStarter<Answer = unknown> {
  start: (request: StartRequest, options: { signal: AbortSignal }) => Promise<Answer>;
}

export interface FailedStart {
  readonly request: StartRequest;
  readonly error: unknown;
}
export interface AnsweredStart extends Started {
  readonly request: StartRequest;
}

/** Starts at a time; each is a handful of storage calls. */
const CONCURRENCY = 8;

/** Whether doing the same again later can help. What nobody foresaw counts as that: twice is harmless, never is not. */
export const mayPass = (error: unknown): boolean => {
  if (error instanceof UpstreamError) return error.retryable;
  if (error instanceof ConflictError) return error.code === 'changed_meanwhile';
  return !isDomainError(error);
};

/**
 * Starts a run for each request. One that fails is logged and given back; it does not keep the others from starting.
 * @param onAnswer told of each that has not failed, as it may be put on record; must not throw
 * @throws only when the signal is aborted or the requests cannot be read
 */
export const startAll = async <Answer>(
  requests: Iterable<StartRequest> | AsyncIterable<StartRequest>,
  {
    runs,
    onAnswer,
    log,
    signal,
  }: { runs: RunStarter<Answer>; onAnswer?: (answer: Answer, request: StartRequest) => void; log: Log; signal: AbortSignal },
): Promise<{ startedCount: number; failed: FailedStart[] }> => {
  const start = async (request: StartRequest, options: { signal: AbortSignal }): Promise<FailedStart | undefined> => {
    try {
      const answer = await runs.start(request, options);
      onAnswer?.(answer, request);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return { request, error };
    }
  };
  let startedCount = 0;
  const failed: FailedStart[] = [];
  for await (const failure of mapConcurrent(requests, start, { concurrency: CONCURRENCY, signal })) {
    if (failure === undefined) {
      startedCount++;
      continue;
    }
    failed.push(failure);
    const { exportId, requestKey, trigger } = failure.request;
    log('run_not_started', { exportId, requestKey, trigger: trigger.kind, ...errorFields(failure.error) });
  }
  return { startedCount, failed };
};
