import { StagedBatch } from '../../../shared/runs/run';
import { RunJobs, jobsOf } from '../../../shared/runs/run-jobs';
import { aDocument } from './a-document';

const POSTED = '2026-11-23T00:01:00.000Z';
const aBatch = (fields: object = {}) => StagedBatch.parse({ number: 1, rows: 100, bytes: 1_000, ...fields });
const jobsWith = (...batches: StagedBatch[]) =>
  jobsOf({
    ...aDocument(),
    staged: { attempt: 1, batches, gzip: true, nothingNew: false, heldBack: 0, heldBackBySegment: [0], servedDigest: 'd' },
  });

describe('the jobs of a run', () => {
  it.each<[string, object, string]>([
    ['has not been posted', {}, 'waiting'],
    ['was being posted, perhaps in vain', { postedAt: POSTED }, 'posting'],
    ['lies with Klaviyo', { postedAt: POSTED, posted: true, jobs: [{ id: 'j1' }] }, 'processing'],
    ['is done', { postedAt: POSTED, posted: true, jobs: [{ id: 'j1', outcome: 'complete' }], outcome: 'complete' }, 'complete'],
    ['was cancelled by Klaviyo', { postedAt: POSTED, posted: true, outcome: 'cancelled' }, 'cancelled'],
    ['had not ended by the deadline', { postedAt: POSTED, posted: true, outcome: 'open' }, 'open'],
  ])('tell of a batch that %s', (_, fields, state) => {
    expect(jobsWith(aBatch(fields)).value.map((job) => job.state)).toEqual([state]);
  });

  it('carry ids, rows and what was refused, each batch once and in order', () => {
    const jobs = [{ id: 'j1', failed: 3, outcome: 'complete' }];
    const answer = jobsWith(
      aBatch({ postedAt: POSTED, posted: true, jobs, stripped: 2, failedRows: 5, outcome: 'complete', requestId: 'req-1' }),
      aBatch({ number: 2, rows: 40 }),
    );
    expect(RunJobs.parse(answer).value).toEqual([
      {
        batch: 1,
        rows: 100,
        state: 'complete',
        jobs: [{ id: 'j1', outcome: 'complete', failedRows: 3 }],
        failedRows: 5,
        strippedRows: 2,
        requestId: 'req-1',
        postedAt: POSTED,
      },
      { batch: 2, rows: 40, state: 'waiting', jobs: [], strippedRows: 0 },
    ]);
  });

  it('are none before the run has prepared any', () => {
    expect(jobsOf(aDocument())).toMatchObject({ state: 'refreshing', value: [] });
  });
});
