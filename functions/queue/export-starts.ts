import type { app as App } from '@azure/functions';
import type { Lifetime } from '../../shared/platform/lifetime';
import { STARTS_QUEUE } from '../../shared/requests/start-messages';
import type { StartMessages } from '../../shared/requests/start-messages';
import { DEADLINE_MS, deliveryOf, STORAGE } from './delivery';

/** Exports that "run all" has chosen, many in one message. */
export const registerExportStarts = (
  app: typeof App,
  { startMessages, lifetime }: { startMessages: StartMessages; lifetime: Lifetime },
): void => {
  app.storageQueue(STARTS_QUEUE, {
    queueName: STARTS_QUEUE,
    connection: STORAGE,
    handler: (message, context) =>
      startMessages.receive(message, { ...deliveryOf(context), signal: lifetime.signal({ deadlineMs: DEADLINE_MS }) }),
  });
};
