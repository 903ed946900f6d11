import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLog, readRecord, writeRecord } from './data-folder';
import { WORKER_RESTART_CODE } from './function-host/chaos';
import { type FunctionHostProcess, spawnFunctionHost } from './function-host/spawn';
import { startKeyVault } from './key-vault/key-vault';
import { watchMemory } from './memory';
import { nodeOptions } from './node-options';
import { spawnPart } from './part-process';
import { portOrAny } from './ports';
import { sampleFolder } from './sample/sample';
import { type LocalSegment, SOURCE_CONTAINER } from './segments';
import { startAzurite } from './storage/azurite';

/** Settings of the app that may be tried out: set in the environment of `npm start`, they replace the values below. */
const ADJUSTABLE = [
  'SOURCE_QUIET_SECONDS',
  'KLAVIYO_GZIP',
  'MAX_PROFILES_PER_EXPORT',
  'RUN_SLICE_SECONDS',
  'RUN_LEASE_SECONDS',
  'RUN_GUARD_SECONDS',
  'TICK_SCHEDULE',
  'ALLOW_FUNCTION_KEYS',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
] as const;

/** The function key of the local host, where ALLOW_FUNCTION_KEYS is on; no secret, as the host answers to this machine only. */
export const LOCAL_FUNCTION_KEY = 'local-function-key';

/**
 * A dead runner is replaced sooner than on Azure, and the timer looks every ten seconds: nobody likes to wait at a desk. Receivers of
 * notifications may lie on this machine.
 */
const LOCAL_VALUES = {
  SOURCE_QUIET_SECONDS: '0',
  RUN_LEASE_SECONDS: '15',
  RUN_GUARD_SECONDS: '20',
  TICK_SCHEDULE: '*/10 * * * * *',
  NOTIFICATION_PRIVATE_HOSTS: 'true',
};

/** Go to the function host's process, see its README: what the real host is known to do, by seed. */
const CHAOS = ['LOCAL_CHAOS_SEED', 'LOCAL_CHAOS'] as const;

const MAX_RESTARTS = 5;
const LAST_LINES = 15;
/** When all parts end together (Ctrl+C in a terminal reaches each of them), none of them has died. */
const GRACE_MS = 300;

export interface Cloud {
  readonly api: string;
  readonly klaviyo: string;
  /** connection string of Azurite */
  readonly storage: string;
  /** names of the app's functions */
  readonly functions: readonly string[];
  /** most memory that the function host has held, in MB */
  peakMemoryMb(): number;
  close(): Promise<void>;
  /** Without waiting, for the very end. */
  kill(): void;
}

/** Starts the parts that hold data: storage, vault, Klaviyo. The app comes later, when its data is there. */
const startStores = async (
  dataDir: string,
  { dataverse: people, signal, closers }: { dataverse?: readonly LocalSegment[]; signal: AbortSignal; closers: (() => Promise<void>)[] },
) => {
  const earlier = readRecord(dataDir)?.ports;
  const azuriteLog = openLog(dataDir, 'azurite');
  const azurite = await startAzurite({
    location: path.join(dataDir, 'azurite'),
    ports: { blob: await portOrAny(earlier?.blob), queue: await portOrAny(earlier?.queue), table: await portOrAny(earlier?.table) },
    signal,
    onLog: azuriteLog.write,
  });
  closers.push(() => azurite.close());
  const vault = await startKeyVault({ dataDir: path.join(dataDir, 'key-vault'), onRequest: openLog(dataDir, 'key-vault').write });
  closers.push(() => vault.close());
  const klaviyo = await spawnPart({
    what: 'Klaviyo sandbox',
    script: 'klaviyo/main.js',
    args: ['--port', String(await portOrAny(earlier?.klaviyo)), '--data', path.join(dataDir, 'klaviyo')],
    onLog: openLog(dataDir, 'klaviyo').write,
    signal,
  });
  closers.push(() => klaviyo.close());
  if (people === undefined) return { azurite, vault, klaviyo };
  const dataverse = await spawnPart({
    what: 'Dataverse stand-in',
    script: 'dataverse/main.js',
    args: ['--port', String(await portOrAny(earlier?.dataverse)), ...people.flatMap(({ name, rows }) => ['--segment', `${name}:${rows}`])],
    onLog: openLog(dataDir, 'dataverse').write,
    signal,
  });
  closers.push(() => dataverse.close());
  return { azurite, vault, klaviyo, dataverse };
};

type Stores = Awaited<ReturnType<typeof startStores>>;

