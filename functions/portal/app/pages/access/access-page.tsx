import { makeStyles, Spinner, Tab, TabList, tokens } from '@fluentui/react-components';
import { lazy, Suspense, useId } from 'react';
import { useTranslations } from 'use-intl';
import { Page } from '../../components/page';
import { useSearchState } from '../../components/search-state';

const tabs = {
  roles: lazy(() => import('./roles-tab')),
  activity: lazy(() => import('./activity-tab')),
  people: lazy(() => import('./people-tab')),
};
type TabName = keyof typeof tabs;
const names = Object.keys(tabs) as readonly TabName[];

const useStyles = makeStyles({
  panel: { display: 'flex', flexDirection: 'column', rowGap: tokens.spacingVerticalL },
  list: { flexWrap: 'wrap' },
});

/** Who may do what, who did what, and what is known of a person. For administrators. */
const AccessPage = () => {
  const styles = useStyles();
  const t = useTranslations('access');
  const { value, set } = useSearchState();
  const id = useId();
  const shown = names.find((name) => name === value('tab')) ?? 'roles';
  const Panel = tabs[shown];
  return (
    <Page title={t('title')}>
      <TabList
        className={styles.list}
        selectedValue={shown}
        onTabSelect={(_, data) => {
          const kept = new Set(['tab']);
          // what another tab filters by means nothing here
          const others = [...new URLSearchParams(location.search).keys()].filter((name) => !kept.has(name));
          set({
            ...Object.fromEntries(others.map((name) => [name, undefined])),
            tab: data.value === 'roles' ? undefined : String(data.value),
          });
        }}
      >
        {names.map((name) => (
          <Tab key={name} id={`${id}-${name}`} value={name} aria-controls={`${id}-panel`}>
            {t(`tabs.${name}`)}
          </Tab>
        ))}
      </TabList>
      <div id={`${id}-panel`} role="tabpanel" aria-labelledby={`${id}-${shown}`} className={styles.panel}>
        <Suspense fallback={<Spinner />}>
          <Panel />
        </Suspense>
      </div>
    </Page>
  );
};

export default AccessPage;
