import { randomUUID } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueClient } from '@azure/storage-queue';
import { Connection } from '../../shared/connections/connection';
import { parseEnv } from '../../shared/env';
import { Export } from '../../shared/exports/export';
import { newConnectionId, newExportId } from '../../shared/new-ids';
import type { ExportId, RunId } from '../../shared/ids';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { ensureStorage } from '../../shared/platform/provision';
import { RunMessage, hasEnded } from '../../shared/runs/run';
import type { RunDocument } from '../../shared/runs/run';
import { createServices } from '../../shared/services';
import type { Services } from '../../shared/services';
import { benchMapping } from './mapping';
import { cpuMs, peakRssMb } from './measure';
import { type OursReport, type OursTask, type PhaseUse, report, task } from './protocol';

/** The app's functions in a process of their own, without the host: takes run messages from the queue as the trigger would. */

const LAG_RESOLUTION_MS = 5;
/** So that a second run finds the account's budget of `GET /accounts` (one a second) as rested as a nightly run does. */
const REST_MS = 1_500;
const signal = AbortSignal.timeout(20 * 60_000);

const calls = { read: 0, write: 0, list: 0, remove: 0, klaviyo: 0 };
const countCalls = (klaviyoUrl: string): void => {
  subscribe('http.client.request.start', (message) => {
    const { method, path } = (message as { request: ClientRequest }).request;
    if (/[?&]comp=list/.test(path)) calls.list += 1;
    else if (method === 'DELETE') calls.remove += 1;
    else if (method === 'GET' || method === 'HEAD') calls.read += 1;
    else calls.write += 1;
  });
  subscribe('undici:request:create', (message) => {
    if (klaviyoUrl.startsWith(String((message as { request: { origin: string } }).request.origin))) calls.klaviyo += 1;
  });
};

const connect = async (services: Services): Promise<Connection> => {
  const at = new Date().toISOString();
  const secretName = `klaviyo-${randomUUID()}`;
  await services.secrets.set(secretName, 'pk_sandbox_full', { signal });
  const connection = Connection.parse({
    id: newConnectionId(),
    displayName: secretName,
    type: 'klaviyo',
    access: 'administrators',
    secretName,
    ownsSecret: true,
    accountId: 'SANDBX',
    accountName: 'Sandbox',
    agreedAt: at,
    agreedBy: 'bench',
    consentVersion: '1',
    createdAt: at,
    updatedAt: at,
    exportUser: 'bench',
  });
  await services.connectionStore.insert(connection, { signal });
  return connection;
};

const createExport = async (services: Services, connection: Connection, segment: string, membership: string): Promise<ExportId> => {
  const at = new Date().toISOString();
  const segmentExport = Export.parse({
    id: newExportId(),
    name: segment,
    connectionId: connection.id,
    listId: 'LIST5K',
    segments: [segment],
    mapping: benchMapping,
    membership,
    canaryRows: 0,
    createdAt: at,
    createdBy: 'bench',
    updatedAt: at,
    updatedBy: 'bench',
  });
  await services.exportStore.insert(segmentExport, { signal });
  return segmentExport.id;
};

/** As the hook around each invocation describes it (functions/watch-invocations.ts). */
const invocationOf = (invocationId: string) =>
  ({ name: 'process export-runs', invocationId, kind: 'consumer', attributes: {}, flushes: true, traced: true }) as const;

/** Follows one run by the saves of its document: the first save in a phase is where the phase begins. */
const createWatch = (store: Services['runStore']) => {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS });
  let marks: { phase: string; at: number; cpu: number }[] = [];
  let document: RunDocument | undefined;
  let bodyBytes = 0;
  let firstJobAt: number | undefined;
  const { save } = store;
  store.save = (saved, options) => {
    document = saved;
    const { phase, jobs } = saved.run;
    if (marks.at(-1)?.phase !== phase) {
      marks.push({ phase, at: performance.now(), cpu: cpuMs() });
      if (phase === 'prepare') lag.enable();
      else if (phase !== 'gate' && phase !== 'canary' && phase !== 'submit') lag.disable();
    }
    if (jobs.submitted > 0) firstJobAt ??= performance.now();
    bodyBytes = saved.staged?.batches.reduce((sum, { bytes }) => sum + bytes, 0) ?? bodyBytes;
    return save(saved, options);
  };
  return {
    restart: (): void => {
      marks = [];
      document = undefined;
      firstJobAt = undefined;
      bodyBytes = 0;
      lag.reset();
    },
    hasEnded: (runId: RunId): boolean => document !== undefined && document.run.id === runId && hasEnded(document.run.state),
    result: () => {
      const ended = [...marks, { phase: 'end', at: performance.now(), cpu: cpuMs() }];
      const phases: Record<string, PhaseUse> = {};
      for (const [index, { phase, at, cpu }] of marks.entries()) {
        const next = ended[index + 1]!;
        phases[phase] = {
          wallMs: (phases[phase]?.wallMs ?? 0) + next.at - at,
          cpuMs: (phases[phase]?.cpuMs ?? 0) + next.cpu - cpu,
        };
      }
      return { phases, firstJobAt, bodyBytes, lagP99Ms: lag.percentile(99) / 1e6, lagMaxMs: lag.max / 1e6 };
    },
  };
};

