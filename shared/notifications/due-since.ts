import { isClaimed } from '../exports/export';
import type { Export, ExportActivity } from '../exports/export';
import { instantOfRunId } from '../ids';
import { latestOccurrence } from '../schedules/due';
import { dueOccurrence } from '../schedules/fan-out';
import type { SystemRefresh } from '../schedules/schedule';

/** The newest moment at which a run of the export is known to have been there. */
const lastSeenRun = ({ recent, last, lastSkip, lastRunId }: ExportActivity): number =>
  Math.max(
    0,
    ...recent.map(({ endedAt }) => Date.parse(endedAt)),
    last === undefined ? 0 : Date.parse(last.endedAt),
    lastSkip === undefined ? 0 : Date.parse(lastSkip.at),
    lastRunId === undefined ? 0 : instantOfRunId(lastRunId).getTime(),
  );

/**
 * Since when a run of an export is due that has not begun: one that stands queued, a request that waits although nothing runs, or an
 * occurrence of the schedule of which no run is known. The look does not depend on what the timer remembers to have started.
 */
export const dueSince = (
  segmentExport: Export,
  activity: ExportActivity,
  { refresh, system, lateMs, now }: { refresh: SystemRefresh; system: Date | undefined; lateMs: number; now: Date },
): Date | undefined => {
  const { activeRunId, activeState, unreadableRun, pending } = activity;
  const latest = new Date(now.getTime() - lateMs);
  const isLate = (at: Date): boolean => at.getTime() <= latest.getTime();
  if (isClaimed(activity, now)) return undefined; // a person is being erased, which ends by itself
  if (activeRunId !== undefined) {
    const at = instantOfRunId(activeRunId);
    return (activeState ?? 'queued') === 'queued' && unreadableRun !== activeRunId && isLate(at) ? at : undefined;
  }
  const seen = new Date(lastSeenRun(activity));
  // it began to wait for a run that has ended since
  const waits = pending?.at === undefined ? undefined : new Date(Math.max(Date.parse(pending.at), seen.getTime()));
  if (waits !== undefined && isLate(waits)) return waits;
  try {
    const occurrence = dueOccurrence(segmentExport, { system, systemSetAt: refresh.setAt, after: seen, until: latest });
    return occurrence !== undefined && occurrence.getTime() > seen.getTime() ? occurrence : undefined;
  } catch {
    return undefined; // a schedule that cannot be computed here, which the timer says itself
  }
};

/** The newest occurrence of the system refresh up to an instant; undefined while it is off, or cannot be computed here. */
export const systemOccurrence = (refresh: SystemRefresh, until: Date): Date | undefined => {
  if (!refresh.active) return undefined;
  try {
    return latestOccurrence(refresh, { after: new Date(0), until });
  } catch {
    return undefined;
  }
};
