import { Tab, TabList } from '@fluentui/react-components';
import { lazy, Suspense } from 'react';
import type { ComponentType } from 'react';
import { useTranslations } from 'use-intl';
import { useMay } from '../../api/session';
import { Page } from '../../components/page';
import { useSearchState } from '../../components/search-state';
import { About } from './about';
import { OtherSystems } from './other-systems';
import { Source } from './source';

// the forms bring the API's schemas with them
const SystemRefresh = lazy(() => import('./system-refresh'));
const LimitsForm = lazy(() => import('./limits-form'));
const Notifications = lazy(() => import('./notifications/notifications'));
const Week = lazy(() => import('./week'));

const tabs = ['schedule', 'week', 'limits', 'notifications', 'source', 'systems', 'about'] as const;
type SettingsTab = (typeof tabs)[number];

const panels: Record<SettingsTab, ComponentType> = {
  schedule: SystemRefresh,
  week: Week,
  limits: LimitsForm,
  notifications: Notifications,
  source: Source,
  systems: OtherSystems,
  about: About,
};

/** What holds for the whole app; administrators change it, others look. */
const SettingsPage = () => {
  const t = useTranslations('settings');
  const { value, set } = useSearchState();
  const administrator = useMay('Administrator');
  const shown = tabs.find((tab) => tab === value('tab')) ?? 'schedule';
  const Panel = panels[shown];
  return (
    <Page title={t('title')}>
      {!administrator && <p style={{ margin: 0 }}>{t('readOnly')}</p>}
      <TabList
        selectedValue={shown}
        onTabSelect={(_, { value: tab }) => set({ tab: tab === 'schedule' ? undefined : String(tab) })}
        style={{ flexWrap: 'wrap' }}
      >
        {tabs.map((tab) => (
          <Tab key={tab} value={tab} id={`tab-${tab}`} aria-controls={shown === tab ? 'settings-panel' : undefined}>
            {t(`tabs.${tab}`)}
          </Tab>
        ))}
      </TabList>
      <div role="tabpanel" id="settings-panel" aria-labelledby={`tab-${shown}`}>
        <Suspense fallback={<div aria-busy="true" />}>
          <Panel />
        </Suspense>
      </div>
    </Page>
  );
};

export default SettingsPage;
