import { parseArgs } from 'node:util';
import { endWithParent } from '../parent-watch';
import type { Processing } from './options';
import { startKlaviyoSandbox } from './server';

const usage = `npm run klaviyo -- [options]
  --port N              where it listens, on 127.0.0.1 (7080); 0 takes a free port
  --data DIR            keeps accounts, profiles, lists and jobs in this folder; without it they are gone at the end
  --rows-per-second N   rows of jobs an account gets through (100000)
  --jobs-per-second N   jobs an account takes in hand (no bound)
  --start-delay MS      how long a job waits in queued at least (300)
  --latency MS          added to each answer (0)
  --instant             jobs are complete when they are admitted
  --no-limits           no rate windows
  --lenient             the milder reading where public sources conflict
  --seed N              the same seed makes the same ids, orders and faults`;

const numberOf = (name: string, text: string | undefined, least: number): number | undefined => {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= least) return value;
  throw new Error(`--${name} takes a number of at least ${least}, not "${text}"`);
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', default: false },
      port: { type: 'string', default: '7080' },
      'rows-per-second': { type: 'string' },
      'jobs-per-second': { type: 'string' },
      'start-delay': { type: 'string' },
      latency: { type: 'string' },
      seed: { type: 'string' },
      data: { type: 'string' },
      instant: { type: 'boolean', default: false },
      lenient: { type: 'boolean', default: false },
      'no-limits': { type: 'boolean', default: false },
      'parent-watch': { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  if (values['parent-watch']) endWithParent();
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port takes a number from 0 to 65535, not ${values.port}`);
  const rowsPerSecond = numberOf('rows-per-second', values['rows-per-second'], 1);
  const jobsPerSecond = numberOf('jobs-per-second', values['jobs-per-second'], 0.001);
  const startDelayMs = numberOf('start-delay', values['start-delay'], 0);
  const pace: Partial<Processing> = {
    ...(rowsPerSecond !== undefined && { rowsPerSecond }),
    ...(jobsPerSecond !== undefined && { jobsPerSecond }),
    ...(startDelayMs !== undefined && { startDelayMs }),
  };
  if (values.instant && Object.keys(pace).length > 0) throw new Error('--instant leaves no room for a speed: give the one or the other');
  const seed = numberOf('seed', values.seed, 0);
  const running = await startKlaviyoSandbox({
    ...{ port, limits: !values['no-limits'], rules: values.lenient ? 'lenient' : 'strict' },
    latencyMs: numberOf('latency', values.latency, 0) ?? 0,
    ...(seed !== undefined && { seed }),
    processing: values.instant ? 'instant' : pace,
    onFatal: (error) => {
      console.error(error.message);
      process.exit(1);
    },
    ...(values.data !== undefined && { dataDir: values.data }),
  });
  const keys = [...running.sandbox.state.accounts.values()].flatMap((account) => [...account.keys.keys()]);
  console.log(`Klaviyo sandbox listens on ${running.url} with the keys ${keys.join(' ')}`);
  const stop = (): void => {
    running.close().then(
      () => process.exit(0),
      (error: Error) => {
        console.error(error.message);
        process.exit(1);
      },
    );
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
};

main().catch((error: NodeJS.ErrnoException) => {
  console.error(error.code === 'EADDRINUSE' ? 'That port is taken: choose another one with --port N' : error.message);
  process.exitCode = 1;
});
