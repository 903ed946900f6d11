import { makeStyles, mergeClasses, Spinner, tokens } from '@fluentui/react-components';
import { useQueries } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useFormatter, useNow, useTranslations } from 'use-intl';
import type { NextRuns } from '../../../../../shared/schedules/next-runs';
import { request } from '../../api/client';
import { useAllExports } from '../../api/export-list';
import { Card } from '../../components/card';
import { ProblemMessage } from '../../components/problem-message';
import { bySchedule, HOURS, weekOf } from './week-plan';

/** Schedules asked about; more different ones than this are said to be left out. */
const MOST_SCHEDULES = 40;
/** A week of four runs a day is 28. */
const RUNS_ASKED = 28;
/** Said in words below the picture: which hours, and who. */
const MOST_MEETINGS = 20;
const MOST_NAMES = 10;

const useStyles = makeStyles({
  frame: { overflowX: 'auto' },
  table: { borderCollapse: 'collapse', fontSize: tokens.fontSizeBase200 },
  head: { fontWeight: tokens.fontWeightRegular, padding: '2px', color: tokens.colorNeutralForeground2, whiteSpace: 'nowrap' },
  day: { textAlign: 'start', paddingRight: tokens.spacingHorizontalS },
  cell: {
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    width: '26px',
    minWidth: '26px',
    height: '26px',
    textAlign: 'center',
    padding: 0,
  },
  one: { backgroundColor: tokens.colorBrandBackground2, color: tokens.colorBrandForeground2 },
  several: {
    backgroundColor: tokens.colorBrandBackground,
    color: tokens.colorNeutralForegroundOnBrand,
    fontWeight: tokens.fontWeightSemibold,
  },
});

/** The next seven days, hour by hour, with how many exports begin: several at once share the pace of their Klaviyo account. */
const Week = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const format = useFormatter();
  const now = useNow();
  const all = useAllExports();
  const groups = useMemo(() => bySchedule(all.data ?? []), [all.data]);
  const answers = useQueries({
    queries: groups.slice(0, MOST_SCHEDULES).map(({ schedule }) => ({
      queryKey: ['next-runs', schedule, RUNS_ASKED],
      staleTime: 60_000,
      queryFn: async ({ signal }: { signal: AbortSignal }) =>
        (await request<NextRuns>('POST', '/schedules/next', { body: { schedule, count: RUNS_ASKED }, signal })).body,
    })),
  });
  if (all.data === undefined || answers.some(({ isPending }) => isPending)) {
    return all.error === null ? <Spinner label={t('loading')} /> : <ProblemMessage error={all.error} onRetry={() => void all.refetch()} />;
  }
  const failed = answers.find(({ error }) => error !== null);
  const starts = answers.flatMap(({ data }, index) => (data?.value ?? []).map(({ at }) => ({ at, names: groups[index]!.names })));
  const week = weekOf(starts, now);
  const meetings = week.flatMap((cells, day) => cells.flatMap((names, hour) => (names.length > 1 ? [{ day, hour, names }] : [])));
  const hours = Array.from({ length: HOURS }, (_, hour) => hour);
  const hourOf = (day: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + day, hour);
  return (
    <Card title={t('week')}>
      <p>{starts.length === 0 ? t('weekEmpty') : t('weekWhat', { collisions: meetings.length })}</p>
      <ProblemMessage error={failed?.error} onRetry={() => void failed?.refetch()} />
      {groups.length > MOST_SCHEDULES && <p>{t('weekLeftOut', { count: groups.length - MOST_SCHEDULES })}</p>}
      <div className={styles.frame} role="region" aria-label={t('week')} tabIndex={0}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th className={mergeClasses(styles.head, styles.day)} scope="col">
                {t('day')}
              </th>
              {hours.map((hour) => (
                <th key={hour} className={styles.head} scope="col">
                  {hour}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {week.map((cells, day) => (
              <tr key={day}>
                <th className={mergeClasses(styles.head, styles.day)} scope="row">
                  {format.dateTime(hourOf(day, 12), { weekday: 'short', day: 'numeric', month: 'short' })}
                </th>
                {cells.map((names, hour) => (
                  <td
                    key={hour}
                    className={mergeClasses(styles.cell, names.length === 1 && styles.one, names.length > 1 && styles.several)}
                    title={names.slice(0, 20).join('\n')}
                  >
                    {names.length > 0 ? names.length : ''}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {meetings.length > 0 && (
        <ul aria-label={t('weekTogether')}>
          {meetings.slice(0, MOST_MEETINGS).map(({ day, hour, names }) => (
            <li key={`${day} ${hour}`}>
              {format.dateTime(hourOf(day, hour), { weekday: 'short', day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' })}
              : {names.slice(0, MOST_NAMES).join(', ')}
              {names.length > MOST_NAMES && ` ${t('weekMore', { count: names.length - MOST_NAMES })}`}
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
};

export default Week;
