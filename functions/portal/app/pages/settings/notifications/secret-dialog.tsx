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
import type { MadeSecret } from '../../../api/notifications';
import { CopyButton } from '../../../components/copy-button';
import { useFocusBack } from '../../../components/focus-back';
import { VERIFY } from './verify-snippet';

const useStyles = makeStyles({
  code: {
    display: 'block',
    padding: tokens.spacingHorizontalM,
    backgroundColor: tokens.colorNeutralBackground3,
    borderRadius: tokens.borderRadiusMedium,
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
    margin: `${tokens.spacingVerticalS} 0`,
    whiteSpace: 'pre-wrap',
    overflowWrap: 'anywhere',
  },
});

/** Shows signing secrets, which can never be read again, and what a receiver does with them. */
export const SecretDialog = ({ made, onClose }: { made: readonly MadeSecret[]; onClose: () => void }) => {
  const styles = useStyles();
  const t = useTranslations('notifications.secret');
  useFocusBack();
  return (
    <Dialog open modalType="alert" onOpenChange={(_, { open }) => !open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t('title')}</DialogTitle>
          <DialogContent>
            <p>{t('once')}</p>
            {made.map(({ name, secret }) => (
              <div key={name}>
                <strong>{name}</strong>
                <code className={styles.code}>
                  {secret} <CopyButton text={secret} label={t('copy', { name })} />
                </code>
              </div>
            ))}
            <p>{t('verify')}</p>
            <details>
              <summary>{t('example')}</summary>
              <pre className={styles.code}>
                {VERIFY} <CopyButton text={VERIFY} label={t('copyExample')} />
              </pre>
            </details>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              {t('kept')}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
