import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useEffect } from 'react';
import { useTranslations } from 'use-intl';
import { signInAddress, useSignedOut } from '../api/session';
import { SIGNED_IN_CHANNEL } from './signed-in';

/**
 * Says that the sign-in has expired and renews it in a window of its own, so that nothing that was typed into the page is lost.
 * @param firstTime nobody was signed in yet: there is nothing to lose, so the page itself goes to the sign-in
 */
export const SignInAgain = ({ firstTime }: { firstTime: boolean }) => {
  const t = useTranslations('shell');
  const { signedOut, renewed } = useSignedOut();
  useEffect(() => {
    const channel = new BroadcastChannel(SIGNED_IN_CHANNEL);
    channel.onmessage = renewed;
    return () => channel.close();
  }, [renewed]);
  const signIn = () => {
    if (firstTime) location.assign(signInAddress(location.pathname + location.search));
    else window.open(signInAddress('/portal/signed-in'), 'sign-in', 'popup,width=520,height=680');
  };
  return (
    <Dialog open={signedOut || firstTime} modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t(firstTime ? 'signInTitle' : 'signedOutTitle')}</DialogTitle>
          <DialogContent>{t(firstTime ? 'signIn' : 'signedOut')}</DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={signIn}>
              {t('signInButton')}
            </Button>
            {!firstTime && <Button onClick={renewed}>{t('signedInButton')}</Button>}
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
