import { Button, Checkbox, Dropdown, Field, Input, makeStyles, Option, Radio, RadioGroup, tokens } from '@fluentui/react-components';
import { AddRegular, DismissRegular } from '@fluentui/react-icons';
import { useFormatter, useTranslations } from 'use-intl';
import type { Recurrence } from '../../../../shared/schedules/schedule';
import { TimeZoneField } from './time-zone-field';
import { dateOfWeekday, WEEKDAYS } from './weekdays';

const daysOfMonth = Array.from({ length: 31 }, (_, index) => index + 1);
/** customer-insights.md §4.1: at most four times a day */
const MOST_TIMES = 4;

const useStyles = makeStyles({
  fields: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  row: { display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: tokens.spacingHorizontalS },
});

export interface RecurrenceFieldsProps {
  readonly value: Recurrence;
  readonly onChange: (value: Recurrence) => void;
  /** what is wrong, by field: `times`, `days`, `daysOfMonth`, `timeZone` */
  readonly problem: (field: keyof Recurrence) => string | undefined;
  readonly disabled?: boolean;
}

/** When something repeats: daily, weekly or monthly, up to four times a day, in a time zone. */
export const RecurrenceFields = ({ value, onChange, problem, disabled = false }: RecurrenceFieldsProps) => {
  const styles = useStyles();
  const t = useTranslations('recurrence');
  const format = useFormatter();
  const { repeat, days, times } = value;
  const setTime = (index: number, time: string) => onChange({ ...value, times: times.map((one, at) => (at === index ? time : one)) });
  return (
    <div className={styles.fields}>
      <Field label={t('repeat')}>
        <RadioGroup
          layout="horizontal"
          className={styles.row}
          value={repeat}
          disabled={disabled}
          onChange={(_, { value: chosen }) => onChange({ ...value, repeat: chosen as Recurrence['repeat'] })}
        >
          <Radio value="daily" label={t('daily')} />
          <Radio value="weekly" label={t('weekly')} />
          <Radio value="monthly" label={t('monthly')} />
        </RadioGroup>
      </Field>
      {repeat === 'weekly' && (
        <Field label={t('days')} validationMessage={problem('days')}>
          <div className={styles.row} role="group" aria-label={t('days')}>
            {WEEKDAYS.map((day) => (
              <Checkbox
                key={day}
                label={format.dateTime(dateOfWeekday(day), { weekday: 'long', timeZone: 'UTC' })}
                checked={days.includes(day)}
                disabled={disabled}
                onChange={(_, { checked }) =>
                  onChange({ ...value, days: WEEKDAYS.filter((one) => (one === day ? checked === true : days.includes(one))) })
                }
              />
            ))}
          </div>
        </Field>
      )}
      {repeat === 'monthly' && (
        <Field label={t('daysOfMonth')} hint={t('daysOfMonthHint')} validationMessage={problem('daysOfMonth')}>
          <Dropdown
            multiselect
            disabled={disabled}
            value={value.daysOfMonth.join(', ')}
            selectedOptions={value.daysOfMonth.map(String)}
            onOptionSelect={(_, { selectedOptions }) =>
              onChange({ ...value, daysOfMonth: selectedOptions.map(Number).sort((one, other) => one - other) })
            }
          >
            {daysOfMonth.map((day) => (
              <Option key={day} value={String(day)}>
                {String(day)}
              </Option>
            ))}
          </Dropdown>
        </Field>
      )}
      <Field label={t('times')} validationMessage={problem('times')}>
        <div className={styles.row} role="group" aria-label={t('times')}>
          {times.map((time, index) => (
            <span key={index} className={styles.row}>
              <Input
                type="time"
                aria-label={t('time', { number: index + 1 })}
                value={time}
                disabled={disabled}
                onChange={(_, { value: typed }) => setTime(index, typed)}
              />
              {times.length > 1 && !disabled && (
                <Button
                  size="small"
                  appearance="subtle"
                  icon={<DismissRegular />}
                  aria-label={t('removeTime', { number: index + 1 })}
                  onClick={() => onChange({ ...value, times: times.filter((_, at) => at !== index) })}
                />
              )}
            </span>
          ))}
          {times.length < MOST_TIMES && !disabled && (
            <Button size="small" icon={<AddRegular />} onClick={() => onChange({ ...value, times: [...times, '12:00'] })}>
              {t('addTime')}
            </Button>
          )}
        </div>
      </Field>
      <TimeZoneField
        value={value.timeZone}
        onChange={(timeZone) => onChange({ ...value, timeZone })}
        problem={problem('timeZone')}
        disabled={disabled}
      />
    </div>
  );
};
