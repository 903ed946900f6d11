import { createHash } from 'node:crypto';
import { aSandbox, aLog } from './harness';

const VERIFIER = 'a-verifier-of-at-least-forty-three-characters-0123';
const CALLBACK = 'http://127.0.0.1:8080/callback';
const BASIC = `Basic ${Buffer.from('sandbox_app:sandbox_app_secret').toString('base64')}`;
const QUERY = {
  response_type: 'code',
  client_id: 'sandbox_app',
  redirect_uri: CALLBACK,
  scope: 'lists:read profiles:read',
  state: 'st',
  code_challenge_method: 'S256',
  code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
};

const anApp = (klaviyo = aSandbox()) => {
  const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = Buffer.from(new URLSearchParams(fields).toString());
    const own = { authorization: BASIC, 'content-type': 'application/x-www-form-urlencoded', revision: undefined, ...headers };
    const answer = klaviyo.call('POST', path, { body, headers: own });
    return { status: answer.status, headers: answer.headers, json: JSON.parse(answer.text) as Record<string, unknown> };
  };
  const authorize = (changes: Record<string, string> = {}): URL => {
    const { headers } = klaviyo.get(`/oauth/authorize?${new URLSearchParams({ ...QUERY, ...changes }).toString()}`);
    return new URL(headers['Location']!);
  };
  const exchange = (changes: Record<string, string> = {}, code = authorize().searchParams.get('code')!) =>
    form('/oauth/token', { grant_type: 'authorization_code', code, code_verifier: VERIFIER, redirect_uri: CALLBACK, ...changes });
  const refresh = (token: unknown) => form('/oauth/token', { grant_type: 'refresh_token', refresh_token: String(token) });
  const lists = (access: unknown) => klaviyo.get('/api/lists', { headers: { authorization: `Bearer ${String(access)}` } });
  return { klaviyo, form, authorize, exchange, refresh, lists };
};

