import { Field, Input, Spinner } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Limits } from '../../../../../shared/settings/limits';
import { ProblemMessage } from '../../components/problem-message';
import { SettingForm } from './setting-form';
import { useSettingForm } from './use-setting-form';

type Limit = keyof Limits;
const counts: readonly Limit[] = ['maxProfiles', 'guardCount', 'resyncDays', 'reportDays', 'runDays', 'runsKept', 'activityDays'];
const shares: readonly Limit[] = ['maxInvalidShare', 'guardShare'];
const order: readonly Limit[] = [
  'maxProfiles',
  'maxInvalidShare',
  'guardCount',
  'guardShare',
  'resyncDays',
  'reportDays',
  'runDays',
  'runsKept',
  'activityDays',
];

/** What is typed → the number; nothing where there is none. Shares are typed as per cent. */
export const limitOf = (limit: Limit, text: string): number | undefined => {
  if (text.trim() === '') return undefined;
  const number = Number(text);
  return shares.includes(limit) ? Math.round(number * 1e6) / 1e8 : number;
};
const textOf = (limit: Limit, value: number | undefined): string =>
  value === undefined || Number.isNaN(value) ? '' : String(shares.includes(limit) ? Math.round(value * 1e8) / 1e6 : value);

/** What exports are held to that have no limits of their own, and how long things are kept. */
const LimitsForm = () => {
  const t = useTranslations('settings');
  const parts = order.map((limit) => ({
    label: t(`limit.${limit}`),
    fields: [limit],
    text: (value: Limits) => (value[limit] === undefined ? '–' : `${textOf(limit, value[limit])}${shares.includes(limit) ? ' %' : ''}`),
  }));
  const { value, setTyped, setting, problem, form } = useSettingForm('limits', { schema: Limits, parts, sentOf: (sent) => sent });
  if (value === undefined) {
    return setting.error === null ? (
      <Spinner label={t('loading')} />
    ) : (
      <ProblemMessage error={setting.error} onRetry={() => void setting.refetch()} />
    );
  }
  // the schema's bounds are those of a share, and per cent are what is typed
  const problemOf = (limit: Limit) => {
    const found = problem(`/${limit}`);
    return found !== undefined && shares.includes(limit) ? t('shareWrong') : found;
  };
  return (
    <SettingForm title={t('limits')} {...form}>
      <p>{t('limitsWhat')}</p>
      {order.map((limit) => (
        <Field key={limit} label={t(`limit.${limit}`)} hint={t(`limitHint.${limit}`)} validationMessage={problemOf(limit)}>
          <Input
            type="number"
            min={0}
            step={counts.includes(limit) ? 1 : 'any'}
            disabled={!form.mayEdit}
            contentAfter={shares.includes(limit) ? '%' : undefined}
            value={textOf(limit, value[limit])}
            onChange={(_, { value: text }) => {
              const { [limit]: _before, ...rest } = value;
              const next = limitOf(limit, text);
              setTyped({ ...rest, ...(next === undefined ? {} : { [limit]: next }) } as Limits);
            }}
          />
        </Field>
      ))}
    </SettingForm>
  );
};

export default LimitsForm;
