import { useTranslations } from 'use-intl';
import { reasonOf } from '../../../../shared/runs/row-reasons';
import type { Figures } from './run-figures';

/**
 * What a warning, an error or a reason of the API says, and what to do, in the reader's language.
 * @returns a function from a code and the API's own sentence to one sentence; English is the API's own language. With a run's figures
 * the sentence names them where it can
 */
export const useCodeText = (): ((code: string, message: string, figures?: Figures) => string) => {
  const t = useTranslations('status');
  const problems = useTranslations('problems');
  return (code, message, figures) => {
    const counted = `counted.${code}` as Parameters<typeof t>[0];
    if (figures !== undefined && t.has(counted)) return t(counted, figures);
    const own = `codes.${code}` as Parameters<typeof t>[0];
    if (t.has(own)) return t(own);
    // what makes a run fail is refused in a request by the same code
    const shared = `codes.${code}` as Parameters<typeof problems>[0];
    return problems.has(shared) ? problems(shared) : message;
  };
};

/** Of a row's code: what it means, and what to do about it. */
export const useReasonText = (): ((code: string) => string) => {
  const t = useTranslations('status.rows');
  return (code) => {
    const own = code;
    if (t.has(own)) return t(own);
    const other = 'refused' as Parameters<typeof t>[0];
    return t.has(other) ? t(other) : reasonOf(code);
  };
};
