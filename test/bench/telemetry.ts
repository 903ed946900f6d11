import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { startApplicationInsights } from '../support/application-insights';
import { startCloud, startSink } from './cloud';
import { ratio, toJson, toTable } from './figures';
import { writePart } from './page';
import type { OursReport } from './protocol';

/** Telemetry is to cost next to nothing: no span, line or metric is made for a row. */
const GOAL = { atMost: 1.03 };
const REFRESHED_AT = '2026-08-18T02:33:00Z';

const sum = ({ phases }: OursReport, use: 'wallMs' | 'cpuMs'): number =>
  Object.values(phases).reduce((total, phase) => total + phase[use], 0);

/** `npm run bench -- --telemetry`: the same run with telemetry sent to a stand-in of Application Insights, and without, in turns. */
export const benchTelemetry = async (
  { rows, rounds, write }: { rows: number; rounds: number; write: boolean },
  say: (text: string) => void,
): Promise<void> => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-telemetry-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [cloud, sink, insights] = await Promise.all([startCloud(), startSink(), startApplicationInsights()]);
  const trusted = path.join(folder, 'trusted.pem');
  writeFileSync(trusted, readFileSync(cloud.identity.NODE_EXTRA_CA_CERTS, 'utf8') + insights.cert);
  const segment = `Bench${rows}`;
  const truth = await cloud.writeData({
    container: 'today',
    segments: [{ name: segment, rows, partitions: 10 }],
    generation: 0,
    refreshedAt: REFRESHED_AT,
  });
  const told = {
    settings: {
      APPLICATIONINSIGHTS_CONNECTION_STRING: insights.connectionString,
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD',
    },
    env: { NODE_EXTRA_CA_CERTS: trusted, APPLICATION_INSIGHTS_NO_STATSBEAT: 'true', APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true' },
  };
  const run = async (more: { settings?: Record<string, string>; env?: Record<string, string> }): Promise<OursReport> => {
    // the second one in its process: loading OpenTelemetry is part of a cold start, and measured there
    const task = { create: { segments: [segment], membership: 'add' }, times: 2, full: true, liftLimits: true } as const;
    const outcome = await cloud.ours(sink.url, 'today', task, more);
    const { distinct } = await sink.landed();
    if (distinct !== truth[segment]!.distinctValid) throw new Error(`${distinct} addresses arrived of ${truth[segment]!.distinctValid}`);
    return outcome;
  };
  const [quiet, telling]: [OursReport[], OursReport[]] = [[], []];
  let items = 0;
  for (let round = 1; round <= rounds; round += 1) {
    // who comes second meets warmer caches
    for (const isTold of round % 2 === 0 ? [true, false] : [false, true]) {
      const before = insights.envelopes().length;
      const outcome = await run(isTold ? told : {});
      (isTold ? telling : quiet).push(outcome);
      if (isTold) items = insights.envelopes().length - before;
    }
    const cpu = (reports: readonly OursReport[]) => (sum(reports.at(-1)!, 'cpuMs') / 1_000).toFixed(2);
    say(`Round ${round} of ${rounds}: CPU ${cpu(quiet)} s without telemetry, ${cpu(telling)} s with it (${items} items sent)`);
  }
  if (items === 0) throw new Error('nothing was sent, so nothing was measured');
  const of = (reports: readonly OursReport[], use: 'wallMs' | 'cpuMs') => reports.map((report) => sum(report, use));
  const prepare = (reports: readonly OursReport[]) => reports.map(({ phases }) => phases.prepare!.cpuMs);
  const figures = [
    ratio(
      { field: 'telemetryCpu', title: 'CPU of a run: with telemetry ÷ without', goal: GOAL, digits: 3 },
      of(telling, 'cpuMs'),
      of(quiet, 'cpuMs'),
    ),
    ratio({ field: 'telemetryPrepare', title: 'CPU of its prepare, row by row', goal: GOAL, digits: 3 }, prepare(telling), prepare(quiet)),
    ratio({ field: 'telemetryWall', title: 'Wall time', digits: 3 }, of(telling, 'wallMs'), of(quiet, 'wallMs')),
    ratio(
      { field: 'telemetryMemory', title: 'Peak memory', digits: 3 },
      telling.map(({ rssMb }) => rssMb),
      quiet.map(({ rssMb }) => rssMb),
    ),
  ];
  const table = toTable(figures);
  say(`\n${table}\n`);
  if (write)
    await writePart(`# Telemetry

\`npm run bench -- --telemetry\` makes these figures (\`-- --rows N\`, \`-- --rounds N\`; \`-- --write\` writes this part of the page): a full run of
${rows.toLocaleString('en')} rows with telemetry sent to a stand-in of Application Insights, and without, each the second one in a process of its own, in turns, ${rounds} rounds on ${availableParallelism()} cores, Node ${process.versions.node}.
Two runs send ${items} items: log lines, spans and metrics together; they grow with batches and slices, not with rows.

${table}

- Loading OpenTelemetry and the exporter is not in it: that is once a process, and stands among the figures of the cold start.
- The minima and medians of separate processes: on a machine that does other things a difference of a few percent says nothing.
`);
  say(toJson(figures));
};
