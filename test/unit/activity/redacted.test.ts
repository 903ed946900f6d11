import type { NewActivityEntry } from '../../../shared/activity/entry';
import { redacted } from '../../../shared/activity/redacted';

const entry = (more: Partial<NewActivityEntry>): NewActivityEntry => ({ kind: 'export_changed', at: '2026-11-26T00:00:00.000Z', ...more });

it('keeps no API key, wherever somebody put one by mistake', () => {
  const key = 'pk_0123456789abcdef';
  const kept = redacted(
    entry({
      name: `my ${key}`,
      reason: key,
      details: { note: key },
      before: { [key]: 1 },
      after: { mapping: { properties: [{ name: key }] } },
    }),
  );
  expect(JSON.stringify(kept)).not.toContain(key);
  expect(kept.after).toEqual({ mapping: { properties: [{ name: 'pk_…' }] } });
});

it('cuts what is too long, with a mark, and stays far below what a row holds', () => {
  const long = 'ä"'.repeat(20_000);
  const fields = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`field${index}`, [long]]));
  const kept = redacted(
    entry({ before: fields, after: { ...fields, short: true }, reason: long, byName: long, name: long, details: { long } }),
  );
  expect(kept.before!['field0']).toMatch(/… \(cut\)$/);
  expect(JSON.stringify(kept).length).toBeLessThan(25_000);
});

it('leaves what is short as it is', () => {
  const short = entry({ before: { segments: ['Loyal'], cap: 7 }, after: { segments: [], schedule: { kind: 'off' } } });
  expect(redacted(short)).toEqual(short);
});
