import { Checkbox, makeStyles, MessageBar, MessageBarBody, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useTranslations } from 'use-intl';
import type { PersonTrace } from '../../../../../shared/people/person-trace';
import { erasePerson } from '../../api/people';
import { Confirm } from '../../components/confirm';
import { eraseSums } from './erase-sums';

const useStyles = makeStyles({
  list: { margin: `0 0 ${tokens.spacingVerticalM}`, paddingLeft: tokens.spacingHorizontalXL },
  choices: { display: 'flex', flexDirection: 'column' },
});

/** The second step of an erasure: what will happen, in numbers, and that it cannot be undone. */
export const EraseDialog = ({
  trace,
  onClose,
  onRequested,
}: {
  trace: PersonTrace;
  onClose: () => void;
  onRequested: (erasureId: string) => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('access.erase');
  const [removeFromLists, setRemoveFromLists] = useState(false);
  const [isSure, setIsSure] = useState(false);
  const [key] = useState(() => crypto.randomUUID());
  const sums = eraseSums(trace);
  return (
    <Confirm
      title={t('title')}
      action={t('action')}
      disabled={!isSure}
      onConfirm={async () => {
        // another choice is another request
        const { id } = await erasePerson({ email: trace.email, removeFromLists }, `${key}-${removeFromLists}`);
        onRequested(id);
      }}
      onClose={onClose}
    >
      <p>{t('text', { email: trace.email })}</p>
      <ul className={styles.list}>
        <li>{t('states', { count: sums.states })}</li>
        <li>{t('reports', { count: sums.reportRows })}</li>
        <li>{removeFromLists ? t('lists', { count: sums.lists }) : t('listsStay', { count: sums.lists })}</li>
        {sums.activeRuns > 0 && <li>{t('runs', { count: sums.activeRuns })}</li>}
      </ul>
      {sums.inSource > 0 && (
        <MessageBar intent="warning" layout="multiline">
          <MessageBarBody>{t('inSource', { count: sums.inSource })}</MessageBarBody>
        </MessageBar>
      )}
      <div className={styles.choices}>
        <Checkbox
          label={t('removeFromLists')}
          checked={removeFromLists}
          onChange={(_, { checked }) => setRemoveFromLists(checked === true)}
        />
        <Checkbox label={t('sure')} checked={isSure} onChange={(_, { checked }) => setIsSure(checked === true)} />
      </div>
      <p>{t('notUnsubscribed')}</p>
    </Confirm>
  );
};
