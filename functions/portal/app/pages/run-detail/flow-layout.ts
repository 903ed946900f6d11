import type { RunCounts } from '../../../../../shared/runs/run';

/** Where rows are, from left to right: read, what became of them here, what Klaviyo said, and on the list. */
export type FlowNodeId = 'read' | 'unchanged' | 'sent' | 'unsent' | 'duplicates' | 'invalid' | 'accepted' | 'open' | 'rejected' | 'onList';

export interface FlowNode {
  readonly id: FlowNodeId;
  readonly column: 0 | 1 | 2 | 3;
  readonly count: number;
  /** pixels from the top */
  readonly top: number;
  readonly height: number;
}

export interface FlowLink {
  readonly from: FlowNodeId;
  readonly to: FlowNodeId;
  readonly fromTop: number;
  readonly toTop: number;
  /** pixels at both ends: a few rows among a million are still a line */
  readonly thickness: number;
}

export interface Flow {
  readonly nodes: readonly FlowNode[];
  readonly links: readonly FlowLink[];
  readonly height: number;
}

/** Height of all rows read. */
const FULL_PX = 180;
/** A label has two lines; closer together they would lie upon each other. */
const LABEL_PX = 40;
const GAP_PX = 8;
const LEAST_PX = 3;

/**
 * The way of a run's rows as ribbons. Their widths are those of the counts, but for the smallest, which stay visible; the sums are those
 * of the design's accounting: read = invalid + duplicates + unchanged + sent + unsent, sent = accepted + rejected + open.
 */
export const layoutFlow = (counts: RunCounts): Flow => {
  const { read } = counts;
  const px = (count: number): number => (count === 0 || read === 0 ? 0 : Math.max(LEAST_PX, (FULL_PX * count) / read));
  const leaves: readonly (readonly [FlowNodeId, number])[] = [
    ['accepted', counts.accepted],
    ['open', counts.open],
    ['rejected', counts.rejected],
  ];
  const answered = leaves.filter(([, count]) => count > 0);
  const sentPx = Math.max(
    px(counts.sent),
    answered.reduce((sum, [, count]) => sum + px(count), 0),
  );
  const first: readonly (readonly [FlowNodeId, number, number])[] = (
    [
      ['unchanged', counts.unchanged, px(counts.unchanged)],
      ['sent', counts.sent, sentPx],
      ['unsent', counts.unsent, px(counts.unsent)],
      ['duplicates', counts.duplicates, px(counts.duplicates)],
      ['invalid', counts.invalid, px(counts.invalid)],
    ] as const
  ).filter(([, count]) => count > 0);

  const nodes: FlowNode[] = [];
  const links: FlowLink[] = [];
  let height = 0;
  const place = (id: FlowNodeId, column: FlowNode['column'], count: number, top: number, tall: number): number => {
    nodes.push({ id, column, count, top, height: tall });
    const end = top + Math.max(tall, LABEL_PX);
    height = Math.max(height, end);
    return end + GAP_PX;
  };

  place(
    'read',
    0,
    read,
    0,
    first.reduce((sum, [, , tall]) => sum + tall, 0),
  );
  let top = 0;
  let out = 0;
  for (const [id, count, tall] of first) {
    const at = top;
    top = place(id, 1, count, top, tall);
    links.push({ from: 'read', to: id, fromTop: out, toTop: at, thickness: tall });
    out += tall;
  }
  const topOf = (id: FlowNodeId): number => nodes.find((node) => node.id === id)?.top ?? 0;

  // what is unchanged passes by what was sent, above it
  const unchangedPx = px(counts.unchanged);
  let next = Math.max(topOf('sent'), unchangedPx === 0 ? 0 : unchangedPx + GAP_PX);
  out = topOf('sent');
  for (const [id, count] of answered) {
    const at = next;
    next = place(id, 2, count, next, px(count));
    links.push({ from: 'sent', to: id, fromTop: out, toTop: at, thickness: px(count) });
    out += px(count);
  }

  const there = counts.unchanged + counts.accepted;
  if (there > 0) {
    const acceptedPx = px(counts.accepted);
    place('onList', 3, there, 0, unchangedPx + acceptedPx);
    if (unchangedPx > 0) links.push({ from: 'unchanged', to: 'onList', fromTop: 0, toTop: 0, thickness: unchangedPx });
    if (acceptedPx > 0) {
      links.push({ from: 'accepted', to: 'onList', fromTop: topOf('accepted'), toTop: unchangedPx, thickness: acceptedPx });
    }
  }
  return { nodes, links, height };
};
