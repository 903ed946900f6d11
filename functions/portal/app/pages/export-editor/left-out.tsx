import { useTranslations } from 'use-intl';
import { useSegments } from '../../api/segments';

/** How many rows of the chosen segments will not be sent, by why, as far as the segments have been counted. */
export const LeftOut = ({ segments, email }: { segments: readonly string[]; email: string }) => {
  const t = useTranslations('exportEditor.mapping');
  const { data = [] } = useSegments();
  const figures = data.filter(({ name }) => segments.includes(name)).flatMap(({ figures }) => (figures?.email === email ? [figures] : []));
  if (figures.length === 0) return null;
  const sum = (part: 'members' | 'withoutEmail' | 'invalidEmail' | 'duplicates') => figures.reduce((all, one) => all + one[part], 0);
  return (
    <p role="status">
      {t('leftOut', {
        rows: sum('members'),
        without: sum('withoutEmail'),
        invalid: sum('invalidEmail'),
        duplicates: sum('duplicates'),
      })}
      {figures.length < segments.length && <> {t('leftOutPartly', { counted: figures.length, all: segments.length })}</>}
    </p>
  );
};
