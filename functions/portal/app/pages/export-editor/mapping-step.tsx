import { makeStyles, MessageBar, MessageBarBody, tokens } from '@fluentui/react-components';
import { useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { useSegmentDescriptions } from '../../api/segments';
import { ProblemMessage } from '../../components/problem-message';
import { FieldsSkeleton } from '../../components/skeletons';
import { FieldSelect } from './field-select';
import type { ChoosableField } from './field-select';
import { attributes } from './form';
import type { Attribute } from './form';
import { LeftOut } from './left-out';
import { PropertiesFields } from './properties-fields';
import { SampleRows } from './sample-rows';
import type { Editor } from './use-editor';

const useStyles = makeStyles({
  box: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  group: { border: 'none', margin: 0, padding: 0, minWidth: 0 },
  legend: { fontWeight: tokens.fontWeightSemibold, padding: 0, marginBottom: tokens.spacingVerticalS },
  grid: {
    display: 'grid',
    gridTemplateColumns: 'repeat(auto-fill, minmax(min(260px, 100%), 1fr))',
    gap: tokens.spacingHorizontalL,
    alignItems: 'start',
  },
});

const groups: readonly (readonly [name: 'identity' | 'person' | 'location', attributes: readonly Attribute[]])[] = [
  ['identity', ['email', 'phoneNumber', 'externalId']],
  ['person', ['firstName', 'lastName', 'organization', 'title', 'locale', 'image']],
  ['location', attributes.filter((attribute) => attribute.startsWith('location/'))],
];

/** Step 3: which field of the unified profile goes to which attribute of the Klaviyo profile. */
const MappingStep = ({ editor }: { editor: Editor }) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.mapping');
  const { form, set, problemOf } = editor;
  const { known, pending, error } = useSegmentDescriptions(form.segments);
  const fields = useMemo((): readonly ChoosableField[] => {
    const types = new Map(known.flatMap((segment) => segment.fields.map(({ name, dataType }) => [name, dataType] as const)));
    return [...types].map(([name, dataType]) => ({
      name,
      dataType,
      lackedBy: known.find((segment) => !segment.fields.some((field) => field.name === name))?.name,
    }));
  }, [known]);
  if (form.segments.length === 0) {
    return (
      <MessageBar intent="info">
        <MessageBarBody>{t('segmentsFirst')}</MessageBarBody>
      </MessageBar>
    );
  }
  if (pending && known.length === 0) return <FieldsSkeleton />;
  const used = new Set(Object.values(form.fields));
  const unused = fields.filter(({ name, lackedBy }) => lackedBy === undefined && !used.has(name)).map(({ name }) => name);
  return (
    <div className={styles.box}>
      <ProblemMessage error={error} />
      {groups.map(([group, named]) => (
        <fieldset key={group} className={styles.group}>
          <legend className={styles.legend}>{t(`groups.${group}`)}</legend>
          <div className={styles.grid}>
            {named.map((attribute) => (
              <FieldSelect
                key={attribute}
                label={t(`attributes.${attribute}`)}
                {...(attribute === 'externalId' || attribute === 'phoneNumber' || attribute === 'email'
                  ? { hint: t(`hints.${attribute}`) }
                  : {})}
                value={form.fields[attribute] ?? ''}
                fields={fields}
                required={attribute === 'email'}
                problem={problemOf(`/mapping/${attribute}`)}
                onChange={(field) => set({ fields: { ...form.fields, [attribute]: field } })}
              />
            ))}
          </div>
        </fieldset>
      ))}
      <fieldset className={styles.group}>
        <legend className={styles.legend}>{t('groups.properties')}</legend>
        <PropertiesFields
          properties={form.properties}
          fields={fields}
          unused={unused}
          problemOf={problemOf}
          onChange={(properties) => set({ properties })}
        />
      </fieldset>
      <LeftOut segments={form.segments} email={form.fields.email ?? ''} />
      <SampleRows form={form} />
    </div>
  );
};

export default MappingStep;
