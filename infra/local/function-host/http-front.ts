import { randomUUID, timingSafeEqual } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { authenticate } from '../auth/app-service-authentication';
import { answerAuthPage } from '../auth/auth-pages';
import type { App, InvocationResult, Log, RegisteredFunction, TypedData } from './app';
import { createRouter } from './routes';

/** Largest request body of an HTTP trigger, in bytes (learn.microsoft.com "Azure Functions HTTP trigger", Limits). */
const maxBodyBytes = 100 * 1024 * 1024;

export interface HttpFrontOptions {
  readonly app: App;
  readonly routePrefix: string;
  readonly port: number;
  /** App Service Authentication in front, for callers of this tenant; undefined switches it off. */
  readonly tenantId: string | undefined;
  readonly functionKeys: readonly string[];
  readonly masterKey: string | undefined;
  readonly log: Log;
  readonly invoke: App['invoke'];
  /** Runs a timer or queue function now, for POST /admin/functions/{name}; undefined when there is none of that name. */
  readonly runNow: (functionName: string, input: string) => Promise<unknown> | undefined;
}

export interface HttpFront {
  readonly port: number;
  /** Takes no new requests, lets running ones end for `graceMs`, then cuts them off. */
  close(graceMs: number): Promise<void>;
}

interface RpcHttp {
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly RpcCookie[];
  readonly body?: TypedData | null;
}
interface RpcCookie {
  readonly name: string;
  readonly value: string;
  readonly domain?: { value: string };
  readonly path?: { value: string };
  readonly expires?: { value: { seconds?: number } | string | number | Date };
  readonly secure?: { value: boolean };
  readonly httpOnly?: { value: boolean };
  readonly sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone';
  readonly maxAge?: { value: number };
}

/**
 * Serves the app's HTTP triggers on 127.0.0.1, with App Service Authentication's stand-in before them.
 * @throws Error when the port is taken or a route is not possible on the platform
 */
export const startHttpFront = async (options: HttpFrontOptions): Promise<HttpFront> => {
  const { app, log } = options;
  const functions = new Map(app.functions.filter(isHttp).map((one) => [one.name, one]));
  const router = createRouter(
    [...functions.values()].map(({ name, trigger }) => ({
      functionName: name,
      template: typeof trigger.route === 'string' && trigger.route !== '' ? trigger.route : name,
      methods: (trigger.methods as string[] | undefined)?.map((method) => method.toUpperCase()),
    })),
    options.routePrefix,
  );
  for (const warning of router.warnings) log('warning', 'host', warning);
  // A connection each: the library closes idle ones after five seconds, and on a busy machine a request meets one that is just being closed.
  const proxyAgent = new http.Agent({ keepAlive: false });

  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const method = request.method ?? 'GET';
    // A page from elsewhere may point its own name at this machine and would then be an administrator here.
    if (!/^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(request.headers.host ?? '')) {
      return end(response, 400, 'The local host answers to localhost and 127.0.0.1 only');
    }
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const admin = /^\/admin\/functions\/([^/]+)$/.exec(url.pathname);
    if (admin && method === 'POST') return runFunction(options, request, response, url, admin[1]!);
    if (options.tenantId !== undefined) {
      const page = answerAuthPage({ method, url, headers: request.headers }, { tenantId: options.tenantId, now: new Date() });
      if (page !== undefined) return void response.writeHead(page.status, page.headers).end(page.body);
    }
    const found = router.match(method, url.pathname);
    if (found === undefined) return end(response, 404);
    const entry = functions.get(found.functionName)!;
    if (!isAllowed(entry, request, url, options)) return end(response, 401);
    let headers = withPeer(request);
    if (options.tenantId !== undefined) {
      const authenticated = authenticate(headers, { tenantId: options.tenantId, now: new Date() });
      if ('status' in authenticated) return end(response, authenticated.status, authenticated.message);
      headers = authenticated.headers;
    }
    if (Number(headers['content-length'] ?? 0) > maxBodyBytes) return end(response, 413);
    const invocation = { options, entry, request, response, url, headers, params: found.params };
    return app.httpUri === undefined ? answerWhole(invocation) : answerStreamed(invocation, app.httpUri, proxyAgent);
  };

  const server = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log('error', 'host', `${request.method} ${request.url?.split('?')[0]}: ${String(error)}`);
      if (response.headersSent) response.destroy();
      else end(response, 500);
    });
  });
  server.requestTimeout = 0; // the platform's front ends a request after 230 s without an answer, not while its body arrives
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${options.port} is taken: end the program that uses it, or choose another port`)
          : error,
      ),
    );
    server.listen(options.port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  return {
    port,
    close: (graceMs) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), graceMs);
        const idle = setInterval(() => server.closeIdleConnections(), 50); // clients keep theirs open after the last answer
        server.close(() => {
          clearTimeout(timer);
          clearInterval(idle);
          proxyAgent.destroy();
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
};

const isHttp = ({ trigger }: RegisteredFunction): boolean => trigger.type.toLowerCase() === 'httptrigger';

interface HttpInvocation {
  readonly options: HttpFrontOptions;
  readonly entry: RegisteredFunction;
  readonly request: http.IncomingMessage;
  readonly response: http.ServerResponse;
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
}

/** Functions' keys: level function takes a function key or the master key, admin the master key alone. */
const isAllowed = (
  { trigger }: RegisteredFunction,
  request: http.IncomingMessage,
  url: URL,
  { functionKeys, masterKey }: HttpFrontOptions,
): boolean => {
  const level = (typeof trigger.authLevel === 'string' ? trigger.authLevel : 'function').toLowerCase();
  if (level === 'anonymous') return true;
  const given = request.headers['x-functions-key'] ?? url.searchParams.get('code');
  const accepted = [...(level === 'function' ? functionKeys : []), ...(masterKey === undefined ? [] : [masterKey])];
  return typeof given === 'string' && accepted.some((key) => sameText(key, given));
};

/** As App Service's front end does: appends address and port of its peer to what the caller says of itself. */
const withPeer = ({ headers, socket }: http.IncomingMessage): http.IncomingHttpHeaders => {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`;
  const said = headers['x-forwarded-for'];
  return { ...headers, 'x-forwarded-for': said === undefined ? peer : `${String(said)}, ${peer}` };
};

