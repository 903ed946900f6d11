import type { ActivityRecorder } from '../activity/activity';
import type { ActivityDetails, NewActivityEntry } from '../activity/entry';
import type { ActivityKind } from '../activity/kinds';
import type { Caller } from '../caller';
import { ConnectionId, ExportId, RunId } from '../ids';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import { clientAddressOf } from './client-address';

/** What a handler says of what it did: one thing, several, or none with []. */
export type Told = ActivityDetails | readonly ActivityDetails[];

/** Writing is tried again by the storage client; all of it ends after this long. */
const RECORD_MS = 10_000;
/** Things that one request did of which the app’s own log tells in place of the activity log. */
const MAX_TOLD = 20;

/** A handler that says nothing was about what its address names. */
const subjectOf = (id: unknown): ActivityDetails => {
  const [exportId, connectionId, runId] = [ExportId.safeParse(id).data, ConnectionId.safeParse(id).data, RunId.safeParse(id).data];
  return { ...(exportId ? { exportId } : {}), ...(connectionId ? { connectionId } : {}), ...(runId ? { runId } : {}) };
};

/** Puts on record what one request did: who, when, from where, and what. */
export const createRecorder = (
  { kind, caller, headers, params }: { kind: ActivityKind; caller: Caller; headers: { get(name: string): string | null }; params: unknown },
  { activity, now }: { activity: ActivityRecorder; now: () => Date },
) => {
  let done = false;
  const clientAddress = clientAddressOf(headers);
  const subject = subjectOf((params as { id?: unknown } | undefined)?.id);

  const write = async (told: Told): Promise<void> => {
    done = true;
    const entries = ([told].flat() as readonly ActivityDetails[]).map((details): NewActivityEntry => ({
      ...{ kind, ...subject, ...details },
      ...{ at: now().toISOString(), by: caller.id, byName: caller.name },
      ...(caller.application ? { application: true } : {}),
      ...(clientAddress === undefined ? {} : { clientAddress }),
    }));
    // a deadline of its own: what is done must be told, also when the request's time is over
    if (entries.length > 0) await activity.record(entries, { signal: AbortSignal.timeout(RECORD_MS) });
  };

  return {
    /** Whether the handler has seen to it itself. */
    isDone: (): boolean => done,

    /** For whoever hands something out: what cannot be recorded is not done. @throws UpstreamError */
    before: (told: Told = {}): Promise<void> => write(told),

    /** For what is done: it stands also when the log cannot be written, which then shows in the app's own log. Never throws. */
    after: async (told: Told = {}, log: Log): Promise<void> => {
      if (done) return;
      try {
        await write(told);
      } catch (error) {
        for (const { connectionId, exportId, runId } of ([told].flat() as readonly ActivityDetails[]).slice(0, MAX_TOLD)) {
          const ids = {
            ...subject,
            ...(connectionId ? { connectionId } : {}),
            ...(exportId ? { exportId } : {}),
            ...(runId ? { runId } : {}),
          };
          log('activity_not_recorded', { kind, by: caller.id, ...ids, ...errorFields(error) });
        }
      }
    },
  };
};

export type Recorder = ReturnType<typeof createRecorder>;
