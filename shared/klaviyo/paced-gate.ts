import { UpstreamError } from '../errors';
import type { CallGate } from './client';
import type { EndpointName } from './endpoints';
import { PaceWait } from './pacing';
import type { Pacing } from './pacing';

/**
 * Paces calls that a person waits for: they take their turn among those of the account's runs, and nobody can come back for them.
 * Its `pace` throws UpstreamError throttled, retryable, when the next turn is more than a few seconds off.
 */
export const createPacedGate = (pacing: Pacing, accountId: string): CallGate => ({
  pace: async (endpoint: EndpointName, options) => {
    try {
      await pacing.take(accountId, endpoint, options);
    } catch (error) {
      if (!(error instanceof PaceWait)) throw error;
      throw new UpstreamError('klaviyo', {
        code: 'throttled',
        message: `Klaviyo takes no more calls of this kind for the account just now; try again in ${Math.ceil(error.waitMs / 1_000)} s.`,
        retryAfterMs: error.waitMs,
        retryable: true,
        cause: error,
      });
    }
  },
  fence: () => Promise.resolve(),
  throttled: (endpoint, retryAfterMs) => pacing.throttled(accountId, endpoint, retryAfterMs),
});
