import { z } from 'zod';
import type { ActivityRecorder } from '../activity/activity';
import type { Queue } from '../platform/queues';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { RunMessage } from '../runs/run';
import { DescribedMessage, describeMessage } from './described-message';
import { decodeMessage } from './message';

/**
 * What we put into a poison queue ourselves. Its reason stands in the activity log before it is sent. It does not hold the message: what
 * does not fit the contract may be anything, also data of people, which no queue may keep (design §4); whoever sent it still has it.
 */
export const PoisonEnvelope = z.object({
  version: z.literal(1),
  reason: z.string(),
  receivedAt: z.iso.datetime(),
  messageId: z.string().optional(),
  message: DescribedMessage.optional(),
});
export type PoisonEnvelope = z.infer<typeof PoisonEnvelope>;

const poisoned = 'The message failed five times and was given up; the app’s log holds the details.';

/** Messages that nobody can handle: kept with their reason, which also goes on record. The record never holds the message. */
export const createPoison = ({ activity, now, log }: { activity: ActivityRecorder; now: () => Date; log: Log }) => ({
  /** @throws UpstreamError when it can be neither recorded nor kept: the platform then gives the message back */
  refuse: async (
    body: unknown,
    { from, to, reason, messageId, signal }: { from: string; to: Queue<unknown>; reason: string; messageId: string; signal: AbortSignal },
  ): Promise<void> => {
    const receivedAt = now().toISOString();
    await activity.record({ kind: 'message_refused', at: receivedAt, reason, queue: from, messageId }, { signal });
    const envelope: PoisonEnvelope = { version: 1, reason, receivedAt, messageId, message: describeMessage(body) };
    await to.send(envelope, { signal });
    log('message_refused', { queue: from, messageId });
  },

  /** What arrives in a poison queue: its reason goes on record, unless it is our own envelope. Never throws. */
  bury: async (message: unknown, { from, messageId, signal }: { from: string; messageId: string; signal: AbortSignal }): Promise<void> => {
    try {
      const decoded = decodeMessage(message);
      const value = 'value' in decoded ? decoded.value : undefined;
      if (PoisonEnvelope.safeParse(value).success) {
        log('message_buried', { queue: from, messageId });
        return;
      }
      const { exportId, runId } = RunMessage.partial().safeParse(value).data ?? {};
      const ids = { ...(exportId ? { exportId } : {}), ...(runId ? { runId } : {}) };
      log('message_given_up', { queue: from, messageId, ...ids });
      await activity.record(
        { kind: 'message_given_up', at: now().toISOString(), reason: poisoned, queue: from, messageId, ...ids },
        { signal },
      );
    } catch (error) {
      // A throw would bring it back every ten minutes for a week.
      log('message_not_recorded', { queue: from, messageId, ...errorFields(error) });
    }
  },
});

export type Poison = ReturnType<typeof createPoison>;
