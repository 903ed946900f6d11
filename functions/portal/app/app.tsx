import {
  createDOMRenderer,
  FluentProvider,
  makeStaticStyles,
  RendererProvider,
  Toaster,
  webDarkTheme,
  webLightTheme,
} from '@fluentui/react-components';
import { QueryClientProvider } from '@tanstack/react-query';
import { Suspense, useEffect } from 'react';
import { Router } from 'wouter';
import { createQueryClient } from './api/query-client';
import { TOASTER } from './components/toast';
import { Crash } from './shell/crash';
import { MessagesProvider } from './shell/messages-provider';
import { PreferencesProvider, usePreferences } from './shell/preferences';
import { Shell } from './shell/shell';

/** Where the function app serves these pages. */
export const BASE = '/portal';

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
// The page's policy takes styles with its nonce only.
const renderer = createDOMRenderer(document, nonce === undefined ? {} : { styleElementAttributes: { nonce } });
const queryClient = createQueryClient();

const useGlobalStyles = makeStaticStyles({
  body: { margin: 0 },
  a: { color: 'var(--colorBrandForegroundLink)' }, // links of the router look like Fluent's
  'a:hover': { color: 'var(--colorBrandForegroundLinkHover)' },
  '.fui-Badge': { whiteSpace: 'nowrap' },
  '@media (prefers-reduced-motion: reduce)': {
    '*, ::before, ::after': {
      animationDuration: '0.01ms !important',
      animationIterationCount: '1 !important',
      transitionDuration: '0.01ms !important',
    },
  },
});

const GlobalStyles = () => {
  useGlobalStyles();
  return null;
};

const Themed = () => {
  const { dark } = usePreferences();
  // also for what the browser draws itself: scroll bars, the pickers of dates and times, the page behind ours
  useEffect(() => {
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
  }, [dark]);
  return (
    <RendererProvider renderer={renderer} targetDocument={document}>
      <GlobalStyles />
      <FluentProvider theme={dark ? webDarkTheme : webLightTheme}>
        <Crash>
          <Suspense fallback={null}>
            <MessagesProvider>
              <Router base={BASE}>
                <Shell />
              </Router>
              <Toaster toasterId={TOASTER} position="bottom-end" />
            </MessagesProvider>
          </Suspense>
        </Crash>
      </FluentProvider>
    </RendererProvider>
  );
};

export const App = () => (
  <QueryClientProvider client={queryClient}>
    <PreferencesProvider>
      <Themed />
    </PreferencesProvider>
  </QueryClientProvider>
);
