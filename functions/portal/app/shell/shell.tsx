import { makeStyles, Spinner, tokens } from '@fluentui/react-components';
import { Suspense } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { useTranslations } from 'use-intl';
import { ApiError } from '../api/client';
import { SessionContext, useMay, useMe } from '../api/session';
import { Page } from '../components/page';
import { ProblemMessage } from '../components/problem-message';
import { routes } from '../routes';
import type { PageRoute } from '../routes';
import { Crash } from './crash';
import { Header } from './header';
import { Navigation } from './navigation';
import { SignedIn } from './signed-in';
import { SignInAgain } from './sign-in-again';

const useStyles = makeStyles({
  shell: { display: 'flex', flexDirection: 'column', minHeight: '100vh', backgroundColor: tokens.colorNeutralBackground2 },
  middle: { display: 'flex', flexGrow: 1, '@media (max-width: 800px)': { flexDirection: 'column' } },
  main: {
    flexGrow: 1,
    minWidth: 0,
    boxSizing: 'border-box',
    padding: `${tokens.spacingVerticalXL} ${tokens.spacingHorizontalXXL}`,
    '@media (max-width: 800px)': { padding: tokens.spacingHorizontalM },
  },
  skip: {
    position: 'absolute',
    left: '-9999px',
    ':focus': {
      left: tokens.spacingHorizontalM,
      top: tokens.spacingVerticalM,
      zIndex: 10,
      backgroundColor: tokens.colorNeutralBackground1,
    },
  },
});

const NotForYou = () => {
  const t = useTranslations('shell');
  return <Page title={t('notForYouTitle')}>{t('notForYou')}</Page>;
};

const PageOf = ({ route, params }: { route: PageRoute; params: Record<string, string> }) => {
  const may = useMay(route.atLeast ?? 'Viewer');
  return may ? <route.page params={params} /> : <NotForYou />;
};

const NotFound = () => {
  const t = useTranslations('shell');
  return <Page title={t('notFoundTitle')}>{t('notFound')}</Page>;
};

/** Everything around the pages: who is signed in, header, menu, and the page that the address names. */
export const Shell = () => {
  const styles = useStyles();
  const t = useTranslations('shell');
  const [path] = useLocation();
  const me = useMe();
  if (path === '/signed-in') return <SignedIn />;
  const problem = me.data === undefined ? me.error : undefined;
  const refused = problem instanceof ApiError && (problem.status === 401 || problem.code === 'no_role') ? problem : undefined;
  const content =
    me.data === undefined ? (
      problem === null || problem === undefined ? (
        <Spinner label={t('loading')} />
      ) : refused?.code === 'no_role' ? (
        <Page title={t('noRoleTitle')}>{t('noRole')}</Page>
      ) : refused === undefined ? (
        <ProblemMessage error={problem} onRetry={() => void me.refetch()} />
      ) : null
    ) : (
      <Crash resetKey={path}>
        <Suspense fallback={<Spinner label={t('loading')} delay={300} />}>
          <Switch>
            <Route path="/">
              <Redirect to="/exports" replace />
            </Route>
            {routes.map((route) => (
              <Route key={route.path} path={route.path}>
                {(params) => <PageOf route={route} params={params as Record<string, string>} />}
              </Route>
            ))}
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </Suspense>
      </Crash>
    );
  return (
    <SessionContext value={me.data}>
      <div className={styles.shell}>
        <a href="#main" className={styles.skip}>
          {t('skip')}
        </a>
        <Header />
        <div className={styles.middle}>
          <Navigation />
          <main id="main" className={styles.main} tabIndex={-1}>
            {content}
          </main>
        </div>
        <SignInAgain firstTime={refused?.status === 401} />
      </div>
    </SessionContext>
  );
};
