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
    const refuse = (reason: string) => poison.refuse(message, { from: 'export-runs', to: poisonQueue, reason, messageId, signal });
    if ('reason' in decoded) return refuse(decoded.reason);
    const parsed = RunMessage.safeParse(decoded.value);
    if (!parsed.success) return refuse(reasonOf(parsed.error));
    await advanceRun(parsed.data, { signal });
  },
});

export type RunMessages = ReturnType<typeof createRunMessages>;
