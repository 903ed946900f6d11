import { gunzipSync } from 'node:zlib';
import { HttpRequest, InvocationContext } from '@azure/functions';
import type { HttpFunctionOptions } from '@azure/functions';
import { BlobServiceClient } from '@azure/storage-blob';
import { openApiOf } from '../../functions/http/openapi';
import { registerHttp } from '../../functions/http/register-all';
import { authenticate } from '../../infra/local/auth/app-service-authentication';
import type { LocalRole } from '../../infra/local/auth/app-service-authentication';
import { createRouter } from '../../infra/local/function-host/routes';
import { startKlaviyoSandbox } from '../../infra/local/klaviyo/server';
import { sampleFolder, writeSample } from '../../infra/local/sample/sample';
import { createContainerSink } from '../../infra/local/sample/sinks';
import { startAzurite } from '../../infra/local/storage/azurite';
import { parseEnv } from '../../shared/env';
import { ensureStorage } from '../../shared/platform/provision';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { createContract } from './contract';
import type { Contract } from './contract';
import { startTrustedVault } from './trusted-vault';

export interface ApiCall {
  /** whose call; default Administrator */
  readonly as?: LocalRole;
  readonly body?: unknown;
  /** sent as it is instead of a JSON body */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly ifMatch?: string;
  /** in place of the principal headers that App Service Authentication sets */
  readonly principal?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** the JSON body; {} where there is none */
  readonly json: Record<string, unknown> & {
    readonly value: Record<string, unknown>[];
    readonly errors: { pointer: string; detail: string }[];
  };
  readonly text: string;
}

const { signal } = new AbortController();
const textOf = async (body: unknown, { gzipped }: { gzipped: boolean }): Promise<string> => {
  if (body === undefined || body === null) return '';
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(gzipped ? gunzipSync(body) : body).toString('utf8');
  const parts: Buffer[] = [];
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString('utf8');
};

/**
 * Calls the app's routes as the host would, behind App Service Authentication's stand-in; the app must have that switched on. Every answer
 * is held against the API's description.
 * @param checked false where time is measured: answers are not held against the description
 * @param around told of each call of a handler, by the name of its operation; does it and may look at it
 */
export const createCaller = (
  services: Services,
  {
    tenantId,
    around = (_operation, work) => work(),
    checked = true,
  }: {
    tenantId: string;
    checked?: boolean;
    around?: <T>(operation: string, work: () => Promise<T>) => Promise<T>;
  },
) => {
  const functions = new Map<string, HttpFunctionOptions>();
  const definitions = registerHttp({ http: (name: string, options: HttpFunctionOptions) => functions.set(name, options) }, services);
  const router = createRouter(
    [...functions].map(([name, { route, methods }]) => ({ functionName: name, template: route ?? name, methods })),
    '',
  );

  let contract: Contract | undefined;
  let count = 0;
  const call = async (
    method: string,
    target: string,
    { as = 'Administrator', body, raw, headers = {}, ifMatch, principal }: ApiCall = {},
  ): Promise<ApiAnswer> => {
    const url = new URL(target, 'http://localhost:7071');
    const found = router.match(method, url.pathname);
    if (!found) throw new Error(`no route ${method} ${url.pathname}`);
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const signedIn = authenticate(
      {
        host: 'localhost:7071',
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
        ...headers,
        'x-local-role': principal ? 'Anonymous' : as,
      },
      { tenantId: tenantId, now: new Date() },
    );
    if (!('headers' in signedIn)) throw new Error(signedIn.message);
    const request = new HttpRequest({
      method,
      url: url.href,
      headers: { ...(signedIn.headers as Record<string, string>), ...principal },
      query: Object.fromEntries(url.searchParams),
      params: { ...found.params },
      ...(sent === undefined ? {} : { body: typeof sent === 'string' ? { string: sent } : { bytes: sent } }),
    });
    const context = new InvocationContext({ invocationId: `invocation-${(count += 1)}` });
    // the library makes the text of a JSON body, or reads a stream, right after the handler
    const { answer, text } = await around(found.functionName, async () => {
      const answered = (await functions.get(found.functionName)!.handler(request, context)) as {
        status: number;
        headers: Record<string, string>;
        body?: unknown;
        jsonBody?: unknown;
      };
      return {
        answer: answered,
        text:
          answered.jsonBody === undefined
            ? await textOf(answered.body, { gzipped: answered.headers['content-encoding'] === 'gzip' })
            : JSON.stringify(answered.jsonBody),
      };
    });
    const answered = new Headers(answer.headers);
    if (answer.jsonBody !== undefined) answered.set('content-type', 'application/json'); // as the library does
    const isJson = (answered.get('content-type') ?? '').includes('json');
    if (checked) contract ??= createContract(openApiOf(definitions));
    contract?.check({ method, target: url.pathname, status: answer.status, headers: answered, text });
    return {
      status: answer.status,
      headers: answered,
      text,
      json: (isJson && text !== '' ? JSON.parse(text) : {}) as ApiAnswer['json'],
    };
  };

  return { call, definitions };
};

