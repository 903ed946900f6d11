// Where a Chromium is on this machine, and how one is brought: `node infra/chromium.mjs` prints its path, or nothing and exit code 1.
// Needs nothing but Node 20, as the set-up uses it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Debian's package takes 12 s; a mirror that does not answer must not hold up the tests for ever. */
const installPatienceMs = 4 * 60_000;

const onPath = (name) =>
  (process.env.PATH ?? '').split(path.delimiter).flatMap((folder) => (folder === '' ? [] : [path.join(folder, name)]));

/** In the order in which they are tried. */
const places = () => {
  const asked = process.env.CHROMIUM_PATH;
  if (asked) return [asked]; // whoever names one means that one
  switch (process.platform) {
    case 'win32':
      return ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA']
        .flatMap((name) => process.env[name] ?? [])
        .flatMap((folder) => [
          path.join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe'),
          path.join(folder, 'Chromium', 'Application', 'chrome.exe'),
          path.join(folder, 'Microsoft', 'Edge', 'Application', 'msedge.exe'),
        ]);
    case 'darwin':
      return ['', os.homedir()].flatMap((folder) =>
        ['Google Chrome', 'Chromium', 'Microsoft Edge'].map((name) => `${folder}/Applications/${name}.app/Contents/MacOS/${name}`),
      );
    default:
      return ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'].flatMap((name) => [
        `/usr/bin/${name}`,
        ...onPath(name),
      ]);
  }
};

/** @returns the path of a Chromium, Chrome or Edge, or undefined. CHROMIUM_PATH in the environment goes before all other places. */
export const findChromium = () => places().find((file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile());

/** True on a CI machine where we may do so without asking: root, with Debian's package manager. */
export const canInstallChromium = () =>
  ['true', '1'].includes(process.env.CI ?? '') &&
  !process.env.CHROMIUM_PATH &&
  process.platform === 'linux' &&
  process.getuid() === 0 &&
  onPath('apt-get').some((file) => fs.existsSync(file));

/**
 * Installs Debian's Chromium; everything that apt-get says goes into the log file.
 * @returns undefined, or a sentence that says what went wrong
 */
export const installChromium = (logFile) =>
  new Promise((resolve) => {
    const log = fs.openSync(logFile, 'w');
    // a list that cannot be renewed need not be the one that has it
    const command = 'apt-get update; apt-get install -y --no-install-recommends chromium';
    const child = spawn('sh', ['-c', command], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', log, log],
      detached: true,
    });
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      process.kill(-child.pid, 'SIGKILL');
    }, installPatienceMs);
    const end = (how) => {
      clearTimeout(timer);
      fs.closeSync(log);
      if (findChromium()) return resolve(undefined);
      const lastLines = fs.readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
      resolve(`Chromium could not be installed (${isLate ? `not done after ${installPatienceMs / 60_000} minutes` : how}):\n${lastLines}`);
    };
    child.once('error', (error) => end(error.message));
    child.once('exit', (code) => end(`apt-get ended with exit code ${code}`));
  });

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = findChromium();
  if (found) process.stdout.write(`${found}\n`);
  else process.exitCode = 1;
}
