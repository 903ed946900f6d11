import fc from 'fast-check';
import type { Caller } from '../../../shared/caller';
import { Connection } from '../../../shared/connections/connection';
import { Export, ExportActivity } from '../../../shared/exports/export';
import { ExportQuery, createExportList } from '../../../shared/exports/export-list';
import type { ExportEntry } from '../../../shared/exports/export-view';

const AT = '2026-01-01T00:00:00.000Z';
const administrator: Caller = { id: 'a', name: 'Ada', role: 'Administrator', application: false };
const contributor: Caller = { ...administrator, role: 'Contributor' };
const viewer: Caller = { ...administrator, role: 'Viewer' };

const aConnection = (number: number, displayName: string, access = 'administratorsAndContributors'): Connection =>
  Connection.parse({
    ...{ id: `con_${String(number).padStart(10, '0')}`, displayName, type: 'klaviyo', access, secretName: 's', ownsSecret: true },
    ...{
      accountId: 'A',
      accountName: 'Shop',
      agreedAt: AT,
      agreedBy: 'a',
      consentVersion: '1',
      createdAt: AT,
      updatedAt: AT,
      exportUser: 'a',
    },
  });
const main = aConnection(1, 'Main shop');
const secret = aConnection(2, 'Secret shop', 'administrators');

let count = 0;
const anEntry = (
  name: string,
  {
    connection = main,
    activity = {},
    ...fields
  }: {
    connection?: Connection | undefined;
    activity?: object;
    segments?: string[];
    updatedAt?: string;
    schedule?: object;
    createdBy?: string;
  } = {},
): ExportEntry => ({
  segmentExport: Export.parse({
    ...{ id: `exp_${String((count += 1)).padStart(10, '0')}`, name, listId: 'YafG4m', segments: ['Loyal'], mapping: { email: 'EMail' } },
    ...{ createdAt: AT, createdBy: 'a', updatedAt: AT, updatedBy: 'a', connectionId: connection.id },
    ...fields,
  }),
  connection,
  connectionStatus: 'connected',
  activity: ExportActivity.parse(activity),
});
const detached = (name: string): ExportEntry => {
  const { segmentExport, ...rest } = anEntry(name);
  const { connectionId: _, ...kept } = segmentExport;
  return { ...rest, segmentExport: kept, connection: undefined };
};
const failedRun = {
  ...{ runId: 'run_12345678', number: 1, state: 'failed', trigger: 'schedule', endedAt: '2026-02-02T00:00:00.000Z' },
  error: { code: 'key_refused', message: 'Klaviyo refused the key.' },
};
const endedAt = (at: string) => ({ refreshedAt: at });

const names = (entries: readonly ExportEntry[], query: Record<string, unknown> = {}, caller = administrator): string[] =>
  createExportList()
    .page(entries, ExportQuery.parse(query), caller)
    .value.map(({ name }) => name);