const sameText = (a: string, b: string): boolean => {
  const [first, second] = [Buffer.from(a), Buffer.from(b)];
  return first.length === second.length && timingSafeEqual(first, second);
};

/** POST /admin/functions/{name} with the master key runs a function that HTTP does not trigger ("Manually run a non HTTP-triggered function"). */
const runFunction = async (
  { masterKey, runNow, log }: HttpFrontOptions,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  url: URL,
  functionName: string,
): Promise<void> => {
  const given = request.headers['x-functions-key'] ?? url.searchParams.get('code');
  if (masterKey === undefined || typeof given !== 'string' || !sameText(masterKey, given)) return end(response, 401);
  const body = await readBody(request);
  if (body === undefined) return end(response, 413);
  let input: unknown;
  try {
    input = body.length === 0 ? '' : ((JSON.parse(body.toString()) as { input?: unknown }).input ?? '');
  } catch {
    return end(response, 400);
  }
  const run = runNow(functionName, typeof input === 'string' ? input : JSON.stringify(input));
  if (run === undefined) return end(response, 404);
  run.catch((error: unknown) => log('error', functionName, String(error)));
  return end(response, 202);
};

/** Whole bodies both ways, as the worker protocol carries them. */
const answerWhole = async ({ options, entry, request, response, url, headers, params }: HttpInvocation): Promise<void> => {
  const method = request.method ?? 'GET';
  const body = await readBody(request);
  if (body === undefined) return end(response, 413);
  const nullable = (values: Iterable<[string, string]>) => Object.fromEntries([...values].map(([name, value]) => [name, { value }]));
  const data = {
    http: {
      method,
      url: url.href,
      nullableHeaders: nullable(textHeaders(headers)),
      nullableParams: nullable(Object.entries(params)),
      nullableQuery: nullable(url.searchParams),
      body: body.length === 0 || method === 'GET' || method === 'HEAD' ? undefined : { bytes: body },
    },
  };
  let result: InvocationResult;
  try {
    result = await options.invoke(entry.name, { data, invocationId: randomUUID() });
  } catch {
    return end(response, 500); // logged by invoke; the platform's answer has no text either
  }
  const answer = result.returnValue?.http as RpcHttp | undefined;
  if (answer === undefined) return end(response, 204);
  const status = Number(answer.statusCode ?? 200);
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if ((answer.cookies ?? []).length > 0) response.appendHeader('set-cookie', answer.cookies!.map(cookieText));
  const bytes = answer.body?.bytes ?? Buffer.alloc(0);
  if (status !== 204 && status !== 304) response.setHeader('content-length', bytes.byteLength);
  response.writeHead(status);
  response.end(method === 'HEAD' ? undefined : bytes);
};

type Outcome = { readonly answer: http.IncomingMessage } | { readonly status: number };

