import { setTimeout as sleep } from 'node:timers/promises';
import { parseEnv } from '../../shared/env';
import { ConnectionId } from '../../shared/ids';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { ensureStorage } from '../../shared/platform/provision';
import { createServices } from '../../shared/services';
import { aConnection, createCaller } from '../support/api';
import { threadMs } from '../support/busy-time';
import { createOutsideCalls, waitedMs } from '../support/outside-calls';
import type { Metered } from '../support/outside-calls';
import { routeCosts } from '../support/route-costs';
import type { Asked, RouteCost, Scene } from '../support/route-costs';
import { seedTables } from '../support/seeded-tables';
import { peakRssMb } from './measure';
import { report, task } from './protocol';
import type { ApiReport, ApiTask, RouteReport } from './protocol';

/** The app's routes in a process of their own, without the host: whatever its event loop does is the app's doing. */

const signal = AbortSignal.timeout(30 * 60_000);
const WARM_UP = 5;
const CALLERS = 50;

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
};
const spread = (values: readonly number[]) => ({ p50: quantile(values, 0.5), p99: quantile(values, 0.99) });

const main = async (): Promise<void> => {
  const { settings, exports: exportCount, runsPerExport, serial, concurrent, only } = task<ApiTask>();
  // the pace of Klaviyo's accounts stays in place, as its own work is part of what is measured; it only never waits
  for (const endpoint of Object.values(endpoints)) Object.assign(endpoint, { burst: 10_000, steady: 200_000 });
  const env = parseEnv(settings);
  const services = createServices(env);
  await ensureStorage(services, { signal });
  const setUp = createCaller(services, { tenantId: env.TENANT_ID });
  const connection = await setUp.call('POST', '/api/connections', { body: aConnection() });
  const connectionId = ConnectionId.parse(connection.json.id);
  const seededFromMs = performance.now();
  const seeded = await seedTables(services, { exports: exportCount, runsPerExport, connectionId, documents: 50, signal });
  const seedMs = performance.now() - seededFromMs;

  const outside = createOutsideCalls();
  const notOwn = new RegExp(`^\\w+ /devstoreaccount1/(${env.SOURCE_CONTAINER}|pacing)\\b`);
  const storage = /127\.0\.0\.1:(\d+)/g;
  const storageHosts = new Set([...(env.AzureWebJobsStorage ?? '').matchAll(storage)].map(([host]) => host));
  let metered: Metered<unknown>[] = [];
  const { call } = createCaller(services, {
    checked: false,
    tenantId: env.TENANT_ID,
    around: async (_operation, work) => {
      const measured = await outside.metered(work);
      metered.push(measured);
      return measured.result;
    },
  });
  let count = 0;
  // a caller of its own for what a call needs before it, so that only the calls themselves are measured
  const scene: Scene = { ...seeded, call: setUp.call, connectionId, next: () => (count += 1) };

  const ask = async ([method, target, options]: Asked): Promise<void> => {
    const { status, text } = await call(method, target, options);
    if (status >= 300) throw new Error(`${method} ${target} answered ${status}: ${text.slice(0, 300)}`);
  };
  const ownCalls = ({ calls }: Metered<unknown>): number =>
    calls.filter(({ host, name }) => storageHosts.has(host) && !notOwn.test(name)).length;
  const ownMs = (one: Metered<unknown>): number => one.toMs - one.fromMs - waitedMs(one);
  const totalMs = (one: Metered<unknown>): number => one.toMs - one.fromMs;

  const measure = async ({ operation, atMost, because, exclusive, ask: prepare }: RouteCost): Promise<RouteReport> => {
    for (let time = 0; time < WARM_UP; time += 1) await ask(await prepare(scene));
    const cpu: number[] = [];
    metered = [];
    for (let time = 0; time < serial; time += 1) {
      const asked = await prepare(scene);
      const before = threadMs();
      await ask(asked);
      cpu.push(threadMs() - before);
    }
    const one = metered;
    metered = [];
    if (!exclusive) {
      const asked: Asked[] = [];
      while (asked.length < concurrent) asked.push(await prepare(scene));
      await sleep(20);
      outside.busyTime.start();
      await Promise.all(
        Array.from({ length: CALLERS }, async () => {
          for (let next = asked.pop(); next !== undefined; next = asked.pop()) await ask(next);
        }),
      );
      outside.busyTime.stop();
    }
    const many = metered;
    return {
      operation,
      atMost,
      ...(because === undefined ? {} : { because }),
      storageCalls: { min: Math.min(...[...one, ...many].map(ownCalls)), max: Math.max(...[...one, ...many].map(ownCalls)) },
      alone: { total: spread(one.map(totalMs)), own: spread(one.map(ownMs)), cpu: spread(cpu) },
      ...(many.length === 0 ? {} : { together: { total: spread(many.map(totalMs)), own: spread(many.map(({ busyMs }) => busyMs)) } }),
    };
  };

  const routes: RouteReport[] = [];
  for (const route of routeCosts) if (only === undefined || only.includes(route.operation)) routes.push(await measure(route));
  const outcome: ApiReport = { routes, seedMs, rssMb: peakRssMb() };
  report(outcome);
  process.exit(0);
};

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
