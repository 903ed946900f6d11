import { useEffect, useMemo, useState } from 'react';
import type en from '../messages/en';

/**
 * What the codes of the API say, in a language that is not the API's own: a file of its own beside each language (`messages/codes`), as
 * it is long, and nothing that the first look at a page needs. A code that is missing is told in the API's own words.
 */
export interface CodeMessages {
  readonly problems: Pick<(typeof en)['problems'], 'codes'>;
  readonly status: Pick<(typeof en)['status'], 'codes' | 'counted' | 'rows' | 'conditions'>;
}

const loaded = new Map<string, Promise<CodeMessages | undefined>>();
const load = (language: string): Promise<CodeMessages | undefined> => {
  let found = loaded.get(language);
  if (found === undefined) {
    found = (import(`../messages/codes/${language}.ts`) as Promise<{ default: CodeMessages }>).then(
      ({ default: codes }) => codes,
      () => {
        loaded.delete(language); // the next page tries again
        return undefined;
      },
    );
    loaded.set(language, found);
  }
  return found;
};

/** English is the API's own language. */
const NEEDS_NONE = 'en';

/** The messages of a language with those of the API's codes, which come as soon as the page has been shown. */
export const useWithCodes = (messages: typeof en, language: string): typeof en => {
  const [found, setFound] = useState<{ language: string; codes: CodeMessages }>();
  useEffect(() => {
    if (language === NEEDS_NONE) return undefined;
    let wanted = true;
    void load(language).then((codes) => {
      if (wanted && codes !== undefined) setFound({ language, codes });
    });
    return () => {
      wanted = false;
    };
  }, [language]);
  return useMemo(() => {
    if (found?.language !== language) return messages;
    const { problems, status } = found.codes;
    return { ...messages, problems: { ...messages.problems, ...problems }, status: { ...messages.status, ...status } };
  }, [messages, language, found]);
};
