import { meet, withParts } from '../../../functions/portal/app/components/meet';
import type { Part } from '../../../functions/portal/app/components/meet';

interface Value {
  readonly days: number;
  readonly share?: number;
  readonly time: string;
  readonly zone: string;
  /** what no part names: never typed, always as it was last read */
  readonly seen?: string;
}
const part = (label: string, ...fields: (keyof Value)[]): Part<Value> => ({
  label,
  fields,
  text: (value) => fields.map((field) => String(value[field])).join(' '),
});
const parts = [part('days', 'days'), part('share', 'share'), part('when', 'time', 'zone')];
const base: Value = { days: 90, share: 0.5, time: '08:00', zone: 'UTC', seen: 'at first' };
const of = ({ merged, theirs, both }: ReturnType<typeof meet<Value>>) => ({
  merged,
  theirs: theirs.map(({ label }) => label),
  both: both.map(({ label }) => label),
});

it.each<[string, Partial<Value>, Partial<Value>, Partial<Value>, string[], string[]]>([
  ['nobody changed anything', {}, {}, {}, [], []],
  ['I alone', { days: 91 }, {}, { days: 91 }, [], []],
  ['they alone', {}, { days: 92 }, { days: 92 }, ['days'], []],
  ['each another part', { days: 91 }, { share: 0.1 }, { days: 91, share: 0.1 }, ['share'], []],
  ['both to the same', { days: 91 }, { days: 91 }, { days: 91 }, ['days'], []],
  ['both to different values', { days: 91 }, { days: 92 }, { days: 91 }, [], ['days']],
  // a time without its zone would be another time
  ['each another field of one part', { time: '09:00' }, { zone: 'Europe/Paris' }, { time: '09:00', zone: 'UTC' }, [], ['when']],
  ['I emptied what they left', { share: undefined }, {}, { share: undefined }, [], []],
  ['they emptied what I left', {}, { share: undefined }, { share: undefined }, ['share'], []],
  ['what no part names', { days: 91 }, { seen: 'later' }, { days: 91, seen: 'later' }, [], []],
])('when %s, nothing is lost and nothing is decided unasked', (_, mine, theirs, merged, theirParts, both) => {
  const found = of(meet(parts, { base, mine: { ...base, ...mine }, theirs: { ...base, ...theirs } }));
  expect(found).toEqual({ merged: { ...base, ...merged }, theirs: theirParts, both });
});

it('the order of fields is no change', () => {
  const turned = Object.fromEntries(Object.entries(base).reverse()) as unknown as Value;
  expect(of(meet(parts, { base, mine: turned, theirs: { ...base, days: 91 } }))).toMatchObject({ both: [], merged: { days: 91 } });
});

it('a part that the other one has not goes', () => {
  const { share: _, ...without } = base;
  expect(withParts<Value>(base, [parts[1]!], without)).toEqual(without);
});
