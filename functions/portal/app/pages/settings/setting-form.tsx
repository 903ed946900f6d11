import { Button, makeStyles, MessageBar, MessageBarActions, MessageBarBody, Spinner, tokens } from '@fluentui/react-components';
import type { ReactNode, SubmitEvent } from 'react';
import { useTranslations } from 'use-intl';
import { ApiError } from '../../api/client';
import { Card } from '../../components/card';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL, maxWidth: '720px', '& p': { margin: 0 } },
  actions: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM },
});

export interface SettingFormProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly changed: boolean;
  readonly busy: boolean;
  readonly error: unknown;
  readonly mayEdit: boolean;
  readonly onSave: () => void;
  readonly onUndo: () => void;
  /** reads what somebody else has saved meanwhile; what was typed here is dropped */
  readonly onReload: () => void;
}

/** The frame of a setting that is saved as a whole. */
export const SettingForm = ({ title, children, changed, busy, error, mayEdit, onSave, onUndo, onReload }: SettingFormProps) => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const stale = error instanceof ApiError && error.status === 412;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onSave();
  };
  return (
    <Card title={title}>
      <form className={styles.form} onSubmit={submit} noValidate>
        {children}
        {stale ? (
          <MessageBar intent="warning" layout="multiline" role="alert">
            <MessageBarBody>{t('stale')}</MessageBarBody>
            <MessageBarActions>
              <Button onClick={onReload}>{t('loadTheirs')}</Button>
            </MessageBarActions>
          </MessageBar>
        ) : (
          <ProblemMessage error={error} />
        )}
        {mayEdit && (
          <div className={styles.actions}>
            <Button type="submit" appearance="primary" disabled={!changed || busy} icon={busy ? <Spinner size="tiny" /> : undefined}>
              {t('save')}
            </Button>
            <Button disabled={!changed || busy} onClick={onUndo}>
              {t('undo')}
            </Button>
          </div>
        )}
      </form>
    </Card>
  );
};
