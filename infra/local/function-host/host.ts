import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type App, loadApp, type Log, type RegisteredFunction } from './app';
import { type ChaosSettings, createChaos } from './chaos';
import { parseHostJson } from './host-json';
import { startHttpFront } from './http-front';
import { openQueue, type QueueListener, sendToQueue, startQueueListener } from './queues';
import { startTimerListener, type TimerListener } from './timers';

export interface FunctionHostOptions {
  /** Folder with host.json and package.json, whose `main` is the compiled app. */
  readonly appDir: string;
  /** The app finds no module outside that folder, as on Azure. */
  readonly sealed?: boolean;
  /** Port on 127.0.0.1; 0 or nothing means a free one. */
  readonly port?: number;
  /** Where the timers' status is kept. */
  readonly dataDir?: string;
  /** App Service Authentication's stand-in before the app; on when left out. */
  readonly authentication?: boolean;
  /** Tenant of the stand-in's people; the app setting TENANT_ID when left out. */
  readonly tenantId?: string;
  readonly functionKeys?: readonly string[];
  readonly masterKey?: string;
  /** How long a queue message in work is hidden before it is renewed at half time; the platform's is 600,000. */
  readonly queueLockMs?: number;
  /** How long `close` waits for running invocations after the appTerminate hooks. */
  readonly shutdownTimeoutMs?: number;
  readonly log?: Log;
  /** Called when an invocation passes functionTimeout; the platform then ends the worker process. */
  readonly onFunctionTimeout?: (functionName: string) => void;
  /** Does what the real host is known to do to messages (./chaos.ts), by seed; off when left out. */
  readonly chaos?: { readonly seed: number; readonly settings: ChaosSettings };
  /** Ends this process, as chaos wants it; whoever started it starts it again. */
  readonly onWorkerRestart?: () => void;
}

export interface FunctionHost {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly string[];
  /** Stops taking work, runs the app's appTerminate hooks and waits, bounded, for what runs. */
  close(): Promise<void>;
}

/** Tenant of the local cloud where none is set. */
export const localTenantId = '00000000-0000-4000-8000-00006c6f6361';

/**
 * Starts a function app in this process: HTTP, queue and timer triggers by the rules of the Functions host (./README.md).
 * The app reads its settings from process.env, as on Azure. One app at a time in a process; not under jest, whose own module loader
 * passes ours by: tests there use spawnFunctionHost.
 * @throws Error when the app, host.json, a route, a schedule or a queue's connection is wrong, or the port is taken
 */
