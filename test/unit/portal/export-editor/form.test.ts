import { consequencesOf } from '../../../../functions/portal/app/pages/export-editor/consequences';
import { estimateOf } from '../../../../functions/portal/app/pages/export-editor/estimate';
import { differencesOf, meetingsOf, merged } from '../../../../functions/portal/app/pages/export-editor/facets';
import { attributes, changeOf, emptyForm, formOf, isChanged, newExportOf } from '../../../../functions/portal/app/pages/export-editor/form';
import type { ExportForm } from '../../../../functions/portal/app/pages/export-editor/form';
import { guessMapping, propertyNameOf } from '../../../../functions/portal/app/pages/export-editor/guess-mapping';
import { stepOf, textAt } from '../../../../functions/portal/app/pages/export-editor/steps';
import { Export, ExportChange, NewExport } from '../../../../shared/exports/export';
import { MappedLocation, Mapping } from '../../../../shared/exports/mapping';

const recurrence = { repeat: 'daily' as const, days: [], daysOfMonth: [], times: ['02:30'], timeZone: 'Europe/Paris' };
const stored = Export.parse({
  id: 'exp_12345678',
  name: 'VIP',
  connectionId: 'con_12345678',
  listId: 'YafG4m',
  listName: 'Very important',
  segments: ['Vip', 'Gold'],
  mapping: {
    email: 'EMail',
    firstName: 'FirstName',
    location: { city: 'City' },
    properties: [{ field: 'LoyaltyTier', name: 'loyalty_tier' }],
  },
  membership: 'mirror',
  schedule: { kind: 'custom', ...recurrence, repeat: 'weekly', days: ['monday'] },
  maxInvalidShare: 0.07,
  guardCount: 20,
  notify: { channelIds: ['chn_22222222'] },
  createdAt: '2026-11-26T00:00:00.000Z',
  createdBy: 'ada',
  updatedAt: '2026-11-26T00:00:00.000Z',
  updatedBy: 'ada',
});
const form = formOf(stored, recurrence);
const changed = (change: Partial<ExportForm>): ExportForm => ({ ...form, ...change });
const anew = {
  ...emptyForm(recurrence),
  name: 'New',
  connectionId: 'con_12345678',
  listId: ' YafG4m ',
  segments: ['Vip'],
  fields: { email: 'EMail' },
};

describe('the form of an export', () => {
  it('knows every attribute that the API maps', () => {
    const core = Object.keys(Mapping.shape).filter((name) => name !== 'location' && name !== 'properties');
    const parts = Object.keys(MappedLocation.shape).map((name) => `location/${name}`);
    expect([...attributes].sort()).toEqual([...core, ...parts].sort());
  });

  it('shows an export, and makes the same values of it again', () => {
    expect(form.limits).toMatchObject({ maxInvalidShare: '7', guardCount: '20', guardShare: '', canaryRows: '100' });
    const { name, connectionId, listId, segments, mapping, membership, schedule, maxInvalidShare, guardCount, canaryRows, notify } = stored;
    expect(NewExport.parse(newExportOf(form))).toEqual({
      ...{ name, connectionId, listId, segments, mapping, membership, schedule, maxInvalidShare, guardCount, canaryRows, notify },
    });
    expect(isChanged(form, formOf(stored, recurrence))).toBe(false);
  });

  it('sends what was typed, without what was left empty', () => {
    expect(newExportOf(anew)).toEqual({
      name: 'New',
      connectionId: 'con_12345678',
      listId: 'YafG4m',
      segments: ['Vip'],
      mapping: { email: 'EMail' },
      membership: 'add',
      schedule: { kind: 'system' },
      canaryRows: 100,
    });
    expect(newExportOf({ ...anew, listMode: 'create', newListName: 'Made' })).toMatchObject({ createList: { name: 'Made' } });
  });

  it.each<[string, Partial<ExportForm>, Record<string, unknown>]>([
    ['nothing', {}, {}],
    ['a name', { name: 'Other' }, { name: 'Other' }],
    ['a limit that is cleared', { limits: { ...form.limits, guardCount: '' } }, { guardCount: null }],
    ['the first job, back to its default', { limits: { ...form.limits, canaryRows: ' ' } }, {}],
    ['a share with a comma', { limits: { ...form.limits, guardShare: '12,5' } }, { guardShare: 0.125 }],
    ['a list to be made', { listMode: 'create', newListName: 'Made' }, { createList: { name: 'Made' } }],
    [
      'an attribute that is taken out',
      { fields: { email: 'EMail', firstName: '' } },
      { mapping: { email: 'EMail', properties: stored.mapping.properties } },
    ],
    ['a schedule', { scheduleKind: 'off' }, { schedule: { kind: 'off' } }],
    ['a channel more', { channelIds: ['chn_22222222', 'chn_11111111'] }, { notify: { channelIds: ['chn_22222222', 'chn_11111111'] } }],
    ['the last channel less', { channelIds: [] }, { notify: null }],
  ])('changes only what differs: %s', (_, change, expected) => {
    const body = changeOf(form, changed(change));
    expect(body).toEqual(expected);
    expect(ExportChange.safeParse(body).success).toBe(true);
  });

  it('leaves a limit that is no number to the schema, which refuses it', () => {
    const body = changeOf(form, changed({ limits: { ...form.limits, maxProfiles: 'many' } }));
    expect(ExportChange.safeParse(body).error?.issues.map(({ path }) => path)).toEqual([['maxProfiles']]);
  });
});

