import { Field, Input, makeStyles, Radio, RadioGroup, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { useSetting } from '../../api/settings';
import { NextRunsList, useNextRunsOf } from '../../components/next-runs';
import { RecurrenceFields } from '../../components/recurrence-fields';
import { ChannelChoice } from './channel-choice';
import { scheduleOf } from './form';
import type { LimitName } from './form';
import type { Editor } from './use-editor';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalXL },
  group: { border: 'none', margin: 0, padding: 0, minWidth: 0 },
  legend: { fontWeight: tokens.fontWeightSemibold, padding: 0, marginBottom: tokens.spacingVerticalS },
  grid: { display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(min(240px, 100%), 1fr))', gap: tokens.spacingHorizontalL },
  inner: { marginTop: tokens.spacingVerticalM },
});

/** Step 4: what becomes of people who leave, how much may go wrong, and when it runs. */
const BehaviourStep = ({ editor }: { editor: Editor }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.behaviour');
  const { form, set, problemOf } = editor;
  const limits = useSetting('limits');
  const schedule = scheduleOf(form);
  const next = useNextRunsOf(schedule);
  /** what holds where the field is left empty */
  const defaultOf = (name: LimitName): string | undefined => {
    if (limits.data === undefined || name === 'canaryRows') return undefined;
    const value = limits.data.body[name];
    if (value === undefined) return t('defaultNone');
    const isShare = name === 'maxInvalidShare' || name === 'guardShare';
    return t(isShare ? 'defaultShare' : 'default', { value });
  };
  const limit = (name: LimitName) => (
    <Field
      key={name}
      label={t(`limits.${name}`)}
      hint={[t(`limitHints.${name}`), defaultOf(name)].filter(Boolean).join(' ')}
      validationMessage={problemOf(`/${name}`)}
    >
      <Input
        inputMode="decimal"
        value={form.limits[name]}
        contentAfter={name === 'maxInvalidShare' || name === 'guardShare' ? '%' : undefined}
        onChange={(_, { value }) => set({ limits: { ...form.limits, [name]: value } })}
      />
    </Field>
  );
  return (
    <div className={styles.box}>
      <Field label={t('membership')}>
        <RadioGroup value={form.membership} onChange={(_, { value }) => set({ membership: value as typeof form.membership })}>
          <Radio value="add" label={t('add')} />
          <Radio value="mirror" label={t('mirror')} />
        </RadioGroup>
      </Field>
      {form.membership === 'mirror' && (
        <fieldset className={styles.group}>
          <legend className={styles.legend}>{t('guard')}</legend>
          <div className={styles.grid}>{(['guardCount', 'guardShare'] as const).map(limit)}</div>
        </fieldset>
      )}
      <fieldset className={styles.group}>
        <legend className={styles.legend}>{t('schedule')}</legend>
        <RadioGroup
          aria-label={t('schedule')}
          value={form.scheduleKind}
          onChange={(_, { value }) => set({ scheduleKind: value as typeof form.scheduleKind })}
        >
          <Radio value="system" label={t('scheduleSystem')} />
          <Radio value="custom" label={t('scheduleCustom')} />
          <Radio value="off" label={t('scheduleOff')} />
        </RadioGroup>
        {form.scheduleKind === 'custom' && (
          <div className={styles.inner}>
            <RecurrenceFields
              value={form.recurrence}
              onChange={(recurrence) => set({ recurrence })}
              problem={(field) => problemOf(`/schedule/${field}`)}
            />
          </div>
        )}
        <div className={styles.inner} aria-live="polite">
          {form.scheduleKind !== 'off' && <strong>{t('next')}</strong>}
          <NextRunsList runs={next.data} error={next.error} pending={next.isPending} />
        </div>
      </fieldset>
      <fieldset className={styles.group}>
        <legend className={styles.legend}>{t('limitsTitle')}</legend>
        <div className={styles.grid}>{(['maxProfiles', 'maxInvalidShare', 'resyncDays', 'canaryRows'] as const).map(limit)}</div>
      </fieldset>
      <fieldset className={styles.group}>
        <legend className={styles.legend}>{t('tell')}</legend>
        <ChannelChoice chosen={form.channelIds} problem={problemOf('/notify')} onChoose={(channelIds) => set({ channelIds })} />
      </fieldset>
    </div>
  );
};

export default BehaviourStep;
