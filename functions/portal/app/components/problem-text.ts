import { useTranslations } from 'use-intl';
import { ApiError, OfflineError } from '../api/client';

/**
 * What went wrong, in the reader's language: our own sentence for the problem's code, else the API's.
 * @returns a function from any error to one sentence
 */
export const useProblemText = (): ((error: unknown) => string) => {
  const t = useTranslations('problems');
  return (error) => {
    if (error instanceof OfflineError) return t('offline');
    if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error);
    // English is the API's own language, and its sentence is more exact than ours
    const key = `codes.${error.code}` as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : (error.problem?.detail ?? t('unexpected', { status: error.status }));
  };
};

/** The problem's sentences for one field, by JSON pointer, e.g. `/mapping/email`; a longer pointer below it counts, too. */
export const fieldProblem = (error: unknown, pointer: string): string | undefined => {
  if (!(error instanceof ApiError)) return undefined;
  const found = error.problem?.errors?.filter(({ pointer: at }) => at === pointer || at.startsWith(`${pointer}/`)) ?? [];
  return found.length === 0 ? undefined : found.map(({ detail }) => detail).join(' ');
};

/** The same for a refusal that came inside an answer, e.g. for one of several exports. */
export const useProblemCodeText = (): ((problem: { readonly code: string; readonly message: string }) => string) => {
  const t = useTranslations('problems');
  return ({ code, message }) => {
    const key = `codes.${code}` as Parameters<typeof t>[0];
    return t.has(key) ? t(key) : message;
  };
};
