import { createActivity } from './activity/activity';
import { createConfigurationClaim } from './configuration/claim';
import { createConfiguration } from './configuration/configuration';
import { createReadCurrent } from './configuration/current';
import { createTargets } from './configuration/target';
import { createConnectionKeys } from './connections/connection-keys';
import { createConnectionStore } from './connections/connection-store';
import { createConnections } from './connections/connections';
import type { Env } from './env';
import { ExportActivity } from './exports/export';
import { createExportChecks } from './exports/export-checks';
import { createExportDirectory } from './exports/export-directory';
import { createExportStore } from './exports/export-store';
import { createExports } from './exports/exports';
import type { ConnectionId } from './ids';
import { createIdempotency } from './http/idempotency';
import { createIdempotencyStore } from './http/idempotency-store';
import { createFigures } from './figures/figures';
import { createFiguresStore } from './figures/figures-store';
import { createKlaviyo } from './klaviyo/client';
import { createPacing } from './klaviyo/pacing';
import { createPacingStore } from './klaviyo/pacing-store';
import { createSecretClient, createStorageClients } from './platform/azure-clients';
import { createChannelSecrets } from './notifications/channel-secrets';
import { createChannels } from './notifications/channels';
import { createNotificationStore } from './notifications/notification-store';
import { createNotifications } from './notifications/notifications';
import { createSend } from './notifications/send';
import { createTell } from './notifications/tell';
import { createNotificationTick } from './notifications/tick';
import { createBlobs } from './platform/blobs';
import { createTelemetry } from './platform/create-telemetry';
import { createClientCredential, createCredential, createTelemetryCredential } from './platform/identity';
import { createLifetime } from './platform/lifetime';
import type { Exporters } from './platform/open-telemetry';
import { createQueueWatch } from './platform/queue-watch';
import { createQueue } from './platform/queues';
import { createSecrets } from './platform/secrets';
import { createRows } from './platform/tables';
import { createWebhooks } from './platform/webhooks';
import { createPreview } from './preview/preview';
import { createErasureStore } from './people/erasure-store';
import { createErasures } from './people/erasures';
import { createTrace } from './people/trace';
import { createPoison } from './requests/poison';
import type { SourceFolder } from './requests/export-request';
import { createRequests } from './requests/requests';
import { createRunMessages } from './requests/run-messages';
import { createStartMessages } from './requests/start-messages';
import { createAdvance } from './runs/advance';
import { createExportActivities } from './runs/export-activity';
import { createHashKey } from './runs/hash-key';
import { createHousekeeping } from './runs/housekeeping';
import { Occurrence } from './runs/occurrence';
import { createOpenKlaviyo } from './runs/open-klaviyo';
import { createCanary } from './runs/phases/canary';
import { createFinish, createGiveUp } from './runs/phases/finish';
import { createGate } from './runs/phases/gate';
import { createPrepare } from './runs/phases/prepare';
import { createRemove } from './runs/phases/remove';
import { createSettle } from './runs/phases/settle';
import { createSubmit } from './runs/phases/submit';
import { createVerify } from './runs/phases/verify';
import { createRemoval } from './runs/removal';
import { createRetention } from './runs/retention';
import { createRowReports } from './runs/row-report';
import type { RunMessage } from './runs/run';
import { createRunAudit } from './runs/run-audit';
import { createRunHistory } from './runs/run-history';
import { createRunRows } from './runs/run-rows';
import { createRunStore, runTable } from './runs/run-store';
import { createRuns } from './runs/runs';
import { createStagedSweep } from './runs/staged-sweep';
import { createStaging } from './runs/staging';
import { createStateStore } from './runs/state-store';
import { createFanOut } from './schedules/fan-out';
import { createNextRuns } from './schedules/next-runs';
import { createRunAll } from './schedules/run-all';
import { createSetSchedules } from './schedules/set-schedules';
import type { StartMessage } from './schedules/starts';
import { createTickStore } from './schedules/tick-store';
import { createCdmFolderSource, modelJsonOf } from './segments/cdm-folder/cdm-folder-source';
import { createDataverseSource } from './segments/dataverse/dataverse-source';
import { createDataverseWebApi } from './segments/dataverse/web-api';
import type { SegmentSource } from './segments/segment-source';
import { limitsFor } from './settings/limits';
import { createSettings } from './settings/settings';
import { createTickSettings } from './settings/tick-settings';
import { VERSION } from './version';

