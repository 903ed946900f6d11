import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

let fixture: RunnerFixture;
const segment = (rows: number) => [{ name: 'HighValueSegment', rows, partitions: 2 }];
const churn = { joiners: 0.05, changed: 0.02, leavers: 0.05 };

beforeAll(async () => {
  fixture = await startRunnerFixture();
}, 60_000);
afterAll(() => fixture.close());

/** A list of the sandbox's account that no other test uses. */
const newList = async (id: string): Promise<string> => {
  const answer = await fetch(`${fixture.klaviyo.url}/_sandbox/accounts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id: 'SANDBX', lists: [{ id, name: id }] }),
  });
  if (!answer.ok) throw new Error(`no list: ${answer.status} ${await answer.text()}`);
  return id;
};

describe('the next runs of an export', () => {
  it('sends exactly the new and changed rows', async () => {
    const listId = await newList('NEXT01');
    await fixture.writeSegments({ segments: segment(6_000) });
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId });
    const first = await fixture.runToEnd(segmentExport.id);
    expect(first).toMatchObject({ state: 'successful' });
    expect(first.counts.found).toBe(first.counts.expected);
    expect(first.counts.expected).toBe(1_000);

    const same = await fixture.runToEnd(segmentExport.id);
    expect(same.counts).toMatchObject({ sent: 0, unchanged: first.counts.sent });
    expect(same.jobs.total).toBe(0);

    const manifest = await fixture.writeSegments({ segments: segment(6_000), generation: 1, churn });
    const truth = manifest.segments['HighValueSegment']!;
    const next = await fixture.runToEnd(segmentExport.id);
    expect(next.counts).toMatchObject({ sent: truth.joiners + truth.changed, accepted: truth.joiners + truth.changed, removed: 0 });
    expect(await fixture.members(listId)).toHaveLength(first.counts.sent + truth.joiners);
  });
});

describe('a mirror export', () => {
  it('removes those that left, and nobody else', async () => {
    const listId = await newList('MIRR01');
    await fixture.writeSegments({ segments: segment(6_000) });
    const segmentExport = await fixture.anExport(await fixture.connect(), { listId, membership: 'mirror' });
    const first = await fixture.runToEnd(segmentExport.id);
    expect(first).toMatchObject({ state: 'successful' });

    const manifest = await fixture.writeSegments({ segments: segment(6_000), generation: 1, churn });
    const truth = manifest.segments['HighValueSegment']!;
    const next = await fixture.runToEnd(segmentExport.id);
    expect(next.error).toBeUndefined();
    expect(next.warnings.map(({ code }) => code)).not.toContain('removals_held');
    expect(next.counts).toMatchObject({ removed: truth.leavers, held: 0, sent: truth.joiners + truth.changed });
    expect(await fixture.members(listId)).toHaveLength(truth.distinctValid);

    const again = await fixture.runToEnd(segmentExport.id);
    expect(again.counts).toMatchObject({ removed: 0, sent: 0, unchanged: truth.distinctValid });
  });

  it('holds removals above the guard until somebody approves them', async () => {
    const listId = await newList('MIRR02');
    await fixture.writeSegments({ segments: segment(6_000) });
    const segmentExport = await fixture.anExport(await fixture.connect(), {
      listId,
      membership: 'mirror',
      guardCount: 50,
      guardShare: 0.01,
    });
    const first = await fixture.runToEnd(segmentExport.id);
    const manifest = await fixture.writeSegments({ segments: segment(6_000), generation: 1, churn });
    const truth = manifest.segments['HighValueSegment']!;

    const held = await fixture.runToEnd(segmentExport.id);
    expect(held).toMatchObject({ state: 'successful', heldState: 'waiting' });
    expect(held.counts).toMatchObject({ removed: 0, held: truth.leavers, accepted: truth.joiners + truth.changed });
    expect(await fixture.members(listId)).toHaveLength(first.counts.sent + truth.joiners);

    const { id } = await fixture.services.runs.approveRemovals(held.id, { upTo: truth.leavers, by: 'tester', signal: testSignal() });
    await fixture.pump(() => fixture.ended(id));
    const approved = await fixture.services.runs.get(id, { signal: testSignal() });
    expect(approved).toMatchObject({ state: 'successful' });
    expect(approved.counts).toMatchObject({ removed: truth.leavers, sent: 0 });
    expect(await fixture.members(listId)).toHaveLength(truth.distinctValid);
  });

  it('dismisses held removals: they are found again by the next run', async () => {
    const listId = await newList('MIRR03');
    await fixture.writeSegments({ segments: segment(6_000) });
    const segmentExport = await fixture.anExport(await fixture.connect(), {
      listId,
      membership: 'mirror',
      guardCount: 50,
      guardShare: 0.01,
    });
    await fixture.runToEnd(segmentExport.id);
    const manifest = await fixture.writeSegments({ segments: segment(6_000), generation: 1, churn });
    const truth = manifest.segments['HighValueSegment']!;
    const held = await fixture.runToEnd(segmentExport.id);
    expect(await fixture.services.runs.dismissRemovals(held.id, { signal: testSignal() })).toMatchObject({ heldState: 'dismissed' });
    const next = await fixture.runToEnd(segmentExport.id);
    expect(next.counts).toMatchObject({ held: truth.leavers, removed: 0, sent: 0 });
  });

  it('shares a list with another mirror: the last one to lose a person removes it', async () => {
    const listId = await newList('MIRR04');
    const connection = await fixture.connect();
    const both = (generation: number) => fixture.writeSegments({ segments: segment(4_000), generation, churn });
    await both(0);
    const one = await fixture.anExport(connection, { listId, membership: 'mirror' });
    const two = await fixture.anExport(connection, { listId, membership: 'mirror' });
    await fixture.runToEnd(one.id);
    await fixture.runToEnd(two.id);
    const manifest = await both(1);
    const truth = manifest.segments['HighValueSegment']!;
    const first = await fixture.runToEnd(one.id);
    expect(first).toMatchObject({ state: 'successful' });
    // the other export holds them still
    expect(first.counts.removed).toBe(0);
    const second = await fixture.runToEnd(two.id);
    expect(second.counts.removed).toBe(truth.leavers);
    expect(await fixture.members(listId)).toHaveLength(truth.distinctValid);
  });
});
