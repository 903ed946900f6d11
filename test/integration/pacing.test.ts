import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { endpoints } from '../../shared/klaviyo/endpoints';
import { instantsOf } from '../../shared/klaviyo/ledger';
import { PaceWait, createPacing } from '../../shared/klaviyo/pacing';
import { createPacingStore } from '../../shared/klaviyo/pacing-store';
import { createStorageClients } from '../../shared/platform/azure-clients';
import { createCredential } from '../../shared/platform/identity';
import type { Services } from '../../shared/services';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { checkSums, csvOf, goodRows, mapping, modelOf, putSource } from '../support/run-cases';

const TOGETHER = 10;
const INSTANCES = 4;
const ROWS = 2_000;
/** How long a runner waits for the ledger (shared-ledger.ts). */
const PATIENCE_MS = 2_000;
const limits = endpoints.importJobsCreate;
const caller = { id: 'tester', name: 'Tester', role: 'Administrator' as const, application: false };

let fixture: RunnerFixture;
let logged: string[];
beforeAll(async () => {
  jest.spyOn(console, 'log').mockImplementation((line: string) => void logged.push(line));
  fixture = await startRunnerFixture();
}, 60_000);
afterAll(() => fixture.close());
beforeEach(() => {
  logged = [];
});

const monotonicMs = () => performance.now();
const tableOf = (connectionString: string, options: { maxRetries?: number } = { maxRetries: 0 }) =>
  createStorageClients({ connectionString }, createCredential({})).table('pacing', options);
/** Who only looks asks again: a connection that has rested may be closed by Azurite just then. */
const lookedAt = () => createPacingStore({ table: tableOf(fixture.azurite.connectionString, {}), monotonicMs });
/** The pace of one instance, with a clock that began at another time than everybody else's. */
const anInstance = ({ offsetMs = 0, connectionString = fixture.azurite.connectionString } = {}) => {
  const clock = () => performance.now() + offsetMs;
  const events: string[] = [];
  const store = createPacingStore({ table: tableOf(connectionString), monotonicMs: clock });
  return { events, pacing: createPacing({ store, monotonicMs: clock, log: (event) => void events.push(event) }) };
};
const ledgerOf = async (accountId: string) => {
  const store = lookedAt();
  const found = await store.find({ accountId, endpoint: 'importJobsCreate' }, { signal: testSignal() });
  return found!.ledger;
};
const mostIn = (instants: readonly number[], windowMs: number): number =>
  Math.max(...instants.map((from) => instants.filter((at) => at >= from && at < from + windowMs).length));

describe('two instances with one table', () => {
  it('reserve what they send in one row, within the windows', async () => {
    const instances = [anInstance({ offsetMs: -600_000 }), anInstance({ offsetMs: 600_000 })];
    const accountId = randomUUID().slice(0, 8);
    await Promise.all(
      instances.flatMap(({ pacing }) =>
        Array.from({ length: 4 }, async () => {
          for (let call = 0; call < 3; call += 1) await pacing.take(accountId, 'importJobsCreate', { signal: testSignal() });
        }),
      ),
    );
    const reserved = instantsOf(await ledgerOf(accountId));
    expect(reserved.length).toBeGreaterThanOrEqual(24);
    expect(mostIn(reserved, 1_000)).toBeLessThanOrEqual(limits.burst);
    expect(instances.flatMap(({ events }) => events)).toEqual([]);
  });

  it('keep the rest that a 429 of one of them asks for', async () => {
    const [one, other] = [anInstance({ offsetMs: -600_000 }), anInstance({ offsetMs: 600_000 })];
    await other.pacing.take('HELD01', 'importJobsCreate', { signal: testSignal() });
    await one.pacing.throttled('HELD01', 'importJobsCreate', 60_000);
    const third = anInstance();
    const waits = await Promise.all(
      [one, third].map(({ pacing }) =>
        pacing.take('HELD01', 'importJobsCreate', { signal: testSignal() }).catch((error: unknown) => error),
      ),
    );
    for (const wait of waits) expect(wait).toBeInstanceOf(PaceWait);
    await other.pacing.take('FREE01', 'importJobsCreate', { signal: testSignal() });
  });

  it('take any account id, as a table key would not', async () => {
    const { pacing, events } = anInstance();
    for (const accountId of ['a/b', 'c#d?', '\\', "it's", 'ß', '']) {
      await pacing.take(accountId, 'lists', { signal: testSignal() });
    }
    expect(events).toEqual([]);
  });

  it('tell the time of the table service from what it writes', async () => {
    const store = createPacingStore({ table: tableOf(fixture.azurite.connectionString), monotonicMs });
    const before = Date.now();
    const { sentMs, receivedMs, serverMs } = await store.readClock({ signal: testSignal() });
    // the service runs on this machine, so its clock is ours
    expect(serverMs).toBeGreaterThanOrEqual(before - 1);
    expect(serverMs).toBeLessThanOrEqual(Date.now() + 1);
    expect(receivedMs).toBeGreaterThan(sentMs);
  });
});

