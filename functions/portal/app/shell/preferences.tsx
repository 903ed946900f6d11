import { createContext, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';

export type ThemeChoice = 'system' | 'light' | 'dark';

interface Saved {
  readonly theme: ThemeChoice;
  /** undefined: as the browser says */
  readonly language: string | undefined;
}

export interface Preferences extends Saved {
  /** what `system` comes to at the moment */
  readonly dark: boolean;
  readonly shownLanguage: string;
  readonly set: (change: Partial<Saved>) => void;
}

const KEY = 'portal-preferences';

const read = (): Saved => {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Saved>;
    return {
      theme: saved.theme === 'light' || saved.theme === 'dark' ? saved.theme : 'system',
      language: LANGUAGES.find((code) => code === saved.language),
    };
  } catch {
    return { theme: 'system', language: undefined }; // no storage, or not ours: as the browser says
  }
};

/** The first language of the browser that there are messages for; English when there is none. */
export const languageOf = (wanted: readonly string[]): string => {
  for (const code of wanted) {
    const [base] = code.split('-');
    const found = LANGUAGES.find((known) => known === code) ?? LANGUAGES.find((known) => known === base);
    if (found !== undefined) return found;
  }
  return 'en';
};

const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const PreferencesContext = createContext<Preferences | undefined>(undefined);

export const PreferencesProvider = ({ children }: { children: ReactNode }) => {
  const [saved, setSaved] = useState(read);
  const [systemDark, setSystemDark] = useState(darkQuery.matches);
  useEffect(() => {
    const follow = () => setSystemDark(darkQuery.matches);
    darkQuery.addEventListener('change', follow);
    return () => darkQuery.removeEventListener('change', follow);
  }, []);
  const set = useCallback((change: Partial<Saved>) => {
    setSaved((before) => {
      const after = { ...before, ...change };
      try {
        localStorage.setItem(KEY, JSON.stringify(after));
      } catch {
        // a browser that keeps nothing: it holds until the page is left
      }
      return after;
    });
  }, []);
  const value = useMemo(
    () => ({
      ...saved,
      set,
      dark: saved.theme === 'system' ? systemDark : saved.theme === 'dark',
      shownLanguage: saved.language ?? languageOf(navigator.languages),
    }),
    [saved, systemDark, set],
  );
  return <PreferencesContext value={value}>{children}</PreferencesContext>;
};

export const usePreferences = (): Preferences => {
  const value = useContext(PreferencesContext);
  if (value === undefined) throw new Error('usePreferences is for what lies inside PreferencesProvider');
  return value;
};
