import { useEffect } from 'react';
import { useTranslations } from 'use-intl';

/** Told to the page that waits for a renewed sign-in, by the small window in which it happened. */
export const SIGNED_IN_CHANNEL = 'portal-signed-in';

/** Where the sign-in of a small window ends: tells the waiting page, and closes. */
export const SignedIn = () => {
  const t = useTranslations('shell');
  useEffect(() => {
    const channel = new BroadcastChannel(SIGNED_IN_CHANNEL);
    channel.postMessage('signed-in');
    channel.close();
    window.close();
  }, []);
  return <main>{t('signedInAgain')}</main>;
};
