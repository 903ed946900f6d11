import { startRunnerFixture, testSignal } from '../support/runner-fixture';
import type { RunnerFixture } from '../support/runner-fixture';

let fixture: RunnerFixture;
beforeAll(async () => {
  fixture = await startRunnerFixture();
}, 60_000);
afterAll(() => fixture.close());

describe('a run of an add export', () => {
  it('E10 brings every distinct valid address to the list once, leaves out missing and bad ones, and counts each row', async () => {
    const manifest = await fixture.writeSegments({ segments: [{ name: 'HighValueSegment', rows: 25_000, partitions: 3 }] });
    const truth = manifest.segments['HighValueSegment']!;
    const segmentExport = await fixture.anExport(await fixture.connect());

    const run = await fixture.runToEnd(segmentExport.id);

    expect(run.error).toBeUndefined();
    expect(run).toMatchObject({ state: 'successful' });
    expect(run.counts).toMatchObject({
      read: truth.rows,
      invalid: truth.invalid,
      duplicates: truth.duplicates,
      sent: truth.distinctValid,
      accepted: truth.distinctValid,
      rejected: 0,
      open: 0,
      unsent: 0,
      unchanged: 0,
    });
    expect(await fixture.members('LIST5K')).toHaveLength(truth.distinctValid);
    // staged data goes with the end of the run
    const staged: string[] = [];
    for await (const blob of fixture.services.containers.staged.list('', { signal: testSignal() })) staged.push(blob.name);
    expect(staged).toEqual([]);
  });
});
