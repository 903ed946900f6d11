import type { InvocationContext } from '@azure/functions';

/** App setting with the storage account of the queues; the host also takes its `__accountName` form. */
export const STORAGE = 'AzureWebJobsStorage';
/** The host ends an invocation after ten minutes (host.json); we end a little before it does. */
export const DEADLINE_MS = 570_000;

/** What the host says of a delivery: the queue's id of the message, and how often it was given, from 1. */
export const deliveryOf = ({ triggerMetadata, invocationId }: InvocationContext): { messageId: string; attempt: number } => {
  const { id, dequeueCount } = triggerMetadata ?? {};
  const attempt = Number(dequeueCount);
  return { messageId: typeof id === 'string' && id !== '' ? id : invocationId, attempt: attempt >= 1 ? attempt : 1 };
};
