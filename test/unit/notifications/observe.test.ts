import { ExportActivity } from '../../../shared/exports/export';
import { newRunId } from '../../../shared/new-ids';
import { observe } from '../../../shared/notifications/observe';
import type { Seen } from '../../../shared/notifications/observe';
import { sentenceOf } from '../../../shared/notifications/sentences';
import { defaultSystemSchedule } from '../../../shared/schedules/schedule';
import { anExport, connectionId, exportId } from './world';

/** What is stored → what is not as it should be. */
const NOW = new Date('2026-11-26T12:00:00.000Z');
const ago = (minutes: number): string => new Date(NOW.getTime() - minutes * 60_000).toISOString();
const runAt = (minutes: number) => newRunId(new Date(ago(minutes)));
const NEWER = runAt(99);
const settings = { rejectedShare: 0.05, lateMinutes: 15 };

const last = (more: Record<string, unknown> = {}) => ({
  ...{ runId: runAt(60), number: 1, state: 'successful', trigger: 'schedule', endedAt: ago(59), accepted: 100, read: 100 },
  ...more,
});
const failed = (code: string, more: Record<string, unknown> = {}) =>
  last({ state: 'failed', error: { code, message: 'It failed.' }, ...more });
const note = (status: string, checkedAgo = 60) => ({
  kind: 'note',
  status,
  detail: '',
  since: ago(checkedAgo),
  checkedAt: ago(checkedAgo),
});

const kindsOf = ({
  segmentExport = anExport(1),
  activity = {},
  connectionNote,
  unreadable = [],
  refresh = defaultSystemSchedule,
}: {
  segmentExport?: ReturnType<typeof anExport>;
  activity?: Record<string, unknown> | undefined;
  connectionNote?: Record<string, unknown>;
  unreadable?: string[];
  refresh?: Seen['refresh'];
}) =>
  observe(
    {
      exports: [segmentExport],
      activities: new Map([[exportId(1), ExportActivity.parse(activity)]]),
      unreadable: new Set(unreadable),
      connections: [{ connection: { id: connectionId, displayName: 'Main' } as never, note: connectionNote as never }],
      unreadableConnections: new Set(),
      refresh,
    },
    { settings, revision: '2026-07-15', now: NOW },
  );
const words = (given: Parameters<typeof kindsOf>[0]): string[] =>
  kindsOf(given).map(({ kind, subject, code }) => [kind, subject.type, code].filter((part) => part !== undefined).join(' '));

describe('an export', () => {
  it.each<[string, Record<string, unknown>, string[]]>([
    ['has never run', {}, []],
    ['ran', { last: last() }, []],
    ['failed', { last: failed('list_unknown') }, ['run_failed export list_unknown']],
    ['holds removals', { last: last({ held: 7 }) }, ['removals_held export']],
    [
      'failed and holds removals',
      { last: failed('all_rejected', { held: 7 }) },
      ['run_failed export all_rejected', 'removals_held export'],
    ],
    ['had as many rows refused as may be', { last: last({ rejected: 5, accepted: 95 }) }, []],
    ['had more', { last: last({ rejected: 6, accepted: 94 }) }, ['rejected_share export']],
    ['had more, of few', { last: last({ rejected: 49, accepted: 0 }) }, []],
    ['had more, by a version that did not count', { last: last({ rejected: 50, accepted: undefined }) }, []],
    [
      'found the segments half written',
      { lastSkip: { runId: runAt(5), at: ago(5), code: 'snapshot_incomplete', message: '' } },
      ['source_stale export snapshot_incomplete'],
    ],
  ])('that %s', (_, activity, expected) => {
    expect(words({ activity })).toEqual(expected);
    expect(words({ activity, segmentExport: anExport(1, { paused: true }) })).toEqual([]);
    expect(words({ activity, segmentExport: anExport(1, { connectionId: undefined }) })).toEqual([]);
    expect(words({ activity, unreadable: [exportId(1)] })).toEqual([]);
  });
});

it('of a long name is told in eighty characters, none of them half', () => {
  const nameOf = (name: string) =>
    kindsOf({ segmentExport: anExport(1, { name }), activity: { last: failed('list_unknown') } })[0]!.subject.name;
  expect(nameOf('x'.repeat(80))).toBe('x'.repeat(80));
  expect(nameOf('x'.repeat(81))).toBe(`${'x'.repeat(79)}…`);
  expect(nameOf(`${'x'.repeat(78)}😀yz`)).toBe(`${'x'.repeat(78)}…`);
});

