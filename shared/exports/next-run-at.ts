import { nextOccurrences } from '../schedules/due';
import type { Recurrence, SystemSchedule } from '../schedules/schedule';
import type { Export } from './export';

/** Different schedules kept before all are forgotten; exports share few. */
const MAX_KEPT = 5_000;

/**
 * Tells of each export when it runs by itself next. What was worked out for a schedule is kept until that instant has passed, so a list
 * of a thousand exports costs no more than its few schedules.
 */
export const createNextRunAt = () => {
  const kept = new Map<string, { readonly fromMs: number; readonly at: string | undefined }>();
  const nextOf = (recurrence: Recurrence, now: Date): string | undefined => {
    const key = JSON.stringify(recurrence);
    const known = kept.get(key);
    if (known?.at !== undefined && known.fromMs <= now.getTime() && now.getTime() < Date.parse(known.at)) return known.at;
    if (kept.size >= MAX_KEPT) kept.clear();
    let at: string | undefined;
    try {
      at = nextOccurrences(recurrence, { after: now, count: 1 })[0]?.toISOString();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // a zone that this machine does not know: it does not run
    }
    kept.set(key, { fromMs: now.getTime(), at });
    return at;
  };
  /** @returns UTC instant; undefined where nothing runs it by itself: off, paused, detached, or the system refresh is off */
  return (
    { connectionId, paused, schedule }: Pick<Export, 'connectionId' | 'paused' | 'schedule'>,
    { system, now }: { system: SystemSchedule; now: Date },
  ): string | undefined => {
    if (connectionId === undefined || paused || schedule.kind === 'off') return undefined;
    if (schedule.kind === 'custom') return nextOf(schedule, now);
    return system.active ? nextOf(system, now) : undefined;
  };
};
