import type { Problem } from '../../../../shared/http/problem';

/** An answer of the API that is no success. `problem` is what it said (RFC 9457); without one the answer came from elsewhere. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
    readonly retryAfterMs: number | undefined,
  ) {
    super(problem?.detail ?? `The API answered with status ${status}.`);
  }
  get code(): string {
    return this.problem?.code ?? `status_${this.status}`;
  }
}

/** The API could not be reached at all. */
export class OfflineError extends Error {
  override readonly name = 'OfflineError';
}
