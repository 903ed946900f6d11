import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Link, Span as OtelSpan } from '@opentelemetry/api';
import { SeverityNumber } from '@opentelemetry/api-logs';
import { parseTraceParent } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs';
import type { LogRecordExporter, ReadableLogRecord } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, InstrumentType, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base';
import type { Sampler, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { guardExporter } from './guarded-exporter';
import type { ExportWatch } from './guarded-exporter';
import type { SamplerName } from './samplers';
import { errorType } from './telemetry';
import type { Attributes, Span, SpanOptions } from './telemetry';
import { allowedAttributes, allowedName, metrics } from './telemetry-words';
import type { CounterName, GaugeName, HistogramName, Severity, Value } from './telemetry-words';

/** A line of the log as it was to leave. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface Exporters {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
  readonly logs: LogRecordExporter;
}

const samplerOf = (name: SamplerName, ratio: number): Sampler => {
  const root = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  if (!name.startsWith('parentbased_')) return root[name as keyof typeof root]();
  return new ParentBasedSampler({ root: root[name.slice('parentbased_'.length) as keyof typeof root]() });
};

/** What waits to be sent: a span is about 1 KB, so all of it stays within a few megabytes; what is more is dropped. */
const QUEUE = { maxQueueSize: 4_096, maxExportBatchSize: 512 };
/** A request costs milliseconds of the processor, whatever it holds; an instance stays some 30 s after its last invocation, and a slice sends at its end. */
const SEND_AFTER_MS = 5_000;
const METRICS_EVERY_MS = 60_000;
/** Longer than two requests with their time-out, see azure-monitor.ts. */
const EXPORT_TIMEOUT_MS = 20_000;
const NAME = 'customer-insights-to-klaviyo';

const kinds = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;
const severities = { info: SeverityNumber.INFO, warning: SeverityNumber.WARN, error: SeverityNumber.ERROR } as const satisfies Record<
  Severity,
  SeverityNumber
>;

const contextOf = (traceparent: string | undefined): Context | undefined => {
  const parsed = traceparent === undefined ? null : parseTraceParent(traceparent);
  return parsed === null ? undefined : trace.setSpanContext(ROOT_CONTEXT, { ...parsed, isRemote: true });
};
const linkTo = (context: Context | undefined): Link[] => {
  const found = context === undefined ? undefined : trace.getSpanContext(context);
  return found === undefined ? [] : [{ context: found }];
};

export interface StartedSpan extends Span {
  readonly context: Context;
  end(): void;
}

/**
 * OpenTelemetry's SDK, for the app alone: nothing is registered for others in the process, and no library is instrumented, as their spans
 * would hold addresses of requests, and with these those of people.
 * @param load the exporters, made when there is first something to send
 */
export const createOpenTelemetry = ({
  load,
  watch,
  lostLog,
  serviceName,
  serviceVersion,
  instanceId,
  sampler,
  samplerRatio,
  exportTimeoutMs = EXPORT_TIMEOUT_MS,
}: {
  load: () => Promise<Exporters>;
  watch: Omit<ExportWatch, 'failed'> & { failed(error: unknown): void };
  /** told of each line that could not be sent */
  lostLog: (line: LogLine) => void;
  serviceName: string;
  serviceVersion: string;
  instanceId: string;
  sampler: SamplerName;
  samplerRatio: number;
  /** of one export */
  exportTimeoutMs?: number | undefined;
}) => {
  const resource = resourceFromAttributes({
    'service.name': serviceName,
    'service.version': serviceVersion,
    'service.instance.id': instanceId,
  });
  const guard = <Kind extends keyof Exporters>(
    kind: Kind,
    lost: (items: Parameters<Exporters[Kind]['export']>[0]) => void = () => undefined,
  ) =>
    guardExporter<Parameters<Exporters[Kind]['export']>[0]>({
      load: async () => (await load())[kind],
      timeoutMs: exportTimeoutMs,
      watch: {
        sent: watch.sent,
        failed: (error, items) => {
          watch.failed(error);
          lost(items);
        },
      },
    });
  const lostLogs = (records: readonly ReadableLogRecord[]): void => {
    for (const { attributes, severityText, spanContext } of records)
      lostLog({ ...attributes, severity: severityText, ...(spanContext ? { traceId: spanContext.traceId } : {}) });
  };
  const batching = { ...QUEUE, scheduledDelayMillis: SEND_AFTER_MS, exportTimeoutMillis: exportTimeoutMs + 1_000 };

  const spans = new BasicTracerProvider({
    resource,
    sampler: samplerOf(sampler, samplerRatio),
    spanProcessors: [new BatchSpanProcessor(guard('spans'), batching)],
  });
  const reader = new PeriodicExportingMetricReader({
    exporter: {
      ...guard('metrics'),
      // what has happened since the last time: an instance that is gone leaves no total behind
      selectAggregationTemporality: (type) =>
        type === InstrumentType.UP_DOWN_COUNTER || type === InstrumentType.OBSERVABLE_UP_DOWN_COUNTER
          ? AggregationTemporality.CUMULATIVE
          : AggregationTemporality.DELTA,
    },
    exportIntervalMillis: METRICS_EVERY_MS,
    exportTimeoutMillis: exportTimeoutMs + 1_000,
  });
  const measures = new MeterProvider({ resource, readers: [reader] });
  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: guard('logs', lostLogs), ...batching })],
  });

  const tracer = spans.getTracer(NAME, serviceVersion);
  const meter = measures.getMeter(NAME, serviceVersion);
  const logger = logs.getLogger(NAME, serviceVersion);
  const make = <Instrument>(kind: string, build: (name: string, options: { unit: string; description: string }) => Instrument) =>
    new Map(
      Object.entries(metrics).flatMap(([name, { kind: its, ...options }]) => (its === kind ? [[name, build(name, options)] as const] : [])),
    );
  const counters = make('counter', (name, options) => meter.createCounter(name, options));
  const histograms = make('histogram', (name, options) => meter.createHistogram(name, options));
  const gauges = make('gauge', (name, options) => meter.createGauge(name, options));

  const handle = (span: OtelSpan, context: Context): StartedSpan => ({
    context,
    set: (attributes) => void span.setAttributes(allowedAttributes(attributes)),
    fail: (error) => {
      // no exception event: its message and stack would be the error's own text
      span.setAttributes(allowedAttributes({ 'error.type': errorType(error) }));
      span.setStatus({ code: SpanStatusCode.ERROR });
    },
    end: () => span.end(),
  });

  return {
    /** @param around the context of the work that goes on */
    startSpan: (name: string, { kind = 'internal', attributes = {}, parent }: SpanOptions, around: Context | undefined): StartedSpan => {
      const given = parent === 'new' ? ROOT_CONTEXT : contextOf(parent);
      const context = given ?? around ?? ROOT_CONTEXT;
      const links = given === undefined ? [] : linkTo(around);
      const span = tracer.startSpan(allowedName(name), { kind: kinds[kind], attributes: allowedAttributes(attributes), links }, context);
      return handle(span, trace.setSpan(context, span));
    },
    traceparentOf: (context: Context): string | undefined => {
      const found = trace.getSpanContext(context);
      return found && `00-${found.traceId}-${found.spanId}-${(found.traceFlags & 1).toString().padStart(2, '0')}`;
    },
    traceIdOf: (context: Context): string | undefined => trace.getSpanContext(context)?.traceId,
    count: (name: CounterName, value: number, attributes: Attributes): void =>
      counters.get(name)?.add(value, allowedAttributes(attributes)),
    record: (name: HistogramName, value: number, attributes: Attributes): void =>
      histograms.get(name)?.record(value, allowedAttributes(attributes)),
    gauge: (name: GaugeName, value: number, attributes: Attributes): void => gauges.get(name)?.record(value, allowedAttributes(attributes)),
    /** @param attributes as they may leave */
    emit: ({
      event,
      severity,
      attributes,
      context,
    }: {
      event: string;
      severity: Severity;
      attributes: Record<string, Value>;
      context: Context | undefined;
    }): void =>
      logger.emit({
        body: event,
        severityNumber: severities[severity],
        severityText: severity,
        attributes: { event, ...attributes },
        context: context ?? ROOT_CONTEXT,
      }),
    flush: async (): Promise<void> => {
      await Promise.allSettled([spans.forceFlush(), logs.forceFlush(), reader.forceFlush()]);
    },
    shutdown: async (): Promise<void> => {
      await Promise.allSettled([spans.shutdown(), logs.shutdown(), measures.shutdown()]);
    },
  };
};

export type OpenTelemetry = ReturnType<typeof createOpenTelemetry>;
