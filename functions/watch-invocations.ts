import type { app as App, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { AppTelemetry } from '../shared/platform/create-telemetry';

/** Asked for by every browser and every probe, and nothing that could be looked for in a trace. */
const UNTRACED = new Set(['portal', 'portalHome', 'getHealth']);

type Described = Parameters<AppTelemetry['invocation']>[0];

/** What telemetry says of an invocation: names of the code and ids, never an address as it was called, nor a message. */
const describe = (
  { functionName, invocationId, options, traceContext, triggerMetadata = {} }: InvocationContext,
  input: unknown,
): Described => {
  const { trigger } = options;
  // the host's own trace; it is a request there already, so ours is work within it
  const host = traceContext?.traceParent === '' ? undefined : traceContext?.traceParent;
  const common = { invocationId, parent: host, traced: !UNTRACED.has(functionName) };
  const faas = { 'faas.name': functionName } as const;
  if (trigger.type === 'httpTrigger') {
    const { method, headers } = input as HttpRequest;
    const route = `/${String(trigger.route)}`;
    return {
      ...common,
      name: `${method} ${route}`,
      kind: host === undefined ? 'server' : 'internal',
      parent: host ?? headers.get('traceparent') ?? undefined,
      attributes: { ...faas, 'faas.trigger': 'http', 'http.request.method': method, 'http.route': route },
      flushes: false,
    };
  }
  if (trigger.type === 'queueTrigger') {
    const queue = String(trigger.queueName);
    return {
      ...common,
      name: `process ${queue}`,
      kind: host === undefined ? 'consumer' : 'internal',
      attributes: {
        ...faas,
        'faas.trigger': 'pubsub',
        'messaging.system': 'azure_storage_queue',
        'messaging.destination.name': queue,
        'messaging.operation.name': 'process',
        'messaging.operation.type': 'process',
        ...(typeof triggerMetadata.id === 'string' ? { 'messaging.message.id': triggerMetadata.id } : {}),
        ...(Number(triggerMetadata.dequeueCount) >= 1 ? { 'messaging.message.delivery_count': Number(triggerMetadata.dequeueCount) } : {}),
      },
      flushes: true,
    };
  }
  return { ...common, name: `timer ${functionName}`, kind: 'internal', attributes: { ...faas, 'faas.trigger': 'timer' }, flushes: true };
};

/**
 * Puts telemetry around every invocation: its span joins the host's trace, its log lines bear its id, what it throws reaches the host without
 * its text, and what is to be sent is on its way when a queue's or the timer's ends, as the instance may be gone soon after.
 * @see @azure/functions 4.16.5: a preInvocation hook may replace the handler
 */
export const watchInvocations = (app: Pick<typeof App, 'hook'>, telemetry: Pick<AppTelemetry, 'invocation'>): void => {
  app.hook.preInvocation((hook) => {
    const { functionHandler, invocationContext } = hook;
    hook.functionHandler = (input: unknown, ...rest: unknown[]) => {
      const described = describe(invocationContext, input);
      return telemetry.invocation(described, async (span) => {
        const result: unknown = await (functionHandler as (...inputs: unknown[]) => unknown)(input, ...rest);
        if (described.attributes['faas.trigger'] === 'http') {
          const { status = 200 } = (result ?? {}) as HttpResponseInit;
          span.set({ 'http.response.status_code': status });
          if (status >= 500) span.fail({ code: String(status) });
        }
        return result;
      });
    };
  });
};
