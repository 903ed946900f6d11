import { setTimeout as sleep } from 'node:timers/promises';
import type { Export } from '../../shared/exports/export';
import { hasEnded } from '../../shared/runs/run';
import type { RunDocument } from '../../shared/runs/run';
import type { Services } from '../../shared/services';
import { startProxy } from '../crash/proxy';
import type { WireCall } from '../crash/proxy';
import { appFor, emailsOf, goodRows, mapping, ownAccount, runBy, writeRows } from '../support/run-cases';
import type { Row } from '../support/run-cases';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

/** Two mirrors on one list whose runs overlap at the worst moment: somebody moves from the one segment to the other. */

let fixture: RunnerFixture;
beforeAll(async () => {
  fixture = await startRunnerFixture();
}, 60_000);
afterAll(() => fixture.close());

/** Another process of the app whose calls can be stopped on their way. */
const appWithStop = async (folder: string, isStopped: (call: WireCall) => boolean) => {
  let go: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (go = resolve));
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const { azurite, klaviyo } = fixture;
  const targets = {
    blob: azurite.blobPort,
    queue: azurite.queuePort,
    table: azurite.tablePort,
    klaviyo: Number(new URL(klaviyo.url).port),
  };
  const proxy = await startProxy(targets, {
    before: async (call) => {
      if (!isStopped(call)) return undefined;
      reach();
      await gate;
      return undefined;
    },
    after: () => undefined,
    kill: () => undefined,
  });
  const storage = azurite.connectionString.replaceAll(`:${azurite.blobPort}/`, `:${proxy.ports.blob}/`);
  const app = appFor(fixture, folder, { AzureWebJobsStorage: storage, KLAVIYO_BASE_URL: `http://127.0.0.1:${proxy.ports.klaviyo}` });
  return { app, reached, go, close: proxy.close };
};

