import { gzipSync } from 'node:zlib';
import { aProfile, aSandbox, anImport, JOBS, people } from './harness';

describe('before routing', () => {
  it('4.1 answers 401 not_authenticated without RateLimit headers when there is no Authorization', () => {
    const { status, document, headers } = aSandbox().get('/api/accounts', { headers: { authorization: undefined } });
    expect(status).toBe(401);
    expect(document.errors[0]).toEqual({
      ...{ id: expect.any(String), status: 401, code: 'not_authenticated', source: { pointer: '/data/' } },
      title: 'Authentication credentials were not provided.',
      detail: 'Authentication credentials were not provided.',
    });
    expect(Object.keys(headers)).toEqual(['Content-Type']);
  });

  it.each([
    'Klaviyo-API-Key pk_unknown',
    'Bearer pk_sandbox_full',
    'klaviyo-api-key pk_sandbox_full',
    'pk_sandbox_full',
    'Klaviyo-API-Key',
  ])('4.2 answers 401 authentication_failed to %s', (authorization) => {
    const { status, document, headers } = aSandbox().get('/api/accounts', { headers: { authorization } });
    expect(status).toBe(401);
    expect(document.errors[0]).toMatchObject({ code: 'authentication_failed', detail: 'Incorrect authentication credentials.' });
    expect(headers['RateLimit-Limit']).toBeUndefined();
  });

  it.each([
    ['pk_sandbox_no_accounts_read', 'GET', '/api/accounts', 'accounts:read'],
    ['pk_sandbox_no_lists_read', 'GET', '/api/lists', 'lists:read'],
    ['pk_sandbox_no_lists_read', 'GET', '/api/lists/LIST5K', 'lists:read'],
    ['pk_sandbox_no_profiles_read', 'GET', '/api/lists/LIST5K/profiles', 'profiles:read'],
    ['pk_sandbox_no_profiles_read', 'GET', '/api/profiles', 'profiles:read'],
    ['pk_sandbox_no_lists_write', 'POST', JOBS, 'lists:write'],
    ['pk_sandbox_no_profiles_write', 'POST', JOBS, 'profiles:write'],
    ['pk_sandbox_no_profiles_write', 'DELETE', '/api/lists/LIST5K/relationships/profiles', 'profiles:write'],
  ])('4.3 answers 403 permission_denied to %s on %s %s', (key, method, url, scope) => {
    const { status, document, headers } = aSandbox().call(method, url, { key });
    expect(status).toBe(403);
    expect(document.errors[0]).toMatchObject({ code: 'permission_denied', detail: `Your API key is missing required scopes: ${scope}` });
    expect(headers['RateLimit-Limit']).toBeDefined();
  });

  it.each([
    [undefined, 400, 'revision header is required'],
    ['yesterday', 400, 'Invalid revision format. Use YYYY-MM-DD.'],
    ['2026-13-40', 400, 'Invalid revision format. Use YYYY-MM-DD.'],
    ['2026-11-24', 404, 'Unable to specify a future revision date'],
  ])('4.4 refuses revision %s with %d', (revision, expected, detail) => {
    const { status, document } = aSandbox().get('/api/accounts', { headers: { revision } });
    expect(status).toBe(expected);
    expect(document.errors[0]!.detail).toBe(detail);
  });

  it.each([
    ['2026-07-15', '2026-07-15'],
    ['2026-11-23', '2026-07-15'],
    ['2026-07-14', '2026-04-15'],
    ['2026-07-15.pre', '2026-07-15.pre'],
    ['2024-11-23', '2025-01-15'],
    ['2019-01-01', '2025-01-15'],
  ])('4.4 serves revision %s as %s', (revision, served) => {
    const { status, headers } = aSandbox().get('/api/accounts', { headers: { revision } });
    expect(status).toBe(200);
    expect(headers['X-Klaviyo-API-Revision']).toBe(served);
  });

  it('4.4 answers 410 to a retired revision when falling forward is opted out of', () => {
    const headers = { revision: '2023-02-22', 'x-klaviyo-revision-fall-forward-opt-out': '1' };
    expect(aSandbox().get('/api/accounts', { headers }).status).toBe(410);
  });

  it('4.4 serves a missing revision in lenient mode', () => {
    const { headers } = aSandbox({ rules: 'lenient' }).get('/api/accounts', { headers: { revision: undefined } });
    expect(headers['X-Klaviyo-API-Revision']).toBe('2026-07-15');
  });

  it.each([
    ['content-type', 'text/plain', 415],
    ['content-type', undefined, 415],
    ['content-encoding', 'br', 415],
    ['content-type', 'application/json', 202],
    ['content-type', 'application/vnd.api+json; charset=utf-8', 202],
  ])('4.5 answers a body with %s %s with %d', (name, value, status) => {
    expect(aSandbox().importProfiles(people(1), ['LIST5K'], { headers: { [name]: value } }).status).toBe(status);
  });

  it('4.5 takes gzip', () => {
    const body = gzipSync(JSON.stringify(anImport(people(3))));
    expect(aSandbox().call('POST', JOBS, { body, headers: { 'content-encoding': 'gzip' } }).status).toBe(202);
  });

  it('4.6 answers 404 not_found to an unknown path, 405 to a wrong method and 501 to what it has not built', () => {
    const { get, call, sandbox } = aSandbox();
    expect(get('/api/unknown')).toMatchObject({ status: 404, document: { errors: [{ code: 'not_found' }] } });
    const wrong = call('PUT', '/api/lists/LIST5K');
    expect(wrong).toMatchObject({
      status: 405,
      document: { errors: [{ code: 'method_not_allowed', detail: 'Method "PUT" not allowed.' }] },
    });
    expect(sandbox.gaps()).toEqual([]);
    expect(call('GET', '/oauth/token')).toMatchObject({ status: 501, text: 'The Klaviyo sandbox does not know GET /oauth/token' });
    const missing = get('/api/profile-bulk-export-jobs/1/download');
    expect(missing).toMatchObject({
      status: 501,
      text: 'The Klaviyo sandbox does not know GET /api/profile-bulk-export-jobs/{id}/download',
    });
    expect(sandbox.gaps()).toEqual(['GET /oauth/token', 'GET /api/profile-bulk-export-jobs/{id}/download']);
  });

  it('4.6 answers 501 to patch_identifiers, which it would otherwise pass over in silence', () => {
    const { importProfiles, sandbox } = aSandbox();
    const withPatch = (patch: object) => importProfiles([{ ...aProfile('a@example.com'), meta: { patch_identifiers: patch } }]).status;
    expect(withPatch({ append: { email: ['b@example.com'] } })).toBe(501);
    expect(sandbox.gaps()).toEqual(['meta.patch_identifiers']);
    expect(withPatch({ append: {}, unappend: {} })).toBe(202);
  });

  it('4.6 takes paths with and without a trailing slash as one endpoint', () => {
    const { get } = aSandbox();
    expect(get('/api/accounts/').status).toBe(200);
    expect(get('/api/accounts').status).toBe(429);
  });

  const padded = (bytes: number): Buffer => {
    const empty = JSON.stringify(anImport([aProfile('a@example.com', { properties: { pad: '' } })])).length;
    return Buffer.from(JSON.stringify(anImport([aProfile('a@example.com', { properties: { pad: 'x'.repeat(bytes - empty) } })])));
  };

  it.each([
    [5_000_000, 202],
    [5_000_001, 413],
  ])('4.7 answers a body of %d decompressed bytes with %d', (bytes, status) => {
    const { call } = aSandbox();
    expect(padded(bytes).length).toBe(bytes);
    expect(call('POST', JOBS, { body: padded(bytes) }).status).toBe(status);
    expect(call('POST', JOBS, { body: gzipSync(padded(bytes)), headers: { 'content-encoding': 'gzip' } }).status).toBe(status);
  });

  it('4.7 answers 413 as payload_too_large, or as HTML when switched', () => {
    const body = gzipSync(Buffer.alloc(50_000_000, 0x20));
    const headers = { 'content-encoding': 'gzip' };
    expect(aSandbox().call('POST', JOBS, { body, headers }).document.errors[0]!.code).toBe('payload_too_large');
    const html = aSandbox({ rules: { tooLargeAs: 'html' } }).call('POST', JOBS, { body, headers });
    expect(html).toMatchObject({ status: 413, headers: { 'Content-Type': 'text/html; charset=UTF-8' } });
  });

  it.each(['{"data":', '', 'nonsense'])('4.8 answers 400 JSON parse error to %p', (text) => {
    const body = Buffer.from(text);
    const answer = aSandbox().call('POST', JOBS, { body, headers: { 'content-type': 'application/json' } });
    expect(answer).toMatchObject({ status: 400, document: { errors: [{ detail: 'JSON parse error', source: { pointer: '/data' } }] } });
  });
});
