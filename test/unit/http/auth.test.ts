import { createAuthenticator, refuseCrossSite } from '../../../shared/http/auth';

const tenantId = '11111111-1111-4111-8111-111111111111';
const otherTenant = '22222222-2222-4222-8222-222222222222';
const personId = '33333333-3333-4333-8333-333333333333';
const longRole = 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role';
const longTenant = 'http://schemas.microsoft.com/identity/claims/tenantid';
const longPerson = 'http://schemas.microsoft.com/identity/claims/objectidentifier';

const authenticate = createAuthenticator({ enabled: true, tenantId });

type Claims = readonly (readonly [typ: string, val: string])[];
const person: Claims = [
  [longTenant, tenantId],
  [longPerson, personId],
  ['name', 'Zoë Ångström'],
];
const principal = (claims: Claims, more: Record<string, unknown> = {}) => ({
  auth_typ: 'aad',
  name_typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
  role_typ: longRole,
  claims: claims.map(([typ, val]) => ({ typ, val })),
  ...more,
});
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
const headers = (given: Record<string, string>) => new Headers(given);
const signedIn = (claims: Claims, more: Record<string, unknown> = {}, extra: Record<string, string> = {}) =>
  headers({ 'x-ms-client-principal': encode(principal(claims, more)), 'x-ms-client-principal-idp': 'aad', ...extra });

const outcome = (given: Headers): string => {
  try {
    return authenticate(given).role;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the principal header', () => {
  it.each<[string, Headers, string]>([
    ['app role under the short name', signedIn([...person, ['roles', 'Administrator']]), 'Administrator'],
    ['role under the header’s own role_typ', signedIn([...person, [longRole, 'Contributor']]), 'Contributor'],
    [
      'tenant and person under short names',
      signedIn([
        ['tid', tenantId],
        ['oid', personId],
        ['roles', 'Viewer'],
      ]),
      'Viewer',
    ],
    [
      'a tenant id in capitals',
      signedIn([
        ['tid', tenantId.toUpperCase()],
        ['oid', personId],
        ['roles', 'Viewer'],
      ]),
      'Viewer',
    ],
    [
      'several roles: the most powerful counts',
      signedIn([...person, ['roles', 'Viewer'], ['roles', 'Administrator'], ['roles', 'Contributor']]),
      'Administrator',
    ],
    ['other roles beside ours', signedIn([...person, ['roles', 'Reader'], ['roles', 'Viewer']]), 'Viewer'],
    ['no role', signedIn(person), 'no_role'],
    ['only roles of other apps', signedIn([...person, ['roles', 'administrator'], ['roles', 'Owner']]), 'no_role'],
    ['a role under a type that is none', signedIn([...person, ['role', 'Administrator']]), 'no_role'],
    ['no header', headers({}), 'not_signed_in'],
    ['an empty header', headers({ 'x-ms-client-principal': '' }), 'not_signed_in'],
    [
      'only the id and name headers',
      headers({ 'x-ms-client-principal-id': personId, 'x-ms-client-principal-name': 'ada' }),
      'not_signed_in',
    ],
    [
      'another tenant',
      signedIn([
        [longTenant, otherTenant],
        [longPerson, personId],
        ['roles', 'Administrator'],
      ]),
      'not_signed_in',
    ],
    [
      'no tenant',
      signedIn([
        [longPerson, personId],
        ['roles', 'Administrator'],
      ]),
      'not_signed_in',
    ],
    ['two tenants', signedIn([...person, ['tid', otherTenant], ['roles', 'Administrator']]), 'not_signed_in'],
    [
      'no person',
      signedIn([
        [longTenant, tenantId],
        ['roles', 'Administrator'],
      ]),
      'not_signed_in',
    ],
    ['two persons', signedIn([...person, ['oid', otherTenant], ['roles', 'Administrator']]), 'not_signed_in'],
    ['another provider in the principal', signedIn([...person, ['roles', 'Administrator']], { auth_typ: 'google' }), 'not_signed_in'],
    [
      'another provider in the header',
      signedIn([...person, ['roles', 'Administrator']], {}, { 'x-ms-client-principal-idp': 'github' }),
      'not_signed_in',
    ],
    ['no base64', headers({ 'x-ms-client-principal': JSON.stringify(principal([...person, ['roles', 'Viewer']])) }), 'not_signed_in'],
    ['base64 of no JSON', headers({ 'x-ms-client-principal': Buffer.from('ada').toString('base64') }), 'not_signed_in'],
    ['base64 of no UTF-8', headers({ 'x-ms-client-principal': Buffer.from([0x7b, 0xff, 0x7d]).toString('base64') }), 'not_signed_in'],
    ['claims that are no list', headers({ 'x-ms-client-principal': encode({ auth_typ: 'aad', claims: {} }) }), 'not_signed_in'],
    ['a principal over 32 KB', signedIn([...person, ['roles', 'Administrator'], ['groups', 'x'.repeat(33_000)]]), 'not_signed_in'],
  ])('%s', (_, given, expected) => {
    expect(outcome(given)).toBe(expected);
  });

  it('counts for nothing where the platform’s authentication is off', () => {
    const off = createAuthenticator({ enabled: false, tenantId });
    expect(() => off(signedIn([...person, ['roles', 'Administrator']]))).toThrow(expect.objectContaining({ code: 'not_signed_in' }));
  });

  it('names a person by the name claim, in any script', () => {
    expect(authenticate(signedIn([...person, ['roles', 'Viewer']]))).toEqual({
      id: personId,
      name: 'Zoë Ångström',
      role: 'Viewer',
      application: false,
    });
  });

  it('takes an application, whose token carries no user name', () => {
    const application = signedIn([
      [longTenant, tenantId],
      [longPerson, personId],
      ['appid', 'app-1'],
      ['roles', 'Contributor'],
    ]);
    expect(authenticate(application)).toEqual({ id: personId, name: 'app-1', role: 'Contributor', application: true });
  });
});

describe('a change asked for by another site', () => {
  const url = 'https://worker.internal:5001/api/exports';
  it.each<[string, Record<string, string>, boolean]>([
    ['no browser', { host: 'app.example' }, true],
    ['the same origin', { host: 'app.example', origin: 'https://app.example', 'sec-fetch-site': 'same-origin' }, true],
    ['the same origin behind a proxy', { host: 'inner', 'x-forwarded-host': 'app.example', origin: 'https://app.example' }, true],
    ['the address bar', { host: 'app.example', 'sec-fetch-site': 'none' }, true],
    ['the same host on another port', { host: 'localhost:7071', origin: 'http://localhost:3000' }, false],
    ['another site', { host: 'app.example', origin: 'https://evil.example' }, false],
    ['another site that hides its origin', { host: 'app.example', origin: 'null' }, false],
    ['another host of the same site', { host: 'app.example', 'sec-fetch-site': 'same-site' }, false],
    ['a cross-site fetch', { host: 'app.example', 'sec-fetch-site': 'cross-site' }, false],
    ['an origin that is none', { host: 'app.example', origin: 'app.example' }, false],
  ])('%s', (_, given, allowed) => {
    const attempt = () => refuseCrossSite({ url, headers: headers(given) });
    if (allowed) expect(attempt).not.toThrow();
    else expect(attempt).toThrow(expect.objectContaining({ code: 'cross_site' }));
  });
});