describe('OAuth', () => {
  it('4.38 gives tokens of 3,600 s for a code and its verifier, and their scopes only', () => {
    const { klaviyo, exchange, lists } = anApp();
    const { status, json } = exchange();
    expect([status, json]).toEqual([
      200,
      {
        ...{ access_token: expect.any(String), refresh_token: expect.any(String) },
        ...{ token_type: 'bearer', expires_in: 3600, scope: 'lists:read profiles:read' },
      },
    ]);
    expect(lists(json['access_token'])).toMatchObject({ status: 200, headers: { CID: 'SANDBX' } });
    const headers = { authorization: `Bearer ${String(json['access_token'])}` };
    expect(klaviyo.get('/api/accounts', { headers })).toMatchObject({ status: 403, document: { errors: [{ code: 'permission_denied' }] } });
    klaviyo.wait(3_599_999);
    expect(lists(json['access_token']).status).toBe(200);
    klaviyo.wait(1);
    expect(lists(json['access_token'])).toMatchObject({ status: 401, document: { errors: [{ code: 'authentication_failed' }] } });
    expect(lists(json['refresh_token']).status).toBe(401);
  });

  it.each([
    ['another verifier', { code_verifier: `${VERIFIER}x` }],
    ['another redirect_uri', { redirect_uri: 'http://127.0.0.1:8080/other' }],
    ['an unknown code', { code: 'nope' }],
  ])('4.38 answers 400 invalid_grant to %s', (_, changes) => {
    expect(anApp().exchange(changes)).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
  });

  it('4.38 takes a code once, for five minutes', () => {
    const { klaviyo, authorize, exchange } = anApp();
    const codeOf = () => authorize().searchParams.get('code')!;
    const [twice, late, wrong] = [codeOf(), codeOf(), codeOf()];
    expect([exchange({}, twice).status, exchange({}, twice).status]).toEqual([200, 400]);
    expect([exchange({ code_verifier: 'x' }, wrong).status, exchange({}, wrong).status]).toEqual([400, 400]);
    klaviyo.wait(300_000);
    expect(exchange({}, late).status).toBe(400);
  });

  it('4.38 refreshes with the same refresh token, ten times a minute, until 90 days of rest', () => {
    const { klaviyo, exchange, refresh, lists } = anApp();
    const { json } = exchange();
    const again = Array.from({ length: 11 }, () => refresh(json['refresh_token']));
    expect(again.map(({ status }) => status)).toEqual([...Array<number>(10).fill(200), 429]);
    expect(again[10]!.headers['Retry-After']).toBe('60');
    expect(again[0]!.json['refresh_token']).toBe(json['refresh_token']);
    expect(again[0]!.json['access_token']).not.toBe(json['access_token']);
    klaviyo.wait(3_600_000 - 1);
    expect(lists(again[9]!.json['access_token']).status).toBe(200);
    klaviyo.wait(90 * 86_400_000 - 3_600_000 - 1 + 1);
    expect(refresh(json['refresh_token']).status).toBe(200);
    klaviyo.wait(90 * 86_400_000);
    expect(refresh(json['refresh_token'])).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
  });

  it('4.38 revokes with 200: neither token works afterwards', () => {
    const { form, exchange, refresh, lists } = anApp();
    const { json } = exchange();
    const revoke = (token: unknown) => form('/oauth/revoke', { token: String(token), token_type_hint: 'refresh_token' }).status;
    expect([revoke('nobody knows this'), lists(json['access_token']).status]).toEqual([200, 200]);
    expect([revoke(json['refresh_token']), lists(json['access_token']).status, refresh(json['refresh_token']).status]).toEqual([
      200, 401, 400,
    ]);
  });

  it('4.38 sends who asks wrongly back with an error, or nowhere when the app is unknown', () => {
    const { klaviyo, authorize } = anApp();
    const errorOf = (changes: Record<string, string>) => Object.fromEntries(authorize(changes).searchParams);
    expect(errorOf({ code_challenge: '' })).toMatchObject({ error: 'invalid_request', state: 'st' });
    expect(errorOf({ code_challenge_method: 'plain' })).toMatchObject({ error: 'invalid_request' });
    expect(errorOf({ scope: 'lists:read nonsense' })).toMatchObject({
      error: 'invalid_scope',
      error_description: 'Unknown scopes: nonsense.',
    });
    expect(errorOf({ response_type: 'token' })).toMatchObject({ error: 'unsupported_response_type' });
    for (const changes of [{ client_id: 'nobody' }, { redirect_uri: 'https://elsewhere.example' }]) {
      const answer = klaviyo.get(`/oauth/authorize?${new URLSearchParams({ ...QUERY, ...changes }).toString()}`);
      expect([answer.status, answer.headers['Location']]).toEqual([400, undefined]);
    }
  });

  it('4.38 wants the secret of the app, a form, and a grant type it knows', () => {
    const { form } = anApp();
    const wrong = { authorization: `Basic ${Buffer.from('sandbox_app:guess').toString('base64')}` };
    expect(form('/oauth/token', { grant_type: 'refresh_token' }, wrong)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    expect(form('/oauth/token', {}, { 'content-type': 'application/json' }).json['error']).toBe('invalid_request');
    expect(form('/oauth/token', { grant_type: 'password' }).json['error']).toBe('unsupported_grant_type');
  });

  it('4.9 gives an app an allowance of its own, beside the one that all keys share', () => {
    const { klaviyo, exchange } = anApp();
    const { json } = exchange({}, anApp(klaviyo).authorize({ scope: 'accounts:read' }).searchParams.get('code')!);
    const headers = { authorization: `Bearer ${String(json['access_token'])}` };
    expect([klaviyo.get('/api/accounts').status, klaviyo.get('/api/accounts').status]).toEqual([200, 429]);
    expect([klaviyo.get('/api/accounts', { headers }).status, klaviyo.get('/api/accounts', { headers }).status]).toEqual([200, 429]);
  });

  it('keeps what was granted across a restart', () => {
    const log = aLog();
    const { json } = anApp(aSandbox({}, log)).exchange();
    const { lists, refresh } = anApp(aSandbox({}, aLog(log.entries)));
    expect([lists(json['access_token']).status, refresh(json['refresh_token']).status]).toEqual([200, 200]);
  });
});
