import { whyRefused } from '../../live/guard';
import type { PlannedCall } from '../../live/guard';
import { revisionsAfter } from '../../live/probes';

const reach = (write: boolean) => ({
  ...{ listId: 'MINE', write },
  isOurAddress: (email: string) => email.startsWith('live-check-'),
  isOurProfile: (id: string) => id.startsWith('OURS'),
});
const JOBS = '/api/profile-bulk-import-jobs';
const anImport = (lists: unknown, profiles: unknown[] = [{ attributes: { email: 'live-check-1@example.com' } }]): PlannedCall => ({
  ...{ method: 'POST', path: JOBS },
  body: {
    data: { attributes: { profiles: { data: profiles } }, ...(lists === undefined ? {} : { relationships: { lists: { data: lists } } }) },
  },
});
const merge = (id: string, ...sources: string[]): PlannedCall => ({
  ...{ method: 'POST', path: '/api/profile-merge' },
  body: { data: { id, relationships: { profiles: { data: sources.map((source) => ({ id: source })) } } } },
});
const removal = (list: string, ...ids: string[]): PlannedCall => ({
  ...{ method: 'DELETE', path: `/api/lists/${list}/relationships/profiles` },
  body: { data: ids.map((id) => ({ id })) },
});
const get = (path: string): PlannedCall => ({ method: 'GET', path });

const reading = [
  get('/api/accounts'),
  get('/api/lists/MINE'),
  get('/api/lists/MINE/profiles'),
  get(JOBS),
  get(`${JOBS}/J`),
  get('/api/profiles/OURS1'),
];
const writing = [anImport([{ id: 'MINE' }]), merge('OURS1', 'OURS2'), removal('MINE', 'OURS1', 'OURS2')];

describe('the guard of the live check', () => {
  it('lets the calls of the check through, and in a dry run only those that read', () => {
    expect([...reading, ...writing].map((call) => whyRefused(call, reach(true)))).toEqual([...reading, ...writing].map(() => undefined));
    expect(reading.map((call) => whyRefused(call, reach(false)))).toEqual(reading.map(() => undefined));
    expect(writing.map((call) => whyRefused(call, reach(false)))).toEqual(writing.map(() => 'a dry run changes nothing'));
  });

  it.each<[string, PlannedCall]>([
    ['another list', get('/api/lists/OTHER')],
    ['members of another list', get('/api/lists/OTHER/profiles')],
    ['all lists', get('/api/lists')],
    ['a list by a detour', get('/api/lists/MINE%2F..%2FOTHER')],
    ['a new list', { method: 'POST', path: '/api/lists', body: {} }],
    ['the list itself gone', { method: 'DELETE', path: '/api/lists/MINE' }],
    ['an import without a list', anImport(undefined)],
    ['an import to another list', anImport([{ id: 'OTHER' }])],
    ['an import to two lists', anImport([{ id: 'MINE' }, { id: 'OTHER' }])],
    ['an import of somebody real', anImport([{ id: 'MINE' }], [{ attributes: { email: 'ada@example.com' } }])],
    ['an import by id', anImport([{ id: 'MINE' }], [{ id: 'OURS1', attributes: { email: 'live-check-1@example.com' } }])],
    [
      'an import that takes identifiers away',
      anImport([{ id: 'MINE' }], [{ meta: {}, attributes: { email: 'live-check-1@example.com' } }]),
    ],
    ['an import of nobody by name', anImport([{ id: 'MINE' }], [{ attributes: {} }])],
    ['a merge of somebody else', merge('OURS1', 'THEIRS')],
    ['a merge into somebody else', merge('THEIRS', 'OURS1')],
    ['a merge of three', merge('OURS1', 'OURS2', 'OURS3')],
    ['a removal of somebody else', removal('MINE', 'OURS1', 'THEIRS')],
    ['a removal from another list', removal('OTHER', 'OURS1')],
    ['a look at somebody else', get('/api/profiles/THEIRS')],
    ['a subscription', { method: 'POST', path: '/api/profile-subscription-bulk-create-jobs', body: {} }],
    ['a suppression', { method: 'POST', path: '/api/profile-suppression-bulk-create-jobs', body: {} }],
    ['an erasure', { method: 'POST', path: '/api/data-privacy-deletion-jobs', body: {} }],
    ['an addition by ids', { method: 'POST', path: '/api/lists/MINE/relationships/profiles', body: { data: [{ id: 'OURS1' }] } }],
  ])('refuses %s', (_, call) => {
    expect(whyRefused(call, reach(true))).toEqual(expect.any(String));
  });
});

it.each([
  ['2026-07-15', '2026-10-14', []],
  ['2026-07-15', '2026-10-15', ['2026-10-15']],
  ['2026-07-15', '2027-05-01', ['2026-10-15', '2027-01-15', '2027-04-15']],
])('revisions after %s until %s are %j', (pin, today, expected) => {
  expect(revisionsAfter(pin, today)).toEqual(expected);
});
