import { createHash } from 'node:crypto';
import { aSandbox } from './harness';

/** The words and the borders of OAuth (4.38; RFC 6749 and RFC 7009 where klaviyo.md is silent). */
const VERIFIER = 'a-verifier-of-at-least-forty-three-characters-0123';
const CALLBACK = 'http://127.0.0.1:8080/callback';
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
const OWN = basic('sandbox_app', 'sandbox_app_secret');
const OTHER = basic('other_app', 'other_secret');
const FORM = 'application/x-www-form-urlencoded';
const QUERY: Readonly<Record<string, string>> = {
  ...{ response_type: 'code', client_id: 'sandbox_app', redirect_uri: CALLBACK, scope: 'lists:read', code_challenge_method: 'S256' },
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
};

const world = () => {
  const klaviyo = aSandbox();
  const { sandbox, now } = klaviyo;
  sandbox.addAccount({ id: 'SANDBX', apps: [{ id: 'other_app', secret: 'other_secret', redirects: [CALLBACK] }] }, now());
  const ask = (changes: Record<string, string | undefined> = {}) => {
    const fields = Object.entries({ ...QUERY, ...changes }).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return klaviyo.get(`/oauth/authorize?${new URLSearchParams(fields).toString()}`);
  };
  const back = (changes: Record<string, string | undefined> = {}) =>
    Object.fromEntries(new URL(ask(changes).headers['Location']!).searchParams) as Record<string, string>;
  const form = (path: string, fields: Record<string, string>, headers: Record<string, string | undefined> = {}) => {
    const body = Buffer.from(new URLSearchParams(fields).toString());
    const answer = klaviyo.call('POST', path, { body, headers: { authorization: OWN, 'content-type': FORM, ...headers } });
    return { status: answer.status, headers: answer.headers, json: JSON.parse(answer.text) as Record<string, unknown> };
  };
  const exchange = (code: string, fields: Record<string, string> = {}, headers: Record<string, string | undefined> = {}) =>
    form(
      '/oauth/token',
      { grant_type: 'authorization_code', code, code_verifier: VERIFIER, redirect_uri: CALLBACK, ...fields },
      { ...headers },
    );
  const refresh = (token: unknown, authorization = OWN) =>
    form('/oauth/token', { grant_type: 'refresh_token', refresh_token: String(token) }, { authorization });
  const granted = () => exchange(back()['code']!).json as Record<'access_token' | 'refresh_token', string>;
  const lists = (access: string) => klaviyo.get('/api/lists', { headers: { authorization: `Bearer ${access}` } });
  return { klaviyo, ask, back, form, exchange, refresh, granted, lists };
};
const INVALID_CLIENT = {
  status: 401,
  json: { error: 'invalid_client', error_description: 'The client id or secret is not valid.' },
};

