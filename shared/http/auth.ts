import { z } from 'zod';
import { Role, mayActAs } from '../caller';
import type { Caller } from '../caller';
import { NotAllowedError } from '../errors';

/** Kestrel lets 32 KB of headers pass; a principal larger than that is no principal. */
const MAX_HEADER_CHARACTERS = 32 * 1024;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The principal as App Service Authentication sends it, base64 of JSON, with its claims under long or short names.
 * @see azure.md rows 1 and 13: app roles come as `roles` while `role_typ` is a long URI; an application's token carries no user name
 */
const Principal = z.object({
  auth_typ: z.literal('aad'),
  claims: z.array(z.object({ typ: z.string(), val: z.string() })).max(2_000),
  name_typ: z.string().nullish(),
  role_typ: z.string().nullish(),
});

const TENANT = ['http://schemas.microsoft.com/identity/claims/tenantid', 'tid'];
const PERSON = ['http://schemas.microsoft.com/identity/claims/objectidentifier', 'oid'];
const NAME = ['name', 'preferred_username', 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress'];
const APPLICATION = ['appid', 'azp'];

const notSignedIn = (message: string): NotAllowedError => new NotAllowedError({ code: 'not_signed_in', message });

/** One value, however often it is said; undefined when it is missing or said differently. */
const single = (values: readonly string[]): string | undefined => {
  const distinct = new Set(values.map((value) => value.toLowerCase()));
  return distinct.size === 1 && values[0] !== '' ? values[0] : undefined;
};

const decode = (header: string): z.infer<typeof Principal> | undefined => {
  if (header.length > MAX_HEADER_CHARACTERS || !BASE64.test(header)) return undefined;
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'base64'));
    return Principal.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
};

/**
 * Reads who asks from App Service Authentication's headers. They count only where the platform says that its authentication is on
 * (it removes what a caller sends under these names); everything else is nobody, never a guess.
 * @param enabled WEBSITE_AUTH_ENABLED
 * @param tenantId whose callers are ours
 */
export const createAuthenticator =
  ({ enabled, tenantId }: { enabled: boolean; tenantId: string }) =>
  /** @throws NotAllowedError not_signed_in (401), no_role (403) */
  (headers: { get(name: string): string | null }): Caller => {
    if (!enabled) {
      throw notSignedIn('App Service Authentication is off, so nobody can be known; turn it on for this function app.');
    }
    const header = headers.get('x-ms-client-principal');
    if (!header) throw notSignedIn('Sign in first.');
    const provider = headers.get('x-ms-client-principal-idp');
    const principal = decode(header);
    if (principal === undefined || (provider !== null && provider !== 'aad')) {
      throw notSignedIn('The sign-in could not be read; sign in with a Microsoft Entra account of this organisation.');
    }
    const valuesOf = (types: readonly string[]): string[] =>
      principal.claims.filter(({ typ }) => types.includes(typ)).map(({ val }) => val);

    const tenant = single(valuesOf(TENANT));
    const id = single(valuesOf(PERSON));
    if (tenant?.toLowerCase() !== tenantId.toLowerCase() || id === undefined) {
      throw notSignedIn('Sign in with a Microsoft Entra account of this organisation.');
    }
    const claimed = valuesOf(['roles', ...(principal.role_typ ? [principal.role_typ] : [])]);
    const role = Role.options.find((known) => claimed.includes(known)); // the most powerful comes first
    if (role === undefined) {
      throw new NotAllowedError({
        code: 'no_role',
        message: 'You have no role in this app; ask an administrator for Administrator, Contributor or Viewer.',
      });
    }
    const userName = headers.get('x-ms-client-principal-name') || undefined;
    const [name] = NAME.flatMap((type) => valuesOf([type])).filter((value) => value !== '');
    const [application] = valuesOf(APPLICATION);
    return { id, name: name ?? userName ?? application ?? id, role, application: name === undefined && userName === undefined };
  };

export type Authenticate = ReturnType<typeof createAuthenticator>;

/**
 * Who asks on the routes that the host opens by function key. Everybody who holds a key is this one caller: the host tells nothing of
 * which key it was. An administrator, so that every export runs, shared or not; there are no other routes for it than those few.
 */
export const functionKeyCaller: Caller = { id: 'function-key', name: 'Function key', role: 'Administrator', application: true };

/** @throws NotAllowedError role_too_low */
export const requireRole = (caller: Caller, needed: Role): void => {
  if (mayActAs(caller.role, needed)) return;
  throw new NotAllowedError({
    code: 'role_too_low',
    message: `This needs the role ${needed}; you have the role ${caller.role}.`,
  });
};

const hostOf = (address: string): string | undefined => {
  try {
    return new URL(address).host.toLowerCase();
  } catch {
    return undefined;
  }
};

/**
 * Refuses a change that another site's page asks for with the caller's session (failures.md row 45, azure.md row 24: the platform
 * looks at POST only). Callers that are no browser send neither header.
 * @throws NotAllowedError cross_site
 */
export const refuseCrossSite = (request: { url: string; headers: { get(name: string): string | null } }): void => {
  const { headers } = request;
  const refused = new NotAllowedError({ code: 'cross_site', message: 'This was asked for by another web site, and so is not done.' });
  const site = headers.get('sec-fetch-site');
  if (site !== null && site !== 'same-origin' && site !== 'none') throw refused;
  const origin = headers.get('origin');
  if (origin === null) return;
  const ours = [headers.get('x-forwarded-host'), headers.get('host'), hostOf(request.url)].map((host) => host?.toLowerCase());
  const theirs = hostOf(origin);
  if (theirs === undefined || theirs === '' || !ours.includes(theirs)) throw refused;
};
