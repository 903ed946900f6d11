import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { nodeOptions } from '../../infra/local/node-options';
import { startAzurite } from '../../infra/local/storage/azurite';
import { buildPackage } from '../../infra/package/build';
import { startApplicationInsights } from '../support/application-insights';
import { runProgram } from './children';
import { type Figure, ratio, single, toJson, toTable } from './figures';
import { median } from './measure';
import { writePart } from './page';
import type { ColdStartReport, ColdStartTask } from './protocol';

/** `npm run bench -- --cold-start`: what packing the app is worth to the first who asks a new instance. */
export interface ColdStartBenchOptions {
  readonly quick: boolean;
  readonly write: boolean;
}

const root = path.resolve(__dirname, '../../..');

const MAPS = { NODE_OPTIONS: `${nodeOptions} --enable-source-maps` };

interface Variant {
  readonly title: string;
  readonly appDir: string;
  readonly env?: Readonly<Record<string, string>>;
}

export const benchColdStart = async ({ quick, write }: ColdStartBenchOptions, say: (text: string) => void): Promise<void> => {
  const rounds = quick ? 3 : 15;
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [azurite, insights, { sizes }] = await Promise.all([startAzurite(), startApplicationInsights(), buildPackage(root, folder)]);
  const certificate = path.join(folder, 'certificate.pem');
  writeFileSync(certificate, insights.cert);
  const packed = path.join(folder, 'app');
  const settings = {
    AzureWebJobsStorage: azurite.connectionString,
    KEY_VAULT_URL: 'https://vault.invalid',
    TENANT_ID: 'tenant',
    SOURCE_CONNECTION_STRING: azurite.connectionString,
    SOURCE_CONTAINER: 'lake',
    SOURCE_FOLDER: 'ci',
    NODE_OPTIONS: nodeOptions,
    NODE_EXTRA_CA_CERTS: certificate, // for those who send telemetry; for all, as reading it takes time
  };
  const telemetry = { APPLICATIONINSIGHTS_CONNECTION_STRING: insights.connectionString };
  const variants = {
    compiled: { title: 'as compiled, with node_modules', appDir: root },
    packed: { title: 'packed', appDir: packed },
    compiledTold: { title: 'as compiled, telemetry on', appDir: root, env: telemetry },
    packedTold: { title: 'packed, telemetry on', appDir: packed, env: telemetry },
    packedMaps: { title: 'packed, `--enable-source-maps`', appDir: packed, env: MAPS },
    packedCache: { title: 'packed, Node’s compile cache filled', appDir: packed, env: { NODE_COMPILE_CACHE: path.join(folder, 'cache') } },
  } satisfies Record<string, Variant>;
  type Name = keyof typeof variants;
  const names = Object.keys(variants) as Name[];

  const start = ({ appDir, env }: Variant): Promise<ColdStartReport> =>
    runProgram<ColdStartReport>('cold-start-app.js', { appDir } satisfies ColdStartTask, { ...settings, ...env });
  // makes tables and queues, fills the cache, and brings every file into memory: none of that is what is measured
  for (const name of names) await start(variants[name]);
  const reports = Object.fromEntries(names.map((name) => [name, [] as ColdStartReport[]])) as Record<Name, ColdStartReport[]>;
  for (let round = 1; round <= rounds; round += 1) {
    // in turns, so that what else the machine does meets all of them
    for (const name of names) reports[name].push(await start(variants[name]));
    const told = names.map((name) => `${name} ${reports[name].at(-1)!.answered.wallMs.toFixed(0)}`);
    say(`Round ${round} of ${rounds}, ms to the first answer: ${told.join(', ')}`);
  }
  await Promise.all([azurite.close(), insights.close()]);

  const of = (name: Name, moment: 'loaded' | 'answered' | 'worked', use: 'wallMs' | 'cpuMs' = 'wallMs'): number[] =>
    reports[name].map((one) => one[moment][use]);
  const figures: Figure[] = [
    ratio(
      { field: 'answeredRatio', title: 'Start of loading to the first HTTP answer: packed ÷ compiled', goal: { atMost: 0.7 }, digits: 2 },
      of('packed', 'answered'),
      of('compiled', 'answered'),
    ),
    ratio(
      { field: 'workedRatio', title: 'The same, and a queue message after it', goal: { atMost: 0.7 }, digits: 2 },
      of('packed', 'worked'),
      of('compiled', 'worked'),
    ),
    ratio({ field: 'loadedRatio', title: 'Loading alone', digits: 2 }, of('packed', 'loaded'), of('compiled', 'loaded')),
    ratio(
      { field: 'cpuRatio', title: 'CPU until the first answer', goal: { atMost: 0.7 }, digits: 2 },
      of('packed', 'answered', 'cpuMs'),
      of('compiled', 'answered', 'cpuMs'),
    ),
    ratio(
      { field: 'toldRatio', title: 'First answer with telemetry on', goal: { atMost: 0.7 }, digits: 2 },
      of('packedTold', 'answered'),
      of('compiledTold', 'answered'),
    ),
    ratio(
      { field: 'mapsRatio', title: 'Packed: with `--enable-source-maps` ÷ without', digits: 2 },
      of('packedMaps', 'answered'),
      of('packed', 'answered'),
    ),
    ratio(
      { field: 'cacheRatio', title: 'Packed: with Node’s compile cache filled ÷ without', digits: 2 },
      of('packedCache', 'answered'),
      of('packed', 'answered'),
    ),
    single({ field: 'packedMs', title: 'Packed: ms to the first answer', digits: 0 }, of('packed', 'answered')),
    single({ field: 'compiledMs', title: 'Compiled: ms to the first answer', digits: 0 }, of('compiled', 'answered')),
  ];
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const row = (name: Name): string => {
    const use = (moment: 'loaded' | 'answered' | 'worked') =>
      `${median(of(name, moment)).toFixed(0)} (${median(of(name, moment, 'cpuMs')).toFixed(0)})`;
    const memory = median(reports[name].map(({ rssMb }) => rssMb)).toFixed(0);
    return `| ${variants[name].title} | ${reports[name][0]!.files} | ${use('loaded')} | ${use('answered')} | ${use('worked')} | ${memory} |`;
  };
  const details = `| Medians | Files loaded | Loaded, ms (CPU) | First answer | and a message | Memory, MB |
| --- | --- | --- | --- | --- | --- |
${names.map(row).join('\n')}`;
  const table = `${toTable(figures)}\n\n${details}`;
  say(`\n${table}\n`);
  if (write)
    await writePart(`# Cold start

\`npm run bench -- --cold-start\` makes these figures (\`-- --quick\`: three rounds; \`-- --write\` writes this part of the page): ${rounds} new processes of
each kind that take turns on ${availableParallelism()} cores, Node ${process.versions.node}. The package: bundle ${megabytes(sizes.main)} MB, zip ${megabytes(sizes.zip)} MB, unpacked ${megabytes(sizes.unpacked)} MB.

${table}

- **Loading** is \`require\` of the app until every function is registered. **First answer** is \`GET /api/health\` after it, with the look at tables and
  queues that the app takes at its start; storage is Azurite on the same machine. **A message** is one for a run that is not there.
- What comes before is not in it: finding an instance, fetching the zip, starting host and worker. All files lie in memory already; from a
  disk or a mounted package each file that need not be opened saves more than here.
- Seconds of a busy machine say little; a quiet one is needed, but CPU ÷ CPU hardly changes.
- The same settings for all (\`NODE_OPTIONS\` of \`local.settings.sample.json\`). **Telemetry on** sends to a stand-in of
  Application Insights, and waits for it at the end of the message.
- **Node’s compile cache** (\`NODE_COMPILE_CACHE\`, a folder) is written when a process ends. A new instance has an empty one, and one that came with
  the package would fit this processor and this Node alone; so the app does not switch it on. As an app setting it helps a worker that
  starts again on the same instance.
`);
  say(toJson(figures));
};
