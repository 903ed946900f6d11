import { nodeOptions } from '../../infra/local/node-options';
import { startKeyVault } from '../../infra/local/key-vault/key-vault';
import { sampleFolder } from '../../infra/local/sample/sample';
import { startAzurite } from '../../infra/local/storage/azurite';
import { runProgram, startServer } from './children';
import { median } from './measure';
import type { DataTask, Landed, OursReport, OursTask, PeerReport, Truth } from './protocol';

/** Storage in a process of its own, the Key Vault stand-in in this one (which does nothing else meanwhile), and whoever plays Klaviyo. */
export const startCloud = async () => {
  const [azurite, vault] = await Promise.all([startAzurite(), startKeyVault()]);
  const env = {
    IDENTITY_ENDPOINT: vault.identityEndpoint,
    IDENTITY_HEADER: vault.identityHeader,
    NODE_EXTRA_CA_CERTS: vault.certPath,
    // an app setting, like the others; those we are compared with run as Node starts them
    NODE_OPTIONS: nodeOptions,
  };
  const settings = (klaviyoUrl: string, container: string): Record<string, string> => ({
    AzureWebJobsStorage: azurite.connectionString,
    KEY_VAULT_URL: vault.vaultUrl,
    KEY_VAULT_VERIFY_CHALLENGE: 'false',
    TENANT_ID: vault.tenantId,
    SOURCE_CONNECTION_STRING: azurite.connectionString,
    SOURCE_CONTAINER: container,
    SOURCE_FOLDER: sampleFolder,
    SOURCE_QUIET_SECONDS: '0',
    KLAVIYO_BASE_URL: klaviyoUrl,
    MAX_PROFILES_PER_EXPORT: '20000000',
  });
  return {
    /** connection string of the storage */
    storage: azurite.connectionString,
    /** environment of a process that uses the managed identity */
    identity: env,
    writeData: (task: Omit<DataTask, 'connectionString'>) =>
      runProgram<Truth>('data.js', { ...task, connectionString: azurite.connectionString }),
    /** Runs an export in a fresh process. @throws Error when the run did not end well */
    ours: async (
      klaviyoUrl: string,
      container: string,
      task: Omit<OursTask, 'settings'>,
      more: { readonly settings?: Readonly<Record<string, string>>; readonly env?: Readonly<Record<string, string>> } = {},
    ): Promise<OursReport> => {
      const given = { ...task, settings: { ...settings(klaviyoUrl, container), ...more.settings } };
      const outcome = await runProgram<OursReport>('ours.js', given, { ...env, ...more.env });
      if (outcome.state !== 'successful') throw new Error(`the run ended ${outcome.state}: ${outcome.error ?? 'no reason given'}`);
      return outcome;
    },
    /** Another instance of the app that works on the same queue until it is stopped. */
    helper: (klaviyoUrl: string, container: string) =>
      startServer('ours.js', [], /^ready/, { ...env, BENCH_TASK: JSON.stringify({ settings: settings(klaviyoUrl, container) }) }),
    close: () => Promise.all([azurite.close(), vault.close()]),
  };
};
export type Cloud = Awaited<ReturnType<typeof startCloud>>;

/** @param latencyMs when given, the sink keeps the published limits, too */
export const startSink = async ({ latencyMs }: { readonly latencyMs?: number } = {}) => {
  const { said: url, stop } = await startServer('sink.js', latencyMs === undefined ? [] : [String(latencyMs)], /http:\/\/127\.0\.0\.1:\d+/);
  return {
    url,
    /** What has arrived since the last call. */
    landed: async (): Promise<Landed> => {
      const answer = (await (await fetch(`${url}/_sink/landed`)).json()) as Landed;
      await fetch(`${url}/_sink/landed`, { method: 'DELETE' });
      return answer;
    },
    stop,
  };
};

/**
 * The Klaviyo sandbox; jobs complete at once, or from `startDelayMs` after their admission: working on rows takes a core of this machine,
 * and would be taken for latency.
 */
export const startSandbox = async ({
  startDelayMs,
  ...settings
}: {
  readonly limits: boolean;
  readonly latencyMs: number;
  readonly startDelayMs?: number;
}) => {
  const sandbox = await startServer('../../infra/local/klaviyo/main.js', ['--port', '0', '--instant'], /http:\/\/127\.0\.0\.1:\d+/);
  const url = sandbox.said;
  const control = async (path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${url}/_sandbox/${path}`, {
      ...(body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    if (!answer.ok) throw new Error(`the sandbox answered ${answer.status} to ${path}`);
    return answer.json();
  };
  await control('options', { ...settings, ...(startDelayMs === undefined ? {} : { processing: { rowsPerSecond: 1e6, startDelayMs } }) });
  return {
    url,
    members: async (): Promise<number> => ((await control('accounts/SANDBX/lists/LIST5K/members?count=true')) as { count: number }).count,
    /** Milliseconds of its own for the admission of an import body, in the middle. */
    admissionMs: async (): Promise<number> => {
      const log = (await control('log')) as readonly { method: string; path: string; latencyMs: number }[];
      return median(
        log.filter(({ method, path: called }) => method === 'POST' && called.endsWith('import-jobs')).map((one) => one.latencyMs),
      );
    },
    throttled: async (): Promise<number> => ((await control('state')) as { counters: { throttled: number } }).counters.throttled,
    stop: sandbox.stop,
  };
};

export const csvParse = (files: readonly string[]) => runProgram<PeerReport>('csv-parse.js', { files });
export const sdk = (files: readonly string[], url: string) => runProgram<PeerReport>('sdk.js', { files, url });
