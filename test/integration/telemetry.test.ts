import { InMemoryLogRecordExporter } from '@opentelemetry/sdk-logs';
import { AggregationTemporality, InMemoryMetricExporter } from '@opentelemetry/sdk-metrics';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { ContainerClient } from '@azure/storage-blob';
import { QueueClient } from '@azure/storage-queue';
import { parseEnv } from '../../shared/env';
import type { Exporters } from '../../shared/platform/open-telemetry';
import { RunMessage } from '../../shared/runs/run';
import type { Run } from '../../shared/runs/run';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { startCountingProxy } from '../support/counting-proxy';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`;
const ROWS = 12_000;

let fixture: RunnerFixture;
beforeAll(async () => {
  fixture = await startRunnerFixture();
  await fixture.writeSegments({
    segments: [
      { name: 'HighValueSegment', rows: ROWS },
      { name: 'Few', rows: 50 },
    ],
  });
}, 60_000);
const apps: Services[] = [];
afterAll(async () => {
  for (const app of apps) {
    await app.telemetry.end();
    await app.klaviyo.close();
  }
  await fixture.close();
});

const inMemory = () => ({
  spans: new InMemorySpanExporter(),
  metrics: new InMemoryMetricExporter(AggregationTemporality.DELTA),
  logs: new InMemoryLogRecordExporter(),
});
type InMemory = ReturnType<typeof inMemory>;

/** An instance of the app whose telemetry goes there. */
const instance = (exporters: Exporters, { onLog = (_event: string): void => undefined, exportTimeoutMs = 20_000 } = {}): Services => {
  const app = createServices(parseEnv(fixture.environment), {
    write: (line) => onLog((JSON.parse(line) as { event: string }).event),
    telemetry: { exporters: () => Promise.resolve(exporters), exportTimeoutMs },
  });
  app.telemetry.start();
  apps.push(app);
  return app;
};

/** Hands a message to the app as the trigger of a queue does. */
const deliver = (app: Services, queue: string, work: () => Promise<void>): Promise<void> =>
  app.telemetry.invocation(
    { name: `process ${queue}`, invocationId: 'inv-1', kind: 'consumer', attributes: {}, flushes: true, traced: true },
    work,
  );
const request = (app: Services, body: object): Promise<void> =>
  deliver(app, 'export-requests', () => app.requests.receive(body, { messageId: 'm-1', attempt: 1, signal: testSignal() }));

const onlyRun = async (exportId: string): Promise<Run> => {
  const [run] = await fixture.services.runStore.newestOfExport(exportId as never, { size: 1, signal: testSignal() });
  return run!;
};
const toEnd = async (app: Services, run: Run): Promise<Run> => {
  await fixture.pump(() => fixture.ended(run.id), { app });
  return fixture.services.runs.get(run.id, { signal: testSignal() });
};

const named = (spans: readonly ReadableSpan[], name: string) => spans.filter((span) => span.name === name);
const traceOf = (span: ReadableSpan) => span.spanContext().traceId;

/** The sum of a metric for each value of one of its attributes. */
const sums = ({ metrics }: InMemory, name: string, attribute: string): Record<string, number> => {
  const points = metrics
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    .filter(({ descriptor }) => descriptor.name === name)
    .flatMap(({ dataPoints }) => dataPoints as { attributes: Record<string, string>; value: number | { sum: number } }[]);
  const found: Record<string, number> = {};
  for (const { attributes, value } of points) {
    const of = attributes[attribute] ?? '';
    found[of] = (found[of] ?? 0) + (typeof value === 'number' ? value : value.sum);
  }
  return found;
};

it('one trace goes from a request of another system through the queue to each call to Klaviyo, with a span per slice, phase and batch', async () => {
  const seen = inMemory();
  const app = instance(seen);
  const segmentExport = await fixture.anExport(await fixture.connect());
  const callsBefore = await klaviyoCalls();
  await request(app, { version: 1, type: 'run', exportId: segmentExport.id, traceparent });
  const run = await toEnd(app, await onlyRun(segmentExport.id));
  await app.telemetry.flush();
  const calls = (await klaviyoCalls()) - callsBefore;

  expect(run.state).toBe('successful');
  const spans = seen.spans.getFinishedSpans();
  const outside = spans.filter((span) => traceOf(span) !== TRACE);
  expect(outside.map(({ name }) => name)).toEqual(['process export-requests']); // the host's own, to which the request is linked
  const [start] = named(spans, 'start run');
  const slices = named(spans, 'run slice');
  expect(slices.length).toBeGreaterThan(1);
  // beside one another, not one within the other: a run may have thousands
  expect(new Set(slices.map(({ parentSpanContext }) => parentSpanContext?.spanId))).toEqual(new Set([start!.spanContext().spanId]));
  expect(slices.map(({ attributes }) => attributes['run.id'])).toEqual(slices.map(() => run.id));
  const phases = spans.filter(({ name }) => name.startsWith('phase ')).map(({ name }) => name.slice('phase '.length));
  expect(new Set(phases)).toEqual(new Set(['prepare', 'gate', 'canary', 'submit', 'settle', 'remove', 'verify', 'finish']));
  const numbers = (name: string) => named(spans, name).map(({ attributes }) => attributes['run.batch.number']);
  expect(run.jobs.total).toBe(3);
  expect(numbers('submit batch').sort()).toEqual([1, 2, 3]);
  expect(numbers('settle batch').sort()).toEqual([1, 2, 3]);

  const toKlaviyo = spans.filter(({ attributes }) => attributes['klaviyo.operation'] !== undefined);
  expect(toKlaviyo).toHaveLength(calls);
  const [post] = named(spans, 'POST /api/profile-bulk-import-jobs');
  expect(post!.attributes).toMatchObject({
    'http.request.method': 'POST',
    'url.template': '/api/profile-bulk-import-jobs',
    'http.response.status_code': 202,
    'http.request.resend_count': 0,
    'server.address': '127.0.0.1',
  });
  const byId = new Map(spans.map((span) => [span.spanContext().spanId, span]));
  expect(byId.get(post!.parentSpanContext!.spanId)?.name).toBe('submit batch');

  // a few a batch, none a row
  expect(spans.length).toBeLessThan(100);
  const ofRun = seen.logs.getFinishedLogRecords().filter(({ attributes }) => attributes.runId !== undefined);
  expect(ofRun.map(({ attributes }) => attributes.event)).toEqual(expect.arrayContaining(['run_submitted', 'slice_begun', 'run_ended']));
  expect(ofRun.filter(({ attributes }) => attributes.event === 'slice_begun')).toHaveLength(slices.length);
  for (const { attributes, spanContext } of ofRun) {
    expect([attributes.event, attributes.runId, attributes.exportId, spanContext?.traceId]).toEqual([
      attributes.event,
      run.id,
      segmentExport.id,
      TRACE,
    ]);
  }

  const { read: _, sent: _sent, expected: _expected, found: _found, phonesDropped: _phones, ...outcomes } = run.counts;
  expect(sums(seen, 'run.rows', 'outcome')).toEqual(Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0)));
  expect(sums(seen, 'runs.ended', 'state')).toEqual({ successful: 1 });
  expect(sums(seen, 'import.jobs', 'outcome')).toEqual({ complete: 3 });
  expect(sums(seen, 'klaviyo.calls', 'statusClass')).toEqual({ '2xx': calls });
  expect(sums(seen, 'run.phase.duration', 'phase')).toEqual(run.phases);
  expect(Object.keys(sums(seen, 'refresh.lag', ''))).toHaveLength(1);
}, 60_000);

const klaviyoCalls = async (): Promise<number> => {
  const { counters } = (await fixture.sandboxState()) as { counters: { requests: number } };
  return counters.requests;
};

it('another instance that takes over after a crash goes on in the same trace, as the run knows it', async () => {
  const seen = inMemory();
  const dying = new AbortController();
  const first = instance(seen, {
    onLog: (event) => {
      if (event === 'slice_begun') dying.abort(new Error('the host dies'));
    },
  });
  const second = instance(seen);
  const segmentExport = await fixture.anExport(await fixture.connect(), { segments: ['Few'] });
  await request(first, { version: 1, type: 'run', exportId: segmentExport.id, traceparent });
  const { id } = await onlyRun(segmentExport.id);
  const message = await nextMessage();
  await deliver(first, 'export-runs', () => first.advanceRun(message, { signal: dying.signal }));
  const runs = new ContainerClient(fixture.azurite.connectionString, 'runs');
  await runs.getBlobClient(`${id}/run.json`).getBlobLeaseClient().breakLease(0);
  await fixture.queue.sendMessage(JSON.stringify({ exportId: segmentExport.id, runId: id, turn: message.turn + 1 }));

  const run = await toEnd(second, await onlyRun(segmentExport.id));
  for (const app of [first, second]) await app.telemetry.flush();
  expect(run.state).toBe('successful');
  const slices = named(seen.spans.getFinishedSpans(), 'run slice');
  expect(slices.map(({ status }) => status.code)).toEqual([2, ...slices.slice(1).map(() => 0)]);
  expect(new Set(slices.map(traceOf))).toEqual(new Set([TRACE]));
  expect(new Set(slices.map(({ resource }) => resource.attributes['service.instance.id'])).size).toBe(2);
}, 60_000);

const nextMessage = async (): Promise<RunMessage> => {
  const { receivedMessageItems } = await fixture.queue.receiveMessages({ numberOfMessages: 1, visibilityTimeout: 600 });
  return RunMessage.parse(JSON.parse(receivedMessageItems[0]!.messageText));
};

it('the age of the oldest message is measured for each queue, and looked for only where somebody listens', async () => {
  const seen = inMemory();
  const app = instance(seen);
  const requests = new QueueClient(fixture.azurite.connectionString, 'export-requests');
  await requests.sendMessage('waits');
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  await app.watchQueues({ signal: testSignal() });
  await app.telemetry.flush();
  const ages = sums(seen, 'queue.oldest.age', 'queue');
  // none of those that nobody takes from
  expect(Object.keys(ages).sort()).toEqual(['export-requests', 'export-runs', 'export-runs-poison', 'export-starts']);
  expect(ages['export-runs']).toBe(0);
  expect(ages['export-requests']).toBeGreaterThan(0);
  await requests.clearMessages();

  const proxy = await startCountingProxy(fixture.azurite);
  const quiet = createServices(parseEnv({ ...fixture.environment, AzureWebJobsStorage: proxy.connectionString }));
  expect(await proxy.during(() => quiet.watchQueues({ signal: testSignal() }))).toEqual([]);
  await quiet.klaviyo.close();
  await proxy.close();
});

it('a place that takes nothing changes nothing of a run', async () => {
  const hanging = { export: () => undefined, shutdown: () => Promise.resolve(), forceFlush: () => Promise.resolve() };
  const throwing = {
    ...hanging,
    export: () => {
      throw new Error('no');
    },
  };
  const app = instance({ spans: hanging, metrics: throwing, logs: hanging }, { exportTimeoutMs: 1_000 });
  const segmentExport = await fixture.anExport(await fixture.connect(), { segments: ['Few'] });
  await request(app, { version: 1, type: 'run', exportId: segmentExport.id });
  const run = await toEnd(app, await onlyRun(segmentExport.id));
  expect([run.state, run.counts.accepted]).toEqual(['successful', run.counts.sent]);
}, 60_000);
