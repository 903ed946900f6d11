import fc from 'fast-check';
import { ExportId, RunId, firstRunIdAt } from '../../../shared/ids';
import { createRunHistory, planOf } from '../../../shared/runs/run-history';
import type { HistoryFilter } from '../../../shared/runs/run-history';
import { RunState, hasEnded } from '../../../shared/runs/run';
import type { Run } from '../../../shared/runs/run';
import { ACTIVE, columnsOf, partitionsOf } from '../../../shared/runs/run-store';
import type { RunStore } from '../../../shared/runs/run-store';
import { TriggerKind } from '../../../shared/exports/export';
import { aDocument } from './a-document';

const { signal } = new AbortController();
const START = Date.parse('2026-11-23T00:00:00Z');
const exportIds = ['exp_0000000001', 'exp_0000000002'].map((id) => ExportId.parse(id));

const runAt = (minute: number, more: Partial<Run> = {}): Run => {
  const at = new Date(START + minute * 60_000);
  return {
    ...aDocument().run,
    id: RunId.parse(`${firstRunIdAt(at)}00000000${String(minute).padStart(2, '0')}`),
    submittedAt: at.toISOString(),
    state: 'successful',
    ...more,
  };
};

/**
 * A table that looks at a few rows a call and then stops with a mark, as the service may; rows of running runs lie in `active`, and some
 * of those that have ended lie there still.
 */
const tableOf = (runs: readonly Run[], { looks = Infinity, left = [] as readonly Run[] } = {}) => {
  const rows = [
    ...runs.flatMap((run) =>
      (hasEnded(run.state) ? partitionsOf(run) : [ACTIVE]).map((partition) => ({ partition, row: run.id, value: run })),
    ),
    ...left.map((run) => ({ partition: ACTIVE, row: run.id, value: { ...run, state: 'refreshing' as const } })),
  ].sort((one, other) => (one.row < other.row ? -1 : 1));
  const calls: string[] = [];
  const page: RunStore['page'] = (partition, { from, below, where = {}, size, token }) => {
    calls.push(partition);
    const mark = token === undefined ? '' : (JSON.parse(Buffer.from(token, 'base64').toString()) as { nextRowKey: string }).nextRowKey;
    const all = rows.filter(
      (one) => one.partition === partition && one.row >= (from ?? '') && one.row >= mark && !(below !== undefined && one.row >= below),
    );
    const found: typeof rows = [];
    for (const [index, one] of all.entries()) {
      if (index >= looks || found.length === size) {
        const next = Buffer.from(JSON.stringify({ nextPartitionKey: partition, nextRowKey: one.row })).toString('base64');
        return Promise.resolve({ rows: found.map((each) => ({ ...each, etag: '' })), token: next });
      }
      const columns: Record<string, string> = columnsOf(one.value);
      if (Object.entries(where).every(([name, value]) => value === undefined || columns[name] === value)) found.push(one);
    }
    return Promise.resolve({ rows: found.map((each) => ({ ...each, etag: '' })) });
  };
  return { history: createRunHistory({ store: { page } }), calls };
};

const readAll = async ({ history }: ReturnType<typeof tableOf>, filter: HistoryFilter, size: number, extraCalls = 0) => {
  const found: Run[] = [];
  let pages = 0;
  for (let token: string | undefined; ; pages += 1) {
    const page = await history.page(filter, { size, extraCalls, signal, ...(token === undefined ? {} : { token }) });
    expect(page.value.length).toBeLessThanOrEqual(size);
    found.push(...page.value);
    if (page.token === undefined) return { found, pages: pages + 1 };
    expect(pages).toBeLessThan(500);
    token = page.token;
  }
};

