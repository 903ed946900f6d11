import type { Telemetry } from '../platform/telemetry';
import type { RunError, RunDocument, RunPhase } from './run';
import type { KlaviyoClient } from '../klaviyo/client';

/** What a phase has to say when it stops. */
export type PhaseResult =
  | { readonly next: RunPhase }
  /** come back later: something outside has to happen, or the slice's time is up (0) */
  | {
      readonly waitMs: number;
      /** nothing of the run goes on meanwhile, here or at Klaviyo: the export shows as waiting when that lasts */
      readonly stands?: true;
    }
  /** the run is to end so; finish carries it out */
  | { readonly end: 'successful' | 'failed' | 'skipped' | 'canceled'; readonly error?: RunError };

/** One turn's hold on a run, as the phases see it. */
export interface Slice {
  /** changed by the phases, made durable by save */
  readonly document: RunDocument;
  /** Writes the document; calls that meet share one write. @throws HoldLost */
  save(): Promise<void>;
  /** aborted when the hold is lost or the process ends */
  readonly signal: AbortSignal;
  /** whether the slice should hand over at the next good place */
  timeIsUp(): boolean;
  /** when the turn began, monotonic milliseconds ago */
  ageMs(): number;
  /** Klaviyo with this run's key, paced and fenced; the key is read once a slice. @throws UpstreamError, NotFoundError secret_missing */
  klaviyo(): Promise<KlaviyoClient>;
  /** for the work on one batch */
  readonly telemetry: Pick<Telemetry, 'span'>;
  /** whether somebody wants the run to stop; read at heartbeats */
  stopRequested(): boolean;
  warn(code: string, message: string): void;
  now(): Date;
}

export type Phase = (slice: Slice) => Promise<PhaseResult>;

/**
 * Shares writes: a call during a write waits for the next one, together with all others that came meanwhile.
 * @param write one durable write of the newest content
 */
export const createSaver = (write: () => Promise<void>): (() => Promise<void>) => {
  let current: Promise<void> | undefined;
  let following: Promise<void> | undefined;
  const begin = (): Promise<void> => {
    current = write().finally(() => {
      current = undefined;
    });
    return current;
  };
  return () => {
    if (!current) return begin();
    following ??= current
      .catch(() => undefined)
      .then(() => {
        following = undefined;
        return begin();
      });
    return following;
  };
};

/** Says once what a run warns of. */
export const addWarning = (document: RunDocument, code: string, message: string): void => {
  const others = document.run.warnings.filter((warning) => warning.code !== code);
  document.run.warnings = [...others, { code, message }];
};
