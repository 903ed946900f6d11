import { useFormatter, useTranslations } from 'use-intl';
import type { ExportView } from '../../../../shared/exports/export-view';
import { dateOfWeekday } from './weekdays';

type Schedule = ExportView['schedule'];

/** A schedule in a few words, e.g. "Mon, Thu at 06:00 (Europe/Paris)". */
export const useScheduleText = (): ((schedule: Schedule) => string) => {
  const t = useTranslations('schedule');
  const format = useFormatter();
  return (schedule) => {
    if (schedule.kind !== 'custom') return t(schedule.kind);
    const { repeat, days, daysOfMonth, times, timeZone } = schedule;
    const list = (words: readonly string[]): string => words.join(', ');
    const at = { times: list([...times].sort()), zone: timeZone };
    if (repeat === 'weekly') {
      const names = days.map((day) => format.dateTime(dateOfWeekday(day), { weekday: 'short', timeZone: 'UTC' }));
      return t('weekly', { ...at, days: list(names) });
    }
    if (repeat === 'monthly') return t('monthly', { ...at, days: list([...daysOfMonth].sort((a, b) => a - b).map(String)) });
    return t('daily', at);
  };
};
