import { availableParallelism } from 'node:os';
import { startKeyVault } from '../../infra/local/key-vault/key-vault';
import { nodeOptions } from '../../infra/local/node-options';
import { sampleFolder } from '../../infra/local/sample/sample';
import { startAzurite } from '../../infra/local/storage/azurite';
import { runProgram } from './children';
import { startSandbox } from './cloud';
import { writePart } from './page';
import type { ApiReport, RouteReport } from './protocol';

/** `npm run bench -- --api`: what a call of each route costs with a thousand exports and a hundred thousand runs in the tables. */
export interface ApiBenchOptions {
  readonly quick: boolean;
  readonly write: boolean;
  readonly only?: readonly string[];
}

const OWN_MS = 5;
const HEADING = '# Calls of the API';
const ms = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(1));
const worstOwn = ({ alone, together }: RouteReport): number => Math.max(alone.own.p99, together?.own.p99 ?? 0);
const misses = (route: RouteReport): string[] => [
  ...(route.storageCalls.max > route.atMost ? ['calls'] : []),
  ...(worstOwn(route) >= OWN_MS ? ['own share'] : []),
];

const toTable = (routes: readonly RouteReport[]): string =>
  [
    '| Route | Storage calls | At most | Alone: whole, p50 / p99 | own | CPU, p50 | 50 callers: whole, p50 / p99 | own | Verdict |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...routes.map((route) => {
      const { operation, storageCalls, atMost, alone, together } = route;
      const calls = storageCalls.min === storageCalls.max ? String(storageCalls.max) : `${storageCalls.min}–${storageCalls.max}`;
      const pair = (values: { p50: number; p99: number } | undefined): string => `${ms(values?.p50)} / ${ms(values?.p99)}`;
      const verdict = misses(route).length === 0 ? 'met' : `missed: ${misses(route).join(', ')}`;
      return `| \`${operation}\` | ${calls} | ${atMost} | ${pair(alone.total)} | ${pair(alone.own)} | ${ms(alone.cpu.p50)} | ${pair(together?.total)} | ${pair(together?.own)} | ${verdict} |`;
    }),
  ].join('\n');

export const benchApi = async ({ quick, write, only }: ApiBenchOptions, say: (text: string) => void): Promise<void> => {
  const [azurite, vault, klaviyo] = await Promise.all([startAzurite(), startKeyVault(), startSandbox({ limits: false, latencyMs: 0 })]);
  const segments = ['Loyal', 'NewCustomers'].map((name) => ({ name, rows: 1_000 }));
  await runProgram('data.js', {
    connectionString: azurite.connectionString,
    container: 'lake',
    segments,
    generation: 0,
    refreshedAt: '2026-11-23T02:33:00Z',
  });
  const [exportCount, runsPerExport] = quick ? [1_000, 5] : [1_000, 100];
  const { routes, seedMs, rssMb } = await runProgram<ApiReport>(
    'api-app.js',
    {
      exports: exportCount,
      runsPerExport,
      serial: quick ? 10 : 40,
      concurrent: quick ? 50 : 200,
      ...(only === undefined ? {} : { only }),
      settings: {
        AzureWebJobsStorage: azurite.connectionString,
        KEY_VAULT_URL: vault.vaultUrl,
        KEY_VAULT_VERIFY_CHALLENGE: 'false',
        TENANT_ID: vault.tenantId,
        SOURCE_CONNECTION_STRING: azurite.connectionString,
        SOURCE_CONTAINER: 'lake',
        SOURCE_FOLDER: sampleFolder,
        SOURCE_QUIET_SECONDS: '0',
        KLAVIYO_BASE_URL: klaviyo.url,
        WEBSITE_AUTH_ENABLED: 'True',
      },
    },
    {
      IDENTITY_ENDPOINT: vault.identityEndpoint,
      IDENTITY_HEADER: vault.identityHeader,
      NODE_EXTRA_CA_CERTS: vault.certPath,
      NODE_OPTIONS: nodeOptions,
    },
  );
  await Promise.all([azurite.close(), vault.close(), klaviyo.stop()]);

  const table = toTable(routes);
  say(
    `${exportCount.toLocaleString('en')} exports and ${(exportCount * runsPerExport).toLocaleString('en')} runs, laid down in ${(seedMs / 1_000).toFixed(0)} s; ${rssMb.toFixed(0)} MB at most`,
  );
  say(`\n${table}\n`);
  const missed = routes.filter((route) => misses(route).length > 0);
  const reasons = missed.map((route) => `- \`${route.operation}\`: ${route.because ?? misses(route).join(', ')}`);
  say(missed.length === 0 ? 'All goals are met.' : `Missed:\n${reasons.join('\n')}`);
  if (write) {
    const text = `${HEADING}

\`npm run bench -- --api\` makes these figures (\`-- --quick\`: few runs, few calls; \`-- --write\` writes this part of the page). Handlers
run in a process of their own without the host, on ${exportCount.toLocaleString('en')} exports and ${(exportCount * runsPerExport).toLocaleString('en')} runs in Azurite's tables; milliseconds, on ${availableParallelism()} cores with Node ${process.versions.node}.

${table}

${missed.length === 0 ? 'All goals are met.' : reasons.join('\n')}

- **Storage calls** are those of the app's own tables, queues and blobs, retries included, least and most of all calls of the route. The
  source's container, the vault and Klaviyo are not among them. The count is a test, too: \`test/integration/route-costs.test.ts\`.
- **Whole** is the time from the handler's call to its answer as text; **own** is what is left of it without the spans in which at least one
  call to storage, vault or Klaviyo was open (calls at once count once). The goal is an own share below ${OWN_MS} ms at p99.
- **Alone**: one call after the other. **50 callers**: at once, on the one event loop of the process. There **own** is the processor's time
  for this call (async hooks tell whose callback runs, and take time themselves); the rest of the whole is waiting for services and for
  the loop, which one process has one of.
- **CPU** is that of the thread during a call that is alone, HTTP client and kernel included.
`;
    await writePart(text);
  }
  const figures = routes.map(({ operation, storageCalls, alone, together }) => [
    operation,
    { calls: storageCalls.max, ownP99: Number(ms(alone.own.p99)), ownP99Together: together ? Number(ms(together.own.p99)) : null },
  ]);
  say(JSON.stringify({ missed: missed.map(({ operation }) => operation), routes: Object.fromEntries(figures) }));
};