describe('a run that is due', () => {
  const daily = (time: string) => anExport(1, { schedule: { kind: 'custom', repeat: 'daily', times: [time], timeZone: 'UTC' } });
  const system = anExport(1, { schedule: { kind: 'system' } });
  const refresh = { ...defaultSystemSchedule, active: true, times: ['11:00'], setAt: '2026-11-01T00:00:00.000Z' };
  const late = ['did_not_start export'];

  it.each<[string, Parameters<typeof kindsOf>[0], string[]]>([
    ['has not begun', { segmentExport: daily('11:30') }, late],
    ['has not begun, since yesterday', { segmentExport: daily('13:00') }, late],
    ['is not late yet', { segmentExport: daily('11:50'), activity: { last: last({ endedAt: ago(60) }) } }, []],
    ['has ended', { segmentExport: daily('11:30'), activity: { last: last({ runId: runAt(30), endedAt: ago(20) }) } }, []],
    [
      'was answered by a run that was under way',
      { segmentExport: daily('11:30'), activity: { last: last({ runId: runAt(90), endedAt: ago(10) }) } },
      [],
    ],
    [
      'was skipped',
      {
        segmentExport: daily('11:30'),
        activity: { lastRunId: runAt(300), recent: [{ id: runAt(29), number: 2, state: 'skipped', endedAt: ago(29) }] },
      },
      [],
    ],
    ['runs', { segmentExport: daily('11:30'), activity: { activeRunId: runAt(30), activeState: 'running' } }, []],
    ['waits for its source', { segmentExport: daily('11:30'), activity: { activeRunId: runAt(30), activeState: 'waiting' } }, []],
    ['stands queued', { activity: { activeRunId: runAt(16), activeState: 'queued' } }, late],
    ['stands queued, said by nobody', { activity: { activeRunId: runAt(16) } }, late],
    ['has just been queued', { activity: { activeRunId: runAt(14), activeState: 'queued' } }, []],
    ['is one of a newer version', { activity: { activeRunId: NEWER, activeState: 'queued', unreadableRun: NEWER } }, []],
    [
      'waits though nothing runs',
      { activity: { pending: { full: false, dryRun: false, trigger: 'request', by: 'x', at: ago(20) } } },
      late,
    ],
    [
      'waited for a run that has just ended',
      { activity: { pending: { full: false, dryRun: false, trigger: 'request', by: 'x', at: ago(300) }, last: last({ endedAt: ago(1) }) } },
      [],
    ],
    [
      'waits while a person is erased',
      { activity: { activeRunId: runAt(16), claim: { by: 'era', until: '2026-11-26T12:10:00.000Z' } } },
      [],
    ],
    ['lies before the schedule was set', { segmentExport: anExport(1, { schedule: daily('11:30').schedule, scheduleSetAt: ago(10) }) }, []],
    ['is of the system refresh', { segmentExport: system, refresh }, late],
    ['was of the system refresh, and has ended', { segmentExport: system, refresh, activity: { last: last({ endedAt: ago(50) }) } }, []],
    ['would be, were that on', { segmentExport: system, refresh: { ...refresh, active: false } }, []],
    ['lies before the system refresh was set', { segmentExport: system, refresh: { ...refresh, setAt: ago(10) } }, []],
    [
      'is of a zone that nobody knows here',
      { segmentExport: anExport(1, { schedule: { kind: 'custom', times: ['11:30'], timeZone: 'Mars/Base' } }) },
      [],
    ],
    ['is paused', { segmentExport: anExport(1, { schedule: daily('11:30').schedule, paused: true }) }, []],
  ])('%s', (_, given, expected) => {
    expect(words(given)).toEqual(expected);
  });

  it('says since when', () => {
    const [seen] = kindsOf({ segmentExport: daily('11:30') });
    expect([seen!.since, sentenceOf({ ...seen!, count: 1 })]).toEqual([
      '2026-11-26T11:30:00.000Z',
      'A run of the export “Export 1” is due since 30 minutes and has not begun; see whether the app is at work.',
    ]);
  });
});

describe('a connection', () => {
  it.each<[string, Record<string, unknown> | undefined, Record<string, unknown> | undefined, string[]]>([
    ['works', note('connected'), undefined, []],
    ['was never looked at', undefined, undefined, []],
    ['has a key that is refused', note('keyRefused'), undefined, ['key_refused connection keyRefused']],
    ['has a key that lacks a scope', note('scopeMissing'), undefined, ['key_refused connection scopeMissing']],
    ['has lost its secret', note('secretMissing'), undefined, ['secret_missing connection secretMissing']],
    ['cannot be read', note('vaultRefused'), undefined, ['secret_missing connection vaultRefused']],
    // told once, of the connection, not once more of each export
    ['failed its exports', note('keyRefused', 60), failed('key_refused'), ['key_refused connection keyRefused']],
    ['was mended since', note('connected', 1), failed('key_refused'), []],
    ['was mended while the run ended', note('connected', 62), failed('key_refused'), []],
    ['of which only the run could tell', note('connected', 600), failed('secret_missing'), ['secret_missing connection secretMissing']],
  ])('that %s', (_, connectionNote, run, expected) => {
    expect(words({ ...(connectionNote ? { connectionNote } : {}), activity: run ? { last: run } : {} })).toEqual(expected);
  });

  it('that is not there any more leaves the failure with its export', () => {
    const segmentExport = anExport(1, { connectionId: 'con_1111111111' });
    expect(words({ segmentExport, activity: { last: failed('key_refused') } })).toEqual(['run_failed export key_refused']);
  });
});

it.each<[string, string[]]>([
  ['2026-07-15', []],
  ['2025-05-29', []],
  ['2025-05-26', ['revision_retires app']],
  ['2024-10-15', ['revision_retires app']],
])('the revision %s', (revision, expected) => {
  const seen: Seen = {
    exports: [],
    activities: new Map(),
    unreadable: new Set(),
    connections: [],
    unreadableConnections: new Set(),
    refresh: defaultSystemSchedule,
  };
  expect(observe(seen, { settings, revision, now: NOW }).map(({ kind, subject }) => `${kind} ${subject.type}`)).toEqual(expected);
});
