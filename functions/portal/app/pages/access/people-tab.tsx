import { Button, Field, Input, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { SearchRegular } from '@fluentui/react-icons';
import { useEffect, useState } from 'react';
import type { FormEvent } from 'react';
import { useTranslations } from 'use-intl';
import type { PersonTrace } from '../../../../../shared/people/person-trace';
import { tracePerson } from '../../api/people';
import { Card } from '../../components/card';
import { useFieldProblem } from '../../components/problem-text';
import { ProblemMessage } from '../../components/problem-message';
import { useSearchState } from '../../components/search-state';
import { EraseDialog } from './erase-dialog';
import { ErasureCard } from './erasure-card';
import { TraceResult } from './trace-result';

const useStyles = makeStyles({
  form: { display: 'flex', flexWrap: 'wrap', alignItems: 'end', gap: tokens.spacingHorizontalM },
  field: { flex: '1 1 240px', maxWidth: '420px' },
  words: { maxWidth: '80ch', margin: `0 0 ${tokens.spacingVerticalM}` },
});

/**
 * What is known of one person, and how to erase it. The address is never in the page's address nor kept; the erasure's id, which says
 * nothing of the person, is, so that its progress can be looked at again.
 */
const PeopleTab = () => {
  const styles = useStyles();
  const t = useTranslations('access.people');
  const fieldProblem = useFieldProblem();
  const { value, set } = useSearchState();
  const [email, setEmail] = useState('');
  const [trace, setTrace] = useState<PersonTrace>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [erasing, setErasing] = useState(false);
  const erasureId = /^era_[0-9a-z]{8,40}$/.exec(value('erasure') ?? '')?.[0];

  // whoever leaves the page, or lets it lie, takes the person off the screen
  useEffect(() => {
    const forget = () => document.visibilityState === 'hidden' && setTrace(undefined);
    const timer = setTimeout(() => document.addEventListener('visibilitychange', forget), FORGET_AFTER_MS);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', forget);
    };
  }, [trace]);

  const look = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (email.trim() === '') return;
    setBusy(true);
    setError(undefined);
    setTrace(undefined);
    try {
      setTrace(await tracePerson(email));
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  const problem = fieldProblem(error, '/email');
  return (
    <>
      {erasureId !== undefined && <ErasureCard id={erasureId} onClose={() => set({ erasure: undefined })} />}
      <Card title={t('title')}>
        <p className={styles.words}>{t('text')}</p>
        <form className={styles.form} onSubmit={(event) => void look(event)}>
          <Field label={t('email')} className={styles.field} {...(problem === undefined ? {} : { validationMessage: problem })}>
            <Input
              type="text"
              inputMode="email"
              autoComplete="off"
              spellCheck={false}
              value={email}
              onChange={(_, data) => setEmail(data.value)}
            />
          </Field>
          <Button
            type="submit"
            appearance="primary"
            disabled={busy || email.trim() === ''}
            icon={busy ? <Spinner size="tiny" /> : <SearchRegular />}
          >
            {t('look')}
          </Button>
        </form>
        <div aria-live="polite">{busy ? t('looking') : ''}</div>
        {problem === undefined && <ProblemMessage error={error} />}
      </Card>
      {trace !== undefined && <TraceResult trace={trace} onErase={() => setErasing(true)} />}
      {trace !== undefined && erasing && (
        <EraseDialog
          trace={trace}
          onClose={() => setErasing(false)}
          onRequested={(id) => {
            setTrace(undefined);
            setEmail('');
            set({ erasure: id });
          }}
        />
      )}
    </>
  );
};

/** A glance at another window is no reason to begin anew. */
const FORGET_AFTER_MS = 120_000;

export default PeopleTab;
