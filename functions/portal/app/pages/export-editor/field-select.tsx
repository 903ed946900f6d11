import { Field, Select } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

/** A field of the source as it can be chosen: one that some segments lack is shown, but cannot be used. */
export interface ChoosableField {
  readonly name: string;
  readonly dataType: string;
  readonly lackedBy: string | undefined;
}

/** Chooses the field behind an attribute. */
export const FieldSelect = ({
  label,
  hint,
  value,
  fields,
  required = false,
  problem,
  onChange,
}: {
  label: string;
  hint?: string;
  value: string;
  fields: readonly ChoosableField[];
  required?: boolean;
  problem: string | undefined;
  onChange: (field: string) => void;
}) => {
  const t = useTranslations('exportEditor.mapping');
  const isKnown = value === '' || fields.some(({ name }) => name === value);
  return (
    <Field label={label} required={required} {...(hint === undefined ? {} : { hint })} validationMessage={problem}>
      <Select value={value} onChange={(_, { value: chosen }) => onChange(chosen)}>
        <option value="">{t(required ? 'chooseField' : 'notSent')}</option>
        {!isKnown && <option value={value}>{t('fieldGone', { field: value })}</option>}
        {fields.map(({ name, dataType, lackedBy }) => (
          <option key={name} value={name} disabled={lackedBy !== undefined}>
            {lackedBy === undefined ? t('field', { field: name, type: dataType }) : t('fieldLacked', { field: name, segment: lackedBy })}
          </option>
        ))}
      </Select>
    </Field>
  );
};
