import { createContext, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { languageOf, readPreferences, savePreferences } from './saved-preferences';
import type { SavedPreferences } from './saved-preferences';

export interface Preferences extends SavedPreferences {
  /** what `system` comes to at the moment */
  readonly dark: boolean;
  readonly shownLanguage: string;
  readonly set: (change: Partial<SavedPreferences>) => void;
}

const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const PreferencesContext = createContext<Preferences | undefined>(undefined);

export const PreferencesProvider = ({ children }: { children: ReactNode }) => {
  const [saved, setSaved] = useState(readPreferences);
  const [systemDark, setSystemDark] = useState(darkQuery.matches);
  useEffect(() => {
    const follow = () => setSystemDark(darkQuery.matches);
    darkQuery.addEventListener('change', follow);
    return () => darkQuery.removeEventListener('change', follow);
  }, []);
  const set = useCallback((change: Partial<SavedPreferences>) => {
    setSaved((before) => {
      const after = { ...before, ...change };
      savePreferences(after);
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