const main = async (): Promise<void> => {
  const { settings, create, times = 1, dryRun = false, full = false, liftLimits = false, ...given } = task<OursTask>();
  // the pace stays in place, as its own work is part of what is measured; it only never waits
  if (liftLimits) for (const endpoint of Object.values(endpoints)) Object.assign(endpoint, { burst: 1_000, steady: 20_000 });
  countCalls(settings.KLAVIYO_BASE_URL ?? '');
  const services = createServices(parseEnv(settings));
  await ensureStorage(services, { signal });
  services.telemetry.start(); // sends nothing without a connection string
  const watch = createWatch(services.runStore);
  const queue = new QueueClient(settings.AzureWebJobsStorage ?? '', 'export-runs');

  let invocationsMs: number[] = [];
  let firstInvocationAt: number | undefined;
  /** Takes messages until `done`, `atOnce` at a time; like the host, it deletes a message after its handler has ended well. */
  const pump = async (done: () => boolean | Promise<boolean>, atOnce: number): Promise<void> => {
    while (!(await done())) {
      signal.throwIfAborted();
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: atOnce, visibilityTimeout: 600 });
      await Promise.all(
        receivedMessageItems.map(async (message) => {
          const begun = performance.now();
          firstInvocationAt ??= begun;
          await services.telemetry.invocation(invocationOf(message.messageId), () =>
            services.advanceRun(RunMessage.parse(JSON.parse(message.messageText)), { signal }),
          );
          invocationsMs.push(performance.now() - begun);
          await queue.deleteMessage(message.messageId, message.popReceipt);
        }),
      );
      if (receivedMessageItems.length === 0) await sleep(20);
    }
  };
  const start = async (exportId: ExportId): Promise<RunId> => {
    const { run } = await services.runs.start({ exportId, trigger: { kind: 'onDemand', by: 'bench' }, full, dryRun }, { signal });
    return run.id;
  };

  if (given.exportId === undefined && create === undefined) {
    // another instance beside the one that starts the runs; it works until it is ended
    process.stdout.write('ready\n');
    await pump(() => false, 1);
  }

  // each run meets a Klaviyo of its own, which knows nothing of the calls that others were made by the same account
  for await (const { partitionKey, rowKey } of services.tables.pacing.listEntities()) {
    await services.tables.pacing.deleteEntity(String(partitionKey), String(rowKey));
  }

  const exportIds: ExportId[] = given.exportId === undefined ? [] : [given.exportId as ExportId];
  if (create) {
    const connection = await connect(services);
    for (const segment of create.segments) exportIds.push(await createExport(services, connection, segment, create.membership));
  }
  const [exportId] = exportIds as [ExportId];

  let runId = '' as RunId;
  let wallMs = 0;
  let sinceRequestMs = 0;
  let before = { ...calls };
  for (let time = 0; time < times; time += 1) {
    if (time > 0) await sleep(REST_MS);
    watch.restart();
    invocationsMs = [];
    firstInvocationAt = undefined;
    before = { ...calls };
    const begun = performance.now();
    const runIds: RunId[] = [];
    for (const id of exportIds) runIds.push(await start(id));
    runId = runIds[0]!;
    if (exportIds.length === 1) await pump(() => watch.hasEnded(runId), 1);
    else {
      await pump(async () => {
        for (const id of runIds) if (!hasEnded((await services.runs.get(id, { signal })).state)) return false;
        return true;
      }, 1);
    }
    wallMs = performance.now() - (firstInvocationAt ?? begun);
    sinceRequestMs = performance.now() - begun;
  }

  const { phases, firstJobAt, bodyBytes, lagP99Ms, lagMaxMs } = watch.result();
  const run = await services.runs.get(runId, { signal });
  const outcome: OursReport = {
    exportId,
    state: run.state,
    ...(run.error ? { error: `${run.error.code}: ${run.error.message}` } : {}),
    counts: run.counts,
    plan: { ...run.plan },
    jobs: run.jobs.total,
    throttled: run.throttled,
    wallMs,
    sinceRequestMs,
    phases,
    ...(firstJobAt === undefined ? {} : { firstJobMs: firstJobAt - firstInvocationAt! }),
    lagP99Ms,
    lagMaxMs,
    rssMb: peakRssMb(),
    invocationsMs,
    bodyBytes,
    calls: {
      read: calls.read - before.read,
      write: calls.write - before.write,
      list: calls.list - before.list,
      remove: calls.remove - before.remove,
      klaviyo: calls.klaviyo - before.klaviyo,
    },
  };
  report(outcome);
  process.exit(0);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
