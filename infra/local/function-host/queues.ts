import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type QueueClient, QueueServiceClient, type ReceivedMessageItem } from '@azure/storage-queue';
import type { Chaos } from './chaos';
import type { App, InvocationInput, Log, RegisteredFunction, TypedData } from './app';
import type { QueueSettings } from './host-json';
import { resolveSettings } from './settings';

export interface QueueListenerOptions {
  readonly entry: RegisteredFunction;
  readonly settings: QueueSettings;
  readonly env: NodeJS.ProcessEnv;
  readonly invoke: App['invoke'];
  readonly log: Log;
  /** How long a message that is being worked on is hidden; 10 min on the platform, renewed at half time. */
  readonly lockMs: number;
  readonly random: () => number;
  /** Bad luck on purpose; none when left out. */
  readonly chaos?: Chaos | undefined;
}

export interface QueueListener {
  /** Takes no more messages; resolves when those in work have ended. */
  stop(): Promise<void>;
  /** Runs the function with a text as if it had been a message. */
  run(text: string): Promise<unknown>;
}

const minPollingMs = 100; // QueuePollingIntervals.Minimum

/**
 * Opens the queue that a trigger or an output names, creating it when it is missing.
 * @throws Error when its connection setting is missing or is no connection string
 */
export const openQueue = async (binding: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): Promise<QueueClient> => {
  const service = queueService(connectionOf(binding), env);
  const queue = service.getQueueClient(resolveSettings(String(binding.queueName), env));
  await queue.createIfNotExists();
  return queue;
};

const connectionOf = (binding: Readonly<Record<string, unknown>>): string =>
  typeof binding.connection === 'string' && binding.connection !== '' ? binding.connection : 'AzureWebJobsStorage';

const queueService = (connection: string, env: NodeJS.ProcessEnv): QueueServiceClient => {
  const text = env[connection] ?? env[`AzureWebJobs${connection}`];
  if (text === undefined) throw new Error(`The app setting ${connection} with the queue's connection string is missing`);
  return QueueServiceClient.fromConnectionString(text, { retryOptions: { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 } });
};

/**
 * Polls a queue and runs the function for each message, by the rules of the Functions host's storage-queue trigger.
 * @see azure-sdk-for-net Extensions.Storage.Queues: QueueListener, QueueProcessor; ./README.md lists the rules
 */
