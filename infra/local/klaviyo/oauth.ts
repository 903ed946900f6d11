import { createHash } from 'node:crypto';
import type { Answer } from './answer';
import { ALL_SCOPES } from './endpoints';
import { createToken } from './ids';
import type { Op } from './ops';
import type { Random } from './random';
import type { RateWindows } from './rate-windows';
import type { State } from './state';

/** How long an access token works, in milliseconds: 3,600 s (documented: set_up_oauth). */
export const ACCESS_LIFE_MS = 3_600_000;
/** An unused refresh token is void after 90 days (documented). */
const REFRESH_LIFE_MS = 90 * 86_400_000;
/** How long a code can be exchanged: 5 minutes (assumed). */
const CODE_LIFE_MS = 300_000;
/** Refreshes of an app: 10 a minute (third party). */
const REFRESHES = { burst: 10, steady: 10 };

type Code = {
  readonly client: string;
  readonly redirect: string;
  readonly challenge: string;
  readonly scopes: readonly string[];
  readonly until: number;
};
type OAuthCall = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  readonly nowMs: number;
};

const json = (status: number, body: object, headers: Record<string, string> = {}): Answer => ({
  status,
  headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers },
  body: JSON.stringify(body),
});
const refused = (error: string, description: string, status = 400): Answer => json(status, { error, error_description: description });

const basicOf = (authorization = ''): readonly [id: string, secret: string] => {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/.exec(authorization)?.[1] ?? '';
  const [, id = '', secret = ''] = /^([^:]+):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('utf8')) ?? [];
  return [id, secret];
};

/** OAuth of an app in the marketplace (4.38): authorize at once and without a page, token, refresh, revoke. Codes live in memory only. */
export const createOAuth = (state: State, random: Random, windows: RateWindows, commit: (op: Op) => unknown) => {
  const codes = new Map<string, Code>();

  const authorize = ({ url, nowMs }: OAuthCall): Answer => {
    const given = url.searchParams;
    const client = state.clients.get(given.get('client_id') ?? '');
    const redirect = given.get('redirect_uri') ?? '';
    if (!client) return refused('invalid_client', 'Unknown client_id.');
    if (!client.redirects.includes(redirect)) return refused('invalid_request', 'The redirect_uri is not one of the app.');
    const back = new URL(redirect);
    const scopes = (given.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
    const unknown = scopes.filter((scope) => !ALL_SCOPES.includes(scope));
    const challenge = given.get('code_challenge') ?? '';
    const wrong =
      given.get('response_type') !== 'code'
        ? ['unsupported_response_type', 'response_type must be code.']
        : challenge === '' || given.get('code_challenge_method') !== 'S256'
          ? ['invalid_request', 'PKCE with S256 is required.']
          : scopes.length === 0 || unknown.length > 0
            ? ['invalid_scope', `Unknown scopes: ${unknown.join(' ') || 'none given'}.`]
            : undefined;
    if (wrong) {
      back.searchParams.set('error', wrong[0]!);
      back.searchParams.set('error_description', wrong[1]!);
    } else {
      const code = createToken(random);
      codes.set(code, { client: client.id, redirect, challenge, scopes, until: nowMs + CODE_LIFE_MS });
      back.searchParams.set('code', code);
    }
    if (given.has('state')) back.searchParams.set('state', given.get('state')!);
    return { status: 302, headers: { Location: back.href }, body: '' };
  };

  const tokens = (access: string, refresh: string, scopes: readonly string[]): Answer =>
    json(200, {
      ...{ access_token: access, refresh_token: refresh, token_type: 'bearer', expires_in: ACCESS_LIFE_MS / 1000 },
      scope: scopes.join(' '),
    });

  const exchange = (client: string, form: URLSearchParams, nowMs: number): Answer => {
    const code = codes.get(form.get('code') ?? '');
    codes.delete(form.get('code') ?? ''); // one try each, whatever comes of it (assumed)
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    const fits = code && code.client === client && code.until > nowMs && code.redirect === form.get('redirect_uri');
    if (!fits || code.challenge !== challenge) return refused('invalid_grant', 'The code, its verifier or its redirect_uri is not valid.');
    const [refresh, access] = [createToken(random), createToken(random)];
    commit({ op: 'grant', client, refresh, access, scopes: code.scopes, at: nowMs });
    return tokens(access, refresh, code.scopes);
  };

  const renew = (client: string, form: URLSearchParams, nowMs: number): Answer => {
    const verdict = windows.take(`app ${client} refresh`, REFRESHES, nowMs);
    if (!verdict.allowed) return json(429, { error: 'too_many_requests' }, { 'Retry-After': String(verdict.retryAfterSeconds) });
    const refresh = form.get('refresh_token') ?? '';
    const grant = state.grants.get(refresh);
    if (!grant || grant.client !== client || grant.usedAt + REFRESH_LIFE_MS <= nowMs)
      return refused('invalid_grant', 'The refresh token is not valid.');
    const access = createToken(random);
    commit({ op: 'renew', refresh, access, at: nowMs });
    return tokens(access, refresh, grant.scopes); // the refresh token stays the same (observed 2026-09)
  };

  const FORM_CALLS: Readonly<Record<string, (client: string, form: URLSearchParams, nowMs: number) => Answer>> = {
    '/oauth/token': (client, form, nowMs) => {
      const grantType = form.get('grant_type');
      if (grantType === 'authorization_code') return exchange(client, form, nowMs);
      if (grantType === 'refresh_token') return renew(client, form, nowMs);
      return refused('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token.');
    },
    '/oauth/revoke': (client, form) => {
      const token = form.get('token') ?? '';
      if (state.grants.get(token)?.client === client) commit({ op: 'ungrant', refresh: token });
      return json(200, {}); // also for a token that nobody knows (RFC 7009)
    },
  };

  return {
    /** @returns undefined for a path that OAuth has not */
    answer: (call: OAuthCall): Answer | undefined => {
      const path = call.url.pathname;
      if (path === '/oauth/authorize' && call.method === 'GET') return authorize(call);
      const formCall = call.method === 'POST' ? FORM_CALLS[path] : undefined;
      if (!formCall) return undefined;
      const [id, secret] = basicOf(call.headers['authorization']);
      const client = state.clients.get(id);
      if (!client || client.secret !== secret) return refused('invalid_client', 'The client id or secret is not valid.', 401);
      if (!(call.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded'))
        return refused('invalid_request', 'The body must be application/x-www-form-urlencoded.');
      return formCall(client.id, new URLSearchParams(call.body.toString('utf8')), call.nowMs);
    },
  };
};
