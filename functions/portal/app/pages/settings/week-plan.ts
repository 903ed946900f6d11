import type { ExportView } from '../../../../../shared/exports/export-view';
import type { ExportSchedule } from '../../../../../shared/schedules/schedule';

/** Exports that run by themselves at the same times. */
export interface Together {
  readonly schedule: ExportSchedule;
  readonly names: readonly string[];
}

/** Exports that run by themselves, gathered by schedule: each is asked about once. The schedule of most exports comes first. */
export const bySchedule = (all: readonly Pick<ExportView, 'name' | 'schedule' | 'paused' | 'connection'>[]): readonly Together[] => {
  const found = new Map<string, { schedule: ExportSchedule; names: string[] }>();
  for (const { name, schedule, paused, connection } of all) {
    if (schedule.kind === 'off' || paused || connection === undefined) continue;
    const key = JSON.stringify(schedule);
    const group = found.get(key) ?? { schedule, names: [] };
    group.names.push(name);
    found.set(key, group);
  }
  return [...found.values()].sort((one, other) => other.names.length - one.names.length);
};

export const HOURS = 24;
export const DAYS = 7;

/** One hour of the week: which exports begin in it. */
export type Week = readonly (readonly (readonly string[])[])[];

/**
 * The next seven days by the reader's clock, hour by hour.
 * @param starts instants (ISO) at which exports begin, with their names
 * @param startOf midnight of a day, so many days from the first
 * @returns week[day][hour]: names
 */
export const weekOf = (starts: readonly { readonly at: string; readonly names: readonly string[] }[], firstDay: Date): Week => {
  const week = Array.from({ length: DAYS }, () => Array.from({ length: HOURS }, (): string[] => []));
  const midnights = Array.from({ length: DAYS + 1 }, (_, day) =>
    new Date(firstDay.getFullYear(), firstDay.getMonth(), firstDay.getDate() + day).getTime(),
  );
  for (const { at, names } of starts) {
    const instant = new Date(at);
    const day = midnights.findLastIndex((midnight) => instant.getTime() >= midnight);
    if (day >= 0 && day < DAYS) week[day]![instant.getHours()]!.push(...names);
  }
  return week;
};