const appSettings = ({ azurite, vault, klaviyo, dataverse }: Stores): Record<string, string> => {
  const adjusted = [...ADJUSTABLE, ...CHAOS].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return {
    AzureWebJobsStorage: azurite.connectionString,
    KEY_VAULT_URL: vault.vaultUrl,
    KEY_VAULT_VERIFY_CHALLENGE: 'false',
    IDENTITY_ENDPOINT: vault.identityEndpoint,
    IDENTITY_HEADER: vault.identityHeader,
    NODE_EXTRA_CA_CERTS: vault.certPath,
    NODE_OPTIONS: nodeOptions,
    TENANT_ID: vault.tenantId,
    ...(dataverse === undefined
      ? {
          SOURCE_KIND: 'cdm-folder',
          SOURCE_CONNECTION_STRING: azurite.connectionString,
          SOURCE_CONTAINER,
          SOURCE_FOLDER: sampleFolder,
        }
      : { SOURCE_KIND: 'dataverse', DATAVERSE_URL: dataverse.url }),
    KLAVIYO_BASE_URL: klaviyo.url,
    ...LOCAL_VALUES,
    ...(Object.fromEntries(adjusted) as Record<string, string>),
  };
};

/**
 * Starts every part of the local cloud: Azurite, the vault, the Klaviyo sandbox, and last the app in the function host.
 * @param appDir folder with host.json and package.json
 * @param sealed the app finds no module outside that folder, as on Azure
 * @param dataverse the segments that a Dataverse stand-in holds; without it the source is a folder of files
 * @param prepare fills the stores before the app starts
 * @param onDeath a part died and cannot be replaced
 * @throws Error naming the part that did not start; those before it have ended then
 */
export const startCloud = async ({
  dataDir,
  appDir,
  sealed = false,
  port,
  dataverse: people,
  prepare,
  say,
  onDeath,
  signal,
}: {
  dataDir: string;
  appDir: string;
  sealed?: boolean;
  port: number;
  dataverse?: readonly LocalSegment[];
  prepare: (stores: { storage: string; klaviyo: string }) => Promise<void>;
  say: (line: string) => void;
  onDeath: (error: Error) => void;
  signal: AbortSignal;
}): Promise<Cloud> => {
  const closers: (() => Promise<void>)[] = [];
  let isClosing = false;
  const close = async (): Promise<void> => {
    isClosing = true;
    // The app first, the stores last: what it still has to say reaches them.
    for (const closePart of closers.splice(0).reverse()) await closePart();
  };
  try {
    const stores = await startStores(dataDir, { dataverse: people, signal, closers });
    const { azurite, klaviyo, dataverse } = stores;
    for (const part of [azurite, klaviyo, ...(dataverse ? [dataverse] : [])]) {
      void part.exited.then(async (sentence) => {
        await sleep(GRACE_MS);
        if (!isClosing) onDeath(new Error(sentence));
      });
    }
    await prepare({ storage: azurite.connectionString, klaviyo: klaviyo.url });

    const log = openLog(dataDir, 'functions');
    const record = (host?: FunctionHostProcess) =>
      writeRecord(dataDir, {
        pid: process.pid,
        ports: {
          blob: azurite.blobPort,
          queue: azurite.queuePort,
          table: azurite.tablePort,
          klaviyo: klaviyo.port,
          ...(dataverse ? { dataverse: dataverse.port } : {}),
        },
        api: `http://localhost:${port}/api`,
        klaviyo: klaviyo.url,
        storage: azurite.connectionString,
        functionHostPid: host?.pid,
      });
    const env = appSettings(stores);
    const spawnHost = (): FunctionHostProcess => {
      const host = spawnFunctionHost({
        env,
        appDir,
        sealed,
        port,
        dataDir: path.join(dataDir, 'function-host'),
        functionKeys: [LOCAL_FUNCTION_KEY],
        onLog: log.write,
      });
      record(host);
      return host;
    };
    record();
    let host = spawnHost();
    closers.push(() => host.kill());
    const memory = watchMemory(() => host.pid);
    closers.push(async () => memory.stop());
    const { functions } = await Promise.race([host.ready, rejectOn(signal)]);

    const watch = async (): Promise<void> => {
      for (let restarts = 0; ; restarts++) {
        const { code, signal: killedBy } = await host.exited;
        await sleep(GRACE_MS);
        if (isClosing) return;
        if (code === WORKER_RESTART_CODE) {
          restarts -= 1; // bad luck on purpose is endless
          host = spawnHost();
          continue;
        }
        const how = killedBy ?? `code ${code}`;
        const words = `${host.logs.slice(-LAST_LINES).join('\n')}\n(all of it: ${log.file})`;
        if (restarts === MAX_RESTARTS) {
          onDeath(new Error(`The function host ended (${how}) for the ${MAX_RESTARTS + 1}th time and is not started again.\n${words}`));
          return;
        }
        say(`The function host ended (${how}); it is started again (${restarts + 1} of at most ${MAX_RESTARTS}).`);
        host = spawnHost();
      }
    };
    void watch();
    return {
      api: `http://localhost:${port}/api`,
      klaviyo: klaviyo.url,
      storage: azurite.connectionString,
      functions,
      peakMemoryMb: memory.peakMb,
      close,
      kill: () => {
        isClosing = true;
        // Azurite is not among them: it saves its data and ends when our end of its standard input closes.
        for (const pid of [host.pid, klaviyo.pid, ...(dataverse ? [dataverse.pid] : [])]) tryKill(pid);
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
};

const tryKill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
};

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
