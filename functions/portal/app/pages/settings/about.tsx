import { makeStyles, MessageBar, MessageBarBody, Spinner, tokens } from '@fluentui/react-components';
import { useFormatter, useNow, useTranslations } from 'use-intl';
import { useHealth } from '../../api/settings';
import { Card } from '../../components/card';
import { ProblemMessage } from '../../components/problem-message';

/** Days before the end of the revision from which on the page warns. */
const WARN_DAYS = 180;
const DAY_MS = 86_400_000;

const useStyles = makeStyles({
  facts: {
    display: 'grid',
    gridTemplateColumns: 'max-content 1fr',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalS,
    margin: 0,
  },
  fact: { margin: 0, overflowWrap: 'anywhere' },
});

/** Version of the app, and the revision of Klaviyo's API that it speaks. */
export const About = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const format = useFormatter();
  const now = useNow();
  const health = useHealth();
  if (health.data === undefined) {
    return health.error === null ? (
      <Spinner label={t('loading')} />
    ) : (
      <ProblemMessage error={health.error} onRetry={() => void health.refetch()} />
    );
  }
  const { version, revision, revisionRetiresAt, storage } = health.data;
  const daysLeft = Math.floor((Date.parse(revisionRetiresAt) - now.getTime()) / DAY_MS);
  const facts = [
    [t('version'), version],
    [t('revision'), revision],
    [t('retires'), format.dateTime(new Date(revisionRetiresAt), { dateStyle: 'long', timeZone: 'UTC' })],
    [t('storage'), t(`storages.${storage}`)],
  ] as const;
  return (
    <Card title={t('tabs.about')}>
      {daysLeft <= WARN_DAYS && (
        <MessageBar intent={daysLeft < 0 ? 'error' : 'warning'} layout="multiline">
          <MessageBarBody>{t('retiresSoon', { days: Math.max(0, daysLeft) })}</MessageBarBody>
        </MessageBar>
      )}
      <dl className={styles.facts}>
        {facts.map(([term, fact]) => (
          <div key={term} style={{ display: 'contents' }}>
            <dt>{term}</dt>
            <dd className={styles.fact}>{fact}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
};
