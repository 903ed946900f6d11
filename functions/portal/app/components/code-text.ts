import { useTranslations } from 'use-intl';
import { reasonOf } from '../../../../shared/runs/row-reasons';

/**
 * What a warning, an error or a reason of the API says, and what to do, in the reader's language.
 * @returns a function from a code and the API's own sentence to one sentence; English is the API's own language
 */
export const useCodeText = (): ((code: string, message: string) => string) => {
  const t = useTranslations('status');
  return (code, message) => {
    const key = `codes.${code}` as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : message;
  };
};

/** The same for a row's code: what to do about it. */
export const useReasonText = (): ((code: string) => string) => {
  const textOf = useCodeText();
  return (code) => textOf(code, reasonOf(code));
};