it('goes on alone when the table cannot be reached', async () => {
  const nowhere = fixture.azurite.connectionString.replaceAll(/:\d+\//g, ':9/');
  const { pacing, events } = anInstance({ connectionString: nowhere });
  for (let call = 0; call < 5; call += 1) await pacing.take('ALONE1', 'importJobsCreate', { signal: testSignal() });
  expect(events).toEqual(['pacing_alone']);
});

/** How long the table takes to answer with an account's ledger, looked at again and again while something else goes on. */
const watchLedger = (accountId: string) => {
  const store = lookedAt();
  let stopped = false;
  const watching = (async () => {
    let slowestMs = 0;
    while (!stopped) {
      const askedAt = monotonicMs();
      await store.find({ accountId, endpoint: 'importJobsCreate' }, { signal: testSignal() });
      slowestMs = Math.max(slowestMs, monotonicMs() - askedAt);
      await sleep(100);
    }
    return slowestMs;
  })();
  return {
    /** @returns milliseconds of the slowest answer */
    stop: (): Promise<number> => {
      stopped = true;
      return watching;
    },
  };
};

const anAccount = async (lists: number) => {
  const accountId = randomUUID().slice(0, 6).toUpperCase();
  const listIds = Array.from({ length: lists }, (_, index) => `${accountId}${index}`);
  const keys = [`pk_${accountId}_one`, `pk_${accountId}_two`];
  const answer = await fetch(`${fixture.klaviyo.url}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: accountId, keys: keys.map((key) => ({ key })), lists: listIds.map((id) => ({ id, name: id })) }),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return { accountId, listIds, connections: await Promise.all(keys.map((apiKey) => fixture.connect({ apiKey, accountId }))) };
};

it('lets a person’s look at the lists take its turn among the runs', async () => {
  const { accountId, connections } = await anAccount(2);
  const { connections: api, pacing } = fixture.services;
  const look = () => api.lists(connections[0]!.id, { caller, signal: testSignal() });
  expect(await look()).toHaveLength(2);
  await pacing.throttled(accountId, 'lists', 60_000);
  await expect(look()).rejects.toMatchObject({ code: 'throttled', retryable: true, message: expect.stringMatching(/try again in \d+ s/) });
});

/** Ten exports of one account, by two connections, on several instances: Klaviyo counts them as one. */
it('ten exports of one account started together bring everybody to the lists and are not throttled', async () => {
  const { accountId, listIds, connections } = await anAccount(TOGETHER);
  const folder = `ten-${randomUUID()}`;
  const segments = listIds.map((_, index) => `Part${index}`);
  const rowsOf = (index: number) => goodRows(ROWS, { from: index * ROWS });
  const models = segments.map((segment) => JSON.parse(modelOf(fixture, { folder, segment })) as { entities: object[] });
  await putSource(fixture, `${folder}/model.json`, JSON.stringify({ ...models[0], entities: models.flatMap(({ entities }) => entities) }));
  for (const [index, segment] of segments.entries()) await putSource(fixture, `${folder}/${segment}_1.csv`, csvOf(rowsOf(index)));
  // Klaviyo refuses a row of each canary and of each job, which costs another call each time: more jobs, so that the windows count
  const refused = segments.flatMap((_, index) => [0, ROWS - 1].map((at) => rowsOf(index)[at]!.email));
  await fixture.fault({
    endpoint: 'POST /api/profile-bulk-import-jobs',
    account: accountId,
    probability: 1,
    fault: { kind: 'bad_row_admission', emails: refused },
  });
  const apps: Services[] = Array.from({ length: INSTANCES }, () => fixture.newInstance({ SOURCE_FOLDER: folder }));
  const exports = await Promise.all(
    listIds.map((listId, index) =>
      fixture.anExport(connections[index % connections.length]!, { name: listId, listId, segments: [segments[index]], mapping }),
    ),
  );
  const throttled = async () => ((await fixture.sandboxState()) as { counters: { throttled: number } }).counters.throttled;
  const before = await throttled();

  const runs = await Promise.all(
    exports.map(({ id: exportId }, index) =>
      apps[index % INSTANCES]!.runs.start(
        { exportId, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
        { signal: testSignal() },
      ),
    ),
  );
  const allEnded = async (): Promise<boolean> => {
    for (const { run } of runs) if (!(await fixture.ended(run.id))) return false;
    return true;
  };
  const ledger = watchLedger(accountId);
  await Promise.all(apps.map((app) => fixture.pump(allEnded, { app })));
  const slowestMs = await ledger.stop();

  for (const [index, { run: started }] of runs.entries()) {
    const run = await fixture.services.runs.get(started.id, { signal: testSignal() });
    expect(run.error).toBeUndefined();
    expect(run.state).toBe('successful');
    expect(checkSums(run)).toMatchObject({ read: ROWS, sent: ROWS, accepted: ROWS - 2, rejected: 2 });
    const arrived = await fixture.members(listIds[index]!, accountId);
    const expected = rowsOf(index).map(({ email }) => email);
    expect(arrived).toEqual(expected.filter((email) => !refused.includes(email)).sort());
  }
  expect((await throttled()) - before).toBeLessThanOrEqual(5);
  expect(instantsOf(await ledgerOf(accountId)).length).toBeGreaterThanOrEqual(4 * TOGETHER);
  // who gets no answer for two seconds goes on alone, and should; a change is several calls, which only a machine that is too slow delays so
  const alone = logged.filter((line) => line.includes('pacing_alone'));
  expect(slowestMs > PATIENCE_MS / 4 ? [] : alone).toEqual([]);
  for (const app of apps) await app.klaviyo.close();
}, 240_000);
