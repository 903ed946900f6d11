import { changedFields } from '../../../functions/portal/app/components/changed-fields';

const ops = { id: 'chn_1', name: 'Ops', form: 'teams', scope: 'all' };
const pager = { id: 'chn_2', name: 'Pager', form: 'json', scope: 'chosen' };

it.each<[string, object, object, [string, unknown, unknown][]]>([
  ['nothing', { name: 'A' }, { name: 'A' }, []],
  [
    'a field of a group',
    { mapping: { email: 'EMail', city: 'City' } },
    { mapping: { email: 'Mail', city: 'City' } },
    [['mapping.email', 'EMail', 'Mail']],
  ],
  ['a list of words', { segments: ['A'] }, { segments: ['A', 'B'] }, [['segments', ['A'], ['A', 'B']]]],
  [
    'a field of one of several',
    { channels: [ops, pager] },
    { channels: [ops, { ...pager, scope: 'all' }] },
    [['channels.Pager.scope', 'chosen', 'all']],
  ],
  [
    'one that is called otherwise now',
    { channels: [ops] },
    { channels: [{ ...ops, name: 'Ops at night' }] },
    [['channels.Ops at night.name', 'Ops', 'Ops at night']],
  ],
  [
    'one more, one less',
    { channels: [ops] },
    { channels: [pager] },
    [
      ['channels.Ops', ops, undefined],
      ['channels.Pager', undefined, pager],
    ],
  ],
  ['the first one', { channels: [] }, { channels: [ops] }, [['channels.Ops', undefined, ops]]],
  ['another order', { channels: [ops, pager] }, { channels: [pager, ops] }, []],
])('of two versions are told: %s', (_, before, after, expected) => {
  const found = changedFields({ before: { ...before }, after: { ...after } });
  expect(found.map((field) => [field.name, field.before, field.after])).toEqual(expected);
});
