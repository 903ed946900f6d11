import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useEffect, useRef, useState } from 'react';
import { useTranslations } from 'use-intl';
import { beforeBack } from './back-gate';
import { useFocusBack } from './focus-back';
import { useLeaveWarning } from './unsaved';

/** A way out of the page that waits for somebody's word. */
type Way = { readonly href: string } | { readonly back: true };

/** The address that a click leads to on another page of the portal; undefined for what stays here or opens elsewhere. */
const leadsTo = (event: MouseEvent): string | undefined => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return undefined;
  const link = (event.target as Element | null)?.closest('a');
  if (!link || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return undefined;
  return link.pathname === location.pathname ? undefined : link.href;
};

/**
 * Asks before a page with unsaved changes is left: by the menu and other links, the browser's back button, or by closing the window. The
 * page's own address may change below its path, e.g. from step to step.
 * @param onDiscard called when they are given up
 */
export const LeaveGuard = ({ unsaved, onDiscard }: { unsaved: boolean; onDiscard: () => void }) => {
  const [way, setWay] = useState<Way>();
  /** on the way out already: nothing is asked any more */
  const leaving = useRef(false);
  useLeaveWarning(unsaved);
  useEffect(() => {
    if (!unsaved) return;
    const { pathname } = location;
    let { href } = location;
    const onClick = (event: MouseEvent) => {
      const to = leadsTo(event);
      if (to === undefined || leaving.current) return;
      event.preventDefault();
      event.stopPropagation();
      setWay({ href: to });
    };
    const onMove = () => {
      if (location.pathname === pathname) ({ href } = location);
    };
    // before the router hears of it: the address goes back to what it was, so that the page stays
    const onBack = (event: Event) => {
      if (location.pathname === pathname) return onMove();
      if (leaving.current) return;
      event.stopImmediatePropagation();
      history.pushState(null, '', href);
      setWay({ back: true });
    };
    document.addEventListener('click', onClick, { capture: true });
    const endBack = beforeBack(onBack);
    addEventListener('pushState', onMove);
    addEventListener('replaceState', onMove);
    return () => {
      document.removeEventListener('click', onClick, { capture: true });
      endBack();
      removeEventListener('pushState', onMove);
      removeEventListener('replaceState', onMove);
    };
  }, [unsaved]);
  if (way === undefined) return null;
  const leave = () => {
    leaving.current = true;
    setWay(undefined);
    onDiscard();
    if ('back' in way) history.back();
    else history.pushState(null, '', way.href);
  };
  return <Question onStay={() => setWay(undefined)} onLeave={leave} />;
};

const Question = ({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) => {
  const t = useTranslations('forms');
  useFocusBack();
  return (
    <Dialog open modalType="alert" onOpenChange={(_, { open }) => !open && onStay()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t('leaveTitle')}</DialogTitle>
          <DialogContent>{t('leave')}</DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onStay}>
              {t('stay')}
            </Button>
            <Button onClick={onLeave}>{t('discard')}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
};
