import { createForecast, createProgress, progressLine, resultJson, resultTable, shareDone } from '../../../infra/local/progress';
import { RunView } from '../../../infra/local/run-view';
import { sampleSegments } from '../../../infra/local/segments';

const aRun = (more: object = {}) =>
  RunView.parse({
    ...{ id: 'run_1', state: 'refreshing', phase: 'prepare', counts: {}, jobs: {}, submittedAt: '2026-11-23T02:00:00.000Z' },
    ...more,
  });
const segment = sampleSegments[0]!;
const now = new Date('2026-11-23T02:00:05.000Z');

it('never goes back from phase to phase', () => {
  const shares = [
    aRun({ counts: { read: 0 } }),
    aRun({ counts: { read: 5_000 } }),
    aRun({ phase: 'gate' }),
    aRun({ phase: 'canary' }),
    aRun({ phase: 'submit', jobs: { total: 4, submitted: 0 } }),
    aRun({ phase: 'submit', jobs: { total: 4, submitted: 4 } }),
    aRun({ phase: 'settle', jobs: { total: 4, ended: 0 } }),
    aRun({ phase: 'settle', jobs: { total: 4, ended: 4 } }),
    aRun({ phase: 'remove' }),
    aRun({ phase: 'verify' }),
    aRun({ phase: 'finish' }),
  ].map((run) => shareDone(run, 5_000));
  expect(shares).toEqual([...shares].sort((one, other) => one - other));
});

it('shows phase, counts and time left in one line', () => {
  const run = aRun({ phase: 'submit', jobs: { total: 100, submitted: 50 } });
  expect(progressLine(run, { rows: 1_000_000, leftSeconds: 125 })).toBe(
    '[###############.........]  62 %, submit: sending to Klaviyo, 50 of 100 jobs, about 2 min 5 s left',
  );
});

it('foretells by the pace of the last seconds, whatever was before', () => {
  const forecast = createForecast();
  expect(forecast(0, 0)).toBeUndefined();
  expect(forecast(0, 50_000)).toBeUndefined();
  expect(forecast(0.2, 52_000)).toBeCloseTo(8, 5);
  expect(forecast(0.4, 60_000)).toBeCloseTo(15, 5);
});

it('says nothing of the time left while too little was done', () => {
  const forecast = createForecast();
  forecast(0.1, 0);
  expect(forecast(0.11, 1_000)).toBeUndefined();
});

it('draws one line again and again in a terminal', () => {
  let out = '';
  const progress = createProgress({ write: (text) => (out += text), isTerminal: true, columns: 40 });
  progress.show(aRun(), { rows: 5, nowMs: 0 });
  progress.show(aRun({ phase: 'gate' }), { rows: 5, nowMs: 10 });
  progress.say('a line');
  expect(out).toBe('[........................]   0 %, prepa\r\u001b[K[##########..............]  40 %, gate:\r\u001b[Ka line\n');
});

it('writes a line per phase and every three seconds elsewhere', () => {
  const lines: string[] = [];
  const progress = createProgress({ write: (text) => lines.push(text), isTerminal: false });
  for (const [read, nowMs] of [
    [0, 0],
    [10, 1_000],
    [20, 3_100],
    [30, 3_200],
  ] as const) {
    progress.show(aRun({ counts: { read } }), { rows: 100, nowMs });
  }
  progress.show(aRun({ phase: 'gate' }), { rows: 100, nowMs: 3_300 });
  expect(lines.map((line) => /(\d+) of 100|gate/.exec(line)?.[0])).toEqual(['0 of 100', '20 of 100', 'gate']);
});

it('ends with a table that names every reason, and with what being on the list does not mean', () => {
  const run = aRun({
    state: 'successful',
    counts: { read: 5_000, invalid: 50, duplicates: 100, sent: 4_850, accepted: 4_850, expected: 1_000, found: 1_000 },
    invalidByReason: { email_missing: 4, email_invalid: 46 },
    phases: { prepare: 0.42 },
    endedAt: '2026-11-23T02:00:04.500Z',
  });
  const table = resultTable(run, { segment, onList: 4_850, now });
  expect(table).toContain('Segment NewsletterReaders to list Newsletter (LIST5K): successful');
  expect(table).toContain('50   4 without an e-mail address, 46 with an e-mail address that is none');
  expect(table).toMatch(/On the list now +4,850/);
  expect(table).toMatch(/Seconds +4\.5 {3}prepare 0\.4/);
  expect(table.split('\n').at(-1)).toBe('On the list is not the same as subscribed.');
});

it('says why a run failed', () => {
  const run = aRun({ state: 'failed', error: { code: 'cap', message: 'Too many people; raise the cap.' } });
  expect(resultTable(run, { segment, onList: 0, now })).toContain('Why it ended so: Too many people; raise the cap.');
});

it('keeps the names of the last line', () => {
  const keys = Object.keys(resultJson(aRun(), { onList: 1, rssMb: 2, now }));
  expect(keys.slice(0, 14)).toEqual([
    ...['state', 'read', 'invalid', 'duplicates', 'unchanged', 'sent', 'unsent', 'accepted', 'rejected', 'open', 'removed'],
    ...['onList', 'seconds', 'phases'],
  ]);
});
