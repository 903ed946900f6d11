import { use, useEffect, useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { IntlProvider } from 'use-intl';
import type en from '../messages/en';
import { useWithCodes } from './code-messages';
import { usePreferences } from './preferences';

declare module 'use-intl' {
  interface AppConfig {
    Locale: string;
    Messages: typeof en;
  }
}

const loaded = new Map<string, Promise<{ default: typeof en }>>();
const load = (language: string) => {
  let found = loaded.get(language);
  if (found === undefined) {
    found = import(`../messages/${language}.ts`) as Promise<{ default: typeof en }>;
    loaded.set(language, found);
  }
  return found;
};

/** Time that "2 minutes ago" is told from; moves on every half minute. */
let now = new Date();
const tick = (changed: () => void) => {
  const timer = setInterval(() => {
    now = new Date();
    changed();
  }, 30_000);
  return () => clearInterval(timer);
};

/** Gives all below the messages of the chosen language, and Intl with the browser's time zone. Suspends until they are there. */
export const MessagesProvider = ({ children }: { children: ReactNode }) => {
  const { shownLanguage } = usePreferences();
  const { default: own } = use(load(shownLanguage));
  const messages = useWithCodes(own, shownLanguage);
  const current = useSyncExternalStore(tick, () => now);
  useEffect(() => {
    document.documentElement.lang = shownLanguage;
  }, [shownLanguage]);
  // the browser's own locale where it is of that language: en-GB writes dates otherwise than en-US
  const locale = navigator.languages.find((code) => code.split('-')[0] === shownLanguage) ?? shownLanguage;
  return (
    <IntlProvider locale={locale} messages={messages} timeZone={Intl.DateTimeFormat().resolvedOptions().timeZone} now={current}>
      {children}
    </IntlProvider>
  );
};
