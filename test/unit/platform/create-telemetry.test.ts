import { ExportResultCode } from '@opentelemetry/core';
import type { ExportResult } from '@opentelemetry/core';
import { InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, InMemoryMetricExporter } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { createTelemetry } from '../../../shared/platform/create-telemetry';
import type { Exporters } from '../../../shared/platform/open-telemetry';
import { PaceWait } from '../../../shared/klaviyo/pacing';

const PARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const TRACE = PARENT.slice(3, 35);
const settings = { serviceName: 'app', serviceVersion: '1', sampler: 'parentbased_always_on', samplerRatio: 1 } as const;

const inMemory = () => ({
  spans: new InMemorySpanExporter(),
  metrics: new InMemoryMetricExporter(AggregationTemporality.DELTA),
  logs: new InMemoryLogRecordExporter(),
});

const start = (exporters: Exporters | undefined, { isHosted = false, exportTimeoutMs = 20_000 } = {}) => {
  const lines: Record<string, unknown>[] = [];
  const telemetry = createTelemetry({
    settings,
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
    isHosted,
    exportTimeoutMs,
    ...(exporters ? { exporters: () => Promise.resolve(exporters) } : {}),
  });
  telemetry.start();
  return { telemetry, lines };
};

const invocation = {
  name: 'process export-runs',
  invocationId: 'inv-1',
  kind: 'consumer',
  attributes: {},
  flushes: true,
  traced: true,
} as const;

it('ties spans and log lines to the trace they are asked for with, and those within to one another', async () => {
  const exporters = inMemory();
  const { telemetry, lines } = start(exporters);
  let handedOn: string | undefined;
  await telemetry.invocation(invocation, () =>
    telemetry.span('run slice', { parent: PARENT, fields: { runId: 'run_00000000' } }, () =>
      telemetry.span('phase submit', { attributes: { 'run.phase': 'submit' } }, async (span) => {
        handedOn = telemetry.traceparent();
        telemetry.log('slice_begun', { turn: 1 });
        span.fail(Object.assign(new Error('text'), { code: 'list_missing' }));
      }),
    ),
  );
  await telemetry.flush();
  const [phase, slice, outer] = exporters.spans.getFinishedSpans();
  expect([phase, slice].map((span) => span!.spanContext().traceId)).toEqual([TRACE, TRACE]);
  expect([phase!.parentSpanContext?.spanId, slice!.parentSpanContext?.spanId]).toEqual([slice!.spanContext().spanId, PARENT.slice(36, 52)]);
  expect(slice!.links.map(({ context }) => context.spanId)).toEqual([outer!.spanContext().spanId]);
  expect(handedOn).toBe(`00-${TRACE}-${phase!.spanContext().spanId}-01`);
  expect(phase).toMatchObject({ attributes: { 'run.phase': 'submit', 'error.type': 'list_missing' }, status: { code: 2 }, events: [] });
  expect(lines).toEqual([
    { event: 'slice_begun', severity: 'info', invocationId: 'inv-1', runId: 'run_00000000', turn: 1, traceId: TRACE },
  ]);
  const [record] = exporters.logs.getFinishedLogRecords();
  expect(record).toMatchObject({ body: 'slice_begun', severityText: 'info', spanContext: { traceId: TRACE } });
  expect(record!.attributes).toEqual({ event: 'slice_begun', invocationId: 'inv-1', runId: 'run_00000000', turn: 1 });
  await telemetry.end();
});

it('begins a trace of its own where that is asked for, linked to the one around it', async () => {
  const exporters = inMemory();
  const { telemetry } = start(exporters);
  await telemetry.span('timer refresh', {}, () => telemetry.span('start run', { parent: 'new' }, () => Promise.resolve()));
  await telemetry.flush();
  const [inner, outer] = exporters.spans.getFinishedSpans();
  expect(inner!.spanContext().traceId).not.toBe(outer!.spanContext().traceId);
  expect(inner!.links.map(({ context }) => context.traceId)).toEqual([outer!.spanContext().traceId]);
  await telemetry.end();
});

it('at its end waits for what is about to end', async () => {
  const exporters = inMemory();
  const sent: string[] = [];
  exporters.spans.export = (spans, done) => {
    sent.push(...spans.map(({ name }) => name));
    done({ code: ExportResultCode.SUCCESS });
  };
  const { telemetry } = start(exporters);
  let end: () => void = () => undefined;
  const work = telemetry.invocation({ ...invocation, flushes: false }, () => new Promise<void>((resolve) => (end = resolve)));
  const ending = telemetry.end();
  await new Promise((resolve) => setImmediate(resolve));
  end();
  await Promise.all([work, ending]);
  expect(sent).toEqual(['process export-runs']);
});

it('does not call a wait a failure', async () => {
  const exporters = inMemory();
  const { telemetry } = start(exporters);
  await expect(telemetry.span('submit batch', {}, () => Promise.reject(new PaceWait(1)))).rejects.toThrow(PaceWait);
  await telemetry.flush();
  expect(exporters.spans.getFinishedSpans()[0]).toMatchObject({ status: { code: 0 }, attributes: {} });
  await telemetry.end();
});

it('is silent on standard output where the host would export that a second time', async () => {
  const exporters = inMemory();
  const { telemetry, lines } = start(exporters, { isHosted: true });
  telemetry.log('tick', { ok: true });
  await telemetry.flush();
  expect([lines, exporters.logs.getFinishedLogRecords().length]).toEqual([[], 1]);
  await telemetry.end();
  telemetry.log('tick', { ok: true });
  expect(lines).toHaveLength(1); // nobody else takes it any more
});

