import type { app as App } from '@azure/functions';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { RunMessages } from '../../shared/requests/run-messages';
import { DEADLINE_MS, deliveryOf, STORAGE } from './delivery';

/** One message: one slice of one run. */
export const registerAdvanceRun = (app: typeof App, { runMessages, lifetime }: { runMessages: RunMessages; lifetime: Lifetime }): void => {
  app.storageQueue('advance-run', {
    queueName: 'export-runs',
    connection: STORAGE,
    handler: (message, context) =>
      runMessages.receive(message, { ...deliveryOf(context), signal: lifetime.signal({ deadlineMs: DEADLINE_MS }) }),
  });
};
