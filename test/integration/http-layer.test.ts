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

describe('the description of the API', () => {
  it('is OpenAPI 3.1 with a version of its own, which a browser asks for', async () => {
    const first = await api.call('GET', '/api/openapi.json', { as: 'Viewer' });
    expect([first.status, first.json.openapi]).toEqual([200, '3.1.1']);
    const again = await api.call('GET', '/api/openapi.json', { headers: { 'if-none-match': first.headers.get('etag')! } });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await api.call('GET', '/api/openapi.json', { as: 'Anonymous' })).status).toBe(401);
  });

  it('is shown by a page that loads nothing from elsewhere', async () => {
    const page = await api.call('GET', '/api/docs', { as: 'Viewer' });
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).not.toMatch(/https?:|\*|unsafe/);
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address!);
    expect(parts).toHaveLength(5);
    for (const address of parts) {
      expect(address).toMatch(/^\/api\//);
      const part = await api.call('GET', address, { as: 'Viewer' });
      expect([address, part.status]).toEqual([address, 200]);
      if (address.includes('?v=')) expect(part.headers.get('cache-control')).toContain('immutable');
    }
  });

  it('is compressed for whoever takes that, and hands out no other file', async () => {
    const zipped = (encoding: string) => api.call('GET', '/api/docs/start.js', { headers: { 'accept-encoding': encoding } });
    expect((await zipped('br, gzip;q=0.8')).headers.get('content-encoding')).toBe('gzip');
    for (const none of ['br', 'gzip;q=0', 'x-gzip-like']) expect((await zipped(none)).headers.get('content-encoding')).toBeNull();
    for (const file of ['package.json', 'index.html', '..%2Fpackage.json', '__proto__', 'swagger-ui-bundle.js.map']) {
      expect([file, (await api.call('GET', `/api/docs/${file}`)).status]).toEqual([file, 404]);
    }
    // another version than the page names is not kept for ever
    expect((await api.call('GET', '/api/docs/start.js?v=1')).headers.get('cache-control')).toBe('private, no-cache');
  });
});
