import { randomBytes, randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import type { Connection } from '../../shared/connections/connection';
import type { Export } from '../../shared/exports/export';
import type { RowStage } from '../../shared/runs/row-report';
import type { Run, RunCounts } from '../../shared/runs/run';
import type { RunId } from '../../shared/ids';
import type { Services } from '../../shared/services';
import { testSignal } from './runner-fixture';
import type { RunnerFixture } from './runner-fixture';

/** What tests of runs share: an account and a list of one's own, segments written by hand, and what must be true of every run. */

const short = (): string => randomBytes(8).toString('hex').slice(0, 6).toUpperCase();

export interface OwnAccount {
  readonly accountId: string;
  readonly apiKey: string;
  readonly listId: string;
  readonly connection: Connection;
}

/**
 * An account of the sandbox with one list, so that neither people nor rate windows are shared with another test, and its connection.
 * @param scopes of the key; all by default
 */
export const ownAccount = async (
  fixture: RunnerFixture,
  { scopes, wrongKey = false }: { scopes?: readonly string[]; wrongKey?: boolean } = {},
): Promise<OwnAccount> => {
  const [accountId, listId] = [short(), short()];
  const apiKey = `pk_${accountId}`;
  const answer = await fetch(`${fixture.klaviyo.url}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      id: accountId,
      keys: [{ key: apiKey, ...(scopes ? { scopes } : {}) }, { key: `${apiKey}_all` }],
      lists: [{ id: listId, name: 'VIP' }],
    }),
  });
  if (!answer.ok) throw new Error(`no account: ${answer.status} ${await answer.text()}`);
  const connection = await fixture.connect({ apiKey: wrongKey ? 'pk_nobody' : apiKey, accountId });
  return { accountId, apiKey, listId, connection };
};

/** What the sandbox holds of an account. */
export const accountState = async (
  fixture: RunnerFixture,
  accountId: string,
): Promise<{ jobs: number; profiles: number; openJobs: { id: string; status: string }[] }> => {
  const { accounts } = (await fixture.sandboxState()) as { accounts: { id: string; jobs: number; profiles: number; openJobs: [] }[] };
  const found = accounts.find(({ id }) => id === accountId);
  if (!found) throw new Error(`the sandbox has no account ${accountId}`);
  return found;
};

export interface Row {
  readonly id: string;
  readonly email: string;
  readonly firstName?: string;
}

export const mapping = { email: 'EMail', firstName: 'FirstName' };
/** Good rows: a0@…, a1@…, … */
export const goodRows = (count: number, { from = 0, firstName = 'Ada' }: { from?: number; firstName?: string } = {}): Row[] =>
  Array.from({ length: count }, (_, index) => ({ id: `c${from + index}`, email: `person${from + index}@example.com`, firstName }));
export const emailsOf = (rows: readonly Row[]): string[] => rows.map(({ email }) => email.trim().toLowerCase()).sort();

const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
export const csvOf = (rows: readonly Row[]): string =>
  `CustomerId,EMail,FirstName\r\n${rows.map(({ id, email, firstName = '' }) => `${[id, email, firstName].map(csvField).join(',')}\r\n`).join('')}`;

/** Puts one file below the source's container. */
export const putSource = async (fixture: RunnerFixture, name: string, content: string): Promise<void> => {
  await fixture.source.getBlockBlobClient(name).upload(content, Buffer.byteLength(content));
};

/** A model.json with one segment of one file, as Customer Insights writes it. */
export const modelOf = (fixture: RunnerFixture, { folder, segment = 'Vip' }: { folder: string; segment?: string }): string =>
  JSON.stringify({
    application: 'Customer Insights',
    name: 'Test',
    version: '1.0',
    modifiedTime: '2026-11-23T00:00:00+00:00',
    entities: [
      {
        $type: 'LocalEntity',
        name: segment,
        attributes: ['CustomerId', 'EMail', 'FirstName'].map((name) => ({ name, dataType: 'string' })),
        partitions: [
          {
            name: `${segment}_1`,
            refreshTime: '2026-11-23T00:00:00+00:00',
            location: `${fixture.source.url}/${folder}/${segment}_1.csv`,
            fileFormatSettings: { $type: 'CsvFormatSettings', columnHeaders: true, delimiter: ',', encoding: 'UTF-8' },
          },
        ],
      },
    ],
  });

/** Writes a segment and the model that names it, in a folder of its own. */
export const writeRows = async (
  fixture: RunnerFixture,
  rows: readonly Row[],
  { folder, segment = 'Vip' }: { folder: string; segment?: string },
): Promise<void> => {
  await putSource(fixture, `${folder}/${segment}_1.csv`, csvOf(rows));
  await putSource(fixture, `${folder}/model.json`, modelOf(fixture, { folder, segment }));
};

/** Writes several segments, and the model that names them, in a folder of its own. */
export const writeSegments = async (
  fixture: RunnerFixture,
  segments: Readonly<Record<string, readonly Row[]>>,
  { folder }: { folder: string },
): Promise<void> => {
  const entities: unknown[] = [];
  for (const [segment, rows] of Object.entries(segments)) {
    await putSource(fixture, `${folder}/${segment}_1.csv`, csvOf(rows));
    entities.push(...(JSON.parse(modelOf(fixture, { folder, segment })) as { entities: unknown[] }).entities);
  }
  const model = JSON.parse(modelOf(fixture, { folder })) as object;
  await putSource(fixture, `${folder}/model.json`, JSON.stringify({ ...model, entities }));
};

/** The app as it reads that folder. */
export const appFor = (fixture: RunnerFixture, folder: string, more: Record<string, string> = {}): Services =>
  fixture.newInstance({ SOURCE_FOLDER: folder, ...more });

/**
 * An export of its own for one test: account, list, segment `Vip` and an app that reads it. The caller closes `app.klaviyo`.
 * @param write the segment's rows
 * @param env settings of the app
 * @param more fields of the export
 */
export const ownCase = async (
  fixture: RunnerFixture,
  { write, env = {}, more = {} }: { write: readonly Row[]; env?: Record<string, string>; more?: Partial<Record<keyof Export, unknown>> },
) => {
  const folder = `case-${randomUUID()}`;
  const own = await ownAccount(fixture);
  await writeRows(fixture, write, { folder });
  const app = appFor(fixture, folder, env);
  const segmentExport = await fixture.anExport(own.connection, { listId: own.listId, segments: ['Vip'], mapping, canaryRows: 0, ...more });
  const documentOf = async (runId: RunId) => (await fixture.services.runStore.find(runId, { signal: testSignal() }))!.document;
  return { folder, own, app, segmentExport, documentOf, members: () => fixture.members(own.listId, own.accountId) };
};

/** Runs an export by an app until its run has ended. */
export const runBy = async (
  fixture: RunnerFixture,
  app: Services,
  { id }: Pick<Export, 'id'>,
  options: { full?: boolean; dryRun?: boolean } = {},
): Promise<Run> => {
  const { run } = await app.runs.start(
    { exportId: id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: false, ...options },
    { signal: testSignal() },
  );
  await fixture.pump(() => fixture.ended(run.id), { app });
  return fixture.services.runs.get(run.id, { signal: testSignal() });
};

/** Each row read ends in exactly one place, each row sent, too (design, "Accounting"). */
export const checkSums = ({ counts, segments, invalidByReason, rejectedByReason, state }: Run): RunCounts => {
  expect(counts.read).toBe(counts.invalid + counts.duplicates + counts.unchanged + counts.sent + counts.unsent);
  expect(counts.sent).toBe(counts.accepted + counts.rejected + counts.open);
  expect(Object.values(counts).every((count) => Number.isInteger(count) && count >= 0)).toBe(true);
  expect(segments.reduce((sum, { read }) => sum + read, 0)).toBe(counts.read);
  expect(Object.values(invalidByReason).reduce((sum, count) => sum + count, 0)).toBe(counts.invalid);
  expect(Object.values(rejectedByReason).reduce((sum, count) => sum + count, 0)).toBe(counts.rejected);
  expect(['successful', 'failed', 'canceled', 'skipped']).toContain(state);
  return counts;
};

/** Nothing is left of a run but its document and reports: no staged data, no message, and the export may run again. */
export const checkLeftOver = async (fixture: RunnerFixture, run: Run): Promise<void> => {
  const staged: string[] = [];
  for await (const { name } of fixture.services.containers.staged.list(run.id, { signal: testSignal() })) staged.push(name);
  expect(staged).toEqual([]);
  const { activeRunId } = await fixture.services.activities.get(run.exportId, { signal: testSignal() });
  expect(activeRunId).toBeUndefined();
  const { approximateMessagesCount } = await fixture.queue.getProperties();
  expect(approximateMessagesCount).toBe(0);
  const [newest] = await fixture.services.runStore.newestOfExport(run.exportId, { size: 1, signal: testSignal() });
  expect(newest).toEqual(run);
};

/** Cells of a report, without its header. */
export const reportOf = async (fixture: RunnerFixture, run: Run, stage: RowStage): Promise<string[][]> => {
  let text = '';
  for await (const part of fixture.services.runs.rows(run.id, stage, { signal: testSignal() })) text += part;
  return text
    .split('\r\n')
    .slice(1, -1)
    .map((line) => line.split(','));
};

/** Ends the lease of a run's document at once, as time would after its runner's death. */
export const breakLease = async (fixture: RunnerFixture, runId: RunId): Promise<void> => {
  const runs = BlobServiceClient.fromConnectionString(fixture.azurite.connectionString).getContainerClient('runs');
  await runs.getBlobClient(`${runId}/run.json`).getBlobLeaseClient().breakLease(0);
};
