import { useTranslations } from 'use-intl';

/** The name of a reason why a row did not get there: ours in the reader's language, a code of Klaviyo's that we do not know as it is. */
export const useReasonName = (): ((code: string) => string) => {
  const t = useTranslations('run.rows');
  return (code) => {
    const key = `reasons.${code}` as 'reasons.duplicate';
    return t.has(key) ? t(key) : code;
  };
};
