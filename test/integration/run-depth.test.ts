import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

let fixture: RunnerFixture;
let lists = 0;
const IMPORT = 'POST /api/profile-bulk-import-jobs';

beforeAll(async () => {
  fixture = await startRunnerFixture();
  await fixture.writeSegments({ segments: [{ name: 'HighValueSegment', rows: 3_000 }] });
}, 60_000);
afterAll(() => fixture.close());
afterEach(() => fetch(`${fixture.klaviyo.url}/_sandbox/faults`, { method: 'DELETE' }));

/** A list of the sandbox's account that no other test uses. */
const newList = async (): Promise<string> => {
  lists += 1;
  const id = `DEEP${String(lists).padStart(2, '0')}`;
  const body = JSON.stringify({ id: 'SANDBX', lists: [{ id, name: id }] });
  const answer = await fetch(`${fixture.klaviyo.url}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (!answer.ok) throw new Error(`no list: ${answer.status} ${await answer.text()}`);
  return id;
};
const rowsOf = async (
  runId: Parameters<RunnerFixture['services']['runs']['rows']>[0],
  stage: 'invalid' | 'rejected',
): Promise<string[]> => {
  let text = '';
  for await (const part of fixture.services.runs.rows(runId, stage, { signal: testSignal() })) text += part;
  return text.trimEnd().split('\r\n').slice(1);
};
const someMembers = async (count: number): Promise<string[]> => {
  const listId = await newList();
  const segmentExport = await fixture.anExport(await fixture.connect(), { listId });
  await fixture.runToEnd(segmentExport.id);
  return (await fixture.members(listId)).slice(100, 100 + count);
};

/** Takes people off a list as somebody working in Klaviyo would. */
const takeOff = async (listId: string, count: number): Promise<void> => {
  const answer = await fetch(`${fixture.klaviyo.url}/_sandbox/accounts/SANDBX/lists/${listId}/members`);
  const lines = (await answer.text()).split('\n').slice(0, count);
  const data = lines.map((line) => ({ type: 'profile', id: (JSON.parse(line) as { id: string }).id }));
  await fetch(`${fixture.klaviyo.url}/api/lists/${listId}/relationships/profiles`, {
    method: 'DELETE',
    headers: { authorization: 'Klaviyo-API-Key pk_sandbox_full', revision: '2026-07-15', 'content-type': 'application/vnd.api+json' },
    body: JSON.stringify({ data }),
  });
};

describe('the canary', () => {
  it('stops a first load of which Klaviyo takes nobody', async () => {
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId });
    await fixture.fault({ endpoint: IMPORT, count: 1, fault: { kind: 'row_errors', probability: 1, seed: 1 } });
    const run = await fixture.runToEnd(segmentExport.id);
    expect(run).toMatchObject({ state: 'failed', phase: 'finish', error: { code: 'canary_rejected' } });
    expect(run.counts).toMatchObject({ sent: 100, rejected: 100, accepted: 0 });
    expect(run.counts.unsent).toBe(run.counts.read - run.counts.invalid - run.counts.duplicates - 100);
    expect(await fixture.members(listId)).toEqual([]);
  });

  it('is asked for once: the next first-sized job is a full one', async () => {
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId: await newList() });
    const first = await fixture.runToEnd(segmentExport.id);
    expect(first.jobs.total).toBe(2);
    expect(first.phases.canary).toBeGreaterThan(0);
    const second = await fixture.runToEnd(segmentExport.id, { full: true });
    expect(second.jobs.total).toBe(1);
    expect(second.phases.canary).toBeUndefined();
  });
});

describe('rows that Klaviyo refuses', () => {
  it('at the admission are taken out and reported, and never cost their batch', async () => {
    const emails = await someMembers(3);
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId, canaryRows: 0 });
    await fixture.fault({ endpoint: IMPORT, probability: 1, fault: { kind: 'bad_row_admission', emails } });
    const run = await fixture.runToEnd(segmentExport.id);
    expect(run).toMatchObject({ state: 'successful' });
    expect(run.counts.rejected).toBe(3);
    expect(run.counts.accepted + 3).toBe(run.counts.sent);
    const rows = await rowsOf(run.id, 'rejected');
    for (const email of emails) expect(rows.some((row) => row.includes(email))).toBe(true);
    expect(await fixture.members(listId)).toHaveLength(run.counts.accepted);
  });

  it('while it processes the job are reported, tried again by the next run, and nothing else is', async () => {
    const emails = await someMembers(4);
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId, canaryRows: 0 });
    await fixture.fault({ endpoint: IMPORT, count: 1, fault: { kind: 'row_errors', emails } });
    const run = await fixture.runToEnd(segmentExport.id);
    expect(run.counts).toMatchObject({ rejected: 4 });
    expect(await rowsOf(run.id, 'rejected')).toHaveLength(4);
    const next = await fixture.runToEnd(segmentExport.id);
    expect(next.counts).toMatchObject({ sent: 4, accepted: 4 });
    expect(await fixture.members(listId)).toHaveLength(run.counts.sent);
  });

  it('are sent again by themselves on request', async () => {
    const emails = await someMembers(5);
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId, canaryRows: 0 });
    await fixture.fault({ endpoint: IMPORT, count: 1, fault: { kind: 'row_errors', emails } });
    const run = await fixture.runToEnd(segmentExport.id);
    const { id } = await fixture.services.runs.retryRejected(run.id, { by: 'tester', signal: testSignal() });
    await fixture.pump(() => fixture.ended(id));
    const retry = await fixture.services.runs.get(id, { signal: testSignal() });
    expect(retry).toMatchObject({ state: 'successful', trigger: { kind: 'retry' }, retryOf: run.id });
    expect(retry.counts).toMatchObject({ read: 5, sent: 5, accepted: 5, invalid: 0, duplicates: 0, unsent: 0 });
    expect(await fixture.members(listId)).toHaveLength(run.counts.sent);
    const next = await fixture.runToEnd(segmentExport.id);
    expect(next.counts).toMatchObject({ sent: 0 });
  });
});

describe('the check at the end', () => {
  it('finds the gap when somebody was taken off the list by hand, and the next run closes it', async () => {
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId });
    await fixture.runToEnd(segmentExport.id);
    const members = await fixture.members(listId);
    await takeOff(listId, 300);
    expect(await fixture.members(listId)).toHaveLength(members.length - 300);
    const second = await fixture.runToEnd(segmentExport.id);
    expect(second.counts).toMatchObject({ sent: 0 });
    expect(second.counts.found).toBeLessThan(second.counts.expected);
    expect(second.warnings.map(({ code }) => code)).toContain('gap');
    const third = await fixture.runToEnd(segmentExport.id);
    expect(third.counts.sent).toBe(members.length);
    expect(await fixture.members(listId)).toHaveLength(members.length);
  });
});

describe('a dry run', () => {
  it('says what would be sent, and how many Klaviyo does not know, and sends nothing', async () => {
    const listId = await newList();
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId });
    const { run } = await fixture.services.runs.start(
      { exportId: segmentExport.id, trigger: { kind: 'onDemand', by: 'tester' }, full: false, dryRun: true, countUnknown: true },
      { signal: testSignal() },
    );
    await fixture.pump(() => fixture.ended(run.id));
    const dry = await fixture.services.runs.get(run.id, { signal: testSignal() });
    expect(dry).toMatchObject({ state: 'successful', dryRun: true });
    expect(dry.plan).toMatchObject({ changed: 0, unchanged: 0, leavers: 0, jobs: 1 });
    expect(dry.plan!.new).toBe(dry.counts.unsent);
    // other tests' exports brought the same people to the account
    expect(dry.plan!.unknownToKlaviyo).toBe(0);
    expect(await fixture.members(listId)).toEqual([]);
    const real = await fixture.runToEnd(segmentExport.id);
    expect(real.counts.sent).toBe(dry.plan!.new);
  });
});

describe('a customer in two segments of one export', () => {
  it('counts for the one named first, run after run', async () => {
    const listId = await newList();
    await fixture.writeSegments({ segments: ['One', 'Two'].map((name) => ({ name, rows: 400 })) });
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId, segments: ['One', 'Two'] });
    const first = await fixture.runToEnd(segmentExport.id);
    const [one, two] = first.segments;
    expect([one!.sent, two!.sent]).toEqual([first.counts.sent, 0]);
    for (const full of [false, true, true]) {
      const { counts, segments } = await fixture.runToEnd(segmentExport.id, { full });
      const [again, other] = segments;
      expect(counts).toMatchObject(full ? { sent: one!.sent, unchanged: 0 } : { sent: 0, unchanged: one!.sent });
      expect(again).toMatchObject(full ? { sent: one!.sent, accepted: one!.sent } : { unchanged: one!.sent });
      expect(other).toMatchObject({ read: 400, sent: 0, unchanged: 0, duplicates: 400 - two!.invalid });
      for (const { read, invalid, duplicates, unchanged, sent, unsent } of segments)
        expect(read).toBe(invalid + duplicates + unchanged + sent + unsent);
    }
  });
});
