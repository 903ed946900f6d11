import { aProfile, aSandbox } from './harness';

const SUBSCRIBE = '/api/profile-subscription-bulk-create-jobs';
const UNSUBSCRIBE = '/api/profile-subscription-bulk-delete-jobs';
const P = '/data/attributes/profiles/data';
const WANTED = { subscriptions: { email: { marketing: { consent: 'SUBSCRIBED' } } } };
const ada = (attributes: object = {}) => aProfile('ada@example.com', { ...WANTED, ...attributes });

const body = (kind: 'create' | 'delete', profiles: unknown, list: unknown = 'LIST5K', more: object = {}) => ({
  data: {
    type: `profile-subscription-bulk-${kind}-job`,
    attributes: { profiles: { data: profiles }, ...more },
    ...(list !== undefined && { relationships: { list: { data: { type: 'list', id: list } } } }),
  },
});
const world = () => {
  const klaviyo = aSandbox({ processing: 'instant', limits: false });
  const { profiles } = klaviyo.sandbox.state.accounts.get('SANDBX')!;
  const subscribe = (people: unknown, list: unknown = 'LIST5K', more: object = {}) =>
    klaviyo.post(SUBSCRIBE, body('create', people, list, more));
  const consentOf = (email: string) => profiles.consentOf(profiles.byEmail(email));
  return { ...klaviyo, profiles, subscribe, consentOf };
};

describe('subscribing', () => {
  it.each([
    [{}, '/data/type', "Resource type must be 'profile-subscription-bulk-create-job'."],
    [{ data: { type: 'profile' } }, '/data/type', "Resource type must be 'profile-subscription-bulk-create-job'."],
    [{ data: { type: 'profile-subscription-bulk-create-job' } }, P, 'At least one profile is required.'],
    [body('create', []), P, 'At least one profile is required.'],
    [body('create', Array(1001).fill(ada())), P, 'No more than 1000 profiles are allowed.'],
    [body('create', [{ type: 'profile' }]), `${P}/0/attributes`, "'attributes' is a required field."],
    [
      body('create', [ada({ first_name: 'Ada' })]),
      `${P}/0/attributes/first_name`,
      "'first_name' is not a valid field for the resource 'profile'.",
    ],
    [body('create', [ada({ subscriptions: [] })]), `${P}/0/attributes/subscriptions`, "'subscriptions' is a required field."],
    [body('create', [aProfile(undefined, WANTED)]), `${P}/0/attributes`, 'One of email and phone_number is required.'],
    [body('create', [aProfile('ada', WANTED)]), `${P}/0/attributes/email`, 'Invalid email address'],
    [body('create', [aProfile(null, WANTED)]), `${P}/0/attributes/email`, 'Invalid email address'],
    [body('create', [ada({ phone_number: '+1' })]), `${P}/0/attributes/phone_number`, 'Invalid phone number format (E.164 is expected).'],
    [body('create', [ada({ phone_number: null })]), `${P}/0/attributes/phone_number`, 'Invalid phone number format (E.164 is expected).'],
  ])('4.35 refuses what is wrong (%#) at its place', (json, pointer, detail) => {
    expect(world().post(SUBSCRIBE, json)).toMatchObject({
      status: 400,
      document: { errors: [{ code: 'invalid', detail, source: { pointer } }] },
    });
  });

  it('4.35 names every offending row, and subscribes nobody', () => {
    const { subscribe, profiles } = world();
    const { document } = subscribe([ada(), aProfile('x', WANTED), aProfile('y@example.com')]);
    expect(document.errors.map(({ source }) => source.pointer)).toEqual([`${P}/1/attributes/email`, `${P}/2/attributes/subscriptions`]);
    expect(profiles.count()).toBe(0);
  });

  it('4.35 takes 1,000 people, by address or by phone number, with a date of birth', () => {
    const { subscribe, profiles, consentOf, members, post } = world();
    const many = Array.from({ length: 998 }, (_, at) => aProfile(`p${at}@example.com`, WANTED));
    const byPhone = aProfile(undefined, { ...WANTED, phone_number: '+15005550006', age_gated_date_of_birth: '1990-01-01' });
    expect(subscribe([...many, byPhone, ada({ phone_number: '+15005550007' })]).status).toBe(202);
    expect([profiles.count(), members().length, consentOf('p7@example.com')]).toEqual([1000, 1000, 'SUBSCRIBED']);
    expect(profiles.consentOf(profiles.byPhone('+15005550006'))).toBe('SUBSCRIBED');
    expect(profiles.byPhone('+15005550007')).toBe(profiles.byEmail('ada@example.com'));
    expect(post(SUBSCRIBE, body('create', [byPhone])).status).toBe(202);
    expect(profiles.count()).toBe(1000);
  });

  it('4.35 subscribes without a list as well, and knows no list that is not there', () => {
    const { subscribe, post, consentOf, members } = world();
    const { relationships, ...data } = body('create', [ada()]).data;
    expect(relationships).toBeDefined();
    expect(post(SUBSCRIBE, { data }).status).toBe(202);
    expect([consentOf('ada@example.com'), members()]).toEqual(['SUBSCRIBED', []]);
    for (const [list, name] of [
      ['NOPE01', 'NOPE01'],
      [7, '7'],
    ] as const)
      expect(subscribe([ada()], list)).toMatchObject({
        status: 404,
        document: {
          errors: [
            {
              ...{ code: 'not_found', detail: `A list with id \`${name}\` does not exist.` },
              source: { pointer: '/data/relationships/list/data/id' },
            },
          ],
        },
      });
  });

  it('4.35 keeps nobody waiting for a mail when the consent is history', () => {
    const { subscribe, sandbox, now, members, consentOf } = world();
    sandbox.addAccount({ id: 'SANDBX', lists: [{ id: 'DOUBLE', name: 'Double', optIn: 'double_opt_in' }] }, now());
    const since = (at?: string) =>
      ada({ subscriptions: { email: { marketing: { consent: 'SUBSCRIBED', ...(at && { consented_at: at }) } } } });
    for (const at of [undefined, 'long ago', '2026-11-24T00:00:00Z'])
      expect(subscribe([since(at)], 'DOUBLE', { historical_import: true })).toMatchObject({
        status: 400,
        document: {
          errors: [
            { detail: 'historical_import needs a consented_at in the past.', source: { pointer: `${P}/0/attributes/subscriptions` } },
          ],
        },
      });
    expect(subscribe([since('2020-01-01T00:00:00Z')], 'DOUBLE').status).toBe(202);
    expect([members('DOUBLE'), consentOf('ada@example.com')]).toEqual([[], 'NEVER_SUBSCRIBED']);
    expect(subscribe([since('2020-01-01T00:00:00Z')], 'DOUBLE', { historical_import: true }).status).toBe(202);
    expect([members('DOUBLE'), consentOf('ada@example.com')]).toEqual([['ada@example.com'], 'SUBSCRIBED']);
  });
});

