import { Field, makeStyles, Select } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

// a long choice must not make the page wider than a narrow screen
export const useSelectStyles = makeStyles({
  field: { gridTemplateColumns: 'minmax(0, 1fr)' },
  select: { minWidth: 0, '& select': { minWidth: 0, width: '100%', textOverflow: 'ellipsis' } },
});

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
  const styles = useSelectStyles();
  const t = useTranslations('exportEditor.mapping');
  const isKnown = value === '' || fields.some(({ name }) => name === value);
  return (
    <Field className={styles.field} label={label} required={required} {...(hint === undefined ? {} : { hint })} validationMessage={problem}>
      <Select className={styles.select} value={value} onChange={(_, { value: chosen }) => onChange(chosen)}>
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
