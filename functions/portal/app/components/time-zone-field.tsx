import { Combobox, Field, Option } from '@fluentui/react-components';
import { useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';

/** Zones shown at a time; who types finds the others. */
const ZONES_SHOWN = 60;

/** A time zone, found by typing a part of its name. */
export const TimeZoneField = ({
  value,
  onChange,
  problem,
  disabled,
}: {
  value: string;
  onChange: (zone: string) => void;
  problem: string | undefined;
  disabled: boolean;
}) => {
  const t = useTranslations('recurrence');
  const [typed, setTyped] = useState<string>();
  const zones = useMemo(() => ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')], []);
  const wanted = (typed ?? '').toLowerCase().replaceAll(' ', '_');
  const shown = zones.filter((zone) => zone.toLowerCase().includes(wanted)).slice(0, ZONES_SHOWN);
  return (
    <Field label={t('timeZone')} hint={t('timeZoneHint')} validationMessage={problem}>
      <Combobox
        freeform
        disabled={disabled}
        value={typed ?? value}
        selectedOptions={[value]}
        onChange={({ target }) => setTyped(target.value)}
        onOptionSelect={(_, { optionValue }) => {
          setTyped(undefined);
          if (optionValue !== undefined) onChange(optionValue);
        }}
        onBlur={() => {
          // what was typed in full counts, too, e.g. a Windows name
          if (typed !== undefined && typed.trim() !== '') onChange(typed.trim());
          setTyped(undefined);
        }}
      >
        {shown.map((zone) => (
          <Option key={zone}>{zone}</Option>
        ))}
      </Combobox>
    </Field>
  );
};
