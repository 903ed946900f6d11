import {
  Button,
  Dialog,
  DialogActions,
  DialogBody,
  DialogContent,
  DialogSurface,
  DialogTitle,
  makeStyles,
  tokens,
} from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { Outcome } from '../../api/export-bulk';
import { useFocusBack } from '../../components/focus-back';
import { useProblemCodeText } from '../../components/problem-text';

const useStyles = makeStyles({
  list: { maxHeight: '40vh', overflowY: 'auto', paddingLeft: tokens.spacingHorizontalL },
});

/** What of several exports was not done, and why. */
export const OutcomeDialog = ({
  outcome: { done, refused },
  nameOf,
  onClose,
}: {
  outcome: Outcome;
  nameOf: (id: string) => string;
  onClose: () => void;
}) => {
  const styles = useStyles();
  const t = useTranslations('exports.outcome');
  useFocusBack();
  const common = useTranslations('common');
  const textOf = useProblemCodeText();
  return (
    <Dialog open modalType="modal" onOpenChange={(_, { open }) => !open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t('title', { done, refused: refused.length })}</DialogTitle>
          <DialogContent>
            <ul className={styles.list} tabIndex={0} aria-label={t('refused')}>
              {refused.map((one) => (
                <li key={one.id}>
                  <strong>{nameOf(one.id)}</strong>: {textOf(one)}
                </li>
              ))}
            </ul>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {common('close')}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
