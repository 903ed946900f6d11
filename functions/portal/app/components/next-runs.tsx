import { Skeleton, SkeletonItem } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useFormatter, useTranslations } from 'use-intl';
import type { ExportSchedule } from '../../../../shared/schedules/schedule';
import type { NextRuns } from '../../../../shared/schedules/next-runs';
import { request } from '../api/client';
import { ProblemMessage } from './problem-message';

/** The next runs of a schedule that need not be saved; asked for anew when it changes. */
export const useNextRunsOf = (schedule: ExportSchedule | undefined, count = 5) =>
  useQuery({
    queryKey: ['next-runs', schedule, count],
    enabled: schedule !== undefined,
    staleTime: 30_000,
    retry: false, // a schedule that is half typed is refused
    queryFn: async ({ signal }) => (await request<NextRuns>('POST', '/schedules/next', { body: { schedule, count }, signal })).body,
  });

/** The next runs as the clock of their own zone shows them, with what summer time makes of them; or why there are none. */
export const NextRunsList = ({ runs, error, pending }: { runs: NextRuns | undefined; error: unknown; pending: boolean }) => {
  const t = useTranslations('recurrence');
  const format = useFormatter();
  if (runs === undefined) {
    return pending ? (
      <Skeleton aria-label={t('loading')}>
        <SkeletonItem size={64} />
      </Skeleton>
    ) : (
      <ProblemMessage error={error} />
    );
  }
  if (runs.value.length === 0) return <p>{runs.reason === undefined ? t('noNext') : t(`reasons.${runs.reason.code}`)}</p>;
  return (
    <ol aria-label={t('next')}>
      {runs.value.map(({ at, offset, moved }) => (
        <li key={at}>
          <time dateTime={at} title={`${at.slice(0, 16).replace('T', ' ')} UTC`}>
            {format.dateTime(new Date(at), {
              weekday: 'long',
              day: 'numeric',
              month: 'long',
              hour: '2-digit',
              minute: '2-digit',
              timeZone: runs.timeZone ?? 'UTC',
            })}
          </time>{' '}
          ({runs.timeZone}, UTC{offset === '+00:00' ? '' : offset}){moved !== undefined && <> – {t(`moved.${moved}`)}</>}
        </li>
      ))}
    </ol>
  );
};
