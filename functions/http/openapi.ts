import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { z } from 'zod';
import { chooseEncoding } from '../../shared/http/encoding';
import { createOpenApi } from '../../shared/http/openapi';
import { pagePolicy } from '../../shared/http/page-policy';
import { defineRoute } from '../../shared/http/route';
import type { RouteDefinition } from '../../shared/http/route';
import { notificationWebhook } from '../../shared/notifications/message';
import { VERSION } from '../../shared/version';
import { docsPage, docsStart } from './docs-page';
import { apiExamples } from './examples';
import type { Router } from './register-route';

const getOpenApi = defineRoute({
  operation: 'getOpenApi',
  method: 'GET',
  path: 'api/openapi.json',
  summary: 'This description of the API, OpenAPI 3.1',
  who: 'Viewer',
  answers: {
    200: { description: 'The description', content: ['application/json'], etag: true },
    304: { description: 'As it was when the ETag in If-None-Match was given', etag: true },
  },
});
const HTML = 'text/html; charset=utf-8';
const getDocs = defineRoute({
  operation: 'getDocs',
  method: 'GET',
  path: 'api/docs',
  summary: 'A page to browse this API',
  who: 'Viewer',
  answers: { 200: { description: 'The page', content: [HTML] } },
});

/** What the page loads, and nothing else of the package. */
const TYPES = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
  'start.js': 'text/javascript; charset=utf-8',
} as const;
type DocsFile = keyof typeof TYPES;

const getDocsFile = defineRoute({
  operation: 'getDocsFile',
  method: 'GET',
  path: 'api/docs/{file}',
  summary: 'A part of that page',
  who: 'Viewer',
  params: z.object({ file: z.enum(Object.keys(TYPES) as DocsFile[]) }),
  query: z.strictObject({ v: z.string().max(50).optional() }),
  answers: { 200: { description: 'The part', content: [...new Set(Object.values(TYPES))] } },
});

const compress = promisify(gzip);
const takesGzip = (headers: { get(name: string): string | null }): boolean =>
  chooseEncoding(headers.get('accept-encoding'), ['gzip']) !== undefined;

/** Made when first asked for, then kept with its compressed twin. */
const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
};
const twins = async (body: Buffer) => ({ plain: body, gzipped: await compress(body) });

const YEAR_S = 31_536_000;

/** Where the page's parts lie: beside us in the package that is deployed (infra/package), which has no node_modules; in their own elsewhere. */
const docsFolder = (): string => {
  const packed = path.join(__dirname, 'swagger-ui');
  return existsSync(packed) ? packed : path.dirname(require.resolve('swagger-ui-dist/package.json'));
};

/** The description, with what the app itself sends; also for whoever writes it into a file. */
export const openApiOf = (definitions: readonly RouteDefinition[]): Record<string, unknown> =>
  createOpenApi(definitions, { version: VERSION, examples: apiExamples, webhooks: { notification: notificationWebhook } });

/** The description of all routes, this file's included, and a page that shows it. Nothing is made before somebody asks. */
export const registerOpenApi = ({ route, definitions }: Router): void => {
  const document = once(async () => {
    const text = JSON.stringify(openApiOf(definitions));
    const etag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
    return { etag, ...(await twins(Buffer.from(text))) };
  });
  route(getOpenApi).to(async ({ headers }) => {
    const { etag, plain, gzipped } = await document();
    if (headers.get('if-none-match')?.includes(etag)) return { status: 304, etag };
    const zip = takesGzip(headers);
    const more = { 'content-type': 'application/json', 'cache-control': 'private, no-cache', vary: 'accept-encoding' };
    return {
      status: 200,
      etag,
      content: { body: zip ? gzipped : plain, headers: { ...more, ...(zip ? { 'content-encoding': 'gzip' } : {}) } },
    };
  });

  const folder = once(async () => docsFolder());
  const version = once(async () => {
    const { version } = JSON.parse(await readFile(path.join(await folder(), 'package.json'), 'utf8')) as { version: string };
    return `${version}-${VERSION}`;
  });
  const fileOf = (name: DocsFile) =>
    once(async () => twins(name === 'start.js' ? Buffer.from(docsStart) : await readFile(path.join(await folder(), name))));
  const files = {
    'swagger-ui.css': fileOf('swagger-ui.css'),
    'swagger-ui-bundle.js': fileOf('swagger-ui-bundle.js'),
    'favicon-32x32.png': fileOf('favicon-32x32.png'),
    'start.js': fileOf('start.js'),
  };
  route(getDocs).to(async () => ({
    status: 200,
    content: {
      body: docsPage(await version()),
      headers: { 'content-type': HTML, 'content-security-policy': pagePolicy(), 'referrer-policy': 'no-referrer' },
    },
  }));
  route(getDocsFile).to(async ({ params: { file }, query: { v }, headers }) => {
    const { plain, gzipped } = await files[file]();
    const zip = takesGzip(headers) && !file.endsWith('.png');
    return {
      status: 200,
      content: {
        body: zip ? gzipped : plain,
        headers: {
          'content-type': TYPES[file],
          // the page names the version: what it names so never changes
          'cache-control': v === (await version()) ? `private, max-age=${YEAR_S}, immutable` : 'private, no-cache',
          vary: 'accept-encoding',
          ...(zip ? { 'content-encoding': 'gzip' } : {}),
        },
      },
    };
  });
};
