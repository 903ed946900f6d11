import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startSurroundings } from './support/start-surroundings';
import { openBrowser } from './support/visitors';
import type { Visit } from './support/visitors';
import type { World } from './support/world';

/** `npm run screenshots`: the pictures of the README, taken of the local cloud that the browser tests use. */
const folder = path.resolve(__dirname, '../../..', 'infra/portal/screenshots');
const MOST_BYTES = 60 * 1024;

interface Picture {
  readonly name: string;
  readonly path: (world: World) => string;
  readonly visit?: Visit;
}

const pictures: readonly Picture[] = [
  { name: 'exports', path: () => '/exports' },
  { name: 'export', path: ({ exports: { mirror } }) => `/exports/${mirror}` },
  { name: 'edit-export', path: ({ exports: { loyalty } }) => `/exports/${loyalty}/edit?step=segments` },
  { name: 'run', path: ({ runs: { rejected } }) => `/runs/${rejected}` },
  { name: 'run-dark', path: ({ runs: { running } }) => `/runs/${running}`, visit: { theme: 'dark' } },
  { name: 'exports-narrow', path: () => '/exports', visit: { language: 'fr', width: 390, height: 844 } },
];

/** Chromium itself makes WebP, which takes half of what PNG does. @throws Error where a picture is too large for a README */
const main = async (): Promise<void> => {
  mkdirSync(folder, { recursive: true });
  const { origin, world, close } = await startSurroundings();
  const browser = await openBrowser(origin);
  try {
    for (const { name, path: pathOf, visit } of pictures) {
      const visitor = await browser.visit(visit);
      await visitor.open(pathOf(world));
      const devTools = await visitor.context.newCDPSession(visitor.page);
      const { data } = await devTools.send('Page.captureScreenshot', { format: 'webp', quality: 70 });
      const picture = Buffer.from(data, 'base64');
      if (picture.length > MOST_BYTES) throw new Error(`${name}: ${picture.length} bytes are more than ${MOST_BYTES}`);
      writeFileSync(path.join(folder, `${name}.webp`), picture);
      console.log(`${name}.webp: ${(picture.length / 1_024).toFixed(1)} KB`);
      await visitor.leave();
    }
  } finally {
    await browser.close();
    await close();
  }
};

void main();
