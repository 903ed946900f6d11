import { makeStyles, Skeleton, SkeletonItem, Text, tokens } from '@fluentui/react-components';
import { useEffect, useMemo } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { Run } from '../../../../../shared/runs/run';
import { useExportNames } from '../../api/export-list';
import { useRunList } from '../../api/run-list';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { ListFoot } from '../../components/list-foot';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { useReadOn } from '../../components/read-on';
import { useRunColumns } from '../../components/run-columns';
import { useSearchState } from '../../components/search-state';
import { FILTERS, filtersOf } from './run-filters';
import { RunFilterBar } from './run-filter-bar';

/** Pages read on by themselves while a filter of this page alone leaves fewer rows than this. */
const ENOUGH = 25;
const MOST_PAGES = 10;

const useStyles = makeStyles({
  skeleton: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalM },
  below: { display: 'block', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

/** All runs of all exports, newest first. */
const RunsPage = () => {
  const styles = useStyles();
  const t = useTranslations('runs');
  const shell = useTranslations('shell');
  const { value } = useSearchState();
  const names = useExportNames();
  const filters = filtersOf(value);
  const connectionId = value('connectionId');
  const list = useRunList(filters);
  const { hasNextPage, isFetching } = list;

  const inConnection = useMemo(() => {
    if (connectionId === undefined || names.data === undefined) return undefined;
    return new Set([...names.data.values()].filter(({ connection }) => connection?.id === connectionId).map(({ id }) => id));
  }, [connectionId, names.data]);
  const runs = useMemo(() => {
    const all = (list.data?.pages ?? []).flatMap((page) => page.value);
    return inConnection === undefined ? all : all.filter(({ exportId }) => inConnection.has(exportId));
  }, [list.data, inConnection]);

  const readOn = useReadOn(list);
  // a page may hold few of what is looked for, or none, and another one follow
  const pages = list.data?.pages.length ?? 0;
  useEffect(() => {
    if (runs.length < ENOUGH && pages > 0 && pages < MOST_PAGES) readOn();
  }, [runs.length, pages, readOn]);

  const shared = useRunColumns();
  const columns = useMemo((): readonly Column<Run>[] => {
    const ofExport: Column<Run> = {
      id: 'export',
      header: t('export'),
      cell: ({ exportId, number }) => (
        <div>
          <Link href={`/exports/${exportId}`}>{names.data?.get(exportId)?.name ?? exportId}</Link>
          <span className={styles.below}>{t('number', { number })}</span>
        </div>
      ),
    };
    const [start, ...others] = shared;
    return [...(start ? [start] : []), ofExport, ...others];
  }, [shared, names.data, t, styles.below]);

  const offered = useMemo(
    () => [...(names.data?.values() ?? [])].filter(({ id }) => inConnection === undefined || inConnection.has(id)),
    [names.data, inConnection],
  );
  const isFiltered = FILTERS.some((name) => value(name) !== undefined);
  const isReading = list.data === undefined ? list.error === null : runs.length === 0 && (isFetching || hasNextPage) && pages < MOST_PAGES;
  return (
    <Page title={t('title')}>
      <RunFilterBar names={offered} />
      <ProblemMessage error={list.error ?? names.error} onRetry={() => void list.refetch()} />
      {isReading && (
        <Skeleton aria-label={shell('loading')} className={styles.skeleton}>
          {[1, 2, 3, 4, 5, 6, 7, 8].map((row) => (
            <SkeletonItem key={row} size={40} />
          ))}
        </Skeleton>
      )}
      {!isReading && list.data !== undefined && runs.length === 0 && (
        <EmptyState title={t(isFiltered ? 'nothingFound' : 'none')}>{!isFiltered && <Text>{t('noneText')}</Text>}</EmptyState>
      )}
      {runs.length > 0 && (
        <>
          <DataTable label={t('title')} columns={columns} items={runs} keyOf={({ id }) => id} rowPx={57} dense onEnd={readOn} />
          <ListFoot
            text={t(hasNextPage ? 'shownSoFar' : 'shownAll', { count: runs.length })}
            more={t('more')}
            hasMore={hasNextPage}
            busy={isFetching}
            onMore={readOn}
          />
        </>
      )}
    </Page>
  );
};

export default RunsPage;
