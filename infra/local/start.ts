import { existsSync } from 'node:fs';
import path from 'node:path';
import { createApiClient } from './api-client';
import { parseArguments, type StartOptions, usage, UsageError } from './arguments';
import { type Cloud, LOCAL_FUNCTION_KEY, startCloud } from './cloud';
import { openDataFolder, watchDisk } from './data-folder';
import { countMembers, createFirstRun, ensureList } from './first-run';
import { takePort } from './ports';
import { createProgress, resultJson, resultTable } from './progress';
import { chooseSegment, dataverseSegments, noteSegments, readManifest, seedSegments } from './segments';
import { troubleOf } from './trouble';

/** `npm start`: the local cloud, then a first run through the HTTP API. README tells the whole. */
const root = path.resolve(__dirname, '../../..');
const PORT_PATIENCE_MS = 3_000;
const INTERRUPTED = 130;

class Interrupted extends Error {}

const progress = createProgress({
  write: (text) => void process.stdout.write(text),
  isTerminal: process.stdout.isTTY === true,
  columns: process.stdout.columns,
});
const say = progress.say;

let cloud: Cloud | undefined;

/** The first signal ends everything in order, the second one at once. */
const listenToSignals = (ending: AbortController): void => {
  process.on('exit', () => cloud?.kill());
  process.stdout.on('error', () => ending.abort(new Interrupted()));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (ending.signal.aborted) process.exit(INTERRUPTED);
      ending.abort(new Interrupted());
    });
  }
};

const whereThingsAre = (exportId: string): string => {
  const { api, klaviyo, functions } = cloud!;
  const portal = functions.includes('portal') ? [`  Portal          ${api.replace(/api$/, 'portal')}`] : [];
  const keyed = functions.some((name) => name.startsWith('system'))
    ? [
        `  By function key ${api}/system`,
        `                  curl -X POST -H 'x-functions-key: ${LOCAL_FUNCTION_KEY}' ${api}/system/exports/${exportId}/run`,
      ]
    : [];
  return [
    'The local cloud stays up; Ctrl+C ends it.',
    ...portal,
    `  API             ${api}`,
    `                  curl ${api}/exports`,
    `                  curl -X POST ${api}/exports/${exportId}/run`,
    ...keyed,
    `  Klaviyo sandbox ${klaviyo}`,
  ].join('\n');
};

/** @throws UsageError */
const sourceKind = (): 'cdm-folder' | 'dataverse' => {
  const kind = process.env.SOURCE_KIND ?? 'cdm-folder';
  if (kind === 'cdm-folder' || kind === 'dataverse') return kind;
  throw new UsageError('SOURCE_KIND is cdm-folder or dataverse.');
};

/** @returns whether the run was successful */
const work = async (options: StartOptions, ending: AbortController): Promise<boolean> => {
  const { signal } = ending;
  const { dataDir, appDir } = options;
  if (appDir !== undefined && !existsSync(path.join(appDir, 'host.json'))) {
    throw new Error(`There is no app in ${appDir}, as it has no host.json; npm run package makes one in dist/package/app.`);
  }
  await openDataFolder(dataDir, { reset: options.reset });
  watchDisk(dataDir, (error) => ending.abort(error));
  const { chosen, wanted } = chooseSegment(options, Object.keys(readManifest(dataDir).segments));
  const fromDataverse = sourceKind() === 'dataverse';
  const port = await takePort(options.port, { patienceMs: PORT_PATIENCE_MS, signal });

  say(`Starting the local cloud; data and logs in ${path.relative(process.cwd(), dataDir) || '.'}`);
  cloud = await startCloud({
    dataDir,
    appDir: appDir ?? root,
    sealed: appDir !== undefined,
    port,
    ...(fromDataverse ? { dataverse: dataverseSegments(wanted, Object.keys(readManifest(dataDir).segments)) } : {}),
    signal,
    say,
    onDeath: (error) => ending.abort(error),
    prepare: async ({ storage, klaviyo }) => {
      for (const segment of wanted) await ensureList(klaviyo, segment, { signal });
      if (fromDataverse) return noteSegments(wanted, { dataDir });
      const written = await seedSegments(wanted, { connectionString: storage, dataDir, now: new Date(), signal });
      if (written.length > 0) say(`Sample segments written as Customer Insights does: ${written.join(', ')}`);
    },
  });
  say(`API ${cloud.api}, Klaviyo sandbox ${cloud.klaviyo}${fromDataverse ? ', segments from a Dataverse stand-in' : ''}`);

  const api = createApiClient(`http://127.0.0.1:${port}/api`);
  const firstRun = createFirstRun({ api, segment: chosen, fromDataverse, signal });
  const { exportId, run: begun, isContinued } = await firstRun.begin();
  say(`${isContinued ? 'Going on with' : 'Run'} ${begun.id} of the export "${firstRun.exportName}"`);
  const run = await firstRun.follow(begun.id, (seen) => progress.show(seen, { rows: chosen.rows, nowMs: performance.now() }));
  progress.end();

  const onList = await countMembers(cloud.klaviyo, chosen.listId, { signal });
  const now = new Date();
  say(`\n${resultTable(run, { segment: chosen, onList, now })}\n`);
  if (options.once) {
    const rssMb = cloud.peakMemoryMb();
    await cloud.close();
    say(JSON.stringify(resultJson(run, { onList, rssMb, now })));
    return run.state === 'successful';
  }
  say(whereThingsAre(exportId));
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  if (!(signal.reason instanceof Interrupted)) throw signal.reason;
  await cloud.close();
  return true;
};

const main = async (): Promise<number> => {
  const options = parseArguments(process.argv.slice(2), { cwd: process.env.INIT_CWD ?? process.cwd(), root });
  if (options === 'help') {
    say(usage);
    return 0;
  }
  const ending = new AbortController();
  listenToSignals(ending);
  try {
    return (await work(options, ending)) ? 0 : 1;
  } catch (error) {
    progress.end();
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    if (!(reason instanceof Interrupted)) console.error(troubleOf(reason, options));
    await cloud?.close();
    return reason instanceof Interrupted ? INTERRUPTED : 1;
  }
};

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    console.error(error instanceof UsageError ? `${error.message}\n\n${usage}` : error);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
