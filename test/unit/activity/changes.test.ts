import { z } from 'zod';
import { changesOf } from '../../../shared/activity/changes';

const Thing = z.object({
  id: z.string(),
  name: z.string(),
  mapping: z.record(z.string(), z.string()),
  cap: z.int().optional(),
  updatedAt: z.string(),
});
const before = { id: 't1', name: 'One', mapping: { email: 'EMail', city: 'City' }, updatedAt: '1' };

it('shows the fields that differ, and no other', () => {
  expect(changesOf(Thing, { before, after: { ...before, name: 'Two', cap: 7, updatedAt: '2' } })).toEqual({
    before: { name: 'One' },
    after: { name: 'Two', cap: 7 },
  });
});
it('takes the same fields in another order for the same', () => {
  expect(changesOf(Thing, { before, after: { ...before, mapping: { city: 'City', email: 'EMail' } } })).toEqual({});
});
it('shows what was made or removed whole, without id and times', () => {
  const all = { name: 'One', mapping: before.mapping };
  expect([changesOf(Thing, { after: before }), changesOf(Thing, { before })]).toEqual([{ after: all }, { before: all }]);
});
it('leaves out what only the answer has', () => {
  expect(changesOf(Thing, { before, after: { ...before, permission: 'edit' } })).toEqual({});
});
