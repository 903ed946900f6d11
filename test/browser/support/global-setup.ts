import { chromiumPath } from './chromium';
import { startSurroundings } from './start-surroundings';
import { readSurroundings, tellSurroundings } from './surroundings';

/**
 * One local cloud for all browser tests, and none where there is no browser to show it to, or where one was told of already by whoever
 * keeps it up while writing tests. Jest calls this before the tests.
 */
export default async (): Promise<void> => {
  if (chromiumPath === undefined || readSurroundings() !== null) return;
  const { close, ...surroundings } = await startSurroundings();
  tellSurroundings(surroundings);
  (globalThis as { endBrowserTests?: () => Promise<void> }).endBrowserTests = close;
};
