import { Button, makeStyles, Skeleton, SkeletonItem, Spinner, tokens } from '@fluentui/react-components';
import { ArrowDownloadRegular } from '@fluentui/react-icons';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { LoggedActivity } from '../../../../../shared/activity/entry';
import { downloadActivity, useActivity } from '../../api/activity';
import { useExportNames } from '../../api/export-list';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { ListFoot } from '../../components/list-foot';
import { ProblemMessage } from '../../components/problem-message';
import { useReadOn } from '../../components/read-on';
import { useSearchState } from '../../components/search-state';
import { Time } from '../../components/time';
import { ActivityFilterBar } from './activity-filter-bar';
import { FILTERS, filtersOf, holds, KINDS } from './activity-filters';
import { ChangedCell } from './changed-cell';

/** Pages read on by themselves while the search of this page leaves fewer rows than this. */
const ENOUGH = 25;
const MOST_PAGES = 20;

const useStyles = makeStyles({
  below: { display: 'block', color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
  tools: { display: 'flex', justifyContent: 'end' },
});

/** Who did what, when and from where, with what it was before and after. */
const ActivityTab = () => {
  const styles = useStyles();
  const t = useTranslations('access.activity');
  const shell = useTranslations('shell');
  const { value } = useSearchState();
  const filters = filtersOf(value);
  const search = value('search')?.trim() ?? '';
  const list = useActivity(filters);
  const names = useExportNames();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const { hasNextPage, isFetching } = list;

  const kindText = useCallback(
    (kind: string): string => {
      const known = KINDS.find((one) => one === kind);
      return known === undefined ? kind : t(`kinds.${known}`);
    },
    [t],
  );
  const entries = useMemo(() => {
    const all = (list.data?.pages ?? []).flatMap((page) => page.value);
    return search === '' ? all : all.filter((entry) => holds(entry, search, kindText(entry.kind)));
  }, [list.data, search, kindText]);
  const readOn = useReadOn(list);
  const pages = list.data?.pages.length ?? 0;
  useEffect(() => {
    if (entries.length < ENOUGH && pages > 0 && pages < MOST_PAGES) readOn();
  }, [entries.length, pages, readOn]);

  const columns = useMemo(
    (): readonly Column<LoggedActivity>[] => [
      { id: 'at', header: t('when'), width: '170px', cell: ({ at }) => <Time at={at} /> },
      {
        id: 'who',
        header: t('who'),
        width: '170px',
        cell: ({ by, byName, application, clientAddress }) => (
          <div>
            <span title={by}>{byName ?? by ?? t('app')}</span>
            {(application || clientAddress !== undefined) && (
              <span className={styles.below}>{[application ? t('application') : '', clientAddress ?? ''].filter(Boolean).join(' · ')}</span>
            )}
          </div>
        ),
      },
      { id: 'what', header: t('what'), width: '190px', cell: ({ kind }) => kindText(kind) },
      {
        id: 'about',
        header: t('about'),
        cell: ({ exportId, connectionId, runId, name, person }) => (
          <div>
            {exportId !== undefined ? (
              names.data?.has(exportId) ? (
                <Link href={`/exports/${exportId}`}>{name ?? names.data.get(exportId)?.name}</Link>
              ) : (
                (name ?? exportId)
              )
            ) : connectionId !== undefined ? (
              <Link href={`/connections/${connectionId}`}>{name ?? connectionId}</Link>
            ) : (
              (name ?? (person === undefined ? '–' : t('person')))
            )}
            {runId !== undefined && (
              <Link href={`/runs/${runId}`} className={styles.below}>
                {t('run')}
              </Link>
            )}
          </div>
        ),
      },
      { id: 'changed', header: t('changed'), width: '34%', cell: (entry) => <ChangedCell entry={entry} /> },
    ],
    [t, kindText, names.data, styles.below],
  );

  const save = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await downloadActivity(filters);
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  const isFiltered = FILTERS.some((name) => value(name) !== undefined);
  const isReading =
    list.data === undefined ? list.error === null : entries.length === 0 && (isFetching || hasNextPage) && pages < MOST_PAGES;
  return (
    <>
      <ActivityFilterBar exports={[...(names.data?.values() ?? [])]} kindText={kindText} />
      <div className={styles.tools}>
        <Button
          icon={busy ? <Spinner size="tiny" /> : <ArrowDownloadRegular />}
          disabled={busy}
          title={t('csvText')}
          onClick={() => void save()}
        >
          {t('csv')}
        </Button>
      </div>
      <ProblemMessage error={error ?? list.error} onRetry={() => void list.refetch()} />
      {isReading && (
        <Skeleton aria-label={shell('loading')}>
          <SkeletonItem size={96} />
        </Skeleton>
      )}
      {!isReading && list.data !== undefined && entries.length === 0 && <EmptyState title={t(isFiltered ? 'nothingFound' : 'none')} />}
      {entries.length > 0 && (
        <>
          <DataTable label={t('label')} columns={columns} items={entries} keyOf={({ id }) => id} rowPx={57} onEnd={readOn} />
          <ListFoot
            text={t(hasNextPage ? 'shownSoFar' : 'shownAll', { count: entries.length })}
            more={t('more')}
            hasMore={hasNextPage}
            busy={isFetching}
            onMore={readOn}
          />
        </>
      )}
    </>
  );
};

export default ActivityTab;
