import { askEarly } from './api/early';
import { languageOf, readPreferences } from './shell/saved-preferences';

/*
 * The small script in the head of the page, run before anything is loaded. It knows what will be needed, so that nothing waits for
 * something else first: the messages, the page's own code, who is signed in, and the rows of the home page all come at once.
 */

/** What the home page asks for first. */
const HOME = ['/api/exports?size=100'];

const preload = (files: readonly string[] = []): void => {
  for (const file of files) {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = file;
    document.head.append(link);
  }
};

const { pathname, search } = location;
const asked = pathname.replace(/^\/portal\/?/, '/');
const path = asked === '/' ? '/exports' : asked;
const parts = path.split('/');
const fits = (pattern: string): boolean => {
  const wanted = pattern.split('/');
  return wanted.length === parts.length && wanted.every((part, at) => part.startsWith(':') || part === parts[at]);
};

if (path !== '/signed-in') {
  askEarly('/api/me');
  if (path === '/exports' && search === '') HOME.forEach(askEarly);
  preload(EARLY.languages[readPreferences().language ?? languageOf(navigator.languages)]);
  preload(EARLY.pages.find(([pattern]) => fits(pattern))?.[1]);
}
