import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ConnectionStatus, findingOf } from '../../../shared/connections/connection-status';
import { NotFoundError } from '../../../shared/errors';
import { ExportActivity } from '../../../shared/exports/export';
import { exportStatus } from '../../../shared/exports/export-status';
import { warningsThatTell } from '../../../shared/exports/warnings-that-tell';
import type { RunId } from '../../../shared/ids';
import { RECENT_RUNS } from '../../../shared/exports/recent-run';
import { withEnded, withoutActive, withRecent } from '../../../shared/runs/export-activity';
import type { Run } from '../../../shared/runs/run';
import { aDocument } from '../runs/a-document';

const statusOf = (activity: ExportActivity, more: Partial<Omit<Parameters<typeof exportStatus>[0], 'activity'>> = {}) =>
  exportStatus({ activity, paused: false, detached: false, ...more });
const never = ExportActivity.parse({});
let count = 0;
const aRun = (more: Partial<Omit<Run, 'counts'>> & { counts?: Partial<Run['counts']> } = {}): Run => {
  const { run } = aDocument();
  const id = `run_000000001${(count += 1)}` as RunId;
  const counts = { ...run.counts, read: 1_000, ...more.counts };
  return { ...run, id, state: 'successful', endedAt: `2026-11-23T0${count % 10}:00:00.000Z`, ...more, counts };
};
const after = (...runs: Run[]): ExportActivity => runs.reduce(withEnded, never);
const warned = (...codes: string[]) => ({ warnings: codes.map((code) => ({ code, message: 'x' })) });
const error = (code: string) => ({ code, message: `Because of ${code}.` });

