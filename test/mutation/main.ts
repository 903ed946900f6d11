import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LEAST_CAUGHT, parts, strykerConfig, type Part } from './parts';
import { sumUp } from './report';

const HELP = `npm run mutation -- [client] [sandbox] [options]
Changes one thing at a time in the client's table of answers and in the rules of the Klaviyo sandbox, and sees whether a test notices.
  --concurrency N   programs that are tried side by side (2)
  --incremental     keeps what is known from the last time, also of one that was interrupted: only what changed is tried
Exit code 1: fewer than ${LEAST_CAUGHT * 100} of 100 were noticed; 2: it could not be told.`;

/** Not among the project's own packages: nobody who installs it to work on it should wait for them. */
const STRYKER = ['@stryker-mutator/core', '@stryker-mutator/jest-runner'].map((name) => ({ name, version: '10.0.0' }));
const root = path.resolve(__dirname, '../../..');
const folder = '.local/mutation';
const at = (...names: string[]): string => path.join(root, folder, ...names);

/** Runs a program to its end; what it says is shown. @returns its exit code */
const run = (command: string, args: readonly string[], cwd: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], shell: process.platform === 'win32' });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 2));
  });

const isThere = ({ name, version }: (typeof STRYKER)[number]): boolean => {
  const file = at('node_modules', name, 'package.json');
  return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version === version;
};

/** Brings Stryker into a folder of its own; jest is the project's. @throws Error when npm cannot */
const bringStryker = async (): Promise<void> => {
  if (STRYKER.every(isThere)) return;
  mkdirSync(at(), { recursive: true });
  const wanted = STRYKER.map(({ name, version }) => `${name}@${version}`);
  const quiet = ['--no-save', '--no-package-lock', '--legacy-peer-deps', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await run('npm', ['install', '--prefix', at(), ...quiet, ...wanted], at());
  if (code !== 0 || !STRYKER.every(isThere)) throw new Error(`npm could not bring ${wanted.join(' and ')} (exit code ${code})`);
};

const mutate = async (part: Part, options: { concurrency: number; incremental: boolean }): Promise<boolean> => {
  writeFileSync(at(`${part.name}.stryker.json`), JSON.stringify(strykerConfig(part, { folder, ...options }), undefined, 2));
  const program = at('node_modules/@stryker-mutator/core/bin/stryker.js');
  const code = await run(process.execPath, [program, 'run', `${folder}/${part.name}.stryker.json`], root);
  if (code !== 0) throw new Error(`Stryker ended with exit code ${code}`);
  const { mutants, caught, survivors } = sumUp(JSON.parse(readFileSync(at(`${part.name}.json`), 'utf8')));
  const share = caught / mutants;
  for (const survivor of survivors) console.log(`  ${survivor}`);
  console.log(`${part.name}: ${caught} of ${mutants} changed programs were noticed, ${(share * 100).toFixed(1)} %`);
  return share >= LEAST_CAUGHT;
};

const main = async (): Promise<number> => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { concurrency: { type: 'string', default: '2' }, incremental: { type: 'boolean', default: false }, help: { type: 'boolean' } },
  });
  const unknown = positionals.find((name) => !parts.some((part) => part.name === name));
  const concurrency = Number(values.concurrency);
  if (values.help || unknown !== undefined || !Number.isInteger(concurrency) || concurrency < 1) {
    console.log(HELP);
    return values.help ? 0 : 2;
  }
  await bringStryker();
  const verdicts: boolean[] = [];
  for (const part of parts.filter(({ name }) => positionals.length === 0 || positionals.includes(name)))
    verdicts.push(await mutate(part, { concurrency, incremental: values.incremental }));
  console.log(`The reports can be read in a browser: ${folder}/client.html, ${folder}/sandbox.html`);
  return verdicts.every(Boolean) ? 0 : 1;
};

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  },
);
