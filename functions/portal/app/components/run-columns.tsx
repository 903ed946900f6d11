import { makeStyles } from '@fluentui/react-components';
import { useTranslations } from 'use-intl';
import { Link } from 'wouter';
import type { Run } from '../../../../shared/runs/run';
import { Count } from './count';
import type { Column } from './data-table';
import { RunStateBadge } from './status';
import { Time, useDuration } from './time';

const useStyles = makeStyles({ line: { whiteSpace: 'nowrap' } });

const durationOf = ({ startedAt, endedAt }: Run): number | undefined =>
  startedAt === undefined || endedAt === undefined ? undefined : Date.parse(endedAt) - Date.parse(startedAt);

const counted = ['read', 'invalid', 'sent', 'accepted', 'rejected', 'removed', 'held'] as const;

/** A snapshot of the source: when it was refreshed, as its id means nothing to a reader. */
const Snapshot = ({ run: { snapshotId, refreshedAt } }: { run: Run }) => {
  const styles = useStyles();
  if (refreshedAt !== undefined) {
    return (
      <span className={styles.line}>
        <Time at={refreshedAt} />
      </span>
    );
  }
  return <span title={snapshotId}>{snapshotId?.slice(0, 8) ?? '–'}</span>;
};

/** What a table of runs shows of each. Figures that mean nothing for a run are a dash, not a nought. */
export const useRunColumns = (): readonly Column<Run>[] => {
  const styles = useStyles();
  const t = useTranslations('run');
  const triggers = useTranslations('status.trigger');
  const duration = useDuration();
  return [
    {
      id: 'start',
      header: t('columns.start'),
      cell: ({ id, startedAt, submittedAt }) => (
        <Link href={`/runs/${id}`} className={styles.line}>
          <Time at={startedAt ?? submittedAt} />
        </Link>
      ),
    },
    {
      id: 'trigger',
      header: t('columns.trigger'),
      cell: ({ trigger, dryRun }) => (
        <span className={styles.line}>{dryRun ? t('dryRunBy', { trigger: triggers(trigger.kind) }) : triggers(trigger.kind)}</span>
      ),
    },
    {
      id: 'state',
      header: t('columns.state'),
      cell: ({ state, warnings }) => <RunStateBadge state={state} warnings={warnings.length} />,
    },
    {
      id: 'duration',
      header: t('columns.duration'),
      number: true,
      cell: (run) => {
        const ms = durationOf(run);
        return ms === undefined ? '–' : duration(ms);
      },
    },
    ...counted.map((name): Column<Run> => ({
      id: name,
      header: t(`counts.${name}`),
      number: true,
      cell: ({ counts, state }) => <Count value={state === 'skipped' || state === 'queued' ? undefined : counts[name]} />,
    })),
    { id: 'snapshot', header: t('columns.snapshot'), cell: (run) => <Snapshot run={run} /> },
  ];
};