describe('what differs', () => {
  it('is told per segment, attribute, property and limit', () => {
    const after = changed({
      segments: ['Gold', 'Silver'],
      fields: { ...form.fields, firstName: '', lastName: 'LastName' },
      properties: [{ field: 'Tier', name: 'loyalty_tier' }],
    });
    expect(differencesOf(form, after).map(({ facet, before, after: now }) => [facet, before, now])).toEqual([
      ['segment:Silver', undefined, 'Silver'],
      ['attribute:lastName', undefined, 'LastName'],
      ['property:loyalty_tier', 'LoyaltyTier', 'Tier'],
      ['segment:Vip', 'Vip', undefined],
      ['attribute:firstName', 'FirstName', undefined],
    ]);
  });
});

describe('two people who edit the same export', () => {
  const mine = changed({
    name: 'Mine',
    segments: ['Vip', 'Gold', 'MySegment'],
    limits: { ...form.limits, guardCount: '5' },
    channelIds: ['chn_22222222', 'chn_33333333'],
  });
  const theirs = changed({
    name: 'Theirs',
    segments: ['Gold', 'TheirSegment'],
    channelIds: ['chn_44444444'],
    membership: 'add',
    limits: { ...form.limits, guardCount: '5' },
  });
  const meetings = meetingsOf(form, mine, theirs);

  it('meet where the other has changed something else, or the same to something else', () => {
    expect(meetings.map(({ facet, mine: own, theirs: other, conflict }) => [facet, own, other, conflict])).toEqual([
      ['name', 'Mine', 'Theirs', true],
      ['segment:TheirSegment', undefined, 'TheirSegment', false],
      ['membership', 'mirror', 'add', false],
      ['channel:chn_44444444', undefined, 'chn_44444444', false],
      ['segment:Vip', 'Vip', undefined, false],
      ['channel:chn_22222222', 'chn_22222222', undefined, false],
    ]);
  });

  it('lose nothing that one of them keeps', () => {
    expect(merged(mine, theirs, ['segment:TheirSegment', 'membership', 'segment:Vip'])).toEqual({
      ...mine,
      segments: ['Gold', 'MySegment', 'TheirSegment'],
      membership: 'add',
    });
    const all = merged(
      mine,
      theirs,
      meetings.map(({ facet }) => facet),
    );
    expect(differencesOf(theirs, all).map(({ facet }) => facet)).toEqual(['segment:MySegment', 'channel:chn_33333333']);
    expect(merged(mine, theirs, [])).toEqual(mine);
  });
});

