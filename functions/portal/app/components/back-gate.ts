/**
 * Listeners on the window are called in the order in which they were added, whatever they say, and the router's changes the page as soon
 * as it hears of another address. This one is added before it: main.tsx imports this file first.
 */
let gate: ((event: Event) => void) | undefined;
addEventListener('popstate', (event) => gate?.(event));

/** Calls `onBack` when the browser's buttons have changed the address, before the page changes. One at a time. @returns what ends that */
export const beforeBack = (onBack: (event: Event) => void): (() => void) => {
  gate = onBack;
  return () => {
    if (gate === onBack) gate = undefined;
  };
};
