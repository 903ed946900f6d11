import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const root = path.resolve(__dirname, '../../..').replace(/[\\/]dist$/, '');

/** The set-up script knows where browsers are; it is no module that jest could load. */
const find = (): string | undefined => {
  const { status, stdout } = spawnSync(process.execPath, [path.join(root, 'infra/chromium.mjs')], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
};

/** A sentence, where the set-up was to install Chromium and could not: the tests are red then, not skipped. */
export const chromiumTrouble = process.env.CHROMIUM_TROUBLE;
export const chromiumPath = find();
export const NO_CHROMIUM = 'there is no Chromium, Chrome or Edge here; install one, or name it in CHROMIUM_PATH';

/** Without the switches Chromium speaks with its maker's servers. */
const SWITCHES = ['--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

export const launchChromium = (): Promise<Browser> => chromium.launch({ executablePath: chromiumPath, args: SWITCHES });
