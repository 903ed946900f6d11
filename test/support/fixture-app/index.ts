import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { app, type HttpRequest, type HttpResponseInit, type InvocationContext, output } from '@azure/functions';

/*
 * A function app for the function host's tests. What its functions saw goes, a line of JSON each, into the file FIXTURE_LOG.
 */
const { FIXTURE_LOG, FIXTURE_STREAM, FIXTURE_QUEUE, FIXTURE_ROUTE } = process.env;
const record = (what: string, seen: object = {}): void => {
  if (FIXTURE_LOG) appendFileSync(FIXTURE_LOG, `${JSON.stringify({ what, at: Date.now(), ...seen })}\n`);
};
const isStreaming = FIXTURE_STREAM === '1';
app.setup({ enableHttpStream: isStreaming });

const echo = async (request: HttpRequest): Promise<HttpResponseInit> => {
  const bytes = Buffer.from(await request.arrayBuffer());
  return {
    status: 201,
    headers: { 'x-fixture': 'echo' },
    cookies: [{ name: 'seen', value: 'a b', httpOnly: true, sameSite: 'Lax', maxAge: 60 }],
    jsonBody: {
      method: request.method,
      url: request.url,
      params: request.params,
      query: Object.fromEntries(request.query),
      headers: Object.fromEntries(request.headers),
      bytes: bytes.length,
      start: bytes.subarray(0, 20).toString(),
    },
  };
};

app.http('echo', { route: 'api/echo/{tenant}/{id:int?}', methods: ['GET', 'HEAD', 'PUT', 'POST'], authLevel: 'anonymous', handler: echo });
app.http('portal', { route: 'portal/{*path}', methods: ['GET'], authLevel: 'anonymous', handler: echo });
app.http('keyed', { route: 'api/keyed', methods: ['GET'], authLevel: 'function', handler: () => ({ body: 'in' }) });
app.http('managed', { route: 'api/managed', methods: ['GET'], authLevel: 'admin', handler: () => ({ body: 'in' }) });
app.http('empty', {
  route: 'api/empty',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => undefined as unknown as HttpResponseInit,
});
app.http('nothing', { route: 'api/nothing', methods: ['DELETE'], authLevel: 'anonymous', handler: () => ({ status: 204 }) });
app.http('fails', {
  route: 'api/fails',
  methods: ['GET', 'POST'],
  authLevel: 'anonymous',
  handler: () => {
    throw new Error('secret text of an error');
  },
});
app.http('env', {
  route: 'api/env',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: () => ({
    jsonBody: { auth: process.env.WEBSITE_AUTH_ENABLED, keys: process.env.LOCAL_FUNCTION_KEYS, rss: process.memoryUsage.rss() },
  }),
});
app.http('slow', {
  route: 'api/slow',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: async () => {
    record('slow started');
    await sleep(700);
    return { body: 'done' };
  },
});
app.http('stream', {
  route: 'api/stream',
  methods: ['GET'],
  authLevel: 'anonymous',
  handler: (request) => {
    const failAt = Number(request.query.get('failAt') ?? -1);
    return {
      headers: { 'content-type': 'text/plain' },
      body: (async function* () {
        for (let part = 0; part < 3; part++) {
          if (part === failAt) throw new Error('half-way');
          yield Buffer.from(`part ${part}\n`);
          await sleep(200);
        }
      })() as unknown as HttpResponseInit['body'],
    };
  },
});
app.http('send', {
  route: 'api/send',
  methods: ['POST'],
  authLevel: 'anonymous',
  extraOutputs: [output.storageQueue({ queueName: '%FIXTURE_QUEUE%', connection: 'AzureWebJobsStorage' })],
  handler: async (request, context) => {
    context.extraOutputs.set(Object.values(context.options.extraOutputs)[0]!, await request.json());
    return { status: 202 };
  },
});
if (FIXTURE_ROUTE) app.http('extra', { route: FIXTURE_ROUTE, methods: ['GET'], authLevel: 'anonymous', handler: echo });

if (FIXTURE_QUEUE) {
  app.storageQueue('worker', {
    queueName: '%FIXTURE_QUEUE%',
    connection: 'AzureWebJobsStorage',
    handler: async (message: unknown, context: InvocationContext) => {
      record('message', { message, type: typeof message, metadata: context.triggerMetadata });
      const { fail, failTimes, waitMs } = (typeof message === 'object' && message !== null ? message : {}) as Record<string, number>;
      if (waitMs) await sleep(waitMs);
      if (fail || Number(context.triggerMetadata?.dequeueCount) <= (failTimes ?? 0)) throw new Error('as asked');
      record('message done', { message });
    },
  });
  app.storageQueue('poisoned', {
    queueName: '%FIXTURE_QUEUE%-poison',
    connection: 'AzureWebJobsStorage',
    handler: (message: unknown, context: InvocationContext) => {
      record('poison', { message, metadata: context.triggerMetadata });
      if (process.env.FIXTURE_POISON_FAILS) throw new Error('as asked');
    },
  });
}
if (process.env.FIXTURE_SCHEDULE) {
  app.timer('tick', {
    schedule: '%FIXTURE_SCHEDULE%',
    runOnStartup: process.env.FIXTURE_RUN_ON_STARTUP === '1',
    useMonitor: process.env.FIXTURE_NO_MONITOR !== '1',
    handler: async (timer) => {
      record('tick', { timer });
      await sleep(Number(process.env.FIXTURE_TICK_MS ?? 0));
      record('tick done');
    },
  });
}

app.hook.appStart(() => record('appStart'));
app.hook.preInvocation((context) => record('preInvocation', { function: context.invocationContext.functionName }));
app.hook.postInvocation((context) =>
  record('postInvocation', { function: context.invocationContext.functionName, failed: context.error !== null }),
);
app.hook.appTerminate(() => record('appTerminate'));