const start = async (app: Services, { id }: Export): Promise<RunDocument['run']> =>
  (
    await app.runs.start(
      { exportId: id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
      { signal: testSignal() },
    )
  ).run;

/** Gives a run one turn after the other, until `isThere`. */
const advance = async (
  app: Services,
  { id, exportId }: RunDocument['run'],
  isThere: (document: RunDocument) => boolean,
): Promise<RunDocument> => {
  for (let turns = 0; ; turns += 1) {
    const { document } = (await fixture.services.runStore.find(id, { signal: testSignal() }))!;
    if (isThere(document)) return document;
    if (turns === 100) throw new Error(`the run stays in ${document.run.phase}`);
    await app.advanceRun({ exportId, runId: id, turn: document.turn + 1 }, { signal: testSignal() });
    await sleep(100);
  }
};
const isOver = ({ run }: RunDocument): boolean => hasEnded(run.state);

interface Side {
  readonly folder: string;
  readonly app: Services;
  readonly segmentExport: Export;
}

/** Two mirrors with people of their own on one list; then the first of the left ones moves to the right. */
const twoMirrors = async (name: string) => {
  const own = await ownAccount(fixture);
  const [leftRows, rightRows] = [goodRows(40), goodRows(40, { from: 100 })];
  const side = async (folder: string, rows: readonly Row[]): Promise<Side> => {
    await writeRows(fixture, rows, { folder });
    const app = appFor(fixture, folder);
    const more = { listId: own.listId, segments: ['Vip'], mapping, membership: 'mirror' as const };
    const segmentExport = await fixture.anExport(own.connection, more);
    expect(await runBy(fixture, app, segmentExport)).toMatchObject({ state: 'successful' });
    return { folder, app, segmentExport };
  };
  const left = await side(`${name}-left`, leftRows);
  const right = await side(`${name}-right`, rightRows);
  await writeRows(fixture, leftRows.slice(1), { folder: left.folder });
  await writeRows(fixture, [...rightRows, leftRows[0]!], { folder: right.folder });
  return {
    ...{ own, left, right },
    expectEverybody: async (): Promise<void> =>
      expect(await fixture.members(own.listId, own.accountId)).toEqual(emailsOf([...leftRows, ...rightRows])),
  };
};

describe('somebody who moves from one mirror to another of the same list stays on it', () => {
  it('when the second one brings the person while the removal of the first is on its way', async () => {
    const { left, right, expectEverybody } = await twoMirrors('on-its-way');
    const stopped = await appWithStop(left.folder, ({ method, service }) => service === 'klaviyo' && method === 'DELETE');
    try {
      const removing = await start(stopped.app, left.segmentExport);
      const removed = advance(stopped.app, removing, isOver);
      await stopped.reached;
      const bringing = await start(right.app, right.segmentExport);
      // as far as it gets without waiting for anybody
      await advance(right.app, bringing, (document) => isOver(document) || (document.turn > 0 && document.run.phase === 'gate'));
      stopped.go();
      expect((await removed).run).toMatchObject({ state: 'successful' });
      expect((await advance(right.app, bringing, isOver)).run).toMatchObject({ state: 'successful' });
      await expectEverybody();
    } finally {
      stopped.go();
      await stopped.close();
    }
  }, 60_000);

  it('when the run of the second one ends while the first looks who else holds the person', async () => {
    const { own, left, right, expectEverybody } = await twoMirrors('looks');
    const isTheirState = ({ method, url }: WireCall) => method === 'GET' && url.includes(`/state/${right.segmentExport.id}/0`);
    const stopped = await appWithStop(left.folder, isTheirState);
    try {
      await fixture.fault({
        endpoint: 'POST /api/profile-bulk-import-jobs',
        account: own.accountId,
        fault: { kind: 'job_delay', ms: 4_000 },
      });
      const bringing = await start(right.app, right.segmentExport);
      await advance(right.app, bringing, ({ run }) => run.phase === 'settle');
      const removed = advance(stopped.app, await start(stopped.app, left.segmentExport), isOver);
      await stopped.reached;
      await advance(right.app, bringing, isOver);
      stopped.go();
      expect((await removed).run).toMatchObject({ state: 'successful' });
      await expectEverybody();
    } finally {
      stopped.go();
      await stopped.close();
    }
  }, 60_000);
});

it('removes somebody whom another mirror was about to bring, but never did', async () => {
  const { own, left, right } = await twoMirrors('never-did');
  const stopped = await appWithStop(right.folder, ({ method, service }) => service === 'klaviyo' && method === 'POST');
  try {
    const bringing = await start(stopped.app, right.segmentExport);
    const brought = advance(stopped.app, bringing, isOver);
    await stopped.reached;
    const removing = await start(left.app, left.segmentExport);
    await advance(left.app, removing, (document) => isOver(document) || document.remove?.waitingSince !== undefined);
    await fixture.fault({ endpoint: 'POST /api/profile-bulk-import-jobs', account: own.accountId, fault: { kind: 'plan_limit' } });
    stopped.go();
    expect((await brought).run).toMatchObject({ state: 'failed' });
    await writeRows(fixture, goodRows(40, { from: 100 }), { folder: right.folder });
    expect((await advance(left.app, removing, isOver)).run).toMatchObject({ state: 'successful' });
    expect((await advance(right.app, await start(right.app, right.segmentExport), isOver)).run).toMatchObject({ state: 'successful' });
    expect(await fixture.members(own.listId, own.accountId)).not.toContain('person0@example.com');
  } finally {
    stopped.go();
    await stopped.close();
  }
}, 60_000);

it('removes somebody who left both mirrors, also while one of them has an import whose answer was lost', async () => {
  const own = await ownAccount(fixture);
  const [shared, ...others] = goodRows(40);
  const side = async (folder: string, loseAnswer: boolean) => {
    await writeRows(fixture, [shared!, ...others], { folder });
    const app = appFor(fixture, folder);
    const more = { listId: own.listId, segments: ['Vip'], mapping, membership: 'mirror' as const };
    const segmentExport = await fixture.anExport(own.connection, more);
    const fault = { kind: 'reset_after_admission' };
    if (loseAnswer) await fixture.fault({ endpoint: 'POST /api/profile-bulk-import-jobs', account: own.accountId, fault });
    expect(await runBy(fixture, app, segmentExport)).toMatchObject({ state: 'successful' });
    return async () => {
      await writeRows(fixture, others, { folder });
      expect(await runBy(fixture, app, segmentExport)).toMatchObject({ state: 'successful' });
    };
  };
  const loseByLeft = await side('both-left', true);
  const loseByRight = await side('both-right', false);
  await loseByLeft();
  await loseByRight();
  expect(await fixture.members(own.listId, own.accountId)).toEqual(emailsOf(others));
}, 60_000);
