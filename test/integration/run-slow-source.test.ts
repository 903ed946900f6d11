import { ContainerClient } from '@azure/storage-blob';
import { type DataverseStandIn, startDataverse } from '../../infra/local/dataverse/server';
import { RunDocument, RunMessage } from '../../shared/runs/run';
import type { RunId } from '../../shared/ids';
import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';
import { ownAccount } from '../support/run-cases';

/**
 * A source that needs longer than a slice may take: 400 members and their profiles in pages of 20, 100 ms each, make more than four seconds;
 * the slices take one.
 */
const PAGES = 2 * 20;
const people = { segments: [{ name: 'Vip', rows: 400 }], seed: 7 };
const mapping = { email: 'msdynci_email', firstName: 'msdynci_firstname' };
let dataverse: DataverseStandIn;
let fixture: RunnerFixture;
let staged: ContainerClient;

beforeAll(async () => {
  dataverse = await startDataverse({ ...people, limits: 'none', execution: { baseMs: 100, rowMs: 0 }, maxPageRows: 20, missingEvery: 50 });
  fixture = await startRunnerFixture({
    sandbox: { limits: false, processing: 'instant' },
    env: { SOURCE_KIND: 'dataverse', DATAVERSE_URL: dataverse.url, RUN_SLICE_SECONDS: '1' },
  });
  staged = new ContainerClient(fixture.azurite.connectionString, 'staged');
}, 120_000);
afterAll(async () => {
  await fixture.close();
  await dataverse.close();
});

const documentOf = async (runId: RunId): Promise<RunDocument> => {
  const blob = new ContainerClient(fixture.azurite.connectionString, 'runs').getBlobClient(`${runId}/run.json`);
  return RunDocument.parse(JSON.parse((await blob.downloadToBuffer()).toString()));
};
const piecesOf = async (runId: RunId): Promise<string[]> => {
  const names: string[] = [];
  for await (const { name } of staged.listBlobsFlat({ prefix: `${runId}/` })) names.push(name);
  return names;
};

it('a source that is too slow for a slice is copied in parts, goes on after a death where it was, and leaves nothing behind', async () => {
  const { connection, listId, accountId } = await ownAccount(fixture);
  const { id } = await fixture.anExport(connection, { listId, segments: ['Vip'], mapping });
  const { run } = await fixture.services.runs.start(
    { exportId: id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false },
    { signal: testSignal() },
  );
  const piecesKept = async (most: number) => ((await documentOf(run.id)).spool?.pieces.length ?? 0) >= most;
  await fixture.pump(() => piecesKept(2));
  const before = dataverse.requests.length;

  // a runner dies in the middle of the next slice: its lease runs out, the guard message comes
  const death = new AbortController();
  const { turn } = await documentOf(run.id);
  setTimeout(() => death.abort(new Error('killed')), 400);
  await fixture.services.advanceRun(RunMessage.parse({ exportId: id, runId: run.id, turn: turn + 1 }), { signal: death.signal });
  const dead = await documentOf(run.id);
  expect(dead.turn).toBe(turn + 1);
  expect(dead.starts).toBe(1);
  expect(await piecesOf(run.id)).toEqual(expect.arrayContaining(dead.spool!.pieces.map((name) => `${run.id}/source/${name}`)));
  await new ContainerClient(fixture.azurite.connectionString, 'runs')
    .getBlobClient(`${run.id}/run.json`)
    .getBlobLeaseClient()
    .breakLease(0);
  await fixture.queue.sendMessage(JSON.stringify({ exportId: id, runId: run.id, turn: turn + 2 }));

  // another instance, which has read nothing of it
  await fixture.pump(() => fixture.ended(run.id), { app: fixture.newInstance() });
  const ended = await fixture.services.runs.get(run.id, { signal: testSignal() });
  expect(ended).toMatchObject({ state: 'successful', counts: { read: 400 } });
  expect(ended.invalidByReason.missing_profile).toBe(8);
  expect(ended.warnings.map(({ code }) => code)).toContain('slow_source');
  expect(await fixture.members(listId, accountId)).toHaveLength(ended.counts.accepted);
  expect(ended.counts.accepted).toBeGreaterThan(370);

  const { spool } = await documentOf(run.id);
  expect(spool).toMatchObject({ rows: 400, restarts: 0 });
  // everything again would be a page for every page; each slice asks for one or two again
  const asked = dataverse.requests
    .slice(before)
    .filter((path) => path.includes('msdynci_segmentmemberships') || path.includes('msdynci_customerprofiles?'));
  expect(asked.length).toBeLessThan(PAGES + 15);
  expect(await piecesOf(run.id)).toEqual([]);
}, 120_000);
