import { setTimeout as sleep } from 'node:timers/promises';
import type { Export } from '../../shared/exports/export';
import { exportStatus } from '../../shared/exports/export-status';
import { newRunId } from '../../shared/new-ids';
import type { RunId } from '../../shared/ids';
import type { Run } from '../../shared/runs/run';
import type { Services } from '../../shared/services';
import { createCaller } from '../support/api';
import { createOutsideCalls } from '../support/outside-calls';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { goodRows, ownCase, writeRows } from '../support/run-cases';
import type { Row } from '../support/run-cases';

/** Runs as callers of the API see them. */

let fixture: RunnerFixture;
let outside: ReturnType<typeof createOutsideCalls>;
beforeAll(async () => {
  jest.spyOn(console, 'log').mockReturnValue(); // the app's log; failures speak for themselves
  fixture = await startRunnerFixture({ sandbox: { processing: 'instant' }, env: { WEBSITE_AUTH_ENABLED: 'True' } });
  outside = createOutsideCalls();
}, 60_000);
afterAll(async () => {
  outside.close();
  await fixture.close();
});
const apps: Services[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.klaviyo.close();
  await fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' });
});

const signal = testSignal;
const rows = goodRows(200);

const aCase = async (more: Partial<Record<keyof Export, unknown>> = {}) => {
  const { folder, own, app, segmentExport } = await ownCase(fixture, { write: rows, more });
  apps.push(app);
  const { id } = segmentExport;
  const { call } = createCaller(app, { tenantId: fixture.vault.tenantId });
  const status = async () => exportStatus({ activity: await app.activities.get(id, { signal: signal() }), paused: false, detached: false });
  const finish = async (runId: string): Promise<Run> => {
    await fixture.pump(() => fixture.ended(runId as RunId), { app });
    return app.runs.get(runId as RunId, { signal: signal() });
  };
  const run = async (body: object = {}): Promise<Run> => {
    const { status: answered, json } = await call('POST', `/api/exports/${id}/run`, { body });
    expect(answered).toBe(202);
    return finish(String(json.id));
  };
  /** An ended run as the runner would have left it. */
  const past = async (like: Run, { at, ...change }: Partial<Run> & { at: Date }): Promise<Run> => {
    const submittedAt = at.toISOString();
    const ended: Run = { ...like, id: newRunId(at), submittedAt, startedAt: submittedAt, endedAt: submittedAt, ...change };
    await app.runStore.project(ended, { signal: signal() });
    return ended;
  };
  const write = (next: readonly Row[]) => writeRows(fixture, next, { folder });
  return { own, app, call, id, status, finish, run, past, write };
};

/** Calls to the app's own storage that one request makes. */
const storageCalls = async (work: () => Promise<unknown>): Promise<string[]> => {
  const { azurite } = fixture;
  const ports = [azurite.blobPort, azurite.queuePort, azurite.tablePort];
  const { calls } = await outside.metered(work);
  return calls.filter(({ host }) => ports.some((port) => host.endsWith(`:${port}`))).map(({ name }) => name);
};

it('X6 an export without an active schedule runs on demand, now, and says who asked for it', async () => {
  const one = await aCase({ schedule: { kind: 'off' } });
  expect(await one.status()).toEqual({ health: 'healthy', reasons: [], activity: 'idle' });
  const { status, json, headers } = await one.call('POST', `/api/exports/${one.id}/run`, { body: {}, as: 'Administrator' });
  expect([status, json.state, headers.get('location')]).toEqual([202, 'queued', `/api/runs/${String(json.id)}`]);
  expect(json.trigger).toMatchObject({ kind: 'onDemand', by: expect.any(String) as unknown, byId: expect.any(String) as unknown });
  expect((await one.status()).activity).toBe('queued');
  const ended = await one.finish(String(json.id));
  expect(ended).toMatchObject({ state: 'successful', counts: { accepted: rows.length } });
  const lastRun = { id: ended.id, number: 1, state: 'successful', trigger: 'onDemand', endedAt: ended.endedAt };
  expect(await one.status()).toEqual({ health: 'healthy', reasons: [], activity: 'idle', lastRun, refreshedAt: ended.endedAt });
});

