import { WITHOUT_ROUTE } from '../../../functions/http/register-route';
import { createRouter } from '../../../infra/local/function-host/routes';
import { methodsOf } from '../../../shared/http/without-route';
import { allRoutes } from '../../support/all-routes';

const { definitions, registered } = allRoutes();

it('comes after every other function by name, as the host takes the first that fits', () => {
  const names = registered.map(({ name }) => name.toUpperCase()).sort();
  expect(names.at(-1)).toBe(WITHOUT_ROUTE.toUpperCase());
  const router = createRouter(
    registered.map(({ name, options: { route, methods } }) => ({ functionName: name, template: route ?? name, methods })),
    '',
  );
  expect(router.warnings).toEqual([]);
  for (const { operation, method, path } of definitions) {
    expect(router.match(method, `/${path.replaceAll(/\{\w+\}/g, 'x')}`)?.functionName).toBe(operation);
  }
});

it.each<[string, string[]]>([
  ['/api/exports', ['GET', 'HEAD', 'OPTIONS', 'POST']],
  ['/API/Exports/', ['GET', 'HEAD', 'OPTIONS', 'POST']],
  ['/api/exports/exp_1234567890', ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH']],
  ['/api/runs/run_1/rows', ['GET', 'OPTIONS']],
  ['/api/exports/exp_1234567890/nothing', []],
  ['/api', []],
])('%s knows %j', (address, expected) => {
  expect(methodsOf(definitions, address)).toEqual(expected);
});
