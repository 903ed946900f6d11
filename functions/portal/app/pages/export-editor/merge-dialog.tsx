import {
  Badge,
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  Field,
  makeStyles,
  Radio,
  RadioGroup,
  tokens,
} from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import { useFocusBack } from '../../components/focus-back';
import { Time } from '../../components/time';
import { useFacetText } from './facet-text';
import { meetingsOf, merged } from './facets';
import type { Facet } from './facets';
import type { ExportForm } from './form';
import type { Theirs } from './use-editor';

const useStyles = makeStyles({
  surface: { maxWidth: '720px' },
  list: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM, margin: 0, padding: 0, listStyleType: 'none' },
  item: { borderTop: `1px solid ${tokens.colorNeutralStroke2}`, paddingTop: tokens.spacingVerticalS, overflowWrap: 'anywhere' },
});

type Choice = 'mine' | 'theirs';

/** Somebody else saved the export meanwhile: shows what they changed, field by field, and lets one keep one's own or take theirs. */
const MergeDialog = ({
  base,
  mine,
  theirs,
  onMerged,
  onClose,
}: {
  base: ExportForm;
  mine: ExportForm;
  theirs: Theirs;
  onMerged: (form: ExportForm) => void;
  onClose: () => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.merge');
  useFocusBack();
  const tc = useTranslations('common');
  const { labelOf, valueOf } = useFacetText();
  const meetings = meetingsOf(base, mine, theirs.form);
  // what they alone have changed is taken, unless somebody says otherwise; where both did, nobody guesses
  const [choices, setChoices] = useState<Readonly<Partial<Record<Facet, Choice>>>>({});
  const choiceOf = (facet: Facet, conflict: boolean): Choice | undefined => choices[facet] ?? (conflict ? undefined : 'theirs');
  const open = meetings.filter(({ facet, conflict }) => choiceOf(facet, conflict) === undefined).length;
  const merge = () => {
    const taken = meetings.filter(({ facet, conflict }) => choiceOf(facet, conflict) === 'theirs').map(({ facet }) => facet);
    onMerged(merged(mine, theirs.form, taken));
  };
  const { updatedByName, updatedAt } = theirs.value;
  return (
    <Dialog open modalType="alert" onOpenChange={(_, { open: isOpen }) => !isOpen && onClose()}>
      <DialogSurface className={styles.surface}>
        <DialogBody>
          <DialogTitle>{t('title')}</DialogTitle>
          <DialogContent>
            <p>
              {t('by', { name: updatedByName ?? tc('unknown') })} <Time at={updatedAt} />
            </p>
            {meetings.length === 0 ? (
              <p>{t('same')}</p>
            ) : (
              <ul className={styles.list}>
                {meetings.map(({ facet, base: was, mine: own, theirs: other, conflict }) => (
                  <li key={facet} className={styles.item}>
                    <Field label={labelOf(facet)} hint={t('was', { value: valueOf(facet, was) })}>
                      <RadioGroup
                        value={choiceOf(facet, conflict) ?? ''}
                        onChange={(_, { value }) => setChoices((before) => ({ ...before, [facet]: value as Choice }))}
                      >
                        <Radio value="theirs" label={t('theirs', { value: valueOf(facet, other) })} />
                        <Radio value="mine" label={t(conflict ? 'mine' : 'keep', { value: valueOf(facet, own) })} />
                      </RadioGroup>
                    </Field>
                    {conflict && (
                      <Badge appearance="tint" color="warning">
                        {t('conflict')}
                      </Badge>
                    )}
                  </li>
                ))}
              </ul>
            )}
            <p role="status">{open > 0 && t('open', { count: open })}</p>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" disabled={open > 0} onClick={merge}>
              {t('merge')}
            </Button>
            <Button onClick={onClose}>{tc('cancel')}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};

export default MergeDialog;
