import type { Segment } from './people';

/** What runs: lists, the exports that feed them, and the segments these read. Sizes are small, rows wide where several jobs matter. */

export interface MatrixExport {
  readonly name: string;
  readonly membership: 'add' | 'mirror';
  readonly segments: readonly Segment[];
  /** the mapping changes from day to day, so that everything is sent again, after a canary */
  readonly remapped?: boolean;
  /** days on which a run is cancelled when it comes to a phase */
  readonly cancelAt?: (day: number) => string | undefined;
}

export interface MatrixList {
  readonly id: string;
  readonly account: string;
  readonly exports: readonly MatrixExport[];
  /** prefix of those whom Klaviyo refuses */
  readonly refuses?: string;
}

const segment = (name: string, prefix: string, more: Partial<Segment> = {}): Segment => ({
  ...{ name, prefix, size: 300, first: 0, step: 12, width: 0, bad: 7 },
  ...more,
});

const left = segment('Left', 't', { size: 260, side: 0 });
const right = segment('Right', 't', { size: 260, first: 60, side: 1 });
const wide = segment('Wide', 'm', { size: 500, step: 20, width: 40_000 });
const stopped = segment('Stopped', 'c', { size: 360, width: 30_000 });
const one = segment('ManyOne', 'x', { size: 200, width: 20_000 });
const two = segment('ManyTwo', 'x', { size: 200, first: 150, width: 20_000 });
const keep = segment('Keep', 'k', { size: 220, side: 0 });
const swap = segment('Swap', 'k', { size: 220, first: 100, step: 20, side: 1 });
const fresh = segment('Fresh', 'n', { size: 400, step: 7, width: 40_000 });

const CANCEL_IN = ['submit', 'settle', 'prepare', 'verify', 'remove'];

/** Lists that live through all days. */
export const lasting: readonly MatrixList[] = [
  { id: 'LISTAD', account: 'ACCONE', exports: [{ name: 'add', membership: 'add', segments: [segment('Added', 'a')] }] },
  { id: 'LISTMI', account: 'ACCONE', exports: [{ name: 'mirror', membership: 'mirror', segments: [wide] }] },
  {
    id: 'LISTTW',
    account: 'ACCTWO',
    exports: [
      { name: 'left', membership: 'mirror', segments: [left] },
      { name: 'right', membership: 'mirror', segments: [right], cancelAt: (day) => (day % 4 === 2 ? 'remove' : undefined) },
    ],
  },
  {
    id: 'LISTRE',
    account: 'ACCTHR',
    refuses: 'r',
    exports: [{ name: 'refused', membership: 'mirror', segments: [segment('Refused', 'r')] }],
  },
  {
    id: 'LISTCA',
    account: 'ACCTHR',
    exports: [
      {
        name: 'cancelled',
        membership: 'mirror',
        segments: [stopped],
        cancelAt: (day) => (day % 2 === 1 ? CANCEL_IN[Math.floor(day / 2) % CANCEL_IN.length] : undefined),
      },
    ],
  },
  { id: 'LISTMA', account: 'ACCFOU', exports: [{ name: 'many', membership: 'mirror', segments: [one, two], remapped: true }] },
  {
    id: 'LISTBO',
    account: 'ACCFOU',
    exports: [
      { name: 'keep', membership: 'add', segments: [keep] },
      { name: 'swap', membership: 'mirror', segments: [swap] },
    ],
  },
];

/** A list that is filled for the first time on a day: such a run begins with a canary. */
export const listOfDay = (day: number): MatrixList => ({
  id: `FRESH${String(day).padStart(3, '0')}`,
  account: 'ACCNEW',
  exports: [{ name: `fresh ${day}`, membership: 'add', segments: [fresh] }],
});

export const segmentsOf = (lists: readonly MatrixList[]): Segment[] => [
  ...new Set(lists.flatMap(({ exports }) => exports.flatMap(({ segments }) => segments))),
];
