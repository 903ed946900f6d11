import type { ActivityRecorder } from '../activity/activity';
import type { Queue } from '../platform/queues';
import { errorFields } from '../platform/telemetry';
import type { Log, Telemetry } from '../platform/telemetry';
import { mayPass, startAll } from '../schedules/start-all';
import type { AnsweredStart, RunStarter, Started, StartRequest } from '../schedules/start-all';
import { StartMessage } from '../schedules/starts';
import { decodeMessage, reasonOf } from './message';
import type { Poison } from './poison';
import { recordStarts } from './record-starts';
import { LAST_ATTEMPT } from './requests';

/** The queue's name in the app; not part of the contract with other systems. */
export const STARTS_QUEUE = 'export-starts';

/** Messages of the queue `export-starts`: ours, each with many exports to start. */
export const createStartMessages = ({
  runs,
  poison,
  poisonQueue,
  activity,
  now,
  telemetry,
  log,
}: {
  runs: RunStarter<Started>;
  poison: Pick<Poison, 'refuse'>;
  poisonQueue: Queue<unknown>;
  activity: ActivityRecorder;
  now: () => Date;
  telemetry: Pick<Telemetry, 'span'>;
  log: Log;
}) => ({
  /**
   * Starts the exports of one message. One that has gone, or was paused or detached meanwhile, does not run, and is logged.
   * @param attempt how often the platform has given this message, from 1
   * @throws when it can pass: the platform then gives the message back, and those that run already answer for themselves
   */
  receive: async (
    message: unknown,
    { messageId, attempt, signal }: { messageId: string; attempt: number; signal: AbortSignal },
  ): Promise<void> => {
    const refuse = (reason: string) => poison.refuse(message, { from: STARTS_QUEUE, to: poisonQueue, reason, messageId, signal });
    const decoded = decodeMessage(message);
    if ('reason' in decoded) return refuse(decoded.reason);
    const parsed = StartMessage.safeParse(decoded.value);
    if (!parsed.success) return refuse(reasonOf(parsed.error));
    const { exportIds, trigger, requestKey, traceparent } = parsed.data;
    const requests = exportIds.map((exportId): StartRequest => ({ exportId, trigger, full: false, dryRun: false, requestKey }));
    const answered: AnsweredStart[] = [];
    const onAnswer = (started: Started, request: StartRequest): void => void answered.push({ ...started, request });
    const { startedCount, failed } = await telemetry.span('start chosen exports', { parent: traceparent }, () =>
      startAll(requests, { runs, onAnswer, log, signal }).finally(() =>
        recordStarts(answered, { activity, details: { runAll: true }, now, log }),
      ),
    );
    log('starts_received', { messageId, startedCount, failedCount: failed.length });
    const passing = failed.find(({ error }) => mayPass(error));
    if (!passing) return;
    if (attempt < LAST_ATTEMPT) throw passing.error;
    log('starts_given_up', { messageId, ...errorFields(passing.error) });
    await refuse(
      `${failed.length} of ${exportIds.length} exports could not be started after ${attempt} attempts; the app’s log names them.`,
    );
  },
});

export type StartMessages = ReturnType<typeof createStartMessages>;
