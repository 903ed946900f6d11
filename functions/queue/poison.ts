import type { app as App } from '@azure/functions';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { Poison } from '../../shared/requests/poison';
import { deliveryOf, STORAGE } from './delivery';

const DEADLINE_MS = 60_000;

/**
 * Run messages that nobody could handle: the reason goes on record, the run itself is taken up again by the minute timer.
 * `export-requests-poison` has no trigger: its messages are to be found there, with their reason, until somebody has looked at them.
 */
export const registerPoison = (app: typeof App, { poison, lifetime }: { poison: Poison; lifetime: Lifetime }): void => {
  const from = 'export-runs-poison';
  app.storageQueue(from, {
    queueName: from,
    connection: STORAGE,
    handler: (message, context) =>
      poison.bury(message, { from, messageId: deliveryOf(context).messageId, signal: lifetime.signal({ deadlineMs: DEADLINE_MS }) }),
  });
};
