import { makeStyles } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { Run, SegmentCounts } from '../../../../../shared/runs/run';
import { Count } from '../../components/count';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { Section } from '../../components/section';
import { Time } from '../../components/time';
import { useFlowNames } from './flow';

const useStyles = makeStyles({ line: { whiteSpace: 'nowrap' } });

const counted = ['read', 'invalid', 'duplicates', 'unchanged', 'sent', 'unsent', 'accepted', 'rejected', 'open'] as const;

/** The same sums for each segment. */
export const SegmentsCard = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.segments');
  const nameOf = useFlowNames(run);
  if (run.segments.length === 0) return null;
  const columns: readonly Column<SegmentCounts>[] = [
    { id: 'name', header: t('name'), cell: ({ name }) => name },
    ...counted.map((id): Column<SegmentCounts> => ({
      id,
      header: nameOf(id),
      number: true,
      cell: (segment) => <Count value={segment[id]} />,
    })),
    {
      id: 'refreshedAt',
      header: t('refreshedAt'),
      cell: ({ refreshedAt }) => <span className={styles.line}>{refreshedAt === undefined ? '–' : <Time at={refreshedAt} />}</span>,
    },
  ];
  return (
    <Section title={t('title')}>
      <DataTable label={t('title')} columns={columns} items={run.segments} keyOf={({ name }) => name} />
    </Section>
  );
};
