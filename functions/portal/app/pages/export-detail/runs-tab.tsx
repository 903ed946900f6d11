import { Skeleton, SkeletonItem } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import type { useRunsOfExport } from '../../api/exports';
import { RUNS_SHOWN } from '../../api/exports';
import { DataTable } from '../../components/data-table';
import { ProblemMessage } from '../../components/problem-message';
import { useRunColumns } from '../../components/run-columns';

/** The newest runs of an export. */
export const RunsTab = ({ runs }: { runs: ReturnType<typeof useRunsOfExport> }) => {
  const t = useTranslations('exportDetail.runs');
  const shell = useTranslations('shell');
  const columns = useRunColumns();
  if (runs.data === undefined) {
    if (runs.error !== null) return <ProblemMessage error={runs.error} onRetry={() => void runs.refetch()} />;
    return (
      <Skeleton aria-label={shell('loading')}>
        <SkeletonItem style={{ height: '240px' }} />
      </Skeleton>
    );
  }
  if (runs.data.length === 0) return <p>{t('none')}</p>;
  return (
    <>
      <DataTable label={t('label')} columns={columns} items={runs.data} keyOf={({ id }) => id} />
      {runs.data.length >= RUNS_SHOWN && <p>{t('newest', { count: RUNS_SHOWN })}</p>}
    </>
  );
};
