import * as fc from 'fast-check';
import { layoutFlow } from '../../../functions/portal/app/pages/run-detail/flow-layout';
import type { Flow, FlowNodeId } from '../../../functions/portal/app/pages/run-detail/flow-layout';
import { noCounts } from '../../../shared/runs/run';
import type { RunCounts } from '../../../shared/runs/run';

const some = fc.nat(1_000_000);
/** Counts whose sums are right, as those of any run are. */
const anyCounts = fc
  .record({ invalid: some, duplicates: some, unchanged: some, unsent: some, accepted: some, rejected: some, open: some })
  .map((given): RunCounts => {
    const sent = given.accepted + given.rejected + given.open;
    return { ...noCounts(), ...given, sent, read: given.invalid + given.duplicates + given.unchanged + given.unsent + sent };
  });
const sumInto = (flow: Flow, id: FlowNodeId): number =>
  flow.links.filter(({ to }) => to === id).reduce((sum, { thickness }) => sum + thickness, 0);
const sumOutOf = (flow: Flow, id: FlowNodeId): number =>
  flow.links.filter(({ from }) => from === id).reduce((sum, { thickness }) => sum + thickness, 0);

describe('the ribbons of a run', () => {
  it('fill each bar, never more than its height, and no bars of a column lie upon each other', () => {
    fc.assert(
      fc.property(anyCounts, (counts) => {
        const flow = layoutFlow(counts);
        for (const { id, height, top, column } of flow.nodes) {
          if (column > 0) expect(sumInto(flow, id)).toBeCloseTo(height, 6);
          expect(sumOutOf(flow, id)).toBeLessThanOrEqual(height + 1e-6);
          const next = flow.nodes.find((other) => other.column === column && other.top > top);
          if (next) expect(next.top).toBeGreaterThanOrEqual(top + Math.max(40, height));
          expect(top + height).toBeLessThanOrEqual(flow.height);
        }
      }),
    );
  });

  it('show a few rows among a million, and leave out what there is none of', () => {
    const flow = layoutFlow({ ...noCounts(), read: 1_000_000, sent: 999_999, accepted: 999_999, invalid: 1 });
    expect(flow.nodes.map(({ id, count }) => [id, count])).toEqual([
      ['read', 1_000_000],
      ['sent', 999_999],
      ['invalid', 1],
      ['accepted', 999_999],
      ['onList', 999_999],
    ]);
    expect(flow.nodes.find(({ id }) => id === 'invalid')!.height).toBe(3);
  });
});
