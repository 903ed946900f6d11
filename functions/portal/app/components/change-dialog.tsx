import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  Spinner,
  tokens,
} from '@fluentui/react-components';
import type { ReactNode, SubmitEvent } from 'react';
import { useTranslations } from 'use-intl';
import { useFocusBack } from './focus-back';

const useStyles = makeStyles({ content: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM } });

export interface ChangeDialogProps {
  readonly title: string;
  readonly action: string;
  readonly busy: boolean;
  readonly disabled?: boolean;
  readonly onSubmit: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** A dialog with a form in it: Enter sends it, Escape leaves it. */
export const ChangeDialog = ({ title, action, busy, disabled = false, onSubmit, onClose, children }: ChangeDialogProps) => {
  const styles = useStyles();
  const t = useTranslations('common');
  useFocusBack();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!busy) onSubmit();
  };
  return (
    <Dialog open onOpenChange={(_, { open }) => !open && !busy && onClose()}>
      <DialogSurface>
        <form onSubmit={submit} noValidate>
          <DialogBody>
            <DialogTitle>{title}</DialogTitle>
            <DialogContent className={styles.content}>{children}</DialogContent>
            <DialogActions>
              <Button
                type="submit"
                appearance="primary"
                disabled={disabled}
                disabledFocusable={busy}
                icon={busy ? <Spinner size="tiny" /> : undefined}
              >
                {action}
              </Button>
              <Button disabled={busy} onClick={onClose}>
                {t('cancel')}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
};
