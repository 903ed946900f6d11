import type { app as App } from '@azure/functions';
import type { Lifetime } from '../../shared/platform/lifetime';
import type { Requests } from '../../shared/requests/requests';
import { DEADLINE_MS, deliveryOf, STORAGE } from './delivery';

/** Requests of other systems and events of the source's storage. */
export const registerExportRequests = (app: typeof App, { requests, lifetime }: { requests: Requests; lifetime: Lifetime }): void => {
  app.storageQueue('export-requests', {
    queueName: 'export-requests',
    connection: STORAGE,
    handler: (message, context) =>
      requests.receive(message, { ...deliveryOf(context), signal: lifetime.signal({ deadlineMs: DEADLINE_MS }) }),
  });
};
