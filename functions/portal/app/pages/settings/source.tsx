import { Button, makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { useMemo } from 'react';
import { useFormatter, useTranslations } from 'use-intl';
import { useSegmentSource } from '../../api/segments';
import type { ListedSegment } from '../../api/segments';
import { Card } from '../../components/card';
import { Count } from '../../components/count';
import { CopyButton } from '../../components/copy-button';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';

const useStyles = makeStyles({
  stack: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  where: { overflowWrap: 'anywhere' },
});

/** Where segments come from, and what can be read there now. Looking again is the test. */
export const Source = () => {
  const styles = useStyles();
  const t = useTranslations('settings');
  const format = useFormatter();
  const segments = useSegmentSource();
  const columns = useMemo(
    (): readonly Column<ListedSegment>[] => [
      { id: 'name', header: t('segment'), cell: ({ name }) => name },
      { id: 'members', header: t('members'), number: true, cell: ({ figures }) => <Count value={figures?.members} /> },
      { id: 'exportable', header: t('exportable'), number: true, cell: ({ figures }) => <Count value={figures?.exportable} /> },
      {
        id: 'refreshedAt',
        header: t('refreshed'),
        cell: ({ refreshedAt }) => (refreshedAt === undefined ? '–' : <Time at={refreshedAt} />),
      },
      { id: 'partitions', header: t('partitions'), number: true, cell: ({ partitions }) => <Count value={partitions} /> },
      {
        id: 'bytes',
        header: t('size'),
        number: true,
        cell: ({ bytes }) =>
          bytes === undefined ? '–' : format.number(bytes / 1e6, { style: 'unit', unit: 'megabyte', maximumFractionDigits: 1 }),
      },
    ],
    [t, format],
  );
  return (
    <div className={styles.stack}>
      <Card title={t('source')}>
        {segments.data !== undefined && (
          <p className={styles.where}>
            {t(`kinds.${segments.data.source.kind}`)}
            <br />
            <code>{segments.data.source.location}</code> <CopyButton text={segments.data.source.location} label={t('copyLocation')} />
          </p>
        )}
        <p>{t('sourceWhat')}</p>
        <ProblemMessage error={segments.error} title={t('sourceFailed')} />
        <Button
          disabled={segments.isFetching}
          icon={segments.isFetching ? <Spinner size="tiny" /> : undefined}
          onClick={() => void segments.refetch()}
        >
          {t('readAgain')}
        </Button>
      </Card>
      {segments.data !== undefined &&
        (segments.data.value.length === 0 ? (
          <EmptyState title={t('noSegments')}>{t('noSegmentsWhat')}</EmptyState>
        ) : (
          <DataTable label={t('segments')} columns={columns} items={segments.data.value} keyOf={({ name }) => name} />
        ))}
    </div>
  );
};
