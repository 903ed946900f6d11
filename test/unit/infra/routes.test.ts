import { createRouter, type Route } from '../../../infra/local/function-host/routes';

const route = (functionName: string, template: string, methods: readonly string[] = ['GET']): Route => ({
  functionName,
  template,
  methods,
});
const matchOf = (routes: readonly Route[], path: string, method = 'GET', prefix = '') => createRouter(routes, prefix).match(method, path);

describe('the router of the function host', () => {
  it.each([
    ['api/exports/{id}', '/api/exports/7', { id: '7' }],
    ['api/exports/{id}', '/API/Exports/aB', { id: 'aB' }],
    ['api/exports/{id}', '/api/exports/7/', { id: '7' }],
    ['api/exports/{id}', '/api/exports/a%20b%C3%A9', { id: 'a bé' }],
    ['api/exports/{id}', '/api/exports/a%2Fb', { id: 'a%2Fb' }],
    ['api/exports/{id}', '/api/exports/100%', { id: '100%' }],
    ['api/exports/{id?}', '/api/exports', {}],
    ['api/exports/{id?}', '/api/exports/7', { id: '7' }],
    ['portal/{*path}', '/portal', { path: '' }],
    ['portal/{*path}', '/portal/assets/a.js', { path: 'assets/a.js' }],
    ['{*path}', '/', { path: '' }],
    ['{nothing:maxlength(0)?}', '/', {}],
    ['n/{id:maxlength(2)}', '/n/12', { id: '12' }],
    ['n/{id:int}', '/n/12', { id: '12' }],
    ['n/{id:guid}', '/n/A0000000-0000-4000-8000-000000000001', { id: 'A0000000-0000-4000-8000-000000000001' }],
  ])('matches %s with %s', (template, path, params) => {
    expect(matchOf([route('f', template)], path)).toEqual({ functionName: 'f', params });
  });

  it.each([
    ['api/exports/{id}', '/api/exports'],
    ['api/exports/{id}', '/api/exports/7/run'],
    ['api/exports', '/api/export'],
    ['n/{id:int}', '/n/twelve'],
    ['n/{id:maxlength(2)}', '/n/123'],
    ['{nothing:maxlength(0)?}', '/x'],
  ])('does not match %s with %s', (template, path) => {
    expect(matchOf([route('f', template)], path)).toBeUndefined();
  });

  it('puts the prefix of host.json before every route', () => {
    expect(matchOf([route('f', 'x')], '/api/x', 'GET', 'api')).toBeDefined();
    expect(matchOf([route('f', 'x')], '/x', 'GET', 'api')).toBeUndefined();
  });

  it('looks at the method, and does not take HEAD for GET', () => {
    const routes = [route('read', 'x', ['GET']), route('write', 'x', ['POST', 'PUT']), { ...route('any', 'y'), methods: undefined }];
    expect(matchOf(routes, '/x', 'PUT')?.functionName).toBe('write');
    expect(matchOf(routes, '/x', 'HEAD')).toBeUndefined();
    expect(matchOf(routes, '/y', 'HEAD')?.functionName).toBe('any');
  });

  it('FH1 takes the first that fits in the order of function names, and warns when that hides a more exact one', () => {
    const routes = [route('zExact', 'api/runs/latest'), route('Any', 'api/runs/{id}')];
    const router = createRouter(routes, '');
    expect(router.match('GET', '/api/runs/latest')?.functionName).toBe('Any');
    expect(router.warnings).toEqual([
      'Route "api/runs/{id}" of Any hides "api/runs/latest" of zExact: the host takes them by function name',
    ]);
    const wellNamed = createRouter([route('Exact', 'api/runs/latest'), route('zAny', 'api/runs/{id}')], '');
    expect(wellNamed.match('GET', '/api/runs/latest')?.functionName).toBe('Exact');
    expect(wellNamed.warnings).toEqual([]);
  });

  it('does not warn where methods or literals keep routes apart', () => {
    const routes = [
      route('a', 'api/{x}/b', ['POST']),
      route('b', 'api/c/b', ['GET']),
      route('c', 'api/{x}/d', ['GET']),
      route('d', 'api/c/b/e'),
      route('e', '{nothing:maxlength(0)?}'),
      route('f', 'api/{*rest}'),
    ];
    expect(createRouter(routes, '').warnings).toEqual([]);
  });

  it.each([
    ['admin/x', 'belongs to the host'],
    ['runtime', 'belongs to the host'],
    ['{*rest}/more', 'must come last'],
    ['{id?}/more', 'must come last'],
    ['{id}.json', 'more than the local host can match'],
    ['{id:even}', 'unknown constraint'],
  ])('refuses the route %s', (template, reason) => {
    expect(() => createRouter([route('f', template)], '')).toThrow(reason);
  });
});
