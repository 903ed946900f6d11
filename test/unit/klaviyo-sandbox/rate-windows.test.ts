import { aSandbox, JOBS, people } from './harness';

describe('rate windows', () => {
  it('4.9 sends the burst window in RateLimit headers, and CID, request id and revision with every authenticated answer', () => {
    const { importProfiles } = aSandbox();
    const { headers } = importProfiles(people(1));
    expect(headers).toMatchObject({
      'RateLimit-Limit': '10, 10;w=1, 150;w=60',
      'RateLimit-Remaining': '9',
      'RateLimit-Reset': '1',
      CID: 'SANDBX',
    });
    expect(headers['X-Klaviyo-Req-Id']).toMatch(/^[0-9a-f-]{36}$/);
    const refused = importProfiles([]);
    expect(refused).toMatchObject({ status: 400, headers: { 'RateLimit-Remaining': '8', 'X-Klaviyo-API-Revision': '2026-07-15' } });
  });

  it('4.9 answers 429 with Retry-After of at least 1 and no RateLimit headers once the second is full', () => {
    const { importProfiles, wait } = aSandbox();
    const statuses = Array.from({ length: 11 }, () => importProfiles(people(1)).status);
    expect(statuses).toEqual([...Array<number>(10).fill(202), 429]);
    const { headers, document } = importProfiles(people(1));
    expect(headers['Retry-After']).toBe('1');
    expect(Object.keys(headers).filter((name) => name.startsWith('RateLimit'))).toEqual([]);
    expect(document.errors[0]).toMatchObject({
      ...{ status: 429, code: 'throttled', title: 'Request was throttled.', source: { pointer: '/data' }, meta: {} },
      detail: 'Request was throttled. Expected available in 1 second.',
      links: { type: 'https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits' },
    });
    wait(999);
    expect(importProfiles(people(1)).status).toBe(429);
    wait(1);
    expect(importProfiles(people(1)).status).toBe(202);
  });

  it('4.9 fills the minute after 150 calls and names the seconds to its end; refused calls are not counted as used', () => {
    const { importProfiles, wait } = aSandbox({ processing: { startDelayMs: 1e9 } });
    for (let second = 0; second < 15; second += 1) {
      for (let at = 0; at < 10; at += 1) expect(importProfiles(people(1)).status).toBe(202);
      expect(importProfiles(people(1)).status).toBe(429);
      wait(1000);
    }
    wait(500);
    const { status, headers, document } = importProfiles(people(1));
    expect([status, headers['Retry-After']]).toEqual([429, '45']);
    expect(document.errors[0]!.detail).toBe('Request was throttled. Expected available in 45 seconds.');
    wait(44_500);
    expect(importProfiles(people(1)).status).toBe(202);
  });

  it('4.9 gives each endpoint and each account its own windows, shared by all keys of the account', () => {
    const { get, sandbox, now } = aSandbox();
    sandbox.addAccount({ id: 'OTHERX', keys: [{ key: 'pk_other' }] }, now());
    expect(get('/api/accounts').status).toBe(200);
    expect(get('/api/accounts', { key: 'pk_sandbox_no_lists_read' }).status).toBe(429);
    expect(get('/api/accounts/SANDBX').status).toBe(200);
    expect(get('/api/accounts', { key: 'pk_other' }).status).toBe(200);
  });

  it.each([
    ['GET', '/api/lists', 75],
    ['GET', '/api/lists/LIST5K', 75],
    ['GET', '/api/lists/LIST5K?additional-fields[list]=profile_count', 1],
    ['GET', '/api/lists/LIST5K/profiles', 75],
    ['GET', '/api/lists/LIST5K/profiles?additional-fields[profile]=predictive_analytics', 10],
    ['GET', '/api/lists/LIST5K/relationships/profiles', 75],
    ['GET', '/api/profiles', 75],
    ['GET', JOBS, 10],
    ['GET', `${JOBS}/x`, 10],
    ['GET', `${JOBS}/x/import-errors`, 10],
    ['POST', '/api/lists/LIST5K/relationships/profiles', 10],
    ['DELETE', '/api/lists/LIST5K/relationships/profiles', 10],
  ])('4.9 lets %s %s through %d times a second', (method, url, burst) => {
    const { call } = aSandbox();
    const statuses = Array.from({ length: burst + 1 }, () => call(method, url).status);
    expect(statuses.indexOf(429)).toBe(burst);
  });

  it('4.9 can be switched off for benches', () => {
    const { get } = aSandbox({ limits: false });
    expect([get('/api/accounts').status, get('/api/accounts').status]).toEqual([200, 200]);
  });
});