describe('OAuth in its words', () => {
  it.each([
    [{ client_id: undefined }, 'invalid_client', 'Unknown client_id.'],
    [{ redirect_uri: undefined }, 'invalid_request', 'The redirect_uri is not one of the app.'],
    [{ redirect_uri: `${CALLBACK}/more` }, 'invalid_request', 'The redirect_uri is not one of the app.'],
  ])('4.38 sends nobody anywhere for %j', (changes, error, description) => {
    const { status, headers, text } = world().ask(changes);
    expect([status, headers['Location'], JSON.parse(text)]).toEqual([400, undefined, { error, error_description: description }]);
    expect(headers).toMatchObject({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  });

  it.each([
    [{ response_type: undefined }, 'unsupported_response_type', 'response_type must be code.'],
    [{ code_challenge: undefined }, 'invalid_request', 'PKCE with S256 is required.'],
    [{ scope: undefined }, 'invalid_scope', 'Unknown scopes: none given.'],
    [{ scope: ' ' }, 'invalid_scope', 'Unknown scopes: none given.'],
    [{ scope: 'lists:read moon:read sun:read' }, 'invalid_scope', 'Unknown scopes: moon:read sun:read.'],
  ])('4.38 sends back with the reason for %j, and without a state that was not given', (changes, error, description) => {
    const { ask, back } = world();
    expect(back(changes)).toEqual({ error, error_description: description });
    expect(ask(changes)).toMatchObject({ status: 302, text: '' });
  });

  it('4.38 takes scopes with more than one space between them', () => {
    const { back, exchange } = world();
    expect(exchange(back({ scope: 'lists:read  profiles:read ' })['code']!).json['scope']).toBe('lists:read profiles:read');
  });

  it('4.38 keeps tokens out of caches (RFC 6749, 5.1)', () => {
    const { back, exchange } = world();
    expect(exchange(back()['code']!).headers).toEqual({ 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  });

  it.each([
    ['no authorization', undefined],
    ['another scheme before it', `x${OWN}`],
    ['something behind it', `${OWN} x`],
    ['a colon before the id', `Basic ${Buffer.from(':sandbox_app:sandbox_app_secret').toString('base64')}`],
    ['no colon', `Basic ${Buffer.from('sandbox_app').toString('base64')}`],
    ['an unknown app', basic('nobody', 'sandbox_app_secret')],
    ['no secret', basic('sandbox_app', '')],
  ])('4.38 answers 401 invalid_client to %s', (_, authorization) => {
    expect(world().form('/oauth/token', { grant_type: 'refresh_token' }, { authorization })).toMatchObject(INVALID_CLIENT);
  });

  it('4.38 reads a form, also with its charset, and nothing else', () => {
    const { form } = world();
    const typed = (type: string | undefined) => form('/oauth/token', { grant_type: 'moon' }, { 'content-type': type });
    for (const type of ['application/json', undefined, `text/${FORM}`])
      expect(typed(type)).toMatchObject({
        status: 400,
        json: { error: 'invalid_request', error_description: 'The body must be application/x-www-form-urlencoded.' },
      });
    expect(typed(`${FORM}; charset=utf-8`)).toMatchObject({
      status: 400,
      json: { error: 'unsupported_grant_type', error_description: 'grant_type must be authorization_code or refresh_token.' },
    });
  });

  it('4.38 gives an app nothing for the code or the refresh token of another', () => {
    const { back, exchange, granted, refresh } = world();
    expect(exchange(back()['code']!, {}, { authorization: OTHER })).toMatchObject({
      status: 400,
      json: { error: 'invalid_grant', error_description: 'The code, its verifier or its redirect_uri is not valid.' },
    });
    const { refresh_token: token } = granted();
    for (const [asked, by] of [
      [token, OTHER],
      ['nobody knows this', OWN],
    ] as const)
      expect(refresh(asked, by)).toMatchObject({
        status: 400,
        json: { error: 'invalid_grant', error_description: 'The refresh token is not valid.' },
      });
    expect(refresh(token).status).toBe(200);
  });

  it('4.38 lets an app revoke its own tokens only, and says 200 to others as well (RFC 7009)', () => {
    const { form, granted, lists, refresh } = world();
    const { access_token: access, refresh_token: token } = granted();
    expect(form('/oauth/revoke', { token }, { authorization: OTHER })).toMatchObject({ status: 200, json: {} });
    expect([lists(access).status, refresh(token).status]).toEqual([200, 200]);
    expect(form('/oauth/revoke', { token }).status).toBe(200);
    expect([lists(access).status, refresh(token).status]).toEqual([401, 400]);
  });

  it('4.38 counts the refreshes of each app by itself', () => {
    const { granted, refresh } = world();
    const { refresh_token: token } = granted();
    for (let at = 0; at < 10; at += 1) expect(refresh(token).status).toBe(200);
    expect(refresh(token)).toMatchObject({ status: 429, json: { error: 'too_many_requests' } });
    expect(refresh('nobody knows this', OTHER).status).toBe(400);
  });

  it('4.6 has no other way to authorize than GET', () => {
    const { klaviyo } = world();
    expect(klaviyo.call('POST', `/oauth/authorize?${new URLSearchParams(QUERY).toString()}`)).toMatchObject({
      status: 501,
      text: 'The Klaviyo sandbox does not know POST /oauth/authorize',
    });
  });

  it.each(['xBearer ACCESS', 'x Bearer ACCESS', 'Bearer ACCESS x'])('4.2 answers 401 to %s', (form) => {
    const { klaviyo, granted } = world();
    const authorization = form.replace('ACCESS', granted().access_token);
    expect(klaviyo.get('/api/lists', { headers: { authorization } }).status).toBe(401);
  });

  it('4.9 gives each app of an account an allowance of its own', () => {
    const { klaviyo, back, exchange } = world();
    const tokenOf = (client: string, authorization: string) =>
      exchange(back({ client_id: client, scope: 'accounts:read' })['code']!, {}, { authorization }).json['access_token'];
    const [own, other] = [tokenOf('sandbox_app', OWN), tokenOf('other_app', OTHER)];
    const asked = (token: unknown) => klaviyo.get('/api/accounts', { headers: { authorization: `Bearer ${String(token)}` } }).status;
    expect([asked(own), asked(own), asked(other), asked(other)]).toEqual([200, 429, 200, 429]);
  });

  it('4.24 takes a grant away for good when its key is revoked, in an answer without rates', () => {
    const { klaviyo, granted, lists, refresh } = world();
    const { access_token: access, refresh_token: token } = granted();
    klaviyo.sandbox.faults.add({ endpoint: 'GET /api/lists', fault: { kind: 'key_revoked' } });
    const { status, headers, document } = lists(access);
    expect([status, document.errors[0]!.code, Object.keys(headers)]).toEqual([401, 'authentication_failed', ['Content-Type']]);
    expect([lists(access).status, refresh(token).status]).toEqual([401, 400]);
  });
});
