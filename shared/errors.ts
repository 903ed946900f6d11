/** The six ways in which something can be refused. Each message is one sentence a marketer or administrator can act on. */

interface ErrorDetails {
  /** stable, snake_case; part of the contract */
  code: string;
  message: string;
  /** JSON pointer of the field that is wrong, where there is one */
  pointer?: string;
  cause?: unknown;
}

abstract class DomainError extends Error {
  readonly code: string;
  readonly pointer?: string;

  constructor({ code, message, pointer, cause }: ErrorDetails) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    if (pointer !== undefined) this.pointer = pointer;
  }
}

export interface FieldProblem {
  readonly pointer: string;
  readonly detail: string;
}

/** What the caller sent cannot be used; `problems` names every field by JSON pointer. */
export class InvalidInputError extends DomainError {
  readonly problems: readonly FieldProblem[];
  /** what was found out about the value, e.g. the scopes that a key lacks */
  readonly details?: Record<string, unknown>;

  constructor(details: ErrorDetails & { problems?: readonly FieldProblem[]; details?: Record<string, unknown> }) {
    super(details);
    this.problems = details.problems ?? (details.pointer ? [{ pointer: details.pointer, detail: details.message }] : []);
    if (details.details) this.details = details.details;
  }
}

/** The caller is known but may not do this. */
export class NotAllowedError extends DomainError {}

/** There is no such thing (any more). */
export class NotFoundError extends DomainError {}

/** The thing is in a state, or was changed by somebody else, so that this cannot be done now. */
export class ConflictError extends DomainError {
  /** what stands in the way, e.g. the exports that use a connection */
  readonly details?: Record<string, unknown>;

  constructor(details: ErrorDetails & { details?: Record<string, unknown> }) {
    super(details);
    if (details.details) this.details = details.details;
  }
}

/** A limit that somebody chose (cap, guard, share, size) stands in the way. */
export class LimitError extends DomainError {}

/** Another system refused or did not answer. `retryable` is decided once, where its answer is read. */
export class UpstreamError extends DomainError {
  readonly service: 'klaviyo' | 'storage' | 'keyVault' | 'source';
  readonly status?: number;
  readonly requestId?: string;
  readonly retryAfterMs?: number;
  readonly retryable: boolean;

  constructor(
    service: UpstreamError['service'],
    details: ErrorDetails & { status?: number; requestId?: string; retryAfterMs?: number; retryable: boolean },
  ) {
    super(details);
    this.service = service;
    this.retryable = details.retryable;
    if (details.status !== undefined) this.status = details.status;
    if (details.requestId !== undefined) this.requestId = details.requestId;
    if (details.retryAfterMs !== undefined) this.retryAfterMs = details.retryAfterMs;
  }
}

export const isDomainError = (error: unknown): error is DomainError => error instanceof DomainError;
