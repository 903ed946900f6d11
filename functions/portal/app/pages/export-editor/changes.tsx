import { makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { useConnections } from '../../api/connections';
import { Card } from '../../components/card';
import { consequencesOf } from './consequences';
import { useFacetText } from './facet-text';
import { differencesOf } from './facets';
import type { ExportForm } from './form';

const useStyles = makeStyles({
  list: {
    margin: 0,
    paddingInlineStart: tokens.spacingHorizontalL,
    display: 'flex',
    flexDirection: 'column',
    rowGap: tokens.spacingVerticalXS,
  },
  before: { color: tokens.colorNeutralForeground3, textDecorationLine: 'line-through' },
  item: { overflowWrap: 'anywhere' },
  title: { margin: `${tokens.spacingVerticalM} 0 ${tokens.spacingVerticalXS}`, fontSize: tokens.fontSizeBase300 },
});

/** What an edit changes, and what the next run does because of it. */
export const Changes = ({
  base,
  form,
  runs,
  people,
}: {
  base: ExportForm;
  form: ExportForm;
  runs: boolean;
  people: number | undefined;
}) => {
  const styles = useStyles();
  const t = useTranslations('exportEditor.changes');
  const { labelOf, valueOf } = useFacetText();
  const connections = useConnections();
  const accountOf = (id: string) => connections.data?.find((connection) => connection.id === id)?.accountId;
  const [old, now] = [accountOf(base.connectionId), accountOf(form.connectionId)];
  const differences = differencesOf(base, form);
  const sameAccount = old === undefined || now === undefined ? undefined : old === now;
  const consequences = consequencesOf(differences, { after: form, sameAccount, runs });
  return (
    <Card title={t('title')}>
      {differences.length === 0 ? (
        <span>{t('nothing')}</span>
      ) : (
        <>
          <ul className={styles.list}>
            {differences.map(({ facet, before, after }) => (
              <li key={facet} className={styles.item}>
                {labelOf(facet)}: <del className={styles.before}>{valueOf(facet, before)}</del> →{' '}
                <ins style={{ textDecoration: 'none' }}>{valueOf(facet, after)}</ins>
              </li>
            ))}
          </ul>
          <h3 className={styles.title}>{t('nextRun')}</h3>
          <ul className={styles.list}>
            {consequences.map((consequence) => (
              <li key={consequence}>
                {t(`consequences.${consequence}`, { people: people ?? 0, known: people === undefined ? 'no' : 'yes' })}
              </li>
            ))}
          </ul>
        </>
      )}
    </Card>
  );
};
