import { authenticate, localRoles } from '../../../infra/local/auth/app-service-authentication';

const options = { tenantId: '11111111-2222-4333-8444-555555555555', now: new Date('2026-11-23T12:00:00Z') };
const headersFor = (given: Record<string, string>) => {
  const outcome = authenticate(given, options);
  if ('status' in outcome) throw new Error(outcome.message);
  return outcome.headers;
};
interface Principal {
  auth_typ: string;
  claims: { typ: string; val: string }[];
  name_typ: string;
  role_typ: string;
}
const principalFor = (given: Record<string, string>): Principal =>
  JSON.parse(Buffer.from(String(headersFor(given)['x-ms-client-principal']), 'base64').toString()) as Principal;
const claim = ({ claims }: Principal, typ: string): string[] => claims.filter((one) => one.typ === typ).map(({ val }) => val);

describe("App Service Authentication's stand-in", () => {
  it('makes an administrator of whoever says nothing, in the shape that Entra ID has on Azure', () => {
    const principal = principalFor({});
    expect(principal.auth_typ).toBe('aad');
    expect(principal.role_typ).toBe('http://schemas.microsoft.com/ws/2008/06/identity/claims/role');
    expect(claim(principal, 'roles')).toEqual(['Administrator']);
    expect(claim(principal, principal.role_typ)).toEqual([]);
    expect(claim(principal, 'http://schemas.microsoft.com/identity/claims/tenantid')).toEqual([options.tenantId]);
    expect(claim(principal, 'http://schemas.microsoft.com/identity/claims/objectidentifier')).toHaveLength(1);
    expect(claim(principal, 'tid').concat(claim(principal, 'oid'))).toEqual([]);
    expect(claim(principal, principal.name_typ)).toEqual([headersFor({})['x-ms-client-principal-name']]);
    expect(headersFor({})['x-ms-client-principal-idp']).toBe('aad');
  });

  it('removes what a caller sends in the platform’s own headers', () => {
    const forged = {
      'x-ms-client-principal': 'e30=',
      'x-ms-client-principal-id': 'root',
      'x-ms-client-principal-name': 'root',
      'x-ms-client-principal-idp': 'aad',
      'x-ms-client-principal-else': 'x',
      'x-ms-token-aad-access-token': 'x',
      accept: '*/*',
    };
    expect(headersFor({ ...forged, 'x-local-role': 'Anonymous' })).toEqual({ accept: '*/*' });
    const viewer = headersFor({ ...forged, 'x-local-role': 'Viewer' });
    expect(viewer['x-ms-client-principal-id']).not.toBe('root');
    expect(viewer['x-ms-client-principal-else']).toBeUndefined();
  });

  it('takes the role from the header before the cookie, and shows the app neither', () => {
    expect(claim(principalFor({ cookie: 'a=1; local-role=Viewer' }), 'roles')).toEqual(['Viewer']);
    const both = { cookie: 'a=1; local-role=Viewer; b=2; local-last-role=None', 'x-local-role': 'Contributor' };
    expect(claim(principalFor(both), 'roles')).toEqual(['Contributor']);
    expect(headersFor(both).cookie).toBe('a=1; b=2');
    expect(headersFor(both)['x-local-role']).toBeUndefined();
  });

  it('signs None in without a role', () => {
    const principal = principalFor({ 'x-local-role': 'None' });
    expect(claim(principal, 'roles')).toEqual([]);
    expect(claim(principal, 'name')).toHaveLength(1);
  });

  it.each(['administrator', 'Root', '', 'Viewer, Administrator'])('refuses the role "%s"', (role) => {
    expect(authenticate({ 'x-local-role': role }, options)).toMatchObject({ status: 400 });
    if (role !== '') expect(authenticate({ cookie: `local-role=${role}` }, options)).toMatchObject({ status: 400 });
  });

  it('knows each role as a person of its own, the same one each time', () => {
    const ids = localRoles.slice(0, 4).map((role) => headersFor({ 'x-local-role': role })['x-ms-client-principal-id']);
    expect(new Set(ids).size).toBe(4);
    expect(localRoles.slice(0, 4).map((role) => headersFor({ 'x-local-role': role })['x-ms-client-principal-id'])).toEqual(ids);
  });
});
