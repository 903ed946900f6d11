export type ThemeChoice = 'system' | 'light' | 'dark';

export interface SavedPreferences {
  readonly theme: ThemeChoice;
  /** undefined: as the browser says */
  readonly language: string | undefined;
}

const KEY = 'portal-preferences';

/** What somebody has chosen in this browser; where nothing can be read, all is as the browser says. */
export const readPreferences = (): SavedPreferences => {
  try {
    const saved = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<SavedPreferences>;
    return {
      theme: saved.theme === 'light' || saved.theme === 'dark' ? saved.theme : 'system',
      language: LANGUAGES.find((code) => code === saved.language),
    };
  } catch {
    return { theme: 'system', language: undefined };
  }
};

/** In a browser that keeps nothing it holds until the page is left. */
export const savePreferences = (preferences: SavedPreferences): void => {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // kept in memory by whoever asked
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
