import * as fc from 'fast-check';
import { ENTRY_ID, idOfRow, indexes, newEntryId, rangeOf, rowsOf } from '../../../shared/activity/keys';
import type { ActivityIndex } from '../../../shared/activity/keys';

const T = Date.parse('2026-11-26T00:00:00Z');
const instant = (ms: number): Date => new Date(T + ms);
const values: Record<ActivityIndex, fc.Arbitrary<string>> = {
  exportId: fc.constantFrom('exp_aaaaaaaa', 'exp_aaaaaaaab', 'exp_bbbbbbbb'),
  connectionId: fc.constantFrom('con_aaaaaaaa', 'con_bbbbbbbb'),
  by: fc.constantFrom('a', 'b', 'system', 'zoë/#?\\'),
  kind: fc.constantFrom('export_changed', 'export_change', 'run_started'),
};
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const entry = fc.record({
  ms: fc.integer({ min: -3, max: 3 }),
  exportId: optional(values.exportId),
  connectionId: optional(values.connectionId),
  by: optional(values.by),
  kind: values.kind,
});

it('an id sorts newest first and says so in its shape', () => {
  const ids = [3, 1, 2].map((ms) => newEntryId(instant(ms).toISOString()));
  for (const id of ids) expect(id).toMatch(ENTRY_ID);
  expect([...ids].sort()).toEqual([ids[0], ids[2], ids[1]]);
});

it('a range of keys holds exactly the entries that an index and two instants ask for, in any case', () => {
  const ask = fc.record({
    index: optional(fc.constantFrom(...indexes)),
    from: optional(fc.integer({ min: -4, max: 4 })),
    to: optional(fc.integer({ min: -4, max: 4 })),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), ask, fc.nat(11), fc.nat(11), (entries, { index, from, to }, chosen, skip) => {
      const all = entries.map((one) => ({ ...one, id: newEntryId(instant(one.ms).toISOString()) }));
      const rows = all.flatMap((one) => rowsOf(one.id, one).map((row) => ({ row, one }))).sort((a, b) => (a.row < b.row ? -1 : 1));
      const value = index === undefined ? undefined : (all[chosen % (all.length || 1)]?.[index] ?? 'exp_aaaaaaaa');
      const fits = all
        .filter(
          (one) =>
            (index === undefined || one[index] === value) && (from === undefined || one.ms >= from) && (to === undefined || one.ms < to),
        )
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      const after = fits.length === 0 ? undefined : fits[skip % fits.length]!.id;
      const within = (range: { from: string; below: string }) =>
        rows.filter(({ row }) => row >= range.from && row < range.below).map(({ row }) => idOfRow(row));
      const bounds = { ...(from === undefined ? {} : { from: instant(from) }), ...(to === undefined ? {} : { to: instant(to) }) };
      const key = index === undefined ? {} : { index, value: value! };
      expect(within(rangeOf(key, bounds))).toEqual(fits.map(({ id }) => id));
      if (after === undefined) return;
      expect(within(rangeOf(key, { ...bounds, after }))).toEqual(fits.map(({ id }) => id).filter((id) => id > after));
    }),
    { numRuns: 2_000 },
  );
});

it('no row key holds what Table Storage refuses', () => {
  for (const by of ['a/b', 'a\\b', 'a#b', 'a?b', 'ä\u0007', 'x'.repeat(200)]) {
    for (const row of rowsOf(newEntryId(instant(0).toISOString()), { kind: 'run_started', by })) {
      expect(row).toMatch(/^[ -~]{1,200}$/);
      expect(row).not.toMatch(/[/\\#?]/);
    }
  }
});
