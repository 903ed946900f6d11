import { makeStyles, Skeleton, SkeletonItem, tokens } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { LoggedActivity } from '../../../../../shared/activity/entry';
import { getAll } from '../../api/client';
import { DataTable } from '../../components/data-table';
import { ProblemMessage } from '../../components/problem-message';
import { Time } from '../../components/time';
import { changedFields, shortly } from '../../components/changed-fields';

const useStyles = makeStyles({
  line: { whiteSpace: 'nowrap' },
  list: { margin: 0, paddingLeft: tokens.spacingHorizontalL },
  was: { textDecorationLine: 'line-through', color: tokens.colorNeutralForeground3 },
});

/** Entries that a page shows at most; the page "Access & activity" has them all. */
const MOST = 100;

const Fields = ({ entry }: { entry: LoggedActivity }) => {
  const styles = useStyles();
  const nameOf = useFieldName();
  const fields = changedFields(entry);
  if (fields.length === 0) return '–';
  return (
    <ul className={styles.list}>
      {fields.map(({ name, before, after }) => (
        <li key={name}>
          {nameOf(name)}: {before !== undefined && <span className={styles.was}>{shortly(before)}</span>}{' '}
          {after !== undefined && <span>{shortly(after)}</span>}
        </li>
      ))}
    </ul>
  );
};

/** What was done, with a link to the run where it was about one. */
const What = ({ entry: { kind, runId, details } }: { entry: LoggedActivity }) => {
  const t = useTranslations('exportDetail.changes');
  const key = `kinds.${kind}` as 'kinds.export_created';
  const text = kind === 'run_started' && details?.dryRun === true ? t('dryRunStarted') : t.has(key) ? t(key) : kind;
  return runId === undefined ? text : <Link href={`/runs/${runId}`}>{text}</Link>;
};

/** A field by its name in words, where it has one; what lies in a group stays as the API calls it. */
const useFieldName = (): ((name: string) => string) => {
  const t = useTranslations('exportDetail.changes.fields');
  return (name) => {
    const [group = '', ...rest] = name.split('.');
    const key = group as 'name';
    return [t.has(key) ? t(key) : group, ...rest].join(' › ');
  };
};

/** Who changed or ran the export, when, and what it was before and after. For administrators, as the activity log is. */
export const ChangesTab = ({ exportId }: { exportId: string }) => {
  const styles = useStyles();
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
        {
          id: 'at',
          header: t('when'),
          cell: ({ at }) => (
            <span className={styles.line}>
              <Time at={at} />
            </span>
          ),
        },
        { id: 'by', header: t('who'), width: '180px', cell: ({ by, byName }) => <span title={by}>{byName ?? by ?? '–'}</span> },
        {
          id: 'kind',
          header: t('what'),
          width: '220px',
          cell: (entry) => <What entry={entry} />,
        },
        { id: 'fields', header: t('changed'), cell: (entry) => <Fields entry={entry} /> },
      ]}
    />
  );
};
