import { ConflictError, isDomainError, UpstreamError } from '../errors';
import type { TriggerKind } from '../exports/export';
import type { ExportId } from '../ids';
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

/** The part of `runs` that schedules and requests need. */
export interface RunStarter {
  start: (request: StartRequest, options: { signal: AbortSignal }) => Promise<unknown>;
}

export interface FailedStart {
  readonly request: StartRequest;
  readonly error: unknown;
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
 * @throws only when the signal is aborted or the requests cannot be read
 */
export const startAll = async (
  requests: Iterable<StartRequest> | AsyncIterable<StartRequest>,
  { runs, log, signal }: { runs: RunStarter; log: Log; signal: AbortSignal },
): Promise<{ startedCount: number; failed: FailedStart[] }> => {
  const start = async (request: StartRequest, options: { signal: AbortSignal }): Promise<FailedStart | undefined> => {
    try {
      await runs.start(request, options);
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
