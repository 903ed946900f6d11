import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a token of the local managed identity says; `exp` in seconds since 1970. */
export interface IdentityClaims {
  readonly aud: string;
  readonly tid: string;
  readonly oid: string;
  readonly appid: string;
  readonly exp: number;
}

/**
 * The same for every local vault and environment, as there is one Entra ID: MSAL keeps a managed identity's token for the whole process,
 * whichever endpoint gave it. It tells our tokens from made-up ones and guards nothing else.
 */
export const localTokenSecret = 'local managed identity';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const signature = (signed: string, secret: string): Buffer => createHmac('sha256', secret).update(signed).digest();

/** Makes a signed token (JWT, HS256) for the local vault. */
export const issueToken = (claims: IdentityClaims, secret: string): string => {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${signature(signed, secret).toString('base64url')}`;
};

/** Reads a token; undefined when it is malformed, not ours, for another audience or expired. */
export const readToken = (
  token: string,
  { secret, audience, now }: { readonly secret: string; readonly audience: string; readonly now: Date },
): IdentityClaims | undefined => {
  const [header, payload, mark] = token.split('.');
  if (header === undefined || payload === undefined || mark === undefined) return undefined;
  const given = Buffer.from(mark, 'base64url');
  const expected = signature(`${header}.${payload}`, secret);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as IdentityClaims;
  return claims.aud.replace(/\/$/, '') === audience && claims.exp * 1000 > now.getTime() ? claims : undefined;
};