it('without a place to send to, does the work, bears ids in its lines, and loads nothing', async () => {
  const { telemetry, lines } = start(undefined);
  expect(telemetry.isOn).toBe(false);
  const answer = await telemetry.invocation(invocation, () =>
    telemetry.span('run slice', { fields: { runId: 'run_00000000' } }, async () => {
      telemetry.count('runs.ended', {});
      telemetry.log('slice_begun', {});
      return telemetry.traceparent() ?? 'none';
    }),
  );
  expect(answer).toBe('none');
  expect(lines).toEqual([{ event: 'slice_begun', severity: 'info', invocationId: 'inv-1', runId: 'run_00000000' }]);
});

it('an invocation that fails says so by code, and throws something without a text', async () => {
  const { telemetry, lines } = start(undefined);
  const failing = telemetry.invocation(invocation, () =>
    Promise.reject(Object.assign(new Error('ada@example.com'), { code: 'ECONNRESET' })),
  );
  await expect(failing).rejects.toThrow('Error ECONNRESET; the app’s log says more.');
  expect(lines).toMatchObject([{ event: 'invocation_failed', severity: 'error', what: 'process-export-runs', code: 'ECONNRESET' }]);
  expect(JSON.stringify(lines)).not.toContain('ada');
});

describe('an exporter that', () => {
  const broken: [string, Exporters['spans']['export']][] = [
    [
      'throws',
      () => {
        throw new Error('ada@example.com');
      },
    ],
    ['rejects where it should call back', () => Promise.reject(new Error('ada@example.com'))],
    [
      'calls back twice',
      (_, done) => {
        done({ code: ExportResultCode.FAILED });
        done({ code: ExportResultCode.SUCCESS });
      },
    ],
    ['hangs', () => undefined],
  ];
  it.each(broken)('%s changes nothing, keeps nobody waiting twice, and is told of once', async (_, exporting) => {
    const exporter = { export: exporting, shutdown: () => Promise.resolve(), forceFlush: () => Promise.resolve() };
    const { telemetry, lines } = start({ spans: exporter, logs: exporter as never, metrics: exporter as never }, { exportTimeoutMs: 200 });
    const rejections: unknown[] = [];
    const note = (reason: unknown): void => void rejections.push(reason);
    process.on('unhandledRejection', note);
    const work = () => telemetry.invocation(invocation, () => telemetry.span('run slice', {}, () => Promise.resolve('done')));
    // a hanging one takes the time of one wait at first; afterwards its flush is already under way and bounded as well
    expect([await work(), await work()]).toEqual(['done', 'done']);
    await new Promise((resolve) => setImmediate(resolve));
    await telemetry.end();
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
    expect(lines.filter(({ event }) => event === 'telemetry_not_sent').length).toBeLessThanOrEqual(1);
    expect(JSON.stringify(lines)).not.toContain('ada');
  });

  it('is not waited for again within a minute', async () => {
    let asked = 0;
    let nowMs = 0;
    const failing = {
      export: (_: unknown, done: (result: ExportResult) => void) => {
        asked += 1;
        done({ code: ExportResultCode.FAILED });
      },
      shutdown: () => Promise.resolve(),
      forceFlush: () => Promise.resolve(),
    };
    const telemetry = createTelemetry({
      settings,
      write: () => undefined,
      isHosted: true,
      exporters: () => Promise.resolve({ spans: failing, logs: failing, metrics: failing as never }),
      monotonicMs: () => nowMs,
    });
    telemetry.start();
    const work = () => telemetry.invocation(invocation, () => Promise.resolve());
    await work();
    expect(asked).toBe(1);
    nowMs = 59_000;
    await work();
    expect(asked).toBe(1);
    nowMs = 61_000;
    await work();
    expect(asked).toBeGreaterThan(1);
    await telemetry.end();
  });

  it.each([
    [true, [['notification', 'run_failed', 'first']]],
    [false, []],
  ])('does not keep notifications from the log (the host takes it from us: %s)', async (isHosted, expected) => {
    const failing = {
      export: (_: unknown, done: (result: ExportResult) => void) => done({ code: ExportResultCode.FAILED }),
      shutdown: () => Promise.resolve(),
      forceFlush: () => Promise.resolve(),
    };
    const { telemetry, lines } = start({ ...inMemory(), logs: failing }, { isHosted });
    telemetry.log('notification', { kind: 'run_failed', stage: 'first', name: 'Vip', sentence: 'It failed.' });
    telemetry.log('tick', { seconds: 1 });
    const before = lines.length;
    await telemetry.flush();
    const later = lines.slice(before).filter(({ event }) => event !== 'telemetry_not_sent');
    expect(later.map(({ event, kind, stage }) => [event, kind, stage])).toEqual(expected);
    await telemetry.end();
  });

  it('cannot be made is asked for again, and the work goes on', async () => {
    let made = 0;
    const lines: string[] = [];
    const exporters = inMemory();
    const telemetry = createTelemetry({
      settings,
      write: (line) => void lines.push(line),
      isHosted: true,
      exporters: () => ((made += 1) === 1 ? Promise.reject(new Error('no such place')) : Promise.resolve(exporters)),
    });
    telemetry.start();
    await telemetry.span('run slice', {}, () => Promise.resolve());
    await telemetry.flush();
    await telemetry.span('run slice', {}, () => Promise.resolve());
    await telemetry.flush();
    expect([made, exporters.spans.getFinishedSpans().length]).toEqual([2, 1]);
    expect(lines).toEqual([expect.stringMatching(/^\{"event":"telemetry_not_sent","severity":"warning","error":"Error"/)]);
    await telemetry.end();
  });
});