/**
 * The app's HTTP side on real Azurite, the Key Vault stand-in and the Klaviyo sandbox, without a host: handlers are called as the host
 * would, behind App Service Authentication's stand-in. One per test file.
 * @param log takes the lines of the app's log in place of standard output
 */
export const startApi = async ({ settings = {}, log }: { settings?: Record<string, string>; log?: (line: string) => void } = {}) => {
  const [azurite, vault, klaviyo] = await Promise.all([
    startAzurite(),
    startTrustedVault(),
    startKlaviyoSandbox({ limits: false, processing: 'instant' }),
  ]);

  const source = BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('lake');
  await source.create();
  await writeSample(
    {
      segments: [
        { name: 'Loyal', rows: 100 },
        { name: 'NewCustomers', rows: 100 },
      ],
      seed: 1,
      refreshedAt: new Date('2026-11-23T02:33:00Z'),
      containerUrl: source.url,
      sink: createContainerSink(source),
    },
    { signal },
  );

  const withoutAuthentication = {
    AzureWebJobsStorage: azurite.connectionString,
    KEY_VAULT_URL: vault.vaultUrl,
    KEY_VAULT_VERIFY_CHALLENGE: 'false',
    TENANT_ID: vault.tenantId,
    SOURCE_CONNECTION_STRING: azurite.connectionString,
    SOURCE_CONTAINER: 'lake',
    SOURCE_FOLDER: sampleFolder,
    SOURCE_QUIET_SECONDS: '0',
    KLAVIYO_BASE_URL: klaviyo.url,
  };
  const env = { ...withoutAuthentication, WEBSITE_AUTH_ENABLED: 'True', ...settings };
  const services = createServices(parseEnv(env), log ? { write: log } : {});
  await ensureStorage(services, { signal });

  const { call, definitions } = createCaller(services, { tenantId: vault.tenantId });

  return {
    call,
    services,
    definitions,
    azurite,
    vault,
    klaviyo,
    /** settings of a function host of its own on the same stores, which brings its own authentication */
    hostEnv: {
      ...withoutAuthentication,
      IDENTITY_ENDPOINT: vault.identityEndpoint,
      IDENTITY_HEADER: vault.identityHeader,
      NODE_EXTRA_CA_CERTS: vault.certPath,
    },
    close: async (): Promise<void> => {
      await services.klaviyo.close();
      await Promise.all([azurite.close(), vault.close(), klaviyo.close()]);
    },
  };
};

export type Api = Awaited<ReturnType<typeof startApi>>;

/** The body of a connection that works. */
export const aConnection = (more: Record<string, unknown> = {}) => ({
  displayName: `Klaviyo ${Math.random()}`,
  apiKey: 'pk_sandbox_full',
  agreed: true,
  ...more,
});

/** The body of an export that works. */
export const anExport = (more: Record<string, unknown> = {}) => ({
  name: 'VIP newsletter',
  listId: 'LIST5K',
  segments: ['Loyal'],
  mapping: { email: 'EMail' },
  ...more,
});