describe('unsubscribing', () => {
  it('4.36 takes a member off the list and leaves the consent; who is not on it is unsubscribed everywhere', () => {
    const { subscribe, post, consentOf, members } = world();
    subscribe([ada(), aProfile('bob@example.com', WANTED)]);
    subscribe([aProfile('eve@example.com', WANTED)], 'LIS25K');
    const people = ['ada@example.com', 'eve@example.com'].map((email) => aProfile(email, WANTED));
    expect(post(UNSUBSCRIBE, body('delete', people))).toMatchObject({ status: 202, text: '' });
    expect([members(), members('LIS25K')]).toEqual([['bob@example.com'], ['eve@example.com']]);
    expect(['ada', 'bob', 'eve'].map((name) => consentOf(`${name}@example.com`))).toEqual(['SUBSCRIBED', 'SUBSCRIBED', 'UNSUBSCRIBED']);
  });

  it('4.36 without a list unsubscribes everybody that it is given', () => {
    const { subscribe, post, consentOf, members } = world();
    subscribe([ada()]);
    const { data } = body('delete', [ada()]);
    expect(post(UNSUBSCRIBE, { data: { type: data.type, attributes: data.attributes } }).status).toBe(202);
    expect([consentOf('ada@example.com'), members()]).toEqual(['UNSUBSCRIBED', ['ada@example.com']]);
  });

  it('4.36 takes 100 people and no more', () => {
    const { post } = world();
    const many = (count: number) =>
      body(
        'delete',
        Array.from({ length: count }, (_, at) => aProfile(`p${at}@example.com`, WANTED)),
      );
    expect([100, 101].map((count) => post(UNSUBSCRIBE, many(count)).status)).toEqual([202, 400]);
    expect(post(UNSUBSCRIBE, body('create', [ada()])).document.errors[0]!.source.pointer).toBe('/data/type');
  });
});
