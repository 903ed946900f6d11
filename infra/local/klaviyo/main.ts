import { parseArgs } from 'node:util';
import { startKlaviyoSandbox } from './server';

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '7080' },
      data: { type: 'string' },
      instant: { type: 'boolean', default: false },
      lenient: { type: 'boolean', default: false },
      'no-limits': { type: 'boolean', default: false },
      'parent-watch': { type: 'boolean', default: false },
    },
  });
  if (values['parent-watch']) {
    // The parent holds the other end of our standard input: when that closes, it has died, and so do we, at once.
    process.stdin.on('close', () => process.exit(1)).on('error', () => undefined);
    process.stdin.resume();
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port takes a number from 0 to 65535, not ${values.port}`);
  const running = await startKlaviyoSandbox({
    ...{ port, limits: !values['no-limits'], rules: values.lenient ? 'lenient' : 'strict' },
    ...(values.instant && { processing: 'instant' as const }),
    ...(values.data !== undefined && { dataDir: values.data }),
  });
  const keys = [...running.sandbox.state.accounts.values()].flatMap((account) => [...account.keys.keys()]);
  console.log(`Klaviyo sandbox listens on ${running.url} with the keys ${keys.join(' ')}`);
  const stop = (): void => void running.close().then(() => process.exit(0));
  process.once('SIGINT', stop).once('SIGTERM', stop);
};

main().catch((error: NodeJS.ErrnoException) => {
  console.error(error.code === 'EADDRINUSE' ? 'That port is taken: choose another one with --port N' : error.message);
  process.exitCode = 1;
});
