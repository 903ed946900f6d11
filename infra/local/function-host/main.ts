import { parseArgs } from 'node:util';
import { parseChaosSeed, parseChaosSettings, WORKER_RESTART_CODE } from './chaos';
import { startFunctionHost } from './host';

/*
 * The function host as a process of its own:
 * node main.js --app DIR [--port N] [--data DIR] [--sealed] [--no-authentication] [--queue-lock-ms N] [--shutdown-ms N] [--parent-watch]
 * [--chaos-seed N [--chaos notDeleted=0.5,waitMs=2000]]
 * Keys come from LOCAL_FUNCTION_KEYS (comma-separated) and LOCAL_MASTER_KEY, chaos also from LOCAL_CHAOS_SEED and LOCAL_CHAOS; the app
 * sees none of these.
 * Standard output: one line of JSON when ready. Logs go to standard error.
 */
const main = async (): Promise<void> => {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined); // our reader died
  const { values } = parseArgs({
    options: {
      app: { type: 'string' },
      port: { type: 'string', default: '0' },
      data: { type: 'string' },
      sealed: { type: 'boolean', default: false },
      'no-authentication': { type: 'boolean', default: false },
      'queue-lock-ms': { type: 'string' },
      'shutdown-ms': { type: 'string' },
      'chaos-seed': { type: 'string' },
      chaos: { type: 'string' },
      'parent-watch': { type: 'boolean', default: false },
    },
  });
  if (values.app === undefined) throw new Error('--app DIR is missing: the folder with host.json and package.json');
  if (values['parent-watch']) {
    // The parent holds the other end of our standard input: when that closes, it has died, and so do we, at once.
    process.stdin.on('close', () => process.exit(1)).on('error', () => undefined);
    process.stdin.resume();
    (process.stdin as unknown as { unref?: () => void }).unref?.();
  }
  const functionKeys = (process.env.LOCAL_FUNCTION_KEYS ?? '').split(',').filter((key) => key !== '');
  const masterKey = process.env.LOCAL_MASTER_KEY;
  const chaosSeed = values['chaos-seed'] ?? process.env.LOCAL_CHAOS_SEED;
  const chaosSettings = values.chaos ?? process.env.LOCAL_CHAOS;
  for (const name of ['LOCAL_FUNCTION_KEYS', 'LOCAL_MASTER_KEY', 'LOCAL_CHAOS_SEED', 'LOCAL_CHAOS']) delete process.env[name];
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  const host = await startFunctionHost({
    appDir: values.app,
    port: Number(values.port),
    dataDir: values.data,
    sealed: values.sealed,
    authentication: !values['no-authentication'],
    queueLockMs: number(values['queue-lock-ms']),
    shutdownTimeoutMs: number(values['shutdown-ms']),
    functionKeys,
    masterKey,
    onFunctionTimeout: () => setImmediate(() => process.exit(70)),
    ...(chaosSeed === undefined ? {} : { chaos: { seed: parseChaosSeed(chaosSeed), settings: parseChaosSettings(chaosSettings) } }),
    onWorkerRestart: () => process.exit(WORKER_RESTART_CODE),
  });
  let isClosing = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isClosing) return;
      isClosing = true;
      void host.close().then(() => process.exit(0));
    });
  }
  process.stdout.write(`${JSON.stringify({ ready: true, port: host.port, functions: host.functions })}\n`);
};

main().catch((error: unknown) => {
  process.stderr.write(`[critical] host: ${(error as Error).stack ?? String(error)}\n`);
  process.exit(1);
});