export const startQueueListener = async (options: QueueListenerOptions): Promise<QueueListener> => {
  const { entry, settings, env, invoke, log, lockMs, random, chaos } = options;
  const queue = await openQueue(entry.trigger, env);
  const isPoisonQueue = queue.name.endsWith('-poison');
  const newBatchThreshold = settings.newBatchThreshold ?? Math.floor(settings.batchSize / 2);
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();

  const moveToPoison = async (message: ReceivedMessageItem): Promise<void> => {
    const poison = queueService(connectionOf(entry.trigger), env).getQueueClient(`${queue.name}-poison`);
    await poison.createIfNotExists();
    await poison.sendMessage(message.messageText); // bare body, the service's own time to live of 7 days
    log('warning', entry.name, `Message ${message.messageId} failed ${message.dequeueCount} times and was moved to ${poison.name}`);
  };

  const work = async (message: ReceivedMessageItem): Promise<void> => {
    let popReceipt = message.popReceipt;
    if (message.dequeueCount > settings.maxDequeueCount && !isPoisonQueue) {
      await moveToPoison(message);
      return void (await ignoreLost(queue.deleteMessage(message.messageId, popReceipt)));
    }
    const text = settings.messageEncoding === 'base64' ? decodeBase64(message.messageText) : message.messageText;
    if (text === undefined) {
      if (isPoisonQueue) return; // there is no poison queue of a poison queue: it comes back until it expires
      await moveToPoison(message);
      return void (await ignoreLost(queue.deleteMessage(message.messageId, popReceipt)));
    }
    const fate = chaos?.meet(entry.name, message) ?? 'fine';
    if (fate === 'waits') {
      // fetched, then forgotten: nobody is called before it shows itself again
      return void (await ignoreLost(queue.updateMessage(message.messageId, popReceipt, undefined, wholeSeconds(chaos!.settings.waitMs))));
    }
    const giveBack = (): Promise<unknown> =>
      ignoreLost(queue.updateMessage(message.messageId, popReceipt, undefined, settings.visibilityTimeout / 1000));
    const notRunning = chaos?.running(giveBack);
    chaos?.strike(fate, entry.name);
    const done = new AbortController();
    const renewing = (async (): Promise<void> => {
      for (;;) {
        await sleep(lockMs / 2, undefined, { signal: done.signal, ref: false });
        const renewed = await queue.updateMessage(message.messageId, popReceipt, undefined, lockMs / 1000);
        popReceipt = renewed.popReceipt!;
      }
    })().catch((error: unknown) => {
      if (!done.signal.aborted) log('warning', entry.name, `Message ${message.messageId} could not be kept hidden: ${String(error)}`);
    });
    let failed = false;
    try {
      if (fate === 'poisons') failed = true;
      else await invoke(entry.name, inputOf(text, message));
    } catch {
      failed = true; // logged by invoke
    }
    done.abort();
    await renewing;
    notRunning?.();
    if (!failed && fate === 'notDeleted') return;
    if (!failed) return void (await ignoreLost(queue.deleteMessage(message.messageId, popReceipt)));
    if (isPoisonQueue) return; // not released: hidden until its ten minutes are over
    if (message.dequeueCount >= settings.maxDequeueCount) {
      await moveToPoison(message);
      return void (await ignoreLost(queue.deleteMessage(message.messageId, popReceipt)));
    }
    await giveBack();
  };

  const track = (promise: Promise<void>): void => {
    const one = promise
      .catch((error: unknown) => log('error', entry.name, `The message's end could not be recorded: ${String(error)}`))
      .finally(() => void running.delete(one));
    running.add(one);
  };

  const poll = async (): Promise<void> => {
    let emptyPolls = 0;
    while (!stopping.signal.aborted) {
      while (running.size > newBatchThreshold) await Promise.race(running);
      if (stopping.signal.aborted) return;
      try {
        const found = await queue.receiveMessages({ numberOfMessages: settings.batchSize, visibilityTimeout: lockMs / 1000 });
        for (const message of found.receivedMessageItems) {
          if (stopping.signal.aborted) await ignoreLost(queue.updateMessage(message.messageId, message.popReceipt, undefined, 0));
          else track(work(message));
        }
        if (found.receivedMessageItems.length > 0) {
          emptyPolls = 0;
          continue;
        }
      } catch (error) {
        log('error', entry.name, `Queue ${queue.name} could not be read: ${String(error)}`);
      }
      const waitMs = pollingDelayMs(emptyPolls++, settings.maxPollingInterval, random());
      await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const polling = poll();
  return {
    stop: async () => {
      stopping.abort();
      await polling;
      while (running.size > 0) await Promise.race(running);
    },
    run: (text) => invoke(entry.name, { data: dataOf(text), invocationId: randomUUID() }),
  };
};

/**
 * How long to wait before the next look after so many that found nothing: doubling from 100 ms, with 20 % jitter, never above the longest.
 * @param random from 0 to below 1
 * @see azure-sdk-for-net RandomizedExponentialBackoffStrategy
 */
export const pollingDelayMs = (emptyPolls: number, longestMs: number, random: number): number =>
  Math.min(Math.min(minPollingMs * 2 ** Math.min(emptyPolls, 20), longestMs) * (0.8 + 0.4 * random), longestMs);

const wholeSeconds = (ms: number): number => Math.ceil(ms / 1000);

/** Somebody else has the message by now (404, or 400 for a stale pop receipt): it will run again, as on the platform. */
const ignoreLost = (done: Promise<unknown>): Promise<unknown> =>
  done.catch((error: { statusCode?: number }) => {
    if (error.statusCode !== 404 && error.statusCode !== 400) throw error;
  });

const dataOf = (text: string): TypedData => {
  if (/^\s*[[{]/.test(text)) {
    try {
      JSON.parse(text);
      return { json: text };
    } catch {
      // the library gets it as text
    }
  }
  return { string: text };
};

const inputOf = (text: string, message: ReceivedMessageItem): InvocationInput => ({
  invocationId: randomUUID(),
  data: dataOf(text),
  triggerMetadata: {
    QueueTrigger: { string: text },
    Id: { json: JSON.stringify(message.messageId) },
    PopReceipt: { json: JSON.stringify(message.popReceipt) },
    DequeueCount: { json: String(message.dequeueCount) },
    InsertionTime: { json: JSON.stringify(message.insertedOn) },
    ExpirationTime: { json: JSON.stringify(message.expiresOn) },
    NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
  },
});

const decodeBase64 = (text: string): string | undefined => {
  const compact = text.replace(/\s/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  return Buffer.from(compact, 'base64').toString();
};

/** Sends what a function put into a queue output, one message per element of an array. */
export const sendToQueue = async (queue: QueueClient, data: TypedData, encoding: QueueSettings['messageEncoding']): Promise<void> => {
  const value: unknown = data.json === undefined ? undefined : JSON.parse(data.json);
  const texts = Array.isArray(value)
    ? value.map((one: unknown) => (typeof one === 'string' ? one : JSON.stringify(one)))
    : [data.json ?? data.string ?? (data.bytes === undefined ? String(data.int ?? data.double) : Buffer.from(data.bytes).toString())];
  for (const text of texts) await queue.sendMessage(encoding === 'base64' ? Buffer.from(text).toString('base64') : text);
};
