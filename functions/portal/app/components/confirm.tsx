import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Spinner } from '@fluentui/react-components';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslations } from 'use-intl';
import { useFocusBack } from './focus-back';
import { ProblemMessage } from './problem-message';

export interface ConfirmProps {
  readonly title: string;
  /** what will happen, in numbers */
  readonly children: ReactNode;
  /** the verb, as the button shows it */
  readonly action: string;
  /** false: it has not ended yet, something else takes this dialog's place */
  readonly onConfirm: () => Promise<unknown>;
  readonly onClose: () => void;
  readonly disabled?: boolean;
}

/**
 * Asks before something that cannot be taken back; shown while it is mounted. Waits for the action, closes when it worked, and shows what
 * went wrong when it did not.
 */
export const Confirm = ({ title, children, action, onConfirm, onClose, disabled = false }: ConfirmProps) => {
  const t = useTranslations('common');
  useFocusBack();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const confirm = async () => {
    setBusy(true);
    setError(undefined);
    try {
      if ((await onConfirm()) !== false) onClose();
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <Dialog open modalType="alert" onOpenChange={(_, { open }) => !open && !busy && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent>
            {children}
            <ProblemMessage error={error} />
          </DialogContent>
          <DialogActions>
            <Button
              appearance="primary"
              disabled={busy || disabled}
              icon={busy ? <Spinner size="tiny" /> : undefined}
              onClick={() => void confirm()}
            >
              {action}
            </Button>
            <Button disabled={busy} onClick={onClose}>
              {t('cancel')}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
