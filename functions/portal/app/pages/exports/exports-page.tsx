import { Button, makeStyles, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { AddRegular, PlayMultiple16Regular } from '@fluentui/react-icons';
import { lazy, Suspense, useState } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import { useExportList } from '../../api/export-list';
import { useCaller, useMay } from '../../api/session';
import { useHiddenStyles } from '../../components/hidden';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { useSearchState } from '../../components/search-state';
import { ExportTable } from './export-table';
import { filtersOf } from './filters-of';
import { OpenNotice } from './open-notice';
import { SummaryTiles } from './summary-tiles';

// what the rows can do without comes right after them
const ExportFilterBar = lazy(() => import('./export-filter-bar'));
const StartSteps = lazy(() => import('./start-steps'));
const RunAll = lazy(() => import('./run-all-dialog'));
const Timeline = lazy(() => import('./timeline-section'));

const useStyles = makeStyles({
  filters: { height: '56px' },
  skeleton: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
});

const Loading = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  return (
    <Skeleton aria-label={t('loading')} className={styles.skeleton}>
      <SkeletonItem size={96} />
      <SkeletonItem size={32} />
      {[1, 2, 3, 4, 5, 6].map((row) => (
        <SkeletonItem key={row} size={48} />
      ))}
    </Skeleton>
  );
};

/** The home page: how all exports fare, what runs, and what one can do with each. */
const ExportsPage = () => {
  const t = useTranslations('exports');
  const styles = useStyles();
  const hidden = useHiddenStyles();
  const mayEdit = useMay('Contributor');
  const { id } = useCaller();
  const { value } = useSearchState();
  const filters = filtersOf(value, { callerId: id });
  const { items, total, summary, list } = useExportList(filters);
  const [runningAll, setRunningAll] = useState(false);

  const actions = mayEdit && (
    <>
      {summary !== undefined && summary.total > 0 && (
        <Button icon={<PlayMultiple16Regular />} onClick={() => setRunningAll(true)}>
          {t('runAll.button')}
        </Button>
      )}
      {(summary === undefined || summary.total > 0) && (
        <Link href="/exports/new" asChild>
          <Button as="a" appearance="primary" icon={<AddRegular />}>
            {t('new')}
          </Button>
        </Link>
      )}
    </>
  );
  return (
    <Page title={t('title')} beside={<OpenNotice ready={list.data !== undefined} />} actions={actions}>
      {list.data === undefined && list.error === null && <Loading />}
      <ProblemMessage error={list.error} onRetry={() => void list.refetch()} />
      {summary?.total === 0 && (
        <Suspense fallback={<Loading />}>
          <StartSteps />
        </Suspense>
      )}
      {summary !== undefined && summary.total > 0 && (
        <>
          <SummaryTiles summary={summary} />
          <div className={hidden.hidden} aria-live="polite">
            {summary.active > 0 ? t('activeNow', { count: summary.active }) : ''}
          </div>
          <Suspense fallback={<div className={styles.filters} />}>
            <ExportFilterBar />
          </Suspense>
          {list.data !== undefined && <ExportTable items={items} total={total} list={list} />}
          <Suspense fallback={null}>{items.length > 0 && <Timeline lanes={items} />}</Suspense>
        </>
      )}
      {runningAll && (
        <Suspense fallback={null}>
          <RunAll onClose={() => setRunningAll(false)} />
        </Suspense>
      )}
    </Page>
  );
};

export default ExportsPage;