/** Every object of the app, built once; reads like a parts list and touches no network. */
export const createServices = (
  env: Env,
  {
    now = () => new Date(),
    write = (line) => console.log(line),
    telemetry: telemetryOptions = {},
  }: {
    now?: () => Date;
    /** takes the lines of the log */
    write?: (line: string) => void;
    /** exporters in place of Application Insights */
    telemetry?: { exporters?: () => Promise<Exporters>; exportTimeoutMs?: number };
  } = {},
) => {
  const lifetime = createLifetime();
  const credential = createCredential({ clientId: env.AZURE_CLIENT_ID ?? env.AzureWebJobsStorage__clientId });

  const storage = createStorageClients(
    {
      connectionString: env.AzureWebJobsStorage,
      accountName: env.AzureWebJobsStorage__accountName,
      blobUrl: env.AzureWebJobsStorage__blobServiceUri,
      queueUrl: env.AzureWebJobsStorage__queueServiceUri,
      tableUrl: env.AzureWebJobsStorage__tableServiceUri,
    },
    credential,
  );
  const tables = {
    connections: storage.table('connections'),
    exports: storage.table('exports'),
    settings: storage.table('settings'),
    runs: storage.table('runs'),
    activity: storage.table('activity'),
    occurrences: storage.table('occurrences'),
    pacing: storage.table('pacing', { maxRetries: 0 }),
    idempotency: storage.table('idempotency'),
    notifications: storage.table('notifications'),
  };
  const queues = {
    exportRuns: createQueue<RunMessage>(storage.queue('export-runs')),
    exportRunsPoison: createQueue<unknown>(storage.queue('export-runs-poison')),
    exportStarts: createQueue<StartMessage>(storage.queue('export-starts')),
    exportStartsPoison: createQueue<unknown>(storage.queue('export-starts-poison')),
    exportRequests: createQueue<unknown>(storage.queue('export-requests')),
    exportRequestsPoison: createQueue<unknown>(storage.queue('export-requests-poison')),
  };
  const containers = {
    runs: createBlobs(storage.container('runs')),
    staged: createBlobs(storage.container('staged')),
    state: createBlobs(storage.container('state')),
    people: createBlobs(storage.container('people')),
    figures: createBlobs(storage.container('figures')),
  };
  const secrets = createSecrets(
    createSecretClient({ url: env.KEY_VAULT_URL, verifyChallenge: env.KEY_VAULT_VERIFY_CHALLENGE }, credential),
  );

  const telemetry = createTelemetry({
    settings: {
      connectionString: env.APPLICATIONINSIGHTS_CONNECTION_STRING,
      credential: createTelemetryCredential({
        authentication: env.APPLICATIONINSIGHTS_AUTHENTICATION_STRING,
        clientId: env.AZURE_CLIENT_ID,
      }),
      serviceName: env.OTEL_SERVICE_NAME,
      serviceVersion: VERSION,
      sampler: env.OTEL_TRACES_SAMPLER,
      samplerRatio: env.OTEL_TRACES_SAMPLER_ARG,
    },
    write,
    isHosted: env.WEBSITE_SITE_NAME !== undefined,
    ...telemetryOptions,
  });
  const { log } = telemetry;
  const klaviyo = createKlaviyo({ baseUrl: env.KLAVIYO_BASE_URL, telemetry });
  const connectionStore = createConnectionStore({ table: tables.connections, log });
  const connectionKeys = createConnectionKeys({ store: connectionStore, secrets, now });
  const exportStore = createExportStore({ table: tables.exports, now, log });
  const settingParts = { maxProfiles: env.MAX_PROFILES_PER_EXPORT, now };
  const settings = createSettings({ ...settingParts, table: tables.settings });
  const webhooks = createWebhooks({ allowPrivate: env.NOTIFICATION_PRIVATE_HOSTS });
  const channelSecrets = createChannelSecrets({ table: tables.notifications, secrets, now });
  const channelParts = { secrets: channelSecrets, webhooks, now };
  const channels = createChannels({ ...channelParts, settings });
  const notificationStore = createNotificationStore({ table: tables.notifications });
  const sendNotification = createSend({ secrets: channelSecrets, webhooks, now });
  const notifications = createNotifications({
    channels,
    store: notificationStore,
    send: sendNotification,
    app: env.WEBSITE_HOSTNAME,
    now,
  });

  const monotonicMs = () => performance.now();
  const pacing = createPacing({ store: createPacingStore({ table: tables.pacing, monotonicMs }), monotonicMs, log });

  const sourceContainer = () => {
    const account = { connectionString: env.SOURCE_CONNECTION_STRING, blobUrl: env.SOURCE_BLOB_URL };
    return createStorageClients(account, credential).container(env.SOURCE_CONTAINER ?? '');
  };
  const cdmFolder = (): SegmentSource => {
    const container = sourceContainer();
    return createCdmFolderSource({
      blobs: createBlobs(container),
      containerUrl: container.url,
      folder: env.SOURCE_FOLDER ?? '',
      quietSeconds: env.SOURCE_QUIET_SECONDS,
      now,
    });
  };
  const eventsOf = (): SourceFolder => {
    const folder = env.SOURCE_FOLDER ?? '';
    const blobs = createBlobs(sourceContainer());
    return {
      container: env.SOURCE_CONTAINER ?? '',
      folder,
      hasModel: async (options) => (await blobs.findProperties(modelJsonOf(folder), options)) !== undefined,
    };
  };
  const dataverse = (): SegmentSource => {
    const { DATAVERSE_CLIENT_ID: clientId, DATAVERSE_SECRET_NAME: secretName } = env;
    const reader =
      clientId && secretName
        ? createClientCredential({
            tenantId: env.TENANT_ID,
            clientId,
            readSecret: (options) => secrets.get(secretName, options),
            authorityHost: env.AZURE_AUTHORITY_HOST,
          })
        : credential;
    return createDataverseSource({ api: createDataverseWebApi({ url: env.DATAVERSE_URL ?? '', credential: reader }), now });
  };
  const source = { 'cdm-folder': cdmFolder, dataverse }[env.SOURCE_KIND]();

  const rowsOfRuns = runTable(tables.runs);
  const runStore = createRunStore({ blobs: containers.runs, rows: rowsOfRuns });
  const runRows = createRunRows({ store: runStore, rows: rowsOfRuns });
  const activityRows = createRows({ table: tables.exports, schema: ExportActivity, what: 'The export' });
  const activities = createExportActivities({ rows: activityRows, log });
  const hashKey = createHashKey({ secrets });
  const figures = createFigures({
    store: createFiguresStore({ blobs: containers.figures }),
    source,
    hashKey,
    cap: async ({ signal }) => {
      const { value: limits } = await settings.getLimits({ signal });
      return limitsFor({}, limits, { maxProfiles: env.MAX_PROFILES_PER_EXPORT }).maxProfiles;
    },
    now,
    monotonicMs,
    log,
  });
  const staging = createStaging({ blobs: containers.staged });
  const reports = createRowReports({ blobs: containers.runs });
  const states = createStateStore({ blobs: containers.state, lockSeconds: 2 * env.RUN_LEASE_SECONDS });
  const occurrences = createRows({ table: tables.occurrences, schema: Occurrence, what: 'The request' });
  const removal = createRemoval({
    store: runStore,
    activities,
    occurrences,
    exportStore,
    states,
    staging,
    queue: queues.exportRuns,
    now,
    log,
  });
  const runs = createRuns({
    store: runStore,
    runRows,
    history: createRunHistory({ store: runStore }),
    activities,
    occurrences,
    exportStore,
    connectionStore,
    queue: queues.exportRuns,
    reports,
    staging,
    source,
    settings,
    maxProfiles: env.MAX_PROFILES_PER_EXPORT,
    now,
    telemetry,
    log,
  });
  const idempotency = createIdempotency({
    store: createIdempotencyStore({ table: tables.idempotency }),
    secret: async (options) => new Uint8Array((await hashKey(options)).words.buffer),
    now,
  });
  const activity = createActivity({ table: tables.activity });
  const housekeeping = createHousekeeping({
    table: tables.settings,
    activities,
    exportStore,
    settings,
    removal,
    retention: createRetention({ store: runStore, runRows, reports, activities, occurrences, now }),
    sweepStaged: createStagedSweep({ store: runStore, staging, activities, now, log }),
    sweepKeys: idempotency.sweep,
    sweepSecrets: async (options) => (await connections.sweepSecrets(options)) + (await channels.sweep(options)),
    clearLog: activity.clear,
    sweepFigures: figures.sweep,
    auditRuns: createRunAudit({ store: runStore, runRows, exportStore, removeEverythingOf: removal.goOn, now, log }),
    now,
    log,
  });
  const advanceRun = createAdvance({
    store: runStore,
    queue: queues.exportRuns,
    phases: {
      prepare: createPrepare({
        source,
        staging,
        reports,
        states,
        activities,
        store: runStore,
        hashKey,
        useGzip: env.KLAVIYO_GZIP,
        directMs: Math.min(540_000, env.RUN_SLICE_SECONDS * 2_250),
      }),
      gate: createGate({ staging, reports, states }),
      canary: createCanary({ staging, reports }),
      submit: createSubmit({ staging, reports }),
      settle: createSettle({ staging, reports }),
      remove: createRemove({ staging, states, activities, exportStore, connectionStore, store: runStore }),
      verify: createVerify({ staging, reports }),
      finish: createFinish({ staging, reports, states, activities, release: runs.release }),
    },
    giveUp: createGiveUp({ staging, activities, release: runs.release }),
    openKlaviyo: createOpenKlaviyo({ klaviyo, connectionStore, connectionKeys, pacing }),
    afterRemoval: removal.removeOf,
    showActivity: activities.show,
    times: { sliceSeconds: env.RUN_SLICE_SECONDS, leaseSeconds: env.RUN_LEASE_SECONDS, guardSeconds: env.RUN_GUARD_SECONDS },
    now,
    monotonicMs,
    telemetry,
    log,
  });

  const connectionParts = {
    store: connectionStore,
    keys: connectionKeys,
    secrets,
    klaviyo,
    pacing,
    dependents: async function* (id: ConnectionId, options: { signal: AbortSignal }) {
      for await (const { value } of exportStore.byConnection(id, options)) yield value;
    },
    now,
  };
  const connections = createConnections(connectionParts);
  const exportParts = {
    store: exportStore,
    directory: createExportDirectory({ table: tables.exports, store: exportStore, connectionStore, log }),
    activities,
    connectionStore,
    runs: { removeOf: removal.removeOf, stopOf: runs.stopOf },
    systemSchedule: async (options: { signal: AbortSignal }) => (await settings.getSchedule(options)).value,
    now,
  };
  const checkParts = { source, figures, maxProfiles: env.MAX_PROFILES_PER_EXPORT, settings, now };
  const segmentExports = createExports({ ...exportParts, connections, checks: createExportChecks({ ...checkParts, connections }) });
  const configurationTargets = (options: { signal: AbortSignal }) =>
    createTargets(
      { tables, settings: settingParts, channels: channelParts, connections: connectionParts, exports: exportParts, checks: checkParts },
      options,
    );
  const configuration = createConfiguration({
    read: createReadCurrent({ settings, connectionStore, exportStore }),
    targets: configurationTargets,
    claim: createConfigurationClaim({ table: tables.settings, now }),
  });

  const previews = createPreview({ source, exportStore, connections });
  const trace = createTrace({
    source,
    exportStore,
    connections,
    activities,
    states,
    reports,
    runStore,
    hashKey,
    now,
  });
  const erasures = createErasures({
    store: createErasureStore({ blobs: containers.people }),
    source,
    exportStore,
    connections,
    activities,
    states,
    reports,
    staging,
    stagedBlobs: containers.staged,
    runStore,
    runs,
    figures,
    hashKey,
    activity,
    now,
    monotonicMs,
    log,
  });
  const poison = createPoison({ activity, now, log });
  const tickSettings = createTickSettings(settings);
  const fanOut = createFanOut({
    segmentExports: exportStore,
    settings: tickSettings,
    runs,
    tickStore: createTickStore({ table: tables.settings }),
    now,
    log,
  });
  const notificationTick = createNotificationTick({
    settings: tickSettings,
    connectionStore,
    store: notificationStore,
    readExports: housekeeping.look,
    tell: createTell({ store: notificationStore, send: sendNotification, activity, now, monotonicMs, log }),
    app: env.WEBSITE_HOSTNAME,
    now,
    log,
  });
  const requests = createRequests({
    segmentExports: exportStore,
    settings,
    runs,
    poison,
    poisonQueue: queues.exportRequestsPoison,
    source: env.SOURCE_KIND === 'cdm-folder' ? eventsOf() : undefined,
    activity,
    now,
    telemetry,
    log,
  });
  const startMessages = createStartMessages({ runs, poison, poisonQueue: queues.exportStartsPoison, activity, now, telemetry, log });
  const setSchedules = createSetSchedules({ store: exportStore, segmentExports, now });
  const nextRuns = createNextRuns({ segmentExports: exportStore, settings, now });
  const runAll = createRunAll({ exportStore, segmentExports, settings, runs, queue: queues.exportStarts, telemetry, log });
  const watchQueues = createQueueWatch({
    // what is refused lies in its poison queue until somebody looks, as it should: only those that are taken from grow old
    queues: [queues.exportRequests, queues.exportRuns, queues.exportStarts, queues.exportRunsPoison],
    telemetry,
    now,
    log,
  });
  const runMessages = createRunMessages({ advanceRun, poison, poisonQueue: queues.exportRunsPoison });

  return {
    env,
    now,
    log,
    telemetry,
    watchQueues,
    lifetime,
    tables,
    queues,
    containers,
    secrets,
    klaviyo,
    pacing,
    connectionStore,
    connectionKeys,
    connections,
    exportStore,
    segmentExports,
    configuration,
    configurationTargets,
    settings,
    channels,
    notifications,
    notificationTick,
    webhooks,
    source,
    figures,
    previews,
    runs,
    removal,
    housekeeping,
    idempotency,
    runStore,
    activities,
    advanceRun,
    activity,
    trace,
    erasures,
    poison,
    fanOut,
    requests,
    startMessages,
    setSchedules,
    nextRuns,
    runAll,
    runMessages,
  };
};

export type Services = ReturnType<typeof createServices>;
