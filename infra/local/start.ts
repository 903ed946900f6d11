import path from 'node:path';
import { type StartOptions, UsageError, parseArguments, usage } from './arguments';
import { type Cloud, startCloud } from './cloud';
import { openDataFolder } from './data-folder';
import { countMembers, createApi, ensureList, exportOf, followRun, startRun } from './first-run';
import { takePort } from './ports';
import { createProgress, resultTable } from './progress';
import { chooseSegment, readManifest, seedSegments } from './segments';

/** The project's root: this file runs as dist/infra/local/start.js. */
const root = path.resolve(__dirname, '..', '..', '..');
const PORT_PATIENCE_MS = 10_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Starts the local cloud, brings one segment to its list, and tells what came of it. @returns whether the run was successful */
const firstRun = async (
  cloud: Cloud,
  { options, begunAt, signal }: { options: StartOptions; begunAt: number; signal: AbortSignal },
): Promise<boolean> => {
  const { chosen } = chooseSegment(options, Object.keys(readManifest(options.dataDir).segments));
  const api = createApi(cloud.api);
  const exportId = await exportOf(api, chosen, { signal });
  const { run, goesOn } = await startRun(api, exportId, { signal });
  say(
    `${goesOn ? 'An unfinished run goes on' : 'Running the export'}: segment ${chosen.name} to the Klaviyo list ${chosen.listName} (${chosen.listId}).`,
  );
  const progress = createProgress({ out: process.stdout, now: Date.now });
  const ended = await followRun(api, run, { show: progress.show, signal });
  progress.end();
  const onList = await countMembers(cloud.klaviyo, chosen.listId, { signal });
  const elapsedSeconds = (Date.parse(ended.endedAt ?? '') - Date.parse(ended.submittedAt)) / 1_000 || (Date.now() - begunAt) / 1_000;
  for (const line of resultTable(ended, { onList, elapsedSeconds })) say(line);
  if (options.once) {
    const { read, invalid, duplicates, unchanged, sent, unsent, accepted, rejected, open, removed, held, expected, found } = ended.counts;
    const counts = { read, invalid, duplicates, unchanged, sent, unsent, accepted, rejected, open, removed, held, expected, found };
    const rest = { throttled: ended.throttled, rssMb: cloud.peakMemoryMb() };
    lastLine = JSON.stringify({ state: ended.state, ...counts, onList, seconds: elapsedSeconds, phases: ended.phases, ...rest });
  }
  return ended.state === 'successful';
};

/** Printed when everything has ended, so that it is the last one. */
let lastLine: string | undefined;

const main = async (): Promise<number> => {
  const options = parseArguments(process.argv.slice(2), { cwd: process.env.INIT_CWD ?? process.cwd(), root });
  if (options === 'help') {
    say(usage);
    return 0;
  }
  const begunAt = Date.now();
  const ending = new AbortController();
  const { signal } = ending;
  let cloud: Cloud | undefined;
  let interrupts = 0;
  const interrupt = (): void => {
    interrupts += 1;
    if (interrupts > 1) {
      cloud?.kill();
      process.exit(130);
    }
    ending.abort(new Error('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);

  try {
    await openDataFolder(options.dataDir, { reset: options.reset });
    const { chosen, wanted } = chooseSegment(options, Object.keys(readManifest(options.dataDir).segments));
    const port = await takePort(options.port, { patienceMs: PORT_PATIENCE_MS, signal });
    say('Starting storage, vault, Klaviyo sandbox and the app …');
    cloud = await startCloud({
      dataDir: options.dataDir,
      appDir: root,
      port,
      prepare: async ({ storage, klaviyo }) => {
        const written = await seedSegments(wanted, { connectionString: storage, dataDir: options.dataDir, now: new Date(), signal });
        if (written.length > 0) say(`Wrote the sample segments ${written.join(', ')}.`);
        await ensureList(klaviyo, chosen, { signal });
      },
      say,
      onDeath: (error) => ending.abort(error),
      signal,
    });
    const successful = await firstRun(cloud, { options, begunAt, signal });
    if (options.once) return successful ? 0 : 1;
    say('');
    say(`API             ${cloud.api}  (try: curl ${cloud.api}/exports)`);
    say(`Klaviyo sandbox ${cloud.klaviyo}  (lists, jobs and requests as a page)`);
    say('Everything stays up; Ctrl+C ends it, and the next start goes on with the same data.');
    await new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));
    return 0;
  } catch (error) {
    if (interrupts > 0) return options.once ? 130 : 0;
    throw signal.aborted ? (signal.reason as Error) : error;
  } finally {
    await cloud?.close();
  }
};

main().then(
  (code) => {
    if (lastLine !== undefined) say(lastLine);
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof UsageError ? `${error.message}\n${usage}` : (error as Error).message}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
