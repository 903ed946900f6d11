import { startApi } from '../support/api';
import type { Api } from '../support/api';

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('where no route answers', () => {
  it.each([
    ['PUT', '/api/exports', 'GET, HEAD, OPTIONS, POST'],
    ['DELETE', '/api/exports', 'GET, HEAD, OPTIONS, POST'],
    ['POST', '/api/exports/exp_1234567890', 'DELETE, GET, HEAD, OPTIONS, PATCH'],
    ['PATCH', '/api/me', 'GET, HEAD, OPTIONS'],
    ['HEAD', '/api/runs/run_00000000/rows', 'GET, OPTIONS'],
  ])('%s %s is 405 and names what the address knows', async (method, path, allow) => {
    const answer = await api.call(method, path, method === 'HEAD' ? {} : { body: {} });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, allow]);
    if (method === 'HEAD') expect(answer.text).toBe('');
    else expect(answer.json).toMatchObject({ status: 405, code: 'method_not_allowed', detail: expect.stringContaining(allow) });
  });

  it('an unknown address is 404, for any method', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await api.call(method, '/api/nowhere/at/all');
      expect([answer.status, answer.json.code, answer.headers.get('content-type')]).toEqual([
        404,
        'route_unknown',
        'application/problem+json',
      ]);
      expect(answer.headers.get('allow')).toBeNull();
    }
  });

  it('who is not signed in, or has no role, does not learn what there is', async () => {
    for (const path of ['/api/exports', '/api/nowhere']) {
      expect((await api.call('PUT', path, { as: 'Anonymous' })).status).toBe(401);
      expect((await api.call('OPTIONS', path, { as: 'Anonymous' })).status).toBe(401);
      const noRole = await api.call('PUT', path, { as: 'None' });
      expect([noRole.status, noRole.headers.get('allow')]).toEqual([403, null]);
    }
  });

  it('OPTIONS tells the methods and allows no other origin', async () => {
    const { status, headers } = await api.call('OPTIONS', '/api/exports', {
      headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    });
    expect([status, headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS, POST']);
    expect([...headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

it('HEAD answers as GET does, without a body', async () => {
  for (const path of ['/api/exports', '/api/settings/schedule', '/api/exports/exp_0000000000']) {
    const [get, head] = [await api.call('GET', path), await api.call('HEAD', path)];
    expect([head.status, head.text, head.headers.get('etag')]).toEqual([get.status, '', get.headers.get('etag')]);
    expect(head.headers.get('content-type')).toContain('json');
  }
});
