import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { openApiOf } from '../../../functions/http/openapi';
import { WITHOUT_ROUTE } from '../../../functions/http/register-route';
import { allRoutes } from '../../support/all-routes';
import { OPENAPI_FILE, openApiText } from '../../support/write-openapi';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name?: string; readonly in?: string; readonly $ref?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
  readonly security: readonly Record<string, readonly string[]>[];
}
interface Media {
  readonly schema: Record<string, unknown>;
  readonly example?: unknown;
}

const { definitions, registered } = allRoutes();
const document = openApiOf(definitions) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>> };
};
const operations = Object.entries(document.paths).flatMap(([address, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ address, method, ...operation })),
);

it('describes every route that is registered, and nothing else', () => {
  const routes = registered
    .filter(({ name }) => name !== WITHOUT_ROUTE)
    .flatMap(({ name, options }) =>
      options.methods!.filter((method) => method !== 'HEAD').map((method) => `${name}: ${method} /${options.route}`),
    );
  expect(operations.map(({ operationId, method, address }) => `${operationId}: ${method.toUpperCase()} ${address}`).sort()).toEqual(
    routes.sort(),
  );
});

it('is what the committed copy says; after a wanted change of the contract run: npm run openapi', () => {
  // by text, so that a test that fails shows the lines that differ
  expect(openApiText().split('\n')).toEqual(readFileSync(OPENAPI_FILE, 'utf8').split('\n'));
});

it('refers only to what is there', () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, ref]) => ref!);
  expect(refs.length).toBeGreaterThan(100);
  for (const ref of new Set(refs)) {
    const found = ref.split('/').reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], document);
    expect([ref, typeof found]).toEqual([ref, 'object']);
  }
});

it('names every parameter of an address', () => {
  for (const { address, parameters = [] } of operations) {
    const named = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect([address, named.sort()]).toEqual([address, [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()]);
  }
});

it('says who may, and how versions and repetitions are named', () => {
  const of = (operationId: string) => operations.find((operation) => operation.operationId === operationId)!;
  expect(of('createConnection').security).toEqual([{ bearer: ['Administrator'] }, { session: ['Administrator'] }]);
  expect(of('listExports').security).toEqual(
    ['bearer', 'session'].map((scheme) => ({ [scheme]: ['Administrator', 'Contributor', 'Viewer'] })),
  );
  expect(of('systemRunExport').security).toEqual([{ functionKey: [] }]);
  expect(of('getHealth').security).toEqual([]);
  expect(of('updateExport').parameters).toContainEqual({ $ref: '#/components/parameters/IfMatch' });
  expect(of('runExport').parameters).toContainEqual({ $ref: '#/components/parameters/IdempotencyKey' });
});

describe('its schemas', () => {
  const ajv = addFormats(new Ajv2020({ strict: false, allErrors: true }));
  ajv.addSchema({ $id: 'api', ...document });
  const compile = (pointer: string) => ajv.compile({ $ref: `api#/${pointer}` });

  it('are JSON Schema 2020-12', () => {
    for (const id of Object.keys(document.components.schemas)) expect(() => compile(`components/schemas/${id}`)).not.toThrow();
  });

  it('have an example wherever JSON is sent or answered', () => {
    const bare = operations
      .filter(({ operationId }) => operationId !== 'getOpenApi')
      .flatMap(({ operationId, requestBody, responses }) =>
        [requestBody?.content, ...Object.values(responses).map(({ content }) => content)].flatMap((content) =>
          content?.['application/json'] !== undefined && content['application/json'].example === undefined ? [operationId] : [],
        ),
      );
    expect(bare).toEqual([]); // functions/http/examples.ts
  });

  it('fit their examples', () => {
    const wrong: unknown[] = [];
    const look = (node: unknown, pointer: string): void => {
      if (typeof node !== 'object' || node === null) return;
      const { schema, example } = node as Partial<Media>;
      if (schema !== undefined && example !== undefined) {
        const validate = compile(`${pointer}/schema`);
        if (!validate(example)) wrong.push([pointer, validate.errors?.map(({ instancePath, message }) => `${instancePath} ${message}`)]);
        return;
      }
      for (const [name, inner] of Object.entries(node))
        look(inner, `${pointer}/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`);
    };
    look(document.paths, 'paths');
    expect(wrong).toEqual([]);
  });
});
