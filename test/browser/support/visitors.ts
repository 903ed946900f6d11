import type { Browser, BrowserContext, Page, Request } from 'playwright-core';
import type { LocalRole } from '../../../infra/local/auth/app-service-authentication';
import { launchChromium } from './chromium';

export interface Visit {
  /** who comes; default Administrator */
  readonly role?: LocalRole;
  readonly language?: 'en' | 'fr';
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
  /** what this visitor is meant to run into: texts of console messages, failed requests, answers above 399, as they are reported */
  readonly expects?: readonly RegExp[];
}

const locales = { en: 'en-GB', fr: 'fr-FR' } as const;
/** No request for so long, and the page is what it will be. */
const QUIET_MS = 120;
const PATIENCE_MS = 20_000;

/** Chromium's own words for an answer above 399; the answer itself is reported with its address. */
const isEcho = (text: string): boolean => text.startsWith('Failed to load resource');

/** Notes everything that no page of ours may do: errors, policy violations, requests that fail or go elsewhere. */
const watch = (context: BrowserContext, origin: string) => {
  const troubles: string[] = [];
  const open = new Set<Request>();
  let lastAt = performance.now();
  const ended = (request: Request): void => {
    open.delete(request);
    lastAt = performance.now();
  };
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !isEcho(message.text())) troubles.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => troubles.push(`exception: ${error.error().stack ?? error.error().message}`));
  context.on('request', (request) => {
    const { protocol } = new URL(request.url());
    if (['data:', 'blob:'].includes(protocol)) return;
    open.add(request);
    lastAt = performance.now();
    if (new URL(request.url()).origin !== origin) troubles.push(`request to somebody else: ${request.url()}`);
  });
  context.on('requestfinished', ended);
  context.on('requestfailed', (request) => {
    ended(request);
    const why = request.failure()?.errorText ?? 'no reason';
    // a page that is left takes its requests with it
    if (why !== 'net::ERR_ABORTED') troubles.push(`request failed: ${request.method()} ${request.url()} ${why}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400)
      troubles.push(`answer ${response.status()}: ${response.request().method()} ${new URL(response.url()).pathname}`);
  });
  return { troubles, isQuiet: () => open.size === 0 && performance.now() - lastAt > QUIET_MS };
};

/** A person at a browser of their own. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Opens a page of the portal, and waits until it has loaded what it shows. */
  open(path: string): Promise<void>;
  /** Waits until the page asks for nothing more, shows no placeholder and has its heading. */
  settle(): Promise<void>;
  /** Another person at the same browser: the local cloud's own way to sign in. */
  become(role: LocalRole): Promise<void>;
  /** Ends the visit. @throws Error with everything that went wrong unexpectedly */
  leave(): Promise<void>;
}

/** One Chromium, and visitors with a fresh profile each. */
export const openBrowser = async (origin: string) => {
  const browser: Browser = await launchChromium();
  const visitors = new Set<Visitor>();

  const visit = async ({
    role = 'Administrator',
    language = 'en',
    theme = 'light',
    width = 1_280,
    height = 800,
    expects = [],
  }: Visit = {}): Promise<Visitor> => {
    const context = await browser.newContext({
      baseURL: origin,
      locale: locales[language],
      timezoneId: 'Europe/Paris',
      colorScheme: theme,
      reducedMotion: 'reduce',
      viewport: { width, height },
    });
    context.setDefaultTimeout(PATIENCE_MS);
    const watched = watch(context, origin);
    const become = (next: LocalRole) => context.addCookies([{ name: 'local-role', value: next, url: origin }]);
    await become(role);
    const page = await context.newPage();
    const settle = async (): Promise<void> => {
      await page.getByRole('heading', { level: 1 }).first().waitFor();
      const end = performance.now() + PATIENCE_MS;
      while (!watched.isQuiet() || (await page.locator('[aria-busy="true"]').count()) > 0) {
        if (performance.now() > end) throw new Error(`${page.url()} does not come to rest`);
        await page.waitForTimeout(30);
      }
    };
    const visitor: Visitor = {
      page,
      context,
      settle,
      become,
      open: async (path) => {
        await page.goto(`/portal${path}`);
        await settle();
      },
      leave: async () => {
        visitors.delete(visitor);
        await context.close();
        const unexpected = watched.troubles.filter((trouble) => !expects.some((expected) => expected.test(trouble)));
        if (unexpected.length > 0) throw new Error(`Something went wrong in the browser:\n${[...new Set(unexpected)].join('\n')}`);
      },
    };
    visitors.add(visitor);
    return visitor;
  };

  return {
    visit,
    /** Ends all visits. @throws Error with what went wrong unexpectedly in any of them */
    leaveAll: async (): Promise<void> => {
      const ends = await Promise.allSettled([...visitors].map((visitor) => visitor.leave()));
      const failed = ends.find((end) => end.status === 'rejected');
      if (failed) throw failed.reason;
    },
    close: () => browser.close(),
  };
};
