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

/** The API's own sentences for one field. */
const fieldProblem = (error: unknown, pointer: string): string | undefined => {
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

/**
 * The problem's sentences for one field, in the reader's language as far as there are words for them.
 * @returns a function from any error and a JSON pointer, e.g. `/mapping/email`; a longer pointer below it counts, too
 */
export const useFieldProblem = (): ((error: unknown, pointer: string) => string | undefined) => {
  const t = useTranslations('problems');
  const forms = useTranslations('forms');
  const textOf = useProblemText();
  return (error, pointer) => {
    const said = fieldProblem(error, pointer);
    if (said === undefined || !(error instanceof ApiError)) return said;
    if (!t.has(`codes.${error.code}` as Parameters<typeof t>[0])) return said;
    if (error.code !== 'invalid_input') return textOf(error);
    // fields that the form's own schema had let pass: the API's words are the schema's
    const known = `custom.${said}` as Parameters<typeof forms>[0];
    return forms.has(known) ? forms(known) : forms('wrongKind');
  };
};
