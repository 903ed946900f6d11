import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenCredential } from '@azure/identity';
import type { Context } from '@opentelemetry/api';
import type { Exporters, LogLine, OpenTelemetry, StartedSpan } from './open-telemetry';
import type { SamplerName } from './samplers';
import { errorFields, isFailure, noSpan, withoutText } from './telemetry';
import type { Attributes, Log, LogFields, Span, SpanOptions, Telemetry } from './telemetry';
import { allowedFields, events } from './telemetry-words';
import type { LogEvent } from './telemetry-words';

/** How long an invocation waits at its end for its telemetry to be on its way. */
const FLUSH_MS = 1_500;
/** While nothing can be sent, nobody waits for it; after this long it is tried again. */
const REST_MS = 60_000;
const TELL_EVERY_MS = 600_000;
const SHUTDOWN_MS = 4_000;
/** What still runs when the app is told to end has been told so, too, and ends within moments. */
const LAST_WORDS_MS = 2_000;
const LOOK_EVERY_MS = 20;

/** Where telemetry goes: to Application Insights, where a connection string says so. */
export interface TelemetrySettings {
  readonly connectionString?: string | undefined;
  /** given where Application Insights takes no keys */
  readonly credential?: TokenCredential | undefined;
  readonly serviceName: string;
  readonly serviceVersion: string;
  readonly sampler: SamplerName;
  readonly samplerRatio: number;
}

/** One invocation of a function, as the host gives it. */
export interface Invocation {
  readonly name: string;
  readonly invocationId: string;
  readonly kind: 'server' | 'consumer' | 'internal';
  readonly attributes: Attributes;
  /** W3C trace context: the host's own, or where it has none that of the caller */
  readonly parent?: string | undefined;
  /** whether its telemetry is to be on its way when it ends: nobody waits for the answer */
  readonly flushes: boolean;
  /** whether it is worth a span of its own */
  readonly traced: boolean;
}

interface Scope {
  readonly fields: LogFields;
  readonly context?: Context | undefined;
}

/**
 * The app's telemetry: log lines on standard output, and to Application Insights, with spans and metrics, where it has a connection string.
 * On Azure the host reads our standard output and exports it, too, a second time and tied to nothing (azure-functions-host issue 10561): there
 * lines take one way only.
 * @param write one line of standard output
 * @param isHosted whether the host exports what is written there
 * @param exporters in place of Application Insights, for tests
 */
