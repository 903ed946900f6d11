import { Badge, makeStyles, tokens } from '@fluentui/react-components';
import { lazy, Suspense } from 'react';
import { useTranslations } from 'use-intl';
import type { RunJob } from '../../../../../shared/runs/run-jobs';
import { useRunJobs } from '../../api/runs';
import { CopyButton } from '../../components/copy-button';
import { Count } from '../../components/count';
import { DataTable } from '../../components/data-table';
import type { Column } from '../../components/data-table';
import { ProblemMessage } from '../../components/problem-message';
import { Section } from '../../components/section';
import { useDuration } from '../../components/time';
import { sendingPace } from './sending-pace';

const PacePlot = lazy(() => import('./pace-plot'));

const useStyles = makeStyles({
  ids: { display: 'flex', flexDirection: 'column' },
  id: {
    display: 'flex',
    alignItems: 'center',
    whiteSpace: 'nowrap',
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeBase200,
  },
  note: { color: tokens.colorNeutralForeground2, margin: 0 },
});

const looks: Record<RunJob['state'], 'success' | 'warning' | 'danger' | 'informative' | 'brand' | 'subtle'> = {
  waiting: 'subtle',
  posting: 'brand',
  processing: 'brand',
  complete: 'success',
  cancelled: 'danger',
  open: 'warning',
};

/** Of a longer id its beginning and end are shown: all of it is on hover and copied. */
const LONGEST_ID = 18;

const Id = ({ id, label }: { id: string; label: string }) => {
  const styles = useStyles();
  return (
    <span className={styles.id} title={id}>
      {id.length > LONGEST_ID ? `${id.slice(0, 8)}…${id.slice(-6)}` : id} <CopyButton text={id} label={label} />
    </span>
  );
};

/** The import jobs of a run with Klaviyo's ids, and how quickly they went out. */
export const JobsCard = ({ runId }: { runId: string }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail.jobs');
  const duration = useDuration();
  const jobs = useRunJobs(runId);
  if (jobs.data === undefined) return <ProblemMessage error={jobs.error} onRetry={() => void jobs.refetch()} />;
  const { value, throttled, startedAt } = jobs.data;
  if (value.length === 0) return null;
  const columns: readonly Column<RunJob>[] = [
    { id: 'batch', header: t('batch'), number: true, cell: ({ batch }) => <Count value={batch} /> },
    {
      id: 'ids',
      header: t('ids'),
      cell: ({ jobs: parts }) =>
        parts.length === 0 ? (
          '–'
        ) : (
          <span className={styles.ids}>
            {parts.map(({ id }) => (
              <Id key={id} id={id} label={t('copyId')} />
            ))}
          </span>
        ),
    },
    { id: 'rows', header: t('rows'), number: true, cell: ({ rows }) => <Count value={rows} /> },
    {
      id: 'state',
      header: t('state'),
      cell: ({ state }) => (
        <Badge appearance="tint" color={looks[state]}>
          {t(`states.${state}`)}
        </Badge>
      ),
    },
    {
      id: 'failed',
      header: t('failed'),
      number: true,
      cell: ({ failedRows, strippedRows }) => <Count value={failedRows ?? (strippedRows > 0 ? strippedRows : undefined)} />,
    },
    {
      id: 'wait',
      header: t('wait'),
      number: true,
      cell: ({ postedAt }) =>
        postedAt === undefined || startedAt === undefined ? '–' : duration(Math.max(0, Date.parse(postedAt) - Date.parse(startedAt))),
    },
    {
      id: 'again',
      header: t('again'),
      number: true,
      // several jobs for one batch: parts of it, or the whole again after a lost answer
      cell: ({ jobs: parts }) => <Count value={Math.max(0, parts.length - 1)} />,
    },
    {
      id: 'requestId',
      header: t('requestId'),
      cell: ({ requestId }) => (requestId === undefined ? '–' : <Id id={requestId} label={t('copyRequestId')} />),
    },
  ];
  const pace = sendingPace(value);
  return (
    <Section title={t('title', { count: value.length })}>
      {throttled > 0 && <p className={styles.note}>{t('throttled', { count: throttled })}</p>}
      {pace.length >= 3 && (
        <Suspense fallback={null}>
          <PacePlot points={pace} />
        </Suspense>
      )}
      <DataTable label={t('label')} columns={columns} items={value} keyOf={({ batch }) => String(batch)} />
    </Section>
  );
};
