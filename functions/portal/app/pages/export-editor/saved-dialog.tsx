import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  MessageBar,
  MessageBarBody,
} from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { useCodeText } from '../../components/code-text';
import { ProblemMessage } from '../../components/problem-message';
import type { Saved } from './use-editor';

/** Shown where saving leaves something to think about: warnings, a list that was there already, a dry run that did not begin. */
const SavedDialog = ({ saved, onOpen, onOpenRun }: { saved: Saved; onOpen: () => void; onOpenRun: () => void }) => {
  const t = useTranslations('exportEditor.saved');
  const textOf = useCodeText();
  const { value, run, error } = saved;
  return (
    <Dialog open modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t('title', { name: value.name })}</DialogTitle>
          <DialogContent>
            {value.warnings.map(({ code, message }) => (
              <MessageBar key={code} intent="warning" layout="multiline">
                <MessageBarBody>{textOf(code, message)}</MessageBarBody>
              </MessageBar>
            ))}
            {value.listCreated === false && (
              <MessageBar intent="info" layout="multiline">
                <MessageBarBody>{t('listWasThere', { name: value.listName ?? value.listId })}</MessageBarBody>
              </MessageBar>
            )}
            {error !== undefined && <ProblemMessage title={t('noDryRun')} error={error} />}
          </DialogContent>
          <DialogActions>
            {run !== undefined && (
              <Button appearance="primary" onClick={onOpenRun}>
                {t('openRun')}
              </Button>
            )}
            <Button appearance={run === undefined ? 'primary' : 'secondary'} onClick={onOpen}>
              {t('open')}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};

export default SavedDialog;