describe('a list of exports', () => {
  it('is sorted as people sort: accents and case do not part what belongs together, numbers count', () => {
    const entries = ['Zoo', 'export 10', 'été', 'Export 9', 'Eta', 'apple'].map((name) => anEntry(name));
    expect(names(entries)).toEqual(['apple', 'Eta', 'été', 'Export 9', 'export 10', 'Zoo']);
    expect(names(entries, { order: 'desc' })).toEqual(['Zoo', 'export 10', 'Export 9', 'été', 'Eta', 'apple']);
  });

  it('E6 is sorted by any column, with ties by name', () => {
    const late = anEntry('Late', {
      updatedAt: '2026-03-01T00:00:00.000Z',
      schedule: { kind: 'off' },
      activity: endedAt('2026-02-02T00:00:00.000Z'),
    });
    const early = anEntry('Early', {
      updatedAt: '2026-02-01T00:00:00.000Z',
      connection: secret,
      activity: { activeRunId: 'run_12345678', activeState: 'running' },
    });
    const again = anEntry('Again', { updatedAt: '2026-02-01T00:00:00.000Z', activity: endedAt('2026-02-01T00:00:00.000Z') });
    const none = detached('None');
    const entries = [late, early, none, again];
    expect(names(entries, { sort: 'updatedAt' })).toEqual(['None', 'Again', 'Early', 'Late']);
    expect(names(entries, { sort: 'connection' })).toEqual(['None', 'Again', 'Late', 'Early']);
    expect(names(entries, { sort: 'type' })).toEqual(['None', 'Again', 'Early', 'Late']);
    expect(names(entries, { sort: 'refreshedAt', order: 'desc' })).toEqual(['Late', 'Again', 'None', 'Early']);
    expect(names(entries, { sort: 'activity' })).toEqual(['Early', 'Again', 'Late', 'None']);
    expect(names(entries, { sort: 'health' })).toEqual(['None', 'Again', 'Early', 'Late']);
    expect(names(entries, { sort: 'schedule' })).toEqual(['Again', 'Early', 'None', 'Late']);
  });

  it('E6 is searched by the name of the export, the name of its connection, and its type', () => {
    const entries = [anEntry('Fête des mères'), anEntry('Other', { connection: secret }), detached('Loose')];
    expect(names(entries, { search: 'FETE' })).toEqual(['Fête des mères']);
    expect(names(entries, { search: 'secret s' })).toEqual(['Other']);
    expect(names(entries, { search: 'klaviyo' })).toEqual(['Fête des mères', 'Other']);
    expect(names(entries, { search: 'nothing' })).toEqual([]);
  });

  it('tells a contributor nothing of a connection that is not shared, not by search, filter or order either', () => {
    const entries = [anEntry('Mine'), anEntry('Hidden', { connection: secret })];
    const list = createExportList().page(entries, ExportQuery.parse({ sort: 'connection' }), contributor);
    expect(list.value.map(({ name, permission, connection, connectionId }) => ({ name, permission, connection, connectionId }))).toEqual([
      { name: 'Hidden', permission: 'view', connection: {}, connectionId: undefined },
      { name: 'Mine', permission: 'edit', connection: { id: main.id, displayName: 'Main shop', type: 'klaviyo' }, connectionId: main.id },
    ]);
    expect(JSON.stringify(list)).not.toContain('Secret');
    expect(names(entries, { search: 'secret' }, contributor)).toEqual([]);
    expect(names(entries, { connectionId: secret.id }, contributor)).toEqual([]);
    expect(names(entries, { permission: 'edit' }, contributor)).toEqual(['Mine']);
    expect(names(entries, { permission: 'edit' }, viewer)).toEqual([]);
  });

  it('E8 shows which exports contain a segment, and which do not', () => {
    const entries = [anEntry('Both', { segments: ['Loyal', 'New'] }), anEntry('One'), anEntry('Other', { segments: ['New'] })];
    expect(names(entries, { segment: 'Loyal' })).toEqual(['Both', 'One']);
    expect(names(entries, { withoutSegment: 'Loyal' })).toEqual(['Other']);
  });

  it('filters by connection, none of them, and health', () => {
    const entries = [anEntry('Main'), anEntry('Secret', { connection: secret }), detached('Loose')];
    expect(names(entries, { connectionId: secret.id })).toEqual(['Secret']);
    expect(names(entries, { connectionId: 'none' })).toEqual(['Loose']);
    expect(names(entries, { health: 'attention' })).toEqual(['Loose']);
    expect(names(entries, { activity: 'idle', health: 'healthy' })).toEqual(['Main', 'Secret']);
  });

  it('filters by whatever is unwell or under way, and by who made it', () => {
    const moving = (activeState: string) => ({ activity: { activeRunId: 'run_12345678', activeState } });
    const entries = [
      anEntry('Calm', { createdBy: 'b' }),
      anEntry('Queued', moving('queued')),
      anEntry('Waiting', moving('waiting')),
      detached('Loose'),
      anEntry('Failing', { activity: { last: failedRun } }),
    ];
    expect(names(entries, { health: 'unhealthy' })).toEqual(['Failing', 'Loose']);
    expect(names(entries, { activity: 'active' })).toEqual(['Queued', 'Waiting']);
    expect(names(entries, { createdBy: 'b' })).toEqual(['Calm']);
  });

  it('counts all exports, whatever is searched, and says which run next', () => {
    const entries = [
      anEntry('Calm'),
      anEntry('Busy', { activity: { activeRunId: 'run_12345678', activeState: 'running' } }),
      anEntry('Failing', { activity: { last: failedRun } }),
      detached('Loose'),
    ];
    const next: Record<string, string> = {
      Failing: '2026-03-02T05:00:00.000Z',
      Calm: '2026-03-01T05:00:00.000Z',
      Busy: '2026-03-01T05:00:00.000Z',
    };
    const query = ExportQuery.parse({ search: 'calm' });
    const page = createExportList().page(entries, query, viewer, ({ name }) => next[name]);
    expect([page.total, page.value.map(({ nextRunAt }) => nextRunAt)]).toEqual([1, [next.Calm]]);
    expect(page.summary).toEqual({
      ...{ total: 4, healthy: 2, attention: 1, failing: 1, active: 1, scheduled: 0 },
      nextDue: { at: next.Calm, exportId: entries[0]!.segmentExport.id, name: 'Calm', count: 2 },
    });
    expect(createExportList().page([], query, viewer).summary).toEqual({
      total: 0,
      healthy: 0,
      attention: 0,
      failing: 0,
      active: 0,
      scheduled: 0,
    });
    expect(createExportList().page(entries, query, contributor, ({ name }) => next[name]).summary.scheduled).toBe(3);
  });

  it('is sorted by the next run, what never runs by itself behind all others; and by members as numbers', () => {
    const entries = [
      anEntry('Never', { activity: { members: 1_000 } }),
      anEntry('Later', { activity: { members: 900 } }),
      anEntry('Soon', { activity: { last: failedRun } }),
    ];
    const next: Record<string, string> = { Later: '2026-03-02T05:00:00.000Z', Soon: '2026-03-01T05:00:00.000Z' };
    const sorted = (sort: string) =>
      createExportList()
        .page(entries, ExportQuery.parse({ sort }), administrator, ({ name }) => next[name])
        .value.map(({ name }) => name);
    expect(sorted('nextRunAt')).toEqual(['Soon', 'Later', 'Never']);
    expect(sorted('members')).toEqual(['Soon', 'Later', 'Never']);
    expect(sorted('lastRunAt')).toEqual(['Later', 'Never', 'Soon']);
  });

  it('goes on after the last one seen, whatever is added, renamed or removed meanwhile', () => {
    const entries = ['b', 'd', 'f', 'h', 'j'].map((name) => anEntry(name));
    const list = createExportList();
    const first = list.page(entries, ExportQuery.parse({ size: '2' }), administrator);
    expect([first.value.map(({ name }) => name), first.total]).toEqual([['b', 'd'], 5]);
    const [, last, next, ...others] = entries;
    // the one the page ended with is gone, one comes before it, one right after it, and the next is renamed to before it
    const renamed = { ...next!, segmentExport: { ...next!.segmentExport, name: 'a' } };
    const changed = [anEntry('c'), anEntry('e'), renamed, ...others];
    expect(changed).not.toContain(last);
    const second = list.page(changed, ExportQuery.parse({ size: '2', token: first.token }), administrator);
    expect(second.value.map(({ name }) => name)).toEqual(['e', 'h']);
    expect(list.page(changed, ExportQuery.parse({ size: '2', token: second.token }), administrator)).toMatchObject({
      value: [{ name: 'j' }],
    });
  });

  it('refuses a token of another order, and what is none', () => {
    const entries = ['a', 'b'].map((name) => anEntry(name));
    const { token } = createExportList().page(entries, ExportQuery.parse({ size: '1' }), administrator);
    const wrong = { code: 'token_invalid', pointer: '?token' };
    expect(() => names(entries, { token, order: 'desc' })).toThrow(expect.objectContaining(wrong) as Error);
    expect(() => names(entries, { token: 'abc' })).toThrow(expect.objectContaining(wrong) as Error);
  });

  it('brings each export exactly once over all pages, in the order of one page, for any names, order and size', () => {
    const pool = ['', 'a', 'B', 'ä', 'é', 'z', '10', '9', 'ß', '😀', '𝒜'];
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 3 }), { maxLength: 40 }),
        fc.constantFrom(...(['name', 'connection', 'schedule', 'updatedAt'] as const)),
        fc.constantFrom('asc', 'desc'),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 0, max: 40 }),
        (parts, sort, order, size, cut) => {
          const entries = parts.map((part, index) => anEntry(part.join('').trim() || '-', index % 3 === 0 ? { connection: secret } : {}));
          const list = createExportList();
          // what was there before shapes the order that is kept, and must not show
          list.page(entries.slice(cut), ExportQuery.parse({}), administrator);
          const whole = createExportList().page(entries, ExportQuery.parse({ sort, order, size: 200 }), administrator).value;
          const seen: unknown[] = [];
          let token: string | undefined;
          do {
            const page = list.page(entries, ExportQuery.parse({ sort, order, size, ...(token ? { token } : {}) }), administrator);
            expect(page.total).toBe(entries.length);
            seen.push(...page.value);
            token = page.token;
          } while (token !== undefined);
          expect(seen).toEqual(whole);
        },
      ),
      { numRuns: 150 },
    );
  });
});
