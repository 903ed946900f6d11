import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sampleFolder } from '../../infra/local/sample/sample';
import { benchApi } from './api';
import { csvFilesOf } from './children';
import { csvParse, sdk, startCloud, startSandbox, startSink } from './cloud';
import { benchColdStart } from './cold-start';
import { costOf } from './cost';
import { type Figure, ratio, single, toJson, toTable, verdict, worst } from './figures';
import { median } from './measure';
import { writePart } from './page';
import { type Point, drawPicture } from './picture';
import { benchPortal } from './portal';
import type { OursReport, PeerReport } from './protocol';
import { benchSandbox } from './sandbox';
import { benchSource } from './source';
import { benchTelemetry } from './telemetry';

/**
 * `npm run bench`: time and memory as ratios against what others would use, on this machine, in fresh processes that take turns. A round
 * whose counts differ from the sample's manifest is void, and the bench then ends with an error.
 */
const usage = `npm run bench -- [options]
  --quick      100,000 rows, one round, less than a minute
  --rows N     rows (1000000)
  --rounds N   rounds (3)
  --write      writes its part of test/bench/README.md, and the picture
  --api        what a call of each route costs, with 1,000 exports and 100,000 runs in the tables
  --only NAMES with --api: these operations, by comma
  --portal     the pages in Chromium: cold load on a slow processor, scrolling with 1,000 exports
  --sandbox    the Klaviyo sandbox alone: 2,000,000 profiles (or --rows) in ten lists; with --everywhere all of them in each
  --cold-start a new instance: from loading the app to its first answer, packed by npm run package and as it is compiled
  --telemetry  what telemetry adds to a run
  --source     reading and mapping alone: from storage, from local files, from Dataverse`;

const LATENCY_MS = 300;
/** Import calls at Klaviyo's published burst limit are 100 ms apart. */
const CALL_EVERY_MS = 100;
const NOW = '2026-08-18T02:33:00Z';
const NEXT_DAY = '2026-08-19T02:33:00Z';
/** Exports that are started together, and how many instances of the app work on them. */
const TOGETHER = 10;
const INSTANCES = 4;
const SMALL_ROWS = 100;
/** Klaviyo's longer window. */
const WINDOW_MS = 60_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = (ms: number): string => (ms / 1_000).toFixed(2);

const voids: string[] = [];
const expect = (what: string, found: unknown, wanted: unknown): void => {
  if (found === wanted) return;
  voids.push(`${what}: ${String(found)} where the manifest says ${String(wanted)}`);
  say(`VOID ${voids.at(-1)}`);
};

/** Takes the time of a step for whoever watches. */
const step = async <T>(name: string, work: () => Promise<T>, tell: (result: T) => string = () => ''): Promise<T> => {
  const begun = performance.now();
  const result = await work();
  say(`  ${name}: ${tell(result)}${tell(result) ? '; ' : ''}${seconds(performance.now() - begun)} s with its start`);
  return result;
};
const tellOurs = ({ wallMs, phases, rssMb }: OursReport): string =>
  `${seconds(wallMs)} s (${Object.entries(phases)
    .map(([phase, use]) => `${phase} ${seconds(use.wallMs)}, CPU ${seconds(use.cpuMs)}`)
    .join('; ')}), ${rssMb.toFixed(0)} MB`;
const tellPeer = ({ wallMs, cpuMs, rssMb }: PeerReport): string => `${seconds(wallMs)} s, CPU ${seconds(cpuMs)}, ${rssMb.toFixed(0)} MB`;

