import { DateTime } from 'luxon';
import { z } from 'zod';
import { NotFoundError } from '../errors';
import type { Export } from '../exports/export';
import { ExportId } from '../ids';
import { nextOccurrences, wallTimesAt } from './due';
import type { ScheduleReader } from './fan-out';
import { ExportSchedule } from './schedule';
import type { Recurrence } from './schedule';

/** Whose next runs somebody asks for: those of a schedule that need not be saved, or of an export as it is. */
export const NextRunsRequest = z
  .strictObject({
    schedule: ExportSchedule.optional(),
    exportId: ExportId.optional(),
    count: z.int().min(1).max(50).default(5),
  })
  .refine(({ schedule, exportId }) => (schedule === undefined) !== (exportId === undefined), 'expected either schedule or exportId')
  .meta({ id: 'NextRunsRequest' });
export type NextRunsRequest = z.infer<typeof NextRunsRequest>;

export const NextRun = z
  .object({
    at: z.iso.datetime(),
    /** what the clock on the wall shows then, e.g. 2026-03-29T03:00 */
    local: z.string(),
    /** its distance from UTC, e.g. +02:00 */
    offset: z.string(),
    /** absent when it runs just as planned; `gap`: that time is left out in spring; `repeat`: it comes twice in autumn */
    moved: z.enum(['gap', 'repeat']).optional(),
    /** one sentence about it */
    note: z.string().optional(),
  })
  .meta({ id: 'NextRun' });
export type NextRun = z.infer<typeof NextRun>;

export const NextRuns = z
  .object({
    /** in order of time; none where nothing runs by itself */
    value: z.array(NextRun),
    timeZone: z.string().optional(),
    /** why there are none */
    reason: z
      .object({ code: z.enum(['off', 'system_off', 'export_paused', 'export_detached', 'zone_unknown']), message: z.string() })
      .optional(),
  })
  .meta({ id: 'NextRuns' });
export type NextRuns = z.infer<typeof NextRuns>;

const reasons = {
  off: 'The schedule is off: it runs only when somebody starts it.',
  system_off: 'The system refresh is off; an administrator turns it on in the settings.',
  export_paused: 'The export is paused; resume it, and it runs on its schedule again.',
  export_detached: 'The export has no connection; choose one, and it runs on its schedule again.',
  zone_unknown: 'The time zone of this schedule is unknown here; choose another one.',
} as const;
const none = (code: keyof typeof reasons): NextRuns => ({ value: [], reason: { code, message: reasons[code] } });

/** An occurrence, and what summer time made of it. */
const nextRunAt = (recurrence: Recurrence, occurrence: Date): NextRun => {
  const local = DateTime.fromJSDate(occurrence).setZone(recurrence.timeZone);
  const shown = local.toFormat("yyyy-MM-dd'T'HH:mm");
  const run = { at: occurrence.toISOString(), local: shown, offset: local.toFormat('ZZ') };
  const lost = wallTimesAt(recurrence, occurrence).filter(({ date, time }) => `${date}T${time}` !== shown);
  if (lost.length > 0) {
    const times = lost.map(({ time }) => time).join(' and ');
    const verb = lost.length > 1 ? 'do' : 'does';
    return {
      ...run,
      moved: 'gap',
      note: `${times} ${verb} not exist on ${lost[0]!.date}, as the clock goes forward; it runs at ${shown.slice(11)}, the first minute after.`,
    };
  }
  if (local.getPossibleOffsets().length > 1) {
    return {
      ...run,
      moved: 'repeat',
      note: `${shown.slice(11)} comes twice on that day, as the clock goes back; it runs the first time only.`,
    };
  }
  return run;
};

/** The next runs of a recurrence after an instant. */
export const nextRunsOf = (recurrence: Recurrence, { after, count: wanted }: { after: Date; count: number }): NextRuns => {
  try {
    const value = nextOccurrences(recurrence, { after, count: wanted }).map((occurrence) => nextRunAt(recurrence, occurrence));
    return { value, timeZone: recurrence.timeZone };
  } catch (error) {
    if (error instanceof RangeError) return none('zone_unknown');
    throw error;
  }
};

/** Tells when something runs by itself next. At most two storage calls, and nothing is stored. */
export const createNextRuns =
  ({
    segmentExports,
    settings,
    now,
  }: {
    segmentExports: { find: (id: ExportId, options: { signal: AbortSignal }) => Promise<{ readonly value: Export } | undefined> };
    settings: ScheduleReader;
    now: () => Date;
  }) =>
  /** @throws NotFoundError export_unknown */
  async (request: NextRunsRequest, { signal }: { signal: AbortSignal }): Promise<NextRuns> => {
    let { schedule = { kind: 'off' } }: Pick<NextRunsRequest, 'schedule'> = request;
    if (request.exportId !== undefined) {
      const found = await segmentExports.find(request.exportId, { signal });
      if (!found) throw new NotFoundError({ code: 'export_unknown', message: 'There is no such export.' });
      if (found.value.connectionId === undefined) return none('export_detached');
      if (found.value.paused) return none('export_paused');
      ({ schedule } = found.value);
    }
    const asked = { after: now(), count: request.count };
    if (schedule.kind === 'off') return none('off');
    if (schedule.kind === 'custom') return nextRunsOf(schedule, asked);
    const { value: system } = await settings.getSchedule({ signal });
    return system.active ? nextRunsOf(system, asked) : none('system_off');
  };

export type NextRunsOf = ReturnType<typeof createNextRuns>;