it('finds every run that is meant once, newest first, whatever the filter, the page and how often the service stops', async () => {
  const someRun = fc.record({
    minute: fc.integer({ min: 0, max: 99 }),
    exportId: fc.constantFrom(...exportIds),
    state: fc.constantFrom(...RunState.options),
    kind: fc.constantFrom(...TriggerKind.options),
    left: fc.boolean(),
  });
  const someFilter = fc.record(
    {
      exportId: fc.constantFrom(...exportIds),
      state: fc.constantFrom(...RunState.options),
      trigger: fc.constantFrom(...TriggerKind.options),
      from: fc.integer({ min: -1, max: 60 }).map((minute) => new Date(START + minute * 60_000)),
      to: fc.integer({ min: 61, max: 101 }).map((minute) => new Date(START + minute * 60_000)),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(someRun, { selector: ({ minute }) => minute, maxLength: 40 }),
      someFilter,
      fc.record({
        size: fc.integer({ min: 1, max: 7 }),
        looks: fc.integer({ min: 1, max: 9 }),
        extraCalls: fc.integer({ min: 0, max: 1 }),
      }),
      async (drawn, filter, { size, looks, extraCalls }) => {
        const made = drawn.map(({ minute, exportId, state, kind, left }) => ({
          left,
          run: runAt(minute, { exportId, state, trigger: { kind, by: 'x' } }),
        }));
        const runs = made.map(({ run }) => run);
        const left = made.filter((one) => one.left && hasEnded(one.run.state)).map(({ run }) => run);
        const table = tableOf(runs, { looks, left: filter.state === 'refreshing' ? [] : left });
        const { found } = await readAll(table, filter, size, extraCalls);
        const meant = runs
          .filter(
            (run) =>
              (filter.exportId === undefined || run.exportId === filter.exportId) &&
              (filter.state === undefined || run.state === filter.state) &&
              (filter.trigger === undefined || run.trigger.kind === filter.trigger) &&
              (filter.from === undefined || Date.parse(run.submittedAt) >= filter.from.getTime()) &&
              (filter.to === undefined || Date.parse(run.submittedAt) < filter.to.getTime()),
          )
          .sort((one, other) => other.submittedAt.localeCompare(one.submittedAt));
        expect(found).toEqual(meant);
      },
    ),
    { numRuns: 500 },
  );
});

it.each<[HistoryFilter, string, object]>([
  [{}, 'all', {}],
  [{ exportId: exportIds[0]! }, exportIds[0]!, {}],
  [{ exportId: exportIds[0]!, state: 'failed', trigger: 'event' }, exportIds[0]!, { state: 'failed', trigger: 'event' }],
  [{ state: 'failed' }, 'state-failed', {}],
  [{ trigger: 'event' }, 'trigger-event', {}],
  [{ state: 'failed', trigger: 'schedule' }, 'state-failed', { trigger: 'schedule' }],
  [{ state: 'successful', trigger: 'request' }, 'trigger-request', { state: 'successful' }],
  [{ state: 'successful', trigger: 'schedule' }, 'trigger-schedule', { state: 'successful' }],
])('of %j the ended runs lie in one partition', (filter, partition, where) => {
  const plan = planOf(filter);
  expect(plan.partition).toBe(partition);
  expect(JSON.parse(JSON.stringify(plan.where))).toEqual(where);
});

it('costs two calls, one where only running or ended runs can be meant, and never more than three', async () => {
  const runs = Array.from({ length: 90 }, (_, minute) =>
    runAt(minute, { trigger: { kind: minute % 9 === 0 ? 'event' : 'schedule', by: 'x' } }),
  );
  const cost = async (filter: HistoryFilter, looks = Infinity) => {
    const table = tableOf(runs, { looks });
    await table.history.page(filter, { size: 50, extraCalls: 1, signal });
    return table.calls;
  };
  expect(await cost({})).toEqual(['active', 'all']);
  expect(await cost({ state: 'queued' })).toEqual(['active']);
  expect(await cost({ state: 'failed' })).toEqual(['state-failed']);
  expect(await cost({ exportId: exportIds[0]!, trigger: 'event' }, 10)).toEqual(['active', exportIds[0], exportIds[0]]);
});

it.each([
  ['no base64', '%%%'],
  ['no JSON', Buffer.from('nothing').toString('base64url')],
  ['another shape', Buffer.from('{"before":"x"}').toString('base64url')],
  ['a mark that is none', Buffer.from('{"ended":{"base":"","token":"xyz"}}').toString('base64url')],
])('a token with %s is refused', async (_, token) => {
  await expect(tableOf([]).history.page({}, { size: 5, token, signal })).rejects.toMatchObject({
    code: 'token_invalid',
    pointer: '?token',
  });
});

it('a time that ends before it begins is refused', async () => {
  const [from, to] = [new Date(START + 1), new Date(START)];
  await expect(tableOf([]).history.page({ from, to }, { size: 5, signal })).rejects.toMatchObject({ code: 'time_reversed' });
});

it('any instant can be asked for', () => {
  const instants = ['0000-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '2026-11-23T00:00:00Z', '9999-12-31T23:59:59Z'];
  const keys = instants.map((at) => firstRunIdAt(new Date(at)));
  expect([...keys].sort().reverse()).toEqual(keys);
  expect(new Set(keys.map(({ length }) => length))).toEqual(new Set([13]));
});
