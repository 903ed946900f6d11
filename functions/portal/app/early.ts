import { askEarly } from './api/early';
import { languageOf, readPreferences } from './shell/saved-preferences';

/*
 * The small script in the head of the page, run before anything is loaded. It knows what will be needed, so that nothing waits for
 * something else first: the messages, the page's own code, who is signed in, and the rows of the home page all come at once.
 */

/** What the home page asks for first. */
const HOME = ['/api/exports?activity=active&size=200', '/api/exports?size=100'];

const preload = (files: readonly string[] = []): void => {
  for (const file of files) {
    const link = document.createElement('link');
    link.rel = 'modulepreload';
    link.href = file;
    document.head.append(link);
  }
};

/** The page's own code could not be had, e.g. as the app was being updated at that moment: say so, as nothing else here can. */
addEventListener(
  'error',
  ({ target }) => {
    const root = document.getElementById('root');
    if (!(target instanceof HTMLScriptElement) || root === null || root.hasChildNodes()) return;
    const french = navigator.language.startsWith('fr');
    const message = document.createElement('p');
    message.setAttribute('role', 'alert');
    message.textContent = french ? 'Cette page n’a pas pu être chargée. ' : 'This page could not be loaded. ';
    const again = document.createElement('a');
    again.href = location.href;
    again.textContent = french ? 'Réessayer' : 'Try again';
    message.append(again);
    root.append(message);
  },
  { capture: true },
);

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