const bench = async ({ quick, rows, rounds, write }: { quick: boolean; rows: number; rounds: number; write: boolean }): Promise<void> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [cloud, sink] = await Promise.all([startCloud(), startSink()]);
  const main = `Bench${rows}`;
  const sizes = quick ? [] : [rows / 10, (rows * 3) / 10, rows * 3];
  const growth = rows * (quick ? 2 : 10);
  const parts = Array.from({ length: TOGETHER }, (_, index) => ({
    name: `Part${index + 1}`,
    rows: rows / TOGETHER,
    firstPerson: (rows / TOGETHER) * index,
  }));

  const truth = await step('sample', () =>
    cloud.writeData({
      container: 'today',
      folder: path.join(folder, 'today'),
      segments: [{ name: main, rows, partitions: 10 }, { name: 'Small', rows: SMALL_ROWS }, ...(quick ? [] : parts)],
      generation: 0,
      refreshedAt: NOW,
    }),
  );
  const nextTruth = await step('sample of the next day', () =>
    cloud.writeData({ container: 'tomorrow', segments: [{ name: main, rows, partitions: 10 }], generation: 1, refreshedAt: NEXT_DAY }),
  );
  const files = csvFilesOf(path.join(folder, 'today', sampleFolder), main);
  const sourceBytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  say(`${rows.toLocaleString('en')} rows, ${(sourceBytes / 1e6).toFixed(0)} MB, ${files.length} partitions`);
  const { distinctValid } = truth[main]!;

  const csv: PeerReport[] = [];
  const script: PeerReport[] = [];
  const first: OursReport[] = [];
  const unchanged: OursReport[] = [];
  const mirror: OursReport[] = [];
  const delta: OursReport[] = [];
  const paced: OursReport[] = [];
  const small: OursReport[] = [];
  const throttled: number[] = [];
  const admission: number[] = [];
  const unchangedCalls: number[] = [];

  const firstRun = async (segment: string, wanted: number): Promise<OursReport> => {
    const run = await cloud.ours(sink.url, 'today', { create: { segments: [segment], membership: 'add' }, liftLimits: true });
    const { distinct, rows: landed } = await sink.landed();
    expect(`${segment}, addresses at the sink`, distinct, wanted);
    expect(`${segment}, profiles at the sink`, landed, wanted);
    expect(`${segment}, accepted`, run.counts.accepted, wanted);
    return run;
  };
  const scriptRun = async (name: string, from: readonly string[], wanted: number): Promise<PeerReport> => {
    const run = await sdk(from, sink.url);
    expect(`${name}, profiles of the script at the sink`, (await sink.landed()).rows, wanted);
    return run;
  };

  for (let round = 1; round <= rounds; round += 1) {
    say(`Round ${round} of ${rounds}`);
    csv.push(await step('csv-parse', () => csvParse(files), tellPeer));
    expect('csv-parse, rows', csv.at(-1)!.rows, truth[main]!.rows);
    first.push(await step('ours, first run', () => firstRun(main, distinctValid), tellOurs));
    script.push(await step('script with klaviyo-api', () => scriptRun(main, files, truth[main]!.rows), tellPeer));

    const { exportId } = first.at(-1)!;
    unchanged.push(await step('ours, nothing changed', () => cloud.ours(sink.url, 'today', { exportId, liftLimits: true }), tellOurs));
    expect('unchanged', unchanged.at(-1)!.counts.unchanged, distinctValid);
    unchangedCalls.push((await sink.landed()).jobs);

    const open = await startSandbox({ limits: false, latencyMs: 0 });
    const create = { segments: [main], membership: 'mirror' } as const;
    mirror.push(await step('ours, first run of a mirror', () => cloud.ours(open.url, 'today', { create, liftLimits: true }), tellOurs));
    expect('mirror, members', await open.members(), distinctValid);
    const follow = { exportId: mirror.at(-1)!.exportId, liftLimits: true };
    delta.push(await step('ours, 5 % joined, 2 % changed, 5 % left', () => cloud.ours(open.url, 'tomorrow', follow), tellOurs));
    const { plan, counts } = delta.at(-1)!;
    const { joiners, changed, leavers, distinctValid: after } = nextTruth[main]!;
    expect('joiners', plan.new, joiners);
    expect('changed', plan.changed, changed);
    expect('leavers', plan.leavers, leavers);
    expect('members after the removals', await open.members(), after + leavers - (counts.removed ?? 0));
    await open.stop();

    const startDelayMs = first.at(-1)!.jobs * 1.2 * CALL_EVERY_MS + 1_500;
    const strict = await startSandbox({ limits: true, latencyMs: LATENCY_MS, startDelayMs });
    const add = { segments: [main], membership: 'add' } as const;
    paced.push(await step('ours, honest limits and 300 ms', () => cloud.ours(strict.url, 'today', { create: add }), tellOurs));
    expect('under limits, members', await strict.members(), distinctValid);
    throttled.push(await strict.throttled());
    admission.push(await strict.admissionMs());
    await strict.stop();

    const few = { create: { segments: ['Small'], membership: 'add' }, times: 2, full: true } as const;
    small.push(await step('ours, 100 rows, warm', () => cloud.ours(sink.url, 'today', few), tellOurs));
    expect('100 rows, addresses at the sink', (await sink.landed()).distinct, truth.Small!.distinctValid);
  }

  say('Growth of prepare');
  const large = `Bench${growth}`;
  const largeTruth = await step('sample', () =>
    cloud.writeData({
      container: 'large',
      segments: [{ name: large, rows: growth, partitions: growth / (rows / 10) }],
      generation: 0,
      refreshedAt: NOW,
    }),
  );
  const prepareOnly = async (container: string, segment: string): Promise<OursReport> => {
    const create = { segments: [segment], membership: 'add' } as const;
    return step(`ours, prepare of ${segment}`, () => cloud.ours(sink.url, container, { create, dryRun: true }), tellOurs);
  };
  const lesser = await prepareOnly('today', main);
  const greater = await prepareOnly('large', large);
  expect('growth, members', greater.plan.members, largeTruth[large]!.distinctValid);

  const pictured: { ours: Point[]; script: Point[] } = { ours: [], script: [] };
  for (const size of sizes) {
    const name = `Bench${size}`;
    say(`${size.toLocaleString('en')} rows`);
    const container = `rows${size}`;
    const here = path.join(folder, container);
    const segments = [{ name, rows: size, partitions: 10 }];
    const own = await step('sample', () => cloud.writeData({ container, folder: here, segments, generation: 0, refreshedAt: NOW }));
    const wanted = own[name]!;
    const create = { segments: [name], membership: 'add' } as const;
    const run = await step('ours, first run', () => cloud.ours(sink.url, container, { create, liftLimits: true }), tellOurs);
    expect(`${name}, addresses at the sink`, (await sink.landed()).distinct, wanted.distinctValid);
    const other = await step('script with klaviyo-api', () => scriptRun(name, csvFilesOf(here, name), wanted.rows), tellPeer);
    rmSync(here, { recursive: true });
    pictured.ours.push({ rows: size, seconds: run.wallMs / 1_000, rssMb: run.rssMb });
    pictured.script.push({ rows: size, seconds: other.wallMs / 1_000, rssMb: other.rssMb });
  }

  const together: number[] = [];
  const alone: number[] = [];
  if (!quick) {
    say(`${TOGETHER} exports of one account together, ${INSTANCES} instances`);
    const strict = await startSink({ latencyMs: LATENCY_MS });
    const tell = ({ sinceRequestMs }: OursReport) => `${seconds(sinceRequestMs)} s`;
    const single = { segments: [main], membership: 'add' } as const;
    alone.push((await step('one export', () => cloud.ours(strict.url, 'today', { create: single }), tell)).sinceRequestMs);
    expect('one export, addresses at the sink', (await strict.landed()).distinct, distinctValid);
    await sleep(WINDOW_MS);
    const helpers = await Promise.all(Array.from({ length: INSTANCES - 1 }, () => cloud.helper(strict.url, 'today')));
    const create = { segments: parts.map(({ name }) => name), membership: 'add' } as const;
    together.push((await step(`${TOGETHER} exports`, () => cloud.ours(strict.url, 'today', { create }), tell)).sinceRequestMs);
    await Promise.all(helpers.map(({ stop }) => stop()));
    const landed = await strict.landed();
    say(`  ${landed.throttled} calls were answered 429`);
    const people = parts.reduce((sum, { name }) => sum + truth[name]!.distinctValid, 0);
    expect('together, addresses at the sink', landed.distinct, people);
    await strict.stop();
  }
  await Promise.all([cloud.close(), sink.stop()]);

  const wall = (runs: readonly { wallMs: number }[]) => runs.map(({ wallMs }) => wallMs);
  const phase = (runs: readonly OursReport[], name: string, use: 'wallMs' | 'cpuMs') => runs.map(({ phases }) => phases[name]?.[use] ?? 0);
  const floors = paced.map(({ jobs }) => (jobs - 1) * CALL_EVERY_MS + LATENCY_MS);
  const costs = paced.map((run) => costOf(run, sourceBytes));
  const exponent = Math.log(greater.phases.prepare!.cpuMs / lesser.phases.prepare!.cpuMs) / Math.log(growth / rows);
  const perMember = ((greater.rssMb - lesser.rssMb) * 1024 ** 2) / (Number(greater.plan.members) - Number(lesser.plan.members));
  const goal = (atMost: number, unit?: string) => ({ atMost, ...(unit ? { unit } : {}) });

  const figures: Figure[] = [
    ratio(
      { field: 'prepareVsCsvParse', title: 'CPU of prepare ÷ CPU of csv-parse with `columns: true`', goal: goal(0.7), digits: 3 },
      phase(first, 'prepare', 'cpuMs'),
      csv.map(({ cpuMs }) => cpuMs),
    ),
    ratio(
      { field: 'submitVsFloor', title: 'Submit under honest limits and 300 ms latency ÷ least time', goal: goal(1.1), digits: 3 },
      phase(paced, 'submit', 'wallMs'),
      floors,
    ),
    worst({ field: 'throttled', title: 'Calls answered 429 in it', goal: goal(0), digits: 0 }, throttled),
    ratio(
      { field: 'vsSdkWall', title: 'Whole run ÷ script with klaviyo-api, limits off', goal: goal(0.4), digits: 3 },
      wall(first),
      wall(script),
    ),
    ratio(
      { field: 'vsSdkMemory', title: 'Peak memory ÷ that script’s', goal: goal(0.65), digits: 3 },
      first.map(({ rssMb }) => rssMb),
      script.map(({ rssMb }) => rssMb),
    ),
    single(
      { field: 'rssMb', title: 'Peak memory', goal: goal(320, ' MB'), digits: 0 },
      first.map(({ rssMb }) => rssMb),
    ),
    single(
      {
        field: 'cpuExponent',
        title: `Growth of prepare’s CPU, ${rows / 1e6}M to ${growth / 1e6}M rows: exponent`,
        goal: goal(1),
        digits: 3,
      },
      [exponent],
    ),
    single({ field: 'bytesPerMember', title: 'Growth of its memory: bytes per extra member', goal: goal(60), digits: 1 }, [perMember]),
    ratio(
      { field: 'unchangedVsPrepare', title: 'Unchanged next run ÷ first run’s prepare', goal: goal(0.8), digits: 3 },
      wall(unchanged),
      phase(first, 'prepare', 'wallMs'),
    ),
    worst({ field: 'unchangedCalls', title: 'Import calls of it', goal: goal(0), digits: 0 }, unchangedCalls),
    worst(
      {
        field: 'deltaJobs',
        title: 'Import jobs of a mirror’s next run: 5 % joined, 2 % changed, 5 % left',
        goal: goal(Math.ceil((7 * rows) / 1e6)),
        digits: 0,
      },
      delta.map(({ jobs }) => jobs),
    ),
    ratio(
      { field: 'deltaVsPrepare', title: 'Its prepare ÷ the first run’s prepare', goal: goal(0.9), digits: 3 },
      phase(delta, 'prepare', 'wallMs'),
      phase(mirror, 'prepare', 'wallMs'),
    ),
    single(
      { field: 'lagP99Ms', title: 'Event-loop delay in prepare and submit, p99', goal: goal(25, ' ms'), digits: 1 },
      first.map(({ lagP99Ms }) => lagP99Ms),
    ),
    worst(
      { field: 'lagMaxMs', title: 'The same, longest', digits: 0 },
      first.map(({ lagMaxMs }) => lagMaxMs),
    ),
    single(
      { field: 'firstJobMs', title: '100 rows, warm: start of the invocation to first accepted job', goal: goal(500, ' ms'), digits: 0 },
      small.flatMap(({ firstJobMs }) => firstJobMs ?? []),
    ),
    single(
      { field: 'costUsd', title: 'Cost of a run at list prices, USD', goal: goal(0.015), digits: 4 },
      costs.map(({ usd }) => usd),
    ),
    ratio(
      { field: 'tenExportsRatio', title: `${TOGETHER} exports together ÷ one of the same total`, goal: goal(1.2), digits: 3 },
      together,
      alone,
    ),
  ];

  const table = toTable(figures);
  say(`\n${table}`);
  const [cost] = costs;
  say(`\nOf the latency, ${median(admission).toFixed(0)} ms an import call are the sandbox’s own.`);
  say(
    `Cost: ${cost!.gbSeconds.toFixed(1)} GB-s, ${cost!.reads} reads and ${cost!.writes} writes of storage, ${(paced[0]!.bodyBytes / 1e6).toFixed(1)} MB out: ` +
      Object.entries(cost!.parts)
        .map(([part, usd]) => `${part} ${usd.toFixed(5)}`)
        .join(', '),
  );
  if (quick) say('The goals are set for 1,000,000 rows: with fewer, what a run costs whatever its size weighs more.');
  const missed = figures.filter((figure) => verdict(figure) === 'missed').map(({ field }) => field);
  say(missed.length === 0 ? 'All goals are met.' : `Missed: ${missed.join(', ')}`);
  if (voids.length > 0) say(`VOID, so nothing here counts:\n${voids.map((text) => `  ${text}`).join('\n')}`);

  if (write && voids.length === 0) {
    pictured.ours.push({ rows, seconds: median(wall(first)) / 1_000, rssMb: median(first.map(({ rssMb }) => rssMb)) });
    pictured.script.push({ rows, seconds: median(wall(script)) / 1_000, rssMb: median(script.map(({ rssMb }) => rssMb)) });
    await writeReadme({ table, rows, rounds, sourceBytes, files: files.length, first, csv, script, pictured });
  }
  say(toJson(figures));
  process.exitCode = voids.length > 0 ? 1 : 0;
};