describe('the consequences of a change', () => {
  const of = (change: Partial<ExportForm>, more: { base?: ExportForm; sameAccount?: boolean; runs?: boolean } = {}) => {
    const base = more.base ?? form;
    const after = { ...base, ...change };
    return consequencesOf(differencesOf(base, after), { after, sameAccount: more.sameAccount, runs: more.runs ?? false });
  };
  const adding = changed({ membership: 'add' });
  it.each([
    ['nothing', of({}), []],
    ['a name', of({ name: 'Other' }), ['none']],
    ['a list', of({ listId: 'Other1' }), ['listReplaced']],
    ['a connection to another account', of({ connectionId: 'con_87654321' }, { sameAccount: false }), ['listReplaced']],
    ['a connection to the same account', of({ connectionId: 'con_87654321' }, { sameAccount: true }), ['none']],
    ['a connection to who knows where', of({ connectionId: 'con_87654321' }), ['connectionReplaced']],
    ['a mapping', of({ fields: { ...form.fields, lastName: 'LastName' } }), ['mappingSendsAll', 'leaversWait']],
    ['a mapping of an add export', of({ fields: { ...form.fields, lastName: 'LastName' } }, { base: adding }), ['mappingSendsAll']],
    ['the address', of({ fields: { ...form.fields, email: 'Other' } }), ['mappingSendsAll', 'emailChanges', 'leaversWait']],
    ['a property that is taken out', of({ properties: [] }), ['mappingSendsAll', 'leaversWait', 'valuesStay']],
    ['a mapping with a new list', of({ listId: 'Other1', fields: { ...form.fields, lastName: 'X' } }), ['listReplaced']],
    ['add to mirror', of({ membership: 'mirror' }, { base: adding }), ['mirrorBegins']],
    ['mirror to add', of({ membership: 'add' }), ['mirrorEnds']],
    ['a segment more', of({ segments: ['Vip', 'Gold', 'New'] }), ['segmentsJoin']],
    ['a segment less, mirrored', of({ segments: ['Vip'] }), ['segmentsLeave']],
    ['a segment less, added only', of({ segments: ['Vip'] }, { base: adding }), ['segmentsStay']],
    [
      'a segment less as the mirror begins',
      of({ segments: ['Vip'], membership: 'mirror' }, { base: adding }),
      ['mirrorBegins', 'segmentsStay'],
    ],
    ['a schedule, while a run is under way', of({ scheduleKind: 'off' }, { runs: true }), ['schedule', 'runGoesOn']],
    ['a channel', of({ channelIds: [] }), ['none']],
    ['a limit', of({ limits: { ...form.limits, guardCount: '9' } }), ['limits']],
  ])('%s', (_, found, expected) => expect(found).toEqual(expected));
});

describe('a guessed mapping', () => {
  const text = (...names: string[]) => names.map((name) => ({ name, dataType: 'string' }));
  it.each([
    [
      'the sample’s names',
      text('CustomerId', 'EMail', 'FirstName', 'Telephone', 'City', 'LoyaltyTier'),
      { email: 'EMail', firstName: 'FirstName', phoneNumber: 'Telephone', 'location/city': 'City' },
    ],
    [
      'other spellings',
      text('email_address', 'Given Name', 'Prénom', 'postal-code'),
      { email: 'email_address', firstName: 'Given Name', 'location/zip': 'postal-code' },
    ],
    [
      'French names',
      text('Courriel', 'Prénom', 'Ville', 'Pays'),
      { email: 'Courriel', firstName: 'Prénom', 'location/city': 'Ville', 'location/country': 'Pays' },
    ],
    ['an address under a longer name', text('WorkEmail'), { email: 'WorkEmail' }],
    ['no text', [{ name: 'Email', dataType: 'int64' }], {}],
  ])('knows %s', (_, fields, expected) => expect(guessMapping(fields)).toEqual(expected));

  it.each([
    ['LoyaltyTier', 'loyalty_tier'],
    ['TotalSpendEUR', 'total_spend_eur'],
    ['msdynci.Score', 'msdynci_score'],
    ['already_so', 'already_so'],
  ])('calls the property of %s %s', (field, name) => expect(propertyNameOf(field)).toBe(name));
});

it.each([
  [0, 100, { jobs: 0, seconds: 0 }],
  [50, 100, { jobs: 1, seconds: 0 }],
  [10_100, 100, { jobs: 2, seconds: 0 }],
  [10_101, 100, { jobs: 3, seconds: 0 }],
  [1_000_000, 0, { jobs: 100, seconds: 9 }],
  [2_000_000, 100, { jobs: 201, seconds: 65 }],
])('%i people with a first job of %i take %o', (people, first, expected) => expect(estimateOf(people, first)).toEqual(expected));

it.each([
  ['/name', 'destination'],
  ['/createList/name', 'destination'],
  ['/segments/3', 'segments'],
  ['/mapping/properties/0/name', 'mapping'],
  ['/guardCount', 'behaviour'],
  ['/schedule/times', 'behaviour'],
])('%s belongs to the step %s', (pointer, step) => expect(stepOf(pointer)).toBe(step));

it('finds what a pointer points at', () => {
  const document = { mapping: { properties: [{ name: 'a/b' }] }, 'a/b': 1 };
  expect(textAt(document, '/mapping/properties/0/name')).toBe('"a/b"');
  expect(textAt(document, '/a~1b')).toBe('1');
  expect(textAt(document, '/nowhere/else')).toBe('');
});
