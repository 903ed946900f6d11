import { createHash } from 'node:crypto';
import type { ActivityRecorder } from '../activity/activity';
import type { ActivityDetails } from '../activity/entry';
import { isDomainError } from '../errors';
import type { Export } from '../exports/export';
import { errorFields } from '../platform/telemetry';
import type { Log, Telemetry } from '../platform/telemetry';
import type { Queue } from '../platform/queues';
import { followsSystem, isScheduled } from '../schedules/fan-out';
import type { ExportReader, ScheduleReader } from '../schedules/fan-out';
import { mayPass, startAll } from '../schedules/start-all';
import type { AnsweredStart, RunStarter, Started, StartRequest } from '../schedules/start-all';
import { BlobEvent, ExportRequest, looksLikeEvent, readBlobEvent } from './export-request';
import type { SourceFolder } from './export-request';
import { decodeMessage, reasonOf } from './message';
import type { Poison } from './poison';
import { recordStarts } from './record-starts';

/** The platform gives a message five times, then moves its bare body to the poison queue (host.json leaves maxDequeueCount at 5). */
export const LAST_ATTEMPT = 5;
export const QUEUE = 'export-requests';

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** A request that can be carried out, or why it cannot. */
type Plan =
  | {
      readonly kind: 'start';
      readonly requests: AsyncIterable<StartRequest> | readonly StartRequest[];
      readonly one: boolean;
      /** trace context of the sender */
      readonly traceparent?: string | undefined;
      /** what the activity log says of the request; a refresh of the source is nobody's request */
      readonly told?: NonNullable<ActivityDetails['details']>;
    }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refuse'; readonly reason: string };

/** Requests of other systems and events of the source: each starts its runs once, however often it is delivered. */
export const createRequests = ({
  segmentExports,
  settings,
  runs,
  poison,
  poisonQueue,
  source,
  activity,
  now,
  telemetry,
  log,
}: {
  segmentExports: ExportReader;
  settings: ScheduleReader;
  runs: RunStarter<Started>;
  poison: Pick<Poison, 'refuse'>;
  poisonQueue: Queue<unknown>;
  /** undefined: the source has neither model.json nor manifest, events mean nothing */
  source: SourceFolder | undefined;
  activity: ActivityRecorder;
  now: () => Date;
  telemetry: Pick<Telemetry, 'span'>;
  log: Log;
}) => {
  const system = async (signal: AbortSignal) => (await settings.getSchedule({ signal })).value;

  async function* eachExport(
    chosen: (segmentExport: Export) => boolean,
    request: Omit<StartRequest, 'exportId'>,
    signal: AbortSignal,
  ): AsyncGenerator<StartRequest> {
    for await (const { value } of segmentExports.readAll({ signal, unreadable: () => undefined })) {
      if (chosen(value)) yield { ...request, exportId: value.id };
    }
  }

  const planEvent = async (value: unknown, messageId: string, signal: AbortSignal): Promise<Plan> => {
    const event = BlobEvent.safeParse(value);
    if (!event.success) return { kind: 'refuse', reason: 'The message is neither an Event Grid event nor a CloudEvent 1.0.' };
    const read = readBlobEvent(event.data, source);
    if (read.kind === 'wrong') return { kind: 'refuse', reason: read.reason };
    const ignore = (why: string): Plan => {
      log('event_ignored', { messageId, why });
      return { kind: 'nothing' };
    };
    if (read.kind === 'ignored') return ignore(read.why);
    // model.json is written, too, and its event counts
    if (read.by === 'manifest' && (await source?.hasModel({ signal }))) return ignore('manifest');
    const request = {
      trigger: { kind: 'event', by: 'source' },
      full: false,
      dryRun: false,
      requestKey: `evt-${digest(read.eTag)}`,
    } as const;
    return { kind: 'start', requests: eachExport(followsSystem, request, signal), one: false };
  };

  const plan = async (message: unknown, messageId: string, signal: AbortSignal): Promise<Plan> => {
    const decoded = decodeMessage(message);
    if ('reason' in decoded) return { kind: 'refuse', reason: decoded.reason };
    if (looksLikeEvent(decoded.value)) return planEvent(decoded.value, messageId, signal);
    const parsed = ExportRequest.safeParse(decoded.value);
    if (!parsed.success) return { kind: 'refuse', reason: reasonOf(parsed.error) };
    const request = parsed.data;
    // a sender's own id may be anything: its digest tells whether it is the one somebody looks for
    const requestDigest = digest(request.requestId ?? messageId);
    const { traceparent } = request;
    const asked = { trigger: { kind: 'request', by: 'queue' }, requestKey: `req-${requestDigest}` } as const;
    if (request.type === 'run') {
      const { exportId, full, dryRun } = request;
      return { kind: 'start', requests: [{ ...asked, exportId, full, dryRun }], one: true, told: { requestDigest }, traceparent };
    }
    const schedule = await system(signal);
    const scheduled = (segmentExport: Export) => isScheduled(segmentExport, schedule);
    const requests = eachExport(scheduled, { ...asked, full: false, dryRun: false }, signal);
    return { kind: 'start', requests, one: false, told: { requestDigest, runAll: true }, traceparent };
  };

  const carryOut = async (
    message: unknown,
    { messageId, signal }: { messageId: string; signal: AbortSignal },
  ): Promise<string | undefined> => {
    const planned = await plan(message, messageId, signal);
    if (planned.kind === 'refuse') return planned.reason;
    if (planned.kind === 'nothing') return undefined;
    const answered: AnsweredStart[] = [];
    const { told } = planned;
    const { startedCount, failed } = await telemetry.span('start requested exports', { parent: planned.traceparent }, () =>
      startAll(planned.requests, {
        runs,
        onAnswer: (started, request) => void answered.push({ ...started, request }),
        log,
        signal,
      }).finally(() => (told ? recordStarts(answered, { activity, details: told, now, log }) : undefined)),
    );
    log('request_received', { messageId, startedCount, failedCount: failed.length });
    const passing = failed.find(({ error }) => mayPass(error));
    if (passing) throw passing.error;
    // Asked for one export, the sender must learn why it does not run; of many, one may have gone meanwhile.
    const refused = planned.one ? failed[0]?.error : undefined;
    return isDomainError(refused) ? refused.message : undefined;
  };

  return {
    /**
     * Carries out one message of the queue `export-requests`, as the host gives it. What cannot be carried out goes to the poison
     * queue with its reason.
     * @param attempt how often the platform has given this message, from 1
     * @throws when it can pass: the platform then gives the message back
     */
    receive: async (
      message: unknown,
      { messageId, attempt, signal }: { messageId: string; attempt: number; signal: AbortSignal },
    ): Promise<void> => {
      let reason: string | undefined;
      try {
        reason = await carryOut(message, { messageId, signal });
      } catch (error) {
        if (attempt < LAST_ATTEMPT) throw error;
        log('request_given_up', { messageId, ...errorFields(error) });
        reason = `The request failed ${attempt} times: ${isDomainError(error) ? error.message : 'something unexpected happened.'}`;
      }
      if (reason !== undefined) await poison.refuse(message, { from: QUEUE, to: poisonQueue, reason, messageId, signal });
    },
  };
};

export type Requests = ReturnType<typeof createRequests>;
