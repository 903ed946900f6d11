import { makeStyles, tokens } from '@fluentui/react-components';
import { useFormatter, useTranslations } from 'use-intl';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { useNextRuns } from '../../api/exports';
import { Card } from '../../components/card';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';
import { dateOfWeekday } from '../../components/weekdays';

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalXS, margin: 0, paddingLeft: tokens.spacingHorizontalXL },
  note: { color: tokens.colorNeutralForeground2 },
});

/** When the export runs by itself, in words and as its next five runs. */
export const ScheduleTab = ({ view }: { view: ExportView }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail.schedule');
  const format = useFormatter();
  const next = useNextRuns(view.id);
  const { schedule } = view;
  const said = (): string => {
    if (schedule.kind !== 'custom') return t(schedule.kind);
    const { repeat, times, timeZone } = schedule;
    const on =
      repeat === 'weekly'
        ? schedule.days.map((day) => format.dateTime(dateOfWeekday(day), { weekday: 'long', timeZone: 'UTC' })).join(', ')
        : repeat === 'monthly'
          ? schedule.daysOfMonth.join(', ')
          : '';
    return t(repeat, { days: on, times: times.join(', '), zone: timeZone });
  };
  const { value = [], reason, timeZone } = next.data ?? {};
  return (
    <Card title={t('title')}>
      <p>{said()}</p>
      <ProblemMessage error={next.error} />
      {reason !== undefined && <p>{t(`reasons.${reason.code}`)}</p>}
      {value.length > 0 && (
        <>
          <p>{t('next', { count: value.length })}</p>
          <ol className={styles.list}>
            {value.map(({ at, local, offset, moved }) => (
              <li key={at}>
                <Time at={at} />{' '}
                <span className={styles.note}>
                  {t('there', { time: local.replace('T', ' '), offset, zone: timeZone ?? '' })} {moved !== undefined && t(`moved.${moved}`)}
                </span>
              </li>
            ))}
          </ol>
        </>
      )}
    </Card>
  );
};