const target = path.resolve(__dirname, '../../../test/bench');

const writeReadme = async ({
  table,
  rows,
  rounds,
  sourceBytes,
  files,
  first,
  csv,
  script,
  pictured,
}: {
  table: string;
  rows: number;
  rounds: number;
  sourceBytes: number;
  files: number;
  first: readonly OursReport[];
  csv: readonly PeerReport[];
  script: readonly PeerReport[];
  pictured: { ours: Point[]; script: Point[] };
}): Promise<void> => {
  const byRows = (points: readonly Point[]) => [...points].sort((one, other) => one.rows - other.rows);
  const picture = drawPicture([
    { name: 'a run of this app', colour: '#0b6e4f', points: byRows(pictured.ours) },
    { name: 'script with klaviyo-api', colour: '#c0392b', points: byRows(pictured.script) },
  ]);
  writeFileSync(path.join(target, 'time-and-memory.svg'), picture);
  const range = (values: readonly number[], digits: number) => `${Math.min(...values).toFixed(digits)} / ${median(values).toFixed(digits)}`;
  const line = (name: string, wallMs: readonly number[], cpu: readonly number[], rss: readonly number[]) =>
    `| ${name} | ${range(
      wallMs.map((ms) => ms / 1_000),
      2,
    )} | ${range(
      cpu.map((ms) => ms / 1_000),
      2,
    )} | ${range(rss, 0)} |`;
  const whole = first.map(({ phases }) => Object.values(phases).reduce((sum, { cpuMs }) => sum + cpuMs, 0));
  const text = `# Time and memory

\`npm run bench\` makes these figures (\`-- --quick\`: 100,000 rows, one round; \`-- --write\` writes this page). Ours and the other take turns in
fresh processes on one machine; a round whose counts differ from the sample's manifest is void. Seconds of one machine say little on
another, ratios do: the table gives the ratio of the minima and of the medians, and the goal is held against the median.

Measured with ${rows.toLocaleString('en')} rows (${(sourceBytes / 1e6).toFixed(0)} MB of CSV in ${files} files), ${rounds} rounds, on ${availableParallelism()} cores with Node ${process.versions.node}.

${table}

![Time and memory against rows](time-and-memory.svg)

| Minimum / median | Wall, s | CPU, s | Peak memory, MB |
| --- | --- | --- | --- |
${line('a run of this app, limits off', wallsOf(first), whole, rssOf(first))}
${line('its prepare alone', phaseOf(first, 'wallMs'), phaseOf(first, 'cpuMs'), rssOf(first))}
${line('csv-parse, `columns: true`, rows thrown away', wallsOf(csv), cpusOf(csv), rssOf(csv))}
${line('script as the README of klaviyo-api suggests', wallsOf(script), cpusOf(script), rssOf(script))}

What is compared:

- Storage is Azurite, in a process of its own; memory is that of the process that runs the app's functions, or of the script.
- "Limits off": the sink accepts at once, completes jobs at once, and checks nothing until the clock has stopped; our own pace is lifted.
  The script reads local files and sends everything; ours reads from storage, checks and de-duplicates, stages, keeps a member state.
- "Honest limits": the sandbox with the published windows and ${LATENCY_MS} ms of latency beside its own time for admission, which counts against us.
- Ours runs with the app setting \`NODE_OPTIONS\` of \`local.settings.sample.json\`, the others as Node starts them.
- Event-loop delay is as Node reports it, its sampling interval of 5 ms included.
- Prices and their sources are constants in \`cost.ts\`.
`;
  await writePart(text);
};
const wallsOf = (runs: readonly { wallMs: number }[]) => runs.map(({ wallMs }) => wallMs);
const cpusOf = (runs: readonly { cpuMs: number }[]) => runs.map(({ cpuMs }) => cpuMs);
const rssOf = (runs: readonly { rssMb: number }[]) => runs.map(({ rssMb }) => rssMb);
const phaseOf = (runs: readonly OursReport[], use: 'wallMs' | 'cpuMs') => runs.map(({ phases }) => phases.prepare![use]);

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      rows: { type: 'string' },
      rounds: { type: 'string' },
      write: { type: 'boolean', default: false },
      api: { type: 'boolean', default: false },
      only: { type: 'string' },
      portal: { type: 'boolean', default: false },
      source: { type: 'boolean', default: false },
      'cold-start': { type: 'boolean', default: false },
      telemetry: { type: 'boolean', default: false },
      sandbox: { type: 'boolean', default: false },
      everywhere: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const rows = Number(values.rows ?? (values.quick ? 100_000 : values.sandbox ? 2_000_000 : 1_000_000));
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
  if (!Number.isInteger(rows) || rows < 10_000 || rows % 10_000 !== 0) throw new RangeError('--rows takes a multiple of 10,000');
  if (!Number.isInteger(rounds) || rounds < 1) throw new RangeError('--rounds takes a whole number above 0');
  const { quick, write, api, portal, source, sandbox, everywhere, telemetry, 'cold-start': coldStart } = values;
  return { quick, rows, rounds, write, api, portal, source, sandbox, everywhere, telemetry, coldStart, only: values.only?.split(',') };
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const run = async (): Promise<void> => {
  // Azurite's child process does not keep a program alive that waits for its end
  setInterval(() => undefined, 60_000);
  const options = readOptions();
  if (options?.api) await benchApi(options, say);
  else if (options?.portal) await benchPortal(options, say);
  else if (options?.sandbox) await benchSandbox(options, say);
  else if (options?.coldStart) await benchColdStart(options, say);
  else if (options?.telemetry) await benchTelemetry(options, say);
  else if (options?.source) await benchSource(options);
  else if (options) await bench(options);
  else say(usage);
};
run().then(
  () => process.exit(),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
