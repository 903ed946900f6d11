import { ConnectionId } from '../../shared/ids';
import { aConnection, createCaller, startApi } from '../support/api';
import type { Api } from '../support/api';
import { createOutsideCalls } from '../support/outside-calls';
import type { OutsideCall } from '../support/outside-calls';
import { notCounted, routeCosts } from '../support/route-costs';
import type { Scene } from '../support/route-costs';
import { seedTables } from '../support/seeded-tables';

/** How many calls of the app's own storage each route makes with a thousand exports: a number, the same on every machine. */
const EXPORTS = 1_000;
const TIMES = 2;
const NOT_OWN = /^\w+ \/devstoreaccount1\/(lake|pacing)\b/;
const { signal } = new AbortController();
const outside = createOutsideCalls();
let api: Api;
let scene: Scene;
const seen = new Map<string, (readonly OutsideCall[])[]>();

beforeAll(async () => {
  api = await startApi();
  const connection = await api.call('POST', '/api/connections', { body: aConnection() });
  const connectionId = ConnectionId.parse(connection.json.id);
  const seeded = await seedTables(api.services, { exports: EXPORTS, runsPerExport: 1, connectionId, documents: 50, signal });
  const { call } = createCaller(api.services, {
    tenantId: api.vault.tenantId,
    around: async (operation, work) => {
      const { result, calls } = await outside.metered(work);
      seen.set(operation, [...(seen.get(operation) ?? []), calls]);
      return result;
    },
  });
  let count = 0;
  scene = { ...seeded, call, connectionId, next: () => (count += 1) };
}, 60_000);

afterAll(async () => {
  outside.close();
  await api.close();
});

/** Of the app's own tables, queues and blobs. The source's container is Customer Insights'; the pace of calls to Klaviyo belongs to those. */
const ofStorage = ({ host, name }: OutsideCall): boolean => {
  const { blobPort, queuePort, tablePort } = api.azurite;
  return [blobPort, queuePort, tablePort].some((port) => host.endsWith(`:${port}`)) && !NOT_OWN.test(name);
};

it.each(routeCosts)('$operation makes at most $atMost storage calls', async ({ operation, atMost, ask }) => {
  // once before: what is kept in memory, or counted once per snapshot, is there from then on
  const [firstMethod, firstTarget, firstOptions] = await ask(scene);
  await scene.call(firstMethod, firstTarget, firstOptions);
  for (let time = 1; time <= TIMES; time += 1) {
    const [method, target, options] = await ask(scene);
    seen.set(operation, []);
    const { status, text } = await scene.call(method, target, options);
    expect({ status, text: status < 300 ? '' : text }).toEqual({ status: expect.any(Number), text: '' });
    const [calls] = seen.get(operation)!;
    expect(calls!.every(({ toMs }) => toMs !== undefined)).toBe(true);
    const own = calls!.filter(ofStorage).map(({ name }) => name.replace(/\?.*/, ''));
    expect({ atMost, own: own.slice(0, own.length > atMost ? 20 : 0) }).toEqual({ atMost, own: [] });
  }
});

it('knows every route, and says of those that it does not count why', () => {
  const known = new Set([...routeCosts.map(({ operation }) => operation), ...Object.keys(notCounted)]);
  expect(api.definitions.map(({ operation }) => operation).filter((operation) => !known.has(operation))).toEqual([]);
});