describe('the health of an export', () => {
  it('is good before its first run, which is not there', () => {
    expect(statusOf(never)).toEqual({ health: 'healthy', reasons: [], activity: 'idle' });
  });

  it.each([
    ['a run without a warning', aRun(), 'healthy'],
    ['a few bad addresses', aRun({ ...warned('rows_invalid'), counts: { invalid: 49 } }), 'healthy'],
    ['many bad addresses', aRun({ ...warned('rows_invalid'), counts: { invalid: 101 } }), 'attention'],
    ['rows that Klaviyo refused', aRun({ ...warned('rows_rejected'), counts: { rejected: 3 } }), 'attention'],
    ['removals that wait for a word', aRun({ ...warned('removals_held'), heldState: 'waiting', counts: { held: 40 } }), 'attention'],
    ['removals that were dismissed', aRun({ ...warned('removals_held'), heldState: 'dismissed', counts: { held: 40 } }), 'healthy'],
    ['a warning that this version does not know', aRun(warned('brand_new')), 'attention'],
    ['an interruption that passed', aRun(warned('interrupted', 'waiting_for_source')), 'healthy'],
    ['a failure', aRun({ state: 'failed', error: error('key_refused') }), 'failing'],
  ] as const)('after %s', (_, run, health) => {
    expect(statusOf(after(run))).toMatchObject({ health, lastRun: { id: run.id, state: run.state, trigger: 'onDemand' } });
  });

  it('is told with a sentence for each reason, the failure first', () => {
    const activity = after(aRun({ state: 'failed', error: error('key_refused') }));
    const { health, reasons } = statusOf(activity, { detached: true, connectionStatus: 'secretMissing' });
    expect(health).toBe('failing');
    expect(reasons.map(({ code }) => code)).toEqual(['key_refused', 'detached', 'secret_missing']);
    expect(reasons[0]!.message).toBe('Because of key_refused.');
    expect(statusOf(never, { detached: true }).health).toBe('attention');
  });

  it.each(ConnectionStatus.options.filter((status) => status !== 'connected'))(
    'needs a look while its connection is %s, also before the next run fails of it',
    (connectionStatus) => {
      const { health, reasons } = statusOf(after(aRun()), { connectionStatus });
      expect([health, reasons]).toEqual([
        'attention',
        [{ code: expect.any(String) as string, message: expect.stringContaining('connection') as string }],
      ]);
      const { code } = reasons[0]!;
      expect(findingOf(new NotFoundError({ code, message: 'x' }))?.status).toBe(connectionStatus);
      // the failed run says it already
      const failed = statusOf(after(aRun({ state: 'failed', error: error(code) })), { connectionStatus });
      expect(failed.reasons.map((reason) => reason.code)).toEqual([code]);
    },
  );

  it('is not changed by a dry run, whatever it finds', () => {
    const before = after(aRun());
    expect(withEnded(before, aRun({ dryRun: true, state: 'failed', error: error('cap_exceeded') }))).toEqual(before);
  });

  it('X11 is after a cancelled run what it was before it', () => {
    for (const before of [after(aRun()), after(aRun({ state: 'failed', error: error('key_refused') })), never]) {
      expect(withEnded(before, aRun({ state: 'canceled', error: error('canceled') }))).toEqual(before);
    }
  });

  it('X10 is after a run that found nothing new that of the last real run, which is shown with its trigger', () => {
    const real = aRun({ trigger: { kind: 'event', by: 'event' } });
    const skipped = aRun({ state: 'skipped', trigger: { kind: 'schedule', by: 'schedule' }, error: error('snapshot_served') });
    expect(statusOf(after(real, skipped))).toEqual(statusOf(after(real)));
    expect(statusOf(after(real, skipped))).toMatchObject({ health: 'healthy', lastRun: { id: real.id, trigger: 'event' } });
  });

  it('asks for somebody when the segments were half-written or too old, until a run gets through or finds them served', () => {
    const real = aRun();
    for (const code of ['snapshot_incomplete', 'snapshot_older']) {
      const skipped = after(real, aRun({ state: 'skipped', error: error(code) }));
      expect(statusOf(skipped)).toMatchObject({ health: 'attention', reasons: [error(code)], lastRun: { id: real.id } });
      for (const next of [aRun(), aRun({ state: 'skipped', error: error('snapshot_served') })])
        expect(statusOf(withEnded(skipped, next)).health).toBe('healthy');
    }
  });

  it('does not suffer from a retry or an approval that had become void, but from one that failed', () => {
    const before = after(aRun());
    const retry = { retryOf: 'run_0000000009' as RunId, trigger: { kind: 'retry', by: 'Ada' }, state: 'failed' } as const;
    expect(withEnded(before, aRun({ ...retry, error: error('changed_since') }))).toEqual(before);
    expect(statusOf(withEnded(before, aRun({ ...retry, error: error('key_refused') }))).health).toBe('failing');
  });

  it('says of every warning that a run can end with whether it matters', () => {
    const root = path.resolve(__dirname, '../../../shared/runs');
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(path.join(root, name), 'utf8'));
    const codes = sources.flatMap((text) =>
      [...text.matchAll(/(?:\bwarn\(|addWarning\(\s*document,)\s*(?:serious \? )?'(\w+)'(?: : '(\w+)')?/g)].flatMap(([, one, other]) =>
        other === undefined ? [one!] : [one!, other],
      ),
    );
    expect(codes.length).toBeGreaterThan(15);
    expect([...new Set(codes)].sort()).toEqual(Object.keys(warningsThatTell).sort());
  });
});

describe('refreshed', () => {
  it('X8 is the end of the last successful run, and stays when a later one fails, is skipped or brings a part', () => {
    const real = aRun();
    const later = [
      aRun({ state: 'failed', error: error('key_refused') }),
      aRun({ state: 'skipped', error: error('snapshot_served') }),
      aRun({ dryRun: true }),
      aRun({ retryOf: 'run_0000000009' as RunId }),
    ];
    expect(statusOf(after(real, ...later)).refreshedAt).toBe(real.endedAt);
    expect(statusOf(after(aRun({ state: 'failed', error: error('x') }))).refreshedAt).toBeUndefined();
  });
});

describe('the activity of an export', () => {
  const active = { ...never, activeRunId: 'run_0000000001' as RunId };
  it.each([
    ['idle', never, {}],
    ['paused', never, { paused: true }],
    ['queued', { ...active, activeState: 'queued' }, {}],
    ['running', { ...active, activeState: 'running' }, { paused: true }],
    ['waiting', { ...active, activeState: 'waiting' }, {}],
    // a row of an earlier version
    ['running', active, {}],
    // kept until a claim ends
    ['queued', { ...never, pending: { full: false, dryRun: false, trigger: 'schedule', by: 'schedule' } }, {}],
    ['idle', withoutActive({ ...active, activeState: 'running' }), {}],
  ] as const)('%s', (activity, row, more) => {
    expect(statusOf(row, more).activity).toBe(activity);
  });

  it('names an active run that only a newer version can read', () => {
    expect(statusOf({ ...active, unreadableRun: active.activeRunId })).toMatchObject({
      health: 'attention',
      reasons: [{ code: 'run_unreadable' }],
    });
    expect(statusOf(withoutActive({ ...active, unreadableRun: active.activeRunId })).health).toBe('healthy');
  });
});

describe('the last runs of an export', () => {
  it('are kept in short, the newest last, whatever their kind and ending', () => {
    const counts = { read: 1_000, invalid: 3, accepted: 900, rejected: 1, removed: 0 };
    const runs = [
      aRun({ dryRun: true, counts: { read: 0 } }),
      aRun({ ...warned('rows_invalid'), state: 'canceled', counts }),
      aRun({ ...warned('gap'), startedAt: '2026-11-23T00:00:00.000Z', endedAt: '2026-11-23T00:01:30.400Z', counts }),
    ];
    const { recent } = runs.reduce(withRecent, never);
    const common = { number: runs[0]!.number, endedAt: expect.any(String) as string };
    const figures = { read: 1_000, invalid: 3, accepted: 900, rejected: 1 };
    expect(recent).toEqual([
      { ...common, id: runs[0]!.id, state: 'successful', dryRun: true },
      { ...common, id: runs[1]!.id, state: 'canceled', ...figures },
      { ...common, id: runs[2]!.id, state: 'successful', warned: true, seconds: 90, ...figures },
    ]);
    expect(ExportActivity.parse({ recent }).recent).toEqual(recent);
    expect(withRecent({ ...never, recent }, runs[1]!).recent).toEqual(recent);
    expect(withRecent(never, aRun({ state: 'refreshing', endedAt: undefined })).recent).toEqual([]);
  });

  it('are the newest ones only', () => {
    const runs = Array.from({ length: RECENT_RUNS + 3 }, () => aRun());
    expect(runs.reduce(withRecent, never).recent.map(({ id }) => id)).toEqual(runs.slice(3).map(({ id }) => id));
  });

  it('tell how many members there are, those that looked at all of them', () => {
    const plan = { ...aDocument().run.plan!, members: 950 };
    const counted = withRecent(never, aRun({ dryRun: true, plan }));
    expect(counted.members).toBe(950);
    expect(withRecent(counted, aRun({ retryOf: counted.recent[0]!.id, plan: { ...plan, members: 2 } })).members).toBe(950);
    expect(withRecent(counted, aRun({ state: 'failed', plan: undefined })).members).toBe(950);
    expect(withRecent(counted, aRun({ state: 'canceled', plan: { ...plan, members: 3 } })).members).toBe(950);
  });
});
