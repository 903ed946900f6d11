import { makeStyles, Spinner, Switch, tokens } from '@fluentui/react-components';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { SystemSchedule } from '../../../../../shared/schedules/schedule';
import type { Recurrence } from '../../../../../shared/schedules/schedule';
import { useAllExports } from '../../api/export-list';
import { Card } from '../../components/card';
import { NextRunsList, useNextRunsOf } from '../../components/next-runs';
import { ProblemMessage } from '../../components/problem-message';
import { RecurrenceFields } from '../../components/recurrence-fields';
import { useScheduleText } from '../../components/schedule-text';
import { SettingForm } from './setting-form';
import { useSettingForm } from './use-setting-form';

const useStyles = makeStyles({ stack: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL } });

const recurrenceOf = ({ active: _active, ...recurrence }: SystemSchedule): Recurrence => recurrence;

/** When all exports run that have no times of their own. */
const SystemRefresh = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const scheduleText = useScheduleText();
  const parts = [
    { label: t('systemRefresh'), fields: ['active' as const], text: ({ active }: SystemSchedule) => t(active ? 'on' : 'off') },
    {
      label: t('times'),
      fields: ['repeat', 'days', 'daysOfMonth', 'times', 'timeZone'] as const,
      text: (schedule: SystemSchedule) => scheduleText({ kind: 'custom', ...recurrenceOf(schedule) }),
    },
  ];
  const { value, setTyped, setting, problem, form } = useSettingForm('schedule', {
    schema: SystemSchedule,
    parts,
    sentOf: (sent) => sent,
  });
  const asked = useMemo(() => (value?.active ? ({ kind: 'custom', ...recurrenceOf(value) } as const) : undefined), [value]);
  const next = useNextRunsOf(asked);
  const all = useAllExports();
  if (value === undefined) {
    return setting.error === null ? (
      <Spinner label={t('loading')} />
    ) : (
      <ProblemMessage error={setting.error} onRetry={() => void setting.refetch()} />
    );
  }
  const following = all.data?.filter(({ schedule }) => schedule.kind === 'system').length;
  return (
    <div className={styles.stack}>
      <SettingForm title={t('systemRefresh')} {...form}>
        <p>{t('systemRefreshWhat')}</p>
        <Switch
          label={value.active ? t('on') : t('off')}
          checked={value.active}
          disabled={!form.mayEdit}
          onChange={(_, { checked }) => setTyped({ ...value, active: checked })}
        />
        <RecurrenceFields
          value={recurrenceOf(value)}
          disabled={!form.mayEdit || !value.active}
          onChange={(recurrence) => setTyped({ ...recurrence, active: value.active })}
          problem={(field) => problem(`/${field}`)}
        />
      </SettingForm>
      <Card title={t('nextFive')}>
        {value.active ? <NextRunsList runs={next.data} error={next.error} pending={next.isPending} /> : <p>{t('systemRefreshOff')}</p>}
        {following !== undefined && (
          <p>
            <Link href="/exports?sort=schedule">{t('following', { count: following })}</Link>
          </p>
        )}
      </Card>
    </div>
  );
};

export default SystemRefresh;
