import { makeStyles, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { Card } from '../../components/card';
import { CopyButton } from '../../components/copy-button';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  list: {
    display: 'grid',
    gridTemplateColumns: 'minmax(140px, max-content) 1fr',
    columnGap: tokens.spacingHorizontalL,
    rowGap: tokens.spacingVerticalXS,
    margin: 0,
    alignItems: 'center',
    '@media (max-width: 480px)': { gridTemplateColumns: '1fr' },
  },
  term: { color: tokens.colorNeutralForeground2 },
  value: { margin: 0, overflowWrap: 'anywhere' },
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeBase200 },
});

/** What support asks for: who, when, of which data, under which ids. */
export const Facts = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.facts');
  const triggers = useTranslations('status.trigger');
  // the clock and the source have no other name
  const how = triggers(run.trigger.kind);
  const id = (text: string, label: string) => (
    <>
      <span className={styles.code}>{text}</span> <CopyButton text={text} label={label} />
    </>
  );
  const facts: readonly (readonly [string, React.ReactNode])[] = [
    [t('by'), run.trigger.kind === 'schedule' || run.trigger.kind === 'event' ? how : t('byHow', { who: run.trigger.by, how })],
    [t('submitted'), <Time key="at" at={run.submittedAt} />],
    ...(run.startedAt === undefined ? [] : [[t('started'), <Time key="at" at={run.startedAt} />] as const]),
    ...(run.endedAt === undefined ? [] : [[t('ended'), <Time key="at" at={run.endedAt} />] as const]),
    [t('kind'), t(run.approves ? 'approval' : run.retryOf ? 'retry' : run.dryRun ? 'dryRun' : run.full ? 'full' : 'changes')],
    ...(run.refreshedAt === undefined ? [] : [[t('refreshed'), <Time key="at" at={run.refreshedAt} />] as const]),
    ...(run.snapshotId === undefined ? [] : [[t('snapshot'), id(run.snapshotId, t('copySnapshot'))] as const]),
    ...(run.servedRevision === undefined ? [] : [[t('revision'), run.servedRevision] as const]),
    [t('id'), id(run.id, t('copyId'))],
  ];
  return (
    <Card title={t('title')}>
      <dl className={styles.list}>
        {facts.map(([term, value]) => (
          <Fact key={term} term={term} value={value} />
        ))}
      </dl>
    </Card>
  );
};

const Fact = ({ term, value }: { term: string; value: React.ReactNode }) => {
  const styles = useStyles();
  return (
    <>
      <dt className={styles.term}>{term}</dt>
      <dd className={styles.value}>{value}</dd>
    </>
  );
};
