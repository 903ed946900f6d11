import { parseArgs } from 'node:util';
import { endWithParent } from '../parent-watch';
import { startDataverse } from './server';

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '7090' },
      segment: { type: 'string', multiple: true, default: ['HighValueSegment:25000'] },
      seed: { type: 'string', default: '1' },
      generation: { type: 'string', default: '0' },
      'missing-every': { type: 'string', default: '0' },
      'page-ms': { type: 'string', default: '5' },
      'no-limits': { type: 'boolean', default: false },
      'parent-watch': { type: 'boolean', default: false },
    },
  });
  if (values['parent-watch']) endWithParent();
  const whole = (name: string, text: string, most = Number.MAX_SAFE_INTEGER): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > most) throw new Error(`--${name} takes a whole number up to ${most}, not ${text}`);
    return value;
  };
  const segments = values.segment.map((text) => {
    const [, name, rows] = /^([A-Za-z_]\w*):(\d+)$/.exec(text) ?? [];
    if (name === undefined || rows === undefined) throw new Error(`--segment takes NAME:ROWS, not ${text}`);
    return { name, rows: Number(rows) };
  });
  const running = await startDataverse({
    port: whole('port', values.port, 65_535),
    segments,
    seed: /^\d+$/.test(values.seed) ? Number(values.seed) : values.seed,
    generation: whole('generation', values.generation, 1_000),
    missingEvery: whole('missing-every', values['missing-every']),
    execution: { baseMs: whole('page-ms', values['page-ms'], 60_000), rowMs: 0 },
    ...(values['no-limits'] ? { limits: 'none' as const } : {}),
    onRequest: (line) => console.log(line),
  });
  console.log(`Dataverse stand-in listens on ${running.url} with ${segments.map(({ name, rows }) => `${name} (${rows})`).join(', ')}`);
  const stop = (): void => void running.close().then(() => process.exit(0));
  process.once('SIGINT', stop).once('SIGTERM', stop);
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
