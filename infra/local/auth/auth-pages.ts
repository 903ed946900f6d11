import type { IncomingHttpHeaders } from 'node:http';
import { LAST_ROLE_COOKIE, localRoleOf, localRoles, principalOf, readCookie, ROLE_COOKIE } from './app-service-authentication';
import type { SignedInRole } from './app-service-authentication';

export interface AuthPage {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: string;
}

/** Scripts of the portal's role switch set this one, too; hence not HttpOnly. */
const cookie = (name: string, value: string): string => `${name}=${value}; Path=/; SameSite=Lax`;
const isSignedIn = (role: string | undefined): role is SignedInRole => role !== 'Anonymous' && localRoles.some((known) => known === role);

const text = (status: number, body: string): AuthPage => ({ status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body });
const json = (body: unknown, headers: AuthPage['headers'] = {}): AuthPage => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', ...headers },
  body: JSON.stringify(body),
});

/** Where to go on: a place of our own or nowhere, as a link to the sign-in page may come from anybody. @returns undefined for others */
const ownPlace = (target: string, { origin }: URL): string | undefined => {
  if (!URL.canParse(target, origin)) return undefined;
  const place = new URL(target, origin);
  // a path with two slashes in front would be another host's address to whoever reads it without ours
  if (place.origin !== origin || place.pathname.startsWith('//')) return undefined;
  return place.pathname + place.search + place.hash;
};
const goOn = (target: string, url: URL, cookies: string[]): AuthPage => {
  const location = ownPlace(target, url);
  if (location === undefined) return text(400, 'The address to go on to must be one of this app.');
  return { status: 302, headers: { location, 'set-cookie': cookies } };
};

/**
 * The pages under /.auth of App Service Authentication, without a password: to sign in brings back the role that was signed in last.
 * - `GET /.auth/login/aad?post_login_redirect_uri=` and `GET /.auth/logout?post_logout_redirect_uri=` set cookies and go on;
 * - `GET /.auth/me` is what Azure answers where the token store is on; it is 404 there where that is off, so that the app asks /api/me;
 * - `GET /.auth/local` is of the local cloud alone: the roles that there are, and the one that the cookie names.
 * @returns undefined for an address that is none of them
 * @see learn.microsoft.com "Customize sign-in and sign-out in Azure App Service authentication", "Work with user identities"
 */
export const answerAuthPage = (
  { method, url, headers }: { readonly method: string; readonly url: URL; readonly headers: IncomingHttpHeaders },
  { tenantId, now }: { readonly tenantId: string; readonly now: Date },
): AuthPage | undefined => {
  if (!url.pathname.startsWith('/.auth/')) return undefined;
  if (method !== 'GET') return text(404, '');
  const role = localRoleOf(headers);
  const remembered = isSignedIn(role) ? [cookie(LAST_ROLE_COOKIE, role)] : [];
  switch (url.pathname) {
    case '/.auth/login/aad': {
      const last = readCookie(headers, LAST_ROLE_COOKIE);
      const next = isSignedIn(role) ? role : isSignedIn(last) ? last : 'Administrator';
      return goOn(url.searchParams.get('post_login_redirect_uri') ?? '/', url, [cookie(ROLE_COOKIE, next)]);
    }
    case '/.auth/logout':
      return goOn(url.searchParams.get('post_logout_redirect_uri') ?? '/.auth/logout/complete', url, [
        cookie(ROLE_COOKIE, 'Anonymous'),
        ...remembered,
      ]);
    case '/.auth/logout/complete':
      return text(200, 'You have signed out.');
    case '/.auth/me': {
      if (!isSignedIn(role)) return text(401, '');
      const { claims } = principalOf(role, tenantId, now);
      const named = (type: string): string => claims.find(({ typ }) => typ === type)!.val;
      const expiresAt = new Date(Number(named('exp')) * 1_000);
      return json([
        { expires_on: expiresAt.toISOString(), provider_name: 'aad', user_claims: claims, user_id: named('preferred_username') },
      ]);
    }
    case '/.auth/local':
      return json({ roles: localRoles, role: role ?? null }, { 'set-cookie': remembered });
    default:
      return text(404, '');
  }
};
