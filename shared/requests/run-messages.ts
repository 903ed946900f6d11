import type { Queue } from '../platform/queues';
import { RunMessage } from '../runs/run';
import { decodeMessage, reasonOf } from './message';
import type { Poison } from './poison';

/** Messages of the queue `export-runs`: ours, but a hand or an older version may have written one that we do not understand. */
export const createRunMessages = ({
  advanceRun,
  poison,
  poisonQueue,
}: {
  advanceRun: (message: RunMessage, options: { signal: AbortSignal }) => Promise<void>;
  poison: Pick<Poison, 'refuse'>;
  poisonQueue: Queue<unknown>;
}) => ({
  /** @throws only when storage does not answer; the platform then gives the message back */
  receive: async (message: unknown, { messageId, signal }: { messageId: string; signal: AbortSignal }): Promise<void> => {
    const decoded = decodeMessage(message);
    const parsed = 'value' in decoded ? RunMessage.safeParse(decoded.value) : undefined;
    if (parsed?.success) return advanceRun(parsed.data, { signal });
    const reason = 'reason' in decoded ? decoded.reason : reasonOf(parsed!.error!);
    await poison.refuse(message, { from: 'export-runs', to: poisonQueue, reason, messageId, signal });
  },
});

export type RunMessages = ReturnType<typeof createRunMessages>;
