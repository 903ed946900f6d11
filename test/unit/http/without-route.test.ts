import { WITHOUT_ROUTE } from '../../../functions/http/register-route';
import { registerHttp } from '../../../functions/http/register-all';
import { createRouter } from '../../../infra/local/function-host/routes';
import { parseEnv } from '../../../shared/env';
import { methodsOf } from '../../../shared/http/without-route';
import { createServices } from '../../../shared/services';

const env = parseEnv({
  AzureWebJobsStorage:
    'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=AAAA;TableEndpoint=http://127.0.0.1:1/a;QueueEndpoint=http://127.0.0.1:1/a;BlobEndpoint=http://127.0.0.1:1/a',
  KEY_VAULT_URL: 'https://vault.invalid',
  TENANT_ID: 'tenant',
  SOURCE_CONNECTION_STRING: 'UseDevelopmentStorage=true',
  SOURCE_CONTAINER: 'lake',
  SOURCE_FOLDER: 'ci',
  ALLOW_FUNCTION_KEYS: 'true',
});
const registered: { name: string; route: string; methods: readonly string[] }[] = [];
const definitions = registerHttp(
  {
    http: (name, options) =>
      void registered.push({
        name,
        route: 'route' in options ? options.route! : name,
        methods: ('methods' in options && options.methods) || [],
      }),
  },
  createServices(env),
);

it('comes after every other function by name, as the host takes the first that fits', () => {
  const names = registered.map(({ name }) => name.toUpperCase()).sort();
  expect(names.at(-1)).toBe(WITHOUT_ROUTE.toUpperCase());
  const router = createRouter(
    registered.map(({ name, route, methods }) => ({ functionName: name, template: route, methods })),
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
