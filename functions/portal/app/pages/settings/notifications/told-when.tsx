import { Field, Input } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { NotificationSettings } from '../../../../../../shared/settings/notification-settings';
import type { SavedNotificationSettings } from '../../../../../../shared/settings/notification-settings';
import { sentOf } from '../../../api/notifications';
import type { Part } from '../../../components/merged-draft';
import { TimeZoneField } from '../../../components/time-zone-field';
import { SettingForm } from '../setting-form';
import { useSettingForm } from '../use-setting-form';

/** A share as per cent, without the noise of binary fractions. */
const percentOf = (share: number): number => Math.round(share * 1e8) / 1e6;
const typedNumber = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));
const shown = (number: number): string => (Number.isNaN(number) ? '' : String(number));

/** When the digest comes, and from where on something counts as wrong. */
export const ToldWhen = () => {
  const t = useTranslations('notifications.when');
  const ts = useTranslations('settings');
  const parts: readonly Part<SavedNotificationSettings>[] = [
    { label: t('digest'), fields: ['digest'], text: ({ digest }) => `${digest.time} (${digest.timeZone})` },
    { label: t('rejectedShare'), fields: ['rejectedShare'], text: ({ rejectedShare }) => `${shown(percentOf(rejectedShare))} %` },
    { label: t('lateMinutes'), fields: ['lateMinutes'], text: ({ lateMinutes }) => shown(lateMinutes) },
  ];
  const { value, setTyped, problem, form } = useSettingForm('notifications', {
    schema: NotificationSettings,
    parts,
    sentOf: (sent) => sentOf(sent),
  });
  if (value === undefined) return null;
  const { digest, rejectedShare, lateMinutes } = value;
  const { mayEdit } = form;
  return (
    <SettingForm title={t('title')} {...form}>
      <p>{t('what')}</p>
      <Field label={t('digest')} hint={t('digestHint')} validationMessage={problem('/digest/time')}>
        <Input
          type="time"
          disabled={!mayEdit}
          value={digest.time}
          onChange={(_, { value: time }) => setTyped({ ...value, digest: { ...digest, time } })}
        />
      </Field>
      <TimeZoneField
        value={digest.timeZone}
        disabled={!mayEdit}
        problem={problem('/digest/timeZone')}
        onChange={(timeZone) => setTyped({ ...value, digest: { ...digest, timeZone } })}
      />
      <Field
        label={t('rejectedShare')}
        hint={t('rejectedShareHint')}
        validationMessage={problem('/rejectedShare') === undefined ? undefined : ts('shareWrong')}
      >
        <Input
          type="number"
          min={0}
          max={100}
          step="any"
          contentAfter="%"
          disabled={!mayEdit}
          value={shown(percentOf(rejectedShare))}
          onChange={(_, { value: text }) => setTyped({ ...value, rejectedShare: Math.round(typedNumber(text) * 1e6) / 1e8 })}
        />
      </Field>
      <Field label={t('lateMinutes')} hint={t('lateMinutesHint')} validationMessage={problem('/lateMinutes')}>
        <Input
          type="number"
          min={5}
          max={1_440}
          disabled={!mayEdit}
          value={shown(lateMinutes)}
          onChange={(_, { value: text }) => setTyped({ ...value, lateMinutes: typedNumber(text) })}
        />
      </Field>
    </SettingForm>
  );
};
