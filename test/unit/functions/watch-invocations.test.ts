import { HttpRequest, InvocationContext, PreInvocationContext } from '@azure/functions';
import type { EffectiveFunctionOptions, PreInvocationHandler } from '@azure/functions';
import { watchInvocations } from '../../../functions/watch-invocations';
import { createTelemetry } from '../../../shared/platform/create-telemetry';
import type { Invocation } from '../../../shared/platform/create-telemetry';
import type { Attributes } from '../../../shared/platform/telemetry';

const HOST = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ADDRESS = 'ada@example.com';

/** Runs one invocation as the library would, with the hook in place. @returns what telemetry was told, and what the handler gave */
const invoke = async (
  name: string,
  trigger: Record<string, unknown>,
  input: unknown,
  {
    host = '',
    handler = () => undefined,
    metadata = {},
  }: { host?: string; handler?: () => unknown; metadata?: Record<string, unknown> } = {},
) => {
  let hook: PreInvocationHandler | undefined;
  let described: Invocation | undefined;
  const set: Attributes[] = [];
  const failures: unknown[] = [];
  const quiet = createTelemetry({
    settings: { serviceName: 'app', serviceVersion: '1', sampler: 'always_on', samplerRatio: 1 },
    write: () => undefined,
    isHosted: false,
  });
  watchInvocations({ hook: { preInvocation: (given: PreInvocationHandler) => void (hook = given) } } as never, {
    invocation: (given, work) => {
      described = given;
      return quiet.invocation(given, () =>
        work({ set: (attributes) => void set.push(attributes), fail: (error) => void failures.push(error) }),
      );
    },
  });
  const invocationContext = new InvocationContext({
    functionName: name,
    invocationId: 'inv-1',
    traceContext: { traceParent: host },
    triggerMetadata: metadata,
    options: { trigger } as unknown as EffectiveFunctionOptions,
  });
  const context = new PreInvocationContext({ inputs: [input], functionCallback: handler, invocationContext });
  await hook!(context);
  const result = await (context.functionHandler as (...inputs: unknown[]) => Promise<unknown>)(input, invocationContext).catch(
    (error: unknown) => error,
  );
  return { described: described!, set, failures, result };
};

const http = { type: 'httpTrigger', route: 'api/exports/{id}', methods: ['GET'] };
const request = (headers: Record<string, string> = {}) =>
  new HttpRequest({ method: 'GET', url: `http://localhost/api/exports/${ADDRESS}?q=${ADDRESS}`, headers });

it('a request is seen by its route, and joins the trace of the host, else that of its caller', async () => {
  const handler = () => ({ status: 503 });
  const alone = await invoke('getExport', http, request({ traceparent: HOST }), { handler });
  expect(alone).toMatchObject({
    described: { name: 'GET /api/exports/{id}', kind: 'server', parent: HOST, flushes: false, traced: true },
    set: [{ 'http.response.status_code': 503 }],
    failures: [{ code: '503' }],
    result: { status: 503 },
  });
  expect(JSON.stringify(alone.described)).not.toContain('ada');
  const hosted = await invoke('getExport', http, request({ traceparent: 'of the caller' }), { host: HOST });
  expect(hosted.described).toMatchObject({ kind: 'internal', parent: HOST });
});

it('a message is seen by its queue and id, and its telemetry is on its way when it ends', async () => {
  const trigger = { type: 'queueTrigger', queueName: 'export-requests' };
  const { described } = await invoke(
    'export-requests',
    trigger,
    { email: ADDRESS },
    { metadata: { id: 'm-1', dequeueCount: 2, queueTrigger: ADDRESS } },
  );
  expect(described).toMatchObject({
    name: 'process export-requests',
    kind: 'consumer',
    parent: undefined,
    flushes: true,
    attributes: { 'messaging.message.id': 'm-1', 'messaging.message.delivery_count': 2, 'messaging.destination.name': 'export-requests' },
  });
  expect(JSON.stringify(described)).not.toContain('ada');
});

it('the timer is no request, and pages of the portal are no trace', async () => {
  expect((await invoke('refresh', { type: 'timerTrigger' }, {})).described).toMatchObject({
    name: 'timer refresh',
    kind: 'internal',
    flushes: true,
  });
  expect((await invoke('portal', { ...http, route: 'portal/{*path}' }, request())).described.traced).toBe(false);
});

it('what a handler throws reaches the host without its text', async () => {
  const { result } = await invoke(
    'refresh',
    { type: 'timerTrigger' },
    {},
    {
      handler: () => {
        throw new Error(ADDRESS);
      },
    },
  );
  expect([(result as Error).message, (result as Error).stack].join()).not.toContain('ada');
});
