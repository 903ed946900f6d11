import { makeStyles, Tab, TabList, tokens } from '@fluentui/react-components';
import { lazy, Suspense, useState } from 'react';
import { useTranslations } from 'use-intl';
import type { ExportView } from '../../../../../shared/exports/export-view';
import { useExport, useRunsOfExport } from '../../api/exports';
import { useMay } from '../../api/session';
import { HeldRemovals } from '../../components/held-removals';
import { Page } from '../../components/page';
import { ProblemMessage } from '../../components/problem-message';
import { useSearchState } from '../../components/search-state';
import { DetailSkeleton } from '../../components/skeletons';
import { StartRun } from '../../components/start-run';
import { ActivityBadge, HealthBadge } from '../../components/status';
import { ChangesTab } from './changes-tab';
import { ExportActions } from './export-actions';
import { Figures } from './figures';
import { MappingTab } from './mapping-tab';
import { NotStarted } from './not-started';
import { toldRuns } from './plot-data';
import { Reasons } from './reasons';
import { RunsTab } from './runs-tab';
import { ScheduleTab } from './schedule-tab';

const Plots = lazy(() => import('./plots'));
const NotificationsTab = lazy(() => import('./notifications-tab'));

const useStyles = makeStyles({
  badges: { display: 'flex', flexWrap: 'wrap', gap: tokens.spacingHorizontalS },
  about: { margin: 0, color: tokens.colorNeutralForeground2, overflowWrap: 'anywhere' },
  tabs: { flexWrap: 'wrap' },
});

/** Fewer runs make no picture. */
const LEAST_RUNS = 2;

const About = ({ view }: { view: ExportView }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail');
  const { connection, listId, listName, membership, segments } = view;
  return (
    <p className={styles.about}>
      {[
        connection === undefined ? t('noConnection') : (connection.displayName ?? t('someConnection')),
        t('list', { name: listName ?? listId, id: listId }),
        t('segments', { count: segments.length, names: segments.slice(0, 3).join(', ') }),
        t(`membership.${membership}`),
      ].join(' · ')}
    </p>
  );
};

const Content = ({ view }: { view: ExportView }) => {
  const styles = useStyles();
  const t = useTranslations('exportDetail');
  const administrator = useMay('Administrator');
  const runs = useRunsOfExport(view.id);
  const { value, set } = useSearchState();
  const [starting, setStarting] = useState<'run' | 'dryRun'>();
  const tabs = ['runs', 'mapping', 'schedule', 'notifications', ...(administrator ? ['changes' as const] : [])] as const;
  const tab = tabs.find((one) => one === value('tab')) ?? 'runs';
  const mayEdit = view.permission === 'edit';
  const mayRun = mayEdit && view.connection !== undefined && !view.paused;
  const held = runs.data?.find(({ id }) => id === view.lastRun?.id);
  const told = toldRuns(runs.data ?? []);
  return (
    <Page
      title={view.name}
      up={{ href: '/exports', text: t('exports') }}
      beside={
        <span className={styles.badges}>
          <HealthBadge health={view.health} /> <ActivityBadge activity={view.activity} />
        </span>
      }
      actions={mayEdit ? <ExportActions view={view} runs={runs.data} onStart={setStarting} /> : undefined}
    >
      <About view={view} />
      <Reasons view={view} />
      {held !== undefined && <HeldRemovals run={held} mayEdit={mayEdit} />}
      {runs.data !== undefined && runs.data.length === 0 && <NotStarted view={view} onStart={mayRun ? setStarting : undefined} />}
      <Figures view={view} runs={runs.data} />
      {told.length >= LEAST_RUNS && (
        <Suspense fallback={null}>
          <Plots runs={told} />
        </Suspense>
      )}
      <TabList
        className={styles.tabs}
        selectedValue={tab}
        onTabSelect={(_, data) => set({ tab: data.value === 'runs' ? undefined : String(data.value) })}
      >
        {tabs.map((one) => (
          <Tab key={one} value={one} id={`tab-${one}`} aria-controls="tab-panel">
            {t(`tabs.${one}`)}
          </Tab>
        ))}
      </TabList>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${tab}`}>
        {tab === 'runs' && <RunsTab runs={runs} />}
        {tab === 'mapping' && <MappingTab view={view} />}
        {tab === 'schedule' && <ScheduleTab view={view} />}
        {tab === 'notifications' && (
          <Suspense fallback={<div aria-busy="true" />}>
            <NotificationsTab view={view} />
          </Suspense>
        )}
        {tab === 'changes' && <ChangesTab exportId={view.id} />}
      </div>
      {starting !== undefined && (
        <StartRun
          exportId={view.id}
          mirror={view.membership === 'mirror'}
          dryRun={starting === 'dryRun'}
          onClose={() => setStarting(undefined)}
        />
      )}
    </Page>
  );
};

const ExportDetailPage = ({ params: { id } }: { params: Record<string, string> }) => {
  const t = useTranslations('exportDetail');
  const found = useExport(id!);
  if (found.data !== undefined) return <Content key={found.data.value.id} view={found.data.value} />;
  return (
    <Page title={t('title')} up={{ href: '/exports', text: t('exports') }}>
      {found.error === null ? <DetailSkeleton /> : <ProblemMessage error={found.error} onRetry={() => void found.refetch()} />}
    </Page>
  );
};

export default ExportDetailPage;
