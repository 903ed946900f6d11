import { useTranslations } from 'use-intl';
import type { ZodType } from 'zod';

/** What is wrong with a form's values, by JSON pointer of the field, as the API's problems name it. */
export type FormProblems = ReadonlyMap<string, string>;

type Issue = NonNullable<ReturnType<ZodType['safeParse']>['error']>['issues'][number];

/**
 * Holds a form's values against the schema that the API itself uses.
 * @returns a function from schema and values to the fields that are wrong, each with a sentence in the reader's language
 */
export const useValidation = (): ((schema: ZodType, value: unknown) => FormProblems) => {
  const t = useTranslations('forms');
  const textOf = (issue: Issue): string => {
    if (issue.code === 'too_small') {
      if (issue.origin === 'string') return t('required');
      if (issue.origin === 'array' || issue.origin === 'set') return t('atLeastOne');
      return t('atLeast', { minimum: Number(issue.minimum) });
    }
    if (issue.code === 'too_big') {
      if (issue.origin === 'string') return t('tooLong', { maximum: Number(issue.maximum) });
      if (issue.origin === 'array' || issue.origin === 'set') return t('tooMany', { maximum: Number(issue.maximum) });
      return t('atMost', { maximum: Number(issue.maximum) });
    }
    if (issue.code === 'invalid_type') return issue.input === undefined || issue.input === '' ? t('required') : t('wrongKind');
    const known = `custom.${issue.message}` as Parameters<typeof t>[0];
    if (t.has(known)) return t(known);
    return issue.code === 'invalid_format' ? t('wrongFormat') : issue.message;
  };
  return (schema, value) => {
    const problems = new Map<string, string>();
    for (const issue of schema.safeParse(value, { reportInput: true }).error?.issues ?? []) {
      const pointer = `/${issue.path.map(String).join('/')}`;
      if (!problems.has(pointer)) problems.set(pointer, textOf(issue));
    }
    return problems;
  };
};
