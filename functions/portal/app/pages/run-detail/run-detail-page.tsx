import { makeStyles, tokens } from '@fluentui/react-components';
import { useEffect, useState } from 'react';
import { useTranslations } from 'use-intl';
import type { Run } from '../../../../../shared/runs/run';
import { useExport } from '../../api/exports';
import { useRun } from '../../api/runs';
import { Card } from '../../components/card';
import { HeldRemovals } from '../../components/held-removals';
import { useHiddenStyles } from '../../components/hidden';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { DetailSkeleton } from '../../components/skeletons';
import { StartRun } from '../../components/start-run';
import { RunStateBadge } from '../../components/status';
import { useDuration } from '../../components/time';
import { Facts } from './facts';
import { FlowCard } from './flow-card';
import { JobsCard } from './jobs-card';
import { DryRunResult, FollowUp, Outcome } from './outcome';
import { PhaseBar } from './phase-bar';
import { RowsCard } from './rows-card';
import { RunActions } from './run-actions';
import { SegmentsCard } from './segments-card';

const useStyles = makeStyles({
  about: { margin: `0 0 ${tokens.spacingVerticalM} 0`, color: tokens.colorNeutralForeground2 },
});

/** The time, each second while something moves. */
const useNowMs = (moving: boolean): number => {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!moving) return;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [moving]);
  return now;
};

/** Said aloud when a run begins another phase or ends, not at each number. */
const Announcement = ({ run }: { run: Run }) => {
  const styles = useHiddenStyles();
  const t = useTranslations('runDetail');
  const phases = useTranslations('status.phase');
  const states = useTranslations('status.run');
  return (
    <div role="status" className={styles.hidden}>
      {run.endedAt === undefined ? t('nowIn', { phase: phases(run.phase) }) : t('endedAs', { state: states(run.state) })}
    </div>
  );
};

const Times = ({ run, nowMs }: { run: Run; nowMs: number }) => {
  const styles = useStyles();
  const t = useTranslations('runDetail');
  const duration = useDuration();
  if (run.state === 'queued') return <p className={styles.about}>{t('queued')}</p>;
  if (run.startedAt === undefined) return null;
  const ms = Math.max(0, (run.endedAt === undefined ? nowMs : Date.parse(run.endedAt)) - Date.parse(run.startedAt));
  return <p className={styles.about}>{t(run.endedAt === undefined ? 'since' : 'took', { time: duration(ms) })}</p>;
};

const Content = ({ run }: { run: Run }) => {
  const t = useTranslations('runDetail');
  const moving = run.endedAt === undefined;
  const nowMs = useNowMs(moving);
  const segmentExport = useExport(run.exportId);
  const [starting, setStarting] = useState(false);
  const view = segmentExport.data?.value;
  const mayEdit = view?.permission === 'edit';
  const mayRun = mayEdit && view.connection !== undefined && !view.paused;
  const isLast = view?.lastRun?.id === run.id;
  return (
    <Page
      title={t(run.dryRun ? 'titleDryRun' : 'title', { number: run.number })}
      up={{ href: `/exports/${run.exportId}`, text: view?.name ?? t('export') }}
      beside={<RunStateBadge state={run.state} warnings={run.warnings.length} />}
      actions={<RunActions run={run} mirror={view?.membership === 'mirror'} mayEdit={mayEdit} mayRun={mayRun} isLast={isLast} />}
    >
      <Announcement run={run} />
      <FollowUp run={run} />
      <DryRunResult run={run} onRun={mayRun ? () => setStarting(true) : undefined} />
      <HeldRemovals run={run} mayEdit={mayEdit} />
      <Outcome run={run} />
      <Card title={t('progress')}>
        <Times run={run} nowMs={nowMs} />
        <PhaseBar run={run} nowMs={nowMs} />
      </Card>
      <FlowCard run={run} />
      <RowsCard run={run} mayEdit={mayEdit} />
      <SegmentsCard run={run} />
      {!run.dryRun && run.jobs.total > 0 && <JobsCard runId={run.id} />}
      <Facts run={run} />
      {starting && view !== undefined && (
        <StartRun exportId={run.exportId} mirror={view.membership === 'mirror'} onClose={() => setStarting(false)} />
      )}
    </Page>
  );
};

const RunDetailPage = ({ params: { id } }: { params: Record<string, string> }) => {
  const t = useTranslations('runDetail');
  const run = useRun(id!);
  if (run.data !== undefined) return <Content key={run.data.id} run={run.data} />;
  return (
    <Page title={t('untitled')} up={{ href: '/runs', text: t('runs') }}>
      {run.error === null ? <DetailSkeleton /> : <ProblemMessage error={run.error} onRetry={() => void run.refetch()} />}
    </Page>
  );
};

export default RunDetailPage;
