import type { ActivityRecorder } from '../activity/activity';
import type { ActivityDetails, NewActivityEntry } from '../activity/entry';
import { errorFields } from '../platform/telemetry';
import type { Log } from '../platform/telemetry';
import type { AnsweredStart } from '../schedules/start-all';

/** Writing is tried again by the storage client; all of it ends after this long. */
const RECORD_MS = 30_000;

/**
 * Puts on record which runs somebody has started by a message, as the routes do of their callers. A message that is delivered again is not
 * told again. Never throws: the runs are there, and the message must not come back because of the log.
 */
export const recordStarts = async (
  answered: readonly AnsweredStart[],
  { activity, details, now, log }: { activity: ActivityRecorder; details?: ActivityDetails['details']; now: () => Date; log: Log },
): Promise<void> => {
  const at = now().toISOString();
  const entries = answered
    .filter(({ repeated }) => !repeated)
    .map(({ request: { exportId, trigger, full, dryRun }, run, created }): NewActivityEntry => ({
      kind: 'run_started',
      at,
      by: trigger.byId ?? trigger.by,
      ...(trigger.byId === undefined ? {} : { byName: trigger.by }),
      exportId,
      runId: run.id,
      details: { full, dryRun, ...(created ? {} : { joined: true }), ...details },
    }));
  if (entries.length === 0) return;
  try {
    await activity.record(entries, { signal: AbortSignal.timeout(RECORD_MS) });
  } catch (error) {
    log('activity_not_recorded', {
      kind: 'run_started',
      by: entries[0]!.by,
      runIds: entries
        .slice(0, 20)
        .map(({ runId }) => runId)
        .join(' '),
      ...errorFields(error),
    });
  }
};
