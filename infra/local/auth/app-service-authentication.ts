import type { IncomingHttpHeaders } from 'node:http';

/** Who a request to the local cloud may come from; None is signed in without an app role, Anonymous is not signed in. */
export const localRoles = ['Administrator', 'Contributor', 'Viewer', 'None', 'Anonymous'] as const;
export type LocalRole = (typeof localRoles)[number];
export type SignedInRole = Exclude<LocalRole, 'Anonymous'>;

const people: Record<SignedInRole, { objectId: string; name: string; email: string }> = {
  Administrator: { objectId: 'a0000000-0000-4000-8000-000000000001', name: 'Ada Administrator', email: 'ada@local.example' },
  Contributor: { objectId: 'c0000000-0000-4000-8000-000000000002', name: 'Carl Contributor', email: 'carl@local.example' },
  Viewer: { objectId: 'f0000000-0000-4000-8000-000000000003', name: 'Vera Viewer', email: 'vera@local.example' },
  None: { objectId: 'e0000000-0000-4000-8000-000000000004', name: 'Nora Norole', email: 'nora@local.example' },
};

/** The cookie that names the role, and the one that remembers the last role that was signed in. */
export const ROLE_COOKIE = 'local-role';
export const LAST_ROLE_COOKIE = 'local-last-role';

const cookiesOf = ({ cookie }: IncomingHttpHeaders): string[] =>
  (cookie ?? '')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** @returns undefined when there is no such cookie */
export const readCookie = (headers: IncomingHttpHeaders, name: string): string | undefined =>
  cookiesOf(headers)
    .find((cookie) => cookie.startsWith(`${name}=`))
    ?.slice(name.length + 1);

/** Whose request it is, by the header X-Local-Role or else the cookie local-role. @returns undefined for a role that there is not */
export const localRoleOf = (headers: IncomingHttpHeaders): LocalRole | undefined => {
  const asked = headers['x-local-role'] ?? readCookie(headers, ROLE_COOKIE) ?? 'Administrator';
  return localRoles.find((known) => known === asked);
};

const emailClaim = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress';

export type Authenticated = { readonly headers: IncomingHttpHeaders } | { readonly status: 400; readonly message: string };

/**
 * Does to a request's headers what App Service Authentication does: removes every x-ms-client-principal* and x-ms-token-* header that a
 * caller sent and sets its own, for the role that the header X-Local-Role or else the cookie local-role names (default Administrator).
 * The principal has the shape that Entra ID's has on Azure: app roles under the short `roles`, while role_typ is a long URI.
 * @see learn.microsoft.com "Work with user identities in Azure App Service authentication"
 */
export const authenticate = (
  given: IncomingHttpHeaders,
  { tenantId, now }: { readonly tenantId: string; readonly now: Date },
): Authenticated => {
  const headers: IncomingHttpHeaders = {};
  for (const [name, value] of Object.entries(given)) {
    if (!/^x-ms-(client-principal|token-)/.test(name) && name !== 'x-local-role' && name !== 'cookie') headers[name] = value;
  }
  const own = [ROLE_COOKIE, LAST_ROLE_COOKIE].map((name) => `${name}=`);
  const ofApp = cookiesOf(given).filter((cookie) => !own.some((start) => cookie.startsWith(start)));
  if (ofApp.length > 0) headers.cookie = ofApp.join('; ');
  const role = localRoleOf(given);
  if (role === undefined) return { status: 400, message: `X-Local-Role must be one of ${localRoles.join(', ')}` };
  if (role === 'Anonymous') return { headers };
  const { objectId, email } = people[role];
  headers['x-ms-client-principal'] = Buffer.from(JSON.stringify(principalOf(role, tenantId, now))).toString('base64');
  headers['x-ms-client-principal-id'] = objectId;
  headers['x-ms-client-principal-name'] = email;
  headers['x-ms-client-principal-idp'] = 'aad';
  return { headers };
};

/** Who a role stands for, in the shape of the header x-ms-client-principal. */
export const principalOf = (role: SignedInRole, tenantId: string, now: Date) => {
  const { objectId, name, email } = people[role];
  const issuedAt = Math.floor(now.getTime() / 1000);
  return {
    auth_typ: 'aad',
    claims: [
      { typ: 'aud', val: '00000000-0000-4000-8000-0000006c6f63' },
      { typ: 'iss', val: `https://login.microsoftonline.com/${tenantId}/v2.0` },
      { typ: 'iat', val: String(issuedAt) },
      { typ: 'nbf', val: String(issuedAt) },
      { typ: 'exp', val: String(issuedAt + 3600) },
      { typ: emailClaim, val: email },
      { typ: 'name', val: name },
      { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: objectId },
      { typ: 'preferred_username', val: email },
      ...(role === 'None' ? [] : [{ typ: 'roles', val: role }]),
      { typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier', val: `local-${role.toLowerCase()}` },
      { typ: 'http://schemas.microsoft.com/identity/claims/tenantid', val: tenantId },
      { typ: 'ver', val: '2.0' },
    ],
    name_typ: emailClaim,
    role_typ: 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
  };
};
