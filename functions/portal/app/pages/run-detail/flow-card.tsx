import { makeStyles, mergeClasses, Switch, tokens } from '@fluentui/react-components';
import { useState } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { Card } from '../../components/card';
import { Count } from '../../components/count';
import { FlowFigure, useFlowNames } from './flow';

const useStyles = makeStyles({
  lines: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalXS, marginTop: tokens.spacingVerticalM },
  sums: { margin: 0, color: tokens.colorNeutralForeground2 },
  quiet: { color: tokens.colorNeutralForeground2 },
  table: { borderCollapse: 'collapse', width: '100%', marginTop: tokens.spacingVerticalM },
  onlyNarrow: { '@media (min-width: 641px)': { display: 'none' } },
  onlyWide: { '@media (max-width: 640px)': { display: 'none' } },
  cell: {
    textAlign: 'start',
    padding: `${tokens.spacingVerticalXS} ${tokens.spacingHorizontalS}`,
    borderBottom: `1px solid ${tokens.colorNeutralStroke2}`,
    fontWeight: tokens.fontWeightRegular,
  },
  inner: { paddingLeft: tokens.spacingHorizontalXXL },
  number: { textAlign: 'end', fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' },
  meaning: { color: tokens.colorNeutralForeground2, '@media (max-width: 640px)': { display: 'none' } },
});

const rows = ['read', 'invalid', 'duplicates', 'unchanged', 'unsent', 'sent', 'accepted', 'rejected', 'open'] as const;
const depth: Partial<Record<(typeof rows)[number], true>> = { accepted: true, rejected: true, open: true };

const FlowTable = ({ run, className }: { run: Run; className: string | false }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.flow');
  const format = useFormatter();
  const nameOf = useFlowNames(run);
  const { counts } = run;
  const share = (count: number): string =>
    counts.read === 0 ? '–' : format.number(count / counts.read, { style: 'percent', maximumFractionDigits: 1 });
  const line = (id: Parameters<typeof nameOf>[0], count: number, meaning: string) => (
    <tr key={id}>
      <th scope="row" className={mergeClasses(styles.cell, id in depth && styles.inner)}>
        {nameOf(id)}
      </th>
      <td className={mergeClasses(styles.cell, styles.number)}>
        <Count value={count} />
      </td>
      <td className={mergeClasses(styles.cell, styles.number)}>{share(count)}</td>
      <td className={mergeClasses(styles.cell, styles.meaning)}>{meaning}</td>
    </tr>
  );
  return (
    <table className={mergeClasses(styles.table, className)} aria-label={t('title')}>
      <thead>
        <tr>
          <th scope="col" className={styles.cell}>
            {t('step')}
          </th>
          <th scope="col" className={mergeClasses(styles.cell, styles.number)}>
            {t('rows')}
          </th>
          <th scope="col" className={mergeClasses(styles.cell, styles.number)}>
            {t('share')}
          </th>
          <th scope="col" className={mergeClasses(styles.cell, styles.meaning)}>
            {t('meaning')}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((id) => line(id, counts[id], t(`meanings.${id === 'unsent' && run.dryRun ? 'wouldBeSent' : id}`)))}
        {line('onList', counts.unchanged + counts.accepted, t('meanings.onList'))}
      </tbody>
    </table>
  );
};

/** What became of the rows that a run read: the figure, its sums in words, and on request all of it as a table. */
export const FlowCard = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.flow');
  const status = useTranslations('status');
  const [asTable, setAsTable] = useState(false);
  const { counts, dryRun } = run;
  if (counts.read === 0) return null;
  return (
    <Card title={t('title')}>
      <FlowFigure run={run} />
      <FlowTable run={run} className={!asTable && styles.onlyNarrow} />
      <div className={styles.lines}>
        <p className={styles.sums}>{t(dryRun ? 'sumDryRun' : 'sum', { ...counts })}</p>
        {counts.sent > 0 && <p className={styles.sums}>{t('sumSent', { ...counts })}</p>}
        {counts.expected > 0 && <p className={styles.sums}>{t('checked', { expected: counts.expected, found: counts.found })}</p>}
        {counts.phonesDropped > 0 && <p className={styles.sums}>{t('phonesDropped', { count: counts.phonesDropped })}</p>}
        {counts.removed > 0 && <p className={styles.sums}>{t('removed', { count: counts.removed })}</p>}
        {run.endedAt !== undefined && !dryRun && counts.unchanged + counts.sent > 0 && (
          <p className={styles.sums}>{status('notSubscribed')}</p>
        )}
        <Switch className={styles.onlyWide} checked={asTable} onChange={(_, { checked }) => setAsTable(checked)} label={t('asTable')} />
      </div>
    </Card>
  );
};
