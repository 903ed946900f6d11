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
/** Shown also where they are nought everywhere: what everybody looks for. */
const always = new Set<(typeof counted)[number]>(['read', 'invalid', 'sent', 'accepted', 'rejected']);

/** The same sums for each segment. */
export const SegmentsCard = ({ run }: { run: Run }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.segments');
  const nameOf = useFlowNames(run);
  if (run.segments.length === 0) return null;
  const shown = counted.filter((id) => always.has(id) || run.segments.some((segment) => segment[id] > 0));
  // the time of all of them stands at the foot of the page
  const sameTime = run.segments.every(({ refreshedAt }) => refreshedAt === run.segments[0]!.refreshedAt);
  const columns: readonly Column<SegmentCounts>[] = [
    { id: 'name', header: t('name'), cell: ({ name }) => name },
    ...shown.map((id): Column<SegmentCounts> => ({
      id,
      header: nameOf(id),
      number: true,
      cell: (segment) => <Count value={segment[id]} />,
    })),
    ...(sameTime
      ? []
      : [
          {
            id: 'refreshedAt',
            header: t('refreshedAt'),
            cell: ({ refreshedAt }: SegmentCounts) => (
              <span className={styles.line}>{refreshedAt === undefined ? '–' : <Time at={refreshedAt} />}</span>
            ),
          },
        ]),
  ];
  return (
    <Section title={t('title')}>
      <DataTable label={t('title')} columns={columns} items={run.segments} keyOf={({ name }) => name} />
    </Section>
  );
};
