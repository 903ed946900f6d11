import type { QueueClient } from '@azure/storage-queue';
import { storageError } from './blobs';

/** A message we sent, which can be moved or deleted until its receipt is outdated. */
export interface SentMessage {
  readonly id: string;
  readonly receipt: string;
}

/**
 * One queue that we send to. Messages are plain JSON text (host.json says `messageEncoding: none`) and never expire: an app that
 * was stopped for a week goes on where it stood. Delays need the client, as output bindings have none.
 */
export const createQueue = <T>(client: QueueClient) => ({
  name: client.name,

  ensure: async ({ signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await client.createIfNotExists({ abortSignal: signal });
    } catch (error) {
      throw storageError(error, 'The queue');
    }
  },

  /** @param delaySeconds 0 to 604,800 */
  send: async (message: T, { delaySeconds = 0, signal }: { delaySeconds?: number; signal: AbortSignal }): Promise<SentMessage> => {
    try {
      const sent = await client.sendMessage(JSON.stringify(message), {
        visibilityTimeout: delaySeconds,
        messageTimeToLive: -1,
        abortSignal: signal,
      });
      return { id: sent.messageId, receipt: sent.popReceipt };
    } catch (error) {
      throw storageError(error, 'The queue');
    }
  },

  /** Moves a message that nobody has taken yet. @returns undefined when it is gone or somebody has it */
  move: async (
    message: SentMessage,
    body: T,
    { delaySeconds, signal }: { delaySeconds: number; signal: AbortSignal },
  ): Promise<SentMessage | undefined> => {
    try {
      const moved = await client.updateMessage(message.id, message.receipt, JSON.stringify(body), delaySeconds, { abortSignal: signal });
      return { id: message.id, receipt: moved.popReceipt ?? message.receipt };
    } catch (error) {
      const status = (error as { statusCode?: number }).statusCode;
      // PopReceiptMismatch (400) and MessageNotFound (404): it was delivered meanwhile
      if (status === 404 || status === 400) return undefined;
      throw storageError(error, 'The queue');
    }
  },

  /** When the oldest message that could be taken now was put in; undefined where there is none. Takes nothing. */
  oldest: async ({ signal }: { signal: AbortSignal }): Promise<Date | undefined> => {
    try {
      return (await client.peekMessages({ numberOfMessages: 1, abortSignal: signal })).peekedMessageItems[0]?.insertedOn;
    } catch (error) {
      throw storageError(error, 'The queue');
    }
  },

  /** Removes a message; one that is gone or taken is no error. */
  remove: async (message: SentMessage, { signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await client.deleteMessage(message.id, message.receipt, { abortSignal: signal });
    } catch (error) {
      const status = (error as { statusCode?: number }).statusCode;
      if (status !== 404 && status !== 400) throw storageError(error, 'The queue');
    }
  },
});

export type WatchedQueue = Pick<ReturnType<typeof createQueue<unknown>>, 'name' | 'oldest'>;
/** For whoever sends. */
export type Queue<T> = Omit<ReturnType<typeof createQueue<T>>, keyof WatchedQueue>;
