import * as fc from 'fast-check';
import { recount } from '../../../shared/runs/accounting';
import { RunDocument, StagedBatch, noCounts } from '../../../shared/runs/run';
import { aDocument } from './a-document';

const at = '2026-11-23T00:00:00.000Z';
const jobs = [{ id: 'j', failed: 0 }];
const aBatch = (fields: Partial<StagedBatch> = {}): StagedBatch => StagedBatch.parse({ number: 1, rows: 10, bytes: 1, ...fields });

/** What can be known of a batch, in any combination that the runner writes. */
const batches = fc
  .array(
    fc.record({
      rows: fc.integer({ min: 1, max: 10_000 }),
      what: fc.constantFrom('planned', 'noted', 'posted', 'complete', 'cancelled', 'open', 'stripped whole'),
      stripped: fc.double({ min: 0, max: 0.99, noNaN: true }),
      failed: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 30 },
  )
  .map((given) =>
    given.map(({ rows, what, stripped: strippedShare, failed }, index): StagedBatch => {
      const number = index + 1;
      const stripped = Math.floor(strippedShare * rows);
      if (what === 'planned') return aBatch({ number, rows });
      if (what === 'noted') return aBatch({ number, rows, postedAt: at });
      if (what === 'stripped whole')
        return aBatch({ number, rows, postedAt: at, posted: true, stripped: rows, outcome: 'complete', failedRows: rows });
      const posted = { number, rows, postedAt: at, posted: true, jobs, stripped };
      if (what === 'posted') return aBatch(posted);
      const failedRows = what === 'cancelled' ? rows : stripped + Math.floor(failed * (rows - stripped));
      return aBatch({ ...posted, outcome: what as StagedBatch['outcome'], failedRows });
    }),
  );

const documentOf = (
  staged: readonly StagedBatch[],
  prepared: { invalid: number; duplicates: number; unchanged: number; heldBack: number },
) => {
  const document = aDocument();
  const planned = staged.reduce((sum, { rows }) => sum + rows, 0);
  const { invalid, duplicates, unchanged, heldBack } = prepared;
  document.run.counts = {
    ...noCounts(),
    invalid,
    duplicates,
    unchanged,
    unsent: heldBack,
    read: invalid + duplicates + unchanged + heldBack + planned,
  };
  document.staged = {
    attempt: 1,
    batches: [...staged],
    heldBack,
    heldBackBySegment: [heldBack],
    nothingNew: false,
    gzip: true,
    servedDigest: '',
  };
  return document;
};
const some = fc.record({ invalid: fc.nat(1_000), duplicates: fc.nat(1_000), unchanged: fc.nat(1_000), heldBack: fc.nat(1_000) });

describe('recount', () => {
  it('lets every row end in exactly one place, whatever became of the batches', () => {
    fc.assert(
      fc.property(batches, some, (staged, prepared) => {
        const document = documentOf(staged, prepared);
        recount(document);
        const { counts, jobs } = document.run;
        expect(counts.read).toBe(counts.invalid + counts.duplicates + counts.unchanged + counts.sent + counts.unsent);
        expect(counts.sent).toBe(counts.accepted + counts.rejected + counts.open);
        expect(Object.values(document.run.rejectedByReason).reduce((sum, count) => sum + count, 0)).toBe(counts.rejected);
        expect(Math.min(...Object.values(counts))).toBeGreaterThanOrEqual(0);
        expect(jobs.ended <= jobs.submitted && jobs.submitted <= jobs.total).toBe(true);
        expect(() => RunDocument.parse(JSON.parse(JSON.stringify(document)))).not.toThrow();
        const again = structuredClone(document);
        recount(again);
        expect(again).toEqual(document);
      }),
    );
  });

  const posted = { postedAt: at, posted: true, jobs };
  it.each<[string, Partial<StagedBatch>, object]>([
    ['never posted is unsent', {}, { unsent: 10 }],
    ['posted without an answer is open', { postedAt: at }, { sent: 10, open: 10 }],
    ['in a job under way is open', posted, { sent: 10, open: 10 }],
    ['in a job under way, but for stripped rows, is open', { ...posted, stripped: 2 }, { sent: 10, open: 8, rejected: 2 }],
    ['in a job that did not end in time is open', { ...posted, outcome: 'open' }, { sent: 10, open: 10 }],
    ['in a complete job is accepted', { ...posted, outcome: 'complete' }, { sent: 10, accepted: 10 }],
    [
      'in a complete job, but for failed rows, is accepted',
      { ...posted, outcome: 'complete', failedRows: 3 },
      { sent: 10, accepted: 7, rejected: 3 },
    ],
    ['in a cancelled job is rejected', { ...posted, outcome: 'cancelled', failedRows: 10 }, { sent: 10, rejected: 10 }],
    [
      'refused at admission is rejected',
      { postedAt: at, posted: true, stripped: 10, outcome: 'complete', failedRows: 10 },
      { sent: 10, rejected: 10 },
    ],
  ])('a batch %s', (_, batch, expected) => {
    const document = documentOf([aBatch(batch)], { invalid: 0, duplicates: 0, unchanged: 0, heldBack: 0 });
    recount(document);
    expect(document.run.counts).toEqual({ ...noCounts(), read: 10, ...expected });
  });

  it('counts what was refused by Klaviyo’s code, and what it gave no code for as refused', () => {
    const staged = [
      aBatch({ ...posted, stripped: 1, outcome: 'complete', failedRows: 6, failedByCode: { invalid: 3, duplicate_profile: 1 } }),
      aBatch({ ...posted, outcome: 'complete', failedRows: 2, failedByCode: { invalid: 2 } }),
      aBatch({ ...posted, outcome: 'cancelled', failedRows: 10 }),
      aBatch({ postedAt: at }),
      aBatch(),
    ];
    const document = documentOf(staged, { invalid: 0, duplicates: 0, unchanged: 0, heldBack: 0 });
    recount(document);
    expect(document.run.rejectedByReason).toEqual({ invalid: 5, duplicate_profile: 1, refused: 2, job_cancelled: 10 });
  });

  it('changes nothing before anything is staged', () => {
    const document = aDocument();
    document.run.counts.unsent = 4;
    recount(document);
    expect(document.run.counts).toEqual({ ...noCounts(), unsent: 4 });
  });
});
