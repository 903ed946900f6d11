import { makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { RowStage } from '../../../../../shared/runs/row-report';
import type { Run } from '../../../../../shared/runs/run';
import { byFrequency } from '../../components/counted-reasons';
import { useReasonText } from '../../components/code-text';
import { Count } from '../../components/count';
import { DataTable } from '../../components/data-table';
import { useSearchState } from '../../components/search-state';
import { useReasonName } from '../../components/reason-name';
import { Section } from '../../components/section';
import { RowFinder } from './row-finder';

const useStyles = makeStyles({
  body: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  note: { margin: 0, color: tokens.colorNeutralForeground2 },
  tabs: { flexWrap: 'wrap' },
});

interface Reason {
  readonly code: string;
  readonly count: number;
}

/** What a stage's rows are, by reason. Runs of earlier versions did not count what Klaviyo refused by reason. */
const reasonsOf = (run: Run, stage: RowStage): readonly Reason[] => {
  const { invalid, duplicates, rejected, held } = run.counts;
  if (stage === 'invalid') return byFrequency(invalid > 0 ? run.invalidByReason : {});
  if (stage === 'duplicates') return duplicates > 0 ? [{ code: 'duplicate', count: duplicates }] : [];
  if (stage === 'held') return held > 0 ? [{ code: 'removal_held', count: held }] : [];
  const known = byFrequency(run.rejectedByReason);
  return known.length > 0 || rejected === 0 ? known : [{ code: 'refused', count: rejected }];
};

const stages: readonly RowStage[] = ['invalid', 'duplicates', 'rejected', 'held'];

const Reasons = ({ reasons, stage }: { reasons: readonly Reason[]; stage: RowStage }) => {
  const t = useTranslations('run.rows');
  const textOf = useReasonText();
  const nameOf = useReasonName();
  return (
    <DataTable<Reason>
      label={t('reasonsOf', { stage: t(`stages.${stage}`) })}
      items={reasons}
      keyOf={({ code }) => code}
      columns={[
        { id: 'count', header: t('rows'), number: true, width: '110px', cell: ({ count }) => <Count value={count} /> },
        {
          id: 'code',
          header: t('reason'),
          width: '220px',
          cell: ({ code }) => nameOf(code),
        },
        { id: 'what', header: t('whatToDo'), cell: ({ code }) => textOf(code) },
      ]}
    />
  );
};

/** Rows that did not get there, in groups with what to do; whoever may edit the export finds single ones and loads them down. */
export const RowsCard = ({ run, mayEdit }: { run: Run; mayEdit: boolean }) => {
  const styles = useStyles();
  const t = useTranslations('run.rows');
  const { value, set } = useSearchState();
  const present = stages.filter((stage) => run.counts[stage] > 0);
  if (present.length === 0 || run.endedAt === undefined) return null;
  const stage = present.find((one) => one === value('rows')) ?? (present.includes('rejected') ? 'rejected' : present[0]!);
  return (
    <Section title={t('title')}>
      <div className={styles.body}>
        <TabList className={styles.tabs} selectedValue={stage} onTabSelect={(_, { value: chosen }) => set({ rows: String(chosen) })}>
          {present.map((one) => (
            <Tab key={one} value={one} id={`rows-${one}`} aria-controls="rows-panel">
              {t('tab', { stage: t(`stages.${one}`), count: run.counts[one] })}
            </Tab>
          ))}
        </TabList>
        <div className={styles.body} role="tabpanel" id="rows-panel" aria-labelledby={`rows-${stage}`}>
          <p className={styles.note}>{t(`about.${stage}`)}</p>
          <Reasons reasons={reasonsOf(run, stage)} stage={stage} />
          {mayEdit ? (
            <RowFinder key={stage} runId={run.id} stage={stage} count={run.counts[stage]} />
          ) : (
            <p className={styles.note}>{t('notForYou')}</p>
          )}
        </div>
      </div>
    </Section>
  );
};
