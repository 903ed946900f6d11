import path from 'node:path';
import { parseArgs } from 'node:util';
import { FLAVOURS } from './plan';
import { runMatrix } from './matrix';
import type { MatrixReport } from './matrix';

const usage = `npm run crash -- [options]
  --kills N   how many processes are killed with -9 (200)
  --seed S    the plan of the kills follows from it (a new one each time)
  --apps N    processes of the app side by side (5)
  --minutes N when to give up (30)`;

/** From so many kills on all is looked at. */
const FULL = 50;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const wholeNumber = (name: string, text: string, min: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min) throw new Error(`--${name} takes a whole number from ${min}, not "${text}".\n${usage}`);
  return value;
};

const table = ({ hits, standstillMedianS, standstillWorstS }: MatrixReport): void => {
  say(`\n${'killed in'.padEnd(12)}${FLAVOURS.map((flavour) => flavour.padStart(8)).join('')}`);
  for (const [stage, counts] of Object.entries(hits)) {
    say(`${stage.padEnd(12)}${FLAVOURS.map((flavour) => String(counts[flavour]).padStart(8)).join('')}`);
  }
  say(`a killed run was followed after ${standstillMedianS} s (median), ${standstillWorstS} s (worst)\n`);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      seed: { type: 'string' },
      apps: { type: 'string', default: '5' },
      minutes: { type: 'string', default: '30' },
      'parent-watch': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return say(usage);
  const [kills, apps, minutes] = [
    wholeNumber('kills', values.kills, 0),
    wholeNumber('apps', values.apps, 1),
    wholeNumber('minutes', values.minutes, 1),
  ];
  const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : wholeNumber('seed', values.seed, 0);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new Error('stopped by hand'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  // the parent holds the other end of our standard input: when that closes, it has died
  if (values['parent-watch']) process.stdin.on('error', onSignal).on('close', onSignal).resume().unref();
  const timer = setTimeout(() => stop.abort(new Error(`not done within ${minutes} minutes`)), minutes * 60_000);
  say(`seed ${seed}: ${kills} kills among ${apps} processes`);
  try {
    const report = await runMatrix({
      ...{ kills, seed, apps, say, signal: stop.signal },
      // a short one is for the tests: no run loses more than two runners, and nobody waits for what cannot come any more
      ...(kills >= FULL ? { killsPerRun: 3, thorough: true } : { killsPerRun: 2, thorough: false }),
      root: path.resolve(__dirname, '../../..'),
    });
    table(report);
    say(JSON.stringify(report));
    const { lost, wronglyRemoved, leftBehind, sumsBroken, other } = report;
    if (lost + wronglyRemoved + leftBehind + sumsBroken + other > 0) process.exitCode = 1;
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
};

main().catch((error: unknown) => {
  const { message, cause } = error as Error;
  process.stderr.write(`${message}${cause instanceof Error ? ` (${cause.message})` : ''}\n`);
  process.exitCode = 1;
});
