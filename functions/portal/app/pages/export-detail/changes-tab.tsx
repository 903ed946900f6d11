import { makeStyles, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'use-intl';
import type { LoggedActivity } from '../../../../../shared/activity/entry';
import { getAll } from '../../api/client';
import { DataTable } from '../../components/data-table';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';
import { changedFields, shortly } from './changed-fields';

const useStyles = makeStyles({
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL },
  was: { textDecorationLine: 'line-through', color: tokens.colorNeutralForeground3 },
});

/** Entries that a page shows at most; the page "Access & activity" has them all. */
const MOST = 100;

const Fields = ({ entry }: { entry: LoggedActivity }) => {
  const styles = useStyles();
  const fields = changedFields(entry);
  if (fields.length === 0) return '–';
  return (
    <ul className={styles.list}>
      {fields.map(({ name, before, after }) => (
        <li key={name}>
          {name}: {before !== undefined && <span className={styles.was}>{shortly(before)}</span>}{' '}
          {after !== undefined && <span>{shortly(after)}</span>}
        </li>
      ))}
    </ul>
  );
};

/** Who changed or ran the export, when, and what it was before and after. For administrators, as the activity log is. */
export const ChangesTab = ({ exportId }: { exportId: string }) => {
  const t = useTranslations('exportDetail.changes');
  const shell = useTranslations('shell');
  const entries = useQuery({
    queryKey: ['activity', 'of-export', exportId],
    queryFn: ({ signal }) => getAll<LoggedActivity>('/activity', { query: { exportId, size: 100 }, limit: MOST, signal }),
  });
  if (entries.data === undefined) {
    if (entries.error !== null) return <ProblemMessage error={entries.error} onRetry={() => void entries.refetch()} />;
    return (
      <Skeleton aria-label={shell('loading')}>
        <SkeletonItem style={{ height: '200px' }} />
      </Skeleton>
    );
  }
  if (entries.data.length === 0) return <p>{t('none')}</p>;
  return (
    <DataTable<LoggedActivity>
      label={t('label')}
      items={entries.data}
      keyOf={({ id }) => id}
      columns={[
        { id: 'at', header: t('when'), width: '190px', cell: ({ at }) => <Time at={at} /> },
        { id: 'by', header: t('who'), width: '180px', cell: ({ by, byName }) => <span title={by}>{byName ?? by ?? '–'}</span> },
        {
          id: 'kind',
          header: t('what'),
          width: '220px',
          cell: ({ kind }) => (t.has(`kinds.${kind}` as 'kinds.export_created') ? t(`kinds.${kind}` as 'kinds.export_created') : kind),
        },
        { id: 'fields', header: t('changed'), cell: (entry) => <Fields entry={entry} /> },
      ]}
    />
  );
};
