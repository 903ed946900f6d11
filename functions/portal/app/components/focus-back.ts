import { useEffect, useState } from 'react';

/** What had the focus; of an open menu, whose items go with it, the button that opened it. */
const placeOfFocus = (): HTMLElement | undefined => {
  const at = document.activeElement;
  if (!(at instanceof HTMLElement) || at === document.body) return undefined;
  if (at.closest('[role="menu"]') === null) return at;
  return document.querySelector<HTMLElement>('[aria-haspopup="menu"][aria-expanded="true"]') ?? undefined;
};

/** For what opens over the page while it is mounted: when it goes, the focus is where it was before, unless it went elsewhere. */
export const useFocusBack = (): void => {
  // while this is drawn for the first time the page is still as it was
  const [place] = useState(placeOfFocus);
  useEffect(
    () => () => {
      setTimeout(() => {
        const lost = document.activeElement === null || document.activeElement === document.body;
        if (lost && place?.isConnected === true) place.focus();
      });
    },
    [place],
  );
};