it('an export started many times at once has one run, and everybody is answered with it', async () => {
  const one = await aCase();
  const answers = await Promise.all(Array.from({ length: 8 }, () => one.call('POST', `/api/exports/${one.id}/run`, { body: {} })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  const ids = new Set(answers.map(({ json }) => json.id));
  expect(ids.size).toBe(1);
  await one.finish(String([...ids][0]));
  const { json } = await one.call('GET', `/api/exports/${one.id}/runs`);
  expect(json.value.map(({ id, number }) => [id, number])).toEqual([[[...ids][0], 1]]);
});

it('a request that waits for the end of a run keeps all its options, and those of others', async () => {
  const one = await aCase();
  const ask = async (body: object) => String((await one.call('POST', `/api/exports/${one.id}/run`, { body })).json.id) as RunId;
  const first = await ask({});
  expect([await ask({ verifyAll: true }), await ask({ dryRun: true, countUnknown: true }), await ask({ full: true })]).toEqual([
    first,
    first,
    first,
  ]);
  await one.finish(first);
  await fixture.pump(async () => (await one.app.activities.get(one.id, { signal: signal() })).activeRunId !== first, { app: one.app });
  const { activeRunId } = await one.app.activities.get(one.id, { signal: signal() });
  const { document } = (await one.app.runStore.find(activeRunId!, { signal: signal() }))!;
  expect(document).toMatchObject({ verifyAll: true, countUnknown: true, run: { full: true, dryRun: false } });
  expect((await one.finish(activeRunId!)).counts.expected).toBe(rows.length);
});

it('held removals of a paused export can be dismissed, but not approved', async () => {
  const one = await aCase({ membership: 'mirror', guardCount: 5, guardShare: 0.05 });
  await one.run();
  await one.write(rows.slice(50));
  const held = await one.run();
  expect(held.heldState).toBe('waiting');
  await one.call('POST', `/api/exports/${one.id}/pause`);
  const approved = await one.call('POST', `/api/runs/${held.id}/approve-removals`, { body: { upTo: 50 } });
  expect([approved.status, approved.json.code]).toEqual([409, 'export_paused']);
  const viewer = await one.call('POST', `/api/runs/${held.id}/dismiss-removals`, { as: 'Viewer' });
  expect(viewer.status).toBe(403);
  const dismissed = await one.call('POST', `/api/runs/${held.id}/dismiss-removals`);
  expect([dismissed.status, dismissed.json.heldState]).toEqual([200, 'dismissed']);
});

describe('X11 whoever cancels a run', () => {
  it('reads that nothing was sent, and the export is what it was before', async () => {
    const one = await aCase();
    await one.run();
    const before = await one.status();
    const { json: started } = await one.call('POST', `/api/exports/${one.id}/run`, { body: { full: true } });
    const { status, json } = await one.call('POST', `/api/runs/${String(started.id)}/cancel`);
    expect(status).toBe(202);
    expect(json.notice).toMatch(/^The run stops before its next batch. Nothing has been sent yet; .* cannot be recalled/);
    expect(await one.finish(String(started.id))).toMatchObject({ state: 'canceled', error: { code: 'canceled' } });
    expect(await one.status()).toEqual(before);
    const again = await one.call('POST', `/api/runs/${String(started.id)}/cancel`);
    expect([again.status, again.json.code]).toEqual([409, 'run_ended']);
  });

  it('reads how many were sent, which cannot be recalled', async () => {
    const one = await aCase();
    const job = { endpoint: 'POST /api/profile-bulk-import-jobs', account: one.own.accountId };
    await fixture.fault({ ...job, fault: { kind: 'job_stuck', afterRows: 20 } });
    const { json: started } = await one.call('POST', `/api/exports/${one.id}/run`, { body: {} });
    const id = started.id as RunId;
    const settling = async () => (await one.app.runStore.find(id, { signal: signal() }))!.document.wakeAt !== undefined;
    await fixture.pump(settling, { app: one.app });
    expect((await one.status()).activity).toBe('running');
    const { json } = await one.call('POST', `/api/runs/${id}/cancel`);
    expect(json.notice).toContain('200 rows were sent');
    const ended = await one.finish(id);
    expect(ended.error?.message).toContain('after 200 rows had been sent');
    expect(await one.status()).toEqual({ health: 'healthy', reasons: [], activity: 'idle' });
  });
});

describe('the history', () => {
  const hour = (count: number) => new Date(Date.parse('2026-11-20T00:00:00Z') + count * 3_600_000);

  it('comes by state, trigger and time, newest first, page by page', async () => {
    const one = await aCase();
    const like = await one.run();
    const made: Run[] = [];
    for (let index = 0; index < 24; index += 1) {
      const state = index % 4 === 0 ? 'failed' : 'successful';
      made.unshift(await one.past(like, { at: hour(index), state, trigger: { kind: index % 3 === 0 ? 'event' : 'schedule', by: 'x' } }));
    }
    const { json: queued } = await one.call('POST', `/api/exports/${one.id}/run`, { body: {} });
    const idsOf = async (query: string, path = `/api/exports/${one.id}/runs`): Promise<unknown[]> => {
      const ids: unknown[] = [];
      let next: string | undefined = `${path}?size=5${query}`;
      while (next !== undefined) {
        const { status, json } = await one.call('GET', next);
        expect(status).toBe(200);
        ids.push(...json.value.map(({ id }) => id));
        next = json.nextLink as string | undefined;
      }
      return ids;
    };
    const of = (choose: (run: Run) => boolean) => made.filter(choose).map(({ id }) => id);
    expect(await idsOf('')).toEqual([queued.id, like.id, ...of(() => true)]);
    expect(await idsOf('&state=queued')).toEqual([queued.id]);
    expect(await idsOf('&trigger=onDemand')).toEqual([queued.id, like.id]);
    expect(await idsOf('&state=failed')).toEqual(of(({ state }) => state === 'failed'));
    expect(await idsOf('&state=failed&trigger=event')).toEqual(of(({ state, trigger }) => state === 'failed' && trigger.kind === 'event'));
    const [from, to] = [hour(6).toISOString(), hour(12).toISOString()];
    const within = ({ submittedAt }: Run) => submittedAt >= from && submittedAt < to;
    expect(await idsOf(`&from=${from}&to=${to}`)).toEqual(of(within));
    // of all exports: other tests' runs are elsewhere in time
    expect(await idsOf(`&from=${from}&to=${to}&trigger=event`, '/api/runs')).toEqual(
      of((run) => within(run) && run.trigger.kind === 'event'),
    );
    expect(await idsOf(`&exportId=${one.id}&state=failed`, '/api/runs')).toEqual(of(({ state }) => state === 'failed'));
    await one.finish(String(queued.id));
    expect(await idsOf('&state=queued')).toEqual([]);
  });

  it.each([
    ['state=done', '?state'],
    ['trigger=button', '?trigger'],
    ['from=yesterday', '?from'],
    ['size=201', '?size'],
    ['sort=name', '?sort'],
    ['token=xyz', '?token'],
    ['from=2026-11-20T00:00:00Z&to=2026-11-20T01:00:00%2B01:00', '?from'],
  ])('asked for with %s is refused, naming %s', async (query, pointer) => {
    const { call } = createCaller(fixture.services, { tenantId: fixture.vault.tenantId });
    const { status, json } = await call('GET', `/api/runs?${query}`);
    expect([status, json.errors[0]?.pointer]).toEqual([400, pointer]);
  });
});

it('what a call costs: three storage calls to read, six to cancel, ten to start', async () => {
  const one = await aCase();
  const ended = await one.run();
  const cost = async (method: string, target: string, options = {}) => (await storageCalls(() => one.call(method, target, options))).length;
  for (const target of [
    `/api/runs/${ended.id}`,
    `/api/runs/${ended.id}/jobs`,
    '/api/runs',
    '/api/runs?state=failed&trigger=event',
    `/api/exports/${one.id}/runs`,
    `/api/exports/${one.id}/runs?state=failed`,
  ]) {
    const calls = await cost('GET', target);
    expect([target, calls > 0 && calls <= 3]).toEqual([target, true]);
  }
  // export, connection, limits, the export's row read and written, export again, document, row, message, activity log
  const start = await storageCalls(() => one.call('POST', `/api/exports/${one.id}/run`, { body: { full: true } }));
  expect(start.map((call) => call.split('?')[0])).toHaveLength(10);
  const { activeRunId } = await one.app.activities.get(one.id, { signal: signal() });
  // document, export, connection, word, message, activity log
  expect(await cost('POST', `/api/runs/${activeRunId}/cancel`)).toBe(6);
  await one.finish(activeRunId!);
});

it('a run of a newer version is left as it is: its export says so, and starts again when that version is back', async () => {
  const one = await aCase();
  const { json } = await one.call('POST', `/api/exports/${one.id}/run`, { body: {} });
  const id = json.id as RunId;
  const name = `${id}/run.json`;
  const { body } = (await one.app.containers.runs.find(name, { signal: signal() }))!;
  await one.app.containers.runs.write(name, JSON.stringify({ ...JSON.parse(body.toString()), version: 2 }), { signal: signal() });

  for (const [method, target] of [
    ['POST', `/api/exports/${one.id}/run`],
    ['GET', `/api/runs/${id}`],
    ['POST', `/api/runs/${id}/cancel`],
  ] as const) {
    const answer = await one.call(method, target, method === 'POST' ? { body: {} } : {});
    expect([target, answer.status, answer.json.code]).toEqual([target, 409, 'run_unreadable']);
  }
  await one.app.runs.sweep({ signal: signal() });
  expect(await one.status()).toMatchObject({ health: 'attention', reasons: [{ code: 'run_unreadable' }], activity: 'queued' });

  await one.app.containers.runs.write(name, body, { signal: signal() });
  await one.app.runs.sweep({ signal: signal() });
  expect(await one.status()).toMatchObject({ health: 'healthy' });
  await one.finish(id);
  while ((await one.status()).activity !== 'idle') await sleep(20);
});
