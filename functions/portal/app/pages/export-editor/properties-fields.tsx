import { Button, Field, Input, makeStyles, tokens } from '@fluentui/react-components';
import { AddRegular, DeleteRegular } from '@fluentui/react-icons';
import { useTranslations } from 'use-intl';
import { FieldSelect } from './field-select';
import type { ChoosableField } from './field-select';
import type { Property } from './form';
import { propertyNameOf } from './guess-mapping';

/** Klaviyo takes more, but nobody wants more to choose from at once. */
const MOST_AT_ONCE = 200;

const useStyles = makeStyles({
  list: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM, margin: 0, padding: 0, listStyleType: 'none' },
  row: {
    display: 'grid',
    gridTemplateColumns: '1fr 1fr auto',
    gap: tokens.spacingHorizontalS,
    alignItems: 'start',
    '@media (max-width: 480px)': { gridTemplateColumns: '1fr' },
  },
  remove: { marginTop: '26px', '@media (max-width: 480px)': { marginTop: 0 } },
  actions: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS, marginTop: tokens.spacingVerticalM },
});

/** Custom properties of the Klaviyo profile: any field of the source under a name of one's own. */
export const PropertiesFields = ({
  properties,
  fields,
  unused,
  problemOf,
  onChange,
}: {
  properties: readonly Property[];
  fields: readonly ChoosableField[];
  /** fields that nothing else carries */
  unused: readonly string[];
  problemOf: (pointer: string) => string | undefined;
  onChange: (properties: readonly Property[]) => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.mapping');
  const setOne = (index: number, change: Partial<Property>) =>
    onChange(properties.map((one, at) => (at === index ? { ...one, ...change } : one)));
  const setField = (index: number, field: string) => {
    const { name, field: before } = properties[index]!;
    // a name that was made from the field goes along with it
    setOne(index, { field, name: name === '' || name === propertyNameOf(before) ? propertyNameOf(field) : name });
  };
  const free = unused.filter((name) => !properties.some(({ field }) => field === name));
  return (
    <>
      <ul className={styles.list}>
        {properties.map(({ field, name }, index) => (
          <li key={index} className={styles.row}>
            <FieldSelect
              label={t('propertyField', { number: index + 1 })}
              value={field}
              fields={fields}
              required
              problem={problemOf(`/mapping/properties/${index}/field`)}
              onChange={(chosen) => setField(index, chosen)}
            />
            <Field
              label={t('propertyName', { number: index + 1 })}
              required
              validationMessage={problemOf(`/mapping/properties/${index}/name`)}
            >
              <Input value={name} maxLength={200} onChange={(_, { value }) => setOne(index, { name: value })} />
            </Field>
            <Button
              className={styles.remove}
              appearance="subtle"
              icon={<DeleteRegular />}
              aria-label={t('removeProperty', { number: index + 1 })}
              title={t('removeProperty', { number: index + 1 })}
              onClick={() => onChange(properties.filter((_, at) => at !== index))}
            />
          </li>
        ))}
      </ul>
      {properties.length > 0 && <Field validationMessage={problemOf('/mapping/properties')} />}
      <div className={styles.actions}>
        <Button icon={<AddRegular />} onClick={() => onChange([...properties, { field: '', name: '' }])}>
          {t('addProperty')}
        </Button>
        {free.length > 0 && properties.length + free.length <= MOST_AT_ONCE && (
          <Button
            appearance="subtle"
            onClick={() => onChange([...properties, ...free.map((name) => ({ field: name, name: propertyNameOf(name) }))])}
          >
            {t('addAllProperties', { count: free.length })}
          </Button>
        )}
      </div>
    </>
  );
};
