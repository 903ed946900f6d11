import { makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';

const useStyles = makeStyles({
  summary: { cursor: 'pointer', minHeight: '24px', color: tokens.colorNeutralForeground2 },
  words: { overflowWrap: 'anywhere' },
});

/**
 * The API's own sentence, behind the one in the reader's language: it may name a file, a number or what another service said, which a
 * sentence by code cannot. Nothing where both are the same.
 */
export const OriginalWords = ({ shown, original }: { shown: string; original: string | undefined }) => {
  const styles = useStyles();
  const t = useTranslations('problems');
  if (original === undefined || original === shown) return null;
  return (
    <details>
      <summary className={styles.summary}>{t('original')}</summary>
      <span lang="en" className={styles.words}>
        {original}
      </span>
    </details>
  );
};
