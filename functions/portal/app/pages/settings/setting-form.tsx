import { Button, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import type { ReactNode, SubmitEvent } from 'react';
import { useTranslations } from 'use-intl';
import { Card } from '../../components/card';
import { MeetingBar } from '../../components/meeting-bar';
import type { MergedDraft } from '../../components/merged-draft';
import { ProblemMessage } from '../../components/problem-message';

const useStyles = makeStyles({
  form: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL, maxWidth: '720px', '& p': { margin: 0 } },
  actions: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalM },
});

export interface SettingFormProps<V extends object> {
  readonly title: string;
  readonly children: ReactNode;
  readonly draft: MergedDraft<V>;
  /** as it is saved now */
  readonly read: V | undefined;
  readonly busy: boolean;
  readonly error: unknown;
  readonly mayEdit: boolean;
  readonly onSave: () => void;
  readonly onUndo: () => void;
}

/** The frame of a setting that is saved as a whole. */
export const SettingForm = <V extends object>({
  title,
  children,
  draft,
  read,
  busy,
  error,
  mayEdit,
  onSave,
  onUndo,
}: SettingFormProps<V>) => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onSave();
  };
  const idle = !draft.changed || busy;
  return (
    <Card title={title}>
      <form className={styles.form} onSubmit={submit} noValidate>
        {children}
        {!busy && <MeetingBar draft={draft} read={read} />}
        <ProblemMessage error={error} />
        {mayEdit && (
          <div className={styles.actions}>
            <Button
              type="submit"
              appearance="primary"
              disabled={idle || draft.version === undefined}
              icon={busy ? <Spinner size="tiny" /> : undefined}
            >
              {t('save')}
            </Button>
            <Button disabled={idle} onClick={onUndo}>
              {t('undo')}
            </Button>
          </div>
        )}
      </form>
    </Card>
  );
};