export const createTelemetry = ({
  settings,
  write,
  isHosted,
  exporters,
  exportTimeoutMs,
  monotonicMs = () => performance.now(),
}: {
  settings: TelemetrySettings;
  write: (line: string) => void;
  isHosted: boolean;
  exporters?: (() => Promise<Exporters>) | undefined;
  exportTimeoutMs?: number;
  monotonicMs?: () => number;
}) => {
  const { connectionString, credential, ...names } = settings;
  const isOn = connectionString !== undefined || exporters !== undefined;
  const scopes = new AsyncLocalStorage<Scope>();
  let sdk: OpenTelemetry | undefined;
  let failedAt = -Infinity;
  let toldAt = -Infinity;
  let running = 0;

  const load = async (): Promise<Exporters> => {
    if (exporters) return exporters();
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- half a second, for those who use it
    const { createAzureMonitorExporters } = require('./azure-monitor') as typeof import('./azure-monitor');
    return createAzureMonitorExporters({ connectionString: connectionString!, credential });
  };
  let loaded: Promise<Exporters> | undefined;
  const loadOnce = (): Promise<Exporters> =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    }));

  const watch = {
    sent: (): void => void (failedAt = -Infinity),
    failed: (error: unknown): void => {
      failedAt = monotonicMs();
      if (failedAt - toldAt < TELL_EVERY_MS) return;
      toldAt = failedAt;
      // by the one way that is left
      write(JSON.stringify({ event: 'telemetry_not_sent', severity: events.telemetry_not_sent, ...allowedFields(errorFields(error)) }));
    },
  };

  /** What people are to be told must reach somebody: by the host, which takes another way than we do. Elsewhere the line stands there already. */
  const lostLog = (line: LogLine): void => {
    if (isHosted && line.event === ('notification' satisfies LogEvent)) write(JSON.stringify(line));
  };

  const log: Log = (event, fields = {}) => {
    const scope = scopes.getStore();
    const severity = Object.hasOwn(events, event) ? events[event] : undefined;
    if (severity === undefined) return; // not a word of ours
    const told = allowedFields({ ...scope?.fields, ...fields });
    if (!sdk || !isHosted) {
      const traceId = scope?.context && sdk?.traceIdOf(scope.context);
      write(JSON.stringify({ event, severity, ...told, ...(traceId === undefined ? {} : { traceId }) }));
    }
    sdk?.emit({ event, severity, attributes: told, context: scope?.context });
  };

  const span = async <T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> => {
    const outer = scopes.getStore();
    const fields = options.fields ? { ...outer?.fields, ...options.fields } : (outer?.fields ?? {});
    if (!sdk) return options.fields ? scopes.run({ fields }, () => work(noSpan)) : work(noSpan);
    let started: StartedSpan;
    try {
      started = sdk.startSpan(name, options, outer?.context);
    } catch {
      return work(noSpan);
    }
    try {
      return await scopes.run({ fields, context: started.context }, () => work(started));
    } catch (error) {
      if (isFailure(error)) started.fail(error);
      throw error;
    } finally {
      started.end();
    }
  };

  const within = async (ms: number, work: Promise<void>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([work.catch(() => undefined), tooLong]);
    clearTimeout(timer);
  };

  const telemetry: Telemetry = {
    isOn,
    span,
    count: (name, attributes, value = 1) => sdk?.count(name, value, attributes),
    record: (name, value, attributes = {}) => sdk?.record(name, value, attributes),
    gauge: (name, value, attributes = {}) => sdk?.gauge(name, value, attributes),
    traceparent: () => {
      const context = scopes.getStore()?.context;
      return context && sdk?.traceparentOf(context);
    },
  };

  return {
    ...telemetry,
    log,

    /** Loads OpenTelemetry's SDK where there is somewhere to send to; spans and metrics of before are not kept. Never throws. */
    start: (): void => {
      if (!isOn || sdk) return;
      try {
        // eslint-disable-next-line @typescript-eslint/no-require-imports -- costs those nothing who send nothing
        const { createOpenTelemetry } = require('./open-telemetry') as typeof import('./open-telemetry');
        sdk = createOpenTelemetry({ ...names, instanceId: randomUUID(), load: loadOnce, watch, lostLog, exportTimeoutMs });
      } catch (error) {
        watch.failed(error);
      }
    },

    /**
     * Carries out one invocation of a function; its log lines bear its id. An error that it throws is written by the host into its own log
     * and telemetry, text and all, so another one without its text takes its place.
     */
    invocation: async <T>(
      { name, invocationId, kind, attributes, parent, flushes, traced }: Invocation,
      work: (span: Span) => Promise<T>,
    ): Promise<T> => {
      const fields = { invocationId };
      running += 1;
      try {
        if (!traced) return await scopes.run({ fields }, () => work(noSpan));
        return await span(name, { kind, attributes: { ...attributes, 'faas.invocation_id': invocationId }, parent, fields }, work);
      } catch (error) {
        scopes.run({ fields }, () => log('invocation_failed', { what: name.replaceAll(/[^\w.-]+/g, '-'), ...errorFields(error) }));
        throw withoutText(error);
      } finally {
        running -= 1;
        if (flushes && sdk && monotonicMs() - failedAt > REST_MS) await within(FLUSH_MS, sdk.flush());
      }
    },

    /** Sends what waits, in bounded time. Never throws. */
    flush: async (): Promise<void> => {
      if (sdk) await within(SHUTDOWN_MS, sdk.flush());
    },

    /** Sends what waits and ends, in bounded time, with what the invocations that are about to end have to say. Never throws. */
    end: async (): Promise<void> => {
      const until = monotonicMs() + LAST_WORDS_MS;
      while (sdk && running > 0 && monotonicMs() < until) await sleep(LOOK_EVERY_MS);
      const ending = sdk;
      sdk = undefined;
      if (ending) await within(SHUTDOWN_MS, ending.shutdown());
    },
  };
};

export type AppTelemetry = ReturnType<typeof createTelemetry>;