/** Streams both ways through the library's own server; an invocation that fails never answers there, so whichever is first decides. */
const answerStreamed = async (invocation: HttpInvocation, httpUri: string, agent: http.Agent): Promise<void> => {
  const { options, entry, request, response, url, headers, params } = invocation;
  const method = request.method ?? 'GET';
  const invocationId = randomUUID();
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const forwarded: http.OutgoingHttpHeaders = {
    ...headers,
    'x-ms-invocation-id': invocationId,
    'x-forwarded-host': url.host,
    'x-forwarded-proto': 'http',
  };
  for (const name of ['connection', 'keep-alive', 'upgrade', 'expect']) delete forwarded[name];
  if (!hasBody) {
    delete forwarded['content-length'];
    delete forwarded['transfer-encoding'];
    request.resume();
  }
  const proxied = http.request({
    host: '127.0.0.1',
    port: new URL(httpUri).port,
    path: url.pathname + url.search,
    method,
    headers: forwarded,
    agent,
  });
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    proxied.once('response', resolve);
    proxied.once('error', reject);
  });
  answered.catch(() => undefined);
  proxied.on('error', () => undefined);
  let receivedBytes = 0;
  if (hasBody) {
    request.on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
      if (receivedBytes > maxBodyBytes) proxied.destroy();
    });
    request.on('error', () => proxied.destroy());
    request.pipe(proxied);
  } else proxied.end();
  response.once('close', () => {
    if (!response.writableFinished) proxied.destroy();
  });
  const triggerMetadata: Record<string, TypedData> = { Headers: { json: JSON.stringify(Object.fromEntries(textHeaders(headers))) } };
  for (const [name, value] of Object.entries(params)) triggerMetadata[name] = { string: value };
  const invoked = options.invoke(entry.name, { data: { http: { method, url: url.href } }, triggerMetadata, invocationId });
  const outcome = await Promise.race<Outcome>([
    answered.then(
      (answer) => ({ answer }),
      () => ({ status: receivedBytes > maxBodyBytes ? 413 : 502 }),
    ),
    invoked.then(
      // A handler that returned something is answering on the library's server by now.
      ({ result }): Outcome | Promise<Outcome> =>
        result === undefined || result === null ? { status: 204 } : answered.then((answer): Outcome => ({ answer })),
      () => ({ status: 500 }),
    ),
  ]);
  if ('status' in outcome) {
    proxied.destroy();
    invoked.catch(() => undefined);
    return end(response, outcome.status);
  }
  const { answer } = outcome;
  // A handler whose body fails half-way leaves the library's answer open for ever: cut it off.
  invoked.catch(() => answer.destroy(new Error('the invocation failed while its answer was being sent')));
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !hopByHop.has(name)) response.setHeader(name, value);
  response.writeHead(answer.statusCode ?? 200);
  await pipeline(answer, response).catch((error: Error) => options.log('warning', entry.name, `The answer was cut off: ${error.message}`));
};

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'x-ms-invocation-id']);

/** Reads a body of at most 100 MB; undefined when it is longer. */
const readBody = async (request: http.IncomingMessage): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The socket must outlive an early end: the answer goes over it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
};

const textHeaders = (headers: http.IncomingHttpHeaders): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
  );

const cookieText = ({ name, value, domain, path, expires, secure, httpOnly, sameSite, maxAge }: RpcCookie): string => {
  const parts = [`${name}=${encodeURIComponent(value)}`];
  if (maxAge) parts.push(`Max-Age=${maxAge.value}`);
  if (domain) parts.push(`Domain=${domain.value}`);
  if (path) parts.push(`Path=${path.value}`);
  if (expires) parts.push(`Expires=${instant(expires.value).toUTCString()}`);
  if (httpOnly?.value) parts.push('HttpOnly');
  if (secure?.value) parts.push('Secure');
  if (sameSite && sameSite !== 'none') parts.push(`SameSite=${{ lax: 'Lax', strict: 'Strict', explicitNone: 'None' }[sameSite]}`);
  return parts.join('; ');
};

const instant = (value: { seconds?: number } | string | number | Date): Date =>
  typeof value === 'object' && !(value instanceof Date) ? new Date((value.seconds ?? 0) * 1000) : new Date(value);

const end = (response: http.ServerResponse, status: number, text = ''): void => {
  if (response.headersSent || response.destroyed) return;
  const headers: http.OutgoingHttpHeaders = status === 204 ? {} : { 'content-length': Buffer.byteLength(text) };
  if (text !== '') headers['content-type'] = 'text/plain';
  if (status === 413) headers.connection = 'close'; // the rest of the body is not read
  response.writeHead(status, headers).end(text);
};