export const startFunctionHost = async (options: FunctionHostOptions): Promise<FunctionHost> => {
  const { port = 0, authentication = true, shutdownTimeoutMs = 10_000, queueLockMs = 600_000 } = options;
  const appDir = path.resolve(options.appDir);
  const log = options.log ?? logToStandardError;
  const hostJson = parseHostJson(readFileSync(path.join(appDir, 'host.json'), 'utf8'));
  if (authentication) process.env.WEBSITE_AUTH_ENABLED = 'True';
  else delete process.env.WEBSITE_AUTH_ENABLED;
  const env = process.env;
  const app = await loadApp(appDir, log, { isSealed: options.sealed });
  const queueSettings = hostJson.extensions.queues;
  const running = new Set<Promise<unknown>>();
  const { seed, settings: chaosSettings } = options.chaos ?? {};
  const chaos =
    seed === undefined || chaosSettings === undefined
      ? undefined
      : createChaos({
          seed,
          settings: chaosSettings,
          dataDir: options.dataDir,
          log,
          restart: options.onWorkerRestart ?? (() => log('warning', 'chaos', 'nobody is there to restart the worker')),
        });
  if (chaos) log('warning', 'chaos', `by seed ${seed}: ${JSON.stringify(chaosSettings)}`);

  const invoke: App['invoke'] = (name, input) => {
    const isHttp = byName(app, name).trigger.type.toLowerCase() === 'httptrigger';
    const invocation = (async () => {
      const startedMs = performance.now();
      try {
        const result = await limited(app.invoke(name, input), hostJson.functionTimeout, name, options.onFunctionTimeout);
        await sendOutputs(byName(app, name), result.returnValue, result.outputData);
        if (!isHttp) log('debug', name, `succeeded in ${Math.round(performance.now() - startedMs)} ms`);
        return result;
      } catch (error) {
        log('error', name, `failed after ${Math.round(performance.now() - startedMs)} ms (${input.invocationId}): ${describeError(error)}`);
        throw error;
      }
    })();
    const tracked: Promise<unknown> = invocation.then(
      () => running.delete(tracked),
      () => running.delete(tracked),
    );
    running.add(tracked);
    return invocation;
  };

  const sendOutputs = async (
    { outputs }: RegisteredFunction,
    returnValue: Awaited<ReturnType<App['invoke']>>['returnValue'],
    outputData: Awaited<ReturnType<App['invoke']>>['outputData'],
  ): Promise<void> => {
    for (const [name, binding] of Object.entries(outputs)) {
      if (binding.type !== 'queue') continue;
      const data = name === '$return' ? returnValue : outputData.find((one) => one.name === name)?.data;
      if (data !== undefined && data !== null) await sendToQueue(await openQueue(binding, env), data, queueSettings.messageEncoding);
    }
  };

  const timers = new Map<string, TimerListener>();
  const queues = new Map<string, QueueListener>();
  const stopListeners = (): Promise<unknown> => Promise.all([...timers.values(), ...queues.values()].map((listener) => listener.stop()));
  try {
    const front = await startHttpFront({
      app,
      routePrefix: hostJson.extensions.http.routePrefix,
      port,
      tenantId: authentication ? (options.tenantId ?? env.TENANT_ID ?? localTenantId) : undefined,
      functionKeys: options.functionKeys ?? [],
      masterKey: options.masterKey,
      log,
      invoke,
      runNow: (name, input) => timers.get(name)?.run() ?? queues.get(name)?.run(input),
    });
    try {
      for (const entry of app.functions) {
        const type = entry.trigger.type.toLowerCase();
        if (type === 'timertrigger') timers.set(entry.name, startTimerListener({ entry, env, invoke, log, dataDir: options.dataDir }));
        if (type === 'queuetrigger') {
          const listener = { entry, settings: queueSettings, env, invoke, log, lockMs: queueLockMs, random: Math.random, chaos };
          queues.set(entry.name, await startQueueListener(listener));
        }
      }
    } catch (error) {
      await front.close(0);
      throw error;
    }
    const close = async (): Promise<void> => {
      const stopped = Promise.all([stopListeners(), front.close(shutdownTimeoutMs)]);
      await app.terminate();
      const drained = (async () => {
        while (running.size > 0) await Promise.race(running);
        await stopped;
      })();
      const isDrained = await Promise.race([drained.then(() => true), sleep(shutdownTimeoutMs, false, { ref: false })]);
      if (!isDrained) log('warning', 'host', `${running.size} invocations had not ended after ${shutdownTimeoutMs} ms`);
    };
    chaos?.begin();
    return { url: `http://127.0.0.1:${front.port}`, port: front.port, functions: app.functions.map(({ name }) => name), close };
  } catch (error) {
    await Promise.race([stopListeners(), sleep(shutdownTimeoutMs, undefined, { ref: false })]);
    throw error;
  }
};

const byName = (app: App, name: string): RegisteredFunction => app.functions.find((one) => one.name === name)!;

/** Gives up on an invocation at the app's functionTimeout. */
const limited = async <Result>(
  invocation: Promise<Result>,
  timeoutMs: number,
  name: string,
  onTimeout?: (name: string) => void,
): Promise<Result> => {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`Timeout value of ${timeoutMs / 1000} s was exceeded by function ${name}`));
      onTimeout?.(name);
    }, timeoutMs).unref();
  });
  try {
    return await Promise.race([invocation, expired]);
  } finally {
    clearTimeout(timer);
  }
};

const describeError = (error: unknown): string => (error as { stack?: string } | null)?.stack ?? String(error);

const logToStandardError: Log = (level, source, message) => {
  if (level !== 'trace' && level !== 'debug' && level !== 'none') process.stderr.write(`[${level}] ${source}: ${message}\n`);
};
